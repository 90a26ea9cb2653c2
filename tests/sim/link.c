/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/link.h"

#include <rte_mbuf.h>

#include <string.h>

#define ETH_OVERHEAD 38u
#define ETH_MIN_PAYLOAD 46u

void link_init(struct link *l, const struct path *p, struct rng *rng, struct rte_mempool *pool)
{
	l->path = *p;
	l->rng = rng;
	l->pool = pool;
	l->nb = 0;
	l->order = 0;
	l->busy_until_ns = 0;
	l->is_bad = false;
	l->nb_queued = 0;
	l->queued_bytes = 0;
	l->queue_head = 0;
	l->nb_sent = 0;
	l->nb_dropped = 0;
	l->nb_free = LINK_CAP;
	for (uint32_t i = 0; i < LINK_CAP; i++)
		l->free_slots[i] = &l->slots[LINK_CAP - 1 - i];
}

/* ---- what is under way: a heap ---- */

static bool is_before(const struct arrival *a, const struct arrival *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static struct arrival *heap_push(struct link *l, uint64_t at_us, const struct owner *o)
{
	if (l->nb_free == 0)
		return NULL;
	struct arrival *a = l->free_slots[--l->nb_free];
	uint32_t i = l->nb++;

	a->at_us = at_us;
	a->order = l->order++;
	a->m = NULL;
	a->mtu = 0;
	a->owner = *o;
	while (i > 0 && is_before(a, l->heap[(i - 1) / 2])) {
		l->heap[i] = l->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	l->heap[i] = a;
	return a;
}

static struct arrival *heap_pop(struct link *l)
{
	struct arrival *top = l->heap[0];
	struct arrival *last = l->heap[--l->nb];
	uint32_t i = 0;

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k >= l->nb)
			break;
		if (k + 1 < l->nb && is_before(l->heap[k + 1], l->heap[k]))
			k++;
		if (!is_before(l->heap[k], last))
			break;
		l->heap[i] = l->heap[k];
		i = k;
	}
	l->heap[i] = last;
	l->free_slots[l->nb_free++] = top;
	return top;
}

uint64_t link_next_us(const struct link *l)
{
	return l->nb > 0 ? l->heap[0]->at_us : UINT64_MAX;
}

bool link_pop(struct link *l, uint64_t now_us, struct arrival *ret)
{
	if (l->nb == 0 || l->heap[0]->at_us > now_us)
		return false;
	*ret = *heap_pop(l);
	return true;
}

void link_drain(struct link *l)
{
	while (l->nb > 0)
		rte_pktmbuf_free(heap_pop(l)->m);
}

/* ---- what the path does to a packet ---- */

static void restore_checksums(uint8_t *ip, uint32_t ip_hdr_len, uint32_t ip_len)
{
	uint16_t sum = 0;

	memcpy(ip + ip_hdr_len + 16, &sum, 2);
	sum = pkt_tcp_checksum(ip, ip_hdr_len, ip_len);
	memcpy(ip + ip_hdr_len + 16, &sum, 2);
	if (ip_hdr_len == 40)
		return;
	sum = 0;
	memcpy(ip + 10, &sum, 2);
	sum = pkt_ip4_checksum(ip, ip_hdr_len);
	memcpy(ip + 10, &sum, 2);
}

static uint32_t ip_hdr_len_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? 40 : (ip[0] & 15) * 4u;
}

/* As some middle boxes do: a SYN keeps its MSS alone. A reply then offers nothing by itself. */
static void strip_options(struct rte_mbuf *m)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	const uint32_t hl = ip_hdr_len_of(ip);
	uint8_t *th = ip + hl;

	if ((th[13] & (PKT_SYN | PKT_ACK)) != PKT_SYN || m->data_len < hl + 24)
		return;
	memset(th + 24, 1, (size_t)(th[12] >> 4) * 4 - 24);
	restore_checksums(ip, hl, m->pkt_len);
}

/* A router that uses ECN (RFC 3168 5) marks what says that it can be marked. */
static void mark_ce(struct link *l, struct rte_mbuf *m)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);
	const bool is_v6 = ip[0] >> 4 == 6;
	const uint8_t ecn = is_v6 ? ip[1] >> 4 & 3 : ip[1] & 3;

	if (ecn == 0 || !rng_hit(l->rng, l->path.ce_ppm))
		return;
	if (is_v6) {
		ip[1] |= PKT_ECN_CE << 4;
	} else {
		ip[1] |= PKT_ECN_CE;
		restore_checksums(ip, ip_hdr_len_of(ip), m->pkt_len);
	}
}

/*
 * One byte changes, anywhere. A checksum sees every change of one byte, so that what gets by is a
 * fault of who checks; what it does not cover (IPv6's hop limit) changes nothing that matters.
 */
static void corrupt(struct link *l, struct rte_mbuf *m)
{
	uint32_t at = (uint32_t)(rng_next(l->rng) % m->pkt_len);
	struct rte_mbuf *seg = m;

	/* Headers are what is interesting, and a small part of most packets. */
	if (rng_one_in(l->rng, 2))
		at = (uint32_t)(rng_next(l->rng) % (m->pkt_len < 60 ? m->pkt_len : 60));
	while (at >= seg->data_len) {
		at -= seg->data_len;
		seg = seg->next;
	}
	*rte_pktmbuf_mtod_offset(seg, uint8_t *, at) ^= (uint8_t)rng_in(l->rng, 1, 255);
}

static void pad(struct rte_mbuf *m)
{
	if (m->pkt_len >= ETH_MIN_PAYLOAD || m->nb_segs > 1)
		return;
	char *p = rte_pktmbuf_append(m, (uint16_t)(ETH_MIN_PAYLOAD - m->pkt_len));

	if (p != NULL)
		memset(p, 0, (size_t)(rte_pktmbuf_mtod_offset(m, char *, ETH_MIN_PAYLOAD) - p));
}

static void deliver_later(struct link *l, const struct rte_mbuf *m, const struct owner *o,
			  uint64_t at_us)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, l->pool, 0, UINT32_MAX);

	if (copy == NULL)
		return; /* as a queue overflow */
	struct arrival *a = heap_push(l, at_us, o);

	if (a == NULL) {
		rte_pktmbuf_free(copy);
		return;
	}
	copy->ol_flags = 0;
	if (l->path.strips_options)
		strip_options(copy);
	if (l->path.ce_ppm != 0)
		mark_ce(l, copy);
	if (l->path.pads)
		pad(copy);
	if (rng_hit(l->rng, l->path.corrupt_ppm))
		corrupt(l, copy);
	a->m = copy;
}

/* ---- the bottleneck ---- */

static void queue_advance(struct link *l, uint64_t now_ns)
{
	while (l->nb_queued > 0 && l->queue[l->queue_head].done_ns <= now_ns) {
		l->queued_bytes -= l->queue[l->queue_head].len;
		l->queue_head = (l->queue_head + 1) % LINK_CAP;
		l->nb_queued--;
	}
}

static bool queue_push(struct link *l, uint32_t len, uint64_t now_ns)
{
	const struct path *p = &l->path;

	queue_advance(l, now_ns);
	if (l->busy_until_ns < now_ns)
		l->busy_until_ns = now_ns;
	if (l->nb_queued == LINK_CAP ||
	    (p->queue_us != 0 && (l->busy_until_ns - now_ns) / 1000 > p->queue_us) ||
	    (p->queue_pkts != 0 && l->nb_queued >= p->queue_pkts) ||
	    (p->queue_bytes != 0 && l->nb_queued > 0 && l->queued_bytes + len > p->queue_bytes))
		return false;
	l->busy_until_ns += p->ns_per_byte * (len + ETH_OVERHEAD);
	const uint32_t at = (l->queue_head + l->nb_queued++) % LINK_CAP;

	l->queue[at].done_ns = l->busy_until_ns;
	l->queue[at].len = len;
	l->queued_bytes += len;
	return true;
}

uint16_t link_mtu(const struct link *l, uint64_t now_us, bool *ret_silent)
{
	uint16_t mtu = UINT16_MAX;

	*ret_silent = false;
	for (unsigned i = 0; i < l->path.nb_steps; i++) {
		if (now_us >= l->path.steps[i].at_us) {
			mtu = l->path.steps[i].mtu;
			*ret_silent = l->path.steps[i].is_silent;
		}
	}
	return mtu;
}

static bool is_lost(struct link *l)
{
	const struct path *p = &l->path;

	if (p->bad_enter_ppm != 0) {
		if (l->is_bad)
			l->is_bad = !rng_hit(l->rng, p->bad_leave_ppm);
		else
			l->is_bad = rng_hit(l->rng, p->bad_enter_ppm);
		if (l->is_bad && rng_hit(l->rng, p->bad_loss_ppm))
			return true;
	}
	return rng_hit(l->rng, p->loss_ppm);
}

enum trace_what link_send(struct link *l, const struct rte_mbuf *m, const struct owner *o,
			  uint64_t now_us, uint16_t *ret_icmp_mtu)
{
	const struct path *p = &l->path;
	bool is_silent;
	const uint16_t mtu = link_mtu(l, now_us, &is_silent);

	l->nb_sent++;
	l->nb_dropped++;
	if (m->pkt_len > mtu) {
		*ret_icmp_mtu = is_silent ? 0 : mtu;
		return TRACE_TOO_BIG;
	}
	if (now_us >= p->down_from_us && now_us < p->down_until_us)
		return TRACE_OUTAGE;
	if (!queue_push(l, m->pkt_len, now_us * 1000))
		return TRACE_QUEUE_FULL;
	uint64_t at = l->busy_until_ns / 1000 + p->delay_us;

	if (p->jitter_us != 0)
		at += rng_next(l->rng) % p->jitter_us;
	if (p->reorder_ppm != 0 && rng_hit(l->rng, p->reorder_ppm))
		at += rng_in(l->rng, 0, p->reorder_us);
	if (p->dup_ppm != 0 && rng_hit(l->rng, p->dup_ppm))
		deliver_later(l, m, o, at + rng_in(l->rng, 0, p->reorder_us + p->delay_us));
	if (is_lost(l))
		return TRACE_LOST;
	deliver_later(l, m, o, at);
	l->nb_dropped--;
	return TRACE_SENT;
}

void link_send_icmp(struct link *l, const struct pkt *about, const struct owner *o, uint16_t mtu,
		    uint64_t now_us)
{
	if (is_lost(l))
		return;
	struct arrival *a = heap_push(l, now_us + l->path.delay_us, o);

	if (a == NULL)
		return;
	a->mtu = mtu;
	a->pkt = *about;
}
