/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The shell: tagwardenctl without a command. On a terminal it has a prompt, a history, completion
 * and '?'; otherwise each line of standard input is a command.
 */

#pragma once

#include "cli/cli.h"

#include <stdbool.h>
#include <stddef.h>

/* What outlives a command. One thread. */
struct shell {
	struct cli base; /* what each command starts from */
	bool is_leaving;
	bool is_interactive;
	char prompt[96];
	struct log_view *log_view; /* execute_log.c's; malloc()ed, NULL: as at the start */
	/* live output under the prompt, see shell_follow(); fd -1: none */
	int fd;
	int (*on_ready)(void *user);
	void (*on_close)(void *user);
	void *user;
};

/* Until the input ends; the exit status is that of the first command that failed. */
int shell_run(const struct cli *base);

/* ---- for commands ---- */

int shell_exit(struct cli *cli);
/*
 * From now on call <on_ready> whenever <fd> can be read, while the user types as well: it prints
 * whole lines on standard output. It returns a negative value at the end, upon which <on_close>
 * is called once, as it is by shell_unfollow() and when the shell ends. What was followed before
 * is closed. False: there is no shell, or it is not interactive; the caller reads itself.
 */
bool shell_follow(struct cli *cli, int fd, int (*on_ready)(void *user),
		  void (*on_close)(void *user), void *user);
void shell_unfollow(struct cli *cli);
bool shell_is_following(const struct cli *cli);
