/* SPDX-License-Identifier: BSD-3-Clause */

/* tagwardenctl: the operator's command line, a client of the API like any other. */

#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 10u

static size_t terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize w;
	uint64_t n;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (columns != NULL && cli_parse_uint(columns, 10000, &n) && n > 0)
		return (size_t)n;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 80;
}

static void look_around(struct cli *cli)
{
	const char *path = getenv("TAGWARDEN_SOCKET");
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	*cli = (struct cli){.timeout_s = TIMEOUT_S, .socket_path = CLI_SOCKET_DEFAULT};
	if (path != NULL && path[0] != '\0')
		cli->socket_path = path;
	cli->terminal = terminal_width();
	cli->is_bold = cli->terminal != 0 && (no_color == NULL || no_color[0] == '\0') &&
		       term != NULL && strcmp(term, "dumb") != 0;
}

/* Until it fails or the user has seen enough (Ctrl-C ends the process). */
static int watch(struct cli *cli, const struct command *c)
{
	const struct timespec pause = {.tv_sec = (time_t)cli->watch_s};
	int rc;

	for (;;) {
		if (cli->terminal != 0)
			printf("\033[H\033[2J");
		rc = c->run(cli);
		if (rc != CLI_OK || fflush(stdout) != 0)
			return rc;
		(void)nanosleep(&pause, NULL);
		if (cli->terminal == 0)
			printf("\n");
	}
}

static int run(struct cli *cli, const struct command *c, const char *words)
{
	if (cli->is_help) {
		if (c != NULL)
			cli_help_command(c);
		else
			cli_help_level(words);
		return CLI_OK;
	}
	if (cli->watch_s != 0 && strncmp(c->words, "show ", 5) == 0)
		return watch(cli, c);
	if (cli->watch_s != 0) {
		cli_complain("--watch is for commands that show something");
		return CLI_USAGE;
	}
	return c->run(cli);
}

int main(int argc, char **argv)
{
	const struct command *c;
	char words[256];
	struct cli cli;
	int rc;

	(void)signal(SIGPIPE, SIG_DFL);
	look_around(&cli);
	if (argc == 2 && strcmp(argv[1], "--dump-commands") == 0) {
		cli_dump_commands();
		return CLI_OK;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("tagwardenctl %s\n", TAGWARDEN_VERSION);
		return CLI_OK;
	}
	rc = cli_parse(&cli, argc - 1, argv + 1, &c, words, sizeof(words));
	if (rc == CLI_OK)
		rc = run(&cli, c, words);
	/* A full disk must not pass for success. */
	if (fflush(stdout) != 0 || ferror(stdout))
		return rc == CLI_OK ? CLI_BAD_ANSWER : rc;
	return rc;
}
