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

static void the_hash_is_what_a_nic_computes(void **)
{
	struct steer s;
	uint8_t key[40];

	steer_init(&s, 4, STEER_BUCKETS);
	steer_key(key, sizeof(key));
	for (int i = 0; i < 1000; i++) {
		const uint32_t a = next(), b = next();
		const uint16_t pa = (uint16_t)next(), pb = (uint16_t)next();
		/* rte_softrss() wants the tuple as host-order words. */
		uint32_t tuple[3] = {a, b, (uint32_t)pa << 16 | pb};

		assert_int_equal(steer_hash(&s, htonl(a), htonl(b), htons(pa), htons(pb)),
				 rte_softrss(tuple, 3, key));
	}
}

static void a_flow_and_its_replies_hash_alike(void **)
{
	struct steer s;

	steer_init(&s, 3, STEER_BUCKETS);
	for (int i = 0; i < 1000; i++) {
		const uint32_t a = next(), b = next();
		const uint16_t pa = (uint16_t)next(), pb = (uint16_t)next();

		assert_int_equal(steer_hash(&s, a, b, pa, pb), steer_hash(&s, b, a, pb, pa));
	}
}

static void a_chosen_port_brings_replies_to_the_worker(void **)
{
	static const uint32_t workers[] = {1, 2, 3, 4, 7, 8, 16, 48, 64};

	for (size_t w = 0; w < sizeof(workers) / sizeof(workers[0]); w++) {
		struct steer s;

		steer_init(&s, workers[w], STEER_BUCKETS);
		for (uint32_t i = 0; i < workers[w]; i++) {
			const uint32_t local = next(), remote = next();
			uint16_t port;

			assert_int_equal(steer_port_pick(&s, i, local, remote, 8080, next(), &port),
					 0);
			assert_true(port >= STEER_PORT_FIRST);
			assert_int_equal(steer_worker_of(&s, steer_hash(&s, remote, local,
									htons(8080), htons(port))),
					 i);
		}
	}
}

static void searching_on_behind_a_port_finds_every_other_before_it_again(void **)
{
	struct steer s;
	static bool seen[65536];
	uint32_t start = 12345, nb = 0;
	uint16_t port;

	steer_init(&s, 2, STEER_BUCKETS);
	for (;;) {
		assert_int_equal(steer_port_pick(&s, 1, 0x0a000001, 0x0a000002, 80, start, &port),
				 0);
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
	struct steer s;
	uint32_t nb[4] = {0};

	steer_init(&s, 4, STEER_BUCKETS);
	for (uint32_t port = 0; port < 65536; port++)
		nb[steer_worker_of(&s, steer_hash(&s, htonl(0xc0000201), htonl(0xc000020a),
						  htons((uint16_t)port), htons(9043)))]++;
	for (int i = 0; i < 4; i++)
		assert_in_range(nb[i], 16384 - 1024, 16384 + 1024);
}

/* An untagged TCP packet from 10.0.0.1:1000 to 10.0.0.2:80. */
static const uint8_t tcp_frame[14 + 20 + 8] = {
	[12] = 0x08, 0x00, 0x45, 0,  0, 28, 0, 0,    0,    0, 64, 6, 0, 0, 10,
	0,           0,    1,    10, 0, 0,  2, 0x03, 0xe8, 0, 80, 0, 0, 0, 1,
};

static uint32_t worker_of_tcp_frame(const struct steer *s)
{
	return steer_worker_of(
		s, steer_hash(s, htonl(0x0a000001), htonl(0x0a000002), htons(1000), htons(80)));
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

static void fragments_belong_to_nobody_and_arp_to_all(void **)
{
	uint8_t f[sizeof(tcp_frame)];
	struct steer s;
	uint32_t worker = 99;

	steer_init(&s, 16, STEER_BUCKETS);
	memcpy(f, tcp_frame, sizeof(f));
	f[20] = 0x20;
	assert_int_equal(steer_frame(&s, f, sizeof(f), &worker), STEER_ANY);
	f[13] = 6;
	assert_int_equal(steer_frame(&s, f, sizeof(f), &worker), STEER_ALL);
	assert_int_equal(worker, 99);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_what_a_nic_computes),
		cmocka_unit_test(a_flow_and_its_replies_hash_alike),
		cmocka_unit_test(a_chosen_port_brings_replies_to_the_worker),
		cmocka_unit_test(searching_on_behind_a_port_finds_every_other_before_it_again),
		cmocka_unit_test(ports_of_one_destination_are_spread_evenly),
		cmocka_unit_test(frames_of_a_flow_go_to_its_worker_with_and_without_a_tag),
		cmocka_unit_test(an_icmp_error_goes_where_the_quoted_flow_lives),
		cmocka_unit_test(fragments_belong_to_nobody_and_arp_to_all),
		cmocka_unit_test(no_frame_is_read_beyond_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
