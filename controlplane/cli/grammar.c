/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/grammar.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

const char grammar_general_options[] =
	"socket=PATH timeout=SECONDS watch=SECONDS json help server=URL cacert=FILE "
	"token-file=FILE cert=FILE key=FILE";

/* What levels are for, where the words that follow do not say it. */
static const struct {
	const char *place, *help;
} level_help[] = {
	{"show", "the state of proxy, devices, EMS and traffic"},
	{"diagnose", "the field's diagnostic commands"},
	{"execute", "the field's commands that do something"},
	{"diagnose test application fcnacd", "the EMS connector, by number"},
	{"diagnose wad dev query-by", "one device as the proxy knows it"},
	{"execute log filter", "which log lines execute log display shows"},
	{"config", "the configuration as transactions"},
	{"ems", "EMS on demand"},
	{"completion", "for other shells"},
	{"vpn", "VPN users, for a VPN daemon's hooks"},
	{"kill", "end something now"},
};

static const struct {
	const char *arg, *help;
} arg_help[] = {
	{"UID", "a device: 32 hex digits, see show devices"},
	{"EMS-SN", "serial number of an EMS, see show ems"},
	{"TENANT", "tenant of the EMS: 32 hex digits, zeros for the default site"},
	{"EMS-ID", "number of the EMS connector in the document, 1 to 7"},
	{"IP", "an IPv4 or IPv6 address"},
	{"TAG", "a tag, see show tags"},
	{"SERVICE", "an access proxy, see show services"},
	{"SESSION", "a session, see show sessions"},
	{"CONNECTION", "a TCP connection, see show connections"},
	{"REQUEST-ID", "32 hex digits, from the block page, the log or X-Request-Id"},
	{"FILE", "a path on this machine"},
	{"PATH", "a path on this machine"},
	{"N", "a number"},
	{"SECONDS", "seconds"},
	{"HEX", "hex digits"},
	{"PREFIX", "how it begins"},
	{"PORT", "1 to 65535"},
	{"INTERFACE", "an interface, see show interfaces"},
	{"FILTER", "an expression as in pcap-filter(7)"},
	{"FIELD", "a field of the log line, such as action or policyid"},
	{"VALUE", "what the field must be"},
	{"DOCUMENT", "running, candidate, or the number of a version"},
	{"VERSION", "the number of a version, see config history"},
	{"PLACE", "a place in the document, such as policies[0].action"},
	{"JSON", "a value in JSON, or a word"},
	{"TIME", "2026-01-31T08:00:00Z, \"2026-01-31 09:00:00\" (local), or -10m: ago"},
	{"MINUTES", "minutes"},
	{"TEXT", "any text, in quotes when it has spaces"},
	{"STATE", "a TCP state, such as established"},
	{"BYTES", "bytes"},
	{"LEVEL", "-1 for everything, 0 for nothing"},
	{"DOCUMENT", "running, candidate, or a version's number, see config history"},
	{"VERSION", "a version's number, see config history"},
	{"PLACE", "a place in the document, as policies[17].tags: 17 is an id or a name"},
	{"JSON", "a value in JSON; a word alone is a string"},
	{"TEXT", "in your own words"},
	{"MINUTES", "5, or 30s, or 2h"},
	{"WORD", "the beginning of a command"},
};

/* Does <c> stand at <place> or below it? */
static bool is_below(const struct command *c, const char *place, size_t len)
{
	return strncmp(c->words, place, len) == 0 &&
	       (len == 0 || c->words[len] == '\0' || c->words[len] == ' ');
}

/* The word of <c> that follows <place>; "" when <c> ends there. */
static const char *word_after(const struct command *c, size_t place_len)
{
	const char *s = c->words + place_len;

	return *s == ' ' ? s + 1 : s;
}

static const struct command *command_at(const char *place)
{
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		if (strcmp(c->words, place) == 0)
			return c;
	return NULL;
}

/* Did a row before <c> have the same word after <place>? */
static bool is_repeated(const struct command *c, const char *place, const char *word, size_t len)
{
	const size_t place_len = strlen(place);

	for (const struct command *b = cli_commands; b != c; b++) {
		const char *w;

		if (!is_below(b, place, place_len))
			continue;
		w = word_after(b, place_len);
		if (strcspn(w, " ") == len && strncmp(w, word, len) == 0)
			return true;
	}
	return false;
}

static bool append(char *place, size_t cap, const char *word, size_t len)
{
	const size_t have = strlen(place), space = have > 0;

	if (have + space + len + 1 > cap)
		return false;
	if (space)
		place[have] = ' ';
	memcpy(place + have + space, word, len);
	place[have + space + len] = '\0';
	return true;
}

bool grammar_next(const char *place, const char *prefix, size_t i, struct grammar_next *ret)
{
	const size_t place_len = strlen(place), prefix_len = strlen(prefix);

	for (const struct command *c = cli_commands; c->words != NULL; c++) {
		char below[GRAMMAR_PLACE_MAX];
		const char *w;
		size_t len;

		if (!is_below(c, place, place_len))
			continue;
		w = word_after(c, place_len);
		len = strcspn(w, " ");
		if (len == 0 || len < prefix_len || strncmp(w, prefix, prefix_len) != 0 ||
		    is_repeated(c, place, w, len))
			continue;
		if (i-- > 0)
			continue;
		*ret = (struct grammar_next){.word = w, .len = len, .help = ""};
		(void)snprintf(below, sizeof(below), "%s", place);
		if (append(below, sizeof(below), w, len))
			ret->command = command_at(below);
		if (ret->command != NULL)
			ret->help = ret->command->help;
		return true;
	}
	return false;
}

const char *grammar_level_help(const char *place, char *ret, size_t cap)
{
	struct grammar_next n;
	size_t len = 0;

	for (size_t i = 0; i < NB(level_help); i++)
		if (strcmp(level_help[i].place, place) == 0) {
			(void)snprintf(ret, cap, "%s", level_help[i].help);
			return ret;
		}
	ret[0] = '\0';
	for (size_t i = 0; grammar_next(place, "", i, &n); i++) {
		const int k = snprintf(ret + len, cap - len, "%s%.*s", i > 0 ? ", " : "",
				       (int)n.len, n.word);

		if (k < 0 || (size_t)k >= cap - len)
			break;
		len += (size_t)k;
	}
	return ret;
}

/* Of several commands that begin so, the only one that takes as many arguments as there are. */
static bool find_by_args(const char *place, const char *word, size_t nb_left,
			 struct grammar_next *ret)
{
	struct grammar_next n;
	size_t nb = 0;

	for (size_t i = 0; grammar_next(place, word, i, &n); i++) {
		if (n.command == NULL || nb_left < n.command->min_args ||
		    nb_left > n.command->max_args)
			continue;
		*ret = n;
		nb++;
	}
	return nb == 1;
}

/*
 * Words shortened: the one that begins so, unless that takes guessing. What could be an argument
 * is one, and a number is meant as it is: fcnacd 9 must not become 99.
 */
static enum grammar_end find_word(const char *place, const char *word, size_t nb_left,
				  struct grammar_next *ret)
{
	const struct command *here = command_at(place);
	struct grammar_next n = {0};
	size_t nb = 0;

	for (size_t i = 0; grammar_next(place, word, i, &n); i++) {
		if (strlen(word) == n.len) {
			*ret = n;
			return GRAMMAR_ALL;
		}
		if (nb++ == 0)
			*ret = n;
	}
	if (nb == 0 || (here != NULL && here->max_args > 0) || word[0] == '\0' ||
	    isdigit((unsigned char)word[0]) || word[0] == '-')
		return GRAMMAR_UNKNOWN;
	return nb == 1 || find_by_args(place, word, nb_left, ret) ? GRAMMAR_ALL : GRAMMAR_AMBIGUOUS;
}

void grammar_match(const char *const *word, size_t nb, struct grammar_match *ret)
{
	*ret = (struct grammar_match){.end = GRAMMAR_ALL};
	while (ret->nb_words < nb) {
		struct grammar_next n = {0};
		const enum grammar_end end =
			find_word(ret->place, word[ret->nb_words], nb - ret->nb_words - 1, &n);

		if (end != GRAMMAR_ALL || !append(ret->place, sizeof(ret->place), n.word, n.len)) {
			ret->end = end;
			break;
		}
		ret->nb_words++;
	}
	ret->command = command_at(ret->place);
	if (ret->command != NULL && ret->command->max_args > 0)
		ret->end = GRAMMAR_ALL;
}

/* ---- arguments and options ---- */

bool grammar_arg(const struct command *c, size_t i, char *ret, size_t cap)
{
	const char *s = c->args, *last = NULL;
	size_t len = 0;

	if (i >= c->max_args)
		return false;
	for (size_t k = 0; *s != '\0'; k++) {
		last = s;
		len = strcspn(s, " ");
		if (k == i)
			break;
		s += len;
		s += strspn(s, " ");
	}
	if (last == NULL)
		return false;
	while (len > 0 && (*last == '[' || *last == '(')) {
		last++;
		len--;
	}
	while (len > 0 && strchr("]).", last[len - 1]) != NULL)
		len--;
	(void)snprintf(ret, cap, "%.*s", (int)len, last);
	return true;
}

bool grammar_is_literal(const char *arg)
{
	for (const char *s = arg; *s != '\0'; s++)
		if (islower((unsigned char)*s) || *s == '|')
			return true;
	return arg[0] == '-' || isdigit((unsigned char)arg[0]);
}

bool grammar_literal(const char *arg, size_t i, const char **ret, size_t *ret_len)
{
	while (i-- > 0) {
		arg += strcspn(arg, "|");
		if (*arg == '\0')
			return false;
		arg++;
	}
	*ret = arg;
	*ret_len = strcspn(arg, "|");
	return *ret_len > 0;
}

const char *grammar_arg_help(const char *arg)
{
	for (size_t i = 0; i < NB(arg_help); i++)
		if (strcmp(arg_help[i].arg, arg) == 0)
			return arg_help[i].help;
	return "";
}

bool grammar_option(const char *list, size_t i, struct grammar_option *ret)
{
	while (*list != '\0') {
		const size_t n = strcspn(list, " "), key = strcspn(list, "= ");

		if (i-- == 0) {
			*ret = (struct grammar_option){.name = list, .len = key};
			if (key < n)
				(void)snprintf(ret->value, sizeof(ret->value), "%.*s",
					       (int)(n - key - 1), list + key + 1);
			return true;
		}
		list += n;
		list += strspn(list, " ");
	}
	return false;
}
