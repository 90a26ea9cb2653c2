/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000ull
#define GROUP "ff02::1:ff00:10"

static void expect_nothing(struct rig *r)
{
	uint8_t f[2048];

	assert_int_equal(rig_sent(r, f, sizeof(f)), 0);
}

/* The peer's Ethernet address is known, so that answers leave at once. */
static struct rig *rig_with_peer(void)
{
	static const uint8_t peer[] = RIG_PEER_MAC;
	const struct ip_addr a = rig_addr(RIG_PEER6), link = rig_addr(RIG_PEER_LINK6);
	struct rig *r = rig_new(NOW);

	assert_true(neigh_learn(&r->neigh, 0, &a, peer, NEIGH_F_MAKE, NOW));
	assert_true(neigh_learn(&r->neigh, 0, &link, peer, NEIGH_F_MAKE, NOW));
	return r;
}

/* All that was counted but the telling of others, by name when it is not <want> alone. */
static void expect_outcome(struct rig *r, const char *name, enum rig_fate fate,
			   enum rig_fate want_fate, enum outcome want)
{
	uint64_t nb = 0;

	for (int k = 0; k < OUTCOME__COUNT; k++)
		nb += k == OUTCOME_ICMP_ERROR_SENT ? 0 : r->counters[k];
	if (fate == want_fate && nb == (want != OUTCOME__COUNT) &&
	    (nb == 0 || r->counters[want] == 1))
		return;
	for (int k = 0; k < OUTCOME__COUNT; k++)
		if (r->counters[k] != 0)
			print_error("counted: %s\n", outcome_name(k));
	fail_msg("%s: fate %d", name, (int)fate);
}

static void drain(struct rig *r)
{
	uint8_t f[2048];

	while (rig_sent(r, f, sizeof(f)) > 0)
		continue;
}

enum base {
	TCP,
	ECHO
};

static void each_malformed_packet_has_its_outcome(void **)
{
	static const struct {
		const char *name;
		enum base base;
		const char *src, *dst;
		size_t at;
		const char *bytes;
		size_t nb_bytes, len;
		enum rig_fate fate;
		enum outcome outcome;
	} rows[] = {
#define AT(off, s) .at = (off), .bytes = (s), .nb_bytes = sizeof(s) - 1
		{"a TCP packet", TCP, .fate = RIG_TCP, .outcome = OUTCOME__COUNT},
		{"a padded one", TCP, .len = 80, .fate = RIG_TCP, .outcome = OUTCOME__COUNT},
		{"an echo request", ECHO, .outcome = OUTCOME_ICMP_ECHO_REPLIED},
		{"from a link-local address", TCP, .src = RIG_PEER_LINK6, .fate = RIG_TCP,
		 .outcome = OUTCOME__COUNT},
		{"to our link-local address", TCP, .src = RIG_PEER_LINK6, .dst = RIG_LINK6,
		 .fate = RIG_TCP, .outcome = OUTCOME__COUNT},
		{"version 4", TCP, AT(14, "\x45"), .outcome = OUTCOME_IP6_MALFORMED},
		{"no IP header", TCP, .len = 14, .outcome = OUTCOME_IP6_MALFORMED},
		{"half an IP header", TCP, .len = 53, .outcome = OUTCOME_IP6_MALFORMED},
		{"a length beyond the frame", TCP, AT(18, "\x00\x15"),
		 .outcome = OUTCOME_IP6_MALFORMED},
		{"a jumbogram", TCP, AT(18, "\x00\x00"), .outcome = OUTCOME_IP6_MALFORMED},
		{"for another", TCP, .dst = "2001:db8::11", .outcome = OUTCOME_IP_NOT_OURS},
		{"for our other interface", TCP, .dst = RIG_LAN6, .outcome = OUTCOME_IP_NOT_OURS},
		{"for loopback", TCP, .dst = "::1", .outcome = OUTCOME_IP_NOT_OURS},
		{"for our IPv4 address", TCP, .dst = "192.0.2.10", .outcome = OUTCOME_IP_NOT_OURS},
		{"TCP for our group", TCP, .dst = GROUP, .outcome = OUTCOME_IP_NOT_OURS},
		{"for all nodes", TCP, .dst = "ff02::1", .outcome = OUTCOME_IP_NOT_OURS},
		{"for a group that is not ours", TCP, .dst = "ff02::1:ff00:11",
		 .outcome = OUTCOME_IP_NOT_OURS},
		{"for a group that nobody hears", TCP, .dst = "ff02::fb",
		 .outcome = OUTCOME_ETH_NOT_OURS},
		{"for us in a group's frame", TCP, AT(0, "\x33\x33\xff\x00\x00\x10"),
		 .outcome = OUTCOME_IP_NOT_OURS},
		{"for us in a broadcast", TCP, AT(0, "\xff\xff\xff\xff\xff\xff"),
		 .outcome = OUTCOME_IP_NOT_OURS},
		{"an echo request to a group", ECHO, .dst = "ff02::1",
		 .outcome = OUTCOME_ICMP_IGNORED},
		{"from a group", TCP, .src = "ff02::1", .outcome = OUTCOME_IP_SPOOFED},
		{"from nobody", TCP, .src = "::", .outcome = OUTCOME_IP_SPOOFED},
		{"an echo request from nobody", ECHO, .src = "::", .outcome = OUTCOME_IP_SPOOFED},
		{"from loopback", TCP, .src = "::1", .outcome = OUTCOME_IP_SPOOFED},
		{"from an IPv4 address", TCP, .src = "192.0.2.1", .outcome = OUTCOME_IP_SPOOFED},
		{"from ourselves", TCP, .src = RIG_ADDR6, .outcome = OUTCOME_IP_SPOOFED},
		{"an echo request from ourselves", ECHO, .src = RIG_ADDR6,
		 .outcome = OUTCOME_IP_SPOOFED},
		{"from our other interface's subnet", TCP, .src = "2001:db8:1::20",
		 .outcome = OUTCOME_IP_SPOOFED},
		{"a wrong ICMPv6 checksum", ECHO, AT(56, "\x00\x00"),
		 .outcome = OUTCOME_ICMP_MALFORMED},
		{"half an ICMPv6 header", ECHO, AT(18, "\x00\x07"),
		 .outcome = OUTCOME_ICMP_MALFORMED},
		{"no next header", TCP, AT(20, "\x3b"), .outcome = OUTCOME_IP_PROTO_UNKNOWN},
		{"UDP", TCP, AT(20, "\x11"), .outcome = OUTCOME_IP_PROTO_UNKNOWN},
		{"encrypted", TCP, AT(20, "\x32"), .outcome = OUTCOME_IP_PROTO_UNKNOWN},
#undef AT
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_with_peer();
		const char *src = rows[i].src == NULL ? RIG_PEER6 : rows[i].src;
		const char *dst = rows[i].dst == NULL ? RIG_ADDR6 : rows[i].dst;
		uint8_t f[256] = {0};
		size_t len =
			rows[i].base == TCP ? rig_tcp6(f, src, dst) : rig_echo6(f, src, dst, 32);

		if (rows[i].nb_bytes > 0)
			memcpy(f + rows[i].at, rows[i].bytes, rows[i].nb_bytes);
		if (rows[i].len != 0)
			len = rows[i].len;
		expect_outcome(r, rows[i].name, rig_input(r, f, len, 0, NOW), rows[i].fate,
			       rows[i].outcome);
		rig_free(r);
	}
}

/* Extension headers, each 8 bytes unless told: type, then what the next one is. */
#define HOP 0
#define DST 60
#define RH 43
#define FRAG 44

/* A TCP packet behind the headers <ext>, the first of which is of type <first>. */
static size_t with_ext(uint8_t *f, uint8_t first, const uint8_t *ext, size_t len)
{
	uint8_t tcp[128], p[1024];

	(void)rig_tcp6(tcp, RIG_PEER6, RIG_ADDR6);
	memcpy(p, ext, len);
	memcpy(p + len, tcp + 54, 20);
	return rig_ip6(f, RIG_PEER6, RIG_ADDR6, first, p, len + 20);
}

static void extension_headers_are_skipped_or_refused_with_the_reason(void **)
{
	static const struct {
		const char *name;
		uint8_t first;
		const char *ext;
		size_t len;
		enum rig_fate fate;
		enum outcome outcome;
		int code; /* of the parameter problem; -1: none is sent */
		uint8_t pointer;
	} rows[] = {
#define E(s) s, sizeof(s) - 1
		{"padding of all kinds", HOP, E("\x06\0\0\1\3\0\0\0"), RIG_TCP, OUTCOME__COUNT, -1,
		 0},
		{"router alert", HOP, E("\x06\0\5\2\0\0\1\0"), RIG_TCP, OUTCOME__COUNT, -1, 0},
		{"an option that may be skipped", DST, E("\x06\0\x1e\4\1\2\3\4"), RIG_TCP,
		 OUTCOME__COUNT, -1, 0},
		{"one after another", HOP, E("\x3c\0\1\4\0\0\0\0\x06\0\1\4\0\0\0\0"), RIG_TCP,
		 OUTCOME__COUNT, -1, 0},
		{"a routing header with nothing left", RH, E("\x06\0\4\0\0\0\0\0"), RIG_TCP,
		 OUTCOME__COUNT, -1, 0},
		{"hop-by-hop in the wrong place", DST, E("\0\0\1\4\0\0\0\0\x06\0\1\4\0\0\0\0"),
		 RIG_GONE, OUTCOME_IP6_EXT_HEADER, 1, 40},
		{"an option to be dropped for", DST, E("\x06\0\x5e\4\0\0\0\0"), RIG_GONE,
		 OUTCOME_IP6_OPTION, -1, 0},
		{"an option to be told about", DST, E("\x06\0\x9e\4\0\0\0\0"), RIG_GONE,
		 OUTCOME_IP6_OPTION, 2, 42},
		{"another one, behind padding", HOP, E("\x06\0\0\0\xde\2\0\0"), RIG_GONE,
		 OUTCOME_IP6_OPTION, 2, 44},
		{"a jumbo payload", HOP, E("\x06\0\xc2\4\0\1\0\0"), RIG_GONE, OUTCOME_IP6_OPTION, 2,
		 42},
		{"an option beyond its header", HOP, E("\x06\0\1\5\0\0\0\0"), RIG_GONE,
		 OUTCOME_IP6_EXT_HEADER, -1, 0},
		{"an option without a length", HOP, E("\x06\0\1\3\0\0\0\1"), RIG_GONE,
		 OUTCOME_IP6_EXT_HEADER, -1, 0},
		{"a routing header of type 0", RH, E("\x06\0\0\0\0\0\0\0"), RIG_GONE,
		 OUTCOME_IP6_ROUTING_HEADER, 0, 42},
		{"a routing header with a way to go", RH, E("\x06\0\4\1\0\0\0\0"), RIG_GONE,
		 OUTCOME_IP6_ROUTING_HEADER, 0, 42},
		{"a header beyond the packet", DST, E("\x06\x05\1\4\0\0\0\0"), RIG_GONE,
		 OUTCOME_IP6_EXT_HEADER, -1, 0},
#undef E
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = rig_with_peer();
		uint8_t f[2048];
		const size_t len =
			with_ext(f, rows[i].first, (const uint8_t *)rows[i].ext, rows[i].len);
		const enum rig_fate fate = rig_input(r, f, len, 0, NOW);
		uint8_t out[2048];

		expect_outcome(r, rows[i].name, fate, rows[i].fate, rows[i].outcome);
		if (rows[i].code < 0) {
			expect_nothing(r);
		} else {
			/* RFC 4443 3.4, with the whole packet as it came. */
			assert_int_equal(rig_sent(r, out, sizeof(out)), 62 + len - 14);
			assert_int_equal(out[54], 4);
			assert_int_equal(out[55], rows[i].code);
			assert_int_equal(out[61], rows[i].pointer);
			assert_memory_equal(out + 62, f + 14, len - 14);
			memcpy(f, out, 62 + len - 14);
			rig_fix_icmp6(f, 62 + len - 14, 40);
			assert_memory_equal(out, f, 62 + len - 14);
		}
		rig_free(r);
	}
}

static void extension_headers_have_a_bound(void **)
{
	struct rig *r = rig_with_peer();
	uint8_t f[2048], ext[512] = {0};

	for (size_t nb = 1; nb <= 9; nb++) {
		for (size_t i = 0; i < nb; i++)
			memcpy(ext + i * 8,
			       i + 1 == nb ? "\x06\0\1\4\0\0\0\0" : "\x3c\0\1\4\0\0\0\0", 8);
		assert_int_equal(rig_input(r, f, with_ext(f, DST, ext, nb * 8), 0, NOW),
				 nb <= 8 ? RIG_TCP : RIG_GONE);
	}
	/* One of 256 bytes, and one of 264. */
	memset(ext, 0, sizeof(ext));
	ext[0] = 6;
	ext[1] = 31;
	assert_int_equal(rig_input(r, f, with_ext(f, DST, ext, 256), 0, NOW), RIG_TCP);
	ext[1] = 32;
	assert_int_equal(rig_input(r, f, with_ext(f, DST, ext, 264), 0, NOW), RIG_GONE);
	assert_int_equal(r->counters[OUTCOME_IP6_EXT_HEADER], 2);
	/* They have to be in one piece. */
	ext[1] = 7;
	assert_int_equal(rig_input(r, f, with_ext(f, DST, ext, 64), 80, NOW), RIG_GONE);
	assert_int_equal(r->counters[OUTCOME_IP6_EXT_HEADER], 3);
	rig_free(r);
}

static void an_echo_reply_carries_the_request_back(void **)
{
	struct rig *r = rig_with_peer();
	uint8_t f[2048], out[2048], again[2048];
	const size_t len = rig_echo6(f, RIG_PEER6, RIG_ADDR6, 1000);

	assert_int_equal(rig_input(r, f, len, 300, NOW), RIG_GONE);
	assert_int_equal(rig_sent(r, out, sizeof(out)), len);
	assert_memory_equal(out + 22, f + 38, 16);
	assert_memory_equal(out + 38, f + 22, 16);
	assert_int_equal(out[54], 129);
	assert_memory_equal(out + 58, f + 58, len - 58);
	memcpy(again, out, len);
	rig_fix_icmp6(again, len, 40);
	assert_memory_equal(again, out, len);
	rig_free(r);
}

static void the_reply_to_a_link_local_address_stays_on_its_link(void **)
{
	struct rig *r = rig_with_peer();
	uint8_t f[256], out[256];

	(void)rig_input(r, f, rig_echo6(f, RIG_PEER_LINK6, RIG_LINK6, 8), 0, NOW);
	assert_int_equal(rig_sent(r, out, sizeof(out)), 70);
	assert_memory_equal(out, f + 6, 6);
	rig_free(r);
}

static void a_closed_udp_port_is_told_at_a_bounded_rate_in_both_families(void **)
{
	struct rig *r = rig_with_peer();
	static const uint8_t peer[] = RIG_PEER_MAC;
	const struct ip_addr a = rig_addr4(RIG_PEER);
	uint8_t f[128], out[256];
	size_t len;

	assert_true(neigh_learn(&r->neigh, 0, &a, peer, NEIGH_F_MAKE, NOW));
	(void)rig_tcp6(f, RIG_PEER6, RIG_ADDR6);
	f[20] = 17;
	(void)rig_input(r, f, 74, 0, NOW);
	assert_int_equal(rig_sent(r, out, sizeof(out)), 62 + 60);
	assert_memory_equal(out + 54, "\1\4", 2);
	len = rig_tcp(f, RIG_PEER, RIG_ADDR);
	f[23] = 17;
	rig_fix_ip(f);
	(void)rig_input(r, f, len, 0, NOW);
	assert_int_equal(rig_sent(r, out, sizeof(out)), 42 + 40);
	assert_memory_equal(out + 34, "\3\3", 2);
	f[23] = 99;
	rig_fix_ip(f);
	(void)rig_input(r, f, len, 0, NOW);
	assert_int_equal(rig_sent(r, out, sizeof(out)), 42 + 40);
	assert_memory_equal(out + 34, "\3\2", 2);
	for (int i = 0; i < 1000; i++) {
		(void)rig_input(r, f, len, 0, NOW);
		drain(r);
	}
	assert_int_equal(r->counters[OUTCOME_ICMP_ERROR_SENT], 50);
	assert_int_equal(r->counters[OUTCOME_ICMP_ERROR_LIMITED], 953);
	rig_free(r);
}

static void no_error_answers_an_error(void **)
{
	struct rig *r = rig_with_peer();
	/* An option to be told about, and then an ICMPv6 error; or an echo request. */
	uint8_t p[40] = {58, 0, 0x9e, 4, 0, 0, 0, 0, 1};
	uint8_t f[256];

	(void)rig_input(r, f, rig_ip6(f, RIG_PEER6, RIG_ADDR6, DST, p, sizeof(p)), 0, NOW);
	expect_nothing(r);
	p[8] = 137;
	(void)rig_input(r, f, rig_ip6(f, RIG_PEER6, RIG_ADDR6, DST, p, sizeof(p)), 0, NOW);
	expect_nothing(r);
	p[8] = 128;
	(void)rig_input(r, f, rig_ip6(f, RIG_PEER6, RIG_ADDR6, DST, p, sizeof(p)), 0, NOW);
	assert_true(rig_sent(r, f, sizeof(f)) > 0);
	assert_int_equal(r->counters[OUTCOME_IP6_OPTION], 3);
	rig_free(r);
}

/* An error of <type> that quotes a segment of ours, from a router. */
static size_t error6(uint8_t *ret, uint8_t type, uint32_t word, const char *local,
		     const uint8_t *ext, size_t ext_len)
{
	uint8_t quoted[128], p[512] = {type,
				       0,
				       0,
				       0,
				       (uint8_t)(word >> 24),
				       (uint8_t)(word >> 16),
				       (uint8_t)(word >> 8),
				       (uint8_t)word};

	(void)rig_tcp6(quoted, local, "2001:db8:99::1");
	memcpy(p + 8, quoted + 14, 40);
	if (ext_len > 0) {
		memcpy(p + 48, ext, ext_len);
		p[14] = ext[ext_len]; /* the first header's type follows <ext> */
	}
	memcpy(p + 48 + ext_len, quoted + 54, 8);
	return rig_ip6(ret, RIG_PEER6, RIG_ADDR6, 58, p, 56 + ext_len);
}

static void an_error_about_our_segment_is_passed_up(void **)
{
	struct rig *r = rig_with_peer();
	const struct ip_addr local = rig_addr(RIG_ADDR6), remote = rig_addr("2001:db8:99::1");
	uint8_t f[512];

	assert_int_equal(rig_input(r, f, error6(f, 2, 1400, RIG_ADDR6, NULL, 0), 0, NOW),
			 RIG_ERROR);
	assert_int_equal(r->error.mtu, 1400);
	assert_int_equal(r->error.seq, 77);
	assert_int_equal(r->error.local_port, 40000);
	assert_int_equal(r->error.remote_port, 443);
	assert_memory_equal(r->error.local.b, local.b, 16);
	assert_memory_equal(r->error.remote.b, remote.b, 16);
	assert_int_equal(rig_input(r, f, error6(f, 1, 1400, RIG_ADDR6, NULL, 0), 0, NOW),
			 RIG_ERROR);
	assert_int_equal(r->error.mtu, 0);
	/* A router in between made it a first fragment. */
	assert_int_equal(rig_input(r, f,
				   error6(f, 2, 1300, RIG_ADDR6,
					  (const uint8_t *)"\x06\0\0\1\0\0\0\7"
							   "\x2c",
					  8),
				   0, NOW),
			 RIG_ERROR);
	assert_int_equal(r->error.seq, 77);
	rig_free(r);
}

static void errors_that_no_one_should_heed_are_ignored(void **)
{
	struct rig *r = rig_with_peer();
	uint8_t f[512];
	uint64_t nb = 0;

	/* Less than the least MTU, more than any. */
	(void)rig_input(r, f, error6(f, 2, 1279, RIG_ADDR6, NULL, 0), 0, NOW);
	(void)rig_input(r, f, error6(f, 2, 65536, RIG_ADDR6, NULL, 0), 0, NOW);
	/* Not ours; a later fragment; cut short; of no known type. */
	(void)rig_input(r, f, error6(f, 1, 0, "2001:db8::99", NULL, 0), 0, NOW);
	(void)rig_input(r, f,
			error6(f, 1, 0, RIG_ADDR6,
			       (const uint8_t *)"\x06\0\0\x08\0\0\0\7"
						"\x2c",
			       8),
			0, NOW);
	nb = 4;
	for (size_t len = 0; len < 48; len++) {
		const size_t whole = error6(f, 1, 0, RIG_ADDR6, NULL, 0);

		f[19] = (uint8_t)(8 + len);
		rig_fix_icmp6(f, whole - 48 + len, 40);
		(void)rig_input(r, f, whole - 48 + len, 0, NOW);
		nb++;
	}
	(void)rig_input(r, f, error6(f, 100, 0, RIG_ADDR6, NULL, 0), 0, NOW);
	(void)rig_input(r, f, error6(f, 129, 0, RIG_ADDR6, NULL, 0), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ICMP_IGNORED], nb + 2);
	expect_nothing(r);
	rig_free(r);
}

static uint64_t state = 88172645463325252ull;

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static size_t build(uint8_t *f)
{
	static const uint8_t peer[] = RIG_PEER_MAC;
	static const uint8_t ext[] = {0x3c, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0};

	switch (next() % 6) {
	case 0:
		return rig_tcp6(f, RIG_PEER6, RIG_ADDR6);
	case 1:
		return rig_echo6(f, RIG_PEER6, RIG_ADDR6, next() % 64);
	case 2:
		return rig_nd(f, 135, 0, RIG_PEER6, GROUP, RIG_ADDR6, peer);
	case 3:
		return rig_nd(f, 136, 0x60, RIG_PEER6, RIG_ADDR6, RIG_PEER6, peer);
	case 4:
		return error6(f, 2, 1400, RIG_ADDR6, NULL, 0);
	default:
		return with_ext(f, HOP, ext, sizeof(ext));
	}
}

/* Whatever it is: an answer, a packet for TCP, an error, or one counter; never a lost buffer. */
static void random_frames_are_all_accounted_for(void **)
{
	struct rig *r = rig_with_peer();
	uint8_t f[1024], out[2048];

	for (unsigned i = 0; i < 50000; i++) {
		size_t len = build(f);

		for (uint32_t k = next() % 4; k > 0; k--)
			f[12 + next() % (len - 12)] = (uint8_t)next();
		if (next() % 2 == 0 && f[20] == 58)
			rig_fix_icmp6(f, len, 40);
		if (next() % 8 == 0)
			len = 1 + next() % len;
		(void)rig_input(r, f, len, next() % 8 == 0 ? 1 + next() % 64 : 0, NOW + 1000u * i);
		rig_tick(r, NOW + 1000u * i);
		while (ip_take_error(&r->ip, &r->error))
			continue;
		while (rig_sent(r, out, sizeof(out)) > 0)
			continue;
	}
	assert_int_equal(r->counters[OUTCOME_BUG], 0);
	assert_true(r->counters[OUTCOME_ICMP_ECHO_REPLIED] > 100);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_malformed_packet_has_its_outcome),
		cmocka_unit_test(extension_headers_are_skipped_or_refused_with_the_reason),
		cmocka_unit_test(extension_headers_have_a_bound),
		cmocka_unit_test(an_echo_reply_carries_the_request_back),
		cmocka_unit_test(the_reply_to_a_link_local_address_stays_on_its_link),
		cmocka_unit_test(a_closed_udp_port_is_told_at_a_bounded_rate_in_both_families),
		cmocka_unit_test(no_error_answers_an_error),
		cmocka_unit_test(an_error_about_our_segment_is_passed_up),
		cmocka_unit_test(errors_that_no_one_should_heed_are_ignored),
		cmocka_unit_test(random_frames_are_all_accounted_for),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
