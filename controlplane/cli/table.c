/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/table.h"

#include "cli/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2u
#define SHRUNK_MIN 8u

void table_init(struct table *t, const struct table_column *column, size_t nb_columns)
{
	*t = (struct table){.column = column, .nb_columns = nb_columns};
	for (size_t c = 0; c < nb_columns; c++)
		t->width[c] = text_width(column[c].head);
}

static void forget(struct table *t)
{
	for (size_t i = 0; i < t->nb_rows * t->nb_columns; i++)
		free(t->cell[i]);
	t->nb_rows = 0;
}

void table_fini(struct table *t)
{
	forget(t);
	free(t->cell);
	*t = (struct table){0};
}

void table_row(struct table *t)
{
	if (t->nb_rows == t->cap) {
		const size_t cap = t->cap == 0 ? 64 : t->cap * 2;
		char **cell = reallocarray(t->cell, cap * t->nb_columns, sizeof(*cell));

		if (cell == NULL) {
			t->has_failed = true;
			return;
		}
		t->cell = cell;
		t->cap = cap;
	}
	for (size_t c = 0; c < t->nb_columns; c++)
		t->cell[t->nb_rows * t->nb_columns + c] = NULL;
	t->nb_rows++;
}

void table_set(struct table *t, size_t column, const char *text)
{
	char **cell;

	if (t->nb_rows == 0 || column >= t->nb_columns)
		return;
	cell = &t->cell[(t->nb_rows - 1) * t->nb_columns + column];
	free(*cell);
	*cell = strdup(text);
	if (*cell == NULL)
		t->has_failed = true;
}

static void measure(struct table *t)
{
	for (size_t i = 0; i < t->nb_rows * t->nb_columns; i++) {
		const size_t w = t->cell[i] == NULL ? 0 : text_width(t->cell[i]);

		if (w > t->width[i % t->nb_columns])
			t->width[i % t->nb_columns] = w;
	}
}

/* Take columns from the widest that may give, one by one, until the line fits. */
static void shrink(struct table *t, size_t terminal)
{
	size_t total = 0;

	for (size_t c = 0; c < t->nb_columns; c++)
		total += t->width[c] + (c > 0 ? GAP : 0);
	while (terminal != 0 && total > terminal) {
		size_t widest = t->nb_columns;

		for (size_t c = 0; c < t->nb_columns; c++)
			if ((t->column[c].flags & TABLE_SHRINK) && t->width[c] > SHRUNK_MIN &&
			    (widest == t->nb_columns || t->width[c] > t->width[widest]))
				widest = c;
		if (widest == t->nb_columns)
			return;
		t->width[widest]--;
		total--;
	}
}

static void pad(FILE *f, size_t n)
{
	while (n-- > 0)
		(void)fputc(' ', f);
}

static void print_cell(const struct table *t, size_t c, const char *s, FILE *f)
{
	const size_t width = t->width[c], w = text_width(s);
	const bool is_last = c + 1 == t->nb_columns;

	if (c > 0)
		pad(f, GAP);
	if (w > width && (t->column[c].flags & TABLE_SHRINK)) {
		(void)fwrite(s, 1, text_fit(s, width - 1), f);
		(void)fputc('~', f);
		return;
	}
	if ((t->column[c].flags & TABLE_RIGHT) && w < width)
		pad(f, width - w);
	(void)fputs(s, f);
	if (!(t->column[c].flags & TABLE_RIGHT) && w < width && !is_last)
		pad(f, width - w);
}

static void print_head(struct table *t, FILE *f, bool is_bold)
{
	if (is_bold)
		(void)fputs("\033[1m", f);
	for (size_t c = 0; c < t->nb_columns; c++)
		print_cell(t, c, t->column[c].head, f);
	(void)fputs(is_bold ? "\033[0m\n" : "\n", f);
	t->is_head_printed = true;
}

int table_print(struct table *t, FILE *f, size_t terminal, bool is_bold)
{
	measure(t);
	shrink(t, terminal);
	if (!t->is_head_printed)
		print_head(t, f, is_bold);
	for (size_t r = 0; r < t->nb_rows; r++) {
		for (size_t c = 0; c < t->nb_columns; c++) {
			const char *s = t->cell[r * t->nb_columns + c];

			print_cell(t, c, s == NULL ? "" : s, f);
		}
		(void)fputc('\n', f);
	}
	forget(t);
	return t->has_failed ? -ENOMEM : 0;
}
