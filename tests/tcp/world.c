/* SPDX-License-Identifier: BSD-3-Clause */

#include "world.h"

#include "packet.h"
#include "tests/lib/eal_test.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define POOL_SIZE 2047u
#define START_US UINT64_C(10000000)
#define SETTLE_US UINT64_C(2000000000) /* by then all that nobody owns has timed out */

static struct rte_mempool *shared_pool;

struct rte_mempool *world_pool(void)
{
	if (shared_pool == NULL) {
		eal_test_init();
		shared_pool = rte_pktmbuf_pool_create("scenario", POOL_SIZE, 0, 0,
						      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	}
	if (shared_pool == NULL) {
		fputs("no memory for a pool\n", stderr);
		exit(1);
	}
	return shared_pool;
}

uint8_t pattern(uint32_t seq)
{
	return (uint8_t)(seq * 31 + (seq >> 8) * 7);
}

/* ---- saying things ---- */

void world_fail(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->reason, sizeof(w->reason), fmt, ap);
	va_end(ap);
	longjmp(w->failed, 1);
}

void world_note(struct world *w, const char *fmt, ...)
{
	char *line = w->journal[w->nb_journal++ % JOURNAL_LINES];
	const uint64_t t = world_time(w);
	const int n = snprintf(line, JOURNAL_WIDTH, "%4" PRIu64 ".%06" PRIu64 " ", t / 1000000,
			       t % 1000000);
	va_list ap;

	va_start(ap, fmt);
	if (n > 0 && n < (int)JOURNAL_WIDTH)
		(void)vsnprintf(line + n, JOURNAL_WIDTH - (size_t)n, fmt, ap);
	va_end(ap);
	if (w->verbose)
		printf("%s\n", line);
}

/* ---- making and unmaking ---- */

void world_init(struct world *w, bool verbose, bool as_ipv6)
{
	memset(w, 0, sizeof(*w));
	w->pool = world_pool();
	w->verbose = verbose;
	w->start_us = START_US;
	w->now_us = START_US;
	w->setup = (struct setup){
		.ipv6 = as_ipv6,
		.as_ipv6 = as_ipv6,
		.peer_isn = 1000000,
		.rcv_buf = 65535,
		.snd_buf = 65536,
		.mss = 1460,
		.backlog = 16,
		.conns = 32,
		.rx_mbufs = 1024,
	};
}

static struct tcp_stack *make_stack(struct world *w, uint64_t *counters)
{
	const struct setup *s = &w->setup;
	const struct tcp_params p = {
		.pool = w->pool,
		.max_conns = s->conns,
		.max_listeners = 4,
		.rcv_buf = s->rcv_buf,
		.snd_buf = s->snd_buf,
		/* An IPv6 header is 20 bytes longer: the segments of a script stay as they are. */
		.mss = (uint16_t)(s->mss + (s->as_ipv6 ? 20 : 0)),
		.congestion = s->newreno ? TCP_CONGESTION_NEWRENO : TCP_CONGESTION_CUBIC,
		.ecn = s->ecn,
		.plpmtud = s->plpmtud,
		.secret = {1, 2},
		.syn_backlog = s->backlog,
		.max_rx_mbufs = s->rx_mbufs,
		.counters = counters,
	};
	struct tcp_stack *st = tcp_stack_new(&p);

	if (st == NULL)
		world_fail(w, "the stack cannot be made with these parameters");
	return st;
}

/*
 * An initial sequence number is a clock of 4 us plus a keyed hash (RFC 6528): ask a stack that is
 * thrown away for one, then begin at the time at which it is the one that was asked for.
 */
static uint64_t start_for_isn(struct world *w, uint32_t want)
{
	struct tcp_stack *st = make_stack(w, NULL);
	struct tcp_tuple t;
	struct tcp_conn *c;
	struct rte_mbuf *m;
	struct segment g = {0};
	uint32_t isn = 0;

	world_tuple(w, 0, &t);
	if (tcp_connect(st, &t, START_US, &c) == 0 && tcp_output(st, &m, 1, START_US) == 1) {
		(void)packet_parse(m, &g, &(struct packet_base){0}, NULL);
		isn = g.seq;
		rte_pktmbuf_free(m);
	}
	tcp_stack_free(st);
	return START_US + (uint64_t)(want - isn) * 4;
}

void world_start(struct world *w)
{
	if (w->st != NULL)
		return;
	if (w->setup.has_local_isn)
		w->start_us = start_for_isn(w, w->setup.local_isn);
	w->now_us = w->start_us;
	for (unsigned i = 0; i < NB_PEERS; i++) {
		w->peers[i].isn = w->setup.peer_isn;
		w->peers[i].written = 1;
		w->peers[i].read = 1;
	}
	w->st = make_stack(w, w->counters);
}

void world_drop(struct world *w)
{
	while (w->nb_drained > 0)
		rte_pktmbuf_free(w->drained[--w->nb_drained]);
	tcp_stack_free(w->st);
	w->st = NULL;
}

void world_end(struct world *w)
{
	struct tcp_tuple t;

	if (w->st == NULL)
		return;
	world_tuple(w, 0, &t);
	while (w->nb_drained > 0)
		rte_pktmbuf_free(w->drained[--w->nb_drained]);
	w->is_held = false;
	for (unsigned i = 0; i < NB_PEERS; i++) {
		if (w->peers[i].conn != NULL)
			tcp_abort(w->peers[i].conn, w->now_us);
		w->peers[i].conn = NULL;
	}
	(void)tcp_unlisten(w->st, &t.local, LOCAL_PORT);
	world_settle(w);
	w->nb_pending = 0;
	for (unsigned i = 0; i < 8; i++) {
		world_advance(w, world_time(w) + SETTLE_US / 8);
		w->nb_pending = 0;
	}
	if (tcp_stack_nb_conns(w->st) != 0 || tcp_stack_nb_time_wait(w->st) != 0)
		world_fail(w, "at the end %u connections and %u TIME-WAIT entries are left",
			   tcp_stack_nb_conns(w->st), tcp_stack_nb_time_wait(w->st));
	if (tcp_stack_nb_mbufs(w->st) != 0)
		world_fail(w, "at the end queues hold %u buffers", tcp_stack_nb_mbufs(w->st));
	if (tcp_next_deadline(w->st) != UINT64_MAX)
		world_fail(w, "at the end a timer is armed");
	tcp_stack_free(w->st);
	w->st = NULL;
	if (rte_mempool_avail_count(w->pool) != POOL_SIZE)
		world_fail(w, "at the end %u buffers are lost",
			   POOL_SIZE - rte_mempool_avail_count(w->pool));
}

/* ---- addresses ---- */

void world_tuple(const struct world *w, unsigned peer, struct tcp_tuple *ret)
{
	*ret = (struct tcp_tuple){
		.local = ip_addr_from_v4(rte_cpu_to_be_32(0xc0000201)),
		.remote = ip_addr_from_v4(rte_cpu_to_be_32(0xc6336401)),
		.local_port = LOCAL_PORT,
		.remote_port = (uint16_t)(PEER_PORT + peer),
	};
	if (w->setup.ipv6) {
		ret->local = (struct ip_addr){{0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
		ret->remote = (struct ip_addr){{0x20, 0x01, 0x0d, 0xb8, [7] = 9, [15] = 2}};
	}
}

/* ---- the clock ---- */

uint64_t world_time(const struct world *w)
{
	return w->now_us - w->start_us;
}

static bool advance(struct world *w, uint64_t at_us, bool to_output)
{
	const uint64_t until = w->start_us + at_us;

	for (unsigned rounds = 0; w->nb_pending == 0 || !to_output; rounds++) {
		const uint64_t due = tcp_next_deadline(w->st);

		if (due > until)
			break;
		if (rounds == 1000000)
			world_fail(w, "timers fire without end");
		/* One that is due at once and stays so would stop the clock. */
		if (due > w->now_us)
			w->now_us = due;
		else if (rounds > 0)
			w->now_us++;
		tcp_tick(w->st, w->now_us);
		world_settle(w);
	}
	return w->nb_pending > 0;
}

void world_advance(struct world *w, uint64_t at_us)
{
	advance(w, at_us, false);
	if (w->now_us < w->start_us + at_us)
		w->now_us = w->start_us + at_us;
	tcp_tick(w->st, w->now_us);
	world_settle(w);
}

void world_advance_to_output(struct world *w, uint64_t at_us)
{
	if (w->nb_pending == 0)
		(void)advance(w, at_us, true);
}

/* ---- in and out ---- */

static unsigned peer_of(const struct world *w, uint16_t port)
{
	const unsigned i = (unsigned)port - PEER_PORT;

	return i < NB_PEERS ? i : w->peer;
}

static struct packet_base base_of(const struct world *w, unsigned peer)
{
	const struct peer *p = &w->peers[peer];

	return (struct packet_base){
		.from_seq = p->isn,
		.to_seq = p->iss,
		.ts = p->ts_base,
	};
}

/* Our first timestamp and initial sequence number are what the script's count from. */
static void learn(struct world *w, unsigned peer, const struct rte_mbuf *m)
{
	struct peer *p = &w->peers[peer];
	struct segment g;

	if (packet_parse(m, &g, &(struct packet_base){0}, NULL) != NULL)
		return;
	if (g.flags & SYN)
		p->iss = g.seq;
	for (unsigned i = 0; i < g.nb_opts && !p->knows_ts; i++) {
		if (g.opts[i].kind == OPT_TS) {
			p->knows_ts = true;
			p->ts_base = g.opts[i].value;
		}
	}
}

static void take_packet(struct world *w, struct rte_mbuf *m)
{
	const unsigned peer = peer_of(w, packet_port(m));
	char text[JOURNAL_WIDTH];
	const char *wrong;

	if (w->nb_pending == MAX_PENDING)
		world_fail(w, "the stack sends without end");
	struct pending *q = &w->pending[(w->first_pending + w->nb_pending) % MAX_PENDING];

	learn(w, peer, m);
	const struct packet_base base = base_of(w, peer);
	struct tcp_tuple t;

	world_tuple(w, peer, &t);
	*q = (struct pending){.at_us = world_time(w), .peer = peer};
	wrong = packet_parse(m, &q->seg, &base, &t);
	segment_print(&q->seg, text, sizeof(text));
	world_note(w, "> %s%s", text, peer != w->peer ? " (to another peer)" : "");
	rte_pktmbuf_free(m);
	if (wrong != NULL)
		world_fail(w, "the stack has sent a bad packet: %s", wrong);
	w->nb_pending++;
}

static void take_events(struct world *w)
{
	struct tcp_conn *c;
	uint32_t ev;

	while ((c = tcp_ready(w->st, &ev)) != NULL) {
		for (unsigned i = 0; i < NB_PEERS; i++) {
			if (w->peers[i].conn == c)
				w->peers[i].events |= ev;
		}
	}
}

void world_settle(struct world *w)
{
	struct rte_mbuf *pkts[32];
	uint16_t n;

	take_events(w);
	if (w->is_held)
		return;
	do {
		n = tcp_output(w->st, pkts, 32, w->now_us);
		for (uint16_t i = 0; i < n; i++)
			take_packet(w, pkts[i]);
	} while (n > 0);
}

void world_send(struct world *w, const struct segment *g)
{
	const struct packet_base base = base_of(w, w->peer);
	char text[JOURNAL_WIDTH];
	struct tcp_tuple t;

	world_tuple(w, w->peer, &t);
	struct rte_mbuf *m = packet_build(w->pool, g, &base, &t);

	if (m == NULL)
		world_fail(w, "no buffer, or no room in it, for the peer's segment");
	segment_print(g, text, sizeof(text));
	world_note(w, "< %s%s", text, g->bad_sum ? " badsum" : "");
	tcp_input(w->st, m, w->now_us);
	world_settle(w);
}
