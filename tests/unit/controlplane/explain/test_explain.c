/* SPDX-License-Identifier: BSD-3-Clause */

/* What an operator reads, word for word. */

#include "explain/explain.h"
#include "tests/lib/snap_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1795352146000u

static struct snap_fixture f;
static struct explain_moment *m;
static char text[EXPLAIN_TEXT_MAX];

static void setup(const struct fixture_policy *p, size_t nb, const char *tag)
{
	fixture_init(&f);
	fixture_policies(&f, p, nb);
	const struct snap_view v = fixture_publish(&f);

	m = explain_moment_new();
	assert_non_null(m);
	m->config = history_config_new(v.config, v.root->config_len);
	assert_non_null(m->config);
	m->real_ms = NOW;
	m->c.facts = (struct policy_facts){.source = ip_addr_from_v4(0x0a0200c0),
					   .cert = POLICY_CERT_VERIFIED,
					   .is_pulled = true,
					   .uid = fixture_uid(1),
					   .serial = fixture_serial(1)};
	m->c.now = (struct policy_now){.now_ms = NOW, .ems_contact_ms = {NOW - 1000}};
	const struct snap_ems *e = explain_arr(m->config->config, m->config->config->ems);
	m->dev.uid = fixture_uid(1);
	m->dev.is_known = m->dev.has_tags = true;
	m->dev.serial = fixture_serial(1);
	m->dev.ems_id = (uint8_t)e[0].id;
	m->dev.flags =
		SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO | SNAP_DEV_HAS_TAGS;
	if (tag != NULL)
		history_device_add_tag(&m->dev, tag);
}

static void teardown(void)
{
	explain_moment_free(m);
	fixture_fini(&f);
}

/* The best advice in words. */
static const char *advice(void)
{
	struct policy_advices all;

	explain_settle(m);
	assert_int_equal(policy_advise(m->config->config, &m->c, &all), 0);
	if (all.nb == 0)
		explain_no_advice_text(m, &all, text);
	else
		explain_advice_text(m, &all.advice[0], text);
	return text;
}

static const struct fixture_policy both = {
	.id = 17, .action = SNAP_ACCEPT, .tags = "all(FortiAD,Low-Risk)"};
static const struct fixture_policy infected = {.id = 5, .action = SNAP_DENY, .tags = "Infected"};
static const struct fixture_policy nobody = {.id = 6, .action = SNAP_DENY};
static const struct fixture_policy lan = {
	.id = 4, .action = SNAP_ACCEPT, .source = "198.51.100.0/24"};
static const struct fixture_policy other = {.id = 8, .action = SNAP_ACCEPT, .is_other_proxy = true};

static void a_tag_that_is_missing(void **)
{
	setup(&both, 1, "FortiAD");
	assert_string_equal(advice(), "tag Low-Risk on the device would let policy 17 accept");
	m->dev.names_len = 0;
	assert_string_equal(advice(), "tag FortiAD on the device, and tag Low-Risk on the device "
				      "would let policy 17 accept");
	teardown();
}

static void a_policy_that_denies_first(void **)
{
	const struct fixture_policy p[] = {infected, lan, both};
	const struct fixture_policy q[] = {nobody, both};

	setup(p, 3, "Infected");
	history_device_add_tag(&m->dev, "FortiAD");
	history_device_add_tag(&m->dev, "Low-Risk");
	assert_string_equal(advice(),
			    "tag Infected gone from the device would let policy 17 accept");
	teardown();
	setup(q, 2, "FortiAD");
	history_device_add_tag(&m->dev, "Low-Risk");
	assert_string_equal(advice(), "policy 17 moved above policy 6, which denies first, would "
				      "let policy 17 accept");
	teardown();
}

static void a_serial_number_that_is_not_ems_s(void **)
{
	char sn[CERT_SERIAL_STRLEN + 1], want[EXPLAIN_TEXT_MAX];

	setup(&lan, 1, NULL);
	m->c.facts.source = ip_addr_from_v4(0x016433c6);
	m->c.facts.serial = fixture_serial(2);
	assert_string_equal(explain_serials_text(m), "DIFFERENT");
	cert_serial_emit(&m->dev.serial, sn);
	(void)snprintf(want, sizeof(want),
		       "the certificate's serial number must be %s: re-register the endpoint, or "
		       "choose its newest certificate; policy 4 would then accept",
		       sn);
	assert_string_equal(advice(), want);
	m->dev.serial = (struct cert_serial){};
	assert_string_equal(explain_serials_text(m), "EMS has issued no ZTNA certificate");
	assert_string_equal(advice(),
			    "EMS must issue a ZTNA certificate for the device: re-register the "
			    "endpoint; policy 4 would then accept");
	teardown();
}

static void contact_that_is_too_old(void **)
{
	setup(&both, 1, "FortiAD");
	history_device_add_tag(&m->dev, "Low-Risk");
	m->c.now.ems_contact_ms[0] = NOW - 400000;
	assert_non_null(strstr(advice(), "the last contact is 400 s old with "));
	assert_non_null(strstr(text, "tags are good for 180 s without it: restore the connection"));
	assert_non_null(strstr(text, "; policy 17 would then accept"));
	m->c.now.ems_contact_ms[0] = 0;
	assert_non_null(strstr(advice(), "there has been no contact with "));
	teardown();
}

static void nothing_that_the_device_could_do(void **)
{
	setup(&other, 1, NULL);
	assert_non_null(strstr(advice(), "no policy covers this access proxy"));
	teardown();
	setup(&nobody, 1, NULL);
	assert_non_null(strstr(advice(), "a policy must change"));
	teardown();
	setup(&lan, 1, NULL);
	assert_non_null(
		strstr(advice(), "a source address that policy 4 is for (198.51.100.0/24)"));
	teardown();
}

static void a_condition_with_its_values(void **)
{
	const struct snap_policy *p;

	setup(&both, 1, "FortiAD");
	explain_settle(m);
	p = explain_arr(m->config->config, m->config->config->policies);
	explain_tree_text(m, p->expr, true, text);
	assert_string_equal(text, "all(FortiAD=true, Low-Risk=false)=false");
	explain_tree_text(m, p->expr, false, text);
	assert_string_equal(text, "all(FortiAD=unknown, Low-Risk=unknown)=unknown");
	explain_tree_text(m, SNAP_NONE, true, text);
	assert_string_equal(text, "");
	teardown();
}

static void a_device_of_an_ems_that_is_not_configured_is_none(void **)
{
	setup(&both, 1, "FortiAD");
	m->dev.ems_id = 7;
	explain_settle(m);
	assert_false(m->c.has_device);
	assert_false(m->c.has_tags);
	teardown();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tag_that_is_missing),
		cmocka_unit_test(a_policy_that_denies_first),
		cmocka_unit_test(a_serial_number_that_is_not_ems_s),
		cmocka_unit_test(contact_that_is_too_old),
		cmocka_unit_test(nothing_that_the_device_could_do),
		cmocka_unit_test(a_condition_with_its_values),
		cmocka_unit_test(a_device_of_an_ems_that_is_not_configured_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
