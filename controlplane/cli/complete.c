/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/complete.h"

#include "cli/grammar.h"
#include "cli/line.h"
#include "cli/values.h"

#include <stdio.h>
#include <string.h>

void complete_add(struct candidates *c, const char *text, size_t len, const char *help,
		  bool is_hint)
{
	struct candidate *one;

	if (len >= COMPLETE_TEXT_MAX)
		return;
	for (size_t i = 0; i < c->nb; i++)
		if (strncmp(c->list[i].text, text, len) == 0 && c->list[i].text[len] == '\0')
			return;
	if (c->nb == COMPLETE_MAX) {
		c->is_cut = true;
		return;
	}
	one = &c->list[c->nb++];
	(void)snprintf(one->text, sizeof(one->text), "%.*s", (int)len, text);
	(void)snprintf(one->help, sizeof(one->help), "%s", help);
	one->is_hint = is_hint;
	one->is_open = false;
}

static bool begins(const char *s, size_t len, const char *prefix)
{
	const size_t n = strlen(prefix);

	return n <= len && strncmp(s, prefix, n) == 0;
}

/* ---- the words before the last ---- */

struct place {
	const char *plain[LINE_WORDS]; /* those that are no options */
	size_t nb;
	struct grammar_match m;
	const char *awaited; /* the option before, whose value is to come; NULL: none */
	size_t awaited_len;
};

static bool find_option(const char *list, const char *name, size_t len, struct grammar_option *ret)
{
	for (size_t i = 0; grammar_option(list, i, ret); i++)
		if (ret->len == len && strncmp(ret->name, name, len) == 0)
			return true;
	return false;
}

/* Of any command: words come before we know which it is, as in the parser. */
static bool find_any_option(const char *name, size_t len, struct grammar_option *ret)
{
	if (find_option(grammar_general_options, name, len, ret))
		return true;
	for (const struct command *c = cli_commands; c->words != NULL; c++)
		if (find_option(c->options, name, len, ret) && ret->value[0] != '\0')
			return true;
	return false;
}

/* "--name" whose value is another word. */
static bool awaits_value(const char *word)
{
	struct grammar_option o;

	return strchr(word, '=') == NULL && find_any_option(word + 2, strlen(word + 2), &o) &&
	       o.value[0] != '\0';
}

static void read_words(struct place *p, const char *const *word, size_t nb)
{
	bool is_ended = false;

	*p = (struct place){0};
	for (size_t i = 0; i < nb; i++) {
		if (!is_ended && strcmp(word[i], "--") == 0) {
			is_ended = true;
		} else if (!is_ended && strncmp(word[i], "--", 2) == 0) {
			if (awaits_value(word[i]) && ++i == nb) {
				p->awaited = word[nb - 1] + 2;
				p->awaited_len = strlen(p->awaited);
			}
		} else if (p->nb < LINE_WORDS) {
			p->plain[p->nb++] = word[i];
		}
	}
	grammar_match(p->plain, p->nb, &p->m);
}

/* ---- what may follow ---- */

static void add_value(const struct cli *cli, const char *arg, const char *prefix,
		      struct candidates *ret)
{
	const char *one;
	size_t len;

	if (grammar_is_literal(arg)) {
		for (size_t i = 0; grammar_literal(arg, i, &one, &len); i++)
			if (begins(one, len, prefix))
				complete_add(ret, one, len, "", false);
		return;
	}
	complete_add(ret, arg, strlen(arg), grammar_arg_help(arg), true);
	values_add(cli, arg, prefix, ret);
}

/* The value of an option: the command's own, if it has one of that name. */
static void add_awaited(const struct cli *cli, const struct place *p, const char *prefix,
			struct candidates *ret)
{
	struct grammar_option o;

	if ((p->m.command != NULL &&
	     find_option(p->m.command->options, p->awaited, p->awaited_len, &o)) ||
	    find_any_option(p->awaited, p->awaited_len, &o))
		add_value(cli, o.value, prefix, ret);
}

static void add_options(const struct place *p, const char *prefix, struct candidates *ret)
{
	const char *lists[] = {p->m.command != NULL ? p->m.command->options : "",
			       prefix[0] != '\0' ? grammar_general_options : ""};
	struct grammar_option o;
	char text[COMPLETE_TEXT_MAX], help[COMPLETE_HELP_MAX];

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; grammar_option(lists[k], i, &o); i++) {
			const int n = snprintf(text, sizeof(text), "--%.*s", (int)o.len, o.name);

			if (n < 0 || !begins(text, (size_t)n, prefix))
				continue;
			(void)snprintf(help, sizeof(help), "%s%s%s", o.value,
				       o.value[0] != '\0' ? "  " : "", grammar_arg_help(o.value));
			/* Without a dash typed they are shown, and not completed to. */
			complete_add(ret, text, (size_t)n, help, prefix[0] == '\0');
		}
}

static void add_next(const struct place *p, const char *prefix, struct candidates *ret)
{
	char below[GRAMMAR_PLACE_MAX + 40], help[COMPLETE_HELP_MAX];
	struct grammar_next n;

	for (size_t i = 0; grammar_next(p->m.place, prefix, i, &n); i++) {
		(void)snprintf(below, sizeof(below), "%s%s%.*s", p->m.place,
			       p->m.place[0] != '\0' ? " " : "", (int)n.len, n.word);
		if (n.command == NULL)
			(void)grammar_level_help(below, help, sizeof(help));
		complete_add(ret, n.word, n.len, n.command != NULL ? n.help : help, false);
	}
}

void complete_words(const struct cli *cli, const char *const *word, size_t nb, const char *prefix,
		    struct candidates *ret)
{
	struct place p;
	char arg[64];

	ret->nb = 0;
	ret->is_cut = false;
	read_words(&p, word, nb);
	if (p.awaited != NULL) {
		add_awaited(cli, &p, prefix, ret);
		return;
	}
	if (p.m.end != GRAMMAR_ALL)
		return;
	if (strncmp(prefix, "-", 1) != 0 || p.m.command == NULL) {
		if (p.nb == p.m.nb_words)
			add_next(&p, prefix, ret);
		if (p.m.command != NULL &&
		    grammar_arg(p.m.command, p.nb - p.m.nb_words, arg, sizeof(arg)))
			add_value(cli, arg, prefix, ret);
	}
	if (prefix[0] == '\0' || prefix[0] == '-')
		add_options(&p, prefix, ret);
	if (prefix[0] == '\0' && p.m.command != NULL &&
	    p.nb - p.m.nb_words >= p.m.command->min_args)
		complete_add(ret, "<Enter>", 7, p.m.command->help, true);
}

/* Behind '|'. */
static void complete_filter(size_t nb, const char *prefix, struct candidates *ret)
{
	ret->nb = 0;
	ret->is_cut = false;
	if (nb == 0 && begins("grep", 4, prefix)) {
		complete_add(ret, "grep", 4, "lines that match a regular expression", false);
	} else if (nb > 0) {
		if (begins("-i", 2, prefix))
			complete_add(ret, "-i", 2, "letter case is all one", prefix[0] == '\0');
		if (begins("-v", 2, prefix))
			complete_add(ret, "-v", 2, "lines that do not match", prefix[0] == '\0');
		if (prefix[0] == '\0')
			complete_add(ret, "PATTERN", 7, "a regular expression", true);
	}
}

void complete_line(const struct cli *cli, const char *s, size_t len, struct candidates *ret,
		   size_t *ret_at)
{
	static struct line l; /* of the one thread that edits */
	const char *const *word;
	const char *prefix = "";
	size_t nb;

	ret->nb = 0;
	ret->is_cut = false;
	*ret_at = len;
	/* An open quote is no mistake here: the word goes on. */
	if (line_split(&l, s, len) < 0 && l.quote == 0)
		return;
	*ret_at = l.last_at;
	nb = line_part(&l, l.nb_parts - 1, &word);
	if (l.is_in_word && nb > 0) {
		prefix = word[nb - 1];
		nb--;
	}
	if (l.nb_parts > 1)
		complete_filter(nb, prefix, ret);
	else
		complete_words(cli, word, nb, prefix, ret);
}

size_t complete_common(const struct candidates *c)
{
	const char *first = NULL;
	size_t len = 0;

	for (size_t i = 0; i < c->nb; i++) {
		const char *s = c->list[i].text;
		size_t n = 0;

		if (c->list[i].is_hint)
			continue;
		if (first == NULL) {
			first = s;
			len = strlen(s);
		}
		while (n < len && s[n] == first[n])
			n++;
		len = n;
	}
	return len;
}
