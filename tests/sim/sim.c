/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two TCP stacks, a link and a clock in one process, all from one seed: thousands of transfers
 * over paths that delay, lose, reorder, duplicate and corrupt. After each:
 *
 *  (1) every byte arrived, in order, in both directions, and so did both FINs;
 *  (2) nothing stood still for longer than a timeout may take;
 *  (3) every buffer is back and no connection is left.
 *
 * Some seeds strip options from SYNs, so that there is no SACK, timestamp or scaling; in some a
 * side aborts half-way, where (1) does not hold but (2) and (3) do; in some a stack's pool is empty
 * now and then.
 *
 *	sim --seeds 300          seeds 0 .. 299
 *	sim --seed 17            that one again, with its parameters printed
 *	sim --bulk MIB           one transfer down a path with 2 % loss, 2 % reordering and 1 %
 *	                         duplication (--loss PPM changes all three), and the time it took;
 *	                         --limit-s SECONDS fails when that was longer
 */

#include "base/wheel.h"
#include "tcp/tcp.h"
#include "tests/lib/eal_test.h"

#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define LINK_CAP 16384u
#define MAX_FLOWS 4u
#define TX_POOL 4095u
#define SIM_LIMIT_US (UINT64_C(3600) * 1000000)

static uint64_t rng_state;

static uint64_t rnd(void)
{
	uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t rnd_in(uint64_t lo, uint64_t hi)
{
	return lo + rnd() % (hi - lo + 1);
}

/* With probability <ppm> in a million. */
static bool rnd_hit(uint32_t ppm)
{
	return rnd() % 1000000 < ppm;
}

/* ---- the path ---- */

struct path {
	uint64_t delay_us, jitter_us;
	uint32_t loss_ppm, dup_ppm, reorder_ppm, corrupt_ppm;
	uint64_t reorder_us; /* what a reordered packet waits longer */
	uint64_t ns_per_byte;
	uint64_t queue_us; /* longer waiting means drop */
	bool strips_options;
};

struct packet {
	uint64_t at_us;
	uint64_t order;
	struct rte_mbuf *m;
};

/* A heap by (at_us, order): one direction of the link. */
struct link {
	struct path path;
	struct packet heap[LINK_CAP];
	uint32_t nb;
	uint64_t order;
	uint64_t busy_until_ns;
};

static struct rte_mempool *rx_pool;

static bool is_before(const struct packet *a, const struct packet *b)
{
	return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void heap_push(struct link *l, struct packet p)
{
	uint32_t i = l->nb++;

	while (i > 0 && is_before(&p, &l->heap[(i - 1) / 2])) {
		l->heap[i] = l->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	l->heap[i] = p;
}

static struct rte_mbuf *heap_pop(struct link *l)
{
	struct rte_mbuf *m = l->heap[0].m;
	const struct packet p = l->heap[--l->nb];
	uint32_t i = 0;

	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k >= l->nb)
			break;
		if (k + 1 < l->nb && is_before(&l->heap[k + 1], &l->heap[k]))
			k++;
		if (!is_before(&l->heap[k], &p))
			break;
		l->heap[i] = l->heap[k];
		i = k;
	}
	l->heap[i] = p;
	return m;
}

static void corrupt(struct rte_mbuf *m)
{
	/* Behind the IP header, whose checksum the layer below would have seen fail. */
	uint8_t *p = rte_pktmbuf_mtod_offset(m, uint8_t *, 20 + rnd() % (m->data_len - 20u));

	*p ^= (uint8_t)(1u << rnd() % 8);
}

/* As some middle boxes do: a SYN keeps its MSS alone. */
static void strip_options(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(m, struct rte_ipv4_hdr *);
	struct rte_tcp_hdr *th = (void *)(ip + 1);
	uint8_t *p = (uint8_t *)(th + 1);

	if (!(th->tcp_flags & RTE_TCP_SYN_FLAG))
		return;
	memset(p + 4, 1, (size_t)(th->data_off >> 4) * 4 - 24);
	th->cksum = 0;
	th->cksum = rte_ipv4_udptcp_cksum(ip, th);
}

static void link_deliver_later(struct link *l, const struct rte_mbuf *m, uint64_t at_us)
{
	if (l->nb == LINK_CAP)
		return;
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, rx_pool, 0, UINT32_MAX);

	if (copy == NULL)
		return; /* as a queue overflow */
	copy->ol_flags = 0;
	if (l->path.strips_options)
		strip_options(copy);
	if (rnd_hit(l->path.corrupt_ppm))
		corrupt(copy);
	heap_push(l, (struct packet){at_us, l->order++, copy});
}

/* The wire: a copy, since sender and receiver may not share a buffer here any more than there. */
static void link_send(struct link *l, struct rte_mbuf *m, uint64_t now_us)
{
	const struct path *p = &l->path;
	const uint64_t now_ns = now_us * 1000;

	if (l->busy_until_ns < now_ns)
		l->busy_until_ns = now_ns;
	const bool is_full = (l->busy_until_ns - now_ns) / 1000 > p->queue_us;

	if (!is_full) {
		l->busy_until_ns += p->ns_per_byte * (m->pkt_len + 38u);
		uint64_t at = l->busy_until_ns / 1000 + p->delay_us +
			      (p->jitter_us != 0 ? rnd() % p->jitter_us : 0);

		if (rnd_hit(p->reorder_ppm))
			at += rnd_in(0, p->reorder_us);
		if (!rnd_hit(p->loss_ppm))
			link_deliver_later(l, m, at);
		if (rnd_hit(p->dup_ppm))
			link_deliver_later(l, m, at + rnd_in(0, p->reorder_us));
	}
	rte_pktmbuf_free(m);
}

/* ---- the applications ---- */

struct flow_end {
	struct tcp_conn *conn;
	uint64_t to_send, sent;
	uint64_t to_recv, recvd;
	uint64_t read_at_us; /* a slow reader rests until then */
	uint32_t read_pause_us;
	uint64_t abort_at; /* bytes read, after which this end aborts; UINT64_MAX: never */
	bool is_shut, is_done, has_seen_eof;
	bool is_broken; /* one of the two ends aborted */
	uint8_t salt;
};

struct side {
	struct tcp_stack *st;
	struct rte_mempool *pool;
	struct link out;
	struct flow_end ends[MAX_FLOWS];
	/* the pool runs dry and recovers at <drought_at_us>, when that is not 0 */
	struct rte_mbuf *drained[TX_POOL];
	uint32_t nb_drained;
	uint64_t drought_at_us;
};

struct sim {
	uint64_t seed, now_us;
	struct side side[2];
	uint32_t nb_flows;
	bool is_verbose;
	const char *failure;
	uint64_t progress, progress_us; /* bytes read, and when that last moved */
};

static uint8_t pattern(uint8_t salt, uint64_t off)
{
	return (uint8_t)(salt + off * 31 + (off >> 8) * 7 + (off >> 16));
}

static void fail(struct sim *s, const char *why)
{
	if (s->failure == NULL)
		s->failure = why;
}

static void end_write(struct sim *s, struct flow_end *e)
{
	struct stream *str = tcp_conn_stream(e->conn);

	while (e->sent < e->to_send) {
		struct slice_mut room = stream_reserve(str);

		if (room.cap == 0)
			return;
		uint64_t n = e->to_send - e->sent;

		n = n < room.cap ? n : room.cap;
		/* Now and then a small write, which makes a small segment. */
		if (rnd_hit(20000))
			n = rnd_in(1, n);
		for (uint64_t i = 0; i < n; i++)
			room.ptr[i] = pattern(e->salt, e->sent + i);
		stream_commit(str, n);
		e->sent += n;
	}
	if (!e->is_shut) {
		tcp_shutdown(e->conn, s->now_us);
		e->is_shut = true;
	}
}

static void end_read(struct sim *s, struct flow_end *e, uint8_t peer_salt)
{
	struct stream *str = tcp_conn_stream(e->conn);

	while (s->now_us >= e->read_at_us) {
		const struct slice in = stream_peek(str);
		size_t n = in.len;

		if (n == 0)
			break;
		if (e->read_pause_us != 0) {
			n = rnd_in(1, n);
			e->read_at_us = s->now_us + rnd() % e->read_pause_us;
		}
		for (size_t i = 0; i < n; i++) {
			if (in.ptr[i] != pattern(peer_salt, e->recvd + i))
				fail(s, "a byte is wrong");
		}
		stream_consume(str, n);
		e->recvd += n;
		s->progress += n;
	}
	if (stream_is_eof(str) && !e->has_seen_eof) {
		e->has_seen_eof = true;
		s->progress++;
		if (e->recvd != e->to_recv)
			fail(s, "end of stream at the wrong place");
	}
}

static void end_abort(struct sim *s, struct flow_end *e, struct flow_end *peer)
{
	tcp_abort(e->conn, s->now_us);
	e->conn = NULL;
	e->is_done = true;
	e->is_broken = true;
	peer->is_broken = true;
	/* It may never come to be accepted. */
	if (peer->conn == NULL)
		peer->is_done = true;
	s->progress++;
}

static void end_run(struct sim *s, unsigned side, uint32_t i)
{
	struct flow_end *e = &s->side[side].ends[i];

	if (e->conn == NULL)
		return;
	if (tcp_conn_error(e->conn) != 0 && e->is_broken) {
		tcp_close(e->conn, s->now_us);
		e->conn = NULL;
		e->is_done = true;
		return;
	}
	if (tcp_conn_error(e->conn) != 0) {
		fail(s, "a connection died");
		if (s->is_verbose)
			printf("  side %u flow %u: error %d\n", side, i, tcp_conn_error(e->conn));
		tcp_close(e->conn, s->now_us);
		e->conn = NULL;
		return;
	}
	if (tcp_conn_state(e->conn) < TCP_S_ESTABLISHED && tcp_conn_state(e->conn) != TCP_S_CLOSED)
		return;
	end_write(s, e);
	end_read(s, e, s->side[!side].ends[i].salt);
	if (e->recvd >= e->abort_at) {
		end_abort(s, e, &s->side[!side].ends[i]);
		return;
	}
	if (e->is_shut && e->has_seen_eof) {
		tcp_close(e->conn, s->now_us);
		e->conn = NULL;
		e->is_done = true;
	}
}

static void side_accept(struct sim *s, struct side *b)
{
	struct tcp_conn *c;

	while ((c = tcp_accept(b->st)) != NULL) {
		const uint32_t i = tcp_conn_tuple(c)->remote_port - 40000u;

		if (i < s->nb_flows && b->ends[i].is_broken) {
			tcp_abort(c, s->now_us);
			continue;
		}
		if (i >= s->nb_flows || b->ends[i].conn != NULL || b->ends[i].is_done) {
			fail(s, "accepted what nobody opened");
			continue;
		}
		b->ends[i].conn = c;
		tcp_conn_set_keepalive(c, 60);
	}
}

/* ---- the run ---- */

static void side_output(struct sim *s, struct side *a)
{
	struct rte_mbuf *pkts[32];
	uint16_t n;

	do {
		n = tcp_output(a->st, pkts, 32, s->now_us);
		for (uint16_t i = 0; i < n; i++)
			link_send(&a->out, pkts[i], s->now_us);
	} while (n == 32);
}

static uint64_t next_event(const struct sim *s)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		const struct side *a = &s->side[i];
		const uint64_t t = tcp_next_deadline(a->st);

		next = t < next ? t : next;
		if (a->drought_at_us != 0 && a->drought_at_us < next)
			next = a->drought_at_us;
		if (a->out.nb > 0 && a->out.heap[0].at_us < next)
			next = a->out.heap[0].at_us;
		for (uint32_t k = 0; k < s->nb_flows; k++) {
			const struct flow_end *e = &a->ends[k];

			if (e->conn != NULL && e->read_at_us > s->now_us && e->read_at_us < next)
				next = e->read_at_us;
		}
	}
	return next;
}

/* The pool runs dry, for a while. */
static void drought(struct sim *s, struct side *a)
{
	if (a->drought_at_us == 0 || s->now_us < a->drought_at_us)
		return;
	if (a->nb_drained > 0) {
		rte_pktmbuf_free_bulk(a->drained, a->nb_drained);
		a->nb_drained = 0;
		a->drought_at_us = s->now_us + rnd_in(10000, 500000);
		return;
	}
	const uint32_t left = (uint32_t)rnd_in(0, 8);

	while (rte_mempool_avail_count(a->pool) > left)
		a->drained[a->nb_drained++] = rte_pktmbuf_alloc(a->pool);
	a->drought_at_us = s->now_us + rnd_in(1000, 50000);
}

static void step(struct sim *s)
{
	for (unsigned i = 0; i < 2; i++) {
		struct side *a = &s->side[i], *b = &s->side[!i];
		uint32_t events;

		drought(s, a);
		while (b->out.nb > 0 && b->out.heap[0].at_us <= s->now_us)
			tcp_input(a->st, heap_pop(&b->out), s->now_us);
		tcp_tick(a->st, s->now_us);
		if (i == 1)
			side_accept(s, a);
		while (tcp_ready(a->st, &events) != NULL)
			;
		for (uint32_t k = 0; k < s->nb_flows; k++)
			end_run(s, i, k);
		side_output(s, a);
	}
}

static bool is_finished(const struct sim *s)
{
	for (uint32_t k = 0; k < s->nb_flows; k++) {
		if (!s->side[0].ends[k].is_done || !s->side[1].ends[k].is_done)
			return false;
	}
	return tcp_stack_nb_conns(s->side[0].st) == 0 && tcp_stack_nb_conns(s->side[1].st) == 0;
}

static void run(struct sim *s)
{
	uint64_t seen = 0;

	for (;;) {
		step(s);
		if (s->failure != NULL || is_finished(s))
			return;
		if (s->progress != seen) {
			seen = s->progress;
			s->progress_us = s->now_us;
		}
		const uint64_t next = next_event(s);

		if (next == UINT64_MAX)
			fail(s, "nothing will ever happen again");
		if (s->now_us - s->progress_us > SIM_LIMIT_US)
			fail(s, "nothing moves");
		s->now_us = next > s->now_us ? next : s->now_us + 1;
	}
}

/* What is on the wire dies out, TIME-WAIT passes, then everything must be back. */
static void settle(struct sim *s)
{
	for (unsigned i = 0; i < 2; i++) {
		struct side *a = &s->side[i];

		while (a->out.nb > 0)
			rte_pktmbuf_free(heap_pop(&a->out));
		if (a->nb_drained > 0)
			rte_pktmbuf_free_bulk(a->drained, a->nb_drained);
		a->nb_drained = 0;
	}
	s->now_us += UINT64_C(61) * 1000000;
	for (unsigned i = 0; i < 2; i++) {
		struct side *a = &s->side[i];
		struct rte_mbuf *pkts[32];
		uint16_t n;

		tcp_tick(a->st, s->now_us);
		while ((n = tcp_output(a->st, pkts, 32, s->now_us)) > 0)
			rte_pktmbuf_free_bulk(pkts, n);
		if (s->failure != NULL)
			continue;
		if (tcp_stack_nb_time_wait(a->st) != 0)
			fail(s, "TIME-WAIT does not end");
		if (tcp_stack_nb_mbufs(a->st) != 0)
			fail(s, "a queue holds buffers");
		if (tcp_next_deadline(a->st) != UINT64_MAX)
			fail(s, "a timer is left");
	}
}

/* ---- parameters from the seed ---- */

static struct path path_from_seed(void)
{
	static const uint64_t delays[] = {50, 500, 5000, 20000, 100000};
	static const uint32_t losses[] = {0, 0, 1000, 10000, 20000, 100000};
	struct path p = {
		.delay_us = delays[rnd() % 5],
		.loss_ppm = losses[rnd() % 6],
		.ns_per_byte = rnd() % 2 != 0 ? rnd_in(1, 10) : rnd_in(80, 2000),
	};

	p.queue_us = rnd_in(p.delay_us, 4 * p.delay_us) + 20000;
	if (rnd() % 2 != 0) {
		p.reorder_ppm = (uint32_t)rnd_in(0, 100000);
		p.reorder_us = rnd_in(1, 2 * p.delay_us);
	}
	if (rnd() % 3 == 0)
		p.dup_ppm = (uint32_t)rnd_in(0, 50000);
	if (rnd() % 4 == 0)
		p.corrupt_ppm = (uint32_t)rnd_in(0, 20000);
	if (rnd() % 4 == 0)
		p.jitter_us = rnd_in(1, p.delay_us);
	p.strips_options = rnd() % 8 == 0;
	return p;
}

static struct tcp_params params_from_seed(struct rte_mempool *pool)
{
	static const uint16_t mss[] = {536, 1000, 1460, 1460, 1460};
	static const uint32_t bufs[] = {4096, 16384, 65536, 262144, 1048576};

	return (struct tcp_params){
		.pool = pool,
		.max_conns = 64,
		.max_listeners = 4,
		.rcv_buf = bufs[rnd() % 5],
		.snd_buf = bufs[rnd() % 5],
		.mss = mss[rnd() % 5],
		.secret = {rnd(), rnd()},
		/* One run in eight goes through SYN cookies. */
		.syn_backlog = rnd() % 8 == 0 ? 0 : 16,
		.max_rx_mbufs = 4096,
		.congestion = rnd() % 4 == 0 ? TCP_CONGESTION_NEWRENO : TCP_CONGESTION_CUBIC,
	};
}

static struct ip_addr addr_of(unsigned side)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(0xc0000201 + side));
}

static void open_flows(struct sim *s, uint64_t max_bytes, bool is_rough)
{
	const struct ip_addr b = addr_of(1);

	if (tcp_listen(s->side[1].st, &b, 80, NULL) < 0)
		fail(s, "cannot listen");
	for (uint32_t i = 0; i < s->nb_flows; i++) {
		struct flow_end *x = &s->side[0].ends[i], *y = &s->side[1].ends[i];
		const struct tcp_tuple t = {addr_of(0), b, (uint16_t)(40000 + i), 80};

		*x = (struct flow_end){.salt = (uint8_t)rnd()};
		*y = (struct flow_end){.salt = (uint8_t)rnd()};
		x->to_send = y->to_recv = rnd() % 4 == 0 ? rnd() % 2000 : rnd() % max_bytes;
		y->to_send = x->to_recv = rnd() % 4 == 0 ? rnd() % 2000 : rnd() % max_bytes;
		if (rnd() % 8 == 0)
			y->read_pause_us = (uint32_t)rnd_in(100, 5000);
		x->abort_at = y->abort_at = UINT64_MAX;
		if (is_rough && rnd() % 3 == 0)
			*(rnd() % 2 != 0 ? &x->abort_at : &y->abort_at) = rnd() % max_bytes;
		if (tcp_connect(s->side[0].st, &t, s->now_us, &x->conn) < 0)
			fail(s, "cannot connect");
		else
			tcp_conn_set_keepalive(x->conn, 60);
	}
}

static void print_path(const char *name, const struct path *p)
{
	printf("  %s: delay %" PRIu64 " us, jitter %" PRIu64 ", loss %u ppm, dup %u, reorder %u"
	       " by %" PRIu64 " us, corrupt %u, %" PRIu64 " ns/byte, queue %" PRIu64 " us%s\n",
	       name, p->delay_us, p->jitter_us, p->loss_ppm, p->dup_ppm, p->reorder_ppm,
	       p->reorder_us, p->corrupt_ppm, p->ns_per_byte, p->queue_us,
	       p->strips_options ? ", strips options" : "");
}

static struct rte_mempool *make_pool(const char *name, unsigned n)
{
	struct rte_mempool *p =
		rte_pktmbuf_pool_create(name, n, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (p == NULL) {
		fputs("cannot make a pool\n", stderr);
		exit(1);
	}
	return p;
}

static struct sim *the_sim(void)
{
	static struct sim s;
	static struct rte_mempool *pools[2];

	if (rx_pool == NULL) {
		rx_pool = make_pool("rx", 12287);
		pools[0] = make_pool("tx0", TX_POOL);
		pools[1] = make_pool("tx1", TX_POOL);
	}
	s = (struct sim){0};
	s.side[0].pool = pools[0];
	s.side[1].pool = pools[1];
	return &s;
}

static void check_pools(struct sim *s)
{
	if (rte_mempool_in_use_count(rx_pool) != 0 ||
	    rte_mempool_in_use_count(s->side[0].pool) != 0 ||
	    rte_mempool_in_use_count(s->side[1].pool) != 0)
		fail(s, "a buffer is lost");
}

static int finish(struct sim *s)
{
	settle(s);
	for (unsigned i = 0; i < 2; i++)
		tcp_stack_free(s->side[i].st);
	check_pools(s);
	if (s->failure == NULL)
		return 0;
	printf("seed %" PRIu64 " at %" PRIu64 " us: %s\n", s->seed, s->now_us, s->failure);
	return 1;
}

/* Which seed took longest in its own time: where to look for what the engine does badly. */
static uint64_t slowest_us, slowest_seed;

static int run_seed(uint64_t seed, bool is_verbose)
{
	struct sim *s = the_sim();

	rng_state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	s->seed = seed;
	s->is_verbose = is_verbose;
	s->now_us = s->progress_us = 1 + rnd() % UINT64_C(10000000000);
	for (unsigned i = 0; i < 2; i++) {
		const struct tcp_params p = params_from_seed(s->side[i].pool);

		s->side[i].out.path = path_from_seed();
		/* Only the SYN: a reply that loses them would leave two minds about scaling. */
		if (i == 1)
			s->side[i].out.path.strips_options = false;
		s->side[i].st = tcp_stack_new(&p);
		if (s->side[i].st == NULL)
			return 1;
		if (rnd() % 16 == 0)
			s->side[i].drought_at_us = s->now_us + rnd_in(1, 200000);
		if (is_verbose) {
			print_path(i == 0 ? "there" : "back ", &s->side[i].out.path);
			printf("  mss %u, rcv_buf %u, snd_buf %u, backlog %u\n", p.mss, p.rcv_buf,
			       p.snd_buf, p.syn_backlog);
		}
	}
	s->nb_flows = (uint32_t)rnd_in(1, MAX_FLOWS);
	const uint64_t start = s->now_us;

	open_flows(s, 300000, rnd() % 4 == 0);
	run(s);
	if (s->now_us - start > slowest_us) {
		slowest_us = s->now_us - start;
		slowest_seed = seed;
	}
	if (is_verbose)
		printf("  %u flows, %" PRIu64 " bytes in %.3f s\n", s->nb_flows, s->progress,
		       (double)(s->now_us - start) / 1e6);
	return finish(s);
}

/* One flow of <mib> each way over the demo's path, or a clean one. */
static int run_bulk(uint64_t mib, uint32_t loss_ppm, uint64_t limit_s)
{
	struct sim *s = the_sim();
	const struct path p = {
		.delay_us = 200,
		.loss_ppm = loss_ppm,
		.dup_ppm = loss_ppm / 2,
		.reorder_ppm = loss_ppm,
		.reorder_us = 1000,
		.ns_per_byte = 8,
		.queue_us = 5000,
	};

	rng_state = 1;
	s->now_us = s->progress_us = 1;
	s->nb_flows = 1;
	for (unsigned i = 0; i < 2; i++) {
		struct tcp_params q = {.pool = s->side[i].pool,
				       .max_conns = 16,
				       .max_listeners = 1,
				       .rcv_buf = 1u << 20,
				       .snd_buf = 1u << 20,
				       .mss = 1460,
				       .secret = {rnd(), rnd()},
				       .syn_backlog = 4};

		s->side[i].out.path = p;
		s->side[i].st = tcp_stack_new(&q);
	}
	open_flows(s, 1, false);
	struct flow_end *x = &s->side[0].ends[0], *y = &s->side[1].ends[0];

	x->to_send = y->to_recv = mib << 20;
	y->to_send = x->to_recv = 0;
	run(s);
	if (limit_s != 0 && s->now_us > limit_s * 1000000)
		fail(s, "too slow");
	printf("%" PRIu64 " MiB at %.1f %% loss: %.3f s simulated\n", mib, loss_ppm / 1e4,
	       (double)s->now_us / 1e6);
	return finish(s);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"seeds", required_argument, NULL, 'n'},   {"seed", required_argument, NULL, 's'},
		{"bulk", required_argument, NULL, 'b'},    {"loss", required_argument, NULL, 'l'},
		{"limit-s", required_argument, NULL, 't'}, {0},
	};
	uint64_t first = 0, count = 300, bulk = 0, loss = 20000, limit_s = 0;
	bool is_verbose = false;
	int opt, failed = 0;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		const uint64_t v = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		if (opt == 'n')
			count = v;
		else if (opt == 's')
			first = v, count = 1, is_verbose = true;
		else if (opt == 'b')
			bulk = v;
		else if (opt == 'l')
			loss = v;
		else if (opt == 't')
			limit_s = v;
		else
			return 2;
	}
	eal_test_init_mem("96");
	if (bulk != 0)
		return run_bulk(bulk, (uint32_t)loss, limit_s);
	for (uint64_t seed = first; seed < first + count; seed++)
		failed += run_seed(seed, is_verbose);
	printf("%" PRIu64 " seeds, %d failed; the slowest, %" PRIu64 ", took %.0f s\n", count,
	       failed, slowest_seed, (double)slowest_us / 1e6);
	return failed != 0;
}
