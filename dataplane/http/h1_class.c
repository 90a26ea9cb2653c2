/* SPDX-License-Identifier: BSD-3-Clause */

#include "http/h1_priv.h"

/* Constant expressions, so that the table is in read-only memory and cannot drift from the text. */
#define IN(c, lo, hi) ((c) >= (lo) && (c) <= (hi))
#define IS_ALPHA(c) (IN(c, 'a', 'z') || IN(c, 'A', 'Z'))
#define IS_DIGIT(c) IN(c, '0', '9')
#define IS_ALNUM(c) (IS_ALPHA(c) || IS_DIGIT(c))
#define IS_HEX(c) (IS_DIGIT(c) || IN(c, 'a', 'f') || IN(c, 'A', 'F'))
#define IS_TOKEN(c)                                                                                \
	(IS_ALNUM(c) || (c) == '!' || IN(c, '#', '\'') || (c) == '*' || (c) == '+' ||              \
	 (c) == '-' || (c) == '.' || IN(c, '^', '`') || (c) == '|' || (c) == '~')
#define IS_UNRESERVED(c) (IS_ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define IS_PATH(c)                                                                                 \
	(IS_UNRESERVED(c) || (c) == '!' || (c) == '$' || IN(c, '&', ',') || (c) == '=' ||          \
	 (c) == ':' || (c) == '@')
#define IS_VALUE(c) ((c) == '\t' || IN(c, 0x20, 0x7e) || (c) >= 0x80)

#define CLASS(c)                                                                                   \
	((IS_TOKEN(c) ? H1_C_TOKEN : 0) | (IN(c, 0x21, 0x7e) && (c) != '#' ? H1_C_TARGET : 0) |    \
	 (IS_VALUE(c) ? H1_C_VALUE : 0) | (IS_UNRESERVED(c) ? H1_C_UNRESERVED : 0) |               \
	 (IS_PATH(c) ? H1_C_PATH : 0) |                                                            \
	 (IS_ALNUM(c) || (c) == '-' || (c) == '_' ? H1_C_HOST : 0) |                               \
	 (IS_DIGIT(c) ? H1_C_DIGIT : 0) | (IS_HEX(c) ? H1_C_HEX : 0))

#define C4(c) CLASS(c), CLASS((c) + 1), CLASS((c) + 2), CLASS((c) + 3)
#define C16(c) C4(c), C4((c) + 4), C4((c) + 8), C4((c) + 12)
#define C64(c) C16(c), C16((c) + 16), C16((c) + 32), C16((c) + 48)

const uint8_t h1_class[256] = {C64(0), C64(64), C64(128), C64(192)};

bool h1_is_all(struct slice s, unsigned mask)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!h1_has_class(s.ptr[i], mask))
			return false;
	}
	return s.len > 0;
}
