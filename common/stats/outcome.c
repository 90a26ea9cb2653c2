/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/stats/outcome.h"

#include <stddef.h>

struct outcome_row {
	const char *symbol;
	const char *text;
	enum outcome_class cls;
};

static const struct outcome_row outcome_rows[OUTCOME__COUNT] = {
#define OUTCOME(sym, class, text) {#sym, text, OUTCOME_CLASS_##class},
#include "common/stats/outcome.def"
#undef OUTCOME
};

/* Symbols in lower case. Filled before main, since the preprocessor cannot change case. */
#define OUTCOME_NAME_MAX 48
static char outcome_names[OUTCOME__COUNT][OUTCOME_NAME_MAX];

#define OUTCOME(sym, class, text)                                                                  \
	_Static_assert(sizeof(#sym) <= OUTCOME_NAME_MAX, "raise OUTCOME_NAME_MAX");
#include "common/stats/outcome.def"
#undef OUTCOME

__attribute__((constructor)) static void outcome_make_names(void)
{
	for (size_t i = 0; i < OUTCOME__COUNT; i++) {
		const char *s = outcome_rows[i].symbol;
		for (size_t k = 0; s[k] != '\0'; k++)
			outcome_names[i][k] =
				(char)(s[k] >= 'A' && s[k] <= 'Z' ? s[k] - 'A' + 'a' : s[k]);
	}
}

const char *outcome_name(enum outcome o)
{
	return (unsigned)o < OUTCOME__COUNT ? outcome_names[o] : "unknown";
}

const char *outcome_text(enum outcome o)
{
	return (unsigned)o < OUTCOME__COUNT ? outcome_rows[o].text : "unknown";
}

enum outcome_class outcome_class(enum outcome o)
{
	return (unsigned)o < OUTCOME__COUNT ? outcome_rows[o].cls : OUTCOME_CLASS_FAIL;
}

const char *outcome_class_name(enum outcome_class c)
{
	static const char *const name[] = {
		[OUTCOME_CLASS_COUNT] = "count",   [OUTCOME_CLASS_DROP] = "drop",
		[OUTCOME_CLASS_RESET] = "reset",   [OUTCOME_CLASS_DENY] = "deny",
		[OUTCOME_CLASS_REFUSE] = "refuse", [OUTCOME_CLASS_FAIL] = "fail",
	};

	return (unsigned)c < sizeof(name) / sizeof(name[0]) ? name[c] : "unknown";
}
