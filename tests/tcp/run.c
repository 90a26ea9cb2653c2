/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Plays scenarios: run [--verbose] [--ipv6] FILE...
 *
 * A file is one scenario, or a common beginning and cases, each of which is played from its own
 * beginning in a stack of its own. README.md describes the language.
 */

#include "play.h"

#include <stdio.h>
#include <string.h>

struct options {
	bool verbose, ipv6;
};

static struct world world;

static bool is_case(const struct line *l)
{
	return strcmp(l->word[0], "case") == 0;
}

/* The lines [from, to) of a script; <ret_at> is the line that is being played. */
static void play_lines(struct world *w, const struct script *s, unsigned from, unsigned to,
		       unsigned *ret_at, uint64_t *clock_us)
{
	for (unsigned i = from; i < to; i++) {
		*ret_at = s->lines[i].nr;
		if (!play_setup(w, &s->lines[i]))
			play_line(w, &s->lines[i], clock_us);
	}
}

static void say_failure(const struct world *w, const struct script *s, unsigned at)
{
	const unsigned nb = w->nb_journal < JOURNAL_LINES ? w->nb_journal : JOURNAL_LINES;
	char text[JOURNAL_WIDTH];

	script_line_text(s, at, text, sizeof(text));
	printf("%s:%u: %s\n  %s\n", s->path, at, text, w->reason);
	if (w->verbose)
		return;
	printf("  the last that was exchanged:\n");
	for (unsigned i = w->nb_journal - nb; i < w->nb_journal; i++)
		printf("    %s\n", w->journal[i % JOURNAL_LINES]);
}

/* One world from its beginning to its end. */
static bool play_case(const struct script *s, unsigned common, unsigned from, unsigned to,
		      const struct options *o)
{
	struct world *w = &world;
	static unsigned at;
	static uint64_t clock_us;

	world_init(w, o->verbose, o->ipv6);
	at = 0;
	clock_us = 0;
	if (setjmp(w->failed) != 0) {
		say_failure(w, s, at);
		world_drop(w);
		return false;
	}
	play_lines(w, s, 0, common, &at, &clock_us);
	play_lines(w, s, from, to, &at, &clock_us);
	play_end(w);
	world_end(w);
	return true;
}

static unsigned next_case(const struct script *s, unsigned i)
{
	while (i < s->nb && !is_case(&s->lines[i]))
		i++;
	return i < s->nb ? i : s->nb;
}

static void play_file(const char *path, const struct options *o, unsigned *passed, unsigned *failed)
{
	struct script s;
	unsigned good = 0, bad = 0;

	if (!script_load(&s, path)) {
		(*failed)++;
		return;
	}
	const unsigned common = next_case(&s, 0);

	for (unsigned i = common, to;; i = to) {
		to = next_case(&s, i + 1);
		if (o->verbose)
			printf("---- %s %s\n", path,
			       i < s.nb && s.lines[i].nb > 1 ? s.lines[i].word[1] : "");
		if (play_case(&s, common, i < s.nb ? i + 1 : i, to, o))
			good++;
		else
			bad++;
		if (to >= s.nb)
			break;
	}
	printf("%s %s", bad == 0 ? "ok" : "not ok", path);
	if (good + bad > 1)
		printf(" (%u of %u cases)", good, good + bad);
	printf("\n");
	*passed += good;
	*failed += bad;
	script_free(&s);
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	struct options o = {0};

	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		printf("usage: run [--verbose] [--ipv6] FILE...\n\n"
		       "Plays the scenarios in FILEs, each case in a stack of its own.\n"
		       "  --verbose   print every segment and call\n"
		       "  --ipv6      play over IPv6 what does not say which\n");
		return argc < 2 ? 2 : 0;
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--verbose") == 0)
			o.verbose = true;
		else if (strcmp(argv[i], "--ipv6") == 0)
			o.ipv6 = true;
		else
			play_file(argv[i], &o, &passed, &failed);
	}
	/* As cmocka says it, so that one count fits all. */
	printf("[  PASSED  ] %u test(s).\n", passed);
	if (failed > 0)
		printf("[  FAILED  ] %u test(s).\n", failed);
	return failed > 0;
}
