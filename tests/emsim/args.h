/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command line arguments: "--name value", "--name=value", "--flag"; the rest is positional. Not
 * getopt, as `emsim tag UID -Tag` needs a word with one dash to be an ordinary argument.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	ARGS_MAX = 64
};

struct arg_list {
	const char *v[ARGS_MAX];
	size_t nb;
};

/* One option a command takes; exactly one of the three targets is set. */
struct arg_opt {
	const char *name;
	const char **value;
	bool *flag;
	struct arg_list *list; /* may be repeated */
	const char *help;
};

/* 0, or -EINVAL with a message on stderr. <opts> ends with an entry without a name. */
[[nodiscard]] int args_parse(int argc, char **argv, const struct arg_opt *opts,
			     struct arg_list *positional);

/* Print the options of a command. */
void args_help(const struct arg_opt *opts);
