/* SPDX-License-Identifier: BSD-3-Clause */

#include "script.h"

#include "tests/lib/eal_test.h"
#include "tests/lib/gso.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include <stdlib.h>
#include <string.h>

#define POOL_SIZE 2047u

static struct rte_mempool *pool;
static struct rte_mempool *port_pool; /* what a port that cuts makes */
static struct rte_mbuf *drained[POOL_SIZE];
static unsigned nb_drained;

struct ip_addr sc_local(const struct script *s)
{
	static const struct ip_addr v6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

	return s->is_v6 ? v6 : ip_addr_from_v4(rte_cpu_to_be_32(0xc0000201));
}

struct ip_addr sc_peer(const struct script *s)
{
	static const struct ip_addr v6 = {{0x20, 0x01, 0x0d, 0xb8, [7] = 9, [15] = 1}};

	return s->is_v6 ? v6 : ip_addr_from_v4(rte_cpu_to_be_32(0xc6336401));
}

uint16_t sc_mss(const struct script *s)
{
	return s->is_v6 ? 1440 : 1460;
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
		.max_flights = s->max_flights,
		.max_listeners = 4,
		.rcv_buf = rcv_buf,
		.snd_buf = snd_buf,
		.mss = 1460,
		.ecn = s->ecn,
		.plpmtud = s->plpmtud,
		.secret = {1, 2},
		.syn_backlog = syn_backlog,
		.max_rx_mbufs = 1024,
		.counters = s->counters,
		.tx_cksum_offload = s->has_tso,
		.tso_max = s->has_tso ? 65535 : 0,
		.tso_max_segs = s->max_segs,
	};
	const struct ip_addr a = sc_local(s);

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
		port_pool = rte_pktmbuf_pool_create("port", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
						    SOCKET_ID_ANY);
	}
	if (s == NULL || pool == NULL || port_pool == NULL)
		return -1;
	s->now = 10 * SEC;
	/* The same tests run over either family. */
	s->is_v6 = getenv("TCP_TEST_IPV6") != NULL;
	/* ... and with a port that has offloads. */
	s->has_tso = getenv("TCP_TEST_TSO") != NULL;
	s->max_segs = 64;
	/* ... and with one that scatters what it receives. */
	if (getenv("TCP_TEST_PIECE") != NULL)
		s->piece = 99;
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
	return sc_pool_free() == POOL_SIZE && rte_mempool_in_use_count(port_pool) == 0 ? 0 : -1;
}

/* A port that scatters has the headers in the first buffer. */
static void append_pieces(const struct script *s, struct rte_mbuf *m, const uint8_t *pkt,
			  uint16_t len)
{
	const uint16_t first = s->splits_headers ? s->piece : m->l3_len + 60u;
	uint16_t n = s->piece == 0 ? len : RTE_MIN(len, RTE_MAX(s->piece, first));
	struct rte_mbuf *tail = m;

	memcpy(rte_pktmbuf_append(m, n), pkt, n);
	for (uint16_t off = n; off < len; off += n) {
		struct rte_mbuf *next = rte_pktmbuf_alloc(pool);

		if (next == NULL)
			abort();
		n = RTE_MIN(s->piece, (uint16_t)(len - off));
		memcpy(rte_pktmbuf_mtod(next, void *), pkt + off, n);
		next->data_len = n;
		tail->next = next;
		tail = next;
		m->pkt_len += n;
		m->nb_segs++;
	}
}

void sc_in_raw(struct script *s, uint8_t *pkt, uint16_t len, bool bad_sum)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	const bool is_v4 = pkt[0] >> 4 == 4;
	const uint16_t ip_len = is_v4 ? (uint16_t)((pkt[0] & 15) * 4) : 40u + s->ext_len;

	assert_non_null(m);
	if (len >= ip_len + 20) {
		struct rte_tcp_hdr *th = (void *)(pkt + ip_len);

		th->cksum = 0;
		if (is_v4) {
			th->cksum = rte_ipv4_udptcp_cksum((void *)pkt, th);
		} else {
			struct rte_ipv6_hdr ip = *(struct rte_ipv6_hdr *)(void *)pkt;

			ip.proto = IPPROTO_TCP;
			ip.payload_len = rte_cpu_to_be_16((uint16_t)(len - ip_len));
			th->cksum = rte_ipv6_udptcp_cksum(&ip, th);
		}
		if (bad_sum || s->spoils_sums)
			th->cksum ^= 0x5555;
	}
	m->l3_len = ip_len;
	m->ol_flags |= s->rx_flags;
	append_pieces(s, m, pkt, len);
	tcp_input(s->st, m, s->now);
}

static uint16_t put_ip(const struct script *s, uint8_t *pkt, uint16_t payload)
{
	const struct ip_addr l = sc_local(s), p = sc_peer(s);

	if (!s->is_v6) {
		*(struct rte_ipv4_hdr *)(void *)pkt = (struct rte_ipv4_hdr){
			.version_ihl = 0x45,
			.type_of_service = s->in_ecn,
			.total_length = rte_cpu_to_be_16((uint16_t)(20 + payload)),
			.time_to_live = 64,
			.next_proto_id = IPPROTO_TCP,
			.src_addr = ip_addr_to_v4(&p),
			.dst_addr = ip_addr_to_v4(&l),
		};
		return 20;
	}
	struct rte_ipv6_hdr *ip = (void *)pkt;

	*ip = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | (uint32_t)s->in_ecn << 20),
		.payload_len = rte_cpu_to_be_16((uint16_t)(s->ext_len + payload)),
		.proto = s->ext_len != 0 ? IPPROTO_DSTOPTS : IPPROTO_TCP,
		.hop_limits = 64,
	};
	memcpy(ip->src_addr, p.b, 16);
	memcpy(ip->dst_addr, l.b, 16);
	if (s->ext_len != 0) {
		memset(ip + 1, 0, s->ext_len); /* Pad1 */
		pkt[40] = IPPROTO_TCP;
		pkt[41] = (uint8_t)(s->ext_len / 8 - 1);
	}
	return 40u + s->ext_len;
}

void sc_in_opts(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
		const void *data, uint16_t len, const struct tcp_opts *o)
{
	uint8_t pkt[9600] = {0};
	uint8_t opts[TCP_OPT_MAX_LEN];
	const size_t n = o != NULL ? tcp_options_emit(o, opts) : 0;
	const uint16_t ip_len = put_ip(s, pkt, (uint16_t)(20 + n + len));

	*(struct rte_tcp_hdr *)(void *)(pkt + ip_len) = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(s->peer_port),
		.dst_port = rte_cpu_to_be_16(LOCAL_PORT),
		.sent_seq = rte_cpu_to_be_32(PEER_ISN + seq),
		.recv_ack = flags & ACK ? rte_cpu_to_be_32(s->iss + ack) : 0,
		.data_off = (uint8_t)((20 + n) / 4 << 4),
		.tcp_flags = flags,
		.rx_win = rte_cpu_to_be_16(wnd),
	};
	memcpy(pkt + ip_len + 20, opts, n);
	if (data != NULL)
		memcpy(pkt + ip_len + 20 + n, data, len);
	sc_in_raw(s, pkt, (uint16_t)(ip_len + 20 + n + len), false);
}

void sc_in(struct script *s, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t wnd,
	   const void *data, uint16_t len)
{
	sc_in_opts(s, flags, seq, ack, wnd, data, len, NULL);
}

static bool is_sum_good(uint32_t pseudo, const void *l4, uint32_t len)
{
	const uint32_t sum = pseudo + rte_raw_cksum(l4, len);

	return (sum >> 16) + (sum & 0xffff) == 0xffff;
}

static void parse_out(struct script *s, struct rte_mbuf *m, struct seg *g)
{
	const void *ip = rte_pktmbuf_mtod(m, const void *);
	const struct rte_ipv4_hdr *ip4 = ip;
	const struct rte_ipv6_hdr *ip6 = ip;
	const uint16_t ip_len = s->is_v6 ? 40 : 20;
	const struct rte_tcp_hdr *th =
		rte_pktmbuf_mtod_offset(m, const struct rte_tcp_hdr *, ip_len);
	const uint16_t hl = (uint16_t)((th->data_off >> 4) * 4);

	if (s->is_v6) {
		assert_int_equal(rte_be_to_cpu_16(ip6->payload_len), m->pkt_len - ip_len);
		assert_true(is_sum_good(rte_ipv6_phdr_cksum(ip6, 0), th, m->pkt_len - ip_len));
	} else {
		assert_int_equal(rte_be_to_cpu_16(ip4->total_length), m->pkt_len);
		assert_int_equal(rte_ipv4_cksum(ip4), 0);
		assert_true(is_sum_good(rte_ipv4_phdr_cksum(ip4, 0), th, m->pkt_len - ip_len));
	}
	g->flags = th->tcp_flags;
	g->ecn = s->is_v6 ? rte_be_to_cpu_32(ip6->vtc_flow) >> 20 & 3 : ip4->type_of_service & 3;
	if (g->flags & SYN)
		s->iss = rte_be_to_cpu_32(th->sent_seq);
	g->seq = rte_be_to_cpu_32(th->sent_seq) - s->iss;
	g->ack = g->flags & ACK ? rte_be_to_cpu_32(th->recv_ack) - PEER_ISN : 0;
	g->wnd = rte_be_to_cpu_16(th->rx_win);
	g->len = (uint16_t)(m->pkt_len - ip_len - hl);
	assert_true(g->len <= sizeof(g->data));
	memcpy(g->data, (const uint8_t *)th + hl, g->len);
	assert_int_equal(
		tcp_options_parse((const uint8_t *)(th + 1), hl - 20u, g->flags & SYN, &g->opts),
		0);
}

unsigned sc_out(struct script *s)
{
	struct rte_mbuf *pkts[64], *cut[GSO_MAX];
	const uint16_t n = tcp_output(s->st, pkts, 64, s->now);

	s->nb_out = 0;
	s->nb_cut = 0;
	for (unsigned i = 0; i < n; i++) {
		const unsigned nb = gso_cut(pkts[i], port_pool, cut, GSO_MAX);

		s->nb_cut += nb > 1;
		for (unsigned k = 0; k < nb; k++) {
			assert_true(s->nb_out < 64);
			parse_out(s, cut[k], &s->out[s->nb_out++]);
			rte_pktmbuf_free(cut[k]);
		}
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
	const struct tcp_tuple t = {sc_local(s), sc_peer(s), LOCAL_PORT, s->peer_port};
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
