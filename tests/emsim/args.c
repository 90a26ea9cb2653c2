/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct arg_opt *find_opt(const struct arg_opt *opts, const char *name, size_t len)
{
	for (; opts->name != NULL; opts++)
		if (strlen(opts->name) == len && memcmp(opts->name, name, len) == 0)
			return opts;
	return NULL;
}

static int list_add(struct arg_list *list, const char *value)
{
	if (list->nb == ARGS_MAX) {
		fprintf(stderr, "emsim: too many arguments\n");
		return -EINVAL;
	}
	list->v[list->nb++] = value;
	return 0;
}

/* One "--name[=value]"; <next> is the word behind it or NULL. Returns how many words it took. */
static int take_option(const struct arg_opt *opts, const char *word, const char *next)
{
	const char *eq = strchrnul(word, '=');
	const struct arg_opt *o = find_opt(opts, word + 2, (size_t)(eq - word) - 2);
	const char *value = *eq == '=' ? eq + 1 : next;

	if (o == NULL) {
		fprintf(stderr, "emsim: unknown option %s\n", word);
		return -EINVAL;
	}
	if (o->flag != NULL) {
		*o->flag = true;
		return 1;
	}
	if (value == NULL) {
		fprintf(stderr, "emsim: option %s needs a value\n", word);
		return -EINVAL;
	}
	if (o->list != NULL && list_add(o->list, value) < 0)
		return -EINVAL;
	if (o->value != NULL)
		*o->value = value;
	return *eq == '=' ? 1 : 2;
}

int args_parse(int argc, char **argv, const struct arg_opt *opts, struct arg_list *positional)
{
	for (int i = 0; i < argc;) {
		int n;

		if (strncmp(argv[i], "--", 2) != 0) {
			n = list_add(positional, argv[i]) < 0 ? -EINVAL : 1;
		} else {
			n = take_option(opts, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
		}
		if (n < 0)
			return n;
		i += n;
	}
	return 0;
}

void args_help(const struct arg_opt *opts)
{
	char left[40];

	for (; opts->name != NULL; opts++) {
		snprintf(left, sizeof(left), "--%s%s", opts->name,
			 opts->flag != NULL ? "" : " VALUE");
		printf("  %-26s %s\n", left, opts->help);
	}
}
