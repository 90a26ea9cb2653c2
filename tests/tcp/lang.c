/* SPDX-License-Identifier: BSD-3-Clause */

#include "lang.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	char letter;
	uint8_t flag;
} flag_letters[] = {
	{'S', SYN}, {'F', FIN}, {'R', RST}, {'P', PSH},
	{'U', URG}, {'E', ECE}, {'W', CWR}, {'.', ACK},
};

/* ---- files, lines, words ---- */

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t len = 0, cap = 0;

	if (f == NULL)
		return NULL;
	do {
		if (cap - len < 4096) {
			char *more = realloc(text, cap + 65536);

			if (more == NULL)
				break;
			text = more;
			cap += 65536;
		}
		len += fread(text + len, 1, cap - len - 1, f);
	} while (!feof(f) && !ferror(f));
	if (text != NULL)
		text[len] = '\0';
	(void)fclose(f);
	return text;
}

/* Where the word at <p> ends: at a blank, but a string and a list of options hold blanks. */
static char *word_end(char *p)
{
	char *end = NULL;

	if (*p == '"')
		end = strchr(p + 1, '"');
	else if (*p == '<' && !isspace((unsigned char)p[1]) && p[1] != '\0')
		end = strchr(p, '>');
	if (end != NULL)
		return end + 1;
	return p + strcspn(p, " \t");
}

/* NULL, or what is wrong. */
static const char *cut_line(char *text, struct line *ret)
{
	char *p = text + strspn(text, " \t");

	while (*p != '\0' && *p != '#') {
		char *end = word_end(p);
		const bool last = *end == '\0';

		*end = '\0';
		if (ret->nb == 0 && !ret->has_time && (isdigit((unsigned char)*p) || *p == '+')) {
			ret->has_time = true;
			ret->is_relative = *p == '+';
			if (!parse_time(p + ret->is_relative, &ret->time_us))
				return "this is no time";
		} else {
			if (ret->nb == MAX_WORDS)
				return "too many words";
			ret->word[ret->nb++] = p;
		}
		if (last)
			break;
		p = end + 1;
		p += strspn(p, " \t");
	}
	return ret->has_time && ret->nb == 0 ? "a time, and nothing to do" : NULL;
}

bool script_load(struct script *s, const char *path)
{
	unsigned nb_lines = 1, nr = 0;

	*s = (struct script){.path = path, .text = read_file(path)};
	s->whole = s->text != NULL ? strdup(s->text) : NULL;
	if (s->whole == NULL) {
		printf("%s: %s\n", path, strerror(errno));
		script_free(s);
		return false;
	}
	for (const char *p = s->text; *p != '\0'; p++)
		nb_lines += *p == '\n';
	s->lines = calloc(nb_lines, sizeof(s->lines[0]));
	for (char *p = s->text, *next; s->lines != NULL && p != NULL; p = next) {
		struct line *l = &s->lines[s->nb];

		next = strchr(p, '\n');
		if (next != NULL)
			*next++ = '\0';
		l->nr = ++nr;
		const char *wrong = cut_line(p, l);

		if (wrong != NULL) {
			printf("%s:%u: %s\n", path, nr, wrong);
			script_free(s);
			return false;
		}
		if (l->nb > 0)
			s->nb++;
	}
	return s->lines != NULL;
}

void script_free(struct script *s)
{
	free(s->lines);
	free(s->text);
	free(s->whole);
	*s = (struct script){0};
}

void script_line_text(const struct script *s, unsigned nr, char *ret, size_t cap)
{
	const char *p = s->whole;

	while (--nr > 0 && p != NULL)
		p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 : NULL;
	const size_t len = p != NULL ? strcspn(p, "\n") : 0;

	(void)snprintf(ret, cap, "%.*s", (int)len, p != NULL ? p : "");
}

/* ---- numbers ---- */

/* Negative ones wrap: sequence numbers before the first are written that way. */
bool parse_u32(const char *word, uint32_t *ret)
{
	char *end;

	errno = 0;
	const long long v = strtoll(word, &end, 0);

	if (end == word || *end != '\0' || errno != 0 || v > UINT32_MAX || v < INT32_MIN)
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool parse_time(const char *word, uint64_t *ret_us)
{
	uint64_t us = 0;
	unsigned digits = 0, decimals = 0;
	bool point = false;

	for (; *word != '\0'; word++) {
		if (*word == '.' && !point) {
			point = true;
			continue;
		}
		if (!isdigit((unsigned char)*word) || ++digits > 16 || decimals > 5)
			return false;
		us = us * 10 + (uint64_t)(*word - '0');
		decimals += point;
	}
	for (; decimals < 6; decimals++)
		us *= 10;
	*ret_us = us;
	return digits > 0;
}

static bool parse_range(char *word, uint32_t *ret_from, uint32_t *ret_to)
{
	char *colon = strchr(word, ':');

	if (colon == NULL) {
		*ret_to = 0;
		return parse_u32(word, ret_from) && (*ret_to = *ret_from, true);
	}
	*colon = '\0';
	const bool good = parse_u32(word, ret_from) && parse_u32(colon + 1, ret_to);

	*colon = ':';
	return good;
}

/* ---- options ---- */

static bool parse_wild(const char *word, uint32_t *ret, bool *ret_any)
{
	*ret_any = strcmp(word, "*") == 0;
	return *ret_any || parse_u32(word, ret);
}

static bool parse_hex(const char *word, struct opt *o)
{
	for (o->nb = 0; *word != '\0'; word += 2) {
		const char two[3] = {word[0], word[1], '\0'};
		char *end;

		o->raw[o->nb++] = (uint8_t)strtoul(two, &end, 16);
		if (*end != '\0' || word[1] == '\0' || o->nb == MAX_OPT_LEN)
			return false;
	}
	return true;
}

static bool parse_blocks(char **word, unsigned nb, struct opt *o)
{
	for (o->nb = 0; o->nb < nb; o->nb++) {
		if (o->nb == 4 ||
		    !parse_range(word[o->nb], &o->block[o->nb].start, &o->block[o->nb].end))
			return false;
	}
	return nb > 0;
}

static bool parse_opt(char **word, unsigned nb, struct opt *o)
{
	static const struct {
		const char *name;
		enum opt_kind kind;
		int nb; /* words with the name; -1: any number */
	} kinds[] = {
		{"mss", OPT_MSS, 2}, {"wscale", OPT_WSCALE, 2}, {"sackOK", OPT_SACK_OK, 1},
		{"ts", OPT_TS, 3},   {"sack", OPT_SACK, -1},    {"nop", OPT_NOP, 1},
		{"eol", OPT_EOL, 1}, {"raw", OPT_RAW, 2},
	};
	size_t i = 0;

	while (i < sizeof(kinds) / sizeof(kinds[0]) && strcmp(word[0], kinds[i].name) != 0)
		i++;
	if (i == sizeof(kinds) / sizeof(kinds[0]) ||
	    (kinds[i].nb >= 0 && nb != (unsigned)kinds[i].nb))
		return false;
	o->kind = kinds[i].kind;
	switch (o->kind) {
	case OPT_MSS:
	case OPT_WSCALE:
		return parse_wild(word[1], &o->value, &o->any_value);
	case OPT_TS:
		return parse_wild(word[1], &o->value, &o->any_value) &&
		       parse_wild(word[2], &o->echo, &o->any_echo);
	case OPT_SACK:
		return parse_blocks(word + 1, nb - 1, o);
	case OPT_RAW:
		return parse_hex(word[1], o);
	default:
		return true;
	}
}

/* <mss 1460, sackOK, ...>: a copy is cut, since a line may be played more than once. */
static const char *parse_opts(const char *list, struct segment *g)
{
	char buf[512];
	char *save = NULL;

	if (snprintf(buf, sizeof(buf), "%.*s", (int)strlen(list) - 2, list + 1) >= (int)sizeof(buf))
		return "the list of options is too long";
	g->has_opts = true;
	for (char *item = buf; item != NULL; item = save) {
		char *word[8];
		unsigned nb = 0;

		save = strchr(item, ',');
		if (save != NULL)
			*save++ = '\0';
		for (char *p = item + strspn(item, " "); *p != '\0' && nb < 8;) {
			word[nb++] = p;
			p += strcspn(p, " ");
			if (*p != '\0')
				*p++ = '\0';
			p += strspn(p, " ");
		}
		if (nb == 0)
			continue;
		if (g->nb_opts == MAX_OPTS || !parse_opt(word, nb, &g->opts[g->nb_opts++]))
			return "an option is wrong";
	}
	return NULL;
}

/* ---- segments ---- */

static bool parse_flags(const char *word, uint8_t *ret)
{
	*ret = 0;
	if (strcmp(word, "-") == 0)
		return true;
	for (; *word != '\0'; word++) {
		size_t i = 0;

		while (i < sizeof(flag_letters) / sizeof(flag_letters[0]) &&
		       flag_letters[i].letter != *word)
			i++;
		if (i == sizeof(flag_letters) / sizeof(flag_letters[0]))
			return false;
		*ret |= flag_letters[i].flag;
	}
	return true;
}

static bool parse_seq(char *word, struct segment *g)
{
	char *slash = strchr(word, '/');
	uint32_t to = 0;
	bool good = true;

	if (slash != NULL) {
		good = parse_u32(slash + 1, &g->step) && g->step > 0;
		*slash = '\0';
	}
	good = good && parse_range(word, &g->seq, &to);
	if (slash != NULL)
		*slash = '/';
	g->len = to - g->seq;
	return good && (g->step != 0 || g->len <= MAX_TEXT);
}

static bool parse_ecn(const char *word, uint8_t *ret)
{
	static const char *const names[4] = {"none", "ect1", "ect0", "ce"};

	for (uint8_t i = 0; i < 4; i++) {
		if (strcmp(word, names[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* One that has a value; how many words it took, 0 when it is not known. */
static unsigned parse_pair(char *const *word, struct segment *g, bool *has_ack)
{
	uint32_t v = 0;
	const bool is_num = parse_u32(word[1], &v);

	if (strcmp(word[0], "ack") == 0 && is_num) {
		g->ack = v;
		*has_ack = true;
	} else if (strcmp(word[0], "win") == 0 && is_num && v <= UINT16_MAX) {
		g->wnd = (uint16_t)v;
		g->has_wnd = true;
	} else if (strcmp(word[0], "urg") == 0 && is_num && v <= UINT16_MAX) {
		g->urg = (uint16_t)v;
		g->has_urg = true;
	} else if (strcmp(word[0], "doff") == 0 && is_num && v <= 15) {
		g->doff = (uint8_t)v;
		g->has_doff = true;
	} else if (strcmp(word[0], "cut") == 0 && is_num && v <= UINT16_MAX) {
		g->cut = (uint16_t)v;
		g->has_cut = true;
	} else if (strcmp(word[0], "ecn") == 0 && parse_ecn(word[1], &g->ecn)) {
		g->has_ecn = true;
	} else if (strcmp(word[0], "text") == 0 && word[1][0] == '"' &&
		   strlen(word[1]) == g->len + 2) {
		g->chars = word[1] + 1;
	} else {
		return 0;
	}
	return 2;
}

const char *parse_segment(char *const *word, unsigned nb, struct segment *ret)
{
	bool has_ack = false;

	*ret = (struct segment){.wnd = UINT16_MAX};
	if (nb < 2 || !parse_flags(word[0], &ret->flags))
		return "a segment begins with its flags: letters of SFRPUEW. or -";
	if (!parse_seq(word[1], ret))
		return "after the flags comes FROM, FROM:TO or FROM:TO/STEP";
	for (unsigned i = 2, n; i < nb; i += n) {
		n = 1;
		if (word[i][0] == '<') {
			const char *wrong = parse_opts(word[i], ret);

			if (wrong != NULL)
				return wrong;
		} else if (strcmp(word[i], "badsum") == 0) {
			ret->bad_sum = true;
		} else {
			n = i + 1 < nb ? parse_pair(word + i, ret, &has_ack) : 0;
			if (n == 0)
				return "a word of the segment is not known, or its value is wrong";
		}
	}
	if (has_ack != ((ret->flags & ACK) != 0))
		return "'ack N' goes with the flag '.', and only with it";
	return NULL;
}

/* ---- printing ---- */

struct pen {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void put(struct pen *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(p->at, p->left, fmt, ap);

	va_end(ap);
	const size_t k = n < 0 ? 0 : (size_t)n < p->left ? (size_t)n : p->left - 1;

	p->at += k;
	p->left -= k;
}

static void put_num(struct pen *p, bool any, uint32_t v)
{
	if (any)
		put(p, " *");
	else
		put(p, " %" PRIu32, v);
}

static void put_opt(struct pen *p, const struct opt *o)
{
	static const char *const names[] = {"mss",  "wscale", "sackOK", "ts",
					    "sack", "nop",    "eol",    "raw"};

	put(p, "%s", names[o->kind]);
	if (o->kind == OPT_MSS || o->kind == OPT_WSCALE || o->kind == OPT_TS)
		put_num(p, o->any_value, o->value);
	if (o->kind == OPT_TS)
		put_num(p, o->any_echo, o->echo);
	if (o->kind == OPT_SACK) {
		for (unsigned i = 0; i < o->nb; i++)
			put(p, " %" PRIu32 ":%" PRIu32, o->block[i].start, o->block[i].end);
	}
	if (o->kind == OPT_RAW) {
		put(p, " ");
		for (unsigned i = 0; i < o->nb; i++)
			put(p, "%02x", o->raw[i]);
	}
}

void segment_print(const struct segment *g, char *ret, size_t cap)
{
	static const char *const ecn[4] = {"none", "ect1", "ect0", "ce"};
	struct pen p = {ret, cap};

	for (size_t i = 0; i < sizeof(flag_letters) / sizeof(flag_letters[0]); i++) {
		if (g->flags & flag_letters[i].flag)
			put(&p, "%c", flag_letters[i].letter);
	}
	put(&p, "%s %" PRId32, g->flags == 0 ? "-" : "", (int32_t)g->seq);
	if (g->len > 0)
		put(&p, ":%" PRIu32, g->seq + g->len);
	if (g->flags & ACK)
		put(&p, " ack %" PRId32, (int32_t)g->ack);
	if (g->has_wnd)
		put(&p, " win %u", g->wnd);
	if (g->urg != 0)
		put(&p, " urg %u", g->urg);
	if (g->ecn != 0)
		put(&p, " ecn %s", ecn[g->ecn & 3]);
	for (unsigned i = 0; i < g->nb_opts; i++) {
		put(&p, "%s", i == 0 ? " <" : ", ");
		put_opt(&p, &g->opts[i]);
	}
	if (g->nb_opts > 0)
		put(&p, ">");
}
