/* SPDX-License-Identifier: BSD-3-Clause */

/* Help on every level, from the table of commands. */

#include "cli/cli.h"
#include "cli/grammar.h"
#include "cli/handlers.h"
#include "cli/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void print_options(const char *list)
{
	while (*list != '\0') {
		const size_t n = strcspn(list, " ");
		const size_t key = strcspn(list, "= ");

		printf(" [--%.*s", (int)key, list);
		if (key < n)
			printf(" %.*s", (int)(n - key - 1), list + key + 1);
		printf("]");
		list += n;
		list += strspn(list, " ");
	}
}

/* Examples have the program's name; in the shell it is left out. */
static const char *example_of(const struct command *c)
{
	static const char name[] = "tagwardenctl ";

	return cli_program()[0] == '\0' && strncmp(c->example, name, strlen(name)) == 0
		       ? c->example + strlen(name)
		       : c->example;
}

static void print_usage(const struct command *c)
{
	printf("%s%s%s%s", cli_program(), c->words, c->args[0] != '\0' ? " " : "", c->args);
	print_options(c->options);
	printf("\n");
}

static void print_general(void)
{
	printf("\nGeneral options:\n"
	       "  --json           print the server's JSON\n"
	       "  --socket PATH    the API's socket; else $TAGWARDEN_SOCKET, else\n"
	       "                   " CLI_SOCKET_DEFAULT "\n"
	       "  --server URL     instead: https://HOST:PORT, where the document has api.tls; "
	       "with\n"
	       "                   --cacert FILE and --token-file FILE, or --cert FILE --key FILE\n"
	       "  --timeout SECONDS  how long to wait for an answer (10)\n"
	       "  --watch SECONDS  show again and again\n"
	       "  --help           this, for any command or its first words\n");
}

void cli_help_command(const struct command *c)
{
	printf("%s\n\nUsage: ", c->help);
	print_usage(c);
	printf("Example: %s\n", example_of(c));
	print_general();
}

void cli_help_level(const char *words)
{
	const size_t len = strlen(words);

	printf("Usage: %s%s%s...\n\n", cli_program(), words, len > 0 ? " " : "COMMAND ");
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		if (cli_begins_with(c, words, len))
			printf("  %-36s %s\n", c->words, c->help);
	printf("\nExamples:\n");
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		if (cli_begins_with(c, words, len) && (len > 0 || strchr(c->example, '-') == NULL))
			printf("  %s\n", example_of(c));
	if (len == 0)
		print_general();
}

/* Distance of the words that were typed from as many of the command's. */
static unsigned distance(const struct command *c, const char *words)
{
	const char *a = words, *b = c->words;
	unsigned sum = 0;

	while (*a != '\0' && *b != '\0') {
		const size_t na = strcspn(a, " "), nb = strcspn(b, " ");
		char wa[33], wb[33];
		unsigned d;

		if (na >= sizeof(wa) || nb >= sizeof(wb))
			return 99;
		(void)snprintf(wa, sizeof(wa), "%.*s", (int)na, a);
		(void)snprintf(wb, sizeof(wb), "%.*s", (int)nb, b);
		/* The start of a word is as good as the word; half of it wrong is another. */
		d = nb > na && !isdigit((unsigned char)wa[0]) && strncmp(wa, wb, na) == 0
			    ? 1
			    : text_distance(wa, wb);
		/* Numbers are not misspelt. */
		if (d > (na > nb ? na : nb) / 2 || (d > 0 && isdigit((unsigned char)wa[0])))
			return 99;
		sum += d;
		a += na;
		a += strspn(a, " ");
		b += nb;
		b += strspn(b, " ");
	}
	/* Words that are missing count little: they are what the suggestion adds. */
	return sum * 2 + (*b != '\0');
}

#define SUGGEST_MAX 8u /* farther away is no suggestion */

bool cli_suggest(const char *words)
{
	unsigned best = SUGGEST_MAX;

	for (const struct command *c = cli_commands; c->words != NULL; c++) {
		const unsigned d = distance(c, words);

		best = d < best ? d : best;
	}
	cli_complain("there is no command \"%s\"", words);
	if (best == SUGGEST_MAX)
		return false;
	cli_tell("Did you mean:");
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		if (distance(c, words) == best)
			cli_tell("  %s%s %s", cli_program(), c->words, c->args);
	return true;
}

void cli_dump_commands(void)
{
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		printf("%s\t%s\t%s\t%s\t%s\n", c->words, c->args, c->options, c->help, c->example);
}

int help_words(struct cli *cli)
{
	struct grammar_match m;

	grammar_match(cli->arg, cli->nb_args, &m);
	if (m.nb_words < cli->nb_args) {
		cli_complain("no command begins with these words; help lists all");
		return CLI_USAGE;
	}
	if (m.command != NULL && m.nb_words > 0)
		cli_help_command(m.command);
	else
		cli_help_level(m.place);
	return CLI_OK;
}
