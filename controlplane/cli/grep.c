/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/grep.h"

#include "cli/cli.h"
#include "cli/line.h"

#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pattern {
	regex_t regex;
	bool is_inverted;
};

struct grep {
	struct pattern pattern[LINE_PARTS];
	size_t nb;
	/* between begin and end */
	int saved; /* standard output as it was; the thread writes there */
	FILE *in;  /* the thread's */
	FILE *out; /* the thread's */
	pthread_t thread;
};

struct grep *grep_new(void)
{
	struct grep *g = calloc(1, sizeof(*g));

	if (g == NULL)
		cli_complain("no memory");
	return g;
}

/* "-iv" and the like; false: another option. */
static bool read_options(const char *s, int *flags, bool *ret_is_inverted)
{
	for (s++; *s != '\0'; s++) {
		if (*s == 'i')
			*flags |= REG_ICASE;
		else if (*s == 'v')
			*ret_is_inverted = true;
		else if (*s != 'E')
			return false;
	}
	return true;
}

int grep_add(struct grep *g, const char *const *word, size_t nb)
{
	struct pattern *p = &g->pattern[g->nb];
	int flags = REG_EXTENDED | REG_NOSUB, rc;
	char text[128];
	size_t i = 1;

	if (nb == 0 || strcmp(word[0], "grep") != 0 || g->nb == LINE_PARTS) {
		cli_complain("after | there may be grep, as in: show devices | grep -i laptop");
		return CLI_USAGE;
	}
	for (; i < nb && word[i][0] == '-' && word[i][1] != '\0'; i++)
		if (!read_options(word[i], &flags, &p->is_inverted)) {
			cli_complain("grep takes -i (letter case is all one) and -v (lines that "
				     "do not match), not %s",
				     word[i]);
			return CLI_USAGE;
		}
	if (i + 1 != nb) {
		cli_complain("grep takes one pattern; put one with spaces into quotes");
		return CLI_USAGE;
	}
	rc = regcomp(&p->regex, word[i], flags);
	if (rc != 0) {
		(void)regerror(rc, &p->regex, text, sizeof(text));
		cli_complain("grep: %s: %s", word[i], text);
		return CLI_USAGE;
	}
	g->nb++;
	return CLI_OK;
}

static bool is_wanted(const struct grep *g, const char *line)
{
	for (size_t i = 0; i < g->nb; i++)
		if ((regexec(&g->pattern[i].regex, line, 0, NULL, 0) == 0) ==
		    g->pattern[i].is_inverted)
			return false;
	return true;
}

/* Until the last writer closed. A line that cannot be kept is passed over. */
static void *filter(void *user)
{
	struct grep *g = user;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, g->in)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (!is_wanted(g, line))
			continue;
		(void)fprintf(g->out, "%s\n", line);
		(void)fflush(g->out);
	}
	free(line);
	return NULL;
}

/* Signals are for the thread that runs the command: Ctrl-C must wake that one. */
static int create_thread(struct grep *g)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&g->thread, NULL, filter, g);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static int start_thread(struct grep *g, int read_fd)
{
	g->in = fdopen(read_fd, "r");
	if (g->in == NULL) {
		close(read_fd);
		return -ENOMEM;
	}
	g->out = fdopen(dup(g->saved), "w");
	if (g->out != NULL && create_thread(g) == 0)
		return 0;
	if (g->out != NULL)
		(void)fclose(g->out);
	(void)fclose(g->in);
	return -ENOMEM;
}

int grep_begin(struct grep *g)
{
	int fd[2];

	(void)fflush(stdout);
	if (pipe(fd) < 0)
		return -errno;
	g->saved = dup(STDOUT_FILENO);
	if (g->saved < 0 || start_thread(g, fd[0]) < 0) {
		if (g->saved >= 0)
			close(g->saved);
		close(fd[1]);
		return -ENOMEM;
	}
	(void)dup2(fd[1], STDOUT_FILENO);
	close(fd[1]);
	return 0;
}

void grep_end(struct grep *g)
{
	(void)fflush(stdout);
	/* The pipe's last writer: the thread sees the end. */
	(void)dup2(g->saved, STDOUT_FILENO);
	(void)pthread_join(g->thread, NULL);
	(void)fclose(g->in);
	(void)fclose(g->out);
	close(g->saved);
}

void grep_free(struct grep *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->nb; i++)
		regfree(&g->pattern[i].regex);
	free(g);
}
