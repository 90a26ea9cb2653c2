/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/shell.h"

#include "cli/api.h"
#include "cli/complete.h"
#include "cli/editor.h"
#include "cli/grep.h"
#include "cli/interrupt.h"
#include "cli/line.h"
#include "cli/run.h"
#include "cli/view.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The gateway's serial number, as the appliances have their name there. */
static void make_prompt(struct shell *sh)
{
	struct cli quiet = sh->base;
	json_t *j = NULL;

	quiet.timeout_s = 1;
	cli_be_quiet(true);
	(void)api_get(&quiet, "/api/v1/status", &j);
	cli_be_quiet(false);
	(void)snprintf(sh->prompt, sizeof(sh->prompt), "%.80s # ",
		       view_string(j, "gateway.serial_number", "tagwarden"));
	json_decref(j);
}

/* ---- one line ---- */

static int tell_bad_line(int rc)
{
	if (rc == -EINVAL)
		cli_complain("a quote is not closed; put a single one behind a backslash");
	else if (rc == -EILSEQ)
		cli_complain("there is a control character in this line");
	else
		cli_complain("the line is too long, or has too many words or filters");
	return CLI_USAGE;
}

/* "show ?": what may follow. */
static int tell_next(const struct shell *sh, const char *const *word, size_t nb)
{
	static struct candidates found;

	complete_words(&sh->base, word, nb, "", &found);
	for (size_t i = 0; i < found.nb; i++)
		printf("  %-24s %s\n", found.list[i].text, found.list[i].help);
	return found.nb > 0 ? CLI_OK : CLI_USAGE;
}

static int run_command(struct shell *sh, const char *const *word, size_t nb, bool is_filtered)
{
	struct cli cli = sh->base;
	char *argv[LINE_WORDS];

	if (nb == 0) {
		cli_complain("there is no command before the |");
		return CLI_USAGE;
	}
	if (strcmp(word[nb - 1], "?") == 0)
		return tell_next(sh, word, nb - 1);
	for (size_t i = 0; i < nb; i++)
		argv[i] = (char *)word[i];
	cli.shell = sh;
	if (is_filtered) {
		cli.terminal = 0;
		cli.is_bold = false;
	}
	return run_words(&cli, (int)nb, argv);
}

static int run_filtered(struct shell *sh, const struct line *l)
{
	const char *const *word;
	struct grep *g = grep_new();
	size_t nb;
	int rc = g != NULL ? CLI_OK : CLI_BAD_ANSWER;

	for (size_t i = 1; rc == CLI_OK && i < l->nb_parts; i++) {
		nb = line_part(l, i, &word);
		rc = grep_add(g, word, nb);
	}
	if (rc == CLI_OK && grep_begin(g) < 0) {
		cli_complain("no memory for a filter");
		rc = CLI_BAD_ANSWER;
	} else if (rc == CLI_OK) {
		nb = line_part(l, 0, &word);
		rc = run_command(sh, word, nb, true);
		grep_end(g);
	}
	grep_free(g);
	return rc;
}

static int run_line(struct shell *sh, const char *s)
{
	static struct line l; /* the shell's one thread's */
	int rc = line_split(&l, s, strlen(s));

	if (rc < 0)
		return tell_bad_line(rc);
	if (l.nb == 0)
		return CLI_OK;
	/* A command may have left its own handler behind, as capture does. */
	interrupt_clear();
	if (sh->is_interactive) {
		interrupt_catch();
		/* The window may have another size by now. */
		sh->base.terminal = run_terminal_width();
	}
	rc = l.nb_parts > 1 ? run_filtered(sh, &l) : run_command(sh, l.word, l.nb, false);
	clearerr(stdout);
	return rc;
}

/* ---- all of them ---- */

static int run_batch(struct shell *sh)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	unsigned nb = 0;
	int first = CLI_OK;

	while (!sh->is_leaving && (n = getline(&line, &cap, stdin)) > 0) {
		int rc;

		cli_be_in_shell(++nb);
		line[strcspn(line, "\r\n")] = '\0';
		rc = run_line(sh, line);
		first = first == CLI_OK ? rc : first;
	}
	free(line);
	return first;
}

static int run_interactive(struct shell *sh)
{
	struct editor *e;
	const char *line;

	/* For characters of more than one byte; numbers stay as they are. */
	(void)setlocale(LC_CTYPE, "");
	interrupt_catch();
	cli_be_in_shell(0);
	make_prompt(sh);
	e = editor_new(sh);
	if (e == NULL) {
		cli_complain("this terminal cannot be edited on; lines are taken as they come");
		return run_batch(sh);
	}
	while (!sh->is_leaving) {
		const int rc = editor_line(e, &line);

		if (rc == -ECANCELED) {
			printf("\n");
			continue;
		}
		if (rc == 0) {
			printf("\n");
			break;
		}
		editor_remember(e, line);
		(void)run_line(sh, line);
		interrupt_clear();
		interrupt_catch();
		/* It may have been started meanwhile, or given another name. */
		if (strncmp(sh->prompt, "tagwarden ", 10) == 0)
			make_prompt(sh);
	}
	editor_free(e);
	return CLI_OK;
}

int shell_run(const struct cli *base)
{
	struct shell sh = {.base = *base, .fd = -1};
	int rc;

	sh.is_interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	rc = sh.is_interactive ? run_interactive(&sh) : run_batch(&sh);
	if (sh.fd >= 0)
		sh.on_close(sh.user);
	free(sh.log_view);
	return rc;
}

/* ---- for commands ---- */

int shell_exit(struct cli *cli)
{
	if (cli->shell != NULL)
		cli->shell->is_leaving = true;
	return CLI_OK;
}

bool shell_follow(struct cli *cli, int fd, int (*on_ready)(void *user),
		  void (*on_close)(void *user), void *user)
{
	struct shell *sh = cli->shell;

	if (sh == NULL || !sh->is_interactive)
		return false;
	shell_unfollow(cli);
	sh->fd = fd;
	sh->on_ready = on_ready;
	sh->on_close = on_close;
	sh->user = user;
	return true;
}

void shell_unfollow(struct cli *cli)
{
	struct shell *sh = cli->shell;

	if (sh == NULL || sh->fd < 0)
		return;
	sh->fd = -1;
	sh->on_close(sh->user);
}

bool shell_is_following(const struct cli *cli)
{
	return cli->shell != NULL && cli->shell->fd >= 0;
}
