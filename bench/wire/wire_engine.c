/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The TCP engine alone at one end of a wire, as a server that speaks what wire_peer.c says: no
 * session, no TLS, no worker. It takes its frames from an interface that the kernel may have as
 * well (AF_PACKET), under an address that the kernel does not have; whoever talks to it has a
 * neighbour entry for it, since nobody answers ARP here.
 *
 *	wire_engine --if NAME --local ADDR --port N [--snd-buf N] [--rcv-buf N] [--newreno]
 *	            [--port-kib N]
 *
 * Ends by SIGTERM and then prints its counters as one line of JSON.
 */

#include "bench/wire/pattern.h"
#include "common/base/ids.h"
#include "common/stats/outcome.h"
#include "tcp/tcp.h"
#include "tests/lib/eal_test.h"

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MTU 1500u
#define BURST 64u
#define FLOW_CAP 256u

struct flow {
	struct tcp_conn *c;
	uint64_t to_send, sent, recvd;
	uint8_t ask[8];
	uint8_t nb_ask;
	bool is_shut;
};

struct engine {
	int fd;
	struct rte_mempool *pool;
	struct tcp_stack *st;
	struct rte_ether_addr own;
	struct rte_ether_addr peer[2]; /* on the link, behind a router: whoever sent the first */
	struct ip_addr local;
	struct flow flows[FLOW_CAP];
	uint64_t counters[OUTCOME__COUNT];
};

static bool must_stop;

static void on_term(int)
{
	must_stop = true;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- frames ---- */

static bool is_for_us(const struct engine *e, const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eh = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);

	if (m->data_len < sizeof(*eh) + 40)
		return false;
	if (eh->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
		const struct rte_ipv4_hdr *ip = (const void *)(eh + 1);

		return ip->next_proto_id == IPPROTO_TCP && rte_ipv4_cksum(ip) == 0 &&
		       ip->dst_addr == ip_addr_to_v4(&e->local);
	}
	if (eh->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
		const struct rte_ipv6_hdr *ip = (const void *)(eh + 1);

		return ip->proto == IPPROTO_TCP &&
		       memcmp(ip->dst_addr, e->local.b, sizeof(ip->dst_addr)) == 0;
	}
	return false;
}

/* Of <at>, an IP header's address: 1, behind a router; a link is an IPv4 /24, or all of IPv6. */
static unsigned side_of(const struct engine *e, const uint8_t *ip, unsigned at)
{
	return *ip >> 4 == 4 && memcmp(ip + at, e->local.b + 12, 3) != 0;
}

static void learn(struct engine *e, const struct rte_ether_hdr *eh)
{
	struct rte_ether_addr *peer = &e->peer[side_of(e, (const void *)(eh + 1), 12)];

	if (rte_is_zero_ether_addr(peer))
		*peer = eh->src_addr;
}

/* Many frames a call, in and out: else the calls cost more than the TCP that is looked at. */
static void read_frames(struct engine *e)
{
	struct rte_mbuf *pkts[BURST];
	struct iovec iov[BURST];
	struct mmsghdr msg[BURST] = {0};

	if (rte_pktmbuf_alloc_bulk(e->pool, pkts, BURST) != 0)
		return;
	for (unsigned i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){.iov_base = rte_pktmbuf_mtod(pkts[i], void *),
					.iov_len = MTU + 14};
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	const int nb = recvmmsg(e->fd, msg, BURST, MSG_DONTWAIT, NULL);

	for (int i = 0; i < (int)BURST; i++) {
		struct rte_mbuf *m = pkts[i];

		m->data_len = i < nb ? (uint16_t)msg[i].msg_len : 0;
		m->pkt_len = m->data_len;
		if (i >= nb || !is_for_us(e, m)) {
			rte_pktmbuf_free(m);
			continue;
		}
		learn(e, rte_pktmbuf_mtod(m, const struct rte_ether_hdr *));
		rte_pktmbuf_adj(m, sizeof(struct rte_ether_hdr));
		m->l3_len = sizeof(struct rte_ipv6_hdr); /* no extension headers here */
		tcp_input(e->st, m, now_us());
	}
}

static void put_ether(const struct engine *e, struct rte_mbuf *m)
{
	const uint8_t *ip = rte_pktmbuf_mtod(m, const uint8_t *);
	const bool is_v4 = *ip >> 4 == 4;
	const unsigned side = side_of(e, ip, 16);
	struct rte_ether_hdr *eh = (void *)rte_pktmbuf_prepend(m, sizeof(*eh));

	if (eh == NULL)
		die("headroom");
	eh->dst_addr = e->peer[side];
	eh->src_addr = e->own;
	eh->ether_type = is_v4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

static void write_frames(struct engine *e)
{
	struct rte_mbuf *pkts[BURST];
	struct iovec iov[BURST];
	uint16_t n;

	do {
		struct mmsghdr msg[BURST] = {0};

		n = tcp_output(e->st, pkts, BURST, now_us());
		for (uint16_t i = 0; i < n; i++) {
			put_ether(e, pkts[i]);
			iov[i] = (struct iovec){.iov_base = rte_pktmbuf_mtod(pkts[i], void *),
						.iov_len = pkts[i]->data_len};
			msg[i].msg_hdr.msg_iov = &iov[i];
			msg[i].msg_hdr.msg_iovlen = 1;
		}
		/* A full device drops, as a port does. */
		if (n > 0 && sendmmsg(e->fd, msg, n, 0) < 0 && errno != ENOBUFS)
			die("send");
		rte_pktmbuf_free_bulk(pkts, n);
	} while (n == BURST);
}

/* ---- the server ---- */

static void drop(struct flow *f, bool is_wrong)
{
	if (is_wrong)
		tcp_abort(f->c, now_us());
	else
		tcp_close(f->c, now_us());
	*f = (struct flow){0};
}

/* False: a byte was wrong. */
static bool read_text(struct flow *f, struct stream *s)
{
	for (struct slice in = stream_peek(s); in.len > 0; in = stream_peek(s)) {
		for (size_t i = 0; i < in.len; i++) {
			if (f->nb_ask < sizeof(f->ask)) {
				f->ask[f->nb_ask++] = in.ptr[i];
				f->to_send = f->to_send << 8 | in.ptr[i];
			} else if (in.ptr[i] != wire_pattern(f->recvd++)) {
				return false;
			}
		}
		stream_consume(s, in.len);
	}
	return true;
}

static void write_text(struct flow *f, struct stream *s)
{
	while (f->nb_ask == sizeof(f->ask) && f->sent < f->to_send) {
		const struct slice_mut out = stream_reserve(s);
		const uint64_t left = f->to_send - f->sent;
		const size_t n = left < out.cap ? (size_t)left : out.cap;

		if (n == 0)
			return;
		for (size_t i = 0; i < n; i++)
			out.ptr[i] = wire_pattern(f->sent + i);
		stream_commit(s, n);
		f->sent += n;
	}
	if (f->to_send != 0 && f->sent == f->to_send && !f->is_shut) {
		tcp_shutdown(f->c, now_us());
		f->is_shut = true;
	}
}

static void run_flow(struct flow *f)
{
	struct stream *s = tcp_conn_stream(f->c);

	if (tcp_conn_error(f->c) != 0) {
		drop(f, false);
		return;
	}
	if (!read_text(f, s)) {
		fputs("a byte is wrong\n", stderr);
		drop(f, true);
		return;
	}
	write_text(f, s);
	if (stream_is_eof(s))
		drop(f, false);
}

static void accept_all(struct engine *e)
{
	struct tcp_conn *c;

	while ((c = tcp_accept(e->st)) != NULL) {
		unsigned i = 0;

		while (i < FLOW_CAP && e->flows[i].c != NULL)
			i++;
		if (i == FLOW_CAP) {
			tcp_abort(c, now_us());
			continue;
		}
		e->flows[i].c = c;
		tcp_conn_set_user(c, &e->flows[i]);
	}
}

static void loop(struct engine *e)
{
	while (!must_stop) {
		struct pollfd p = {.fd = e->fd, .events = POLLIN};
		const uint64_t now = now_us(), next = tcp_next_deadline(e->st);
		const uint64_t wait = next <= now ? 0 : next - now > 50000 ? 50000 : next - now;
		const struct timespec ts = {.tv_nsec = (long)(wait * 1000)};
		struct tcp_conn *c;
		uint32_t events;

		if (ppoll(&p, 1, &ts, NULL) < 0 && errno != EINTR)
			die("ppoll");
		read_frames(e);
		tcp_tick(e->st, now_us());
		accept_all(e);
		while ((c = tcp_ready(e->st, &events)) != NULL)
			run_flow(tcp_conn_user(c));
		write_frames(e);
	}
}

/* ---- start ---- */

static int open_if(const char *name, int bytes, struct rte_ether_addr *ret_own)
{
	const int one = 1;
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	struct ifreq ifr = {0};
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (fd < 0 || addr.sll_ifindex == 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		die(name);
	memcpy(ret_own->addr_bytes, ifr.ifr_hwaddr.sa_data, 6);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(name);
	return fd;
}

static struct ip_addr addr_arg(const char *s)
{
	struct ip_addr a;
	uint32_t be;

	if (inet_pton(AF_INET, s, &be) == 1)
		return ip_addr_from_v4(be);
	if (inet_pton(AF_INET6, s, a.b) != 1)
		die(s);
	return a;
}

static void print_counters(const struct engine *e)
{
	static const struct {
		const char *name;
		enum outcome what;
	} rows[] = {
		{"segs_in", OUTCOME_TCP_SEGS_IN},   {"segs_out", OUTCOME_TCP_SEGS_OUT},
		{"rto", OUTCOME_TCP_RTO},           {"retransmits", OUTCOME_TCP_RETRANSMITS},
		{"ce_in", OUTCOME_TCP_CE_IN},       {"ece_in", OUTCOME_TCP_ECE_IN},
		{"accepted", OUTCOME_TCP_ACCEPTED}, {"cookies", OUTCOME_TCP_SYN_COOKIE_SENT},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%c\"%s\":%" PRIu64, i == 0 ? '{' : ',', rows[i].name,
		       e->counters[rows[i].what]);
	puts("}");
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"if", 1, NULL, 'i'},       {"local", 1, NULL, 'a'},
		{"port", 1, NULL, 'p'},     {"snd-buf", 1, NULL, 's'},
		{"rcv-buf", 1, NULL, 'r'},  {"newreno", 0, NULL, 'n'},
		{"port-kib", 1, NULL, 'k'}, {0},
	};
	static struct engine e;
	struct tcp_params p = {
		.max_conns = 4096,
		.max_listeners = 4,
		.rcv_buf = 1u << 20,
		.snd_buf = 1u << 20,
		.mss = MTU - 40,
		.secret = {now_us(), (uint64_t)getpid()},
		.syn_backlog = 1024,
		.max_rx_mbufs = 8192,
		.counters = e.counters,
	};
	const char *interface = NULL, *local = NULL;
	int opt, port_kib = 16384; /* what waits for us */
	uint16_t port = 0;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		const uint64_t v = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		interface = opt == 'i' ? optarg : interface;
		local = opt == 'a' ? optarg : local;
		port = opt == 'p' ? (uint16_t)v : port;
		p.snd_buf = opt == 's' ? (uint32_t)v : p.snd_buf;
		p.rcv_buf = opt == 'r' ? (uint32_t)v : p.rcv_buf;
		p.congestion = opt == 'n' ? TCP_CONGESTION_NEWRENO : p.congestion;
		port_kib = opt == 'k' ? (int)v : port_kib;
		if (opt == '?')
			return 2;
	}
	if (interface == NULL || local == NULL || port == 0)
		return 2;
	eal_test_init_mem("128");
	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	e.pool = p.pool = rte_pktmbuf_pool_create("wire", 16383, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
						  SOCKET_ID_ANY);
	e.local = addr_arg(local);
	e.fd = open_if(interface, port_kib << 10, &e.own);
	e.st = e.pool != NULL ? tcp_stack_new(&p) : NULL;
	if (e.st == NULL || tcp_listen(e.st, &e.local, port, NULL) < 0)
		die("listen");
	puts("ready");
	fflush(stdout);
	loop(&e);
	print_counters(&e);
	tcp_stack_free(e.st);
	return 0;
}
