/* SPDX-License-Identifier: BSD-3-Clause */

/* tagwardenctl: the operator's command line, a client of the API like any other. */

#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/run.h"
#include "cli/shell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S 10u

static void look_around(struct cli *cli)
{
	const char *path = getenv("TAGWARDEN_SOCKET");
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	*cli = (struct cli){.timeout_s = TIMEOUT_S, .socket_path = CLI_SOCKET_DEFAULT};
	if (path != NULL && path[0] != '\0')
		cli->socket_path = path;
	cli->terminal = run_terminal_width();
	cli->is_bold = cli->terminal != 0 && (no_color == NULL || no_color[0] == '\0') &&
		       term != NULL && strcmp(term, "dumb") != 0;
}

/* Does any of <argv> name a command? Options do not, nor do their values. */
static bool has_words(int argc, char **argv)
{
	static const char *const option[] = {"--socket",     "--timeout", "--server", "--cacert",
					     "--token-file", "--cert",    "--key"};

	for (int i = 1; i < argc; i++) {
		const size_t len = strcspn(argv[i], "=");
		bool is_option = false;

		for (size_t k = 0; k < sizeof(option) / sizeof(option[0]); k++)
			is_option |=
				strlen(option[k]) == len && strncmp(argv[i], option[k], len) == 0;
		if (!is_option)
			return true;
		if (argv[i][len] == '\0')
			i++;
	}
	return false;
}

/* --complete WORD... PREFIX: for the completion of bash. */
static int print_candidates(const struct cli *cli, int argc, char **argv)
{
	static struct candidates found;

	if (argc == 0)
		return CLI_USAGE;
	complete_words(cli, (const char *const *)argv, (size_t)argc - 1, argv[argc - 1], &found);
	for (size_t i = 0; i < found.nb; i++)
		if (!found.list[i].is_hint)
			printf("%s\n", found.list[i].text);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	struct cli cli;

	(void)signal(SIGPIPE, SIG_DFL);
	look_around(&cli);
	if (argc == 2 && strcmp(argv[1], "--dump-commands") == 0) {
		cli_dump_commands();
		return CLI_OK;
	}
	if (argc == 2 && strcmp(argv[1], "-h") == 0) {
		cli_help_level("");
		return CLI_OK;
	}
	if (argc >= 2 && strcmp(argv[1], "--complete") == 0)
		return print_candidates(&cli, argc - 2, argv + 2);
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("tagwardenctl %s\n", TAGWARDEN_VERSION);
		return CLI_OK;
	}
	if (!has_words(argc, argv)) {
		const int rc = cli_parse_general(&cli, argc - 1, argv + 1);

		return rc == CLI_OK ? shell_run(&cli) : rc;
	}
	return run_words(&cli, argc - 1, argv + 1);
}
