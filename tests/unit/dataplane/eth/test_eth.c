/* SPDX-License-Identifier: BSD-3-Clause */

/* Tags in the frame, and tags that the port takes out and puts in: the same cases. */

#include "eth/eth.h"
#include "tests/lib/eal_test.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAC                                                                                        \
	{                                                                                          \
		2, 0, 0, 0, 0, 0x10                                                                \
	}

static struct rte_mempool *pool;
static struct io io;
static struct io_worker worker;
static struct eth eth;
static uint64_t counters[OUTCOME__COUNT];

static const uint8_t ours[6] = MAC, peer[6] = {2, 0, 0, 0, 0, 1};

static int setup(void **)
{
	static const struct eth_iface iface[] = {
		{.port = 0, .vlan = 0, .mtu = 1500, .mac = MAC},
		{.port = 0, .vlan = 7, .mtu = 1500, .mac = MAC},
	};

	memset(counters, 0, sizeof(counters));
	io = (struct io){.nb_workers = 1, .nb_ports = 1, .tx_pool = {pool}};
	io_worker_init(&worker, &io, 0, counters);
	eth_init(&eth, &worker, counters);
	eth_configure(&eth, iface, 2);
	return 0;
}

static int teardown(void **)
{
	io_worker_fini(&worker);
	return rte_mempool_in_use_count(pool) == 0 ? 0 : -1;
}

/* A frame to us with <types>, each tag's with its id behind it, before an IPv4 header's begin. */
static struct rte_mbuf *frame(const void *types, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *b = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(12 + len + 20));

	if (b == NULL)
		abort();
	memcpy(b, ours, 6);
	memcpy(b + 6, peer, 6);
	memcpy(b + 12, types, len);
	memset(b + 12 + len, 0x45, 20);
	m->port = 0;
	return m;
}

static void strip(struct rte_mbuf *m, uint16_t tci)
{
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = tci;
}

/* <m> passes, by <want>, its header gone. */
static void expect_passed(struct rte_mbuf *m, uint8_t want)
{
	uint8_t iface = 99;

	assert_int_equal(eth_input(&eth, m, &iface), ETH_V_IP);
	assert_int_equal(iface, want);
	assert_int_equal(m->data_len, 20);
	rte_pktmbuf_free(m);
}

static void expect_dropped(struct rte_mbuf *m, enum outcome why)
{
	const uint64_t before = counters[why];
	uint8_t iface;

	assert_int_equal(eth_input(&eth, m, &iface), ETH_V_DROPPED);
	assert_int_equal(counters[why], before + 1);
}

static void a_tag_in_the_frame_names_the_interface(void **)
{
	expect_passed(frame("\x08\x00", 2), 0);
	expect_passed(frame("\x81\x00\x00\x07\x08\x00", 6), 1);
	/* Priority and drop eligibility are no part of the id; id 0 is none. */
	expect_passed(frame("\x81\x00\xf0\x07\x08\x00", 6), 1);
	expect_passed(frame("\x81\x00\xe0\x00\x08\x00", 6), 0);
	expect_dropped(frame("\x81\x00\x00\x09\x08\x00", 6), OUTCOME_ETH_VLAN_UNKNOWN);
}

static void so_does_a_tag_that_the_port_took_out(void **)
{
	static const struct {
		uint16_t tci;
		uint8_t iface;
	} rows[] = {{7, 1}, {0xf007, 1}, {0xe000, 0}};

	for (unsigned i = 0; i < 3; i++) {
		struct rte_mbuf *m = frame("\x08\x00", 2);

		strip(m, rows[i].tci);
		expect_passed(m, rows[i].iface);
	}
	struct rte_mbuf *m = frame("\x08\x00", 2);

	strip(m, 9);
	expect_dropped(m, OUTCOME_ETH_VLAN_UNKNOWN);
}

static void two_tags_are_refused_wherever_the_first_is(void **)
{
	struct rte_mbuf *m;

	expect_dropped(frame("\x81\x00\x00\x07\x81\x00\x00\x07\x08\x00", 10), OUTCOME_ETH_QINQ);
	expect_dropped(frame("\x88\xa8\x00\x07\x81\x00\x00\x07\x08\x00", 10), OUTCOME_ETH_QINQ);
	expect_dropped(frame("\x88\xa8\x00\x07\x08\x00", 6), OUTCOME_ETH_QINQ);
	m = frame("\x81\x00\x00\x07\x08\x00", 6);
	strip(m, 7);
	expect_dropped(m, OUTCOME_ETH_QINQ);
	m = frame("\x88\xa8\x00\x07\x08\x00", 6);
	strip(m, 0);
	expect_dropped(m, OUTCOME_ETH_QINQ);
}

/* What waits to be sent after <iface> got a packet of ten bytes; the caller frees it. */
static struct rte_mbuf *output(uint8_t iface, bool is_shared)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (rte_pktmbuf_append(m, 10) == NULL)
		abort();
	memset(rte_pktmbuf_mtod(m, void *), 0x45, 10);
	m->ol_flags = 0;
	if (is_shared)
		rte_mbuf_refcnt_update(m, 1);
	eth_output(&eth, iface, m, peer, ETH_TYPE_IP4);
	assert_int_equal(worker.tx[0].nb, 1);
	worker.tx[0].nb = 0;
	if (is_shared)
		rte_pktmbuf_free(m);
	return m;
}

static void expect_tag_in_frame(struct rte_mbuf *m)
{
	assert_int_equal(m->data_len, 18 + 10);
	assert_int_equal(m->l2_len, 18);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_VLAN, 0);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, 12), "\x81\x00\x00\x07\x08\x00", 6);
	rte_pktmbuf_free(m);
}

static void expect_tag_left_to_port(struct rte_mbuf *m)
{
	assert_int_equal(m->data_len, 14 + 10);
	assert_int_equal(m->l2_len, 14);
	assert_int_equal(m->ol_flags & RTE_MBUF_F_TX_VLAN, RTE_MBUF_F_TX_VLAN);
	assert_int_equal(m->vlan_tci, 7);
	assert_memory_equal(rte_pktmbuf_mtod_offset(m, void *, 12), "\x08\x00", 2);
	rte_pktmbuf_free(m);
}

static void the_tag_is_put_in_by_whoever_can(void **)
{
	expect_tag_in_frame(output(1, false));
	expect_tag_in_frame(output(1, true));
	io.port[0].offloads = IO_OFFLOAD_VLAN_INSERT;
	expect_tag_left_to_port(output(1, false));
	expect_tag_left_to_port(output(1, true));
	io.port[0].is_insert_unshared = true;
	expect_tag_left_to_port(output(1, false));
	expect_tag_in_frame(output(1, true));
}

static void what_has_no_tag_asks_for_none(void **)
{
	struct rte_mbuf *m;

	io.port[0].offloads = IO_OFFLOAD_VLAN_INSERT;
	m = output(0, false);
	assert_int_equal(m->data_len, 14 + 10);
	assert_int_equal(m->ol_flags, 0);
	rte_pktmbuf_free(m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_tag_in_the_frame_names_the_interface),
		T(so_does_a_tag_that_the_port_took_out),
		T(two_tags_are_refused_wherever_the_first_is),
		T(the_tag_is_put_in_by_whoever_can),
		T(what_has_no_tag_asks_for_none),
	};

	eal_test_init();
	pool = rte_pktmbuf_pool_create("eth", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return pool == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
