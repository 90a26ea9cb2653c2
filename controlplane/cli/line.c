/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/line.h"

#include <errno.h>
#include <string.h>

struct reader {
	struct line *l;
	const char *s;
	size_t len, at, used;
};

static int put(struct reader *r, char c)
{
	if (r->used + 1 >= sizeof(r->l->text))
		return -E2BIG;
	if ((unsigned char)c < 0x20 || c == 0x7f)
		return -EILSEQ;
	r->l->text[r->used++] = c;
	return 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* One character of a word; quotes open and close. */
static int read_char(struct reader *r)
{
	struct line *l = r->l;
	const char c = r->s[r->at++];

	if (l->quote == 0 && (c == '\'' || c == '"')) {
		l->quote = c;
		return 0;
	}
	if (l->quote != 0 && c == l->quote) {
		l->quote = 0;
		return 0;
	}
	if (c == '\\' && l->quote != '\'' && r->at < r->len)
		return put(r, r->s[r->at++]);
	return put(r, c);
}

static int read_word(struct reader *r)
{
	struct line *l = r->l;
	int rc = 0;

	if (l->nb == LINE_WORDS)
		return -E2BIG;
	l->word[l->nb++] = l->text + r->used;
	l->last_at = r->at;
	while (rc == 0 && r->at < r->len &&
	       (l->quote != 0 || (!is_space(r->s[r->at]) && r->s[r->at] != '|')))
		rc = read_char(r);
	/* put() keeps a place for it. */
	l->text[r->used++] = '\0';
	l->is_in_word = true;
	return r->used < sizeof(l->text) ? rc : -E2BIG;
}

int line_split(struct line *l, const char *s, size_t len)
{
	struct reader r = {.l = l, .s = s, .len = len};
	int rc = 0;

	l->nb = 0;
	l->nb_parts = 1;
	l->part[0] = 0;
	l->quote = 0;
	l->is_in_word = false;
	l->last_at = len;
	while (r.at < len && is_space(s[r.at]))
		r.at++;
	if (r.at < len && s[r.at] == '#')
		return 0;
	while (rc == 0 && r.at < len) {
		l->is_in_word = false;
		l->last_at = len;
		if (is_space(s[r.at])) {
			r.at++;
		} else if (s[r.at] == '|') {
			if (l->nb_parts == LINE_PARTS)
				return -E2BIG;
			l->part[l->nb_parts++] = l->nb;
			r.at++;
		} else {
			rc = read_word(&r);
		}
	}
	return rc == 0 && l->quote != 0 ? -EINVAL : rc;
}

size_t line_part(const struct line *l, size_t i, const char *const **ret)
{
	const size_t end = i + 1 < l->nb_parts ? l->part[i + 1] : l->nb;

	*ret = l->word + l->part[i];
	return end - l->part[i];
}

bool line_quote(const char *word, char *ret, size_t cap)
{
	const bool is_quoted =
		word[0] == '\0' || word[0] == '#' || strpbrk(word, " \t'\"\\|?") != NULL;
	size_t n = 0;

	if (cap < 3)
		return false;
	if (is_quoted)
		ret[n++] = '"';
	for (; *word != '\0'; word++) {
		if (n + 4 > cap)
			return false;
		if (is_quoted && (*word == '"' || *word == '\\'))
			ret[n++] = '\\';
		ret[n++] = *word;
	}
	if (is_quoted)
		ret[n++] = '"';
	ret[n] = '\0';
	return true;
}
