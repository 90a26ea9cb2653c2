/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/run.h"

#include "cli/interrupt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

size_t run_terminal_width(void)
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

/* Until it fails or the user has seen enough (Ctrl-C). */
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
		if (interrupt_is_set())
			return CLI_INTERRUPTED;
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

int run_words(struct cli *cli, int argc, char **argv)
{
	const struct command *c;
	char words[256];
	int rc = cli_parse(cli, argc, argv, &c, words, sizeof(words));

	if (rc == CLI_OK)
		rc = run(cli, c, words);
	/* A full disk must not pass for success. */
	if (fflush(stdout) != 0 || ferror(stdout))
		return rc == CLI_OK ? CLI_BAD_ANSWER : rc;
	return rc;
}
