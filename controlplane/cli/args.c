/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command line: words that name the command, its arguments, and options anywhere among them.
 * "--" ends the options. Which options take a value is known only with the command, so that
 * words are looked at first.
 */

#include "cli/cli.h"
#include "cli/grammar.h"
#include "cli/remote.h"
#include "cli/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* of the one thread that asks */
static bool is_quiet;
static char complaint[32] = "tagwardenctl: ";
static const char *program = "tagwardenctl ";

void cli_be_in_shell(unsigned line)
{
	program = "";
	complaint[0] = '\0';
	if (line > 0)
		(void)snprintf(complaint, sizeof(complaint), "line %u: ", line);
}

const char *cli_program(void)
{
	return program;
}

void cli_be_quiet(bool quiet)
{
	is_quiet = quiet;
}

__attribute__((format(printf, 2, 0))) static void tell(const char *before, const char *fmt,
						       va_list ap)
{
	char *text = NULL;
	const int n = vasprintf(&text, fmt, ap);

	if (n < 0)
		return;
	text_clean(text, (size_t)n, true);
	if (!is_quiet)
		(void)fprintf(stderr, "%s%s\n", before, text);
	free(text);
}

void cli_complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(complaint, fmt, ap);
	va_end(ap);
}

void cli_tell(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("", fmt, ap);
	va_end(ap);
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
	if (find_option(grammar_general_options, name, len) >= 0)
		return find_option(grammar_general_options, name, len) == 1;
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

	if (remote_take_option(o->name, o->name_len, o->value))
		return CLI_OK;
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
	if (find_option(grammar_general_options, o.name, o.name_len) >= 0)
		return take_general(cli, &o);
	if (cli->nb_options == CLI_OPTIONS_MAX) {
		cli_complain("too many options");
		return CLI_USAGE;
	}
	cli->option[cli->nb_options++] = o;
	return CLI_OK;
}

/* "en" for "enable", where an argument is one of a few words. */
static void complete_literals(struct cli *cli, const struct command *c)
{
	for (size_t i = 0; i < cli->nb_args; i++) {
		const size_t len = strlen(cli->arg[i]);
		const char *one = NULL;
		char spec[64];
		size_t n, nb = 0;

		if (len == 0 || len >= CLI_LITERAL_MAX || i >= CLI_LITERALS ||
		    !grammar_arg(c, i, spec, sizeof(spec)) || !grammar_is_literal(spec))
			continue;
		for (size_t k = 0; grammar_literal(spec, k, &one, &n); k++) {
			if (n == len && strncmp(one, cli->arg[i], len) == 0) {
				nb = 0;
				break;
			}
			if (n < CLI_LITERAL_MAX && n > len && strncmp(one, cli->arg[i], len) == 0 &&
			    nb++ == 0)
				(void)snprintf(cli->literal[i], CLI_LITERAL_MAX, "%.*s", (int)n,
					       one);
		}
		if (nb == 1 && isalpha((unsigned char)cli->arg[i][0]))
			cli->arg[i] = cli->literal[i];
	}
}

static void tell_next(const char *place, const char *prefix)
{
	struct grammar_next n;
	char help[160], below[GRAMMAR_PLACE_MAX + 40];

	for (size_t i = 0; grammar_next(place, prefix, i, &n); i++) {
		(void)snprintf(below, sizeof(below), "%s%s%.*s", place, place[0] != '\0' ? " " : "",
			       (int)n.len, n.word);
		cli_tell("  %-20.*s %s", (int)n.len, n.word,
			 n.command != NULL ? n.help
					   : grammar_level_help(below, help, sizeof(help)));
	}
}

/* Misspelt, or an argument where none is taken. */
static void tell_unknown(const struct grammar_match *m, const char **word, size_t nb)
{
	char typed[256];
	size_t len = 0;

	typed[0] = '\0';
	for (size_t i = 0; i < nb && len + strlen(word[i]) + 2 < sizeof(typed); i++) {
		const int n = snprintf(typed + len, sizeof(typed) - len, "%s%s", i > 0 ? " " : "",
				       word[i]);

		len += n > 0 ? (size_t)n : 0;
	}
	if (cli_suggest(typed))
		return;
	cli_tell("What there is%s%s:", m->nb_words > 0 ? " after " : "", m->place);
	tell_next(m->place, "");
}

/* The words after the command's are its arguments. Tells what cannot be a command. */
static int find_command(struct cli *cli, const char **word, size_t nb, struct grammar_match *m)
{
	grammar_match(word, nb, m);
	if (m->end == GRAMMAR_AMBIGUOUS) {
		cli_complain("\"%s\" is ambiguous%s%s; it could be:", word[m->nb_words],
			     m->nb_words > 0 ? " after " : "", m->place);
		tell_next(m->place, word[m->nb_words]);
		return CLI_USAGE;
	}
	if (m->end == GRAMMAR_UNKNOWN) {
		tell_unknown(m, word, nb);
		return CLI_USAGE;
	}
	for (size_t i = m->nb_words; i < nb && cli->nb_args < CLI_ARGS_MAX; i++)
		cli->arg[cli->nb_args++] = word[i];
	if (m->command != NULL)
		complete_literals(cli, m->command);
	return CLI_OK;
}

static int check_usage(const struct cli *cli, const struct command *c)
{
	for (size_t i = 0; i < cli->nb_options; i++) {
		const struct cli_option *o = &cli->option[i];

		if (find_option(c->options, o->name, o->name_len) < 0) {
			cli_complain("%s does not take --%.*s; see %s%s --help", c->words,
				     (int)o->name_len, o->name, program, c->words);
			return CLI_USAGE;
		}
	}
	if (cli->nb_args < c->min_args || cli->nb_args > c->max_args) {
		cli_complain("usage: %s%s%s%s; see %s%s --help", program, c->words,
			     c->args[0] != '\0' ? " " : "", c->args, program, c->words);
		return CLI_USAGE;
	}
	return CLI_OK;
}

int cli_parse_general(struct cli *cli, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const int rc = take_option(cli, argc, argv, &i);

		if (rc != CLI_OK)
			return rc;
	}
	return CLI_OK;
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
	if (nb == 0 && !cli->is_help) {
		cli_help_level("");
		return CLI_USAGE;
	}

	struct grammar_match m;
	int rc = find_command(cli, word, nb, &m);

	(void)snprintf(ret_words, cap, "%s", m.place);
	*ret = m.command;
	if (rc != CLI_OK || cli->is_help)
		return rc;
	if (*ret != NULL)
		return check_usage(cli, *ret);
	cli_help_level(ret_words);
	return CLI_USAGE;
}
