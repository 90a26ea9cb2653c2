/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/steer.h"

#include <rte_thash.h>

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t state = 88172645463325252ull;

/* xorshift: the same numbers each time. */
static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

static struct ip_addr ip4(uint32_t addr)
{
	return ip_addr_from_v4(htonl(addr));
}

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_addr_parse(text, strlen(text), &a), 0);
	return a;
}

static struct ip_addr random_ip(bool is_v6)
{
	struct ip_addr a = ip4(next());

	for (int i = 0; is_v6 && i < 16; i++)
		a.b[i] = (uint8_t)next();
	return a;
}

static void the_hash_is_what_a_nic_computes(void **)
{
	struct steer s;
	uint8_t key[40];

	steer_init(&s, 4, STEER_BUCKETS);
	steer_key(key, sizeof(key));
	for (int i = 0; i < 1000; i++) {
		const uint32_t a = next(), b = next();
		const uint16_t pa = (uint16_t)next(), pb = (uint16_t)next();
		const struct ip_addr ia = ip4(a), ib = ip4(b);
		/* rte_softrss() wants the tuple as host-order words. */
		uint32_t tuple[3] = {a, b, (uint32_t)pa << 16 | pb};

		assert_int_equal(steer_hash(&s, &ia, &ib, htons(pa), htons(pb)),
				 rte_softrss(tuple, 3, key));
		/* Of addresses alone, as for fragments. */
		assert_int_equal(steer_hash(&s, &ia, &ib, 0, 0), rte_softrss(tuple, 2, key));
	}
}

static void the_hash_is_what_a_nic_computes_for_ipv6(void **)
{
	struct steer s;
	uint8_t key[52];

	steer_init(&s, 4, STEER_BUCKETS);
	steer_key(key, sizeof(key));
	for (int i = 0; i < 1000; i++) {
		const struct ip_addr a = random_ip(true), b = random_ip(true);
		const uint16_t pa = (uint16_t)next(), pb = (uint16_t)next();
		uint32_t tuple[9];

		memcpy(tuple, a.b, 16);
		memcpy(tuple + 4, b.b, 16);
		for (int k = 0; k < 8; k++)
			tuple[k] = ntohl(tuple[k]);
		tuple[8] = (uint32_t)pa << 16 | pb;
		assert_int_equal(steer_hash(&s, &a, &b, htons(pa), htons(pb)),
				 rte_softrss(tuple, 9, key));
		assert_int_equal(steer_hash(&s, &a, &b, 0, 0), rte_softrss(tuple, 8, key));
	}
}

static void a_flow_and_its_replies_hash_alike(void **)
{
	struct steer s;

	steer_init(&s, 3, STEER_BUCKETS);
	for (int i = 0; i < 1000; i++) {
		const struct ip_addr a = random_ip(i % 2), b = random_ip(i % 2);
		const uint16_t pa = (uint16_t)next(), pb = (uint16_t)next();

		assert_int_equal(steer_hash(&s, &a, &b, pa, pb), steer_hash(&s, &b, &a, pb, pa));
	}
}

static void a_chosen_port_brings_replies_to_the_worker(void **)
{
	static const uint32_t workers[] = {1, 2, 3, 4, 7, 8, 16, 48, 64};

	for (size_t w = 0; w < sizeof(workers) / sizeof(workers[0]); w++) {
		struct steer s;

		steer_init(&s, workers[w], STEER_BUCKETS);
		for (uint32_t i = 0; i < workers[w]; i++) {
			const struct ip_addr local = random_ip(i % 2), remote = random_ip(i % 2);
			uint16_t port;

			assert_int_equal(
				steer_port_pick(&s, i, &local, &remote, 8080, next(), &port), 0);
			assert_true(port >= STEER_PORT_FIRST);
			assert_int_equal(steer_worker_of(&s, steer_hash(&s, &remote, &local,
									htons(8080), htons(port))),
					 i);
		}
	}
}

static void searching_on_behind_a_port_finds_every_other_before_it_again(void **)
{
	struct steer s;
	static bool seen[65536];
	const struct ip_addr local = ip4(0x0a000001), remote = ip4(0x0a000002);
	uint32_t start = 12345, nb = 0;
	uint16_t port;

	steer_init(&s, 2, STEER_BUCKETS);
	for (;;) {
		assert_int_equal(steer_port_pick(&s, 1, &local, &remote, 80, start, &port), 0);
		if (seen[port])
			break;
		seen[port] = true;
		nb++;
		start += steer_port_distance(start, port) + 1;
	}
	/* Half of the range is this worker's. */
	assert_int_equal(nb, (65536 - STEER_PORT_FIRST) / 2);
}

static void ports_of_one_destination_are_spread_evenly(void **)
{
	const struct ip_addr a[2] = {ip("192.0.2.1"), ip("2001:db8::1")};
	const struct ip_addr b[2] = {ip("192.0.2.10"), ip("2001:db8::10")};
	struct steer s;

	steer_init(&s, 4, STEER_BUCKETS);
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t nb[4] = {0};

		for (uint32_t port = 0; port < 65536; port++)
			nb[steer_worker_of(&s, steer_hash(&s, &a[v6], &b[v6], htons((uint16_t)port),
							  htons(9043)))]++;
		for (int i = 0; i < 4; i++)
			assert_in_range(nb[i], 16384 - 1024, 16384 + 1024);
	}
}

/* An untagged TCP packet from 10.0.0.1:1000 to 10.0.0.2:80. */
static const uint8_t tcp_frame[14 + 20 + 8] = {
	[12] = 0x08, 0x00, 0x45, 0,  0, 28, 0, 0,    0,    0, 64, 6, 0, 0, 10,
	0,           0,    1,    10, 0, 0,  2, 0x03, 0xe8, 0, 80, 0, 0, 0, 1,
};

static uint32_t worker_of_flow(const struct steer *s, const char *a, const char *b, uint16_t a_port,
			       uint16_t b_port)
{
	const struct ip_addr x = ip(a), y = ip(b);

	return steer_worker_of(s, steer_hash(s, &x, &y, htons(a_port), htons(b_port)));
}

static uint32_t worker_of_tcp_frame(const struct steer *s)
{
	return worker_of_flow(s, "10.0.0.1", "10.0.0.2", 1000, 80);
}

static void frames_of_a_flow_go_to_its_worker_with_and_without_a_tag(void **)
{
	uint8_t tagged[sizeof(tcp_frame) + 4];
	struct steer s;
	uint32_t worker = 99;

	steer_init(&s, 16, STEER_BUCKETS);
	assert_int_equal(steer_frame(&s, tcp_frame, sizeof(tcp_frame), &worker), STEER_FLOW);
	assert_int_equal(worker, worker_of_tcp_frame(&s));
	memcpy(tagged, tcp_frame, 12);
	memcpy(tagged + 12, "\x81\x00\x00\x07", 4);
	memcpy(tagged + 16, tcp_frame + 12, sizeof(tcp_frame) - 12);
	worker = 99;
	assert_int_equal(steer_frame(&s, tagged, sizeof(tagged), &worker), STEER_FLOW);
	assert_int_equal(worker, worker_of_tcp_frame(&s));
}

static void an_icmp_error_goes_where_the_quoted_flow_lives(void **)
{
	uint8_t f[14 + 20 + 8 + 28];
	struct steer s;
	uint32_t worker = 99;

	steer_init(&s, 16, STEER_BUCKETS);
	memcpy(f, tcp_frame, 34);
	f[23] = 1;  /* ICMP */
	f[29] = 77; /* from a router: another address */
	memset(f + 34, 0, 8);
	f[34] = 3;
	memcpy(f + 42, tcp_frame + 14, 28);
	assert_int_equal(steer_frame(&s, f, sizeof(f), &worker), STEER_FLOW);
	assert_int_equal(worker, worker_of_tcp_frame(&s));
	f[34] = 8; /* an echo request is nobody's flow */
	assert_int_equal(steer_frame(&s, f, sizeof(f), &worker), STEER_ANY);
}

static void fragments_go_by_their_addresses_and_arp_to_all(void **)
{
	static const uint8_t offset[][2] = {{0x20, 0}, {0x20, 100}, {0, 100}};
	uint8_t f[sizeof(tcp_frame)];
	struct steer s;
	uint32_t worker = 99;

	steer_init(&s, 16, STEER_BUCKETS);
	memcpy(f, tcp_frame, sizeof(f));
	for (int i = 0; i < 3; i++) {
		memcpy(f + 20, offset[i], 2);
		f[35]++; /* what stands where the first has ports */
		worker = 99;
		assert_int_equal(steer_frame(&s, f, sizeof(f), &worker), STEER_FLOW);
		assert_int_equal(worker, worker_of_flow(&s, "10.0.0.1", "10.0.0.2", 0, 0));
	}
	f[13] = 6;
	worker = 99;
	assert_int_equal(steer_frame(&s, f, sizeof(f), &worker), STEER_ALL);
	assert_int_equal(worker, 99);
}

#define SRC6 "2001:db8::1"
#define DST6 "2001:db8:1::2"

/* An IPv6 packet from SRC6 to DST6 in the making: headers are appended. */
struct frame6 {
	uint8_t b[256];
	size_t len;
	size_t next; /* where the next header's number is to be written */
};

static void put_ip6(struct frame6 *f, const char *src, const char *dst)
{
	const struct ip_addr a = ip(src), b = ip(dst);
	uint8_t *h = f->b + f->len;

	h[0] = 0x60;
	h[7] = 255;
	memcpy(h + 8, a.b, 16);
	memcpy(h + 24, b.b, 16);
	f->next = f->len + 6;
	f->len += 40;
}

static struct frame6 begin6(void)
{
	struct frame6 f = {.b = {[12] = 0x86, 0xdd}, .len = 14};

	put_ip6(&f, SRC6, DST6);
	return f;
}

/* The number goes where the header before has it; of an extension the first octet is its next. */
static uint8_t *put(struct frame6 *f, uint8_t proto, size_t len)
{
	uint8_t *h = f->b + f->len;

	f->b[f->next] = proto;
	f->next = f->len;
	f->len += len;
	return h;
}

static void put_fragment(struct frame6 *f, uint16_t offset_more)
{
	uint8_t *h = put(f, 44, 8);

	h[2] = (uint8_t)(offset_more >> 8);
	h[3] = (uint8_t)offset_more;
}

static void put_tcp(struct frame6 *f)
{
	memcpy(put(f, 6, 20), "\x03\xe8\x00\x50", 4);
}

static uint32_t worker_of_frame6(const struct steer *s)
{
	return worker_of_flow(s, SRC6, DST6, 1000, 80);
}

static void assert_steered(const struct steer *s, const struct frame6 *f, enum steer_verdict want,
			   uint32_t want_worker)
{
	uint32_t worker = 99;

	assert_int_equal(steer_frame(s, f->b, f->len, &worker), want);
	assert_int_equal(worker, want_worker);
}

static void tcp_over_ipv6_is_found_behind_extension_headers(void **)
{
	struct frame6 f = begin6();
	struct steer s;

	steer_init(&s, 16, STEER_BUCKETS);
	put_tcp(&f);
	assert_steered(&s, &f, STEER_FLOW, worker_of_frame6(&s));

	f = begin6();
	put(&f, 0, 8);
	put(&f, 43, 24)[1] = 2;
	put(&f, 51, 24)[1] = 4;
	put_fragment(&f, 0); /* one of one: whole */
	put(&f, 60, 16)[1] = 1;
	put_tcp(&f);
	assert_steered(&s, &f, STEER_FLOW, worker_of_frame6(&s));
}

static void extension_headers_are_skipped_within_a_bound(void **)
{
	struct steer s;

	steer_init(&s, 16, STEER_BUCKETS);
	for (unsigned n = STEER_MAX_EXT; n <= STEER_MAX_EXT + 1; n++) {
		struct frame6 f = begin6();

		for (unsigned i = 0; i < n; i++)
			put(&f, 60, 8);
		put_tcp(&f);
		if (n == STEER_MAX_EXT)
			assert_steered(&s, &f, STEER_FLOW, worker_of_frame6(&s));
		else
			assert_steered(&s, &f, STEER_ANY, 99);
	}
	/* One that claims to be longer than the packet. */
	struct frame6 f = begin6();

	put(&f, 60, 8)[1] = 200;
	put_tcp(&f);
	assert_steered(&s, &f, STEER_ANY, 99);
}

static void fragments_of_ipv6_go_by_their_addresses(void **)
{
	static const uint16_t offset_more[] = {1, 8 | 1, 8};
	struct steer s;

	steer_init(&s, 16, STEER_BUCKETS);
	for (int i = 0; i < 3; i++) {
		struct frame6 f = begin6();

		put(&f, 0, 8);
		put_fragment(&f, offset_more[i]);
		put_tcp(&f);
		f.b[f.len - 20] = (uint8_t)i;
		assert_steered(&s, &f, STEER_FLOW, worker_of_flow(&s, SRC6, DST6, 0, 0));
	}
}

static void an_icmpv6_error_goes_where_the_quoted_flow_lives(void **)
{
	struct steer s;

	steer_init(&s, 16, STEER_BUCKETS);
	for (uint8_t type = 1; type <= 4; type++) {
		struct frame6 f = begin6();

		put(&f, 58, 8)[0] = type;
		/* What we had sent, and a router made two of. */
		put_ip6(&f, DST6, SRC6);
		put_fragment(&f, 1);
		memcpy(put(&f, 6, 8), "\x00\x50\x03\xe8", 4);
		assert_steered(&s, &f, STEER_FLOW, worker_of_frame6(&s));
		f.b[54] = 128; /* an echo request is nobody's flow */
		assert_steered(&s, &f, STEER_ANY, 99);
		f.b[54] = type;
		f.len -= 8; /* the ports are not there */
		assert_steered(&s, &f, STEER_ANY, 99);
	}
}

static void neighbour_discovery_goes_to_all_when_it_is_of_the_link(void **)
{
	static const uint8_t mld[] = {130, 131, 132, 143};
	struct steer s;
	struct frame6 f;

	steer_init(&s, 16, STEER_BUCKETS);
	for (uint8_t type = 133; type <= 137; type++) {
		f = begin6();
		put(&f, 58, 24)[0] = type;
		assert_steered(&s, &f, STEER_ALL, 99);
		f.b[21] = 254; /* a router passed it on */
		assert_steered(&s, &f, STEER_ANY, 99);
	}
	for (size_t i = 0; i < sizeof(mld); i++) {
		f = begin6();
		f.b[21] = 1;
		put(&f, 0, 8);
		put(&f, 58, 24)[0] = mld[i];
		assert_steered(&s, &f, STEER_ALL, 99);
		f.b[21] = 2;
		assert_steered(&s, &f, STEER_ANY, 99);
	}
}

/* In heap blocks of their exact size: a byte too far is a finding under ASan. */
static void no_frame_is_read_beyond_its_end(void **)
{
	struct steer s;

	steer_init(&s, 16, STEER_BUCKETS);
	for (int i = 0; i < 20000; i++) {
		const size_t len = next() % 80;
		uint8_t *f = malloc(len == 0 ? 1 : len);
		uint32_t worker = 0;

		assert_non_null(f);
		for (size_t k = 0; k < len; k++)
			f[k] = k >= 12 && k - 12 < sizeof(tcp_frame) - 12 && next() % 8 != 0
				       ? tcp_frame[k]
				       : (uint8_t)next();
		if (len > 23 && next() % 2 == 0)
			f[23] = 1;
		(void)steer_frame(&s, f, len, &worker);
		assert_true(worker < 16);
		free(f);
	}
}

static void no_ipv6_frame_is_read_beyond_its_end(void **)
{
	static const uint8_t protos[] = {0, 6, 43, 44, 51, 58, 60, 60};
	struct steer s;

	steer_init(&s, 16, STEER_BUCKETS);
	for (int i = 0; i < 20000; i++) {
		struct frame6 f = begin6();
		const size_t len = next() % 160;
		uint8_t *b = malloc(len == 0 ? 1 : len);
		uint32_t worker = 0;

		assert_non_null(b);
		f.b[20] = protos[next() % 8];
		for (size_t k = 54; k < sizeof(f.b); k++)
			f.b[k] = next() % 2 ? protos[next() % 8] : (uint8_t)(next() % 4);
		memcpy(b, f.b, len);
		(void)steer_frame(&s, b, len, &worker);
		assert_true(worker < 16);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_what_a_nic_computes),
		cmocka_unit_test(the_hash_is_what_a_nic_computes_for_ipv6),
		cmocka_unit_test(a_flow_and_its_replies_hash_alike),
		cmocka_unit_test(a_chosen_port_brings_replies_to_the_worker),
		cmocka_unit_test(searching_on_behind_a_port_finds_every_other_before_it_again),
		cmocka_unit_test(ports_of_one_destination_are_spread_evenly),
		cmocka_unit_test(frames_of_a_flow_go_to_its_worker_with_and_without_a_tag),
		cmocka_unit_test(an_icmp_error_goes_where_the_quoted_flow_lives),
		cmocka_unit_test(fragments_go_by_their_addresses_and_arp_to_all),
		cmocka_unit_test(tcp_over_ipv6_is_found_behind_extension_headers),
		cmocka_unit_test(extension_headers_are_skipped_within_a_bound),
		cmocka_unit_test(fragments_of_ipv6_go_by_their_addresses),
		cmocka_unit_test(an_icmpv6_error_goes_where_the_quoted_flow_lives),
		cmocka_unit_test(neighbour_discovery_goes_to_all_when_it_is_of_the_link),
		cmocka_unit_test(no_frame_is_read_beyond_its_end),
		cmocka_unit_test(no_ipv6_frame_is_read_beyond_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
