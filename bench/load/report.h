/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a run says: a line of progress, a table, one JSON object. Only the main thread is here; it
 * reads the workers' counters at any moment. A result with errors is never without its mark.
 */

#pragma once

#include "bench/load/load.h"

#include <jansson.h>

#include <stdio.h>

struct load_pool;

/* The sum over workers of one window, and what follows from it. */
struct load_result {
	struct load_stats sum;
	double start_s, end_s; /* CLOCK_REALTIME */
	double seconds;
	double rate; /* asked for; 0: closed loop */
	double busy[LOAD_MAX_WORKERS];
	uint64_t nb_errors;
	bool has_ended; /* it ran its whole time */
};

/* What was so at the last line. All zero at the start. */
struct load_progress {
	uint64_t tsc, requests, connections;
	bool is_open; /* a line stands on the terminal without its end */
};

#define LOAD_EXIT_ERRORS 3

/* NULL: out of memory. free() it. <window> below nb_windows, or nb_windows: what was outside. */
struct load_result *load_result_new(const struct load_run *run, uint32_t window);

/* One line; on a terminal it takes the place of the one before. */
void load_report_progress(struct load_progress *p, const struct load_run *run, uint64_t now_tsc,
			  FILE *f, bool is_terminal);
/* Before anything else is written there. */
void load_report_progress_end(struct load_progress *p, FILE *f);

/* The object of --json; <pool> names the devices of cut connections, NULL: by number. */
json_t *load_report_json(const struct load_run *run, const struct load_pool *pool);
void load_report_table(const struct load_run *run, FILE *f);

/*
 * Table on <f> and JSON where the options want it. Returns the exit status of the process: 0,
 * LOAD_EXIT_ERRORS, or 1 when the result could not be written.
 */
int load_report(const struct load_run *run, const struct load_pool *pool, FILE *f);
