/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Aligned columns. Rows are collected, then printed at once: widths are those of the widest
 * cells, and columns that may give way are cut ("~" at the end) when the terminal is narrower.
 * Printing in several pieces keeps the columns where they were.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 16u
#define TABLE_RIGHT (1u << 0)  /* numbers */
#define TABLE_SHRINK (1u << 1) /* may be cut to fit the terminal */

struct table_column {
	const char *head;
	unsigned flags;
};

struct table {
	const struct table_column *column;
	size_t nb_columns;
	char **cell; /* nb_rows * nb_columns, owned */
	size_t nb_rows, cap;
	size_t width[TABLE_COLUMNS_MAX];
	bool is_head_printed, has_failed;
};

void table_init(struct table *t, const struct table_column *column, size_t nb_columns);
void table_fini(struct table *t);
/* Set a cell of the row that table_row() began last; a copy is kept. */
void table_row(struct table *t);
void table_set(struct table *t, size_t column, const char *text);
/*
 * Print what was collected and forget it. <terminal>: columns, 0 for no limit. <is_bold>: mark
 * the heads. -ENOMEM when rows were lost.
 */
[[nodiscard]] int table_print(struct table *t, FILE *f, size_t terminal, bool is_bold);
