/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The whole receive path. The input is a list of steps against a stack with a listener and one
 * dialled connection; sequence and acknowledgement numbers are relative to what the stack itself
 * sent last, so that a fuzzer gets past the first checks:
 *
 *	u8 what   bits 0-1: 0 segment, 1 time passes, 2 read, 3 write or close
 *	          bit 2: to the listener or to the dialled connection
 *	segment:  u8 flags, i16 seq, i16 ack, u16 window, u8 option bytes, u8 text bytes, options
 *	others:   u8 how much
 *
 * Nothing may crash, and when the stack is gone every buffer must be back.
 */

#include "tcp/tcp.h"
#include "tests/lib/eal_test.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define POOL_SIZE 1023u

struct side {
	uint32_t peer_seq, our_seq; /* what the peer says next, what we said */
	uint16_t peer_port, local_port;
	struct tcp_conn *c;
};

struct run {
	const uint8_t *p;
	size_t left;
	struct tcp_stack *st;
	struct side side[2];
	uint64_t now;
};

static struct rte_mempool *pool;

static uint8_t take(struct run *r)
{
	if (r->left == 0)
		return 0;
	r->left--;
	return *r->p++;
}

static uint16_t take16(struct run *r)
{
	const uint16_t hi = take(r);

	return (uint16_t)(hi << 8 | take(r));
}

static struct ip_addr addr(uint32_t host)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(host));
}

static void learn(struct run *r, const struct rte_mbuf *m)
{
	const struct rte_tcp_hdr *th =
		rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *, sizeof(struct rte_ipv4_hdr));

	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &r->side[i];

		if (th->src_port != rte_cpu_to_be_16(s->local_port))
			continue;
		s->our_seq = rte_be_to_cpu_32(th->sent_seq) + m->pkt_len - 20 -
			     (th->data_off >> 4) * 4u + ((th->tcp_flags & 3) != 0);
		if (th->tcp_flags & RTE_TCP_ACK_FLAG)
			s->peer_seq = rte_be_to_cpu_32(th->recv_ack);
	}
}

static void output(struct run *r)
{
	struct rte_mbuf *pkts[32];
	uint16_t n;

	do {
		n = tcp_output(r->st, pkts, 32, r->now);
		for (uint16_t i = 0; i < n; i++) {
			learn(r, pkts[i]);
			rte_pktmbuf_free(pkts[i]);
		}
	} while (n == 32);
}

static void segment(struct run *r, struct side *s)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	const uint8_t flags = take(r);
	const uint32_t seq = s->peer_seq + (uint32_t)(int16_t)take16(r);
	const uint32_t ack = s->our_seq + (uint32_t)(int16_t)take16(r);
	const uint16_t wnd = take16(r);
	const uint8_t opt_len = take(r) % 41 / 4 * 4, len = take(r);

	uint8_t *b =
		m != NULL ? (void *)rte_pktmbuf_append(m, (uint16_t)(40 + opt_len + len)) : NULL;

	if (b == NULL)
		return;
	const struct ip_addr l = addr(0xc0000201), p = addr(0xc6336401);
	memset(b, 'x', m->pkt_len);
	*(struct rte_ipv4_hdr *)(void *)b = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16((uint16_t)m->pkt_len),
		.next_proto_id = IPPROTO_TCP,
		.src_addr = ip_addr_to_v4(&p),
		.dst_addr = ip_addr_to_v4(&l),
	};
	*(struct rte_tcp_hdr *)(void *)(b + 20) = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(s->peer_port),
		.dst_port = rte_cpu_to_be_16(s->local_port),
		.sent_seq = rte_cpu_to_be_32(seq),
		.recv_ack = rte_cpu_to_be_32(ack),
		.data_off = (uint8_t)((20 + opt_len) / 4 << 4),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(wnd),
	};
	for (unsigned i = 0; i < opt_len; i++)
		b[40 + i] = take(r);
	m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	tcp_input(r->st, m, r->now);
}

static void read_some(struct side *s, uint8_t much)
{
	for (unsigned i = 0; s->c != NULL && i <= much; i++) {
		const struct slice in = stream_peek(tcp_conn_stream(s->c));

		if (in.len == 0)
			return;
		stream_consume(tcp_conn_stream(s->c), in.len > much ? much + 1u : in.len);
	}
}

static void write_or_close(struct run *r, struct side *s, uint8_t much)
{
	if (s->c == NULL)
		return;
	if (much == 255) {
		tcp_abort(s->c, r->now);
		s->c = NULL;
	} else if (much == 254) {
		tcp_close(s->c, r->now);
		s->c = NULL;
	} else if (much == 253) {
		tcp_shutdown(s->c, r->now);
	} else {
		for (unsigned i = 0; i < much; i++) {
			const struct slice_mut room = stream_reserve(tcp_conn_stream(s->c));

			if (room.cap == 0)
				return;
			memset(room.ptr, 'y', room.cap);
			stream_commit(tcp_conn_stream(s->c), room.cap);
		}
	}
}

static void collect(struct run *r)
{
	struct tcp_conn *c;
	uint32_t events;

	while ((c = tcp_accept(r->st)) != NULL) {
		if (r->side[0].c == NULL)
			r->side[0].c = c;
		else
			tcp_close(c, r->now);
	}
	while (tcp_ready(r->st, &events) != NULL)
		;
}

static void step(struct run *r)
{
	const uint8_t what = take(r);
	struct side *s = &r->side[what >> 2 & 1];

	if ((what & 3) == 0) {
		segment(r, s);
	} else if ((what & 3) == 1) {
		const uint8_t t = take(r);

		r->now += UINT64_C(1) << t % 30;
		tcp_tick(r->st, r->now);
	} else if ((what & 3) == 2) {
		read_some(s, take(r));
	} else {
		write_or_close(r, s, take(r));
	}
	collect(r);
	output(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (pool == NULL) {
		eal_test_init();
		pool = rte_pktmbuf_pool_create("fuzz", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
		if (pool == NULL)
			abort();
	}
	const struct tcp_params p = {
		.pool = pool,
		.max_conns = 8,
		.max_listeners = 1,
		.rcv_buf = 65536,
		.snd_buf = 32768,
		.mss = 1460,
		.secret = {1, 2},
		.syn_backlog = len & 1 ? 0 : 2,
		.max_rx_mbufs = 128,
	};
	struct run r = {
		data,
		len,
		tcp_stack_new(&p),
		{{.peer_port = 1000, .local_port = 80}, {.peer_port = 1001, .local_port = 81}},
		1};
	const struct ip_addr l = addr(0xc0000201);
	const struct tcp_tuple t = {l, addr(0xc6336401), 81, 1001};

	if (r.st == NULL || tcp_listen(r.st, &l, 80, NULL) < 0 ||
	    tcp_connect(r.st, &t, r.now, &r.side[1].c) < 0)
		abort();
	output(&r);
	while (r.left > 0)
		step(&r);
	tcp_stack_free(r.st);
	if (rte_mempool_in_use_count(pool) != 0)
		abort();
	return 0;
}
