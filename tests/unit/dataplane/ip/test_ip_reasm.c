/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/stats/outcome.h"
#include "ip/ip_reasm.h"
#include "tests/lib/eal_test.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW UINT64_C(1000000)

static struct rte_mempool *pool;
static uint64_t counters[OUTCOME__COUNT];
static struct ip_reasm reasm;

static uint8_t pattern(uint32_t off)
{
	return (uint8_t)(off * 7 + (off >> 8));
}

static struct rte_mbuf *frag4(uint16_t id, uint32_t off, uint32_t len, bool is_more)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p = m == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(20 + len));

	if (p == NULL)
		abort();
	*(struct rte_ipv4_hdr *)(void *)p = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)(20 + len)),
		.packet_id = id,
		.fragment_offset = rte_cpu_to_be_16((uint16_t)(off / 8 | (is_more ? 0x2000 : 0))),
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(0xc0000201),
		.dst_addr = RTE_BE32(0xc000020a),
	};
	for (uint32_t i = 0; i < len; i++)
		p[20 + i] = pattern(off + i);
	return m;
}

static struct rte_mbuf *frag6(uint32_t id, uint32_t off, uint32_t len, bool is_more)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p = m == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(48 + len));

	if (p == NULL)
		abort();
	*(struct rte_ipv6_hdr *)(void *)p = (struct rte_ipv6_hdr){
		.vtc_flow = RTE_BE32(UINT32_C(6) << 28),
		.payload_len = rte_cpu_to_be_16((uint16_t)(8 + len)),
		.proto = IPPROTO_FRAGMENT,
		.hop_limits = 64,
		.src_addr = {0x20, 1, [15] = 1},
		.dst_addr = {0x20, 1, [15] = 2},
	};
	*(struct rte_ipv6_fragment_ext *)(void *)(p + 40) = (struct rte_ipv6_fragment_ext){
		.next_header = IPPROTO_TCP,
		.frag_data = rte_cpu_to_be_16((uint16_t)(off | is_more)),
		.id = id,
	};
	for (uint32_t i = 0; i < len; i++)
		p[48 + i] = pattern(off + i);
	return m;
}

static int setup(void **state)
{
	if (pool == NULL) {
		eal_test_init();
		pool = rte_pktmbuf_pool_create("reasm", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
	}
	memset(counters, 0, sizeof(counters));
	*state = &reasm;
	return ip_reasm_init(&reasm, counters);
}

static int teardown(void **state)
{
	ip_reasm_fini(*state);
	return rte_mempool_in_use_count(pool) == 0 ? 0 : -1;
}

static struct rte_mbuf *add4(struct ip_reasm *r, struct rte_mbuf *m)
{
	return ip_reasm_add4(r, m, 20, NOW);
}

/* The header says <len> bytes and no offset, and the bytes are the pattern. */
static void expect_whole(struct rte_mbuf *m, uint32_t hdr_len, uint32_t len)
{
	uint8_t buf[8192];

	assert_non_null(m);
	assert_int_equal(m->pkt_len, hdr_len + len);
	const uint8_t *p = rte_pktmbuf_read(m, hdr_len, len, buf);

	assert_non_null(p);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(p[i], pattern(i));
	if (hdr_len == 20) {
		const struct rte_ipv4_hdr *h = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);

		assert_int_equal(rte_be_to_cpu_16(h->total_length), 20 + len);
		assert_int_equal(h->fragment_offset, 0);
	} else {
		const struct rte_ipv6_hdr *h = rte_pktmbuf_mtod(m, const struct rte_ipv6_hdr *);

		assert_int_equal(rte_be_to_cpu_16(h->payload_len), len);
		assert_int_equal(h->proto, IPPROTO_TCP);
		assert_int_equal(m->l3_len, 40);
	}
	rte_pktmbuf_free(m);
}

static void fragments_in_any_order_make_the_datagram(void **state)
{
	static const uint8_t order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (uint16_t k = 0; k < 6; k++) {
		for (unsigned i = 0; i < 3; i++) {
			const uint32_t nr = order[k][i];
			struct rte_mbuf *m =
				add4(*state, frag4(k, nr * 1480, nr < 2 ? 1480 : 333, nr < 2));

			if (i < 2)
				assert_null(m);
			else
				expect_whole(m, 20, 2960 + 333);
		}
	}
	assert_int_equal(counters[OUTCOME_IP_FRAGMENTS], 18);
	assert_int_equal(counters[OUTCOME_IP_REASSEMBLED], 6);
	assert_int_equal(counters[OUTCOME_IP_FRAGMENT], 0);
}

static void datagrams_are_told_apart(void **state)
{
	assert_null(add4(*state, frag4(1, 0, 800, true)));
	assert_null(add4(*state, frag4(2, 0, 1600, true)));
	expect_whole(add4(*state, frag4(1, 800, 5, false)), 20, 805);
	expect_whole(add4(*state, frag4(2, 1600, 9, false)), 20, 1609);
}

static void ipv6_fragments_lose_their_header(void **state)
{
	assert_null(ip_reasm_add6(*state, frag6(9, 1232, 100, false), NOW));
	expect_whole(ip_reasm_add6(*state, frag6(9, 0, 1232, true), NOW), 40, 1332);
}

static void atomic_ipv6_fragment_stands_alone(void **state)
{
	assert_null(ip_reasm_add6(*state, frag6(9, 0, 1232, true), NOW));
	expect_whole(ip_reasm_add6(*state, frag6(9, 0, 77, false), NOW), 40, 77);
	expect_whole(ip_reasm_add6(*state, frag6(9, 1232, 8, false), NOW), 40, 1240);
}

static void overlap_spoils_the_datagram(void **state)
{
	assert_null(add4(*state, frag4(1, 0, 808, true)));
	assert_null(add4(*state, frag4(1, 800, 800, true)));
	assert_null(add4(*state, frag4(1, 1600, 8, false)));
	assert_int_equal(counters[OUTCOME_IP_FRAGMENT], 3);
	assert_int_equal(counters[OUTCOME_IP_REASSEMBLED], 0);
	/* RFC 5722: so it is for IPv6, and the id can be used again. */
	assert_null(ip_reasm_add6(*state, frag6(1, 0, 808, true), NOW));
	assert_null(ip_reasm_add6(*state, frag6(1, 800, 8, false), NOW));
	assert_int_equal(counters[OUTCOME_IP_FRAGMENT], 5);
}

static void repeated_fragment_spoils_the_datagram(void **state)
{
	assert_null(add4(*state, frag4(1, 0, 800, true)));
	assert_null(add4(*state, frag4(1, 0, 800, true)));
	assert_int_equal(counters[OUTCOME_IP_FRAGMENT], 2);
}

static void impossible_fragments_are_refused(void **state)
{
	struct rte_mbuf *m;

	assert_null(add4(*state, frag4(1, 8, 0, false)));
	assert_null(add4(*state, frag4(1, 0, 12, true)));
	/* Ends at 65536 with its header. */
	assert_null(add4(*state, frag4(1, 65504, 12, false)));
	m = frag4(1, 0, 800, true);
	rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *)->fragment_offset |= RTE_BE16(0x4000);
	assert_null(add4(*state, m));
	assert_null(ip_reasm_add6(*state, frag6(1, 65496, 16, false), NOW));
	assert_null(ip_reasm_add6(*state, frag6(1, 0, 12, true), NOW));
	assert_null(ip_reasm_add6(*state, frag6(1, 16, 0, false), NOW));
	assert_int_equal(counters[OUTCOME_IP_FRAGMENT], 7);
}

static void too_many_fragments_are_refused(void **state)
{
	for (uint32_t i = 0; i < 8; i++)
		assert_null(add4(*state, frag4(1, i * 8, 8, true)));
	assert_true(counters[OUTCOME_IP_FRAGMENT] > 0);
}

static void flood_takes_only_what_it_may(void **state)
{
	for (uint32_t i = 0; i < 900; i++)
		assert_null(add4(*state, frag4((uint16_t)i, 0, 800, true)));
	assert_true(rte_mempool_in_use_count(pool) <= IP_REASM_DATAGRAMS);
	assert_true(counters[OUTCOME_IP_FRAGMENT] >= 900 - IP_REASM_DATAGRAMS);
	/* And after a while there is room again. */
	ip_reasm_tick(*state, NOW + IP_REASM_US + 1000000);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
	assert_true(counters[OUTCOME_IP_REASM_TIMEOUT] > 0);
}

static void late_fragment_finds_nothing_to_join(void **state)
{
	struct ip_reasm *r = *state;

	assert_null(add4(r, frag4(1, 0, 800, true)));
	ip_reasm_tick(r, NOW + IP_REASM_US + 1);
	assert_int_equal(counters[OUTCOME_IP_REASM_TIMEOUT], 1);
	assert_null(ip_reasm_add4(r, frag4(1, 800, 8, false), 20, NOW + IP_REASM_US + 2));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fragments_in_any_order_make_the_datagram),
		T(datagrams_are_told_apart),
		T(ipv6_fragments_lose_their_header),
		T(atomic_ipv6_fragment_stands_alone),
		T(overlap_spoils_the_datagram),
		T(repeated_fragment_spoils_the_datagram),
		T(impossible_fragments_are_refused),
		T(too_many_fragments_are_refused),
		T(flood_takes_only_what_it_may),
		T(late_fragment_finds_nothing_to_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
