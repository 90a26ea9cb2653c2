/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state_log.h"
#include "state/state_vpn.h"
#include "state_test.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct ip_addr ip_of(const char *text)
{
	struct ip_addr ip;

	assert_int_equal(ip_addr_parse(text, strlen(text), &ip), 0);
	return ip;
}

static struct state_vpn vpn_of(uint32_t n, const char *ip)
{
	return (struct state_vpn){
		.uid = uid_of(n), .ip = ip_of(ip), .interface = "port1", .since_ms = 1700000000000};
}

/* True when the address was another device's. */
static bool come(struct state *st, uint32_t n, const char *ip)
{
	const struct state_vpn v = vpn_of(n, ip);
	struct state_vpn old;
	bool was_held;

	assert_int_equal(state_vpn_connect(st, &v, &old, &was_held), 0);
	return was_held;
}

static int leave(struct state *st, uint32_t n, const char *ip)
{
	const struct device_uid uid = uid_of(n);
	const struct ip_addr a = ip_of(ip);

	return state_vpn_disconnect(st, &uid, &a);
}

static bool answer(struct state *st, uint32_t ems_id, uint32_t n, const char *ip, bool is_rejected)
{
	const struct device_uid uid = uid_of(n);
	const struct ip_addr a = ip_of(ip);

	return state_vpn_answer(st, ems_id, &uid, &a, is_rejected);
}

static struct state_vpn get(const struct state *st, const char *ip)
{
	const struct ip_addr a = ip_of(ip);
	struct state_vpn v = {0};

	assert_true(state_vpn_find(st, &a, &v));
	return v;
}

static void an_address_belongs_to_one_device_at_a_time(void **)
{
	struct state *st = state_new();

	assert_false(come(st, 1, "10.212.134.200"));
	assert_false(come(st, 1, "2001:db8::200"));
	assert_int_equal(state_nb_vpn(st), 2);
	assert_true(come(st, 2, "10.212.134.200"));
	assert_int_equal(state_nb_vpn(st), 2);
	/* The news that the first holder left comes late. */
	assert_int_equal(leave(st, 1, "10.212.134.200"), -ENOENT);
	assert_memory_equal(get(st, "10.212.134.200").uid.b, uid_of(2).b, 16);
	assert_int_equal(leave(st, 2, "10.212.134.200"), 0);
	assert_int_equal(leave(st, 2, "10.212.134.200"), -ENOENT);
	assert_int_equal(leave(st, 1, "2001:db8::200"), 0);
	assert_int_equal(state_nb_vpn(st), 0);
	state_free(st);
}

static void a_rejection_lasts_until_the_daemon_reports_anew(void **)
{
	struct state *st = state_new();

	(void)come(st, 1, "10.1.1.1");
	assert_true(answer(st, 1, 1, "10.1.1.1", true));
	assert_false(answer(st, 1, 1, "10.1.1.1", true));
	assert_true(answer(st, 2, 1, "10.1.1.1", false));
	assert_int_equal(get(st, "10.1.1.1").rejected, 1u << 1);
	assert_int_equal(get(st, "10.1.1.1").taken, 1u << 2);
	/* An answer about a device that no longer holds the address is about nobody. */
	assert_false(answer(st, 1, 2, "10.1.1.1", true));
	assert_false(answer(st, 1, 1, "10.1.1.2", true));
	(void)come(st, 1, "10.1.1.1");
	assert_int_equal(get(st, "10.1.1.1").rejected, 0);
	assert_int_equal(get(st, "10.1.1.1").taken, 0);
	state_free(st);
}

static void the_table_is_bounded_and_a_freed_place_is_used_again(void **)
{
	struct state *st = state_new();
	struct state_vpn v = vpn_of(1, "10.0.0.0"), old;
	bool was_held;
	uint32_t pos = 0, nb = 0;

	for (uint32_t i = 0; i < STATE_MAX_VPN; i++) {
		v.ip.b[13] = (uint8_t)(i >> 8);
		v.ip.b[14] = (uint8_t)i;
		assert_int_equal(state_vpn_connect(st, &v, &old, &was_held), 0);
	}
	assert_int_equal(state_nb_vpn(st), STATE_MAX_VPN);
	assert_int_equal(leave(st, 1, "10.0.5.0"), 0);
	assert_false(come(st, 2, "10.99.0.1"));
	v.ip = ip_of("10.99.0.2");
	assert_int_equal(state_vpn_connect(st, &v, &old, &was_held), -ENOSPC);
	/* One that is there may be told again all the same. */
	assert_false(come(st, 2, "10.99.0.1"));
	while (state_vpn_next(st, &pos, &v))
		nb++;
	assert_int_equal(nb, STATE_MAX_VPN);
	state_free(st);
}

static void sessions_survive_a_restart(void **)
{
	char dir[] = "/tmp/tagwarden-vpn-XXXXXX", file[64], lock[64];
	struct state *st = state_new();
	struct state_log *log;
	int rc = 0;

	assert_non_null(mkdtemp(dir));
	log = state_log_open(st, dir, &rc);
	assert_non_null(log);
	(void)come(st, 1, "10.1.1.1");
	(void)come(st, 2, "2001:db8::2");
	(void)come(st, 3, "10.1.1.3");
	(void)answer(st, 1, 1, "10.1.1.1", true);
	(void)answer(st, 1, 2, "2001:db8::2", false);
	(void)leave(st, 3, "10.1.1.3");
	state_log_close(log);
	state_free(st);

	st = state_new();
	log = state_log_open(st, dir, &rc);
	assert_non_null(log);
	assert_int_equal(state_nb_vpn(st), 2);
	assert_int_equal(get(st, "10.1.1.1").rejected, 1u << 1);
	assert_int_equal(get(st, "2001:db8::2").taken, 1u << 1);
	assert_string_equal(get(st, "10.1.1.1").interface, "port1");
	assert_int_equal(get(st, "10.1.1.1").since_ms, 1700000000000);
	/* An EMS that is another one now has not answered. */
	state_ems_forget(st, 1);
	assert_int_equal(get(st, "10.1.1.1").rejected, 0);
	assert_int_equal(get(st, "2001:db8::2").taken, 0);
	state_log_close(log);
	state_free(st);
	(void)snprintf(file, sizeof(file), "%s/state.log", dir);
	(void)snprintf(lock, sizeof(lock), "%s/state.lock", dir);
	(void)unlink(file);
	(void)unlink(lock);
	assert_int_equal(rmdir(dir), 0);
}

static void interfaces_are_plain_names(void **)
{
	static const char *const bad[] = {
		"",     "a b",    "a\"b", "a\nb",
		"a\\b", "wan;id", "ä",    "123456789012345678901234567890123456"};

	assert_true(state_vpn_is_interface("port1"));
	assert_true(state_vpn_is_interface("tun0.5:x@eth0/1-a_b"));
	assert_true(state_vpn_is_interface("12345678901234567890123456789012345"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(state_vpn_is_interface(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_belongs_to_one_device_at_a_time),
		cmocka_unit_test(a_rejection_lasts_until_the_daemon_reports_anew),
		cmocka_unit_test(the_table_is_bounded_and_a_freed_place_is_used_again),
		cmocka_unit_test(sessions_survive_a_restart),
		cmocka_unit_test(interfaces_are_plain_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
