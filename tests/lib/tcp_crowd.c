/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/lib/tcp_crowd.h"

#include "tcp/tcp_options.h"

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <stdlib.h>
#include <string.h>

#define PORTS 50000u /* of one peer's address */
#define FIRST_PORT 10000u
#define LOCAL_PORT 443
#define ISN 1000u

static const uint32_t local_ip = 0xc0000201, first_ip = 0x0a000001;

static struct ip_addr addr_of(uint32_t ip)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(ip));
}

struct crowd *crowd_new(struct rte_mempool *pool, uint32_t nb, bool has_ts)
{
	const struct tcp_params p = {
		.pool = pool,
		.max_conns = nb,
		.max_listeners = 1,
		.rcv_buf = 65535,
		.snd_buf = 65535,
		.mss = 1460,
		.plpmtud = true,
		.tx_cksum_offload = true,
		.secret = {nb, 2},
		.syn_backlog = CROWD_BURST,
	};
	const struct ip_addr a = addr_of(local_ip);
	struct crowd *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	*w = (struct crowd){.pool = pool, .nb = nb, .now_us = 1000000, .has_ts = has_ts};
	w->peers = calloc(nb, sizeof(*w->peers));
	w->st = tcp_stack_new(&p);
	if (w->peers == NULL || w->st == NULL || tcp_listen(w->st, &a, LOCAL_PORT, NULL) < 0) {
		crowd_free(w);
		return NULL;
	}
	return w;
}

void crowd_free(struct crowd *w)
{
	if (w == NULL)
		return;
	tcp_stack_free(w->st);
	free(w->peers);
	free(w);
}

/* ---- segments to the stack ---- */

static struct rte_mbuf *make(struct crowd *w, uint32_t id, uint8_t flags, uint16_t len)
{
	static const uint8_t payload[1500];
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);
	struct crowd_peer *p = &w->peers[id];
	struct tcp_opts o = {.tsval = (uint32_t)(w->now_us / 1000), .tsecr = 1};
	uint8_t opts[TCP_OPT_MAX_LEN];

	if (m == NULL)
		return NULL;
	if (w->has_ts)
		o.flags |= TCP_OPT_F_TS;
	if (flags & RTE_TCP_SYN_FLAG) {
		o.mss = 1460;
		o.flags |= TCP_OPT_F_SACK_OK;
	}
	const uint16_t n = (uint16_t)tcp_options_emit(&o, opts);
	uint8_t *d = (void *)rte_pktmbuf_append(m, (uint16_t)(40 + n + len));

	if (d == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	*(struct rte_ipv4_hdr *)(void *)d = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)(40 + n + len)),
		.next_proto_id = IPPROTO_TCP,
		.src_addr = rte_cpu_to_be_32(first_ip + id / PORTS),
		.dst_addr = rte_cpu_to_be_32(local_ip),
	};
	*(struct rte_tcp_hdr *)(void *)(d + 20) = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16((uint16_t)(FIRST_PORT + id % PORTS)),
		.dst_port = rte_cpu_to_be_16(LOCAL_PORT),
		.sent_seq = rte_cpu_to_be_32(p->seq),
		.recv_ack = rte_cpu_to_be_32(p->ack),
		.data_off = (uint8_t)((20 + n) / 4 << 4),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(65535),
	};
	memcpy(d + 40, opts, n);
	memcpy(d + 40 + n, payload, len);
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	p->seq += len + ((flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG)) != 0);
	return m;
}

static bool input(struct crowd *w, const uint32_t *ids, uint32_t nb, uint8_t flags, uint16_t len)
{
	struct rte_mbuf *pkts[CROWD_BURST];
	uint32_t n = 0;

	for (; n < nb; n++) {
		pkts[n] = make(w, ids[n], flags, len);
		if (pkts[n] == NULL)
			break;
	}
	w->now_us += 5;
	const uint64_t t = rte_rdtsc_precise();

	tcp_input_burst(w->st, pkts, (uint16_t)n, w->now_us);
	tcp_tick(w->st, w->now_us);
	w->engine_cycles += rte_rdtsc_precise() - t;
	w->nb_segs += n;
	return n == nb;
}

/* ---- segments from the stack ---- */

/* The peer's side of one segment; false for what it did not expect. */
static bool take(struct crowd *w, struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	const struct rte_tcp_hdr *th = (const void *)(ip + 1);
	const uint32_t id = (rte_be_to_cpu_32(ip->dst_addr) - first_ip) * PORTS +
			    rte_be_to_cpu_16(th->dst_port) - FIRST_PORT;
	const uint32_t len = m->pkt_len - 20 - (th->data_off >> 4) * 4u;

	if (id >= w->nb)
		return false;
	struct crowd_peer *p = &w->peers[id];

	if (th->tcp_flags & RTE_TCP_RST_FLAG) {
		w->nb_resets++;
		return true;
	}
	if (th->tcp_flags & RTE_TCP_SYN_FLAG)
		p->ack = rte_be_to_cpu_32(th->sent_seq);
	if (rte_be_to_cpu_32(th->sent_seq) != p->ack || rte_be_to_cpu_32(th->recv_ack) != p->seq)
		return false;
	p->ack += len + ((th->tcp_flags & (RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG)) != 0);
	return true;
}

static bool output(struct crowd *w)
{
	struct rte_mbuf *pkts[CROWD_BURST];
	bool ok = true;
	uint16_t n;

	do {
		const uint64_t t = rte_rdtsc_precise();

		n = tcp_output(w->st, pkts, CROWD_BURST, w->now_us);
		w->engine_cycles += rte_rdtsc_precise() - t;
		w->nb_segs += n;
		for (uint16_t i = 0; i < n; i++) {
			ok &= take(w, pkts[i]);
			rte_pktmbuf_free(pkts[i]);
		}
	} while (n == CROWD_BURST);
	return ok;
}

/* ---- the owner ---- */

static bool respond(struct tcp_conn *c, uint16_t in, uint16_t out)
{
	struct stream *s = tcp_conn_stream(c);
	uint16_t got = 0;

	for (struct slice r = stream_peek(s); r.len > 0; r = stream_peek(s)) {
		got = (uint16_t)(got + r.len);
		stream_consume(s, r.len);
	}
	struct slice_mut room = stream_reserve(s);

	if (got != in || room.cap < out)
		return false;
	memset(room.ptr, 'x', out);
	stream_commit(s, out);
	return true;
}

static bool serve(struct crowd *w, uint32_t nb, uint16_t in, uint16_t out)
{
	const uint64_t t = rte_rdtsc_precise();
	bool ok = true;
	uint32_t events, n = 0;
	struct tcp_conn *c;

	while ((c = tcp_ready(w->st, &events)) != NULL) {
		if (!(events & TCP_EV_READABLE))
			continue;
		ok &= respond(c, in, out);
		n++;
	}
	w->engine_cycles += rte_rdtsc_precise() - t;
	return ok && n == nb;
}

static bool accept_all(struct crowd *w, const uint32_t *ids, uint32_t nb)
{
	struct tcp_conn *c;
	uint32_t events, n = 0;

	/* In the order of the ACKs, which is that of the peers. */
	for (; (c = tcp_accept(w->st)) != NULL && n < nb; n++) {
		w->peers[ids[n]].conn = c;
		/* Idle ones have a timer, as in life. */
		tcp_conn_set_keepalive(c, 7200);
	}
	while (tcp_ready(w->st, &events) != NULL)
		;
	return n == nb;
}

static uint32_t fill_ids(uint32_t *ids, uint32_t first, uint32_t end)
{
	uint32_t n = 0;

	while (n < CROWD_BURST && first + n < end) {
		ids[n] = first + n;
		n++;
	}
	return n;
}

bool crowd_open(struct crowd *w, uint32_t first, uint32_t nb)
{
	uint32_t ids[CROWD_BURST], n;
	bool ok = true;

	for (uint32_t i = first; ok && i < first + nb; i += n) {
		n = fill_ids(ids, i, first + nb);
		for (uint32_t k = 0; k < n; k++)
			w->peers[ids[k]].seq = ISN;
		ok = input(w, ids, n, RTE_TCP_SYN_FLAG, 0) && output(w) &&
		     input(w, ids, n, RTE_TCP_ACK_FLAG, 0) && accept_all(w, ids, n);
	}
	return ok;
}

bool crowd_exchange(struct crowd *w, const uint32_t *ids, uint32_t nb, uint16_t in, uint16_t out)
{
	return input(w, ids, nb, RTE_TCP_ACK_FLAG | RTE_TCP_PSH_FLAG, in) &&
	       serve(w, nb, in, out) && output(w) && input(w, ids, nb, RTE_TCP_ACK_FLAG, 0) &&
	       output(w);
}

bool crowd_close(struct crowd *w, uint32_t first, uint32_t nb)
{
	uint32_t ids[CROWD_BURST], events, n;
	bool ok = true;

	for (uint32_t i = first; ok && i < first + nb; i += n) {
		n = fill_ids(ids, i, first + nb);
		ok = input(w, ids, n, RTE_TCP_ACK_FLAG | RTE_TCP_FIN_FLAG, 0);
		while (tcp_ready(w->st, &events) != NULL)
			;
		for (uint32_t k = 0; k < n; k++)
			tcp_close(w->peers[ids[k]].conn, w->now_us);
		ok = ok && output(w) && input(w, ids, n, RTE_TCP_ACK_FLAG, 0) && output(w);
	}
	return ok;
}
