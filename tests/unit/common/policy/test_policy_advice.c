/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/policy/policy_advice.h"
#include "tests/lib/snap_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000u /* ms */
#define OK_FLAGS (SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO | SNAP_DEV_HAS_TAGS)

struct bench {
	struct snap_fixture f;
	struct snap_view v;
	struct policy_case c;
	struct policy_advices ret;
};

/* Comma-separated. */
static void set_tags(struct bench *b, const char *tags)
{
	char name[64];

	memset(b->c.tags, 0, sizeof(b->c.tags));
	for (const char *p = tags; *p != '\0';) {
		const size_t n = strcspn(p, ",");

		(void)snprintf(name, sizeof(name), "%.*s", (int)n, p);
		policy_case_flip_tag(&b->c, fixture_tag(&b->f, name));
		p += n + (p[n] == ',');
	}
}

/* A device in order with <tags>, from 192.0.2.10, under <p>. */
static void setup(struct bench *b, const struct fixture_policy *p, size_t nb, const char *tags)
{
	*b = (struct bench){};
	fixture_init(&b->f);
	fixture_policies(&b->f, p, nb);
	b->c = (struct policy_case){
		.facts = {.source = ip_addr_from_v4(0x0a0200c0),
			  .cert = POLICY_CERT_VERIFIED,
			  .is_pulled = true,
			  .uid = fixture_uid(1),
			  .serial = fixture_serial(1)},
		.now = {.now_ms = NOW, .ems_contact_ms = {NOW - 1000}},
		.has_device = true,
		.has_tags = true,
		.device = {.serial = fixture_serial(1), .flags = OK_FLAGS},
	};
	set_tags(b, tags);
	b->v = fixture_publish(&b->f);
}

/* The advices as text: "+Low-Risk -X" for tags, words for the rest; ids of policies. */
static const char *say(struct bench *b, uint32_t i)
{
	static const char *const word[] = {
		[POLICY_CHANGE_ASK_CERT] = "ask-cert",
		[POLICY_CHANGE_SHOW_CERT] = "show-cert",
		[POLICY_CHANGE_KNOW] = "know",
		[POLICY_CHANGE_ISSUE] = "issue",
		[POLICY_CHANGE_CERT_EMS] = "cert-ems",
		[POLICY_CHANGE_SERIAL] = "serial",
		[POLICY_CHANGE_REISSUE] = "reissue",
		[POLICY_CHANGE_REGISTER] = "register",
		[POLICY_CHANGE_ONLINE] = "online",
		[POLICY_CHANGE_UNQUARANTINE] = "unquarantine",
		[POLICY_CHANGE_CONTACT] = "contact",
		[POLICY_CHANGE_TAGS] = "tags",
		[POLICY_CHANGE_SOURCE] = "source",
		[POLICY_CHANGE_MOVE] = "move",
	};
	static char text[512];
	const struct snap_policy *p = snap_arr(&b->v, b->v.config->policies);
	const struct policy_advice *a = &b->ret.advice[i];
	size_t n = 0;

	text[0] = '\0';
	if (i >= b->ret.nb)
		return "nothing";
	for (uint32_t k = 0; k < a->nb && n < sizeof(text); k++) {
		const struct policy_change *c = &a->change[k];
		const bool is_tag =
			c->kind == POLICY_CHANGE_TAG_ADD || c->kind == POLICY_CHANGE_TAG_REMOVE;

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s%s", k > 0 ? " " : "",
				      c->kind == POLICY_CHANGE_TAG_ADD ? "+"
				      : is_tag                         ? "-"
								       : word[c->kind],
				      is_tag ? b->f.tag[c->arg] : "");
		if (c->kind == POLICY_CHANGE_MOVE)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %u above %u",
					      p[c->arg].id, p[c->above].id);
	}
	(void)snprintf(text + n, sizeof(text) - n, " => %u", p[a->policy].id);
	return text;
}

static void advise(struct bench *b)
{
	memset(&b->ret, 0xee, sizeof(b->ret));
	assert_int_equal(policy_advise(b->v.config, &b->c, &b->ret), 0);
}

static const struct fixture_policy any_of = {
	.id = 17, .action = SNAP_ACCEPT, .tags = "any(FortiAD,Low-Risk)"};
static const struct fixture_policy all_of = {
	.id = 18, .action = SNAP_ACCEPT, .tags = "all(FortiAD,Low-Risk)"};
static const struct fixture_policy not_bad = {.id = 19, .action = SNAP_ACCEPT, .tags = "none(Bad)"};
static const struct fixture_policy deny_bad = {.id = 5, .action = SNAP_DENY, .tags = "Bad"};
static const struct fixture_policy deny_all = {.id = 6, .action = SNAP_DENY};
static const struct fixture_policy everyone = {.id = 3, .action = SNAP_ACCEPT};

static void what_is_accepted_needs_no_advice(void **)
{
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	advise(&b);
	assert_true(b.ret.is_accept);
	assert_int_equal(b.ret.nb, 0);
	fixture_fini(&b.f);
}

static void a_case_is_decided_as_the_snapshot_decides(void **)
{
	static const char *const tags[] = {"", "FortiAD", "Low-Risk", "FortiAD,Low-Risk", "Bad"};
	const struct fixture_policy p[] = {deny_bad, all_of};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		struct policy_verdict a, w;
		struct policy_world world;
		struct bench b;

		setup(&b, p, 2, tags[i]);
		fixture_device(&b.f, 1, tags[i]);
		b.v = fixture_publish(&b.f);
		policy_decide(&b.v, &b.c.facts, &b.c.now, &a, NULL);
		policy_case_decide(&world, b.v.config, &b.c, &w, NULL);
		assert_int_equal(a.outcome, w.outcome);
		assert_int_equal(a.code, w.code);
		assert_int_equal(a.policy, w.policy);
		assert_int_equal(a.valid_until_ms, w.valid_until_ms);
		fixture_fini(&b.f);
	}
}

static void one_tag_of_any_is_enough(void **)
{
	struct bench b;

	setup(&b, &any_of, 1, "Windows");
	advise(&b);
	assert_string_equal(say(&b, 0), "+FortiAD => 17");
	assert_true(b.ret.advice[0].is_exact);
	fixture_fini(&b.f);
}

static void all_asks_for_what_is_missing_only(void **)
{
	struct bench b;

	setup(&b, &all_of, 1, "FortiAD");
	advise(&b);
	assert_string_equal(say(&b, 0), "+Low-Risk => 18");
	set_tags(&b, "");
	advise(&b);
	assert_string_equal(say(&b, 0), "+FortiAD +Low-Risk => 18");
	fixture_fini(&b.f);
}

static void the_policy_with_the_fewest_changes_is_taken(void **)
{
	const struct fixture_policy p[] = {all_of, any_of};
	struct bench b;

	setup(&b, p, 2, "");
	advise(&b);
	assert_string_equal(say(&b, 0), "+FortiAD => 17");
	fixture_fini(&b.f);
}

static void a_tag_that_stands_in_the_way_is_taken_away(void **)
{
	struct bench b;

	setup(&b, &not_bad, 1, "Bad");
	advise(&b);
	assert_string_equal(say(&b, 0), "-Bad => 19");
	fixture_fini(&b.f);
}

static void a_deny_policy_before_is_left_or_passed(void **)
{
	const struct fixture_policy p[] = {deny_bad, any_of};
	struct bench b;

	setup(&b, p, 2, "Bad,FortiAD");
	advise(&b);
	assert_string_equal(say(&b, 0), "-Bad => 17");
	assert_string_equal(say(&b, 1), "move 17 above 5 => 17");
	/* Both at once: the tag that denies, and the one that is missing. */
	set_tags(&b, "Bad");
	advise(&b);
	assert_string_equal(say(&b, 0), "+FortiAD -Bad => 17");
	fixture_fini(&b.f);
}

static void a_deny_policy_for_everyone_can_only_be_passed(void **)
{
	const struct fixture_policy p[] = {deny_all, any_of};
	struct bench b;

	setup(&b, p, 2, "FortiAD");
	advise(&b);
	assert_int_equal(b.ret.nb, 1);
	assert_string_equal(say(&b, 0), "move 17 above 6 => 17");
	set_tags(&b, "");
	advise(&b);
	assert_string_equal(say(&b, 0), "+FortiAD move 17 above 6 => 17");
	fixture_fini(&b.f);
}

static void nothing_is_proposed_that_does_not_exist(void **)
{
	const struct fixture_policy other = {
		.id = 8, .action = SNAP_ACCEPT, .is_other_proxy = true};
	const struct fixture_policy never = {
		.id = 9, .action = SNAP_ACCEPT, .tags = "all(Bad,none(Bad))"};
	struct bench b;

	setup(&b, &other, 1, "");
	advise(&b);
	assert_int_equal(b.ret.nb, 0);
	assert_int_equal(b.ret.nb_service, 0);
	fixture_fini(&b.f);
	setup(&b, &never, 1, "");
	advise(&b);
	assert_int_equal(b.ret.nb, 0);
	assert_int_equal(b.ret.nb_source, 1);
	assert_false(b.ret.is_exhausted);
	fixture_fini(&b.f);
}

static void another_source_is_proposed_when_it_does(void **)
{
	const struct fixture_policy lan = {
		.id = 4, .action = SNAP_ACCEPT, .source = "198.51.100.0/24", .tags = "FortiAD"};
	struct bench b;

	setup(&b, &lan, 1, "FortiAD");
	advise(&b);
	assert_string_equal(say(&b, 0), "source => 4");
	assert_int_equal(b.ret.nb_service, 1);
	assert_int_equal(b.ret.nb_source, 0);
	set_tags(&b, "");
	advise(&b);
	assert_int_equal(b.ret.nb, 0);
	fixture_fini(&b.f);
}

static void the_certificate_comes_first(void **)
{
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	b.c.facts.serial = fixture_serial(7);
	advise(&b);
	assert_string_equal(say(&b, 0), "serial => 17");
	b.c.device.serial = (struct cert_serial){};
	advise(&b);
	assert_string_equal(say(&b, 0), "issue => 17");
	b.c.device.serial = b.c.facts.serial;
	b.c.is_revoked = b.c.is_record_revoked = true;
	advise(&b);
	assert_string_equal(say(&b, 0), "reissue => 17");
	set_tags(&b, "");
	b.c.is_revoked = b.c.is_record_revoked = false;
	b.c.device.serial = fixture_serial(1);
	advise(&b);
	assert_string_equal(say(&b, 0), "serial +FortiAD => 17");
	fixture_fini(&b.f);
}

static void an_empty_certificate_asks_for_a_device(void **)
{
	struct bench b;

	setup(&b, &any_of, 1, "");
	b.c.facts.cert = POLICY_CERT_NONE;
	b.c.has_device = false;
	advise(&b);
	assert_string_equal(say(&b, 0), "show-cert +FortiAD => 17");
	fixture_fini(&b.f);
	setup(&b, &everyone, 1, "");
	b.c.facts.cert = POLICY_CERT_NONE;
	b.c.has_device = false;
	advise(&b);
	assert_string_equal(say(&b, 0), "show-cert => 3");
	fixture_fini(&b.f);
}

static void a_proxy_that_does_not_ask_is_told_to(void **)
{
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	b.f.client_cert = 0;
	fixture_policies(&b.f, &any_of, 1);
	b.v = fixture_publish(&b.f);
	advise(&b);
	assert_string_equal(say(&b, 0), "ask-cert show-cert +FortiAD => 17");
	fixture_fini(&b.f);
}

static void a_device_has_to_be_known_and_in_order(void **)
{
	struct bench b;

	setup(&b, &any_of, 1, "FortiAD");
	b.c.device.flags = SNAP_DEV_HAS_SYSINFO | SNAP_DEV_HAS_TAGS | SNAP_DEV_QUARANTINED;
	advise(&b);
	assert_string_equal(say(&b, 0), "register online unquarantine => 17");
	b.c.has_device = false;
	advise(&b);
	assert_string_equal(say(&b, 0), "know +FortiAD => 17");
	fixture_fini(&b.f);
}

static void stale_or_unknown_tags_need_ems_first(void **)
{
	const struct fixture_policy p[] = {any_of};
	struct bench b;

	setup(&b, p, 1, "FortiAD");
	b.c.now.ems_contact_ms[0] = NOW - 400000;
	advise(&b);
	assert_string_equal(say(&b, 0), "contact => 17");
	set_tags(&b, "");
	advise(&b);
	assert_string_equal(say(&b, 0), "contact +FortiAD => 17");
	b.c.now.ems_contact_ms[0] = NOW - 1;
	b.c.has_tags = false;
	advise(&b);
	assert_string_equal(say(&b, 0), "tags +FortiAD => 17");
	fixture_fini(&b.f);
}

/* ---- against brute force ---- */

static uint64_t lcg;

static uint32_t rnd(uint32_t n)
{
	lcg = lcg * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(lcg >> 33) % n;
}

#define NB_TAGS 7u

static const char *const tag_name[NB_TAGS] = {"A", "B", "C", "D", "E", "F", "G"};

static size_t random_expr(char *s, size_t cap, unsigned depth)
{
	static const char *const op[] = {"any(", "all(", "none("};
	size_t n = 0;

	if (depth == 0 || rnd(3) == 0)
		return (size_t)snprintf(s, cap, "%s", tag_name[rnd(NB_TAGS)]);
	n += (size_t)snprintf(s, cap, "%s", op[rnd(3)]);
	for (uint32_t i = 0, nb = 1 + rnd(3); i < nb; i++) {
		if (i > 0)
			s[n++] = ',';
		n += random_expr(s + n, cap - n, depth - 1);
	}
	s[n++] = ')';
	s[n] = '\0';
	return n;
}

/* The smallest number of tags that turns the decision, trying every set; UINT32_MAX: none does. */
static uint32_t brute_force(struct bench *b)
{
	struct policy_verdict v;
	struct policy_world w;
	uint32_t best = UINT32_MAX;

	for (uint32_t m = 0; m < 1u << NB_TAGS; m++) {
		struct policy_case c = b->c;

		for (uint32_t i = 0; i < NB_TAGS; i++)
			if ((m >> i) & 1)
				policy_case_flip_tag(&c, fixture_tag(&b->f, tag_name[i]));
		policy_case_decide(&w, b->v.config, &c, &v, NULL);
		if (v.is_accept && (uint32_t)__builtin_popcount(m) < best)
			best = (uint32_t)__builtin_popcount(m);
	}
	return best;
}

static bool is_tags_only(const struct policy_advice *a)
{
	for (uint32_t i = 0; i < a->nb; i++)
		if (a->change[i].kind != POLICY_CHANGE_TAG_ADD &&
		    a->change[i].kind != POLICY_CHANGE_TAG_REMOVE)
			return false;
	return true;
}

/* Applied as an operator would, each advice over tags is an accept. */
static void check_advice(struct bench *b, const struct policy_advice *a)
{
	struct policy_case c = b->c;
	struct policy_verdict v;
	struct policy_world w;

	for (uint32_t i = 0; i < a->nb; i++) {
		assert_int_equal(policy_case_has_tag(&c, a->change[i].arg),
				 a->change[i].kind == POLICY_CHANGE_TAG_REMOVE);
		policy_case_flip_tag(&c, a->change[i].arg);
	}
	policy_case_decide(&w, b->v.config, &c, &v, NULL);
	assert_true(v.is_accept);
	assert_int_equal(v.policy, a->policy);
}

static void check_random(struct bench *b)
{
	const uint32_t best = brute_force(b);
	bool is_seen = false;

	advise(b);
	if (best == 0) {
		assert_true(b->ret.is_accept);
		return;
	}
	for (uint32_t i = 0; i < b->ret.nb; i++) {
		if (!is_tags_only(&b->ret.advice[i]))
			continue;
		is_seen = true;
		assert_int_equal(b->ret.advice[i].nb, best);
		check_advice(b, &b->ret.advice[i]);
	}
	assert_int_equal(is_seen, best != UINT32_MAX);
}

static void no_smaller_set_of_tags_exists(void **)
{
	for (uint64_t seed = 1; seed <= 150; seed++) {
		struct fixture_policy p[6];
		char expr[6][512];
		struct bench b;
		uint32_t nb;

		lcg = seed;
		nb = 1 + rnd(6);
		for (uint32_t i = 0; i < nb; i++) {
			(void)random_expr(expr[i], sizeof(expr[i]), 3);
			p[i] = (struct fixture_policy){
				.id = i + 1,
				.action = rnd(5) < 2 ? SNAP_DENY : SNAP_ACCEPT,
				.tags = rnd(12) == 0 ? NULL : expr[i],
				.source = rnd(6) == 0 ? "198.51.100.0/24" : NULL,
			};
		}
		setup(&b, p, nb, "");
		for (uint32_t i = 0; i < 4; i++) {
			for (uint32_t t = 0; t < NB_TAGS; t++)
				if (rnd(2) == 0)
					policy_case_flip_tag(&b.c, fixture_tag(&b.f, tag_name[t]));
			check_random(&b);
		}
		fixture_fini(&b.f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_accepted_needs_no_advice),
		cmocka_unit_test(a_case_is_decided_as_the_snapshot_decides),
		cmocka_unit_test(one_tag_of_any_is_enough),
		cmocka_unit_test(all_asks_for_what_is_missing_only),
		cmocka_unit_test(the_policy_with_the_fewest_changes_is_taken),
		cmocka_unit_test(a_tag_that_stands_in_the_way_is_taken_away),
		cmocka_unit_test(a_deny_policy_before_is_left_or_passed),
		cmocka_unit_test(a_deny_policy_for_everyone_can_only_be_passed),
		cmocka_unit_test(nothing_is_proposed_that_does_not_exist),
		cmocka_unit_test(another_source_is_proposed_when_it_does),
		cmocka_unit_test(the_certificate_comes_first),
		cmocka_unit_test(an_empty_certificate_asks_for_a_device),
		cmocka_unit_test(a_proxy_that_does_not_ask_is_told_to),
		cmocka_unit_test(a_device_has_to_be_known_and_in_order),
		cmocka_unit_test(stale_or_unknown_tags_need_ems_first),
		cmocka_unit_test(no_smaller_set_of_tags_exists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
