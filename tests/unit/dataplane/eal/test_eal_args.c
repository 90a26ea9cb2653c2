/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal/eal_args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint16_t cores[] = {2, 5};

static struct eal_params params(void)
{
	return (struct eal_params){
		.workers = cores,
		.nb_workers = 2,
		.cpus = {0xff},
		.memory_mib = 512,
		.device = {SLICE_LIT("net_tap0,iface=tw-wan")},
		.nb_devices = 1,
	};
}

static bool has(const struct eal_args *a, const char *arg)
{
	for (int i = 0; i < a->argc; i++)
		if (strcmp(a->argv[i], arg) == 0)
			return true;
	return false;
}

static bool has_pair(const struct eal_args *a, const char *arg, const char *value)
{
	for (int i = 0; i + 1 < a->argc; i++)
		if (strcmp(a->argv[i], arg) == 0 && strcmp(a->argv[i + 1], value) == 0)
			return true;
	return false;
}

static void the_main_lcore_floats_on_the_cores_that_are_left(void **)
{
	struct eal_params p = params();
	struct eal_args a;
	const char *why;

	assert_int_equal(eal_args_build(&p, &a, &why), 0);
	assert_true(has(&a, "--lcores=0@(0-1,3-4,6-7),1@2,2@5"));
	assert_true(has(&a, "--main-lcore=0"));
	assert_null(a.argv[a.argc]);
}

static void workers_on_all_cores_share_them_with_the_main_lcore(void **)
{
	const uint16_t all[] = {0, 1};
	struct eal_params p = params();
	struct eal_args a;
	const char *why;

	p.workers = all;
	p.cpus[0] = 3;
	assert_int_equal(eal_args_build(&p, &a, &why), 0);
	assert_true(has(&a, "--lcores=0@(0-1),1@0,2@1"));
}

static void without_huge_pages_and_pci_it_asks_for_neither(void **)
{
	struct eal_params p = params();
	struct eal_args a;
	const char *why;

	assert_int_equal(eal_args_build(&p, &a, &why), 0);
	assert_true(has(&a, "--no-huge"));
	assert_true(has(&a, "--no-shconf"));
	assert_false(has(&a, "--in-memory"));
	assert_true(has(&a, "--no-pci"));
	assert_true(has(&a, "--no-telemetry"));
	assert_true(has_pair(&a, "-m", "512"));
	assert_true(has_pair(&a, "--vdev", "net_tap0,iface=tw-wan"));
}

static void huge_pages_are_taken_without_a_file(void **)
{
	struct eal_params p = params();
	struct eal_args a;
	const char *why;

	p.use_hugepages = true;
	assert_int_equal(eal_args_build(&p, &a, &why), 0);
	assert_true(has(&a, "--in-memory"));
	assert_false(has(&a, "--no-huge"));
}

static void a_pci_device_is_allowed_by_name_and_pci_is_scanned(void **)
{
	struct eal_params p = params();
	struct eal_args a;
	const char *why;

	p.device[1] = SLICE_LIT("0000:03:00.1");
	p.nb_devices = 2;
	assert_int_equal(eal_args_build(&p, &a, &why), 0);
	assert_true(has_pair(&a, "-a", "0000:03:00.1"));
	assert_false(has(&a, "--no-pci"));
}

static void pci_addresses_are_told_from_names(void **)
{
	assert_true(eal_device_is_pci(slice_str("0000:03:00.1")));
	assert_true(eal_device_is_pci(slice_str("af:00.0")));
	assert_true(eal_device_is_pci(slice_str("0000:3b:00.0,dv_flow_en=1")));
	assert_false(eal_device_is_pci(slice_str("net_tap0")));
	assert_false(eal_device_is_pci(slice_str("net_memif")));
	assert_false(eal_device_is_pci(slice_str("zz:00.0")));
	assert_false(eal_device_is_pci(slice_str("")));
}

static void a_core_that_is_not_there_is_refused(void **)
{
	struct eal_params p = params();
	struct eal_args a;
	const char *why = NULL;

	p.cpus[0] = 7;
	assert_int_equal(eal_args_build(&p, &a, &why), -EINVAL);
	assert_non_null(why);
}

static void one_core_for_two_workers_is_refused(void **)
{
	const uint16_t same[] = {2, 2};
	struct eal_params p = params();
	struct eal_args a;
	const char *why;

	p.workers = same;
	assert_int_equal(eal_args_build(&p, &a, &why), -EINVAL);
	p.nb_workers = 0;
	assert_int_equal(eal_args_build(&p, &a, &why), -EINVAL);
}

static void a_device_string_that_does_not_fit_is_refused(void **)
{
	static uint8_t text[EAL_MAX_TEXT];
	struct eal_params p = params();
	struct eal_args a;
	const char *why;

	memset(text, 'x', sizeof(text));
	p.device[0] = slice_of(text, sizeof(text));
	assert_int_equal(eal_args_build(&p, &a, &why), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_main_lcore_floats_on_the_cores_that_are_left),
		cmocka_unit_test(workers_on_all_cores_share_them_with_the_main_lcore),
		cmocka_unit_test(without_huge_pages_and_pci_it_asks_for_neither),
		cmocka_unit_test(huge_pages_are_taken_without_a_file),
		cmocka_unit_test(a_pci_device_is_allowed_by_name_and_pci_is_scanned),
		cmocka_unit_test(pci_addresses_are_told_from_names),
		cmocka_unit_test(a_core_that_is_not_there_is_refused),
		cmocka_unit_test(one_core_for_two_workers_is_refused),
		cmocka_unit_test(a_device_string_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
