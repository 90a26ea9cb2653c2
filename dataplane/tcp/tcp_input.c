/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Segments in, in the order of RFC 9293 3.10.7.4, with RFC 5961's stricter tests:
 *
 *	parse -> find -+- connection -- PAWS -> sequence -> RST -> SYN -> ACK -> text -> FIN
 *	               +- TIME-WAIT entry (RFC 1337, RFC 6191)
 *	               +- listener: SYN, or the ACK that returns a SYN cookie
 *	               +- nothing: RST
 *
 * Urgent data is not supported: the flag and pointer are ignored and the byte stays in line
 * (RFC 6093 asks new programs not to use it, and it splits what two readers see).
 *
 * Invariants:
 *  (1) tcp_input() owns the mbuf until a queue takes it, which nulls tcp_segin.m.
 *  (2) After a call that returns "gone", the connection is not touched again.
 */

#include "io/cksum.h"
#include "tcp/tcp_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <errno.h>
#include <string.h>

/* RFC 7323 5.5: a timestamp older than that says nothing. */
#define PAWS_IDLE_S (24u * 86400)

#define INPUT_BURST 32
/*
 * Segments between asking for a connection and working on it: more than a core can have on their
 * way (about twenty lines) would wait for each other. bench/micro/tcp_scale.
 */
#define PREFETCH_AHEAD 8

/* ---- parsing ---- */

static bool is_flags_sane(uint8_t flags)
{
	if (flags & TCP_SYN)
		return !(flags & (TCP_FIN | TCP_RST));
	return (flags & (TCP_RST | TCP_ACK | TCP_FIN)) != 0;
}

static bool is_checksum_good(const struct rte_mbuf *m, uint32_t ip_len, uint32_t total, bool is_v4)
{
	const uint64_t told = m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	const void *ip = rte_pktmbuf_mtod(m, const void *);
	uint32_t sum;

	/*
	 * NONE: the sum was never written, since the sender is a neighbour on the same machine and
	 * the bytes crossed no wire. "Bad" is looked into: some ports say it too easily.
	 */
	if (told == RTE_MBUF_F_RX_L4_CKSUM_GOOD || told == RTE_MBUF_F_RX_L4_CKSUM_NONE)
		return true;
	if (is_v4) {
		sum = rte_ipv4_phdr_cksum(ip, 0);
	} else {
		/* RFC 8200 8.1: extension headers are in neither length nor protocol. */
		struct rte_ipv6_hdr pseudo = *(const struct rte_ipv6_hdr *)ip;

		pseudo.proto = IPPROTO_TCP;
		pseudo.payload_len = rte_cpu_to_be_16((uint16_t)(total - ip_len));
		sum = rte_ipv6_phdr_cksum(&pseudo, 0);
	}
	sum += cksum_chain(m, ip_len, total - ip_len);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum == 0xffff;
}

/*
 * The IP header's lengths and addresses; returns its length with options or extension headers, 0
 * when malformed.
 */
static uint32_t parse_ip4(struct tcp_segin *s, uint32_t *ret_total)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(s->m, const struct rte_ipv4_hdr *);
	const uint32_t ip_len = (uint32_t)(ip->version_ihl & 15) * 4;

	s->ecn = ip->type_of_service & RTE_IPV4_HDR_ECN_MASK;
	s->tuple.local = ip_addr_from_v4(ip->dst_addr);
	s->tuple.remote = ip_addr_from_v4(ip->src_addr);
	*ret_total = rte_be_to_cpu_16(ip->total_length);
	return ip_len < TCP_IP4_HDR_LEN ? 0 : ip_len;
}

static uint32_t parse_ip6(struct tcp_segin *s, uint32_t *ret_total)
{
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod(s->m, const struct rte_ipv6_hdr *);
	const uint32_t ip_len = s->m->l3_len;

	if (s->m->data_len < TCP_IP6_HDR_LEN)
		return 0;
	s->ecn = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT) &
		 RTE_IPV6_HDR_ECN_MASK >> RTE_IPV6_HDR_TC_SHIFT;
	memcpy(s->tuple.local.b, ip->dst_addr, sizeof(s->tuple.local.b));
	memcpy(s->tuple.remote.b, ip->src_addr, sizeof(s->tuple.remote.b));
	*ret_total = TCP_IP6_HDR_LEN + rte_be_to_cpu_16(ip->payload_len);
	/* A mapped address on the wire would be taken for the IPv4 one. */
	if (ip_len < TCP_IP6_HDR_LEN || ip_addr_is_v4(&s->tuple.local) ||
	    ip_addr_is_v4(&s->tuple.remote))
		return 0;
	return ip_len;
}

static bool parse_header(struct tcp_segin *s, uint32_t ip_len, uint32_t total)
{
	const struct rte_tcp_hdr *th =
		rte_pktmbuf_mtod_offset(s->m, const struct rte_tcp_hdr *, ip_len);
	const uint32_t th_len = (uint32_t)(th->data_off >> 4) * 4;

	if (th_len < TCP_HDR_LEN || ip_len + th_len > total || ip_len + th_len > s->m->data_len ||
	    th->src_port == 0 || th->dst_port == 0)
		return false;
	s->flags = th->tcp_flags;
	s->tuple.local_port = rte_be_to_cpu_16(th->dst_port);
	s->tuple.remote_port = rte_be_to_cpu_16(th->src_port);
	s->seq = rte_be_to_cpu_32(th->sent_seq);
	s->ack = rte_be_to_cpu_32(th->recv_ack);
	s->wnd = rte_be_to_cpu_16(th->rx_win);
	s->hdr_len = ip_len + th_len;
	s->len = total - s->hdr_len;
	return is_flags_sane(s->flags) &&
	       tcp_options_parse((const uint8_t *)(th + 1), th_len - TCP_HDR_LEN,
				 s->flags & TCP_SYN, &s->opts) == 0;
}

static bool parse(struct tcp_stack *st, struct tcp_segin *s)
{
	struct rte_mbuf *m = s->m;
	uint32_t total;

	if (m->data_len < TCP_IP4_HDR_LEN + TCP_HDR_LEN)
		goto malformed;
	const uint8_t version = *rte_pktmbuf_mtod(m, const uint8_t *) >> 4;
	const bool is_v4 = version == 4;
	const uint32_t ip_len =
		is_v4 ? parse_ip4(s, &total) : (version == 6 ? parse_ip6(s, &total) : 0);

	if (ip_len == 0 || ip_len + TCP_HDR_LEN > m->data_len || total < ip_len + TCP_HDR_LEN ||
	    total > m->pkt_len)
		goto malformed;
	/* Ethernet pads short frames. */
	if (total < m->pkt_len && rte_pktmbuf_trim(m, (uint16_t)(m->pkt_len - total)) < 0)
		goto malformed;
	if (!is_checksum_good(m, ip_len, total, is_v4)) {
		tcp_count(st, OUTCOME_TCP_CHECKSUM);
		return false;
	}
	if (!parse_header(s, ip_len, total))
		goto malformed;
	s->hash = tcp_tuple_hash(st, &s->tuple);
	return true;

malformed:
	tcp_count(st, OUTCOME_TCP_MALFORMED);
	return false;
}

/* ---- no connection ---- */

/* The third packet of a handshake that we kept nothing of. */
static struct tcp_conn *accept_cookie(struct tcp_stack *st, struct tcp_segin *s,
				      const struct tcp_listener *l, uint64_t now_us)
{
	struct tcp_opts syn;
	bool has_ecn;

	if (now_us > st->cookie_until_us)
		return NULL;
	if (!tcp_syncookie_check(st, s, now_us, &syn, &has_ecn)) {
		tcp_count(st, OUTCOME_TCP_SYN_COOKIE_BAD);
		return NULL;
	}
	struct tcp_conn *c = tcp_conn_alloc(st, &s->tuple, s->hash);

	if (c == NULL)
		return NULL;
	tcp_count(st, OUTCOME_TCP_SYN_COOKIE_OK);
	c->flags |= TCP_F_PASSIVE;
	c->user = l->user;
	c->rcv_nxt = s->seq;
	c->rcv_acked = s->seq;
	c->rcv_adv = c->rcv_nxt + RTE_MIN(c->rcv_limit, TCP_INIT_RCV_WND);
	c->snd_una = s->ack;
	c->snd_nxt = s->ack;
	c->snd_end = s->ack;
	c->ts_off = tcp_ts_offset(st, &s->tuple);
	c->rcv_wscale = st->rcv_wscale;
	tcp_apply_syn_opts(c, &syn, now_us);
	if (has_ecn)
		c->flags |= TCP_F_ECN;
	c->snd_wl1 = s->seq - 1; /* any window is news */
	tcp_conn_established(c, now_us);
	return c;
}

static void conn_input(struct tcp_conn *c, struct tcp_segin *s, uint64_t now_us);

/* RFC 9293 3.10.7.1 and 3.10.7.2. */
static void listen_input(struct tcp_stack *st, struct tcp_segin *s, uint32_t min_iss,
			 uint64_t now_us)
{
	const struct tcp_listener *l = tcp_listener_find(st, &s->tuple.local, s->tuple.local_port);

	if (l == NULL) {
		tcp_reply_rst(st, s);
		return;
	}
	if (s->flags & TCP_RST)
		return;
	if (s->flags & TCP_ACK) {
		struct tcp_conn *c = s->flags & TCP_SYN ? NULL : accept_cookie(st, s, l, now_us);

		if (c != NULL)
			conn_input(c, s, now_us);
		else if (now_us > st->cookie_until_us)
			tcp_reply_rst(st, s);
		/*
		 * else perhaps it overtook the one that carries the cookie, which is the one with
		 * the first sequence number: no reset, the peer will send that again.
		 */
		return;
	}
	if (s->flags & TCP_SYN)
		tcp_syn_accept(st, s, l, min_iss, now_us);
}

/* ---- a connection ---- */

uint32_t tcp_rcv_wnd(const struct tcp_conn *c)
{
	return c->rcv_adv - c->rcv_nxt;
}

/* RFC 7323 5.3 R1. True: drop. */
static bool is_paws_reject(const struct tcp_conn *c, const struct tcp_segin *s, uint64_t now_us)
{
	if (!(c->flags & TCP_F_TS_RECENT) || !(s->opts.flags & TCP_OPT_F_TS) ||
	    (s->flags & TCP_RST))
		return false;
	return seq_lt(s->opts.tsval, c->ts_recent) && tcp_s(now_us) - c->ts_recent_s < PAWS_IDLE_S;
}

/*
 * RFC 9293 3.10.7.4, first, as everybody has relaxed it: something of the segment lies between
 * what we last acknowledged and the right edge. A late pure ACK still counts that way.
 */
static bool is_seq_acceptable(const struct tcp_conn *c, const struct tcp_segin *s)
{
	return seq_geq(segin_end(s), c->rcv_acked) && seq_leq(s->seq, c->rcv_adv);
}

static void refuse_seq(struct tcp_conn *c, const struct tcp_segin *s, enum outcome why,
		       uint64_t now_us)
{
	tcp_count(c->st, why);
	if (s->flags & TCP_RST)
		return;
	/*
	 * Text that we have had must be acknowledged or the sender goes on for ever. An empty one
	 * is answered within a limit: two sides that disagree would answer each other endlessly.
	 */
	if (s->len > 0 || (s->flags & TCP_FIN)) {
		if (s->len > 0 && (c->flags & TCP_F_SACK) && seq_leq(segin_end(s), c->rcv_nxt)) {
			c->rcv_dsack = (struct tcp_range){s->seq, s->seq + s->len};
			c->flags |= TCP_F_DSACK;
		}
		c->flags |= TCP_F_ACK_NOW;
		tcp_conn_want_output(c);
	} else {
		tcp_challenge_ack(c, now_us);
	}
}

/* RFC 9293 3.10.7.4, second, with RFC 5961 3.2: only an exact hit resets. */
static void rst_input(struct tcp_conn *c, const struct tcp_segin *s, uint64_t now_us)
{
	if (s->seq != c->rcv_nxt) {
		tcp_challenge_ack(c, now_us);
		return;
	}
	/* RFC 1337 3 */
	if (c->state == TCP_S_TIME_WAIT)
		return;
	tcp_count(c->st, OUTCOME_TCP_RESET_IN);
	tcp_conn_die(c, c->state == TCP_S_SYN_RCVD ? -ECONNREFUSED : -ECONNRESET);
}

/* RFC 7323 4.3 (2): the timestamp to echo is that of the segment that advances the left edge. */
static void update_ts_recent(struct tcp_conn *c, const struct tcp_segin *s, uint64_t now_us)
{
	if (!(c->flags & TCP_F_TS) || !(s->opts.flags & TCP_OPT_F_TS))
		return;
	/* PAWS has let it pass: not older, or the connection was idle so long that it may be. */
	if (seq_leq(s->seq, c->rcv_acked)) {
		c->ts_recent = s->opts.tsval;
		c->ts_recent_s = tcp_s(now_us);
		c->flags |= TCP_F_TS_RECENT;
	}
}

/* False: the segment is done with, or the connection is gone. */
static bool syn_rcvd_ack(struct tcp_conn *c, const struct tcp_segin *s, uint64_t now_us)
{
	/* Until our SYN is acknowledged snd_una is the ISS. */
	if (seq_leq(s->ack, c->snd_una) || seq_gt(s->ack, c->snd_nxt)) {
		tcp_count(c->st, OUTCOME_TCP_BAD_ACK);
		tcp_reply_rst(c->st, s);
		return false;
	}
	c->snd_una++;
	if (c->rto_backoff == 0)
		tcp_rtt_sample(c, (uint32_t)(now_us - c->last_tx_us), now_us);
	c->snd_wl1 = s->seq - 1; /* the first scaled window is news */
	tcp_conn_established(c, now_us);
	return true;
}

/* Our FIN was acknowledged: RFC 9293 3.10.7.4, fifth. False: the connection is gone. */
static bool fin_acked(struct tcp_conn *c, uint64_t now_us)
{
	switch (c->state) {
	case TCP_S_FIN_WAIT_1:
		tcp_conn_set_state(c, TCP_S_FIN_WAIT_2);
		tcp_timer_arm_life(c, now_us);
		return true;
	case TCP_S_CLOSING:
		tcp_conn_time_wait(c, now_us);
		return false;
	case TCP_S_LAST_ACK:
		tcp_conn_die(c, 0);
		return false;
	default:
		return true;
	}
}

/* The peer's FIN is in order: RFC 9293 3.10.7.4, eighth. */
static void fin_input(struct tcp_conn *c, uint64_t now_us)
{
	c->flags |= TCP_F_ACK_NOW;
	tcp_conn_event(c, TCP_EV_READABLE);
	switch (c->state) {
	case TCP_S_ESTABLISHED:
		tcp_conn_set_state(c, TCP_S_CLOSE_WAIT);
		break;
	case TCP_S_FIN_WAIT_1:
		/* An ACK of our FIN in the same segment has moved us to FIN_WAIT_2 already. */
		tcp_conn_set_state(c, TCP_S_CLOSING);
		break;
	case TCP_S_FIN_WAIT_2:
		tcp_conn_want_output(c);
		tcp_conn_time_wait(c, now_us);
		return;
	default:
		break;
	}
	tcp_conn_want_output(c);
}

static bool can_receive(const struct tcp_conn *c)
{
	return c->state == TCP_S_ESTABLISHED || c->state == TCP_S_FIN_WAIT_1 ||
	       c->state == TCP_S_FIN_WAIT_2;
}

/* Seventh and eighth. */
static void text_input(struct tcp_conn *c, struct tcp_segin *s, uint64_t now_us)
{
	if (s->len == 0 && !(s->flags & TCP_FIN))
		return;
	if (!can_receive(c)) {
		/* The peer repeats its FIN: our ACK of it was lost. */
		c->flags |= TCP_F_ACK_NOW;
		tcp_conn_want_output(c);
		return;
	}
	if ((c->flags & TCP_F_ORPHAN) && s->len > 0 && seq_gt(s->seq + s->len, c->rcv_nxt)) {
		/* Nobody will read it, and the peer should know: RFC 1122 4.2.2.13. */
		tcp_count(c->st, OUTCOME_TCP_CLOSE_UNREAD);
		tcp_conn_send_rst(c);
		tcp_conn_die(c, -ECONNRESET);
		return;
	}
	tcp_ecn_text_input(c, s);
	tcp_rcv_text(c, s, now_us);
	if (c->flags & TCP_F_FIN_RCVD)
		fin_input(c, now_us);
	else if (c->flags & TCP_F_ACK_NOW)
		tcp_conn_want_output(c);
}

/* SYN_RCVD and the synchronized states. */
static void conn_input(struct tcp_conn *c, struct tcp_segin *s, uint64_t now_us)
{
	c->last_rx_ms = tcp_ms(now_us);
	c->keep_probes = 0;
	/* The peer's SYN again: our SYN-ACK was lost. */
	if (c->state == TCP_S_SYN_RCVD && (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
	    s->seq == c->rcv_nxt - 1) {
		/* The answer echoes the newer one, or the peer would take the pause for a delay. */
		if (!is_paws_reject(c, s, now_us))
			update_ts_recent(c, s, now_us);
		c->flags |= TCP_F_SEND_SYN;
		tcp_conn_want_output(c);
		return;
	}
	if (is_paws_reject(c, s, now_us)) {
		refuse_seq(c, s, OUTCOME_TCP_PAWS, now_us);
		return;
	}
	/* A simultaneous open's SYN-ACK repeats the SYN that we have. */
	if (c->state == TCP_S_SYN_RCVD && (s->flags & TCP_SYN) && (s->flags & TCP_ACK) &&
	    s->seq == c->rcv_nxt - 1) {
		s->seq++;
		s->flags &= (uint8_t)~TCP_SYN;
		/* Its window is not scaled (RFC 7323 2.2), what follows takes it to be. */
		s->wnd >>= c->snd_wscale;
	}
	if (!is_seq_acceptable(c, s)) {
		refuse_seq(c, s, OUTCOME_TCP_OUT_OF_WINDOW, now_us);
		return;
	}
	if (s->flags & TCP_RST) {
		rst_input(c, s, now_us);
		return;
	}
	if (s->flags & TCP_SYN) {
		/* RFC 5961 4.2 */
		tcp_challenge_ack(c, now_us);
		return;
	}
	if (!(s->flags & TCP_ACK))
		return;
	if (c->state == TCP_S_SYN_RCVD && !syn_rcvd_ack(c, s, now_us))
		return;
	update_ts_recent(c, s, now_us);
	if (c->state == TCP_S_TIME_WAIT) {
		text_input(c, s, now_us);
		return;
	}
	if (!tcp_ack_input(c, s, now_us))
		return;
	if ((c->flags & TCP_F_FIN_QUEUED) && !(c->flags & TCP_F_FIN_WANTED) &&
	    c->snd_una == c->snd_end && !fin_acked(c, now_us))
		return;
	text_input(c, s, now_us);
}

static void seg_input(struct tcp_stack *st, struct tcp_segin *s, uint64_t now_us)
{
	const uint32_t id = tcp_table_find(st, &s->tuple, s->hash);
	uint32_t min_iss = 0;

	if (id == 0 || (id >= st->tw_base && tcp_tw_input(st, id, s, now_us, &min_iss)))
		listen_input(st, s, min_iss, now_us);
	else if (id < st->tw_base && st->conns[id - 1].state == TCP_S_SYN_SENT)
		tcp_syn_sent_input(&st->conns[id - 1], s, now_us);
	else if (id < st->tw_base)
		conn_input(&st->conns[id - 1], s, now_us);
}

void tcp_input(struct tcp_stack *st, struct rte_mbuf *m, uint64_t now_us)
{
	tcp_input_burst(st, &m, 1, now_us);
}

/* The rest of what tcp_table_prefetch_entry() began with. */
static void prefetch_rest(const void *conn)
{
	for (unsigned line = 1; conn != NULL && line < 4; line++)
		rte_prefetch0((const uint8_t *)conn + (size_t)line * 64);
}

/* Its text will be summed, or copied to the reader: it may come from another core, or a NIC. */
static void prefetch_text(const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	for (uint32_t at = 0; at < m->data_len; at += 64)
		rte_prefetch0(p + at);
}

/*
 * At most INPUT_BURST packets, so that the cache misses of one run beside those of others and
 * beside their work: all buckets are asked for, then the first line of what each points to, and
 * the other lines a few packets before their turn.
 */
static void input_some(struct tcp_stack *st, struct rte_mbuf *const *pkts, uint16_t nb,
		       uint64_t now_us)
{
	struct tcp_segin segs[INPUT_BURST];
	const void *conns[INPUT_BURST + PREFETCH_AHEAD] = {0};
	uint16_t n = 0;

	for (uint16_t i = 0; i < nb; i++) {
		struct tcp_segin *s = &segs[n];

		if (i + 1 < nb)
			prefetch_text(pkts[i + 1]);
		s->m = pkts[i];
		s->opts = (struct tcp_opts){0};
		if (parse(st, s)) {
			tcp_table_prefetch_bucket(st, s->hash);
			n++;
		} else {
			rte_pktmbuf_free(s->m);
		}
	}
	for (uint16_t i = 0; n > 1 && i < n; i++)
		conns[i] = tcp_table_prefetch_entry(st, segs[i].hash);
	for (uint16_t i = 0; i < PREFETCH_AHEAD; i++)
		prefetch_rest(conns[i]);
	for (uint16_t i = 0; i < n; i++) {
		prefetch_rest(conns[i + PREFETCH_AHEAD]);
		seg_input(st, &segs[i], now_us);
		rte_pktmbuf_free(segs[i].m);
	}
}

void tcp_input_burst(struct tcp_stack *st, struct rte_mbuf *const *pkts, uint16_t nb,
		     uint64_t now_us)
{
	st->now_us = now_us;
	st->counters[OUTCOME_TCP_SEGS_IN] += nb;
	for (uint16_t i = 0; i < nb; i += INPUT_BURST)
		input_some(st, pkts + i, (uint16_t)RTE_MIN(nb - i, INPUT_BURST), now_us);
}
