/* SPDX-License-Identifier: BSD-3-Clause */

/* The enum, names and classes behind outcome.def. */

#pragma once

#include <stdint.h>

enum outcome {
#define OUTCOME(sym, class, text) OUTCOME_##sym,
#include "common/stats/outcome.def"
#undef OUTCOME
	OUTCOME__COUNT,
};

enum outcome_class {
	OUTCOME_CLASS_COUNT,
	OUTCOME_CLASS_DROP,
	OUTCOME_CLASS_RESET,
	OUTCOME_CLASS_DENY,
	OUTCOME_CLASS_REFUSE,
	OUTCOME_CLASS_FAIL,
};

/* Stable lower-case word such as "tcp_out_of_window"; "unknown" for a value out of range. */
const char *outcome_name(enum outcome o);
/* The sentence for operators. */
const char *outcome_text(enum outcome o);
enum outcome_class outcome_class(enum outcome o);
const char *outcome_class_name(enum outcome_class c);
