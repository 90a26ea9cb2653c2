/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line of the shell: its words, the command they mean, and what may follow. Words read back
 * after being quoted, every candidate is of the line's own making, and the parser agrees with the
 * grammar on which command it is. Nothing is run and nobody is asked.
 */
#include "cli/cli.h"
#include "cli/complete.h"
#include "cli/grammar.h"
#include "cli/line.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_quoting(const struct line *l)
{
	static char text[2 * LINE_BYTES + 3];
	static struct line again;

	for (size_t i = 0; i < l->nb; i++) {
		must(line_quote(l->word[i], text, sizeof(text)));
		/* What was quoted may be longer than a line may be. */
		if (line_split(&again, text, strlen(text)) < 0)
			continue;
		must(again.nb == 1 && strcmp(again.word[0], l->word[i]) == 0);
	}
}

static void check_parser(const char *const *word, size_t nb)
{
	static char *argv[LINE_WORDS];
	static struct cli cli;
	const struct command *c;
	char words[256];

	for (size_t i = 0; i < nb; i++)
		argv[i] = (char *)word[i];
	cli = (struct cli){.timeout_s = 1};
	must(nb <= LINE_WORDS);
	if (cli_parse(&cli, (int)nb, argv, &c, words, sizeof(words)) != CLI_OK || c == NULL)
		return;
	must(strcmp(words, c->words) == 0);
	must(cli.is_help || (cli.nb_args >= c->min_args && cli.nb_args <= c->max_args));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct candidates found;
	static struct line l;
	static bool is_silent;
	const char *s = (const char *)data;
	const char *const *word;
	size_t at;
	int rc;

	/* Help and complaints are not looked at. */
	cli_be_quiet(true);
	if (!is_silent)
		must(freopen("/dev/null", "w", stdout) != NULL);
	is_silent = true;
	rc = line_split(&l, s, len);
	if (rc == 0) {
		check_quoting(&l);
		check_parser(l.word, line_part(&l, 0, &word));
	}
	complete_line(NULL, s, len, &found, &at);
	must(at <= len && found.nb <= COMPLETE_MAX);
	must(complete_common(&found) < COMPLETE_TEXT_MAX);
	return 0;
}
