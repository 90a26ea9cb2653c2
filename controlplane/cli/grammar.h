/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the table of commands means, for the parser, help, '?', completion and the manual alike.
 * Pure. The words of a command may be shortened while they stay unambiguous, as on the
 * appliances: "diag deb en".
 *
 * A place in the grammar is a string of whole words with one space between: "" is the root,
 * "show" a level, "show devices" a command; some are both.
 */

#pragma once

#include "cli/cli.h"

#include <stdbool.h>
#include <stddef.h>

#define GRAMMAR_PLACE_MAX 128u

enum grammar_end {
	GRAMMAR_ALL,       /* every word was understood, or is an argument */
	GRAMMAR_UNKNOWN,   /* word <nb_words> is none of those that may follow */
	GRAMMAR_AMBIGUOUS, /* it is the beginning of several */
};

struct grammar_match {
	const struct command *command; /* the one whose words these are; NULL: only a level */
	char place[GRAMMAR_PLACE_MAX]; /* as far as it was understood, in full */
	size_t nb_words;               /* that make <place> */
	enum grammar_end end;
};

/* Follow <word> from the root as far as it goes; what is left over are arguments. */
void grammar_match(const char *const *word, size_t nb, struct grammar_match *ret);

/* A word that may follow at a place. */
struct grammar_next {
	const char *word; /* not terminated */
	size_t len;
	const char *help;              /* "": it leads on to <after> */
	const struct command *command; /* NULL: it is only a level */
};

/*
 * The <i>th word that may follow <place> and begins with <prefix>, in the table's order, each
 * once. False: there are no more.
 */
bool grammar_next(const char *place, const char *prefix, size_t i, struct grammar_next *ret);

/* One line about a level: what it is for, or the words that follow. Returns <ret>. */
const char *grammar_level_help(const char *place, char *ret, size_t cap);

/* The name of argument <i> of <c>, as "UID"; the last may repeat. False: it takes no more. */
bool grammar_arg(const struct command *c, size_t i, char *ret, size_t cap);
/* What stands for an argument or option value: literals "a|b", or a name. */
bool grammar_is_literal(const char *arg);
/* The <i>th literal of "a|b". */
bool grammar_literal(const char *arg, size_t i, const char **ret, size_t *ret_len);
/* One line about an argument of that name; "" when the name says it all. */
const char *grammar_arg_help(const char *arg);

/* The <i>th option of a list such as "tag=TAG all". */
struct grammar_option {
	const char *name; /* not terminated */
	size_t len;
	char value[64]; /* the name of its value; "": it takes none */
};
bool grammar_option(const char *list, size_t i, struct grammar_option *ret);

/* Options that every command takes, in the table's notation. */
extern const char grammar_general_options[];
