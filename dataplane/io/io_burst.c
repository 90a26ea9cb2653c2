/* SPDX-License-Identifier: BSD-3-Clause */

/* The part of io that runs for each burst. */

#include "base/count.h"
#include "io/io.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <string.h>

static_assert(sizeof(((struct io_port *)0)->mac) == RTE_ETHER_ADDR_LEN, "an Ethernet address");

void io_worker_init(struct io_worker *w, const struct io *io, uint32_t index, uint64_t *counters)
{
	memset(w, 0, sizeof(*w));
	w->io = io;
	w->index = index;
	w->counters = counters;
	w->pool = io->tx_pool[index];
}

static void drop_batch(struct io_worker *w, struct rte_mbuf **pkts, uint32_t nb, enum outcome why)
{
	if (nb == 0)
		return;
	count_add(w->counters, why, nb);
	rte_pktmbuf_free_bulk(pkts, nb);
}

static void hand_over(struct io_worker *w, uint32_t worker)
{
	struct io_batch *b = &w->to[worker];
	const unsigned n =
		rte_ring_enqueue_burst(w->io->rx_ring[worker], (void **)b->pkt, b->nb, NULL);

	drop_batch(w, b->pkt + n, b->nb - n, OUTCOME_STEER_FULL);
	b->nb = 0;
}

static void steer_to(struct io_worker *w, uint32_t worker, struct rte_mbuf *m)
{
	struct io_batch *b = &w->to[worker];

	b->pkt[b->nb++] = m;
	if (b->nb == IO_BATCH)
		hand_over(w, worker);
}

/* Every worker has its own table of neighbours, so each gets its own copy of what tells of one. */
static void steer_to_all(struct io_worker *w, struct rte_mbuf *m)
{
	for (uint32_t i = 0; i < w->io->nb_workers; i++) {
		struct rte_mbuf *copy;

		if (i == w->index)
			continue;
		copy = rte_pktmbuf_copy(m, w->pool, 0, m->pkt_len);
		if (copy == NULL) {
			count(w->counters, OUTCOME_MBUF_EXHAUSTED);
			continue;
		}
		copy->port = m->port;
		steer_to(w, i, copy);
	}
}

/*
 * Has the NIC put <m> into the queue where steer_frame() would have it? It has looked at ports
 * then: not so behind extension headers, which NICs treat in many ways.
 */
static bool is_spread_by_nic(const struct io_port *p, const struct rte_mbuf *m)
{
	if (p->nb_rxq == 1 || (m->packet_type & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_TCP)
		return false;
	return RTE_ETH_IS_IPV4_HDR(m->packet_type) ||
	       (p->has_rss_ip6 && (m->packet_type & RTE_PTYPE_L3_MASK) == RTE_PTYPE_L3_IPV6);
}

/* Keep what is ours of <pkts>, pass on the rest. Returns how many are left. */
static uint16_t steer_burst(struct io_worker *w, struct rte_mbuf **pkts, uint16_t nb,
			    const struct io_port *p)
{
	uint16_t nb_ours = 0;

	for (uint16_t i = 0; i < nb; i++) {
		struct rte_mbuf *m = pkts[i];
		uint32_t worker = w->index;

		if (!is_spread_by_nic(p, m)) {
			const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
			const enum steer_verdict v =
				steer_frame(&w->io->steer, frame, m->data_len, &worker);

			if (v == STEER_ALL)
				steer_to_all(w, m);
		}
		if (worker == w->index)
			pkts[nb_ours++] = m;
		else
			steer_to(w, worker, m);
	}
	return nb_ours;
}

bool io_pass(struct io_worker *w, struct rte_mbuf *m)
{
	uint32_t worker = w->index;

	if (w->io->nb_workers == 1 ||
	    steer_frame(&w->io->steer, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
			&worker) != STEER_FLOW ||
	    worker == w->index)
		return false;
	steer_to(w, worker, m);
	return true;
}

uint16_t io_rx(struct io_worker *w, uint32_t port, struct rte_mbuf **ret, uint32_t *ret_polled)
{
	const struct io_port *p = &w->io->port[port];
	const bool has_rss = p->nb_rxq > 1;
	uint64_t bytes = 0;
	uint16_t nb;

	if (!has_rss && p->owner != w->index)
		return 0;
	nb = rte_eth_rx_burst(p->id, has_rss ? (uint16_t)w->index : 0, ret, IO_BURST);
	if (nb == 0)
		return 0;
	for (uint16_t i = 0; i < nb; i++) {
		bytes += ret[i]->pkt_len;
		ret[i]->port = (uint16_t)port;
	}
	count_add(w->counters, OUTCOME_RX_PACKETS, nb);
	count_add(w->counters, OUTCOME_RX_BYTES, bytes);
	*ret_polled += nb;
	return w->io->nb_workers == 1 ? nb : steer_burst(w, ret, nb, p);
}

uint16_t io_rx_ring(struct io_worker *w, struct rte_mbuf **ret)
{
	if (w->io->nb_workers == 1)
		return 0;
	return (uint16_t)rte_ring_dequeue_burst(w->io->rx_ring[w->index], (void **)ret, IO_BURST,
						NULL);
}

/*
 * One buffer for a port that sends no chains. Copied rather than moved together: the segments may
 * be shared with a send queue that must not change.
 */
static struct rte_mbuf *flatten(struct io_worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *flat = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);

	if (flat != NULL && flat->nb_segs != 1) {
		rte_pktmbuf_free(flat);
		flat = NULL;
	}
	rte_pktmbuf_free(m);
	if (flat == NULL)
		count(w->counters, OUTCOME_MBUF_EXHAUSTED);
	return flat;
}

static void send_batch(struct io_worker *w, uint32_t port, struct io_batch *b)
{
	const struct io_port *p = &w->io->port[port];
	const bool is_ours = p->nb_txq > 1 || p->owner == w->index;
	uint64_t bytes = 0;
	uint32_t n = 0;

	if (!is_ours) {
		n = rte_ring_enqueue_burst(w->io->tx_ring[p->owner], (void **)b->pkt, b->nb, NULL);
	} else {
		const uint16_t txq = p->nb_txq > 1 ? (uint16_t)w->index : 0;

		for (uint32_t i = 0; i < b->nb; i++)
			bytes += b->pkt[i]->pkt_len;
		while (n < b->nb) {
			const uint16_t sent =
				rte_eth_tx_burst(p->id, txq, b->pkt + n, (uint16_t)(b->nb - n));

			if (sent == 0)
				break;
			n += sent;
		}
		for (uint32_t i = n; i < b->nb; i++)
			bytes -= b->pkt[i]->pkt_len;
		count_add(w->counters, OUTCOME_TX_PACKETS, n);
		count_add(w->counters, OUTCOME_TX_BYTES, bytes);
	}
	drop_batch(w, b->pkt + n, b->nb - n, OUTCOME_TX_FULL);
	b->nb = 0;
}

void io_tx(struct io_worker *w, uint32_t port, struct rte_mbuf *m)
{
	struct io_batch *b = &w->tx[port];

	if (m->nb_segs > 1 && !w->io->port[port].is_multi_seg) {
		m = flatten(w, m);
		if (m == NULL)
			return;
	}
	m->port = (uint16_t)port;
	b->pkt[b->nb++] = m;
	if (b->nb == IO_BATCH)
		send_batch(w, port, b);
}

/* What other workers send by ports that this one owns; a ring's length at most. */
static uint32_t drain_tx_ring(struct io_worker *w)
{
	struct rte_ring *r = w->io->tx_ring[w->index];
	const uint32_t waiting = rte_ring_count(r);
	uint32_t drained = 0;

	while (drained < waiting) {
		struct rte_mbuf *pkts[IO_BATCH];
		const unsigned nb = rte_ring_dequeue_burst(r, (void **)pkts, IO_BATCH, NULL);

		if (nb == 0)
			break;
		for (unsigned i = 0; i < nb; i++)
			io_tx(w, pkts[i]->port, pkts[i]);
		drained += nb;
	}
	return drained;
}

uint32_t io_flush(struct io_worker *w)
{
	uint32_t drained = 0;

	if (w->io->nb_workers > 1) {
		for (uint32_t i = 0; i < w->io->nb_workers; i++)
			if (w->to[i].nb > 0)
				hand_over(w, i);
		drained = drain_tx_ring(w);
	}
	for (uint32_t port = 0; port < w->io->nb_ports; port++)
		if (w->tx[port].nb > 0)
			send_batch(w, port, &w->tx[port]);
	return drained;
}

void io_worker_fini(struct io_worker *w)
{
	for (uint32_t i = 0; i < IO_MAX_PORTS; i++) {
		rte_pktmbuf_free_bulk(w->tx[i].pkt, w->tx[i].nb);
		w->tx[i].nb = 0;
	}
	for (uint32_t i = 0; i < SNAP_MAX_WORKERS; i++) {
		rte_pktmbuf_free_bulk(w->to[i].pkt, w->to[i].nb);
		w->to[i].nb = 0;
	}
}
