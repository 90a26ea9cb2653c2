/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A port of two queues whose ends are joined: what is sent by queue i is received by queue i. It
 * stands for a network card that spreads packets, rightly or not, and for one that lacks what a
 * packet asks for.
 */

#include "io/io_priv.h"

#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_tcp.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NB_WORKERS 2
#define FRAME_LEN (14 + 20 + 20)

static struct rig {
	struct io io;
	struct io_worker worker[NB_WORKERS];
	uint64_t counters[NB_WORKERS][OUTCOME__COUNT];
	struct rte_mempool *pool;
} rig;

static int group_setup(void **)
{
	const struct rte_eth_conf conf = {0};
	uint16_t id;

	rig.pool = rte_pktmbuf_pool_create("pool", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	assert_non_null(rig.pool);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring0", &id), 0);
	assert_int_equal(rte_eth_dev_configure(id, 2, 2, &conf), 0);
	for (uint16_t q = 0; q < 2; q++) {
		assert_int_equal(rte_eth_rx_queue_setup(id, q, 64, 0, NULL, rig.pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(id, q, 64, 0, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(id), 0);
	rig.io.port[0].id = id;
	for (uint32_t i = 0; i < NB_WORKERS; i++) {
		rig.io.rx_ring[i] = rte_ring_create(i == 0 ? "rx0" : "rx1", 256, SOCKET_ID_ANY, 0);
		rig.io.tx_ring[i] = rte_ring_create(i == 0 ? "tx0" : "tx1", 256, SOCKET_ID_ANY, 0);
		rig.io.rx_pool[i] = rig.io.tx_pool[i] = rig.pool;
	}
	return 0;
}

static int setup(void **)
{
	struct io *io = &rig.io;

	io->port[0] = (struct io_port){
		.id = io->port[0].id,
		.nb_rxq = 2,
		.nb_txq = 2,
		.mtu = 1500,
		.driver = "net_ring",
		.offloads = IO_OFFLOAD_RSS,
	};
	io->nb_workers = NB_WORKERS;
	io->nb_ports = 1;
	memset(rig.counters, 0, sizeof(rig.counters));
	steer_init(&io->steer, NB_WORKERS, STEER_BUCKETS);
	for (uint32_t i = 0; i < NB_WORKERS; i++)
		io_worker_init(&rig.worker[i], io, i, rig.counters[i]);
	return 0;
}

static int teardown(void **)
{
	return rte_mempool_in_use_count(rig.pool) == 0 ? 0 : -1;
}

/* TCP over IPv4 from <port>, with <text> bytes behind its headers. */
static struct rte_mbuf *frame(uint16_t port, uint16_t text)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.pool);
	uint8_t *b = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(FRAME_LEN + text));

	if (b == NULL)
		abort();
	memset(b, 0, FRAME_LEN);
	memset(b + FRAME_LEN, 0x5a, text);
	memcpy(b + 12, "\x08\x00", 2);
	*(struct rte_ipv4_hdr *)(void *)(b + 14) = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)(40 + text)),
		.next_proto_id = IPPROTO_TCP,
		.src_addr = RTE_BE32(0xc0000201),
		.dst_addr = RTE_BE32(0xc000020a),
	};
	*(struct rte_tcp_hdr *)(void *)(b + 34) = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(port),
		.dst_port = RTE_BE16(9043),
		.data_off = 0x50,
	};
	/* What the NIC says of it. */
	m->packet_type = RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP;
	m->l2_len = 14;
	m->l3_len = 20;
	m->l4_len = 20;
	return m;
}

/* A port whose connection is <worker>'s. */
static uint16_t port_of(uint32_t worker)
{
	for (uint16_t port = 1000;; port++) {
		struct rte_mbuf *m = frame(port, 0);
		uint32_t is = 99;

		(void)steer_frame(&rig.io.steer, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
				  &is);
		rte_pktmbuf_free(m);
		if (is == worker)
			return port;
	}
}

/* The NIC puts a packet of <whose> into <queue>; returns how many its worker keeps. */
static uint16_t arrive(uint16_t queue, uint32_t whose)
{
	struct rte_mbuf *m = frame(port_of(whose), 0), *pkts[IO_BURST];
	uint32_t polled = 0;

	assert_int_equal(rte_eth_tx_burst(rig.io.port[0].id, queue, &m, 1), 1);
	const uint16_t n = io_rx(&rig.worker[queue], 0, pkts, &polled);

	assert_int_equal(polled, 1);
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static uint16_t handed_over(uint32_t from, uint32_t to)
{
	struct rte_mbuf *pkts[IO_BURST];

	(void)io_flush(&rig.worker[from]);
	const uint16_t n = io_rx_ring(&rig.worker[to], pkts);

	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static void a_card_that_spreads_as_we_do_is_believed(void **)
{
	for (int i = 0; i < 300; i++) {
		assert_int_equal(arrive(0, 0), 1);
		assert_int_equal(arrive(1, 1), 1);
	}
	assert_int_equal(rig.counters[0][OUTCOME_STEER_RSS_WRONG], 0);
	assert_int_equal(rig.counters[1][OUTCOME_STEER_RSS_WRONG], 0);
	/* So much that it is not looked at any more. */
	assert_int_equal(arrive(0, 1), 1);
}

static void a_card_that_spreads_otherwise_is_steered_in_software(void **)
{
	assert_int_equal(arrive(0, 0), 1);
	assert_int_equal(arrive(0, 1), 0);
	assert_int_equal(handed_over(0, 1), 1);
	assert_int_equal(rig.counters[0][OUTCOME_STEER_RSS_WRONG], 1);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(arrive(0, 1), 0);
		assert_int_equal(handed_over(0, 1), 1);
		assert_int_equal(arrive(0, 0), 1);
	}
	assert_int_equal(rig.counters[0][OUTCOME_STEER_RSS_WRONG], 1);
}

/* Send <m> and take it off the port's other end. */
static struct rte_mbuf *sent(struct rte_mbuf *m)
{
	struct rte_mbuf *out = NULL;

	io_tx(&rig.worker[0], 0, m);
	(void)io_flush(&rig.worker[0]);
	assert_int_equal(rte_eth_rx_burst(rig.io.port[0].id, 0, &out, 1), 1);
	return out;
}

static struct rte_mbuf *chain(void)
{
	struct rte_mbuf *m = frame(1000, 301), *second = frame(1000, 0);

	(void)rte_pktmbuf_adj(second, 40);
	assert_int_equal(rte_pktmbuf_chain(m, second), 0);
	return m;
}

static void a_chain_is_one_buffer_for_a_port_that_sends_none(void **)
{
	struct rte_mbuf *m = sent(chain());

	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->data_len, FRAME_LEN + 301 + FRAME_LEN - 40);
	rte_pktmbuf_free(m);
	rig.io.port[0].offloads |= IO_OFFLOAD_MULTI_SEGS;
	m = sent(chain());
	assert_int_equal(m->nb_segs, 2);
	rte_pktmbuf_free(m);
}

static bool is_sum_right(const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, 14);
	uint32_t sum = rte_raw_cksum(ip + 1, m->data_len - 34u);

	sum += rte_ipv4_phdr_cksum(ip, 0);
	return (sum >> 16) + (sum & 0xffff) == 0xffff && rte_ipv4_cksum(ip) == 0;
}

static void a_port_without_checksums_gets_them_made(void **)
{
	struct rte_mbuf *m = frame(1000, 333);

	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	m = sent(m);
	assert_true(is_sum_right(m));
	rte_pktmbuf_free(m);
	/* A port that makes them (this one only says so) gets the packet as it is. */
	rig.io.port[0].tx_flags = RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	m = frame(1000, 333);
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM;
	m = sent(m);
	assert_false(is_sum_right(m));
	rte_pktmbuf_free(m);
}

static void what_the_port_cuts_is_counted_as_on_the_wire(void **)
{
	struct rte_mbuf *m = frame(1000, 1001);

	rig.io.port[0].tx_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
	m->tso_segsz = 100;
	rte_pktmbuf_free(sent(m));
	/* Ten of a hundred bytes, and one of one. */
	assert_int_equal(rig.counters[0][OUTCOME_TX_PACKETS], 11);
	assert_int_equal(rig.counters[0][OUTCOME_TX_BYTES], 1001 + 11 * FRAME_LEN);
	m = frame(1000, 10);
	rte_pktmbuf_free(sent(m));
	assert_int_equal(rig.counters[0][OUTCOME_TX_PACKETS], 12);
}

static void a_tag_is_left_to_a_port_that_can_put_it_in(void **)
{
	struct rte_mbuf *m = frame(1000, 0);
	struct io_port *p = &rig.io.port[0];

	assert_false(io_inserts_tag(&rig.worker[0], 0, m));
	p->offloads |= IO_OFFLOAD_VLAN_INSERT;
	assert_true(io_inserts_tag(&rig.worker[0], 0, m));
	rte_mbuf_refcnt_update(m, 1);
	assert_true(io_inserts_tag(&rig.worker[0], 0, m));
	/* By moving the header in the buffer, which somebody else has too. */
	p->is_insert_unshared = true;
	assert_false(io_inserts_tag(&rig.worker[0], 0, m));
	rte_pktmbuf_free(m);
	assert_true(io_inserts_tag(&rig.worker[0], 0, m));
	rte_pktmbuf_free(m);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_card_that_spreads_as_we_do_is_believed),
		T(a_card_that_spreads_otherwise_is_steered_in_software),
		T(a_chain_is_one_buffer_for_a_port_that_sends_none),
		T(a_port_without_checksums_gets_them_made),
		T(what_the_port_cuts_is_counted_as_on_the_wire),
		T(a_tag_is_left_to_a_port_that_can_put_it_in),
	};

	char *argv[] = {
		(char *)"test",     (char *)"--no-huge", (char *)"--no-shconf",
		(char *)"--no-pci", (char *)"-m",        (char *)"64",
		(char *)"-l",       (char *)"0",         (char *)"--no-telemetry",
		(char *)"--vdev",   (char *)"net_ring0", NULL,
	};

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0)
		return 1;
	return cmocka_run_group_tests(tests, group_setup, NULL);
}
