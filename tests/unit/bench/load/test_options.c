/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define MAX_WORDS 24

static struct load_options opt;
static char why[LOAD_WHY];

/* What every set-up needs, then <words>, which ends with NULL. */
static int parse(const char *const words[])
{
	static char *argv[MAX_WORDS] = {
		"tagwarden-load",  "--wan",        "net_memif0,role=client", "--target",
		"192.0.2.10:9043", "--client-net", "192.0.2.1-192.0.2.4/24"};
	int argc = 7;

	for (size_t i = 0; words[i] != NULL; i++)
		argv[argc++] = (char *)(uintptr_t)words[i];
	argv[argc] = NULL;
	why[0] = '\0';
	return load_options_parse(argc, argv, &opt, why);
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void defaults_are_filled_in(void **)
{
	assert_int_equal(PARSE(), LOAD_OPTIONS_RUN);
	assert_string_equal(opt.wan, "net_memif0,role=client");
	assert_int_equal(opt.target.port, 9043);
	assert_int_equal(opt.nb_clients, 4);
	assert_int_equal(opt.client_len, 120);
	assert_int_equal(opt.client[3].b[15], 4);
	assert_int_equal(opt.connections, 1);
	assert_int_equal(opt.response_size, 1024);
	assert_int_equal(opt.nb_rates, 0);
	assert_true(opt.duration_s == 10);
	assert_int_equal(opt.tls, LOAD_TLS_13);
}

static void numbers_take_suffixes(void **)
{
	assert_int_equal(PARSE("--idle", "100k", "--response-size", "1M", "--request-size=2k",
			       "--rate", "500,1.5k,2M", "--ramp", "0.25", "--handshake", "resumed",
			       "--tls12", "--seed", "7"),
			 LOAD_OPTIONS_RUN);
	assert_int_equal(opt.idle, 100000);
	assert_int_equal(opt.response_size, 1 << 20);
	assert_int_equal(opt.request_size, 2048);
	assert_int_equal(opt.nb_rates, 3);
	assert_true(opt.rate[0] == 500 && opt.rate[1] == 1500 && opt.rate[2] == 2e6);
	assert_true(opt.ramp_s == 0.25);
	assert_int_equal(opt.handshake, LOAD_HANDSHAKE_RESUMED);
	assert_int_equal(opt.tls, LOAD_TLS_12);
	assert_int_equal(opt.seed, 7);
}

static void lists_of_cores_and_origins_are_read(void **)
{
	assert_int_equal(PARSE("--workers", "0,2-4", "--lan", "net_memif1,role=client", "--origin",
			       "198.51.100.20:8080", "--origin", "198.51.100.21:8081"),
			 LOAD_OPTIONS_RUN);
	assert_int_equal(opt.nb_workers, 4);
	assert_int_equal(opt.workers[3], 4);
	assert_int_equal(opt.nb_origins, 2);
	assert_int_equal(opt.origin[1].port, 8081);
	assert_int_equal(opt.lan_len, 120);
	assert_int_equal(PARSE("--lan-net", "198.51.100.20/16"), LOAD_OPTIONS_RUN);
	assert_int_equal(opt.lan_len, 112);
	assert_int_equal(PARSE("--target", "[2001:db8::10]:443", "--client-net",
			       "2001:db8::1:1-2001:db8::1:100/64"),
			 LOAD_OPTIONS_RUN);
	assert_int_equal(opt.nb_clients, 256);
	assert_int_equal(opt.client_len, 64);
}

static void help_and_version_are_verdicts(void **)
{
	assert_int_equal(PARSE("--help"), LOAD_OPTIONS_HELP);
	assert_int_equal(PARSE("-h"), LOAD_OPTIONS_HELP);
	assert_int_equal(PARSE("--version"), LOAD_OPTIONS_VERSION);
}

static void nonsense_is_refused_and_the_option_is_named(void **)
{
	static const struct {
		const char *word, *arg;
	} bad[] = {
		{"--connections", "-1"},
		{"--connections", ""},
		{"--connections", "1x"},
		{"--connections", "1kk"},
		{"--connections", "5M"},
		{"--connections", "99999999999999999999"},
		{"--in-flight", "0"},
		{"--in-flight", "65"},
		{"--response-size", "65M"},
		{"--request-size", "1.5"},
		{"--rate", "0"},
		{"--rate", "-5"},
		{"--rate", "nan"},
		{"--rate", "1e3"},
		{"--rate", "10,,20"},
		{"--rate", "10,"},
		{"--rate", "."},
		{"--rate", "200M"},
		{"--duration", "0"},
		{"--duration", "10s"},
		{"--mtu", "100"},
		{"--workers", "0,0"},
		{"--workers", "3-1"},
		{"--workers", "0-99999"},
		{"--workers", "a"},
		{"--workers", "0,"},
		{"--target", "192.0.2.10"},
		{"--target", "192.0.2.10:"},
		{"--target", "192.0.2.10:0"},
		{"--target", "192.0.2.10:65536"},
		{"--target", "2001:db8::1:443"},
		{"--target", ":443"},
		{"--client-net", "192.0.2.1"},
		{"--client-net", "192.0.2.1/33"},
		{"--client-net", "192.0.2.9-192.0.2.1/24"},
		{"--client-net", "192.0.2.9-198.51.100.1/24"},
		{"--client-net", "10.0.0.1-10.0.255.1/16"},
		{"--handshake", "half"},
		{"--origin", "x:1"},
		{"--lan-net", "198.51.100.20"},
		{"--sni", ""},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (PARSE(bad[i].word, bad[i].arg) != -EINVAL)
			fail_msg("%s '%s' was taken", bad[i].word, bad[i].arg);
		assert_non_null(strstr(why, bad[i].word));
		assert_non_null(strstr(why, "takes"));
	}
}

static void unknown_words_and_missing_arguments_are_refused(void **)
{
	assert_int_equal(PARSE("--conections", "1"), -EINVAL);
	assert_non_null(strstr(why, "--conections"));
	assert_int_equal(PARSE("--json"), -EINVAL);
	assert_non_null(strstr(why, "wants an argument"));
	assert_int_equal(PARSE("stray"), -EINVAL);
	assert_non_null(strstr(why, "stray"));
}

static void what_every_run_needs_is_asked_for(void **)
{
	static char *no_target[] = {"load", "--wan", "net_ring0", NULL};
	static char *no_wan[] = {"load", NULL};

	assert_int_equal(load_options_parse(3, no_target, &opt, why), -EINVAL);
	assert_non_null(strstr(why, "--target"));
	assert_int_equal(load_options_parse(1, no_wan, &opt, why), -EINVAL);
	assert_non_null(strstr(why, "--wan"));
}

/* Each option is in the help, with groups and an example; no line is too wide for a terminal. */
static void the_help_is_whole_and_fits_the_terminal(void **)
{
	char *text = NULL, *line;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	load_options_help(f);
	assert_int_equal(fclose(f), 0);
	assert_non_null(strstr(text, "--requests-per-connection N"));
	assert_non_null(strstr(text, "Addresses:"));
	assert_non_null(strstr(text, "examples:"));
	for (line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 110)
			fail_msg("too wide: %.*s", (int)strcspn(line, "\n"), line);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(numbers_take_suffixes),
		cmocka_unit_test(lists_of_cores_and_origins_are_read),
		cmocka_unit_test(help_and_version_are_verdicts),
		cmocka_unit_test(nonsense_is_refused_and_the_option_is_named),
		cmocka_unit_test(unknown_words_and_missing_arguments_are_refused),
		cmocka_unit_test(what_every_run_needs_is_asked_for),
		cmocka_unit_test(the_help_is_whole_and_fits_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
