/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One code point of <s>; 0: not UTF-8 here. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *ret)
{
	size_t need;

	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	need = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	if (need == 0 || s[0] >= 0xf5 || need > len)
		return 0;
	*ret = s[0] & (0x7fu >> need);
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*ret = *ret << 6 | (s[i] & 0x3f);
	}
	return need;
}

/* C0, DEL, C1, and the marks that turn the direction of text around (U+202E and its like). */
static bool is_obeyed(uint32_t c, bool keep_lines)
{
	if (c == '\n')
		return !keep_lines;
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void text_clean(char *s, size_t len, bool keep_lines)
{
	size_t i = 0;

	while (i < len) {
		uint32_t c;
		size_t n = decode((const unsigned char *)s + i, len - i, &c);

		if (n == 0 || is_obeyed(c, keep_lines)) {
			n = n == 0 ? 1 : n;
			memset(s + i, '?', n);
		}
		i += n;
	}
}

static void clean_string(json_t *j)
{
	const size_t len = json_string_length(j);
	char *copy = malloc(len + 1);

	if (copy == NULL) {
		(void)json_string_set(j, "?");
		return;
	}
	memcpy(copy, json_string_value(j), len);
	copy[len] = '\0';
	text_clean(copy, len, false);
	(void)json_string_setn(j, copy, len);
	free(copy);
}

/* The recursion is bounded: jansson refuses more than 2048 levels. */
void text_clean_json(json_t *j)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_string(j))
		clean_string(j);
	json_array_foreach(j, i, v) text_clean_json(v);
	json_object_foreach(j, key, v) text_clean_json(v);
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

size_t text_fit(const char *s, size_t width)
{
	size_t i = 0;

	for (; s[i] != '\0'; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80 && width-- == 0)
			break;
	}
	return i;
}

/* jansson escapes C0 and, when told to, everything beyond ASCII; DEL is left to us. */
char *text_json(const json_t *j)
{
	char *text = json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII |
					   JSON_ENCODE_ANY);

	for (char *p = text; p != NULL && *p != '\0'; p++)
		if (*p == 0x7f)
			*p = '?';
	return text;
}

#define DISTANCE_MAX 9u
#define WORD_MAX_LEN 32u

/* Levenshtein, one row at a time. */
unsigned text_distance(const char *a, const char *b)
{
	const size_t na = strlen(a), nb = strlen(b);
	unsigned row[WORD_MAX_LEN + 1];

	if (na > WORD_MAX_LEN || nb > WORD_MAX_LEN)
		return DISTANCE_MAX;
	for (size_t i = 0; i <= nb; i++)
		row[i] = (unsigned)i;
	for (size_t i = 1; i <= na; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t k = 1; k <= nb; k++) {
			const unsigned swap = diagonal + (a[i - 1] != b[k - 1]);
			const unsigned edit = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;

			diagonal = row[k];
			row[k] = swap < edit ? swap : edit;
		}
	}
	return row[nb] < DISTANCE_MAX ? row[nb] : DISTANCE_MAX;
}
