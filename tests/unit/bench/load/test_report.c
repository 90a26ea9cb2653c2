/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/device_pool.h"
#include "bench/load/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HZ 1000000000ull
#define EPOCH (5 * HZ)

static struct load_options opt;
static struct load_run run;
static struct load_cut cut[2];

/* Two workers, two seconds, 1000 requests of 100 us and one of 50 ms each. */
static int set_up(void **)
{
	opt = (struct load_options){.connections = 4, .duration_s = 2};
	run = (struct load_run){
		.opt = &opt,
		.nb_workers = 2,
		.nb_windows = 1,
		.tsc_hz = HZ,
		.epoch_tsc = EPOCH,
		.epoch_real_ns = 1700000000ull * 1000000000,
	};
	for (uint32_t w = 0; w < 2; w++) {
		struct load_worker_counts *c = calloc(1, sizeof(*c));
		struct load_stats *s = &c->window[0];

		run.worker[w] = c;
		s->start_tsc = EPOCH + HZ;
		s->end_tsc = EPOCH + 3 * HZ;
		s->requests = 1001;
		s->busy_cycles = w == 0 ? 50 : 20;
		s->cycles = 100;
		for (int i = 0; i < 1000; i++)
			load_histogram_add(&s->latency, 100000);
		load_histogram_add(&s->latency, 50000000);
	}
	return 0;
}

static int tear_down(void **)
{
	free(run.worker[0]);
	free(run.worker[1]);
	return 0;
}

static bool has_mark(const json_t *o, const char *mark)
{
	const json_t *m;
	size_t i;

	json_array_foreach(json_object_get(o, "marks"), i, m)
	{
		if (strcmp(json_string_value(m), mark) == 0)
			return true;
	}
	return false;
}

static double number(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

static void workers_are_summed_and_rates_are_by_the_window(void **)
{
	json_t *o = load_report_json(&run, NULL);
	const json_t *latency = json_object_get(o, "latency_us");

	assert_true(number(o, "schema") == 1);
	assert_true(number(o, "requests") == 2002);
	assert_true(number(o, "seconds") == 2);
	assert_true(number(o, "requests_per_s") == 1001);
	assert_true(number(o, "start") == 1700000001);
	assert_true(number(o, "end") == 1700000003);
	assert_true(number(latency, "p50") >= 100 && number(latency, "p50") < 100.1);
	assert_true(number(latency, "max") == 50000);
	assert_true(json_is_null(json_object_get(o, "rate")));
	assert_int_equal(json_array_size(json_object_get(o, "marks")), 0);
	assert_int_equal(json_array_size(json_object_get(o, "busy")), 2);
	json_decref(o);
}

static void an_error_is_a_mark_and_an_exit_status_in_the_window_and_outside(void **)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	json_t *o;

	assert_int_equal(load_report(&run, NULL, f), 0);
	run.worker[1]->outside.errors[LOAD_E_CONNECT] = 2;
	assert_int_equal(load_report(&run, NULL, f), LOAD_EXIT_ERRORS);
	run.worker[1]->outside.errors[LOAD_E_CONNECT] = 0;
	run.worker[0]->window[0].errors[LOAD_E_TLS] = 3;
	assert_int_equal(load_report(&run, NULL, f), LOAD_EXIT_ERRORS);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "ramp, warm-up and hold"));
	assert_non_null(strstr(text, "tls 3"));
	assert_non_null(strstr(text, "MARKED         errors"));
	free(text);
	o = load_report_json(&run, NULL);
	assert_true(has_mark(o, "errors"));
	assert_true(number(json_object_get(o, "errors"), "tls") == 3);
	json_decref(o);
}

static void who_is_behind_the_rate_and_who_is_saturated_is_told_apart(void **)
{
	json_t *o;

	opt.nb_rates = 1;
	opt.rate[0] = 1001;
	o = load_report_json(&run, NULL);
	assert_false(has_mark(o, "behind the asked rate"));
	json_decref(o);

	opt.rate[0] = 1100;
	o = load_report_json(&run, NULL);
	assert_true(has_mark(o, "behind the asked rate"));
	assert_false(has_mark(o, "generator saturated"));
	json_decref(o);

	run.worker[1]->window[0].busy_cycles = 99;
	o = load_report_json(&run, NULL);
	assert_true(has_mark(o, "generator saturated"));
	json_decref(o);

	/* Busy, but it kept up: the numbers are good. */
	opt.rate[0] = 1001;
	o = load_report_json(&run, NULL);
	assert_false(has_mark(o, "generator saturated"));
	json_decref(o);
}

static void a_run_that_did_nothing_is_no_success(void **)
{
	FILE *f = fopen("/dev/null", "w");

	run.worker[0]->window[0].requests = 0;
	run.worker[1]->window[0].requests = 0;
	assert_int_equal(load_report(&run, NULL, f), LOAD_EXIT_ERRORS);
	/* Sessions that are only held make none. */
	opt.connections = 0;
	assert_int_equal(load_report(&run, NULL, f), 0);
	run.worker[0]->window[0].start_tsc = 0;
	run.worker[1]->window[0].start_tsc = 0;
	assert_int_equal(load_report(&run, NULL, f), LOAD_EXIT_ERRORS);
	assert_int_equal(fclose(f), 0);
}

static void several_windows_are_a_list_and_a_short_one_says_so(void **)
{
	json_t *o, *w;

	run.nb_windows = 2;
	opt.nb_rates = 2;
	opt.rate[0] = opt.rate[1] = 1;
	for (uint32_t i = 0; i < 2; i++) {
		run.worker[i]->window[1].start_tsc = EPOCH + 4 * HZ;
		run.worker[i]->window[1].end_tsc = EPOCH + 5 * HZ;
		run.worker[i]->window[1].requests = 10;
	}
	o = load_report_json(&run, NULL);
	w = json_array_get(json_object_get(o, "windows"), 1);
	assert_true(number(w, "requests") == 20);
	assert_true(has_mark(w, "ended early"));
	assert_null(json_object_get(o, "requests"));
	json_decref(o);
}

static void cut_connections_are_told_by_device_and_time(void **)
{
	struct load_device device[2] = {{.name = "AA"}, {.name = "BB"}};
	const struct load_pool pool = {.device = device, .nb = 2};
	const json_t *list;
	json_t *o;

	cut[0] = (struct load_cut){.t_ns = 1234567890123, .device = 1};
	cut[1] = (struct load_cut){.t_ns = 2, .device = UINT32_MAX, .is_reset = true};
	run.worker[0]->cut = cut;
	run.worker[0]->cap_cuts = 2;
	run.worker[0]->gauges.cuts = 2;
	o = load_report_json(&run, &pool);
	list = json_object_get(o, "cut");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "device")),
			    "BB");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "t_ns")),
			 1234567890123);
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "device")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "by")),
			    "reset");
	json_decref(o);
}

static void the_line_of_progress_says_what_happened_since_the_last_one(void **)
{
	struct load_progress p = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	run.phase = LOAD_P_WINDOW;
	run.worker[0]->gauges.nb_open = 7;
	load_report_progress(&p, &run, EPOCH + 2 * HZ, f, false);
	run.worker[0]->window[0].requests += 500;
	load_report_progress(&p, &run, EPOCH + 3 * HZ, f, true);
	load_report_progress_end(&p, f);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "requests/s 1001 "));
	assert_non_null(strstr(text, "open 7"));
	assert_non_null(strstr(text, "\r     3 s  window"));
	assert_non_null(strstr(text, "requests/s 500 "));
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
}

static void the_json_file_is_whole_and_not_written_is_status_1(void **)
{
	char path[] = "/tmp/test_report.XXXXXX";
	const int fd = mkstemp(path);
	FILE *f = fopen("/dev/null", "w");
	json_t *o;

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	opt.json = path;
	opt.is_quiet = true;
	assert_int_equal(load_report(&run, NULL, f), 0);
	o = json_load_file(path, 0, NULL);
	assert_true(number(o, "requests") == 2002);
	json_decref(o);
	assert_int_equal(unlink(path), 0);
	opt.json = "/no/such/folder/x";
	assert_int_equal(load_report(&run, NULL, f), 1);
	assert_int_equal(fclose(f), 0);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(workers_are_summed_and_rates_are_by_the_window),
		TEST(an_error_is_a_mark_and_an_exit_status_in_the_window_and_outside),
		TEST(who_is_behind_the_rate_and_who_is_saturated_is_told_apart),
		TEST(a_run_that_did_nothing_is_no_success),
		TEST(several_windows_are_a_list_and_a_short_one_says_so),
		TEST(cut_connections_are_told_by_device_and_time),
		TEST(the_line_of_progress_says_what_happened_since_the_last_one),
		TEST(the_json_file_is_whole_and_not_written_is_status_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
