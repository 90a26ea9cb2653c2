/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000000ull

enum base {
	TCP,
	ECHO,
	ARP
};

/* A good frame, one change, and what must become of it. */
static const struct row {
	const char *name;
	enum base base;
	size_t at; /* where bytes change; 0: nowhere */
	const char *bytes;
	size_t nb_bytes;
	size_t len; /* cut or pad to this; 0: as it is */
	bool fix;   /* set the IP checksum anew */
	enum rig_fate fate;
	enum outcome outcome; /* counted once; OUTCOME__COUNT: nothing is */
} rows[] = {
#define AT(off, s) .at = (off), .bytes = (s), .nb_bytes = sizeof(s) - 1
	{"a TCP packet", TCP, .fate = RIG_TCP, .outcome = OUTCOME__COUNT},
	{"a padded TCP packet", TCP, .len = 60, .fate = RIG_TCP, .outcome = OUTCOME__COUNT},
	{"an echo request", ECHO, .outcome = OUTCOME_ICMP_ECHO_REPLIED},
	{"a question for us", ARP, .outcome = OUTCOME_ARP_REPLIED},
	{"no bytes but one", TCP, .len = 1, .outcome = OUTCOME_ETH_SHORT},
	{"half an Ethernet header", TCP, .len = 13, .outcome = OUTCOME_ETH_SHORT},
	{"half a tag", TCP, AT(12, "\x81\x00"), .len = 16, .outcome = OUTCOME_ETH_SHORT},
	{"another station's", TCP, AT(5, "\x99"), .outcome = OUTCOME_ETH_NOT_OURS},
	{"multicast", TCP, AT(0, "\x01\x00\x5e\x00\x00\x01"), .outcome = OUTCOME_ETH_NOT_OURS},
	{"from a group", TCP, AT(6, "\x03"), .outcome = OUTCOME_ETH_NOT_OURS},
	{"from ourselves", TCP, AT(11, "\x10"), .outcome = OUTCOME_ETH_NOT_OURS},
	{"IPv4 in a broadcast", TCP, AT(0, "\xff\xff\xff\xff\xff\xff"),
	 .outcome = OUTCOME_IP_NOT_OURS},
	{"IPv4 that is called IPv6", TCP, AT(12, "\x86\xdd"), .outcome = OUTCOME_IP6_MALFORMED},
	{"a type of our own making", TCP, AT(12, "\x88\xb5"), .outcome = OUTCOME_ETH_TYPE_UNKNOWN},
	{"a length, not a type", TCP, AT(12, "\x00\x40"), .outcome = OUTCOME_ETH_TYPE_UNKNOWN},
	{"a tag that nobody has", TCP, AT(12, "\x81\x00\x00\x09\x08\x00"),
	 .outcome = OUTCOME_ETH_VLAN_UNKNOWN},
	{"two tags", TCP, AT(12, "\x81\x00\x00\x07\x81\x00"), .outcome = OUTCOME_ETH_QINQ},
	{"a service tag and a tag", TCP, AT(12, "\x88\xa8\x00\x07\x81\x00"),
	 .outcome = OUTCOME_ETH_QINQ},
	{"no IP header", TCP, .len = 14, .outcome = OUTCOME_IP_MALFORMED},
	{"half an IP header", TCP, .len = 33, .outcome = OUTCOME_IP_MALFORMED},
	{"IP version 5", TCP, AT(14, "\x55"), .fix = true, .outcome = OUTCOME_IP_MALFORMED},
	{"a header of 16 bytes", TCP, AT(14, "\x44"), .fix = true, .outcome = OUTCOME_IP_MALFORMED},
	{"a header beyond the packet", TCP, AT(14, "\x4f"), .outcome = OUTCOME_IP_MALFORMED},
	{"a length beyond the frame", TCP, AT(16, "\x00\x29"), .fix = true,
	 .outcome = OUTCOME_IP_MALFORMED},
	{"a length within the header", TCP, AT(16, "\x00\x13"), .fix = true,
	 .outcome = OUTCOME_IP_MALFORMED},
	{"a wrong checksum", TCP, AT(24, "\x00\x00"), .outcome = OUTCOME_IP_CHECKSUM},
	{"a first fragment that none can follow", TCP, AT(20, "\x20\x00"), .fix = true,
	 .outcome = OUTCOME_IP_FRAGMENT},
	{"a later fragment, which waits", TCP, AT(20, "\x00\x01"), .fix = true,
	 .outcome = OUTCOME__COUNT},
	{"do not fragment", TCP, AT(20, "\x40\x00"), .fix = true, .fate = RIG_TCP,
	 .outcome = OUTCOME__COUNT},
	{"for another", TCP, AT(33, "\x0b"), .fix = true, .outcome = OUTCOME_IP_NOT_OURS},
	{"for our other interface", TCP, AT(30, "\xc6\x33\x64\x01"), .fix = true,
	 .outcome = OUTCOME_IP_NOT_OURS},
	{"for everyone", TCP, AT(30, "\xff\xff\xff\xff"), .fix = true,
	 .outcome = OUTCOME_IP_NOT_OURS},
	{"for a group", TCP, AT(30, "\xe0\x00\x00\x01"), .fix = true,
	 .outcome = OUTCOME_IP_NOT_OURS},
	{"from 0.0.0.0", TCP, AT(26, "\x00\x00\x00\x00"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"from loopback", TCP, AT(26, "\x7f\x00\x00\x01"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"from a group", TCP, AT(26, "\xe0\x00\x00\x01"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"from everyone", TCP, AT(26, "\xff\xff\xff\xff"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"from our own address", TCP, AT(26, "\xc0\x00\x02\x0a"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"from the subnet's broadcast", TCP, AT(26, "\xc0\x00\x02\xff"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"from the subnet's number", TCP, AT(26, "\xc0\x00\x02\x00"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"from another interface's subnet", TCP, AT(26, "\xc6\x33\x64\x14"), .fix = true,
	 .outcome = OUTCOME_IP_SPOOFED},
	{"UDP", TCP, AT(23, "\x11"), .fix = true, .outcome = OUTCOME_IP_PROTO_UNKNOWN},
	{"an echo request with a wrong checksum", ECHO, AT(36, "\x00\x00"),
	 .outcome = OUTCOME_ICMP_MALFORMED},
	{"ICMP of three bytes", ECHO, AT(16, "\x00\x17"), .fix = true,
	 .outcome = OUTCOME_ICMP_MALFORMED},
	{"half an ARP packet", ARP, .len = 41, .outcome = OUTCOME_ARP_MALFORMED},
	{"ARP for token ring", ARP, AT(14, "\x00\x06"), .outcome = OUTCOME_ARP_MALFORMED},
	{"ARP with long addresses", ARP, AT(18, "\x08"), .outcome = OUTCOME_ARP_MALFORMED},
	{"ARP operation 9", ARP, AT(20, "\x00\x09"), .outcome = OUTCOME_ARP_MALFORMED},
	{"ARP from a group address", ARP, AT(22, "\x01"), .outcome = OUTCOME_ARP_MALFORMED},
	{"ARP from a multicast host", ARP, AT(28, "\xe0"), .outcome = OUTCOME_ARP_MALFORMED},
	{"ARP for another", ARP, AT(41, "\x63"), .outcome = OUTCOME_ARP_NOT_OURS},
#undef AT
};

static size_t build(uint8_t *f, enum base base)
{
	static const uint8_t peer[] = RIG_PEER_MAC;

	switch (base) {
	case TCP:
		return rig_tcp(f, RIG_PEER, RIG_ADDR);
	case ECHO:
		return rig_echo(f, RIG_PEER, RIG_ADDR, 32);
	case ARP:
		break;
	}
	return rig_arp(f, 1, peer, RIG_PEER, RIG_ADDR);
}

static void each_malformed_frame_has_its_outcome(void **)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct rig *r = rig_new(NOW);
		uint8_t f[256] = {0};
		size_t len = build(f, row->base);
		uint64_t nb = 0;

		if (row->nb_bytes > 0)
			memcpy(f + row->at, row->bytes, row->nb_bytes);
		if (row->fix)
			rig_fix_ip(f);
		if (row->len != 0)
			len = row->len;

		const enum rig_fate fate = rig_input(r, f, len, 0, NOW);

		/* Told to who caused a drop, or a fragment: counted apart. */
		for (int k = 0; k < OUTCOME__COUNT; k++)
			nb += k == OUTCOME_ICMP_ERROR_SENT || k == OUTCOME_IP_FRAGMENTS
				      ? 0
				      : r->counters[k];
		if (fate != row->fate || nb != (row->outcome != OUTCOME__COUNT) ||
		    (nb == 1 && r->counters[row->outcome] != 1)) {
			for (int k = 0; k < OUTCOME__COUNT; k++)
				if (r->counters[k] != 0)
					print_error("counted: %s\n", outcome_name(k));
			fail_msg("%s: fate %d", row->name, (int)fate);
		}
		rig_free(r);
	}
}

/* A packet with <options> (a multiple of four bytes) in its header. */
static void input_options(struct rig *r, const char *options, size_t nb)
{
	uint8_t f[256], g[256];
	const size_t len = rig_tcp(f, RIG_PEER, RIG_ADDR);

	memcpy(g, f, 34);
	memcpy(g + 34, options, nb);
	memcpy(g + 34 + nb, f + 34, len - 34);
	g[14] = (uint8_t)(0x45 + nb / 4);
	g[17] = (uint8_t)(40 + nb);
	rig_fix_ip(g);
	(void)rig_input(r, g, len + nb, 0, NOW);
}

static void source_routes_are_refused_and_other_options_ignored(void **)
{
	struct rig *r = rig_new(NOW);

	input_options(r, "\x83\x07\x04\x01\x02\x03\x04\x00", 8);
	assert_int_equal(r->counters[OUTCOME_IP_OPTIONS], 1);
	input_options(r, "\x01\x89\x03\x04", 4);
	assert_int_equal(r->counters[OUTCOME_IP_OPTIONS], 2);
	/* Lengths of nothing, of one, and beyond the end: a parser that trusts them never ends. */
	input_options(r, "\x07\x00\x00\x00", 4);
	input_options(r, "\x07\x01\x00\x00", 4);
	input_options(r, "\x07\x05\x00\x00", 4);
	input_options(r, "\x01\x01\x01\x07", 4);
	assert_int_equal(r->counters[OUTCOME_IP_MALFORMED], 4);
	/* Record route, router alert, and what stands behind the end of the list. */
	input_options(r, "\x94\x04\x00\x00\x00\x83\x00\x00", 8);
	assert_int_equal(r->counters[OUTCOME_IP_OPTIONS], 2);
	assert_int_equal(r->counters[OUTCOME_IP_MALFORMED], 4);
	rig_free(r);
}

static void a_port_is_believed_when_it_calls_the_header_sound(void **)
{
	static const struct {
		uint64_t says;
		bool is_right, is_taken;
	} cases[] = {
		{RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, true, true},
		{RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN, false, false},
		{RTE_MBUF_F_RX_IP_CKSUM_GOOD, false, true},
		{RTE_MBUF_F_RX_IP_CKSUM_NONE, false, true},
		/* Looked into: some ports say it too easily. */
		{RTE_MBUF_F_RX_IP_CKSUM_BAD, true, true},
		{RTE_MBUF_F_RX_IP_CKSUM_BAD, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *r = rig_new(NOW);
		uint8_t f[256];
		const size_t len = rig_tcp(f, RIG_PEER, RIG_ADDR);

		if (!cases[i].is_right)
			f[24] ^= 0x55;
		r->rx_flags = cases[i].says;
		assert_int_equal(rig_input(r, f, len, 0, NOW),
				 cases[i].is_taken ? RIG_TCP : RIG_GONE);
		assert_int_equal(r->counters[OUTCOME_IP_CHECKSUM], !cases[i].is_taken);
		rig_free(r);
	}
}

static void an_echo_reply_carries_the_request_back(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[2048], out[2048];
	const size_t len = rig_echo(f, RIG_PEER, RIG_ADDR, 1000);
	static const uint8_t peer[] = RIG_PEER_MAC;

	assert_int_equal(rig_input(r, f, len, 0, NOW), RIG_GONE);
	/* It does not know the way yet, so it asks; the answer lets the reply go. */
	assert_int_equal(rig_sent(r, out, sizeof(out)), 42);
	assert_int_equal(rig_sent(r, out, sizeof(out)), 0);

	uint8_t answer[64];
	const size_t nb = rig_arp(answer, 2, peer, RIG_PEER, RIG_ADDR);

	(void)rig_input(r, answer, nb, 0, NOW);
	assert_int_equal(rig_sent(r, out, sizeof(out)), len);
	assert_memory_equal(out, peer, 6);
	assert_int_equal(out[34], 0);
	assert_memory_equal(out + 26, f + 30, 4);
	assert_memory_equal(out + 30, f + 26, 4);
	assert_memory_equal(out + 38, f + 38, len - 38);

	/* What comes back is itself a good packet: both checksums are right. */
	memcpy(out, f, 14);
	memcpy(out + 26, f + 26, 8);
	rig_fix_ip(out);
	(void)rig_input(r, out, len, 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ICMP_MALFORMED], 0);
	assert_int_equal(r->counters[OUTCOME_ICMP_IGNORED], 1);
	rig_free(r);
}

static void an_echo_request_in_buffers_of_odd_length_is_answered(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[2048];

	for (size_t seg = 99; seg < 400; seg += 20)
		(void)rig_input(r, f, rig_echo(f, RIG_PEER, RIG_ADDR, 1000), seg,
				NOW + seg * 100000);
	assert_int_equal(r->counters[OUTCOME_ICMP_MALFORMED], 0);
	assert_true(r->counters[OUTCOME_ICMP_ECHO_REPLIED] > 10);
	rig_free(r);
}

static void echo_is_answered_at_a_bounded_rate(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[128], out[128];
	const size_t len = rig_echo(f, RIG_PEER, RIG_ADDR, 8);

	for (int i = 0; i < 2000; i++) {
		(void)rig_input(r, f, len, 0, NOW);
		while (rig_sent(r, out, sizeof(out)) > 0)
			continue;
	}
	assert_int_equal(r->counters[OUTCOME_ICMP_ECHO_REPLIED], 500);
	assert_int_equal(r->counters[OUTCOME_ICMP_LIMITED], 1500);
	(void)rig_input(r, f, len, 0, NOW + 10000);
	assert_int_equal(r->counters[OUTCOME_ICMP_ECHO_REPLIED], 501);
	rig_free(r);
}

/* An ICMP error of <type> <code> that quotes a segment of ours. */
static size_t icmp_error(uint8_t *ret, uint8_t type, uint8_t code, uint16_t mtu)
{
	uint8_t quoted[128];
	const size_t len = rig_tcp(quoted, RIG_ADDR, 0x0a010203);
	size_t off = rig_echo(ret, RIG_PEER, RIG_ADDR, 28) - 36;

	ret[off] = type;
	ret[off + 1] = code;
	memset(ret + off + 2, 0, 6);
	ret[off + 6] = (uint8_t)(mtu >> 8);
	ret[off + 7] = (uint8_t)mtu;
	memcpy(ret + off + 8, quoted + 14, 28);
	(void)len;

	/* RFC 1071, by hand. */
	uint32_t sum = 0;

	for (size_t i = 0; i < 36; i += 2)
		sum += (uint32_t)(ret[off + i] << 8 | ret[off + i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ret[off + 2] = (uint8_t)(~sum >> 8);
	ret[off + 3] = (uint8_t)~sum;
	return off + 36;
}

static void an_error_about_our_segment_is_passed_up(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[128];

	assert_int_equal(rig_input(r, f, icmp_error(f, 3, 4, 1280), 0, NOW), RIG_ERROR);
	assert_int_equal(r->error.mtu, 1280);
	assert_int_equal(r->error.seq, 77);
	assert_int_equal(r->error.local_port, 40000);
	assert_int_equal(r->error.remote_port, 443);
	assert_int_equal(ntohl(ip_addr_to_v4(&r->error.local)), RIG_ADDR);
	assert_int_equal(ntohl(ip_addr_to_v4(&r->error.remote)), 0x0a010203);
	assert_int_equal(rig_input(r, f, icmp_error(f, 3, 1, 555), 0, NOW), RIG_ERROR);
	assert_int_equal(r->error.mtu, 0);
	rig_free(r);
}

static void errors_that_no_one_should_heed_are_ignored(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[128];

	(void)rig_input(r, f, icmp_error(f, 3, 4, 0), 0, NOW);
	(void)rig_input(r, f, icmp_error(f, 4, 0, 0), 0, NOW);
	(void)rig_input(r, f, icmp_error(f, 5, 0, 0), 0, NOW);
	(void)rig_input(r, f, icmp_error(f, 13, 0, 0), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ICMP_IGNORED], 4);
	rig_free(r);
}

/* Octets <from> to <to> of the packet in <whole>, as a fragment; to its end with <to> 0. */
static size_t cut4(uint8_t *ret, const uint8_t *whole, size_t len, size_t from, size_t to)
{
	const size_t end = to == 0 ? len - 34 : to;

	memcpy(ret, whole, 34);
	memcpy(ret + 34, whole + 34 + from, end - from);
	ret[16] = (uint8_t)((20 + end - from) >> 8);
	ret[17] = (uint8_t)(20 + end - from);
	ret[20] = (uint8_t)(from / 8 >> 8 | (to == 0 ? 0 : 0x20));
	ret[21] = (uint8_t)(from / 8);
	rig_fix_ip(ret);
	return 34 + end - from;
}

static size_t cut6(uint8_t *ret, const uint8_t *whole, size_t len, size_t from, size_t to)
{
	const size_t end = to == 0 ? len - 54 : to, n = 8 + end - from;

	memcpy(ret, whole, 54);
	memset(ret + 54, 0, 8);
	ret[54] = whole[20];
	ret[56] = (uint8_t)(from >> 8);
	ret[57] = (uint8_t)(from | (to != 0));
	ret[61] = 77;
	memcpy(ret + 62, whole + 54 + from, end - from);
	ret[18] = (uint8_t)(n >> 8);
	ret[19] = (uint8_t)n;
	ret[20] = 44;
	return 54 + n;
}

static void fragments_of_a_segment_reach_tcp_whole(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t whole[256], f[256];
	size_t len = rig_tcp(whole, RIG_PEER, RIG_ADDR);

	assert_int_equal(rig_input(r, f, cut4(f, whole, len, 16, 0), 0, NOW), RIG_GONE);
	assert_int_equal(rig_input(r, f, cut4(f, whole, len, 0, 16), 0, NOW), RIG_TCP);
	len = rig_tcp6(whole, RIG_PEER6, RIG_ADDR6);
	assert_int_equal(rig_input(r, f, cut6(f, whole, len, 0, 16), 0, NOW), RIG_GONE);
	assert_int_equal(rig_input(r, f, cut6(f, whole, len, 16, 0), 0, NOW), RIG_TCP);
	assert_int_equal(r->counters[OUTCOME_IP_REASSEMBLED], 2);
	rig_free(r);
}

static void echo_in_fragments_is_answered_when_the_answer_fits(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t whole[2400], f[2400], out[2400];
	size_t len = rig_echo(whole, RIG_PEER, RIG_ADDR, 1000);

	(void)rig_input(r, f, cut4(f, whole, len, 0, 512), 0, NOW);
	(void)rig_input(r, f, cut4(f, whole, len, 512, 0), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ICMP_ECHO_REPLIED], 1);
	while (rig_sent(r, out, sizeof(out)) > 0)
		continue;
	len = rig_echo(whole, RIG_PEER, RIG_ADDR, 1800);
	(void)rig_input(r, f, cut4(f, whole, len, 0, 1024), 0, NOW);
	(void)rig_input(r, f, cut4(f, whole, len, 1024, 0), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ICMP_ECHO_REPLIED], 1);
	assert_int_equal(r->counters[OUTCOME_ICMP_IGNORED], 1);
	rig_free(r);
}

/* RFC 6980. */
static void neighbour_discovery_in_fragments_is_refused(void **)
{
	static const uint8_t mac[] = RIG_PEER_MAC;
	struct rig *r = rig_new(NOW);
	uint8_t whole[256], f[256], options[40] = {58, 0, 1, 4};
	const size_t len = rig_nd(whole, 135, 0, RIG_PEER6, RIG_ADDR6, RIG_ADDR6, mac);

	(void)rig_input(r, f, cut6(f, whole, len, 0, 16), 0, NOW);
	(void)rig_input(r, f, cut6(f, whole, len, 16, 0), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ND_MALFORMED], 1);
	/* Nor in one that is none (RFC 6946). */
	(void)rig_input(r, f, cut6(f, whole, len, 0, 0), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ND_MALFORMED], 2);
	/* Nor behind options. */
	memcpy(options + 8, whole + 54, len - 54);
	(void)rig_ip6(whole, RIG_PEER6, RIG_ADDR6, 60, options, sizeof(options));
	(void)rig_input(r, f, cut6(f, whole, len + 8, 0, 16), 0, NOW);
	(void)rig_input(r, f, cut6(f, whole, len + 8, 16, 0), 0, NOW);
	assert_int_equal(r->counters[OUTCOME_ND_MALFORMED], 3);
	assert_int_equal(rig_sent(r, f, sizeof(f)), 0);
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

/* Whatever it is: an answer, a packet for TCP, or one counter; never a lost buffer. */
static void random_frames_are_all_accounted_for(void **)
{
	struct rig *r = rig_new(NOW);
	uint8_t f[256], out[2048];

	for (int i = 0; i < 50000; i++) {
		size_t len = build(f, next() % 3);
		uint64_t before = 0, after = 0;

		for (uint32_t k = next() % 4; k > 0; k--)
			f[next() % len] = (uint8_t)next();
		if (len > 34 && next() % 2 == 0 && f[12] == 8 && f[13] == 0 && f[14] >> 4 == 4)
			rig_fix_ip(f);
		if (next() % 4 == 0)
			len = 1 + next() % len;
		for (int k = 0; k < OUTCOME__COUNT; k++)
			before += r->counters[k];

		const enum rig_fate fate = rig_input(
			r, f, len, next() % 8 == 0 ? 1 + next() % 64 : 0, NOW + 1000u * i);

		for (int k = 0; k < OUTCOME__COUNT; k++)
			after += r->counters[k];
		/* An ARP packet that only teaches is not counted. */
		if (fate == RIG_GONE && !(f[12] == 8 && f[13] == 6) && f[12] != 0x81)
			assert_true(after > before);
		rig_tick(r, NOW + 1000u * i);
		while (rig_sent(r, out, sizeof(out)) > 0)
			continue;
	}
	assert_int_equal(r->counters[OUTCOME_BUG], 0);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_malformed_frame_has_its_outcome),
		cmocka_unit_test(source_routes_are_refused_and_other_options_ignored),
		cmocka_unit_test(a_port_is_believed_when_it_calls_the_header_sound),
		cmocka_unit_test(an_echo_reply_carries_the_request_back),
		cmocka_unit_test(an_echo_request_in_buffers_of_odd_length_is_answered),
		cmocka_unit_test(echo_is_answered_at_a_bounded_rate),
		cmocka_unit_test(an_error_about_our_segment_is_passed_up),
		cmocka_unit_test(errors_that_no_one_should_heed_are_ignored),
		cmocka_unit_test(fragments_of_a_segment_reach_tcp_whole),
		cmocka_unit_test(echo_in_fragments_is_answered_when_the_answer_fits),
		cmocka_unit_test(neighbour_discovery_in_fragments_is_refused),
		cmocka_unit_test(random_frames_are_all_accounted_for),
	};

	if (rig_eal() < 0) {
		fprintf(stderr, "EAL does not start\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
