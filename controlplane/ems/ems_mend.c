/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_mend.h"

#include <stdbool.h>
#include <string.h>

#define ESCAPE_LEN 6u /* "\uXXXX" */
#define NO_ESCAPE UINT32_MAX

/* The code unit of the escape at <p>; NO_ESCAPE: there is none of four digits. */
static uint32_t unit_of(const uint8_t *p, size_t len)
{
	uint32_t v = 0;

	if (len < ESCAPE_LEN || p[0] != '\\' || p[1] != 'u')
		return NO_ESCAPE;
	for (size_t i = 2; i < ESCAPE_LEN; i++) {
		const uint8_t c = p[i] | 0x20;

		if (p[i] >= '0' && p[i] <= '9')
			v = v << 4 | (uint32_t)(p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			return NO_ESCAPE;
	}
	return v;
}

static bool is_high(uint32_t unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(uint32_t unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* The escape at <p>; returns how many bytes it takes. */
static size_t mend_escape(uint8_t *p, size_t len, size_t *nb)
{
	const uint32_t unit = unit_of(p, len);

	/* An escaped quote ends no string; a byte of no ASCII is none that may be escaped. */
	if (unit == NO_ESCAPE)
		return len < 2 || p[1] >= 0x80 ? 1 : 2;
	if (is_high(unit) && is_low(unit_of(p + ESCAPE_LEN, len - ESCAPE_LEN)))
		return (size_t)2 * ESCAPE_LEN;
	if (unit == 0 || is_high(unit) || is_low(unit)) {
		memcpy(p, "\\u003f", ESCAPE_LEN);
		(*nb)++;
	}
	return ESCAPE_LEN;
}

/* Bytes of the character at <p>, RFC 3629 section 4; 0: there is none. */
static size_t utf8_len(const uint8_t *p, size_t len)
{
	const uint8_t c = p[0];
	const size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

	if (n == 1)
		return 1;
	if (c < 0xc2 || c > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Too long a form, a surrogate, beyond the last code point. */
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ||
	    (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

size_t ems_mend(uint8_t *p, size_t len)
{
	bool in_string = false;
	size_t nb = 0;

	for (size_t i = 0; i < len;) {
		if (p[i] == '"') {
			in_string = !in_string;
			i++;
		} else if (!in_string || (p[i] < 0x80 && p[i] != '\\')) {
			i++;
		} else if (p[i] == '\\') {
			i += mend_escape(p + i, len - i, &nb);
		} else {
			const size_t n = utf8_len(p + i, len - i);

			if (n == 0) {
				p[i] = '?';
				nb++;
			}
			i += n == 0 ? 1 : n;
		}
	}
	return nb;
}
