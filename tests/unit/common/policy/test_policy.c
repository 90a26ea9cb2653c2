/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/policy/policy.h"
#include "tests/lib/snap_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000u /* ms */

struct bench {
	struct snap_fixture f;
	struct snap_view v;
	struct policy_facts facts;
	struct policy_now now;
	struct policy_verdict ret;
};

/* Device 1 with <tags> under <p>; a verified certificate of it; EMS in contact a second ago. */
static void setup(struct bench *b, const struct fixture_policy *p, size_t nb, const char *tags)
{
	*b = (struct bench){
		.facts = {.source = ip_addr_from_v4(0x0a0200c0), /* 192.0.2.10 */
			  .cert = POLICY_CERT_VERIFIED,
			  .uid = fixture_uid(1),
			  .serial = fixture_serial(1)},
		.now = {.now_ms = NOW, .ems_contact_ms = {NOW - 1000}},
	};
	fixture_init(&b->f);
	fixture_policies(&b->f, p, nb);
	fixture_device(&b->f, 1, tags);
	b->v = fixture_publish(&b->f);
}

static const struct policy_verdict *decide(struct bench *b)
{
	memset(&b->ret, 0xee, sizeof(b->ret));
	policy_decide(&b->v, &b->facts, &b->now, &b->ret, NULL);
	return &b->ret;
}

static void set_flags(struct bench *b, uint8_t flags)
{
	struct snap_device dev = fixture_device_of(&b->f, 1, "FortiAD");

	dev.flags = flags;
	fixture_put(&b->f, &dev);
	b->v = fixture_publish(&b->f);
}

static void expect(struct bench *b, enum outcome outcome, unsigned code)
{
	const struct policy_verdict *r = decide(b);

	assert_string_equal(outcome_name(r->outcome), outcome_name(outcome));
	assert_int_equal(r->code, code);
	assert_int_equal(r->is_accept, outcome == OUTCOME_POLICY_ACCEPT);
}

static const struct fixture_policy any_of = {
	.id = 17, .action = SNAP_ACCEPT, .log = SNAP_LOG_ALL, .tags = "any(FortiAD,Low-Risk)"};
static const struct fixture_policy all_of = {
	.id = 17, .action = SNAP_ACCEPT, .log = SNAP_LOG_ALL, .tags = "all(FortiAD,Low-Risk)"};
static const struct fixture_policy everyone = {.id = 3, .action = SNAP_ACCEPT};

#define OK_FLAGS (SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO | SNAP_DEV_HAS_TAGS)

static void the_right_tag_lets_through(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	assert_int_equal(b.ret.policy_id, 17);
	assert_int_equal(b.ret.policy, 0);
	assert_true(b.ret.is_log);
	assert_true(b.ret.is_ems_online);
	assert_non_null(b.ret.device);
	assert_int_equal(b.ret.valid_until_ms, NOW - 1000 + 180000);
	fixture_fini(&b.f);
}

static void a_missing_tag_is_065(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &all_of, 1, "FortiAD");
	expect(&b, OUTCOME_POLICY_NO_TAGS, 65);
	assert_int_equal(b.ret.policy_id, 0);
	assert_int_equal(b.ret.policy, SNAP_NONE);
	assert_true(b.ret.is_log); /* log-blocked-traffic */
	fixture_fini(&b.f);
}

static void another_or_an_unknown_serial_number_is_001(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	b.facts.serial = fixture_serial(2);
	expect(&b, OUTCOME_ZTNA_CERT_INVALID, 1);
	b.facts.serial = (struct cert_serial){};
	expect(&b, OUTCOME_ZTNA_CERT_INVALID, 1);
	struct snap_device dev = fixture_device_of(&b.f, 1, "FortiAD");
	dev.serial = (struct cert_serial){};
	fixture_put(&b.f, &dev);
	b.v = fixture_publish(&b.f);
	/* both zero are not equal: nobody knows either */
	expect(&b, OUTCOME_ZTNA_CERT_SERIAL_UNKNOWN, 1);
	b.facts.serial = fixture_serial(1);
	expect(&b, OUTCOME_ZTNA_CERT_SERIAL_UNKNOWN, 1);
	assert_false(b.ret.is_pending);
	/* EMS has not sent the record yet: ask it once */
	dev.flags = SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_TAGS;
	fixture_put(&b.f, &dev);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_ZTNA_NO_DEVICE, 66);
	assert_true(b.ret.is_pending);
	b.facts.is_pulled = true;
	expect(&b, OUTCOME_ZTNA_CERT_SERIAL_UNKNOWN, 1);
	fixture_fini(&b.f);
}

static void a_certificate_of_another_ems_is_001(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	b.f.nb_ems = 2;
	fixture_policies(&b.f, &any_of, 1);
	b.v = fixture_publish(&b.f);
	b.facts.ems = 1;
	expect(&b, OUTCOME_ZTNA_CERT_INVALID, 1);
	fixture_fini(&b.f);
}

static void an_empty_certificate_is_what_the_proxy_says(void **state)
{
	(void)state;
	struct bench b;
	const struct fixture_policy both[] = {any_of, everyone};

	setup(&b, both, 2, "FortiAD");
	b.facts.cert = POLICY_CERT_NONE;
	expect(&b, OUTCOME_ZTNA_CERT_EMPTY, 2);
	b.f.empty_cert_action = SNAP_EMPTY_ACCEPT_UNMANAGEABLE;
	fixture_policies(&b.f, both, 2);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_ZTNA_CERT_EMPTY_MANAGEABLE, 3);
	b.f.empty_cert_action = SNAP_EMPTY_ACCEPT;
	fixture_policies(&b.f, both, 2);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	assert_int_equal(b.ret.policy_id, 3);
	assert_null(b.ret.device);
	fixture_policies(&b.f, both, 1);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_NO_TAGS, 65);
	fixture_fini(&b.f);
}

static void a_certificate_that_nobody_asked_for_is_no_identity(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	b.f.client_cert = 0;
	fixture_policies(&b.f, &any_of, 1);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_NO_TAGS, 65);
	assert_null(b.ret.device);
	fixture_fini(&b.f);
}

static void an_unknown_device_is_asked_for_once_and_then_066(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	b.facts.uid = fixture_uid(2);
	expect(&b, OUTCOME_ZTNA_NO_DEVICE, 66);
	assert_true(b.ret.is_pending);
	b.facts.is_pulled = true;
	expect(&b, OUTCOME_ZTNA_NO_DEVICE, 66);
	assert_false(b.ret.is_pending);
	fixture_fini(&b.f);
}

static void a_device_that_is_not_in_order_is_066_067_or_062(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	set_flags(&b, OK_FLAGS & ~SNAP_DEV_REGISTERED);
	expect(&b, OUTCOME_ZTNA_NO_DEVICE, 66);
	assert_false(b.ret.is_pending);
	set_flags(&b, OK_FLAGS & ~SNAP_DEV_ONLINE);
	expect(&b, OUTCOME_ZTNA_DEVICE_OFFLINE, 67);
	set_flags(&b, OK_FLAGS | SNAP_DEV_QUARANTINED);
	expect(&b, OUTCOME_ZTNA_QUARANTINED, 62);
	set_flags(&b, OK_FLAGS | SNAP_DEV_ON_NET);
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	fixture_fini(&b.f);
}

static void a_revoked_certificate_is_063_also_of_an_unknown_device(void **state)
{
	(void)state;
	struct bench b;
	const struct snap_revoked r[] = {{.serial = fixture_serial(1)}};

	setup(&b, &any_of, 1, "FortiAD");
	assert_int_equal(snap_build_revoked(b.f.build, r, 1), 0);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_ZTNA_CERT_REVOKED, 63);
	b.facts.uid = fixture_uid(2);
	expect(&b, OUTCOME_ZTNA_CERT_REVOKED, 63);
	fixture_fini(&b.f);
}

static void nothing_for_this_service_or_source_is_061(void **state)
{
	(void)state;
	struct bench b;
	struct fixture_policy p = any_of;

	p.is_other_proxy = true;
	setup(&b, &p, 1, "FortiAD");
	expect(&b, OUTCOME_POLICY_NO_MATCH, 61);
	b.facts.proxy = 1;
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	b.facts.proxy = 7; /* gone from the configuration */
	expect(&b, OUTCOME_POLICY_NO_MATCH, 61);
	b.facts.proxy = 0;
	p = any_of;
	p.is_other_interface = true;
	fixture_policies(&b.f, &p, 1);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_NO_MATCH, 61);
	b.facts.interface = 1;
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	fixture_policies(&b.f, NULL, 0);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_NO_MATCH, 61);
	fixture_fini(&b.f);
}

static void source_prefixes_match_to_the_bit(void **state)
{
	(void)state;
	static const struct {
		const char *prefix, *addr;
		bool is_in;
	} row[] = {
		{"0.0.0.0/0", "203.0.113.9", true},
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"10.0.0.0/7", "11.255.0.1", true},
		{"10.0.0.0/7", "12.0.0.1", false},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "192.0.2.1", false}, /* which is ::ffff:192.0.2.1 here */
		{"2001:db8::/32", "2001:db8:ffff::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"2001:db8::/64", "2001:db8::ffff:192.0.2.1", true},
		{"2001:db8::7", "2001:db8::7", true},
		{"2001:db8::7", "2001:db8::6", false},
		{"2001:db8::6/127", "2001:db8::7", true},
		{"::/64", "192.0.2.1", false},
	};
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct fixture_policy p = any_of;
		p.source = row[i].prefix;
		fixture_policies(&b.f, &p, 1);
		b.v = fixture_publish(&b.f);
		assert_int_equal(ip_addr_parse(row[i].addr, strlen(row[i].addr), &b.facts.source),
				 0);
		assert_int_equal(decide(&b)->is_accept, row[i].is_in);
	}
	fixture_fini(&b.f);
}

static void the_first_match_decides(void **state)
{
	(void)state;
	struct bench b;
	const struct fixture_policy list[] = {
		{.id = 1, .action = SNAP_DENY, .log = SNAP_LOG_DENIED, .tags = "Bad"},
		{.id = 2, .action = SNAP_ACCEPT, .log = SNAP_LOG_DENIED, .tags = "FortiAD"},
		{.id = 3, .action = SNAP_DENY},
	};

	setup(&b, list, 3, "FortiAD");
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	assert_int_equal(b.ret.policy_id, 2);
	assert_false(b.ret.is_log);
	fixture_device(&b.f, 1, "Bad,FortiAD");
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_DENY_TAGS, 64);
	assert_int_equal(b.ret.policy_id, 1);
	assert_true(b.ret.is_log);
	fixture_device(&b.f, 1, "");
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_DENY, 62);
	assert_int_equal(b.ret.policy_id, 3);
	assert_false(b.ret.is_log);
	fixture_fini(&b.f);
}

static void an_unknown_posture_never_lets_through(void **state)
{
	(void)state;
	static const char *const text[] = {
		"FortiAD",       "any(FortiAD)",        "all(FortiAD)",
		"none(FortiAD)", "none(none(FortiAD))", "any(none(FortiAD),FortiAD)"};
	struct bench b;

	setup(&b, &any_of, 1, NULL);
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		struct fixture_policy p = {.id = 1, .action = SNAP_ACCEPT, .tags = text[i]};
		fixture_policies(&b.f, &p, 1);
		b.v = fixture_publish(&b.f);
		b.facts.is_pulled = false;
		expect(&b, OUTCOME_ZTNA_NO_DEVICE, 66);
		assert_true(b.ret.is_pending);
		b.facts.is_pulled = true;
		expect(&b, OUTCOME_ZTNA_NO_DEVICE, 66);
		assert_false(b.ret.is_pending);
		/* A deny policy that might have matched denies before the accept behind it. */
		const struct fixture_policy deny[] = {
			{.id = 9, .action = SNAP_DENY, .tags = text[i]}, everyone};
		fixture_policies(&b.f, deny, 2);
		b.v = fixture_publish(&b.f);
		expect(&b, OUTCOME_ZTNA_NO_DEVICE, 66);
		assert_int_equal(b.ret.policy_id, 9);
	}
	fixture_fini(&b.f);
}

static void stale_posture_is_each_policys_choice(void **state)
{
	(void)state;
	struct bench b;
	struct fixture_policy p = any_of;

	setup(&b, &p, 1, "FortiAD");
	b.now.now_ms = NOW - 1000 + 180000 - 1;
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	b.now.now_ms++;
	expect(&b, OUTCOME_ZTNA_POSTURE_STALE, 66);
	assert_false(b.ret.is_ems_online);
	assert_false(b.ret.is_pending);
	b.facts.is_existing = true;
	expect(&b, OUTCOME_ZTNA_POSTURE_STALE, 66);

	p.stale = SNAP_STALE_KEEP_EXISTING;
	fixture_policies(&b.f, &p, 1);
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	assert_true(b.ret.valid_until_ms == UINT64_MAX);
	b.facts.is_existing = false;
	expect(&b, OUTCOME_ZTNA_POSTURE_STALE, 66);
	/* keeping is not blessing: the tag is gone, so is the session */
	b.facts.is_existing = true;
	fixture_device(&b.f, 1, "");
	b.v = fixture_publish(&b.f);
	expect(&b, OUTCOME_POLICY_NO_TAGS, 65);
	fixture_device(&b.f, 1, "FortiAD");

	p.stale = SNAP_STALE_ALLOW_FOR;
	p.stale_s = 60;
	fixture_policies(&b.f, &p, 1);
	b.v = fixture_publish(&b.f);
	b.facts.is_existing = false;
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	assert_int_equal(b.ret.valid_until_ms, NOW - 1000 + 240000);
	b.now.now_ms = NOW - 1000 + 240000;
	expect(&b, OUTCOME_ZTNA_POSTURE_STALE, 66);

	b.now.ems_contact_ms[0] = 0; /* never, since the start */
	b.now.now_ms = 5;
	expect(&b, OUTCOME_ZTNA_POSTURE_STALE, 66);
	fixture_fini(&b.f);
}

static void a_stale_posture_denies_by_a_deny_policy(void **state)
{
	(void)state;
	struct bench b;
	const struct fixture_policy list[] = {
		{.id = 1, .action = SNAP_DENY, .tags = "Bad"},
		everyone,
	};

	setup(&b, list, 2, "FortiAD");
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	/* the accept stands on a tag that is known not to be there, for as long as it is known */
	assert_int_equal(b.ret.valid_until_ms, NOW - 1000 + 180000);
	b.now.now_ms = b.ret.valid_until_ms;
	expect(&b, OUTCOME_ZTNA_POSTURE_STALE, 66);
	assert_int_equal(b.ret.policy_id, 1);
	fixture_fini(&b.f);
}

static void a_policy_without_tags_does_not_care_for_posture(void **state)
{
	(void)state;
	struct bench b;

	setup(&b, &everyone, 1, NULL);
	b.now.ems_contact_ms[0] = 0;
	expect(&b, OUTCOME_POLICY_ACCEPT, 0);
	assert_true(b.ret.valid_until_ms == UINT64_MAX);
	fixture_fini(&b.f);
}

static void the_trace_tells_each_step_and_counts_what_it_cannot_hold(void **state)
{
	(void)state;
	struct bench b;
	struct policy_trace_row row[16];
	struct policy_trace t = {.row = row, .cap = 16};
	struct fixture_policy list[] = {any_of, all_of};
	list[0].is_other_proxy = true;

	setup(&b, list, 2, "FortiAD");
	policy_decide(&b.v, &b.facts, &b.now, &b.ret, &t);
	static const struct policy_trace_row want[] = {
		{POLICY_STEP_CERT_SERIAL, POLICY_TRUE, 0, SNAP_NONE},
		{POLICY_STEP_REVOKED, POLICY_TRUE, 0, SNAP_NONE},
		{POLICY_STEP_DEVICE, POLICY_TRUE, 0, SNAP_NONE},
		{POLICY_STEP_POSTURE, POLICY_TRUE, 0, SNAP_NONE},
		{POLICY_STEP_POLICY_SERVICE, POLICY_FALSE, 0, 0},
		{POLICY_STEP_POLICY_SERVICE, POLICY_TRUE, 0, 1},
		{POLICY_STEP_POLICY_SOURCE, POLICY_TRUE, 0, 1},
		{POLICY_STEP_POLICY_TAGS, POLICY_FALSE, 0, 1},
	};
	assert_int_equal(t.nb, sizeof(want) / sizeof(want[0]));
	assert_memory_equal(row, want, sizeof(want));
	t.cap = 2;
	memset(row, 0xaa, sizeof(row));
	policy_decide(&b.v, &b.facts, &b.now, &b.ret, &t);
	assert_int_equal(t.nb, 8);
	assert_int_equal(row[2].step, 0xaa);
	fixture_fini(&b.f);
}

/* Evaluate <text> with tag a and b of the given truth, c always false. */
static enum policy_truth eval(const char *text, bool a, bool b, bool is_known)
{
	struct snap_fixture f;
	struct fixture_policy p = {.id = 1, .tags = text};

	fixture_init(&f);
	assert_int_equal(fixture_tag(&f, "a"), 0);
	assert_int_equal(fixture_tag(&f, "b"), 1);
	fixture_policies(&f, &p, 1);
	struct snap_view v = fixture_publish(&f);
	const struct snap_expr *e = snap_arr(&v, v.config->exprs);
	uint64_t bits = (uint64_t)a | (uint64_t)b << 1;
	enum policy_truth t = policy_expr_eval(v.config, e, is_known ? &bits : NULL, 1);
	fixture_fini(&f);
	return t;
}

static void expressions_have_their_truth_tables(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint8_t truth[4]; /* ab = 00, 01, 10, 11 */
	} row[] = {
		{"a", {0, 0, 1, 1}},
		{"any(a,b)", {0, 1, 1, 1}},
		{"all(a,b)", {0, 0, 0, 1}},
		{"none(a,b)", {1, 0, 0, 0}},
		{"none(all(a,b))", {1, 1, 1, 0}},
		{"all(none(a),b)", {0, 1, 0, 0}},
		{"any(all(a,none(b)),all(b,none(a)))", {0, 1, 1, 0}},
		{"none(none(a))", {0, 0, 1, 1}},
		{"all(a,c)", {0, 0, 0, 0}},
		{"none(c)", {1, 1, 1, 1}},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (unsigned k = 0; k < 4; k++)
			assert_int_equal(eval(row[i].text, k & 2, k & 1, true), row[i].truth[k]);
		assert_int_equal(eval(row[i].text, false, false, false), POLICY_UNKNOWN);
	}
}

static void a_tag_beyond_the_row_is_known_to_be_missing(void **state)
{
	(void)state;
	const struct snap_expr e = {.root = {.op = SNAP_NODE_TAG, .tag = 100}};
	uint64_t bits = UINT64_MAX;

	assert_int_equal(policy_expr_eval(NULL, &e, &bits, 1), POLICY_FALSE);
}

static void every_code_has_words_and_none_names_a_policy(void **state)
{
	(void)state;
	static const uint16_t code[] = {1, 2, 3, 21, 22, 23, 41, 61, 62, 63, 64, 65, 66, 67};

	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		assert_string_not_equal(policy_code_title(code[i]), policy_code_title(0));
		assert_true(strlen(policy_code_text(code[i])) > 10);
		assert_true(strlen(policy_code_remedy(code[i])) > 10);
	}
	assert_string_equal(policy_code_title(65), "ZTNA Policy Deny");
	assert_non_null(policy_code_title(999));
	assert_non_null(policy_code_remedy(999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_right_tag_lets_through),
		cmocka_unit_test(a_missing_tag_is_065),
		cmocka_unit_test(another_or_an_unknown_serial_number_is_001),
		cmocka_unit_test(a_certificate_of_another_ems_is_001),
		cmocka_unit_test(an_empty_certificate_is_what_the_proxy_says),
		cmocka_unit_test(a_certificate_that_nobody_asked_for_is_no_identity),
		cmocka_unit_test(an_unknown_device_is_asked_for_once_and_then_066),
		cmocka_unit_test(a_device_that_is_not_in_order_is_066_067_or_062),
		cmocka_unit_test(a_revoked_certificate_is_063_also_of_an_unknown_device),
		cmocka_unit_test(nothing_for_this_service_or_source_is_061),
		cmocka_unit_test(source_prefixes_match_to_the_bit),
		cmocka_unit_test(the_first_match_decides),
		cmocka_unit_test(an_unknown_posture_never_lets_through),
		cmocka_unit_test(stale_posture_is_each_policys_choice),
		cmocka_unit_test(a_stale_posture_denies_by_a_deny_policy),
		cmocka_unit_test(a_policy_without_tags_does_not_care_for_posture),
		cmocka_unit_test(the_trace_tells_each_step_and_counts_what_it_cannot_hold),
		cmocka_unit_test(expressions_have_their_truth_tables),
		cmocka_unit_test(a_tag_beyond_the_row_is_known_to_be_missing),
		cmocka_unit_test(every_code_has_words_and_none_names_a_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
