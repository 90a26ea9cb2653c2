/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/sim.h"

#include "tests/lib/gso.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RX_POOL 12287u
#define CUT_POOL 255u
#define CUT_ROOM 9728u /* a jumbo frame */
#define STALL_LIMIT_US (UINT64_C(900) * 1000000)
#define SILENCE_LIMIT_US (UINT64_C(80) * 1000000)
#define SETTLE_US (UINT64_C(700) * 1000000)
#define DELAYED_ACK_US UINT64_C(45000)
#define MAX_STEPS UINT64_C(20000000)
#define MAX_FIRST_CWND 17920u /* two jumbo segments, or ten of 1460 bytes */
#define MAX_DROUGHTS 24u
#define REPORT_PACKETS 40u

/* ---- making ---- */

static struct rte_mempool *make_pool(const char *name, unsigned n, uint16_t room)
{
	struct rte_mempool *p = rte_pktmbuf_pool_create(name, n, 0, 0, room, SOCKET_ID_ANY);

	if (p == NULL) {
		fputs("cannot make a pool\n", stderr);
		exit(1);
	}
	return p;
}

struct sim *sim_new(void)
{
	static struct sim s;
	struct rte_mempool *rx = make_pool("rx", RX_POOL, RTE_MBUF_DEFAULT_BUF_SIZE);

	s.sides[0].pool = make_pool("tx0", TX_POOL, RTE_MBUF_DEFAULT_BUF_SIZE);
	s.sides[1].pool = make_pool("tx1", TX_POOL, RTE_MBUF_DEFAULT_BUF_SIZE);
	s.sides[0].cut_pool = make_pool("cut", CUT_POOL, CUT_ROOM);
	s.sides[1].cut_pool = s.sides[0].cut_pool;
	s.sides[0].out.pool = rx;
	s.sides[1].out.pool = rx;
	return &s;
}

static struct ip_addr addr_of(const struct sim *s, unsigned side)
{
	static const struct ip_addr v6 = {.b = {0x20, 0x01, 0x0d, 0xb8}};
	struct ip_addr a = v6;

	if (!s->sc.is_v6)
		return ip_addr_from_v4(__builtin_bswap32(0xc0000201 + side));
	a.b[15] = (uint8_t)(1 + side);
	return a;
}

static bool make_stack(struct sim *s, unsigned k)
{
	struct side *a = &s->sides[k];
	struct tcp_params p = s->sc.params[k];
	const struct ip_addr addr = addr_of(s, k);

	p.pool = a->pool;
	p.counters = a->counters;
	memset(a->counters, 0, sizeof(a->counters));
	a->nb_in = 0;
	a->nb_out = 0;
	a->nb_bad_checksums = 0;
	a->st = tcp_stack_new(&p);
	return a->st != NULL && tcp_listen(a->st, &addr, 80, NULL) == 0;
}

/* Times in a scenario count from its start. */
static struct path path_on_clock(const struct sim *s, unsigned k)
{
	struct path p = s->sc.path[k];

	if (p.down_until_us != 0) {
		p.down_from_us += s->start_us;
		p.down_until_us += s->start_us;
	}
	for (unsigned i = 0; i < p.nb_steps; i++)
		p.steps[i].at_us += s->start_us;
	return p;
}

static void make_flows(struct sim *s)
{
	for (uint32_t i = 0; i < s->sc.nb_flows; i++) {
		struct flow *f = &s->flows[i];
		const unsigned opener =
			s->sc.wrap == WRAP_NOTHING && rng_one_in(&s->rng, s->sc.has_peer ? 2 : 4);

		*f = (struct flow){
			.addr = {addr_of(s, 0), addr_of(s, 1)},
			.opener = opener,
			.is_simultaneous = s->sc.is_simultaneous,
			.open_at_us = {UINT64_MAX, UINT64_MAX},
		};
		f->port[opener] = (uint16_t)(40000 + i);
		f->port[!opener] = s->sc.is_simultaneous ? (uint16_t)(30000 + i) : 80;
		f->open_at_us[opener] = s->now_us;
		if (s->sc.is_simultaneous)
			f->open_at_us[!opener] =
				s->now_us + rng_next(&s->rng) % s->sc.path[opener].delay_us;
		if (s->sc.has_peer)
			f->open_at_us[1] = UINT64_MAX;
		s->wire.flows[i].flow = f;
		wire_open(&s->wire, i, s->now_us);
	}
}

/*
 * When to begin, so that the numbers which the opener of the first flow begins with, as they are
 * chosen from the clock and a secret (RFC 6528, RFC 7323 5.4), are a little below zero.
 */
static uint64_t start_clock(struct sim *s)
{
	const struct tcp_tuple t = {addr_of(s, 0), addr_of(s, 1), 40000, 80};
	const uint64_t at = s->sc.start_us;
	uint64_t start = at;
	static uint8_t buf[PKT_MAX_LEN];
	struct tcp_conn *c;
	struct rte_mbuf *m;
	struct pkt k;

	if (s->sc.wrap == WRAP_NOTHING || !make_stack(s, 0))
		return at;
	if (tcp_connect(s->sides[0].st, &t, at, &c) == 0 &&
	    tcp_output(s->sides[0].st, &m, 1, at) == 1) {
		(void)pkt_parse(pkt_bytes(m, buf), m->pkt_len, &k);
		if (s->sc.wrap == WRAP_SEQUENCE)
			start += 4ull * (uint32_t)(0u - k.seq - rng_next(&s->rng) % 20000);
		else
			start += 1000ull * (uint32_t)(0u - k.tsval - rng_next(&s->rng) % 300);
		rte_pktmbuf_free(m);
	}
	tcp_stack_free(s->sides[0].st);
	return start;
}

static void sim_begin(struct sim *s, const struct scenario *sc, uint64_t seed)
{
	s->sc = *sc;
	s->seed = seed;
	s->rng.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 7;
	s->now_us = s->start_us = s->progress_us = start_clock(s);
	s->progress = s->nb_steps = s->nb_packets = s->nb_gave_up = s->nb_bytes = 0;
	s->has_restarted = s->has_vanished = false;
	s->flood_next_us = sc->flood_from_us;
	s->verdict = (struct verdict){.flow = -1};
	trace_init(&s->trace, s->start_us);
	s->wire.verdict = &s->verdict;
	s->wire.nb_flows = sc->nb_flows;
	s->wire.ack_limit_us = DELAYED_ACK_US;
	for (unsigned k = 0; k < 2; k++) {
		struct side *a = &s->sides[k];
		const struct path p = path_on_clock(s, k);

		link_init(&a->out, &p, &s->rng, a->out.pool);
		memset(a->zombies, 0, sizeof(a->zombies));
		a->nb_drained = 0;
		a->nb_droughts = 0;
		a->drought_at_us = sc->has_drought[k] ? s->now_us + rng_in(&s->rng, 1, 200000) : 0;
		if (sc->has_drought[k] || sc->params[k].max_flights != 0)
			s->wire.ack_limit_us = 1000000;
		s->wire.is_checked[k] = k == 0 || !sc->has_peer;
		s->wire.uses_cookies[k] = sc->params[k].syn_backlog == 0 ||
					  sc->params[k].max_conns < MAX_FLOWS ||
					  sc->flood_gap_us != 0;
		s->wire.has_honest_peer[k] = !sc->has_peer;
		s->wire.rcv_buf[k] = sc->params[k].rcv_buf;
		s->wire.mtu[k] = (uint16_t)(sc->params[k].mss + (sc->is_v6 ? 60 : 40));
		if (!make_stack(s, k))
			verdict_fail(&s->verdict, -1, "cannot make a stack");
	}
	make_flows(s);
	peer_begin(s);
	if (sc->has_peer)
		s->wire.ack_limit_us = UINT32_MAX;
	if (sc->has_peer && s->flows[0].opener == 1)
		app_begin(s, 0);
}

/* ---- packets ---- */

static void record(struct sim *s, enum trace_what what, unsigned from, int flow, const char *note,
		   const struct pkt *p)
{
	struct trace_event e = {
		.at_us = s->now_us,
		.what = (uint8_t)what,
		.side = (uint8_t)from,
		.flow = (int8_t)flow,
		.note = note,
		.pkt = *p,
	};

	if (flow >= 0) {
		e.base[0] = s->wire.flows[flow].ends[0].base;
		e.base[1] = s->wire.flows[flow].ends[1].base;
	}
	trace_add(&s->trace, &e);
}

static void send_packet(struct sim *s, unsigned from, struct rte_mbuf *m)
{
	static uint8_t buf[PKT_MAX_LEN];
	const uint8_t *p = pkt_bytes(m, buf);
	struct pkt k;
	const char *why = pkt_parse(p, m->pkt_len, &k);
	const bool is_ours = s->wire.is_checked[from];
	struct owner o = {.flow = -1};
	uint16_t icmp_mtu = 0;

	if (why != NULL && is_ours) {
		verdict_fail(&s->verdict, -1, "side %u sends a packet with a bad %s", from, why);
		return;
	}
	if (k.ip_len != m->pkt_len)
		verdict_fail(&s->verdict, -1, "side %u sends %u bytes behind the packet", from,
			     m->pkt_len - k.ip_len);
	trace_bytes(&s->trace, s->now_us, from, p, m->pkt_len);
	o.flow = wire_find(&s->wire, &k, from);
	if (o.flow >= 0) {
		o.incarnation = s->flows[o.flow].incarnation;
		wire_sent(&s->wire, o.flow, from, &k, s->now_us);
	}
	if (o.flow < 0) {
		record(s, TRACE_OUTAGE, from, o.flow, "to nobody", &k);
		return;
	}
	const enum trace_what what = link_send(&s->sides[from].out, m, &o, s->now_us, &icmp_mtu);

	record(s, what, from, o.flow, NULL, &k);
	if (icmp_mtu != 0)
		link_send_icmp(&s->sides[!from].out, &k, &o, icmp_mtu, s->now_us);
}

/* What the port would do: checksums, and long packets cut. */
static void send_cut(struct sim *s, unsigned k, struct rte_mbuf *m)
{
	struct side *a = &s->sides[k];
	struct rte_mbuf *pieces[GSO_MAX] = {m};
	const unsigned n = s->sc.has_tso[k] ? gso_cut(m, a->cut_pool, pieces, GSO_MAX) : 1;

	a->nb_out += n;
	s->nb_packets += n;
	for (unsigned i = 0; i < n; i++) {
		send_packet(s, k, pieces[i]);
		rte_pktmbuf_free(pieces[i]);
	}
}

static void side_output(struct sim *s, unsigned k)
{
	struct rte_mbuf *pkts[32];
	struct side *a = &s->sides[k];
	uint16_t n;

	do {
		n = tcp_output(a->st, pkts, 32, s->now_us);
		for (uint16_t i = 0; i < n; i++)
			send_cut(s, k, pkts[i]);
	} while (n == 32);
}

/* What the layer below TCP would have refused goes no further. */
static void arrive(struct sim *s, unsigned to, const struct arrival *a)
{
	static uint8_t buf[PKT_MAX_LEN];
	const uint8_t *p = pkt_bytes(a->m, buf);
	struct pkt k;
	const char *why = pkt_parse(p, a->m->pkt_len, &k);
	const int flow = a->owner.flow;

	trace_bytes(&s->trace, s->now_us, to, p, a->m->pkt_len);
	if (why != NULL && strncmp(why, "IP", 2) == 0) {
		record(s, TRACE_REFUSED, !to, flow, why, &k);
		rte_pktmbuf_free(a->m);
		return;
	}
	record(s, TRACE_ARRIVED, !to, flow, why, &k);
	/* Of options that are noise nobody can say how they are read. */
	k.is_odd = why != NULL || (s->peer.is_on && (s->peer.traits & PEER_OPTIONS));
	if (to == 1 && s->peer.is_on) {
		if (why == NULL) {
			wire_arrived(&s->wire, flow, to, &k, s->now_us);
			peer_input(s, &k);
		}
		rte_pktmbuf_free(a->m);
		return;
	}
	a->m->l3_len = k.ip_hdr_len; /* what the layer below has read */
	s->sides[to].nb_in++;
	if (why != NULL && strcmp(why, "checksum") == 0)
		s->sides[to].nb_bad_checksums++;
	else if (flow >= 0 && a->owner.incarnation == s->flows[flow].incarnation)
		wire_arrived(&s->wire, flow, to, &k, s->now_us);
	tcp_input(s->sides[to].st, a->m, s->now_us);
}

static void arrive_icmp(struct sim *s, unsigned to, const struct arrival *a)
{
	const struct pkt *k = &a->pkt;
	const struct tcp_tuple t = {k->src, k->dst, k->sport, k->dport};

	record(s, TRACE_ICMP, to, a->owner.flow, NULL, k);
	tcp_icmp_error(s->sides[to].st, &t, k->seq, a->mtu, s->now_us);
}

void sim_send_crafted(struct sim *s, struct rte_mbuf *m)
{
	send_packet(s, 1, m);
	rte_pktmbuf_free(m);
}

static void side_input(struct sim *s, unsigned k)
{
	struct arrival a;

	while (link_pop(&s->sides[!k].out, s->now_us, &a)) {
		if (a.m == NULL)
			arrive_icmp(s, k, &a);
		else
			arrive(s, k, &a);
	}
}

/* ---- trouble ---- */

/* The pool runs dry, for a while. */
static void drought(struct sim *s, struct side *a)
{
	if (a->drought_at_us == 0 || s->now_us < a->drought_at_us)
		return;
	if (a->nb_drained > 0) {
		rte_pktmbuf_free_bulk(a->drained, a->nb_drained);
		a->nb_drained = 0;
		/* Emptying a pool is dear: a few dozen times are enough. */
		a->drought_at_us = ++a->nb_droughts < MAX_DROUGHTS
					   ? s->now_us + rng_in(&s->rng, 10000, 500000)
					   : 0;
		return;
	}
	const uint32_t left = (uint32_t)rng_in(&s->rng, 0, 8);

	while (rte_mempool_avail_count(a->pool) > left)
		a->drained[a->nb_drained++] = rte_pktmbuf_alloc(a->pool);
	a->drought_at_us = s->now_us + rng_in(&s->rng, 1000, 50000);
}

/* One side forgets everything, as a machine that was switched off and on. */
static void restart(struct sim *s)
{
	const unsigned k = s->sc.restart_side;

	if (s->has_restarted || s->sc.restart_us == 0 || s->now_us - s->start_us < s->sc.restart_us)
		return;
	s->has_restarted = true;
	trace_note(&s->trace, s->now_us, -1, k, "restart");
	wire_restart(&s->wire, k);
	app_lost_side(s, k);
	tcp_stack_free(s->sides[k].st);
	s->sc.params[k].secret[0] ^= UINT64_C(0x5bd1e9955bd1e995);
	if (!make_stack(s, k))
		verdict_fail(&s->verdict, -1, "cannot make a stack");
}

static void vanish(struct sim *s)
{
	if (s->has_vanished || s->sc.vanish_us == 0 || s->now_us - s->start_us < s->sc.vanish_us)
		return;
	s->has_vanished = true;
	trace_note(&s->trace, s->now_us, -1, 0, "nothing gets through any more");
	for (unsigned k = 0; k < 2; k++) {
		s->sides[k].out.path.down_from_us = 0;
		s->sides[k].out.path.down_until_us = UINT64_MAX;
	}
	for (uint32_t i = 0; i < s->sc.nb_flows; i++) {
		s->flows[i].is_broken = true;
		s->flows[i].nb_rounds = s->sc.nb_rounds; /* no more */
		for (unsigned k = 0; k < 2; k++) {
			if (s->flows[i].ends[k].conn == NULL)
				s->flows[i].ends[k].is_done = true;
		}
	}
}

/* ---- the run ---- */

/* RFC 5681, RFC 3465, RFC 6937: what cwnd may be, and what may leave at once. */
static void check_cwnd(struct sim *s, unsigned k)
{
	for (uint32_t i = 0; i < s->sc.nb_flows; i++) {
		const struct flow_end *e = &s->flows[i].ends[k];
		struct wire_end *w = &s->wire.flows[i].ends[k];
		struct tcp_conn_view v;

		if (e->conn == NULL || w->burst == 0)
			continue;
		tcp_conn_view(e->conn, &v);
		if (v.cwnd > w->cwnd_max)
			w->cwnd_max = v.cwnd;
		if (w->burst > v.cwnd + 2 * v.mss)
			verdict_fail(&s->verdict, (int)i,
				     "side %u, flow %u: %u bytes at once, cwnd %u", k, i, w->burst,
				     v.cwnd);
		if (w->nb_rtx == 0 && wire_flight(w) > (int64_t)w->cwnd_max + 2 * v.mss + 1)
			verdict_fail(&s->verdict, (int)i,
				     "side %u, flow %u: %" PRId64
				     " bytes in flight, cwnd never above %" PRIu64,
				     k, i, wire_flight(w), w->cwnd_max);
		if (v.cwnd > 4ull * v.mss + MAX_FIRST_CWND + (uint64_t)w->snd_max)
			verdict_fail(&s->verdict, (int)i,
				     "side %u, flow %u: cwnd %u after %" PRId64 " bytes", k, i,
				     v.cwnd, w->snd_max);
	}
}

static void step(struct sim *s)
{
	restart(s);
	vanish(s);
	flood_run(s);
	peer_run(s);
	app_open_due(s);
	for (unsigned k = 0; k < 2; k++) {
		uint32_t events;

		drought(s, &s->sides[k]);
		/* Send queues may hold the whole pool: nothing is left for an ACK. */
		wire_check_time(&s->wire, k, s->now_us,
				rte_mempool_avail_count(s->sides[k].pool) > 0);
		side_input(s, k);
		tcp_tick(s->sides[k].st, s->now_us);
		app_accept(s, k);
		while (tcp_ready(s->sides[k].st, &events) != NULL)
			;
		app_run(s, k);
		side_output(s, k);
		check_cwnd(s, k);
	}
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_event(const struct sim *s)
{
	uint64_t next = min64(min64(app_next_us(s), flood_next_us(s)), peer_next_us(s));

	for (unsigned k = 0; k < 2; k++) {
		next = min64(next, tcp_next_deadline(s->sides[k].st));
		next = min64(next, link_next_us(&s->sides[k].out));
		if (s->sides[k].drought_at_us != 0)
			next = min64(next, s->sides[k].drought_at_us);
	}
	if (s->sc.restart_us != 0 && !s->has_restarted)
		next = min64(next, s->start_us + s->sc.restart_us);
	if (s->sc.vanish_us != 0 && !s->has_vanished)
		next = min64(next, s->start_us + s->sc.vanish_us);
	return next;
}

static bool is_finished(const struct sim *s)
{
	return app_is_finished(s) && tcp_stack_nb_conns(s->sides[0].st) == 0 &&
	       tcp_stack_nb_conns(s->sides[1].st) == 0;
}

static void run(struct sim *s)
{
	uint64_t seen = 0;

	while (!s->verdict.is_failed) {
		step(s);
		if (is_finished(s))
			return;
		if (s->progress != seen) {
			seen = s->progress;
			s->progress_us = s->now_us;
		}
		const uint64_t next = next_event(s);

		if (next == UINT64_MAX)
			verdict_fail(&s->verdict, -1, "nothing will ever happen again");
		else if (next > s->now_us + SILENCE_LIMIT_US)
			verdict_fail(&s->verdict, -1, "silence for %.1f s",
				     (double)(next - s->now_us) / 1e6);
		if (s->now_us - s->progress_us > STALL_LIMIT_US)
			verdict_fail(&s->verdict, -1, "nothing moves");
		if (++s->nb_steps > MAX_STEPS)
			verdict_fail(&s->verdict, -1, "it does not end");
		if (!s->verdict.is_failed)
			s->now_us = next > s->now_us ? next : s->now_us + 1;
	}
}

/* ---- the end ---- */

static void check_counters(struct sim *s, unsigned k)
{
	const struct side *a = &s->sides[k];

	if (a->counters[OUTCOME_TCP_SEGS_IN] != a->nb_in)
		verdict_fail(&s->verdict, -1,
			     "side %u counts %" PRIu64 " segments in, not %" PRIu64, k,
			     a->counters[OUTCOME_TCP_SEGS_IN], a->nb_in);
	if (a->counters[OUTCOME_TCP_SEGS_OUT] != a->nb_out)
		verdict_fail(&s->verdict, -1,
			     "side %u counts %" PRIu64 " segments out, not %" PRIu64, k,
			     a->counters[OUTCOME_TCP_SEGS_OUT], a->nb_out);
	/* Damage may make a header senseless as well, and either may be seen first. */
	if (a->counters[OUTCOME_TCP_CHECKSUM] > a->nb_bad_checksums ||
	    a->counters[OUTCOME_TCP_CHECKSUM] + a->counters[OUTCOME_TCP_MALFORMED] <
		    a->nb_bad_checksums)
		verdict_fail(&s->verdict, -1,
			     "side %u counts %" PRIu64 " bad checksums, not %" PRIu64, k,
			     a->counters[OUTCOME_TCP_CHECKSUM], a->nb_bad_checksums);
}

static void check_empty(struct sim *s, unsigned k)
{
	const struct tcp_stack *st = s->sides[k].st;

	if (tcp_stack_nb_conns(st) != 0)
		verdict_fail(&s->verdict, -1, "side %u: a connection is left", k);
	if (tcp_stack_nb_time_wait(st) != 0)
		verdict_fail(&s->verdict, -1, "side %u: TIME-WAIT does not end", k);
	if (tcp_stack_nb_mbufs(st) != 0)
		verdict_fail(&s->verdict, -1, "side %u: a queue holds buffers", k);
	if (tcp_next_deadline(st) != UINT64_MAX)
		verdict_fail(&s->verdict, -1, "side %u: a timer is left", k);
	check_counters(s, k);
}

static void discard(struct sim *s, unsigned k, struct rte_mbuf *m)
{
	struct rte_mbuf *pieces[GSO_MAX] = {m};
	const unsigned n = s->sc.has_tso[k] ? gso_cut(m, s->sides[k].cut_pool, pieces, GSO_MAX) : 1;

	s->sides[k].nb_out += n;
	rte_pktmbuf_free_bulk(pieces, n);
}

/* What is on the wire dies out, TIME-WAIT passes, then everything must be back. */
static void settle(struct sim *s)
{
	app_let_go_all(s);
	for (unsigned k = 0; k < 2; k++) {
		struct side *a = &s->sides[k];

		link_drain(&a->out);
		if (a->nb_drained > 0)
			rte_pktmbuf_free_bulk(a->drained, a->nb_drained);
		a->nb_drained = 0;
	}
	const uint64_t end = s->now_us + SETTLE_US;

	for (unsigned k = 0; k < 2; k++) {
		struct side *a = &s->sides[k];
		struct rte_mbuf *pkts[32];
		uint16_t n;

		/* Nothing arrives any more: what is left must end by its timers alone. */
		for (uint64_t now = s->now_us; now < end;) {
			tcp_tick(a->st, now);
			while ((n = tcp_output(a->st, pkts, 32, now)) > 0) {
				for (uint16_t i = 0; i < n; i++)
					discard(s, k, pkts[i]);
			}
			const uint64_t next = tcp_next_deadline(a->st);

			if (next == UINT64_MAX)
				break;
			now = next > now ? next : now + 1;
		}
		if (!s->verdict.is_failed)
			check_empty(s, k);
	}
}

static void report(const struct sim *s)
{
	printf("seed %" PRIu64 " at %.6f s: %s\n", s->seed, (double)(s->now_us - s->start_us) / 1e6,
	       s->verdict.text);
	scenario_print(&s->sc);
	if (!s->trace.is_loud)
		trace_dump(&s->trace, s->verdict.flow, REPORT_PACKETS);
	fflush(stdout);
}

struct sim_result sim_run(struct sim *s, const struct scenario *sc, uint64_t seed, bool is_verbose)
{
	sim_begin(s, sc, seed);
	if (is_verbose) {
		printf("seed %" PRIu64 "\n", seed);
		scenario_print(sc);
	}
	run(s);
	const uint64_t took_us = s->now_us - s->start_us;

	settle(s);
	for (unsigned k = 0; k < 2; k++)
		tcp_stack_free(s->sides[k].st);
	for (unsigned k = 0; k < 2; k++) {
		if (rte_mempool_in_use_count(s->sides[k].pool) != 0)
			verdict_fail(&s->verdict, -1, "side %u: a buffer is lost", k);
	}
	if (rte_mempool_in_use_count(s->sides[0].out.pool) != 0)
		verdict_fail(&s->verdict, -1, "a received buffer is lost");
	if (s->verdict.is_failed)
		report(s);
	return (struct sim_result){
		.is_failed = s->verdict.is_failed,
		.hash = s->trace.hash,
		.took_us = took_us,
		.nb_packets = s->nb_packets,
		.nb_bytes = s->nb_bytes,
		.nb_gave_up = s->nb_gave_up,
	};
}
