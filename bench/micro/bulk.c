/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a byte of a long body costs on its way through the proxy, by stage: a client, the proxy's
 * stack and an origin, three TCP stacks in one thread, that pass each other copies of their
 * packets. Between the proxy's two connections stands what session/exchange.c does for a body
 * without chunks, and nothing of HTTP, decisions or ports.
 *
 *	bulk [--upload] [--bytes N] [--runs N] [--mtu N] [--offload]
 *
 * Cycles are of the TSC, of the proxy's part alone; the least and the median of the runs.
 */

#include "base/stream_copy.h"
#include "tcp/tcp.h"
#include "tests/lib/certs.h"
#include "tests/lib/eal_test.h"
#include "tls/tls.h"

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#define NOW_S INT64_C(1800000000)
#define BURST 32u
#define WIRE 4096u
#define PIECE (TLS_RECORD_MAX - 32u)
#define BUDGET 8u
#define STEP_US 20u
#define MAX_RUNS 1000u

enum stage {
	IN_UP,
	IN_DOWN,
	TICK,
	READ,
	WRITE,
	OUT,
	NB_STAGES
};

static const char *const stage_names[NB_STAGES] = {
	"tcp in, server side", "tcp in, client side", "timers, events", "read", "write", "tcp out",
};

struct wire {
	struct rte_mbuf *pkt[WIRE];
	uint32_t at, nb;
};

struct rig {
	struct rte_mempool *pool;
	struct tcp_stack *client, *proxy, *origin;
	struct tcp_conn *at_client, *front, *back, *at_origin;
	struct tls_worker *tls;
	struct tls_conn *server_tls, *client_tls;
	struct wire to_client, to_origin, from_client, from_origin;
	uint64_t now_us;
	bool is_upload;
	uint64_t left, got; /* of this run: to be sent, arrived */
	uint64_t cycles[NB_STAGES];
	uint64_t nb_in, nb_out, nb_reads, nb_writes;
	uint32_t buf_len, buf_off;
	uint8_t buf[TLS_RECORD_MAX], sink[TLS_RECORD_MAX], text[TLS_RECORD_MAX];
};

static struct ip_addr addr_of(uint32_t ip)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(ip));
}

#define IP_CLIENT 0xc0000201u
#define IP_FRONT 0xc000020au
#define IP_BACK 0xc6336401u
#define IP_ORIGIN 0xc6336414u

static struct tcp_stack *stack_new(struct rig *r, uint16_t mtu, bool is_offload)
{
	const struct tcp_params p = {
		.pool = r->pool,
		.max_conns = 64,
		.max_listeners = 4,
		.rcv_buf = 1u << 20,
		.snd_buf = 1u << 20,
		.mss = (uint16_t)(mtu - 40),
		.tx_cksum_offload = is_offload,
		.secret = {1, 2},
		.syn_backlog = 64,
	};

	return tcp_stack_new(&p);
}

/* ---- the wires ---- */

/* <m> waits on the wire, its sender holds on to it; who receives it gets a copy. */
static void put(struct wire *w, struct rte_mbuf *m)
{
	if (w->nb == WIRE)
		rte_pktmbuf_free(m);
	else
		w->pkt[(w->at + w->nb++) % WIRE] = m;
}

static bool is_offload;

/* As a port receives: bytes that a driver has just copied into a buffer of the pool. */
static uint16_t take(struct rig *r, struct wire *w, struct rte_mbuf **pkts)
{
	const uint16_t n = (uint16_t)(w->nb < BURST ? w->nb : BURST);
	uint16_t nb = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = w->pkt[(w->at + i) % WIRE];
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, r->pool, 0, UINT32_MAX);

		rte_pktmbuf_free(m);
		if (copy == NULL)
			continue;
		copy->ol_flags = is_offload ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0;
		pkts[nb++] = copy;
	}
	w->nb -= n;
	w->at = (w->at + n) % WIRE;
	return nb;
}

static void deliver(struct rig *r, struct tcp_stack *st, struct wire *w)
{
	struct rte_mbuf *pkts[BURST];

	while (w->nb > 0)
		tcp_input_burst(st, pkts, take(r, w, pkts), r->now_us);
}

static void collect(const struct rig *r, struct tcp_stack *st, struct wire *w)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t nb;

	do {
		nb = tcp_output(st, pkts, BURST, r->now_us);
		for (uint16_t i = 0; i < nb; i++)
			put(w, pkts[i]);
	} while (nb == BURST);
}

/* ---- the proxy ---- */

static void lap(struct rig *r, enum stage s, uint64_t *since)
{
	const uint64_t now = rte_rdtsc();

	r->cycles[s] += now - *since;
	*since = now;
}

static bool fill(struct rig *r)
{
	size_t n = 0;

	if (r->buf_len == 0)
		r->buf_off = 0;
	if (r->is_upload) {
		if (r->buf_len > 0)
			return false;
		if (tls_conn_read(r->server_tls, r->buf, sizeof(r->buf), &n) < 0)
			return false;
	} else {
		if (r->buf_off > 0) {
			memmove(r->buf, r->buf + r->buf_off, r->buf_len);
			r->buf_off = 0;
		}
		n = stream_read(tcp_conn_stream(r->back), r->buf + r->buf_len,
				sizeof(r->buf) - r->buf_len);
	}
	r->buf_len += (uint32_t)n;
	r->nb_reads++;
	return n > 0;
}

static bool drain(struct rig *r)
{
	size_t n = r->buf_len < PIECE ? r->buf_len : PIECE;

	if (n == 0)
		return false;
	if (r->is_upload) {
		const size_t room = tcp_conn_writable(r->back);

		if (room < 1024)
			return false;
		n = n < room ? n : room;
		n = stream_write(tcp_conn_stream(r->back), r->buf + r->buf_off, n);
	} else {
		if (tls_conn_write(r->server_tls, r->buf + r->buf_off, n, &n) < 0)
			return false;
	}
	r->buf_off += (uint32_t)n;
	r->buf_len -= (uint32_t)n;
	r->nb_writes++;
	return n > 0;
}

static bool has_room(const struct rig *r)
{
	return r->is_upload || tcp_conn_writable(r->front) >= TLS_WRITE_ROOM;
}

/* True: there is more to do, as session_again() says. */
static bool relay(struct rig *r, uint64_t *since)
{
	for (unsigned n = 0; n < BUDGET; n++) {
		bool moved = false;

		if (!has_room(r))
			return false;
		if (r->buf_len < PIECE)
			moved = fill(r);
		lap(r, READ, since);
		moved |= drain(r);
		lap(r, WRITE, since);
		if (!moved)
			return false;
	}
	return true;
}

static uint32_t to_v4(const struct rte_mbuf *m)
{
	return rte_be_to_cpu_32(rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *)->dst_addr);
}

static void output(struct rig *r)
{
	struct rte_mbuf *pkts[BURST];
	uint64_t t = rte_rdtsc();
	uint16_t nb;

	do {
		nb = tcp_output(r->proxy, pkts, BURST, r->now_us);
		lap(r, OUT, &t);
		for (uint16_t i = 0; i < nb; i++)
			put(to_v4(pkts[i]) == IP_CLIENT ? &r->to_client : &r->to_origin, pkts[i]);
		r->nb_out += nb;
		t = rte_rdtsc();
	} while (nb == BURST);
}

static void proxy_step(struct rig *r, bool *again)
{
	struct rte_mbuf *pkts[BURST];
	uint32_t events;
	uint16_t nb;
	bool is_ready = *again;

	nb = take(r, &r->from_client, pkts);
	r->nb_in += nb;
	uint64_t t = rte_rdtsc();
	tcp_input_burst(r->proxy, pkts, nb, r->now_us);
	lap(r, IN_DOWN, &t);
	nb = take(r, &r->from_origin, pkts);
	r->nb_in += nb;
	t = rte_rdtsc();
	tcp_input_burst(r->proxy, pkts, nb, r->now_us);
	lap(r, IN_UP, &t);
	tcp_tick(r->proxy, r->now_us);
	while (tcp_ready(r->proxy, &events) != NULL)
		is_ready = true;
	lap(r, TICK, &t);
	*again = is_ready && r->server_tls != NULL && relay(r, &t);
	output(r);
}

/* ---- the two ends ---- */

static void send_some(struct rig *r)
{
	if (r->is_upload) {
		while (r->left > 0 && tcp_conn_writable(r->at_client) >= TLS_WRITE_ROOM) {
			size_t n = r->left < sizeof(r->text) ? r->left : sizeof(r->text);

			if (tls_conn_write(r->client_tls, r->text, n, &n) < 0)
				return;
			r->left -= n;
		}
		return;
	}
	while (r->left > 0) {
		const size_t n = r->left < sizeof(r->text) ? r->left : sizeof(r->text);
		const size_t put_n = stream_write(tcp_conn_stream(r->at_origin), r->text, n);

		r->left -= put_n;
		if (put_n < n)
			return;
	}
}

static void read_some(struct rig *r)
{
	size_t n;

	if (r->is_upload) {
		while ((n = stream_read(tcp_conn_stream(r->at_origin), r->sink, sizeof(r->sink))) >
		       0)
			r->got += n;
		return;
	}
	while (tls_conn_read(r->client_tls, r->sink, sizeof(r->sink), &n) == 0)
		r->got += n;
}

static void ends_step(struct rig *r)
{
	uint32_t events;

	deliver(r, r->client, &r->to_client);
	deliver(r, r->origin, &r->to_origin);
	tcp_tick(r->client, r->now_us);
	tcp_tick(r->origin, r->now_us);
	while (tcp_ready(r->client, &events) != NULL)
		;
	while (tcp_ready(r->origin, &events) != NULL)
		;
	if (r->client_tls != NULL && r->server_tls != NULL) {
		read_some(r);
		send_some(r);
	}
	collect(r, r->client, &r->from_client);
	collect(r, r->origin, &r->from_origin);
	r->now_us += STEP_US;
}

static void fail(const char *what)
{
	fprintf(stderr, "bulk: %s\n", what);
	exit(1);
}

static void step(struct rig *r)
{
	bool again = false;

	ends_step(r);
	do
		proxy_step(r, &again);
	while (r->from_client.nb > 0 || r->from_origin.nb > 0 || again);
}

static struct tcp_conn *accepted(struct rig *r, struct tcp_stack *st)
{
	for (unsigned i = 0; i < 100; i++) {
		struct tcp_conn *c = tcp_accept(st);

		if (c != NULL)
			return c;
		step(r);
	}
	fail("no connection");
	return NULL;
}

static void connect_all(struct rig *r)
{
	const struct ip_addr front = addr_of(IP_FRONT), origin = addr_of(IP_ORIGIN);
	const struct tcp_tuple a = {addr_of(IP_CLIENT), front, 40000, 443};
	const struct tcp_tuple b = {addr_of(IP_BACK), origin, 40001, 8080};

	if (tcp_listen(r->proxy, &front, 443, NULL) < 0 ||
	    tcp_listen(r->origin, &origin, 8080, NULL) < 0 ||
	    tcp_connect(r->client, &a, r->now_us, &r->at_client) < 0 ||
	    tcp_connect(r->proxy, &b, r->now_us, &r->back) < 0)
		fail("cannot connect");
	r->front = accepted(r, r->proxy);
	r->at_origin = accepted(r, r->origin);
	int user;

	tcp_conn_set_user(r->at_client, &user);
	tcp_conn_set_user(r->back, &user);
	tcp_conn_set_user(r->front, &user);
	tcp_conn_set_user(r->at_origin, &user);
}

static void handshake(struct rig *r)
{
	const struct test_cert_spec spec = {
		.cn = "shop.example",
		.not_before_s = NOW_S - 86400,
		.not_after_s = NOW_S + 86400,
		.usage = "digitalSignature",
		.eku = "serverAuth",
	};
	struct test_cert *cert = test_cert_new(&spec);
	const struct tls_cert certs = {&cert->der, 1, cert->key_der};
	const struct tls_service_params params = {
		.certs = &certs, .nb_certs = 1, .binding = SLICE_LIT("web/1")};
	struct tls_service *s, *cs;
	const char *why;
	enum outcome o;
	int rc = -EAGAIN, crc = -EAGAIN;

	r->tls = tls_worker_new(NULL, 0);
	tls_worker_set_time(r->tls, NOW_S);
	if (tls_service_new(r->tls, &params, &s, &why) < 0 ||
	    tls_client_service_new(r->tls, NULL, 0, &cs) < 0)
		fail("no service");
	struct tls_conn *server = tls_conn_new(s, tcp_conn_stream(r->front), SLICE_EMPTY);
	struct tls_conn *client = tls_conn_new(cs, tcp_conn_stream(r->at_client), SLICE_EMPTY);

	for (unsigned i = 0; i < 100 && (rc == -EAGAIN || crc == -EAGAIN); i++) {
		crc = tls_conn_handshake(client, &o);
		step(r);
		rc = tls_conn_handshake(server, &o);
		step(r);
	}
	if (rc < 0 || crc < 0)
		fail("no handshake");
	r->server_tls = server;
	r->client_tls = client;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(struct rig *r, uint64_t bytes)
{
	memset(r->cycles, 0, sizeof(r->cycles));
	r->nb_in = r->nb_out = r->nb_reads = r->nb_writes = 0;
	r->left = bytes;
	r->got = 0;
	for (uint32_t i = 0; r->got < bytes; i++) {
		if (i > 1000000)
			fail("stalled");
		step(r);
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"upload", no_argument, NULL, 'u'},     {"bytes", required_argument, NULL, 'b'},
		{"runs", required_argument, NULL, 'r'}, {"mtu", required_argument, NULL, 'm'},
		{"offload", no_argument, NULL, 'o'},    {0},
	};
	static struct rig rig;
	static double cost[NB_STAGES + 1][MAX_RUNS];
	uint64_t bytes = 1u << 20, runs = 101, mtu = 1500;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (c == 'u')
			rig.is_upload = true;
		else if (c == 'b')
			bytes = strtoull(optarg, NULL, 10);
		else if (c == 'r')
			runs = strtoull(optarg, NULL, 10);
		else if (c == 'm')
			mtu = strtoull(optarg, NULL, 10);
		else if (c == 'o')
			is_offload = true;
		else
			return 2;
	}
	if (runs < 1 || runs > MAX_RUNS)
		return 2;
	eal_test_init_mem("256");
	rig.now_us = 1000000;
	rig.pool = rte_pktmbuf_pool_create_by_ops(
		"bulk", 16383, 256, 0, (uint16_t)(mtu > 1500 ? mtu + 512 : 2048 + 128), 0, "stack");
	if (rig.pool == NULL)
		fail("no memory");
	rig.client = stack_new(&rig, (uint16_t)mtu, is_offload);
	rig.proxy = stack_new(&rig, (uint16_t)mtu, is_offload);
	rig.origin = stack_new(&rig, (uint16_t)mtu, is_offload);
	connect_all(&rig);
	handshake(&rig);
	for (unsigned i = 0; i < 10; i++)
		run(&rig, bytes);
	for (uint64_t i = 0; i < runs; i++) {
		run(&rig, bytes);
		cost[NB_STAGES][i] = 0;
		for (unsigned s = 0; s < NB_STAGES; s++) {
			cost[s][i] = (double)rig.cycles[s] / (double)bytes;
			cost[NB_STAGES][i] += cost[s][i];
		}
	}
	for (unsigned s = 0; s <= NB_STAGES; s++) {
		qsort(cost[s], runs, sizeof(cost[s][0]), by_value);
		printf("%-22s %7.3f %7.3f %7.3f\n", s < NB_STAGES ? stage_names[s] : "all",
		       cost[s][0], cost[s][runs / 4], cost[s][runs / 2]);
	}
	printf("packets in %" PRIu64 ", out %" PRIu64 ", reads %" PRIu64 ", writes %" PRIu64 "\n",
	       rig.nb_in, rig.nb_out, rig.nb_reads, rig.nb_writes);
	return 0;
}
