/* SPDX-License-Identifier: BSD-3-Clause */

/* The part of io that runs for each burst. */

#include "base/count.h"
#include "io/capture.h"
#include "io/io_priv.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <string.h>

/* TCP packets of each port, per worker, whose worker is worked out in software too. */
#define RSS_PROBES 256u

static_assert(sizeof(((struct io_port *)0)->mac) == RTE_ETHER_ADDR_LEN, "an Ethernet address");

void io_worker_init(struct io_worker *w, const struct io *io, uint32_t index, uint64_t *counters)
{
	memset(w, 0, sizeof(*w));
	w->io = io;
	w->index = index;
	w->counters = counters;
	w->pool = io->tx_pool[index];
	for (uint32_t i = 0; i < IO_MAX_PORTS; i++)
		w->rss[i].left = RSS_PROBES;
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

/*
 * Is the NIC's spreading to be believed? The first packets are looked at in software too; a port
 * that took our key and table and puts a packet elsewhere is steered in software from then on.
 */
static bool is_rss_trusted(struct io_worker *w, const struct io_port *p, const struct rte_mbuf *m)
{
	struct io_rss_probe *probe = &w->rss[p - w->io->port];
	uint32_t worker = w->index;

	if (probe->left == 0)
		return !probe->is_wrong;
	probe->left--;
	if (steer_frame(&w->io->steer, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
			&worker) != STEER_FLOW ||
	    worker == w->index)
		return true;
	count(w->counters, OUTCOME_STEER_RSS_WRONG);
	probe->left = 0;
	probe->is_wrong = true;
	return false;
}

/* Keep what is ours of <pkts>, pass on the rest. Returns how many are left. */
static uint16_t steer_burst(struct io_worker *w, struct rte_mbuf **pkts, uint16_t nb,
			    const struct io_port *p)
{
	uint16_t nb_ours = 0;

	for (uint16_t i = 0; i < nb; i++) {
		struct rte_mbuf *m = pkts[i];
		uint32_t worker = w->index;

		if (!is_spread_by_nic(p, m) || !is_rss_trusted(w, p, m)) {
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
	if (w->capture != NULL)
		capture_burst(w->capture, port, ret, nb, false);
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

/* What <m> is on the wire: packets, and bytes with the headers that each of them has. */
static uint32_t wire_packets(const struct rte_mbuf *m, uint64_t *bytes)
{
	const uint32_t hdr_len = m->l2_len + m->l3_len + m->l4_len;

	*bytes += m->pkt_len;
	if (!(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		return 1;

	const uint32_t n = (m->pkt_len - hdr_len + m->tso_segsz - 1) / m->tso_segsz;

	*bytes += (uint64_t)(n - 1) * hdr_len;
	return n;
}

/*
 * The driver's own look at packets that ask it for something (it may want a checksum begun in its
 * own way). Returns how many are left: what it refuses is dropped.
 */
static uint32_t prepare(struct io_worker *w, const struct io_port *p, uint16_t txq,
			struct io_batch *b)
{
	uint32_t n = 0;

	if (p->tx_flags == 0)
		return b->nb;
	for (;;) {
		n += rte_eth_tx_prepare(p->id, txq, b->pkt + n, (uint16_t)(b->nb - n));
		if (n == b->nb)
			return n;
		drop_batch(w, b->pkt + n, 1, OUTCOME_TX_REFUSED);
		b->nb--;
		memmove(b->pkt + n, b->pkt + n + 1, (b->nb - n) * sizeof(b->pkt[0]));
	}
}

/* Hand <b> to the port. Returns how many it took. */
static uint32_t transmit(struct io_worker *w, const struct io_port *p, struct io_batch *b)
{
	const uint16_t txq = p->nb_txq > 1 ? (uint16_t)w->index : 0;
	uint64_t bytes[IO_BATCH], sum = 0;
	uint32_t wire[IO_BATCH], packets = 0, n = 0;

	b->nb = prepare(w, p, txq, b);
	/* Before the driver may free them. */
	for (uint32_t i = 0; i < b->nb; i++) {
		bytes[i] = 0;
		wire[i] = wire_packets(b->pkt[i], &bytes[i]);
	}
	while (n < b->nb) {
		const uint16_t sent =
			rte_eth_tx_burst(p->id, txq, b->pkt + n, (uint16_t)(b->nb - n));

		if (sent == 0)
			break;
		n += sent;
	}
	for (uint32_t i = 0; i < n; i++) {
		packets += wire[i];
		sum += bytes[i];
	}
	count_add(w->counters, OUTCOME_TX_PACKETS, packets);
	count_add(w->counters, OUTCOME_TX_BYTES, sum);
	return n;
}

static void send_batch(struct io_worker *w, uint32_t port, struct io_batch *b)
{
	const struct io_port *p = &w->io->port[port];
	const bool is_ours = p->nb_txq > 1 || p->owner == w->index;
	uint32_t n;

	/* As they are before they are the port's; those that it then refuses are counted. */
	if (is_ours && w->capture != NULL)
		capture_burst(w->capture, port, b->pkt, b->nb, true);
	if (is_ours)
		n = transmit(w, p, b);
	else
		n = rte_ring_enqueue_burst(w->io->tx_ring[p->owner], (void **)b->pkt, b->nb, NULL);
	drop_batch(w, b->pkt + n, b->nb - n, OUTCOME_TX_FULL);
	b->nb = 0;
}

bool io_inserts_tag(const struct io_worker *w, uint32_t port, const struct rte_mbuf *m)
{
	const struct io_port *p = &w->io->port[port];

	return (p->offloads & IO_OFFLOAD_VLAN_INSERT) &&
	       (!p->is_insert_unshared || rte_mbuf_refcnt_read(m) == 1);
}

void io_tx(struct io_worker *w, uint32_t port, struct rte_mbuf *m)
{
	const struct io_port *p = &w->io->port[port];
	struct io_batch *b = &w->tx[port];

	if (m->nb_segs > 1 && !(p->offloads & IO_OFFLOAD_MULTI_SEGS)) {
		m = flatten(w, m);
		if (m == NULL)
			return;
	}
	io_cksum_finish(m, p->tx_flags);
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
