/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/editor.h"

#include "cli/complete.h"
#include "cli/history.h"
#include "cli/interrupt.h"
#include "cli/line.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

struct editor {
	EditLine *el;
	History *history;
	struct shell *sh;
	struct candidates found;
	mbstate_t mb;
	char line[LINE_BYTES];
};

static struct editor *of(EditLine *el)
{
	void *user = NULL;

	(void)el_get(el, EL_CLIENTDATA, &user);
	return user;
}

static char *prompt(EditLine *el)
{
	return of(el)->sh->prompt;
}

/* ---- what comes while a line is edited ---- */

static void follow(struct editor *e)
{
	struct shell *sh = e->sh;

	/* Over the prompt; it is drawn again below what is printed. */
	printf("\r\033[K");
	if (sh->on_ready(sh->user) < 0) {
		sh->fd = -1;
		sh->on_close(sh->user);
	}
	(void)fflush(stdout);
	(void)el_set(e->el, EL_REFRESH);
}

/* One byte of the terminal: 1, 0 at its end, -1 for Ctrl-C. */
static int read_byte(struct editor *e, char *ret)
{
	struct shell *sh = e->sh;

	for (;;) {
		struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
				      {.fd = sh->fd, .events = POLLIN}};
		ssize_t n;

		if (interrupt_is_set())
			return -1;
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (sh->fd >= 0 && p[1].revents != 0)
			follow(e);
		if (p[0].revents == 0)
			continue;
		n = read(STDIN_FILENO, ret, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		return n > 0 ? 1 : (int)n;
	}
}

static int read_wchar(EditLine *el, wchar_t *ret)
{
	struct editor *e = of(el);

	for (;;) {
		char c;
		size_t n;
		const int rc = read_byte(e, &c);

		if (rc <= 0)
			return rc;
		n = mbrtowc(ret, &c, 1, &e->mb);
		if (n == (size_t)-2)
			continue;
		if (n != (size_t)-1)
			return 1;
		/* Not of this character set: it is left out. */
		memset(&e->mb, 0, sizeof(e->mb));
	}
}

/* ---- Tab and '?' ---- */

static size_t width_of(const struct candidates *c, bool with_hints)
{
	size_t width = 0;

	for (size_t i = 0; i < c->nb; i++) {
		const size_t n = strlen(c->list[i].text);

		if (n > width && (with_hints || !c->list[i].is_hint))
			width = n;
	}
	return width;
}

static void print_help(const struct candidates *c)
{
	const size_t width = width_of(c, true);

	printf("\n");
	for (size_t i = 0; i < c->nb; i++)
		printf("  %-*s  %s\n", (int)width, c->list[i].text, c->list[i].help);
	if (c->nb == 0)
		printf("  nothing is known that may follow here\n");
	if (c->is_cut)
		printf("  and more\n");
	(void)fflush(stdout);
}

static void print_names(const struct candidates *c, size_t terminal)
{
	const size_t width = width_of(c, false) + 2;
	const size_t columns = terminal > width ? terminal / width : 1;
	size_t nb = 0;

	printf("\n");
	for (size_t i = 0; i < c->nb; i++) {
		if (c->list[i].is_hint)
			continue;
		nb++;
		printf("%-*s%s", (int)width, c->list[i].text, nb % columns == 0 ? "\n" : "");
	}
	if (nb % columns != 0)
		printf("\n");
	if (c->is_cut)
		printf("and more\n");
	(void)fflush(stdout);
}

/* The line up to the cursor as bytes. */
static size_t to_cursor(EditLine *el, const char **ret)
{
	const LineInfo *li = el_line(el);

	*ret = li->buffer;
	return (size_t)(li->cursor - li->buffer);
}

/* Put <text> in place of the <old> bytes before the cursor. */
static void replace(EditLine *el, size_t old, const char *text)
{
	const char *s;
	const size_t len = to_cursor(el, &s);
	int chars = 0;

	/* Bytes that begin a character. */
	for (size_t i = len - old; i < len; i++)
		chars += ((unsigned char)s[i] & 0xc0) != 0x80;
	if (chars > 0)
		el_deletestr(el, chars);
	(void)el_insertstr(el, text);
}

static size_t nb_names(const struct candidates *c, const struct candidate **ret_last)
{
	size_t nb = 0;

	*ret_last = NULL;
	for (size_t i = 0; i < c->nb; i++)
		if (!c->list[i].is_hint) {
			*ret_last = &c->list[i];
			nb++;
		}
	return nb;
}

static unsigned char on_tab(EditLine *el, wint_t)
{
	struct editor *e = of(el);
	struct candidates *c = &e->found;
	const struct candidate *one;
	char word[COMPLETE_TEXT_MAX], quoted[2 * COMPLETE_TEXT_MAX];
	const char *s;
	size_t len, at, nb, common;

	len = to_cursor(el, &s);
	complete_line(&e->sh->base, s, len, c, &at);
	nb = nb_names(c, &one);
	if (nb == 0) {
		if (c->nb == 0)
			return CC_ERROR;
		print_help(c);
		return CC_REDISPLAY;
	}
	common = complete_common(c);
	(void)snprintf(word, sizeof(word), "%.*s", (int)common, one->text);
	if (!line_quote(word, quoted, sizeof(quoted) - 1))
		return CC_ERROR;
	if (nb == 1 && !one->is_open) {
		const size_t n = strlen(quoted);

		quoted[n] = ' ';
		quoted[n + 1] = '\0';
	} else if (strlen(quoted) <= len - at || quoted[0] == '"') {
		/* Nothing is gained; and an open quote would end too early. */
		print_names(c, e->sh->base.terminal);
		return CC_REDISPLAY;
	}
	replace(el, len - at, quoted);
	return CC_REFRESH;
}

static unsigned char on_question(EditLine *el, wint_t)
{
	static struct line l;
	struct editor *e = of(el);
	const char *s;
	const size_t len = to_cursor(el, &s);
	size_t at;

	/* Within quotes it is a character like any other. */
	if (line_split(&l, s, len) < 0) {
		(void)el_insertstr(el, "?");
		return CC_REFRESH;
	}
	complete_line(&e->sh->base, s, len, &e->found, &at);
	print_help(&e->found);
	return CC_REDISPLAY;
}

/* ---- life ---- */

static void add_line(void *user, const char *line)
{
	struct editor *e = user;
	HistEvent ev;

	(void)history(e->history, &ev, H_ENTER, line);
}

static void bind_keys(struct editor *e)
{
	EditLine *el = e->el;

	(void)el_set(el, EL_CLIENTDATA, e);
	(void)el_set(el, EL_EDITOR, "emacs");
	(void)el_set(el, EL_PROMPT, prompt);
	(void)el_set(el, EL_HIST, history, e->history);
	(void)el_set(el, EL_GETCFN, read_wchar);
	/* Wide: of others libedit makes copies that it never frees. */
	(void)el_wset(el, EL_ADDFN, L"tagwarden-complete", L"complete the word", on_tab);
	(void)el_wset(el, EL_ADDFN, L"tagwarden-help", L"what may follow", on_question);
	(void)el_source(el, NULL);
	(void)el_set(el, EL_BIND, "^I", "tagwarden-complete", NULL);
	(void)el_set(el, EL_BIND, "?", "tagwarden-help", NULL);
	(void)el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
}

struct editor *editor_new(struct shell *sh)
{
	struct editor *e = calloc(1, sizeof(*e));
	HistEvent ev;

	if (e == NULL)
		return NULL;
	e->sh = sh;
	e->history = history_init();
	e->el = el_init("tagwardenctl", stdin, stdout, stderr);
	if (e->history == NULL || e->el == NULL) {
		editor_free(e);
		return NULL;
	}
	(void)history(e->history, &ev, H_SETSIZE, (int)HISTORY_LINES);
	(void)history(e->history, &ev, H_SETUNIQUE, 1);
	bind_keys(e);
	history_load(add_line, e);
	return e;
}

void editor_free(struct editor *e)
{
	if (e->el != NULL)
		el_end(e->el);
	if (e->history != NULL)
		history_end(e->history);
	free(e);
}

int editor_line(struct editor *e, const char **ret)
{
	int n = 0;
	const char *s;

	memset(&e->mb, 0, sizeof(e->mb));
	el_resize(e->el);
	s = el_gets(e->el, &n);
	if (interrupt_is_set()) {
		interrupt_clear();
		el_reset(e->el);
		return -ECANCELED;
	}
	if (s == NULL || n <= 0)
		return 0;
	(void)snprintf(e->line, sizeof(e->line), "%.*s", (int)strcspn(s, "\r\n"), s);
	*ret = e->line;
	return 1;
}

void editor_remember(struct editor *e, const char *line)
{
	if (history_is_kept(line))
		add_line(e, line);
	history_add(line);
}
