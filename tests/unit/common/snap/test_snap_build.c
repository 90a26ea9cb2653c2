/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/policy/policy.h"
#include "tests/lib/snap_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const struct fixture_policy two[] = {
	{.id = 1, .action = SNAP_ACCEPT, .tags = "any(FortiAD,Low-Risk)"},
	{.id = 2, .action = SNAP_ACCEPT, .tags = "none(Bad,all(FortiAD,Low-Risk))"},
};

static uint64_t copied(const struct snap_fixture *f)
{
	struct snap_build_stats st;

	snap_build_stats(f->build, &st);
	return st.copied_pages;
}

static void a_published_device_is_found_and_others_are_not(void **state)
{
	(void)state;
	struct snap_fixture f;

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	for (uint64_t i = 0; i < 1000; i++)
		fixture_device(&f, i, i % 2 ? "FortiAD" : NULL);
	struct snap_view v = fixture_publish(&f);
	for (uint64_t i = 0; i < 1000; i++) {
		struct device_uid uid = fixture_uid(i);
		const struct snap_device *d = snap_device_find(&v, &uid);
		assert_non_null(d);
		struct snap_device want = fixture_device_of(&f, i, i % 2 ? "FortiAD" : NULL);
		want.is_used = 1;
		assert_memory_equal(d, &want, sizeof(want));
	}
	for (uint64_t i = 1000; i < 2000; i++) {
		struct device_uid uid = fixture_uid(i);
		assert_null(snap_device_find(&v, &uid));
	}
	assert_int_equal(v.root->nb_devices, 1000);
	fixture_fini(&f);
}

static void publishing_k_changes_copies_at_most_k_pages(void **state)
{
	(void)state;
	struct snap_fixture f;

	fixture_init_sized(&f, 100000);
	fixture_policies(&f, two, 2);
	for (uint64_t i = 0; i < 100000; i++)
		fixture_device(&f, i, "FortiAD");
	struct snap_view prev = fixture_publish(&f);
	for (uint64_t k = 1; k < 200; k = k * 3) {
		for (uint64_t i = 0; i < k; i++)
			fixture_device(&f, i * 7, k % 2 ? "FortiAD,Low-Risk" : "Bad");
		struct snap_view v = fixture_publish(&f);
		assert_in_range(copied(&f), 1, k);
		struct snap_view inc;
		assert_int_equal(snap_check(f.base, f.file_len, f.root_off, &prev, &inc, NULL), 0);
		prev = v;
	}
	/* The same device many times in one draft is one page. */
	for (int i = 0; i < 50; i++)
		fixture_device(&f, 5, i % 2 ? "Bad" : "FortiAD");
	fixture_publish(&f);
	assert_int_equal(copied(&f), 1);
	fixture_fini(&f);
}

static void putting_what_is_there_publishes_nothing(void **state)
{
	(void)state;
	struct snap_fixture f;

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	fixture_device(&f, 1, "FortiAD");
	fixture_publish(&f);
	uint64_t gen = snap_build_generation(f.build);
	fixture_device(&f, 1, "FortiAD");
	struct device_uid none = fixture_uid(99);
	assert_int_equal(snap_build_device_del(f.build, &none, 1), 0);
	fixture_publish(&f);
	assert_int_equal(snap_build_generation(f.build), gen);
	fixture_fini(&f);
}

static void a_reader_of_an_old_version_sees_it_unchanged(void **state)
{
	(void)state;
	struct snap_fixture f;
	struct device_uid uid = fixture_uid(42);

	fixture_init(&f);
	f.done_token = 0;
	fixture_policies(&f, two, 2);
	for (uint64_t i = 0; i < 500; i++)
		fixture_device(&f, i, "FortiAD");
	struct snap_view old = fixture_publish(&f);
	uint8_t *copy = malloc(f.file_len);
	uint64_t len = f.file_len;
	assert_non_null(copy);
	memcpy(copy, f.base, len);
	for (int round = 0; round < 100; round++) {
		for (uint64_t i = 0; i < 500; i += 11)
			fixture_device(&f, i + (uint64_t)round, round % 2 ? "Low-Risk" : "Bad");
		if (round % 10 == 0)
			fixture_policies(&f, two, 1 + round / 10 % 2);
		fixture_publish(&f);
	}
	struct snap_view again, before;
	assert_int_equal(snap_check(f.base, f.file_len,
				    (uint64_t)((const uint8_t *)old.root - f.base), NULL, &again,
				    NULL),
			 0);
	assert_int_equal(snap_check(copy, len, (uint64_t)((const uint8_t *)old.root - f.base), NULL,
				    &before, NULL),
			 0);
	assert_memory_equal(again.root, before.root, SNAP_PAGE);
	assert_memory_equal(again.config, before.config, before.root->config_len);
	assert_memory_equal(snap_device_find(&again, &uid), snap_device_find(&before, &uid),
			    sizeof(struct snap_device));
	for (uint64_t i = 0; i < 500; i++) {
		struct device_uid u = fixture_uid(i);
		assert_memory_equal(snap_device_find(&again, &u), snap_device_find(&before, &u),
				    sizeof(struct snap_device));
	}
	free(copy);
	fixture_fini(&f);
}

static void pages_are_reused_only_after_their_grace_period(void **state)
{
	(void)state;
	struct snap_fixture f;
	struct snap_build_stats st;

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	for (uint64_t i = 0; i < 100; i++)
		fixture_device(&f, i, "FortiAD");
	fixture_publish(&f);
	f.done_token = f.nb_publishes;
	for (int i = 0; i < 200; i++) {
		fixture_device(&f, 3, i % 2 ? "FortiAD" : "Bad");
		fixture_publish(&f);
	}
	snap_build_stats(f.build, &st);
	uint64_t waiting = st.pages_waiting;
	assert_true(waiting >= 200 * 3); /* page, directory and root of each */
	f.done_token = UINT64_MAX;
	for (int i = 0; i < 500; i++) {
		fixture_device(&f, 3, i % 2 ? "FortiAD" : "Bad");
		fixture_publish(&f);
	}
	snap_build_stats(f.build, &st);
	assert_true(st.pages_waiting < 10);
	assert_true(st.pages_used < 100 + SNAP_HISTORY);
	uint64_t len = f.file_len;
	for (int i = 0; i < 2000; i++) {
		fixture_device(&f, 3, i % 2 ? "FortiAD" : "Bad");
		fixture_publish(&f);
	}
	assert_int_equal(f.file_len, len);
	fixture_fini(&f);
}

static void the_directory_doubles_when_a_page_overflows(void **state)
{
	(void)state;
	struct snap_fixture f;
	struct snap_build_stats st;

	fixture_init_sized(&f, 10);
	fixture_policies(&f, two, 2);
	fixture_publish(&f);
	for (uint64_t i = 0; i < 20000; i++) {
		fixture_device(&f, i, "FortiAD");
		if (i % 1000 == 0)
			fixture_publish(&f);
	}
	struct snap_view v = fixture_publish(&f);
	snap_build_stats(f.build, &st);
	assert_true(st.dir_bits >= 8);
	assert_int_equal(v.root->nb_devices, 20000);
	for (uint64_t i = 0; i < 20000; i++) {
		struct device_uid uid = fixture_uid(i);
		assert_non_null(snap_device_find(&v, &uid));
	}
	/* Everything can be taken out again. */
	for (uint64_t i = 0; i < 20000; i++) {
		struct device_uid uid = fixture_uid(i);
		assert_int_equal(snap_build_device_del(f.build, &uid, 0), 0);
	}
	v = fixture_publish(&f);
	assert_int_equal(v.root->nb_devices, 0);
	fixture_fini(&f);
}

struct seen {
	struct snap_change ch[256];
	size_t nb;
};

static void on_change(void *user, const struct snap_change *ch)
{
	struct seen *s = user;

	if (s->nb < 256)
		s->ch[s->nb] = *ch;
	s->nb++;
}

static void the_history_tells_every_change_or_that_it_cannot(void **state)
{
	(void)state;
	struct snap_fixture f;
	struct snap_view v;

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	fixture_publish(&f);
	uint64_t first = snap_build_generation(f.build);
	for (uint64_t i = 0; i < SNAP_HISTORY; i++) {
		fixture_device(&f, i, "FortiAD");
		struct device_uid uid = fixture_uid(1000 + i);
		assert_int_equal(snap_build_touch(f.build, &uid, 5), 0);
		v = fixture_publish(&f);
	}
	struct seen s = {};
	assert_true(snap_changes_since(&v, first, on_change, &s));
	assert_int_equal(s.nb, 2 * SNAP_HISTORY);
	for (uint64_t i = 0; i < SNAP_HISTORY; i++) {
		/* newest version first */
		struct device_uid uid = fixture_uid(SNAP_HISTORY - 1 - i);
		assert_memory_equal(&s.ch[2 * i].uid, &uid, sizeof(uid));
		assert_int_equal(s.ch[2 * i + 1].notified_us, 5);
	}
	assert_int_equal(v.root->decide_generation, first);
	/* nothing after the newest; one version more is beyond what is kept */
	s.nb = 0;
	assert_true(snap_changes_since(&v, v.root->generation, on_change, &s));
	assert_false(snap_changes_since(&v, first - 1, on_change, &s));
	assert_false(snap_changes_since(&v, v.root->generation + 1, on_change, &s));
	assert_int_equal(s.nb, 0);
	fixture_device(&f, 7, "Bad");
	v = fixture_publish(&f);
	assert_false(snap_changes_since(&v, first, on_change, &s));
	assert_true(snap_changes_since(&v, first + 1, on_change, &s));
	fixture_fini(&f);
}

static void changes_without_a_notification_are_not_listed(void **state)
{
	(void)state;
	struct snap_fixture f;
	struct seen s = {};

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	fixture_publish(&f);
	struct snap_device dev = fixture_device_of(&f, 1, "FortiAD");
	assert_int_equal(snap_build_device_put(f.build, &dev, 0), 0);
	struct snap_view v = fixture_publish(&f);
	assert_true(snap_changes_since(&v, v.root->generation - 1, on_change, &s));
	assert_int_equal(s.nb, 0);
	fixture_fini(&f);
}

static void too_many_changes_make_everyone_decide_again(void **state)
{
	(void)state;
	struct snap_fixture f;

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	fixture_publish(&f);
	for (uint64_t i = 0; i < 70000; i++) {
		struct device_uid uid = fixture_uid(i);
		assert_int_equal(snap_build_touch(f.build, &uid, 1), 0);
	}
	struct snap_view v = fixture_publish(&f);
	assert_int_equal(v.root->decide_generation, v.root->generation);
	assert_int_equal(v.root->history[0].uids.count, 0);
	fixture_fini(&f);
}

static void equal_tag_sets_share_a_posture(void **state)
{
	(void)state;
	struct snap_fixture f;
	uint64_t wide[4] = {5, 0, 0, 0}, high[3] = {0, 0, 9}, too_wide[65] = {[64] = 1};
	uint32_t a, b, c, n;

	fixture_init(&f);
	assert_int_equal(snap_build_posture(f.build, wide, 1, &a), 0);
	assert_int_equal(snap_build_posture(f.build, wide, 4, &b), 0);
	assert_int_equal(a, b);
	/* A wider set makes rows wider and leaves ids alone. */
	assert_int_equal(snap_build_posture(f.build, high, 3, &c), 0);
	assert_int_not_equal(a, c);
	assert_int_equal(snap_build_posture(f.build, wide, 2, &b), 0);
	assert_int_equal(a, b);
	for (uint64_t i = 0; i < 5000; i++) {
		uint64_t bits[2] = {i * 3, i};
		assert_int_equal(snap_build_posture(f.build, bits, 2, &n), 0);
	}
	uint32_t count = snap_build_nb_postures(f.build);
	for (uint64_t i = 0; i < 5000; i++) {
		uint64_t bits[2] = {i * 3, i};
		uint32_t words;
		assert_int_equal(snap_build_posture(f.build, bits, 2, &n), 0);
		assert_memory_equal(snap_build_posture_bits(f.build, n, &words), bits, 16);
	}
	assert_int_equal(snap_build_nb_postures(f.build), count);
	assert_int_equal(snap_build_posture(f.build, too_wide, 65, &n), -EINVAL);
	assert_null(snap_build_posture_bits(f.build, count, &n));
	fixture_fini(&f);
}

static void check_verdicts(const struct snap_view *v)
{
	const struct snap_expr *e = snap_arr(v, v->config->exprs);
	const struct snap_policy *pol = snap_arr(v, v->config->policies);

	for (uint32_t p = 0; p < v->root->postures.count; p++) {
		const uint64_t *bits = (const uint64_t *)(v->base + v->root->postures.off +
							  (size_t)p * v->root->postures.stride);
		for (uint32_t i = 0; i < v->config->policies.count; i++)
			assert_int_equal(snap_verdict(v, p, i),
					 pol[i].expr == SNAP_NONE ||
						 policy_expr_eval(v->config, &e[pol[i].expr], bits,
								  v->root->postures.stride / 8) ==
							 POLICY_TRUE);
	}
}

static void verdicts_equal_direct_evaluation_also_after_a_new_configuration(void **state)
{
	(void)state;
	struct snap_fixture f;
	static char text[100][64];
	struct fixture_policy many[100];

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	for (uint64_t i = 0; i < 300; i++) {
		uint64_t bits = i * 2654435761u;
		uint32_t id;
		assert_int_equal(snap_build_posture(f.build, &bits, 1, &id), 0);
	}
	struct snap_view v = fixture_publish(&f);
	check_verdicts(&v);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text[i], sizeof(text[i]), "any(t%u,none(t%u,all(t%u,t%u)))", i % 40,
			 i * 3 % 40, i * 5 % 40, i * 7 % 40);
		many[i] = (struct fixture_policy){.id = i, .tags = text[i]};
	}
	fixture_policies(&f, many, 100);
	struct snap_view w = fixture_publish(&f);
	check_verdicts(&w);
	assert_true(w.root->config_generation == v.root->config_generation + 1);
	assert_int_equal(w.root->decide_generation, w.root->generation);
	for (uint64_t i = 0; i < 300; i++) {
		uint64_t bits = i * 40503u;
		uint32_t id;
		assert_int_equal(snap_build_posture(f.build, &bits, 1, &id), 0);
	}
	w = fixture_publish(&f);
	check_verdicts(&w);
	fixture_fini(&f);
}

static void revoked_certificates_are_found_whatever_their_order(void **state)
{
	(void)state;
	struct snap_fixture f;
	struct snap_revoked list[200];

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	for (uint64_t i = 0; i < 200; i++)
		list[i] = (struct snap_revoked){.serial = fixture_serial(i * 37 % 100)};
	assert_int_equal(snap_build_revoked(f.build, list, 200), 0);
	struct snap_view v = fixture_publish(&f);
	assert_int_equal(v.root->revoked.count, 100);
	for (uint64_t i = 0; i < 200; i++) {
		struct cert_serial sn = fixture_serial(i);
		assert_int_equal(snap_is_revoked(&v, 0, &sn), i < 100);
		assert_false(snap_is_revoked(&v, 1, &sn));
	}
	uint64_t gen = v.root->generation;
	assert_int_equal(snap_build_revoked(f.build, list, 200), 0);
	v = fixture_publish(&f);
	assert_int_equal(v.root->generation, gen);
	assert_int_equal(snap_build_revoked(f.build, NULL, 0), 0);
	v = fixture_publish(&f);
	assert_int_equal(v.root->revoked.count, 0);
	assert_int_equal(v.root->decide_generation, gen + 1);
	fixture_fini(&f);
}

static void a_full_file_refuses_and_the_old_version_stays(void **state)
{
	(void)state;
	struct snap_fixture f;
	int rc = 0;
	uint64_t n = 0;

	fixture_init(&f);
	fixture_policies(&f, two, 2);
	fixture_device(&f, 0, "FortiAD");
	struct snap_view v = fixture_publish(&f);
	f.max_len = f.file_len;
	while (rc == 0 && n < 1000000) {
		struct snap_device dev = fixture_device_of(&f, ++n, "FortiAD");
		rc = snap_build_device_put(f.build, &dev, 0);
	}
	assert_int_equal(rc, -ENOSPC);
	struct device_uid uid = fixture_uid(0);
	assert_non_null(snap_device_find(&v, &uid));
	rc = snap_build_publish(f.build, 1);
	assert_true(rc == 0 || rc == -ENOSPC);
	/* With room again the draft goes on where it was. */
	f.max_len = FIXTURE_CAP;
	fixture_device(&f, n, "FortiAD");
	v = fixture_publish(&f);
	assert_int_equal(v.root->nb_devices, n + 1);
	fixture_fini(&f);
}

static void records_that_the_check_would_refuse_are_refused_at_once(void **state)
{
	(void)state;
	struct snap_fixture f;

	fixture_init(&f);
	assert_int_equal(snap_build_publish(f.build, 1), -EINVAL);
	fixture_policies(&f, two, 2);
	struct snap_device dev = fixture_device_of(&f, 1, "FortiAD");
	dev.posture = 77;
	assert_int_equal(snap_build_device_put(f.build, &dev, 1), -EINVAL);
	dev.posture = SNAP_NONE;
	dev.flags = 0x80;
	assert_int_equal(snap_build_device_put(f.build, &dev, 1), -EINVAL);
	dev.flags = 0;
	dev.ems = 3; /* the configuration has one EMS */
	assert_int_equal(snap_build_device_put(f.build, &dev, 1), 0);
	assert_int_equal(snap_build_publish(f.build, 1), -EINVAL);
	assert_int_equal(snap_build_device_del(f.build, &dev.uid, 1), 0);
	assert_int_equal(snap_build_publish(f.build, 1), 0);
	static const uint64_t garbage[64];
	assert_int_equal(snap_build_config(f.build, garbage, sizeof(garbage)), -EBADMSG);
	fixture_fini(&f);
}

static double ms_since(const struct timespec *t)
{
	struct timespec n;

	clock_gettime(CLOCK_MONOTONIC, &n);
	return (double)(n.tv_sec - t->tv_sec) * 1e3 + (double)(n.tv_nsec - t->tv_nsec) / 1e6;
}

static void a_single_change_among_many_devices_is_cheap(void **state)
{
	(void)state;
	struct snap_fixture f;
	struct timespec t;

	fixture_init_sized(&f, 100000);
	fixture_policies(&f, two, 2);
	uint32_t posture = fixture_posture(&f, "FortiAD");
	for (uint64_t i = 0; i < 100000; i++) {
		struct snap_device dev = fixture_device_of(&f, i, NULL);
		dev.posture = posture;
		assert_int_equal(snap_build_device_put(f.build, &dev, 0), 0);
	}
	assert_int_equal(snap_build_publish(f.build, 1), 0);
	struct snap_view prev, v;
	assert_int_equal(snap_check(f.base, f.file_len, f.root_off, NULL, &prev, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &t);
	for (uint64_t i = 0; i < 100; i++) {
		struct snap_device dev = fixture_device_of(&f, i, "Bad");
		assert_int_equal(snap_build_device_put(f.build, &dev, 1), 0);
		assert_int_equal(snap_build_publish(f.build, 1), 0);
		assert_int_equal(snap_check(f.base, f.file_len, f.root_off, &prev, &v, NULL), 0);
		prev = v;
	}
	/* A hundredfold margin over what it takes, for slow machines and sanitizers. */
	assert_true(ms_since(&t) / 100 < 20);
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_published_device_is_found_and_others_are_not),
		cmocka_unit_test(publishing_k_changes_copies_at_most_k_pages),
		cmocka_unit_test(putting_what_is_there_publishes_nothing),
		cmocka_unit_test(a_reader_of_an_old_version_sees_it_unchanged),
		cmocka_unit_test(pages_are_reused_only_after_their_grace_period),
		cmocka_unit_test(the_directory_doubles_when_a_page_overflows),
		cmocka_unit_test(the_history_tells_every_change_or_that_it_cannot),
		cmocka_unit_test(changes_without_a_notification_are_not_listed),
		cmocka_unit_test(too_many_changes_make_everyone_decide_again),
		cmocka_unit_test(equal_tag_sets_share_a_posture),
		cmocka_unit_test(verdicts_equal_direct_evaluation_also_after_a_new_configuration),
		cmocka_unit_test(revoked_certificates_are_found_whatever_their_order),
		cmocka_unit_test(a_full_file_refuses_and_the_old_version_stays),
		cmocka_unit_test(records_that_the_check_would_refuse_are_refused_at_once),
		cmocka_unit_test(a_single_change_among_many_devices_is_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
