/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The TCP engine behind a TUN device, so that it can be tried against the kernel's TCP with no
 * other layer between: an echo server, or a client that sends, gets it all back and compares.
 * Packets can be lost, repeated and held back in both directions on the way.
 *
 *	tcp_tun --tun NAME --local ADDR --listen PORT [--once] [--conns N]
 *	tcp_tun --tun NAME --local ADDR --connect ADDR:PORT --mib N
 *	        [--loss PPM] [--dup PPM] [--reorder PPM] [--hold-us N] [--rcv-buf N] [--seed N]
 *
 * The device is made when it is not there, and is down: the caller gives it an address and brings
 * it up. Ends by SIGTERM, or when the client is done: 0 if everything came back as it was.
 */

#include "common/base/ids.h"
#include "tcp/tcp.h"
#include "tests/lib/eal_test.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define HELD_CAP 1024u
#define MTU 1500u

struct impair {
	uint32_t loss_ppm, dup_ppm, reorder_ppm;
	uint64_t hold_us;
};

struct held {
	struct rte_mbuf *m;
	uint64_t until_us;
	bool is_in;
};

struct tun {
	int fd;
	struct rte_mempool *pool;
	struct tcp_stack *st;
	struct impair impair;
	struct held held[HELD_CAP];
	uint32_t nb_held;
	uint64_t counters[4096];
	/* client */
	struct tcp_conn *client;
	uint64_t to_send, sent, recvd;
	bool is_shut, is_wrong, is_done;
	bool is_once; /* the server closes after its first echo */
};

static uint64_t rng_state = 1;
static bool must_stop;

static uint64_t rnd(void)
{
	uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void on_term(int)
{
	must_stop = true;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- packets, with what happens to them on the way ---- */

static void deliver(struct tun *t, struct rte_mbuf *m, bool is_in)
{
	if (is_in) {
		tcp_input(t->st, m, now_us());
		return;
	}
	if (write(t->fd, rte_pktmbuf_mtod(m, const void *), m->data_len) < 0 && errno != EAGAIN &&
	    errno != EIO)
		die("write");
	rte_pktmbuf_free(m);
}

static bool rnd_hit(uint32_t ppm)
{
	return ppm != 0 && rnd() % 1000000 < ppm;
}

static void through_path(struct tun *t, struct rte_mbuf *m, bool is_in)
{
	if (rnd_hit(t->impair.loss_ppm)) {
		rte_pktmbuf_free(m);
		return;
	}
	if (rnd_hit(t->impair.dup_ppm)) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(m, t->pool, 0, UINT32_MAX);

		if (copy != NULL)
			deliver(t, copy, is_in);
	}
	if (rnd_hit(t->impair.reorder_ppm) && t->nb_held < HELD_CAP) {
		t->held[t->nb_held++] = (struct held){m, now_us() + t->impair.hold_us, is_in};
		return;
	}
	deliver(t, m, is_in);
}

static void release_held(struct tun *t)
{
	const uint64_t now = now_us();
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->nb_held; i++) {
		const struct held h = t->held[i];

		if (h.until_us <= now)
			deliver(t, h.m, h.is_in);
		else
			t->held[n++] = h;
	}
	t->nb_held = n;
}

static bool is_tcp(const struct rte_mbuf *m)
{
	const struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *);

	return m->data_len >= sizeof(*ip) && ip->version_ihl >> 4 == 4 &&
	       ip->next_proto_id == IPPROTO_TCP && rte_ipv4_cksum(ip) == 0;
}

static void read_packets(struct tun *t)
{
	for (unsigned i = 0; i < 64; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(t->pool);

		if (m == NULL)
			return;
		const ssize_t n = read(t->fd, rte_pktmbuf_mtod(m, void *), MTU);

		if (n <= 0) {
			rte_pktmbuf_free(m);
			return;
		}
		m->data_len = (uint16_t)n;
		m->pkt_len = (uint32_t)n;
		if (is_tcp(m))
			through_path(t, m, true);
		else
			rte_pktmbuf_free(m);
	}
}

static void write_packets(struct tun *t)
{
	struct rte_mbuf *pkts[64];
	uint16_t n;

	do {
		n = tcp_output(t->st, pkts, 64, now_us());
		for (uint16_t i = 0; i < n; i++)
			through_path(t, pkts[i], false);
	} while (n == 64);
}

/* ---- the two applications ---- */

static void echo(struct tun *t, struct tcp_conn *c)
{
	struct stream *s = tcp_conn_stream(c);
	bool is_answered = false;

	for (;;) {
		const struct slice in = stream_peek(s);
		const struct slice_mut out = stream_reserve(s);
		const size_t n = in.len < out.cap ? in.len : out.cap;

		if (n == 0)
			break;
		memcpy(out.ptr, in.ptr, n);
		stream_commit(s, n);
		stream_consume(s, n);
		is_answered = true;
	}
	if (tcp_conn_error(c) != 0 || stream_is_eof(s) || (t->is_once && is_answered))
		tcp_close(c, now_us());
}

static uint8_t pattern(uint64_t off)
{
	return (uint8_t)(off * 31 + (off >> 8) * 7 + (off >> 16));
}

static void client_run(struct tun *t)
{
	struct stream *s = tcp_conn_stream(t->client);

	while (t->sent < t->to_send) {
		const struct slice_mut out = stream_reserve(s);
		uint64_t n = t->to_send - t->sent;

		n = n < out.cap ? n : out.cap;
		if (n == 0)
			break;
		for (uint64_t i = 0; i < n; i++)
			out.ptr[i] = pattern(t->sent + i);
		stream_commit(s, n);
		t->sent += n;
	}
	if (t->sent == t->to_send && !t->is_shut) {
		tcp_shutdown(t->client, now_us());
		t->is_shut = true;
	}
	for (struct slice in = stream_peek(s); in.len > 0; in = stream_peek(s)) {
		for (size_t i = 0; i < in.len; i++)
			t->is_wrong |= in.ptr[i] != pattern(t->recvd + i);
		t->recvd += in.len;
		stream_consume(s, in.len);
	}
	if (tcp_conn_error(t->client) != 0 || stream_is_eof(s)) {
		t->is_wrong |= t->recvd != t->to_send || tcp_conn_error(t->client) != 0;
		printf("%" PRIu64 " bytes back, error %d\n", t->recvd, tcp_conn_error(t->client));
		tcp_close(t->client, now_us());
		t->client = NULL;
		t->is_done = true;
	}
}

static void run_apps(struct tun *t)
{
	struct tcp_conn *c;
	uint32_t events;

	while ((c = tcp_accept(t->st)) != NULL)
		;
	while ((c = tcp_ready(t->st, &events)) != NULL) {
		if (c == t->client)
			client_run(t);
		else
			echo(t, c);
	}
}

static void loop(struct tun *t)
{
	while (!must_stop && !(t->is_done && tcp_stack_nb_conns(t->st) == 0)) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		const uint64_t now = now_us(), next = tcp_next_deadline(t->st);
		uint64_t wait = next > now ? next - now : 0;

		wait = t->nb_held > 0 && wait > 200 ? 200 : wait > 50000 ? 50000 : wait;
		const struct timespec ts = {.tv_nsec = (long)(wait * 1000)};

		if (ppoll(&p, 1, &ts, NULL) < 0 && errno != EINTR)
			die("ppoll");
		read_packets(t);
		release_held(t);
		tcp_tick(t->st, now_us());
		run_apps(t);
		write_packets(t);
	}
}

static void print_client(const struct tun *t)
{
	struct tcp_conn_view v;

	tcp_conn_view(t->client, &v);
	printf("stopped in %s: sent %" PRIu64 ", back %" PRIu64
	       ", cwnd %u, snd_wnd %u, rcv_wnd %u, "
	       "rto %u us, resent %u, send queue %u, receive queue %u\n",
	       tcp_state_name(v.state), t->sent, t->recvd, v.cwnd, v.snd_wnd, v.rcv_wnd, v.rto_us,
	       v.retransmits, v.sndq_bytes, v.rcvq_bytes);
}

static int open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun");
	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("TUNSETIFF");
	return fd;
}

static struct ip_addr addr_arg(const char *s)
{
	uint32_t be;

	if (inet_pton(AF_INET, s, &be) != 1)
		die(s);
	return ip_addr_from_v4(be);
}

struct args {
	const char *tun, *local, *connect;
	uint64_t listen, mib, rcv_buf, seed, conns;
	bool is_once;
	struct impair impair;
};

static int parse_args(int argc, char **argv, struct args *a)
{
	static const struct option longs[] = {
		{"tun", 1, NULL, 't'},     {"local", 1, NULL, 'a'},
		{"connect", 1, NULL, 'c'}, {"listen", 1, NULL, 'l'},
		{"mib", 1, NULL, 'm'},     {"loss", 1, NULL, 'L'},
		{"dup", 1, NULL, 'D'},     {"reorder", 1, NULL, 'R'},
		{"hold-us", 1, NULL, 'H'}, {"rcv-buf", 1, NULL, 'r'},
		{"seed", 1, NULL, 's'},    {"conns", 1, NULL, 'n'},
		{"once", 0, NULL, 'o'},    {0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		const uint64_t v = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		switch (opt) {
		case 't':
			a->tun = optarg;
			break;
		case 'a':
			a->local = optarg;
			break;
		case 'c':
			a->connect = optarg;
			break;
		case 'l':
			a->listen = v;
			break;
		case 'm':
			a->mib = v;
			break;
		case 'L':
			a->impair.loss_ppm = (uint32_t)v;
			break;
		case 'D':
			a->impair.dup_ppm = (uint32_t)v;
			break;
		case 'R':
			a->impair.reorder_ppm = (uint32_t)v;
			break;
		case 'H':
			a->impair.hold_us = v;
			break;
		case 'r':
			a->rcv_buf = v;
			break;
		case 's':
			a->seed = v;
			break;
		case 'n':
			a->conns = v;
			break;
		case 'o':
			a->is_once = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return a->tun == NULL || a->local == NULL ? -EINVAL : 0;
}

static void start_client(struct tun *t, const struct args *a)
{
	char host[64];
	const char *colon = strchr(a->connect, ':');

	if (colon == NULL || (size_t)(colon - a->connect) >= sizeof(host))
		die(a->connect);
	memcpy(host, a->connect, (size_t)(colon - a->connect));
	host[colon - a->connect] = '\0';
	const struct tcp_tuple tuple = {
		.local = addr_arg(a->local),
		.remote = addr_arg(host),
		.local_port = (uint16_t)(32768 + now_us() % 20000),
		.remote_port = (uint16_t)strtoull(colon + 1, NULL, 10),
	};

	t->to_send = a->mib << 20;
	if (tcp_connect(t->st, &tuple, now_us(), &t->client) < 0)
		die("connect");
}

int main(int argc, char **argv)
{
	static struct tun t;
	struct args a = {
		.rcv_buf = 1u << 20, .seed = 1, .conns = 1024, .impair = {.hold_us = 1000}};

	if (parse_args(argc, argv, &a) < 0)
		return 2;
	eal_test_init_mem("128");
	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	rng_state = a.seed;
	t.impair = a.impair;
	t.is_once = a.is_once;
	t.pool = rte_pktmbuf_pool_create("tun", 16383, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					 SOCKET_ID_ANY);
	if (t.pool == NULL)
		die("pool");
	const struct tcp_params p = {
		.pool = t.pool,
		.max_conns = (uint32_t)a.conns,
		.max_listeners = 4,
		.rcv_buf = (uint32_t)a.rcv_buf,
		.snd_buf = 1u << 20,
		.mss = MTU - 40,
		.secret = {now_us(), (uint64_t)getpid()},
		.syn_backlog = 256,
		.counters = t.counters,
	};

	t.st = tcp_stack_new(&p);
	if (t.st == NULL)
		die("stack");
	t.fd = open_tun(a.tun);
	const struct ip_addr local = addr_arg(a.local);

	if (a.listen != 0 && tcp_listen(t.st, &local, (uint16_t)a.listen, NULL) < 0)
		die("listen");
	puts("ready");
	fflush(stdout);
	if (a.connect != NULL)
		start_client(&t, &a);
	loop(&t);
	if (t.client != NULL)
		print_client(&t);
	tcp_stack_free(t.st);
	for (uint32_t i = 0; i < t.nb_held; i++)
		rte_pktmbuf_free(t.held[i].m);
	if (rte_mempool_in_use_count(t.pool) != 0) {
		fprintf(stderr, "%u buffers lost\n", rte_mempool_in_use_count(t.pool));
		return 1;
	}
	return t.is_wrong || (a.connect != NULL && !t.is_done);
}
