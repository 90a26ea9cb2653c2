/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command line: words that name the command, its arguments, and options anywhere among them.
 * "--" ends the options. Which options take a value is known only with the command, so that
 * words are looked at first.
 */

#include "cli/cli.h"
#include "cli/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char general_options[] = "socket=PATH timeout=SECONDS watch=SECONDS json help";

void cli_complain(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	text_clean(text, (size_t)n, true);
	(void)fprintf(stderr, "tagwardenctl: %s\n", text);
	free(text);
}

/* 1: <list> has option <name> with a value, 0: without, -1: not at all. */
static int find_option(const char *list, const char *name, size_t len)
{
	while (*list != '\0') {
		const size_t n = strcspn(list, " ");
		const size_t key = strcspn(list, "= ");

		if (key == len && strncmp(list, name, len) == 0)
			return key < n;
		list += n;
		list += strspn(list, " ");
	}
	return -1;
}

/* Does any command's option of that name take a value? For words that come before we know. */
static bool takes_value(const char *name, size_t len)
{
	if (find_option(general_options, name, len) >= 0)
		return find_option(general_options, name, len) == 1;
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		if (find_option(c->options, name, len) == 1)
			return true;
	return false;
}

bool cli_begins_with(const struct command *c, const char *words, size_t len)
{
	return strncmp(c->words, words, len) == 0 &&
	       (len == 0 || c->words[len] == '\0' || c->words[len] == ' ');
}

bool cli_parse_uint(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; s[n] >= '0' && s[n] <= '9'; n++) {
		if (n == 19)
			return false;
		v = v * 10 + (uint64_t)(s[n] - '0');
	}
	if (n == 0 || s[n] != '\0' || v > max)
		return false;
	*ret = v;
	return true;
}

const char *cli_option(const struct cli *cli, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < cli->nb_options; i++)
		if (cli->option[i].name_len == len && strncmp(cli->option[i].name, name, len) == 0)
			return cli->option[i].value;
	return NULL;
}

bool cli_option_uint(const struct cli *cli, const char *name, uint64_t fallback, uint64_t max,
		     uint64_t *ret)
{
	const char *value = cli_option(cli, name);

	*ret = fallback;
	if (value == NULL || cli_parse_uint(value, max, ret))
		return true;
	cli_complain("--%s takes a number up to %llu, not \"%s\"", name, (unsigned long long)max,
		     value);
	return false;
}

static int take_general(struct cli *cli, const struct cli_option *o)
{
	uint64_t n;

	if (strncmp(o->name, "json", o->name_len) == 0)
		cli->is_json = true;
	else if (strncmp(o->name, "help", o->name_len) == 0)
		cli->is_help = true;
	else if (strncmp(o->name, "socket", o->name_len) == 0)
		cli->socket_path = o->value;
	else if (!cli_parse_uint(o->value, 86400, &n) || n == 0) {
		cli_complain("--%.*s takes seconds, 1 to 86400, not \"%s\"", (int)o->name_len,
			     o->name, o->value);
		return CLI_USAGE;
	} else if (strncmp(o->name, "timeout", o->name_len) == 0)
		cli->timeout_s = (unsigned)n;
	else
		cli->watch_s = (unsigned)n;
	return CLI_OK;
}

/* Options of "--name value" or "--name=value"; <i> moves over a value. */
static int take_option(struct cli *cli, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2;
	struct cli_option o = {.name = name, .name_len = strcspn(name, "="), .value = ""};
	const bool has_value = name[o.name_len] == '=';

	if (takes_value(o.name, o.name_len)) {
		if (!has_value && *i + 1 >= argc) {
			cli_complain("--%s needs a value", name);
			return CLI_USAGE;
		}
		o.value = has_value ? name + o.name_len + 1 : argv[++*i];
	} else if (has_value) {
		cli_complain("--%.*s takes no value, or is unknown", (int)o.name_len, name);
		return CLI_USAGE;
	}
	if (find_option(general_options, o.name, o.name_len) >= 0)
		return take_general(cli, &o);
	if (cli->nb_options == CLI_OPTIONS_MAX) {
		cli_complain("too many options");
		return CLI_USAGE;
	}
	cli->option[cli->nb_options++] = o;
	return CLI_OK;
}

/* As many of <word> as name a command make it; the others are its arguments. */
static const struct command *find_command(struct cli *cli, const char **word, size_t nb,
					  char *words, size_t cap)
{
	const struct command *found = NULL;
	size_t len = 0, nb_used = 0;

	words[0] = '\0';
	for (size_t i = 0; i < nb && len + strlen(word[i]) + 2 < cap; i++) {
		const int n = snprintf(words + len, cap - len, "%s%s", i > 0 ? " " : "", word[i]);

		len += n > 0 ? (size_t)n : 0;
		for (const struct command *c = cli_commands; c->words != NULL; c++)
			if (strcmp(c->words, words) == 0) {
				found = c;
				nb_used = i + 1;
			}
	}
	for (size_t i = nb_used; found != NULL && i < nb; i++) {
		if (cli->nb_args == CLI_ARGS_MAX)
			break;
		cli->arg[cli->nb_args++] = word[i];
	}
	return found;
}

static int check_usage(const struct cli *cli, const struct command *c)
{
	for (size_t i = 0; i < cli->nb_options; i++) {
		const struct cli_option *o = &cli->option[i];

		if (find_option(c->options, o->name, o->name_len) < 0) {
			cli_complain("%s does not take --%.*s; see tagwardenctl %s --help",
				     c->words, (int)o->name_len, o->name, c->words);
			return CLI_USAGE;
		}
	}
	if (cli->nb_args < c->min_args || cli->nb_args > c->max_args) {
		cli_complain("usage: tagwardenctl %s%s%s; see tagwardenctl %s --help", c->words,
			     c->args[0] != '\0' ? " " : "", c->args, c->words);
		return CLI_USAGE;
	}
	return CLI_OK;
}

static bool is_level(const char *words)
{
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		if (cli_begins_with(c, words, strlen(words)))
			return true;
	return false;
}

int cli_parse(struct cli *cli, int argc, char **argv, const struct command **ret, char *ret_words,
	      size_t cap)
{
	const char *word[CLI_ARGS_MAX + 8];
	bool is_ended = false;
	size_t nb = 0;

	*ret = NULL;
	for (int i = 0; i < argc; i++) {
		if (!is_ended && strcmp(argv[i], "--") == 0) {
			is_ended = true;
		} else if (!is_ended && strncmp(argv[i], "--", 2) == 0) {
			const int rc = take_option(cli, argc, argv, &i);

			if (rc != CLI_OK)
				return rc;
		} else if (nb < sizeof(word) / sizeof(word[0])) {
			word[nb++] = argv[i];
		} else {
			cli_complain("too many words");
			return CLI_USAGE;
		}
	}
	*ret = find_command(cli, word, nb, ret_words, cap);
	if (cli->is_help || (*ret != NULL && check_usage(cli, *ret) == CLI_OK))
		return CLI_OK;
	if (*ret != NULL)
		return CLI_USAGE;
	if (is_level(ret_words)) {
		cli_help_level(ret_words);
		return CLI_USAGE;
	}
	cli_suggest(ret_words);
	return CLI_USAGE;
}
