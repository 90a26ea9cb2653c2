/* SPDX-License-Identifier: BSD-3-Clause */

#include "script.h"

#include "tests/lib/eal_test.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include <stdlib.h>
#include <string.h>

#define POOL_SIZE 2047u

static struct rte_mempool *pool;
static struct rte_mbuf *drained[POOL_SIZE];
static unsigned nb_drained;

static struct ip_addr local_addr(void)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(0xc0000201));
}

static struct ip_addr peer_addr(void)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(0xc6336401));
}

unsigned sc_pool_free(void)
{
	return rte_mempool_avail_count(pool);
}

void sc_pool_drain(unsigned left)
{
	while (sc_pool_free() > left)
		drained[nb_drained++] = rte_pktmbuf_alloc(pool);
}

void sc_pool_return(void)
{
	while (nb_drained > 0)
		rte_pktmbuf_free(drained[--nb_drained]);
}

void sc_remake(struct script *s, uint32_t rcv_buf, uint32_t snd_buf, uint32_t syn_backlog)
{
	const struct tcp_params p = {
		.pool = pool,
		.max_conns = 32,
		.max_listeners = 4,
		.rcv_buf = rcv_buf,
		.snd_buf = snd_buf,
		.mss = 1460,
		.secret = {1, 2},
		.syn_backlog = syn_backlog,
		.max_rx_mbufs = 1024,
		.counters = s->counters,
	};
	const struct ip_addr a = local_addr();

	tcp_stack_free(s->st);
	s->st = tcp_stack_new(&p);
	assert_non_null(s->st);
	assert_int_equal(tcp_listen(s->st, &a, LOCAL_PORT, s), 0);
}

int sc_setup(void **state)
{
	struct script *s = calloc(1, sizeof(*s));

	if (pool == NULL) {
		eal_test_init();
		pool = rte_pktmbuf_pool_create("script", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
	}
	if (s == NULL || pool == NULL)
		return -1;
	s->now = 10 * SEC;
	s->peer_port = PEER_PORT;
	sc_remake(s, 65535, 65536, 16);
	*state = s;
	return 0;
}

int sc_teardown(void **state)
{
	struct script *s = *state;

	sc_pool_return();
	tcp_stack_free(s->st);
	free(s);
	return sc_pool_free() == POOL_SIZE ? 0 : -1;
}

void sc_in_raw(struct script *s, uint8_t *pkt, uint16_t len, bool bad_sum)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ipv4_hdr *ip = (void *)pkt;

	assert_non_null(m);
	if (len >= 40) {
		struct rte_tcp_hdr *th = (void *)(pkt + (ip->version_ihl & 15) * 4);

		th->cksum = 0;
		th->cksum = rte_ipv4_udptcp_cksum(ip, th);
		if (bad_sum)
			th->cksum ^= 0x5555;
	}
	memcpy(rte_pktmbuf_append(m, len), pkt, len);
	tcp_input(s->st, m, s->now);
}

void sc_in_opts(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
		const void *data, uint16_t len, const struct tcp_opts *o)
{
	uint8_t pkt[2200] = {0};
	uint8_t opts[TCP_OPT_MAX_LEN];
	const size_t n = o != NULL ? tcp_options_emit(o, opts) : 0;
	const uint16_t total = (uint16_t)(40 + n + len);
	const struct ip_addr l = local_addr(), p = peer_addr();

	*(struct rte_ipv4_hdr *)(void *)pkt = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(total),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_TCP,
		.src_addr = ip_addr_to_v4(&p),
		.dst_addr = ip_addr_to_v4(&l),
	};
	*(struct rte_tcp_hdr *)(void *)(pkt + 20) = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(s->peer_port),
		.dst_port = rte_cpu_to_be_16(LOCAL_PORT),
		.sent_seq = rte_cpu_to_be_32(PEER_ISN + seq),
		.recv_ack = flags & ACK ? rte_cpu_to_be_32(s->iss + ack) : 0,
		.data_off = (uint8_t)((20 + n) / 4 << 4),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(wnd),
	};
	memcpy(pkt + 40, opts, n);
	if (data != NULL)
		memcpy(pkt + 40 + n, data, len);
	sc_in_raw(s, pkt, total, false);
}

void sc_in(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
	   const void *data, uint16_t len)
{
	sc_in_opts(s, flags, seq, ack, wnd, data, len, NULL);
}

static void parse_out(struct script *s, struct rte_mbuf *m, struct seg *g)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);
	const struct rte_tcp_hdr *th = (const void *)(ip + 1);
	const uint16_t hl = (uint16_t)((th->data_off >> 4) * 4);

	assert_int_equal(rte_be_to_cpu_16(ip->total_length), m->pkt_len);
	assert_int_equal(rte_ipv4_cksum(ip), 0);
	g->flags = th->tcp_flags;
	if (g->flags & SYN)
		s->iss = rte_be_to_cpu_32(th->sent_seq);
	g->seq = rte_be_to_cpu_32(th->sent_seq) - s->iss;
	g->ack = g->flags & ACK ? rte_be_to_cpu_32(th->recv_ack) - PEER_ISN : 0;
	g->wnd = rte_be_to_cpu_16(th->rx_win);
	g->len = (uint16_t)(m->pkt_len - 20 - hl);
	assert_true(g->len <= sizeof(g->data));
	memcpy(g->data, (const uint8_t *)th + hl, g->len);
	assert_int_equal(
		tcp_options_parse((const uint8_t *)(th + 1), hl - 20u, g->flags & SYN, &g->opts),
		0);
}

unsigned sc_out(struct script *s)
{
	struct rte_mbuf *pkts[64];

	s->nb_out = tcp_output(s->st, pkts, 64, s->now);
	for (unsigned i = 0; i < s->nb_out; i++) {
		parse_out(s, pkts[i], &s->out[i]);
		rte_pktmbuf_free(pkts[i]);
	}
	return s->nb_out;
}

void sc_wait(struct script *s, uint64_t us)
{
	s->now += us;
	tcp_tick(s->st, s->now);
}

void sc_expect(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t len)
{
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].flags & ~PSH, flags);
	assert_int_equal(s->out[0].seq, seq);
	assert_int_equal(s->out[0].ack, ack);
	assert_int_equal(s->out[0].len, len);
}

void sc_expect_nothing(struct script *s)
{
	assert_int_equal(sc_out(s), 0);
}

void sc_open(struct script *s, bool sack)
{
	const struct tcp_opts o = {.mss = 1000, .flags = sack ? TCP_OPT_F_SACK_OK : 0};

	sc_in_opts(s, SYN, 0, 0, 65535, NULL, 0, &o);
	sc_expect(s, SYN | ACK, 0, 1, 0);
	sc_in(s, ACK, 1, 1, 65535, NULL, 0);
	s->c = tcp_accept(s->st);
	assert_non_null(s->c);
	assert_ptr_equal(tcp_conn_listener_user(s->c), s);
	assert_int_equal(tcp_conn_state(s->c), TCP_S_ESTABLISHED);
}

void sc_dial(struct script *s)
{
	const struct tcp_tuple t = {local_addr(), peer_addr(), LOCAL_PORT, s->peer_port};
	const struct tcp_opts o = {.mss = 1000, .flags = TCP_OPT_F_SACK_OK};

	assert_int_equal(tcp_connect(s->st, &t, s->now, &s->c), 0);
	sc_expect(s, SYN, 0, 0, 0);
	sc_in_opts(s, SYN | ACK, 0, 1, 65535, NULL, 0, &o);
	sc_expect(s, ACK, 1, 1, 0);
	assert_true(sc_events(s) & TCP_EV_CONNECTED);
}

size_t sc_write(struct script *s, size_t n)
{
	struct stream *str = tcp_conn_stream(s->c);
	size_t done = 0;

	while (done < n) {
		struct slice_mut room = stream_reserve(str);
		const size_t k = room.cap < n - done ? room.cap : n - done;

		if (k == 0)
			break;
		for (size_t i = 0; i < k; i++)
			room.ptr[i] = (uint8_t)(done + i);
		stream_commit(str, k);
		done += k;
	}
	return done;
}

size_t sc_read(struct script *s, uint8_t *ret, size_t cap)
{
	struct stream *str = tcp_conn_stream(s->c);
	size_t n = 0;

	for (struct slice in = stream_peek(str); in.len > 0; in = stream_peek(str)) {
		for (size_t i = 0; i < in.len && n + i < cap; i++)
			ret[n + i] = in.ptr[i];
		n += in.len;
		stream_consume(str, in.len);
	}
	return n;
}

uint32_t sc_events(struct script *s)
{
	uint32_t ev = 0, e;
	struct tcp_conn *c;

	while ((c = tcp_ready(s->st, &e)) != NULL)
		ev |= c == s->c ? e : 0;
	return ev;
}
