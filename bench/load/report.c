/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/report.h"

#include "bench/load/device_pool.h"

#include <stdlib.h>

#define SATURATED 0.95 /* share of busy cycles from which on the generator may be the limit */
#define REACHED 0.99   /* of the asked rate */
#define NB_MARKS 8u

static const char *const error_names[LOAD_E__COUNT] = {
	[LOAD_E_CONNECT] = "connect",         [LOAD_E_TLS] = "tls",
	[LOAD_E_HTTP_STATUS] = "http_status", [LOAD_E_RESET] = "reset",
	[LOAD_E_TIMEOUT] = "timeout",         [LOAD_E_OTHER] = "other",
};

static const char *const phase_names[LOAD_P_END + 1] = {
	[LOAD_P_ANSWER] = "waiting", [LOAD_P_RAMP] = "ramp", [LOAD_P_WARM_UP] = "warm-up",
	[LOAD_P_WINDOW] = "window",  [LOAD_P_HOLD] = "hold", [LOAD_P_END] = "end",
};

static uint32_t get32(const _Atomic(uint32_t) *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static const struct load_stats *stats_of(const struct load_run *run, uint32_t worker,
					 uint32_t window)
{
	return window < run->nb_windows ? &run->worker[worker]->window[window]
					: &run->worker[worker]->outside;
}

static void add_stats(struct load_stats *to, const struct load_stats *from)
{
	load_add(&to->requests, load_get(&from->requests));
	load_add(&to->connections, load_get(&from->connections));
	load_add(&to->handshakes_full, load_get(&from->handshakes_full));
	load_add(&to->handshakes_resumed, load_get(&from->handshakes_resumed));
	load_add(&to->bytes_in, load_get(&from->bytes_in));
	load_add(&to->bytes_out, load_get(&from->bytes_out));
	for (uint32_t i = 0; i < LOAD_E__COUNT; i++)
		load_add(&to->errors[i], load_get(&from->errors[i]));
	load_add(&to->origin_connections, load_get(&from->origin_connections));
	load_add(&to->origin_requests, load_get(&from->origin_requests));
	load_add(&to->backlog, load_get(&from->backlog));
	load_add(&to->busy_cycles, load_get(&from->busy_cycles));
	load_add(&to->cycles, load_get(&from->cycles));
	load_histogram_merge(&to->latency, &from->latency);
	load_histogram_merge(&to->handshake, &from->handshake);
}

static double wall_of(const struct load_run *run, uint64_t tsc)
{
	const double since = ((double)tsc - (double)run->epoch_tsc) / (double)run->tsc_hz;

	return (double)run->epoch_real_ns / 1e9 + since;
}

/* From the first worker's start to the last one's end. */
static void set_times(struct load_result *r, const struct load_run *run, uint32_t window)
{
	uint64_t start = UINT64_MAX, end = 0;

	r->has_ended = true;
	for (uint32_t w = 0; w < run->nb_workers; w++) {
		const struct load_stats *s = stats_of(run, w, window);
		const uint64_t from = load_get(&s->start_tsc), to = load_get(&s->end_tsc);

		r->has_ended &= from != 0 && to != 0;
		if (from != 0 && from < start)
			start = from;
		if (to > end)
			end = to;
	}
	if (start >= end)
		return;
	r->start_s = wall_of(run, start);
	r->end_s = wall_of(run, end);
	r->seconds = (double)(end - start) / (double)run->tsc_hz;
	/* Who was told to end has its window cut short. */
	r->has_ended &= window >= run->nb_windows || r->seconds >= REACHED * run->opt->duration_s;
}

struct load_result *load_result_new(const struct load_run *run, uint32_t window)
{
	struct load_result *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	for (uint32_t w = 0; w < run->nb_workers; w++) {
		const struct load_stats *s = stats_of(run, w, window);
		const uint64_t cycles = load_get(&s->cycles);

		add_stats(&r->sum, s);
		r->busy[w] = cycles == 0 ? 0 : (double)load_get(&s->busy_cycles) / (double)cycles;
	}
	for (uint32_t i = 0; i < LOAD_E__COUNT; i++)
		r->nb_errors += load_get(&r->sum.errors[i]);
	set_times(r, run, window);
	r->rate = window < run->opt->nb_rates ? run->opt->rate[window] : 0;
	return r;
}

static double per_second(const struct load_result *r, uint64_t n)
{
	return r->seconds > 0 ? (double)n / r->seconds : 0;
}

/* The rate counts requests: of connections with one request each they are the same. */
static double achieved(const struct load_result *r)
{
	return per_second(r, load_get(&r->sum.requests));
}

static uint64_t sum_gauge(const struct load_run *run, size_t offset)
{
	uint64_t n = 0;

	for (uint32_t w = 0; w < run->nb_workers; w++) {
		const char *g = (const char *)&run->worker[w]->gauges;

		n += load_get((const _Atomic(uint64_t) *)(g + offset));
	}
	return n;
}

static uint64_t sum_gauge32(const struct load_run *run, size_t offset)
{
	uint64_t n = 0;

	for (uint32_t w = 0; w < run->nb_workers; w++) {
		const char *g = (const char *)&run->worker[w]->gauges;

		n += get32((const _Atomic(uint32_t) *)(g + offset));
	}
	return n;
}

#define GAUGE(run, field) sum_gauge(run, offsetof(struct load_gauges, field))
#define GAUGE32(run, field) sum_gauge32(run, offsetof(struct load_gauges, field))

static bool is_saturated(const struct load_run *run, const struct load_result *r)
{
	bool is_busy = false;

	for (uint32_t w = 0; w < run->nb_workers; w++)
		is_busy |= r->busy[w] > SATURATED;
	return is_busy && (r->rate == 0 || achieved(r) < REACHED * r->rate);
}

/* What a reader of the numbers has to know; returns how many. */
static uint32_t find_marks(const struct load_run *run, const struct load_result *r,
			   const char *ret[static NB_MARKS])
{
	uint32_t nb = 0;

	if (r->nb_errors > 0)
		ret[nb++] = "errors";
	if (r->seconds == 0)
		ret[nb++] = "did not run";
	else if (!r->has_ended)
		ret[nb++] = "ended early";
	if (run->opt->connections > 0 && r->seconds > 0 && load_get(&r->sum.requests) == 0)
		ret[nb++] = "nothing was answered";
	if (is_saturated(run, r))
		ret[nb++] = "generator saturated";
	if (r->rate > 0 && r->seconds > 0 && achieved(r) < REACHED * r->rate)
		ret[nb++] = "behind the asked rate";
	return nb;
}

static bool is_failure(const struct load_run *run, const struct load_result *r)
{
	return r->nb_errors > 0 || r->seconds == 0 ||
	       (run->opt->connections > 0 && load_get(&r->sum.requests) == 0);
}

/* Over the whole run, outside of windows too. */
static uint64_t count_errors(const struct load_run *run)
{
	uint64_t n = 0;

	for (uint32_t w = 0; w < run->nb_workers; w++)
		for (uint32_t i = 0; i <= run->nb_windows; i++)
			for (uint32_t e = 0; e < LOAD_E__COUNT; e++)
				n += load_get(&stats_of(run, w, i)->errors[e]);
	return n;
}

void load_report_progress_end(struct load_progress *p, FILE *f)
{
	if (p->is_open)
		(void)fputc('\n', f);
	p->is_open = false;
	(void)fflush(f);
}

void load_report_progress(struct load_progress *p, const struct load_run *run, uint64_t now_tsc,
			  FILE *f, bool is_terminal)
{
	const uint32_t phase = get32(&run->phase) <= LOAD_P_END ? get32(&run->phase) : LOAD_P_END;
	const double elapsed = (double)(now_tsc - run->epoch_tsc) / (double)run->tsc_hz;
	uint64_t requests = 0, connections = 0;

	for (uint32_t w = 0; w < run->nb_workers; w++) {
		for (uint32_t i = 0; i <= run->nb_windows; i++) {
			requests += load_get(&stats_of(run, w, i)->requests);
			connections += load_get(&stats_of(run, w, i)->connections);
		}
	}

	const uint64_t since = p->tsc == 0 ? run->epoch_tsc : p->tsc;
	const double s = now_tsc > since ? (double)(now_tsc - since) / (double)run->tsc_hz : 1;

	(void)fprintf(f,
		      "%s%6.0f s  %-7s  open %lu (idle %lu)  opening %lu  requests/s %.0f  "
		      "connections/s %.0f  in flight %lu  cut %lu  errors %lu%s",
		      is_terminal ? "\r" : "", elapsed, phase_names[phase],
		      (unsigned long)GAUGE32(run, nb_open), (unsigned long)GAUGE32(run, nb_idle),
		      (unsigned long)GAUGE32(run, nb_opening), (double)(requests - p->requests) / s,
		      (double)(connections - p->connections) / s,
		      (unsigned long)GAUGE32(run, nb_in_flight), (unsigned long)GAUGE(run, cuts),
		      (unsigned long)count_errors(run), is_terminal ? "\033[K" : "\n");
	(void)fflush(f);
	*p = (struct load_progress){
		.tsc = now_tsc,
		.requests = requests,
		.connections = connections,
		.is_open = is_terminal,
	};
}

static const struct quantile {
	const char *name, *title;
	uint32_t ppm;
} quantiles[] = {
	{"p50", "p50", 500000},
	{"p90", "p90", 900000},
	{"p99", "p99", 990000},
	{"p999", "p99.9", 999000},
};
#define NB_QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

static double quantile_us(const struct load_histogram *h, uint32_t ppm)
{
	return (double)load_histogram_quantile(h, ppm) / 1e3;
}

static json_t *json_of_histogram(const struct load_histogram *h)
{
	json_t *o = json_object();

	for (size_t i = 0; i < NB_QUANTILES; i++)
		json_object_set_new(o, quantiles[i].name,
				    json_real(quantile_us(h, quantiles[i].ppm)));
	json_object_set_new(o, "max", json_real((double)load_histogram_max(h) / 1e3));
	json_object_set_new(o, "mean", json_real(load_histogram_mean(h) / 1e3));
	json_object_set_new(o, "count", json_integer((json_int_t)load_histogram_count(h)));
	return o;
}

static json_t *json_of_errors(const struct load_result *r)
{
	json_t *o = json_object();

	for (uint32_t i = 0; i < LOAD_E__COUNT; i++)
		json_object_set_new(o, error_names[i],
				    json_integer((json_int_t)load_get(&r->sum.errors[i])));
	return o;
}

static json_t *json_of_count(const _Atomic(uint64_t) *c)
{
	return json_integer((json_int_t)load_get(c));
}

static json_t *json_of_marks(const struct load_run *run, const struct load_result *r)
{
	const char *marks[NB_MARKS];
	const uint32_t nb = find_marks(run, r, marks);
	json_t *a = json_array();

	for (uint32_t i = 0; i < nb; i++)
		json_array_append_new(a, json_string(marks[i]));
	return a;
}

static void set_counts(json_t *o, const struct load_result *r)
{
	const struct load_stats *s = &r->sum;
	json_t *origin = json_object();

	json_object_set_new(o, "requests", json_of_count(&s->requests));
	json_object_set_new(o, "connections", json_of_count(&s->connections));
	json_object_set_new(o, "handshakes_full", json_of_count(&s->handshakes_full));
	json_object_set_new(o, "handshakes_resumed", json_of_count(&s->handshakes_resumed));
	json_object_set_new(o, "bytes_in", json_of_count(&s->bytes_in));
	json_object_set_new(o, "bytes_out", json_of_count(&s->bytes_out));
	json_object_set_new(o, "errors", json_of_errors(r));
	json_object_set_new(o, "backlog", json_of_count(&s->backlog));
	json_object_set_new(origin, "connections", json_of_count(&s->origin_connections));
	json_object_set_new(origin, "requests", json_of_count(&s->origin_requests));
	json_object_set_new(o, "origin", origin);
}

static void set_window(json_t *o, const struct load_run *run, const struct load_result *r)
{
	json_t *busy = json_array();

	for (uint32_t w = 0; w < run->nb_workers; w++)
		json_array_append_new(busy, json_real(r->busy[w]));
	json_object_set_new(o, "start", json_real(r->start_s));
	json_object_set_new(o, "end", json_real(r->end_s));
	json_object_set_new(o, "seconds", json_real(r->seconds));
	set_counts(o, r);
	json_object_set_new(o, "requests_per_s", json_real(achieved(r)));
	json_object_set_new(o, "connections_per_s",
			    json_real(per_second(r, load_get(&r->sum.connections))));
	json_object_set_new(o, "latency_us", json_of_histogram(&r->sum.latency));
	json_object_set_new(o, "handshake_us", json_of_histogram(&r->sum.handshake));
	json_object_set_new(o, "rate", r->rate > 0 ? json_real(r->rate) : json_null());
	json_object_set_new(o, "achieved", json_real(achieved(r)));
	json_object_set_new(o, "busy", busy);
	json_object_set_new(o, "marks", json_of_marks(run, r));
}

static json_t *json_of_cuts(const struct load_run *run, const struct load_pool *pool)
{
	json_t *a = json_array();

	for (uint32_t w = 0; w < run->nb_workers; w++) {
		const struct load_worker_counts *c = run->worker[w];
		/* Pairs with the worker's store after the entry. */
		const uint64_t nb = atomic_load_explicit(&c->gauges.cuts, memory_order_acquire);

		for (uint64_t i = 0; i < nb && i < c->cap_cuts; i++) {
			const struct load_cut *cut = &c->cut[i];
			json_t *o = json_object();

			if (pool != NULL && cut->device < pool->nb)
				json_object_set_new(o, "device",
						    json_string(pool->device[cut->device].name));
			else
				json_object_set_new(o, "device",
						    cut->device == UINT32_MAX
							    ? json_null()
							    : json_integer(cut->device));
			json_object_set_new(o, "t_ns", json_integer((json_int_t)cut->t_ns));
			json_object_set_new(o, "by", json_string(cut->is_reset ? "reset" : "fin"));
			json_array_append_new(a, o);
		}
	}
	return a;
}

/* Ramp, warm-ups and hold: not of any window, but what went wrong there is told. */
static json_t *json_of_outside(const struct load_run *run)
{
	struct load_result *r = load_result_new(run, run->nb_windows);
	json_t *o = json_object();

	if (r == NULL)
		return o;
	set_counts(o, r);
	json_object_set_new(o, "handshake_us", json_of_histogram(&r->sum.handshake));
	free(r);
	return o;
}

json_t *load_report_json(const struct load_run *run, const struct load_pool *pool)
{
	json_t *o = json_object(), *windows = json_array();

	json_object_set_new(o, "schema", json_integer(1));
	json_object_set_new(o, "tsc_hz", json_integer((json_int_t)run->tsc_hz));
	for (uint32_t i = 0; i < run->nb_windows; i++) {
		struct load_result *r = load_result_new(run, i);
		json_t *w = json_object();

		if (r != NULL) {
			set_window(w, run, r);
			/* The only one is the result: its fields stand at the top. */
			if (run->nb_windows == 1)
				json_object_update(o, w);
		}
		free(r);
		json_array_append_new(windows, w);
	}
	json_object_set_new(o, "windows", windows);
	json_object_set_new(o, "outside", json_of_outside(run));
	json_object_set_new(o, "open", json_integer((json_int_t)GAUGE32(run, nb_open)));
	json_object_set_new(o, "retransmits", json_integer((json_int_t)GAUGE(run, retransmits)));
	json_object_set_new(o, "drops", json_integer((json_int_t)GAUGE(run, drops)));
	json_object_set_new(o, "cut", json_of_cuts(run, pool));
	json_object_set_new(o, "cuts_lost", json_integer((json_int_t)GAUGE(run, cuts_lost)));
	json_object_set_new(o, "errors_total", json_integer((json_int_t)count_errors(run)));
	return o;
}

static void print_histogram(FILE *f, const char *title, const struct load_histogram *h)
{
	if (load_histogram_count(h) == 0)
		return;
	(void)fprintf(f, "  %-14s", title);
	for (size_t i = 0; i < NB_QUANTILES; i++)
		(void)fprintf(f, " %s %.1f ", quantiles[i].title, quantile_us(h, quantiles[i].ppm));
	(void)fprintf(f, " max %.1f  mean %.1f\n", (double)load_histogram_max(h) / 1e3,
		      load_histogram_mean(h) / 1e3);
}

static void print_errors(FILE *f, const struct load_result *r)
{
	(void)fprintf(f, "  %-14s", "errors");
	if (r->nb_errors == 0)
		(void)fputs(" none", f);
	for (uint32_t i = 0; i < LOAD_E__COUNT; i++)
		if (load_get(&r->sum.errors[i]) > 0)
			(void)fprintf(f, " %s %lu", error_names[i],
				      (unsigned long)load_get(&r->sum.errors[i]));
	(void)fputc('\n', f);
}

static void print_count(FILE *f, const char *title, const struct load_result *r, uint64_t n)
{
	(void)fprintf(f, "  %-14s %12lu %14.1f /s\n", title, (unsigned long)n, per_second(r, n));
}

static void print_window(const struct load_run *run, const struct load_result *r, FILE *f)
{
	const char *marks[NB_MARKS];
	const uint32_t nb_marks = find_marks(run, r, marks);
	const struct load_stats *s = &r->sum;

	if (r->rate > 0)
		(void)fprintf(f, "window of %.1f s, %.1f requests/s asked for:\n", r->seconds,
			      r->rate);
	else
		(void)fprintf(f, "window of %.1f s, closed loop:\n", r->seconds);
	print_count(f, "requests", r, load_get(&s->requests));
	print_count(f, "connections", r, load_get(&s->connections));
	if (!run->opt->is_plain) {
		print_count(f, "  full", r, load_get(&s->handshakes_full));
		print_count(f, "  resumed", r, load_get(&s->handshakes_resumed));
	}
	print_count(f, "bytes in", r, load_get(&s->bytes_in));
	print_count(f, "bytes out", r, load_get(&s->bytes_out));
	print_histogram(f, "latency us", &s->latency);
	print_histogram(f, "handshake us", &s->handshake);
	print_errors(f, r);
	(void)fprintf(f, "  %-14s", "busy");
	for (uint32_t w = 0; w < run->nb_workers; w++)
		(void)fprintf(f, " %.1f %%", r->busy[w] * 100);
	(void)fputc('\n', f);
	for (uint32_t i = 0; i < nb_marks; i++)
		(void)fprintf(f, "  %-14s %s\n", i == 0 ? "MARKED" : "", marks[i]);
}

void load_report_table(const struct load_run *run, FILE *f)
{
	struct load_result *r;

	for (uint32_t i = 0; i < run->nb_windows; i++) {
		r = load_result_new(run, i);
		if (r != NULL)
			print_window(run, r, f);
		free(r);
	}
	r = load_result_new(run, run->nb_windows);
	if (r != NULL && r->nb_errors > 0) {
		(void)fputs("ramp, warm-up and hold:\n", f);
		print_errors(f, r);
		(void)fprintf(f, "  %-14s errors\n", "MARKED");
	}
	free(r);
	(void)fprintf(f,
		      "open at the end %lu, cut by the other side while idle %lu, retransmitted "
		      "%lu, dropped here %lu\n",
		      (unsigned long)GAUGE32(run, nb_open),
		      (unsigned long)(GAUGE(run, cuts) + GAUGE(run, cuts_lost)),
		      (unsigned long)GAUGE(run, retransmits), (unsigned long)GAUGE(run, drops));
}

static int write_json(const struct load_run *run, const struct load_pool *pool, FILE *f)
{
	const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(15);
	const char *path = run->opt->json;
	json_t *o = load_report_json(run, pool);
	int rc;

	if (strcmp(path, "-") == 0)
		rc = json_dumpf(o, f, flags) == 0 && fputc('\n', f) != EOF ? 0 : -1;
	else
		rc = json_dump_file(o, path, flags);
	json_decref(o);
	return rc;
}

int load_report(const struct load_run *run, const struct load_pool *pool, FILE *f)
{
	const struct load_options *opt = run->opt;
	const bool is_on_stdout = opt->json != NULL && strcmp(opt->json, "-") == 0;
	bool has_failed = count_errors(run) > 0;

	for (uint32_t i = 0; i < run->nb_windows; i++) {
		struct load_result *r = load_result_new(run, i);

		has_failed |= r == NULL || is_failure(run, r);
		free(r);
	}
	if (!opt->is_quiet && !is_on_stdout)
		load_report_table(run, f);
	if (opt->json != NULL && write_json(run, pool, f) < 0)
		return 1;
	return fflush(f) != 0 ? 1 : has_failed ? LOAD_EXIT_ERRORS : 0;
}
