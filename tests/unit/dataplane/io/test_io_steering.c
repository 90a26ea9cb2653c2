/* SPDX-License-Identifier: BSD-3-Clause */

/* Two workers behind one port of one queue: who of them gets what. */

#include "io/io.h"

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NB_WORKERS 2

static struct rig {
	struct io io;
	struct io_worker worker[NB_WORKERS];
	uint64_t counters[NB_WORKERS][OUTCOME__COUNT];
} rig;

static struct rte_ring *ring(const char *name)
{
	struct rte_ring *r = rte_ring_create(name, 256, SOCKET_ID_ANY, 0);

	assert_non_null(r);
	return r;
}

static int setup(void **)
{
	struct io *io = &rig.io;
	struct io_port *p = &io->port[0];
	const struct rte_eth_conf conf = {0};
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create("pool", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	uint16_t id;

	assert_non_null(pool);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_ring0", &id), 0);
	assert_int_equal(rte_eth_dev_configure(id, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(id, 0, 64, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(id, 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(id), 0);
	*p = (struct io_port){.id = id, .nb_rxq = 1, .nb_txq = 1, .mtu = 1500};
	io->nb_workers = NB_WORKERS;
	io->nb_ports = 1;
	io->is_steered = true;
	steer_init(&io->steer, NB_WORKERS, STEER_BUCKETS);
	for (uint32_t i = 0; i < NB_WORKERS; i++) {
		io->rx_pool[i] = io->tx_pool[i] = pool;
		io->rx_ring[i] = ring(i == 0 ? "rx0" : "rx1");
		io->tx_ring[i] = ring(i == 0 ? "tx0" : "tx1");
		io_worker_init(&rig.worker[i], io, i, rig.counters[i]);
	}
	return 0;
}

/* TCP over IPv6 from <port>, or with <offset_more> a fragment of it. */
static struct rte_mbuf *frame(uint16_t port, int offset_more)
{
	static const uint8_t ip6[40] = {
		0x60,     [6] = 6,     [7] = 64, [8] = 0x20, 1,    0xd,      0xb8,
		[23] = 1, [24] = 0x20, 1,        0xd,        0xb8, [39] = 2,
	};
	struct rte_mbuf *m = rte_pktmbuf_alloc(rig.io.rx_pool[0]);
	const bool is_fragment = offset_more >= 0;
	uint8_t *b;

	assert_non_null(m);
	assert_non_null(rte_pktmbuf_append(m, 14 + 40 + 8 + 20));
	b = rte_pktmbuf_mtod(m, uint8_t *);
	memset(b, 0, 14 + 40 + 8 + 20);
	memcpy(b + 12, "\x86\xdd", 2);
	memcpy(b + 14, ip6, 40);
	b += 54;
	if (is_fragment) {
		b[-34] = 44;
		b[0] = 6;
		b[2] = (uint8_t)(offset_more >> 8);
		b[3] = (uint8_t)offset_more;
		b += 8;
	}
	b[0] = (uint8_t)(port >> 8);
	b[1] = (uint8_t)port;
	b[3] = 80;
	return m;
}

static uint32_t owner(uint16_t port)
{
	struct rte_mbuf *m = frame(port, -1);
	uint32_t worker = 99;

	assert_int_equal(steer_frame(&rig.io.steer, rte_pktmbuf_mtod(m, const uint8_t *),
				     m->data_len, &worker),
			 STEER_FLOW);
	rte_pktmbuf_free(m);
	return worker;
}

/* A port whose connection is <worker>'s. */
static uint16_t port_of(uint32_t worker)
{
	uint16_t port = 1000;

	while (owner(port) != worker)
		port++;
	return port;
}

static void receive(struct rte_mbuf *m)
{
	/* Its two ends are one ring. */
	assert_int_equal(rte_eth_tx_burst(rig.io.port[0].id, 0, &m, 1), 1);
}

/* How many <worker> has after the owner of the port polled, and frees them. */
static void expect(uint16_t want0, uint16_t want1)
{
	struct rte_mbuf *pkts[IO_BURST];
	uint32_t polled = 0;
	uint16_t n = io_rx(&rig.worker[0], 0, pkts, &polled);

	assert_int_equal(n, want0);
	rte_pktmbuf_free_bulk(pkts, n);
	assert_int_equal(io_rx(&rig.worker[1], 0, pkts, &polled), 0);
	(void)io_flush(&rig.worker[0]);
	n = io_rx_ring(&rig.worker[1], pkts);
	assert_int_equal(n, want1);
	for (uint16_t i = 0; i < n; i++)
		assert_int_equal(pkts[i]->port, 0);
	rte_pktmbuf_free_bulk(pkts, n);
}

static void ipv6_goes_to_the_worker_of_its_connection(void **)
{
	receive(frame(port_of(0), -1));
	receive(frame(port_of(1), -1));
	receive(frame(port_of(1), -1));
	expect(1, 2);
}

static void fragments_of_one_datagram_meet_in_one_worker(void **)
{
	struct rte_mbuf *pkts[IO_BURST];
	uint32_t polled = 0;

	for (uint16_t i = 0; i < 3; i++)
		receive(frame((uint16_t)(7000 + i), i * 8 | (i < 2)));
	const uint16_t n = io_rx(&rig.worker[0], 0, pkts, &polled);

	assert_int_equal(polled, 3);
	assert_true(n == 0 || n == 3);
	rte_pktmbuf_free_bulk(pkts, n);
	(void)io_flush(&rig.worker[0]);
	const uint16_t nb = io_rx_ring(&rig.worker[1], pkts);

	assert_int_equal(n + nb, 3);
	rte_pktmbuf_free_bulk(pkts, nb);
}

static void a_whole_packet_is_passed_to_the_worker_that_it_belongs_to(void **)
{
	struct rte_mbuf *pkts[IO_BURST];
	struct rte_mbuf *ours = frame(port_of(0), -1), *theirs = frame(port_of(1), -1);

	assert_false(io_pass(&rig.worker[0], ours));
	rte_pktmbuf_free(ours);
	assert_true(io_pass(&rig.worker[0], theirs));
	(void)io_flush(&rig.worker[0]);
	assert_int_equal(io_rx_ring(&rig.worker[1], pkts), 1);
	assert_ptr_equal(pkts[0], theirs);
	rte_pktmbuf_free(theirs);
}

static void neighbour_discovery_is_copied_to_each_worker(void **)
{
	struct rte_mbuf *m = frame(0, -1);
	uint8_t *b = rte_pktmbuf_mtod(m, uint8_t *);

	b[20] = 58;
	b[21] = 255;
	b[54] = 135;
	receive(m);
	expect(1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_goes_to_the_worker_of_its_connection),
		cmocka_unit_test(fragments_of_one_datagram_meet_in_one_worker),
		cmocka_unit_test(a_whole_packet_is_passed_to_the_worker_that_it_belongs_to),
		cmocka_unit_test(neighbour_discovery_is_copied_to_each_worker),
	};

	char *argv[] = {
		(char *)"test",     (char *)"--no-huge", (char *)"--no-shconf",
		(char *)"--no-pci", (char *)"-m",        (char *)"64",
		(char *)"-l",       (char *)"0",         (char *)"--no-telemetry",
		(char *)"--vdev",   (char *)"net_ring0", NULL,
	};

	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, NULL);
}
