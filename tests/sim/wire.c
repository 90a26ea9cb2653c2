/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/wire.h"

#include <inttypes.h>
#include <string.h>

#define DEFAULT_MSS 536
#define DEFAULT_MSS_V6 1220

/* ---- numbers ---- */

static bool is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

/* The offset that <seq> stands for in what <e> sends. */
static int64_t offset_of(const struct wire_end *e, uint32_t seq)
{
	const uint32_t at = e->base + (uint32_t)e->snd_max;

	return e->snd_max + (int32_t)(seq - at);
}

static bool has_ts(const struct wire_end *e)
{
	return e->has_ts && e->got_ts;
}

static bool has_sack(const struct wire_end *e)
{
	return e->sack_ok && e->got_sack_ok;
}

/* By how much the window field of <e> is to be shifted. */
static unsigned scale_of(const struct wire_end *e)
{
	return e->wscale >= 0 && e->got_wscale >= 0 ? (unsigned)e->wscale : 0;
}

int64_t wire_flight(const struct wire_end *e)
{
	return e->snd_max - e->una_most - ranges_total(&e->sacked_most);
}

bool wire_has_syn(const struct wire *w, uint32_t flow, unsigned side)
{
	return w->flows[flow].ends[side].has_syn;
}

/* ---- life ---- */

static void end_reset(struct wire_end *e, uint64_t now_us)
{
	*e = (struct wire_end){
		.ack_max = -1,
		.edge_max = -1,
		.wscale = -1,
		.got_wscale = -1,
		.edge = 0,
		.got_fin = -1,
		.heard_us = now_us,
		.progress_us = now_us,
	};
}

void wire_open(struct wire *w, uint32_t i, uint64_t now_us)
{
	struct wire_flow *f = &w->flows[i];

	for (unsigned k = 0; k < 2; k++) {
		end_reset(&f->ends[k], now_us);
		f->is_forgetful[k] = false;
	}
	f->is_muddled = false;
}

void wire_restart(struct wire *w, unsigned side)
{
	for (uint32_t i = 0; i < w->nb_flows; i++)
		w->flows[i].is_forgetful[side] = true;
}

int wire_find(const struct wire *w, const struct pkt *p, unsigned from)
{
	for (uint32_t i = 0; i < w->nb_flows; i++) {
		const struct flow *f = w->flows[i].flow;

		if (f->port[from] == p->sport && f->port[!from] == p->dport &&
		    ip_addr_is_equal(&f->addr[from], &p->src) &&
		    ip_addr_is_equal(&f->addr[!from], &p->dst))
			return (int)i;
	}
	return -1;
}

/* ---- a packet leaves ---- */

struct said {
	struct wire *w;
	int flow;
	unsigned from;
	const struct flow_end *app;
	struct wire_end *e, *peer;
	const struct pkt *p;
	int64_t seq, ack;
	uint64_t now_us;
};

__attribute__((format(printf, 2, 3))) static void object(const struct said *s, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	verdict_fail(s->w->verdict, s->flow, "side %u, flow %d: %s", s->from, s->flow, text);
}

static void check_shape(const struct said *s)
{
	const struct pkt *p = s->p;

	if (p->ip_len > s->w->mtu[s->from])
		object(s, "a packet of %u bytes on an MTU of %u", p->ip_len, s->w->mtu[s->from]);
	if ((p->flags & PKT_SYN) && (p->flags & (PKT_FIN | PKT_RST)))
		object(s, "flags %02x", p->flags);
	if (p->flags & PKT_URG)
		object(s, "urgent data");
	if (!(p->flags & (PKT_SYN | PKT_RST | PKT_ACK)))
		object(s, "flags %02x", p->flags);
	if (!(p->flags & PKT_SYN) && (p->mss != 0 || p->wscale >= 0 || p->sack_ok))
		object(s, "an option of the SYN on another segment");
	if ((p->flags & (PKT_SYN | PKT_RST)) && p->nb_sacks > 0)
		object(s, "SACK on flags %02x", p->flags);
	if ((p->flags & (PKT_SYN | PKT_RST)) && p->len > 0)
		object(s, "text on flags %02x", p->flags);
}

/* RFC 9293 3.5.2: resets of what one does not know, or has let go. */
static void say_rst(const struct said *s)
{
	const struct flow *f = s->w->flows[s->flow].flow;
	const bool is_passive = !f->is_simultaneous && f->opener != s->from;
	const bool has_let_go = s->app->is_done || s->app->closed_us != 0;
	/* The third ACK of a handshake may come when the cookie, or the entry, is gone. */
	const bool is_waiting = is_passive && s->app->conn == NULL;

	s->e->has_sent_rst = true;
	if (has_let_go || f->is_broken || s->w->flows[s->flow].is_forgetful[s->from])
		return;
	if (f->incarnation > 0 && (is_waiting || !s->e->has_spoken))
		return;
	/* A SYN that came twice got a cookie, then an entry: one of them is wrong. */
	if (is_waiting && (s->peer->has_sent_rst || s->e->nb_iss > 1))
		return;
	/* Both FINs are acknowledged, or it died, though the application has not looked yet. */
	if (s->app->conn != NULL && tcp_conn_state(s->app->conn) == TCP_S_CLOSED)
		return;
	object(s, "a reset out of the blue");
}

static void check_ecn(const struct said *s, bool is_resent)
{
	struct wire_end *e = s->e;
	const char *why;

	/* Behind the peer's FIN there are no marks to come, and TIME-WAIT remembers none. */
	if (e->got_fin >= 0 && s->ack > e->got_fin)
		e->ecn.owes_echo = false;
	why = wire_ecn_sent(&e->ecn, s->p, is_resent);
	if (why != NULL)
		object(s, "%s", why);
}

static void say_syn(const struct said *s)
{
	struct wire_end *e = s->e;
	const struct pkt *p = s->p;

	for (uint32_t i = 0; i < e->nb_iss; i++) {
		if (e->iss[i] == p->seq)
			goto known;
	}
	/* It answers a SYN of the incarnation before, or one that came late, when all is over. */
	if ((p->flags & PKT_ACK) && !e->got_syn && s->w->flows[s->flow].flow->incarnation > 0)
		return;
	if ((e->has_spoken && s->app->conn == NULL) ||
	    (e->nb_iss > 0 && !s->w->has_honest_peer[s->from])) {
		s->w->flows[s->flow].is_muddled = true;
		return;
	}
	if (e->has_spoken || e->nb_iss == WIRE_MAX_ISS) {
		object(s, "a second initial sequence number");
		return;
	}
	e->iss[e->nb_iss++] = p->seq;
	if (!e->is_chosen) {
		e->base = p->seq;
		e->snd_max = 1;
	}
known:
	check_ecn(s, false);
	if (p->wscale > 14)
		object(s, "a window scale of %d", p->wscale);
	if (p->mss == 0 || p->mss + (p->is_v6 ? 60u : 40u) > s->w->mtu[s->from])
		object(s, "an MSS of %u on an MTU of %u", p->mss, s->w->mtu[s->from]);
	if (p->flags & PKT_ACK) {
		if (!e->got_syn)
			object(s, "an answer to a SYN that did not come");
		if ((p->has_ts && !e->got_ts) || (p->sack_ok && !e->got_sack_ok) ||
		    (p->wscale >= 0 && e->got_wscale < 0))
			object(s, "an option that was not offered");
		e->ack_max = 1;
	}
	e->has_syn = true;
	e->wscale = p->wscale;
	e->mss = p->mss;
	e->sack_ok = p->sack_ok;
	e->has_ts = p->has_ts;
	e->tsval = p->tsval;
	/* Its window is never scaled (RFC 7323 2.2), and the peer's first byte has offset 1. */
	if (e->edge_max < 1 + p->wnd)
		e->edge_max = 1 + p->wnd;
}

/* Our SYN-ACK was one of several: the peer's ACK says which. */
static void choose_iss(const struct said *s)
{
	struct wire_end *y = s->peer;

	if (y->has_spoken || y->is_chosen)
		return;
	for (uint32_t i = 0; i < y->nb_iss; i++) {
		if (y->iss[i] + 1 == s->p->ack) {
			y->base = y->iss[i];
			y->is_chosen = true;
		}
	}
}

static void check_ack(const struct said *s)
{
	struct wire_end *e = s->e;

	if (!(s->p->flags & PKT_ACK)) {
		object(s, "no ACK");
		return;
	}
	if (s->ack > ranges_run_end(&e->got, 0) && !e->got.is_overfull)
		object(s, "ACK %" PRId64 ", but only %" PRId64 " has come whole", s->ack,
		       ranges_run_end(&e->got, 0));
	if (s->ack < e->ack_max)
		object(s, "ACK %" PRId64 " after %" PRId64, s->ack, e->ack_max);
	else
		e->ack_max = s->ack;
	e->ack_due_us = 0;
}

static void check_window(const struct said *s)
{
	struct wire_end *e = s->e;
	const int64_t unit = (int64_t)1 << scale_of(e);
	const int64_t edge = s->ack + (int64_t)s->p->wnd * unit;
	const int64_t most = 1 + (int64_t)s->app->recvd + s->w->rcv_buf[s->from] + unit;

	/* Behind the peer's FIN there is nothing to offer. */
	if (e->got_fin >= 0 && (s->ack > e->got_fin || !s->w->has_honest_peer[s->from]))
		return;
	/* RFC 7323 2.4: by less than the unit that the field counts in it may seem to. */
	if (edge <= e->edge_max - unit)
		object(s, "the right edge moves from %" PRId64 " to %" PRId64, e->edge_max, edge);
	if (edge > most && edge > e->edge_max && s->app->conn != NULL)
		object(s, "a right edge of %" PRId64 ": %" PRId64 " more than the buffer", edge,
		       edge - most);
	if (edge > e->edge_max)
		e->edge_max = edge;
}

static void check_sacks(const struct said *s)
{
	const struct wire_end *e = s->e;

	if (s->p->nb_sacks > 0 && !has_sack(e))
		object(s, "SACK without agreement");
	for (uint32_t i = 0; i < s->p->nb_sacks; i++) {
		const int64_t lo = offset_of(s->peer, s->p->sacks[i].lo);
		const int64_t hi = offset_of(s->peer, s->p->sacks[i].hi);

		if (lo >= hi)
			object(s, "an empty SACK block");
		/* A DSACK may be about a straggler of the incarnation before. */
		if (i == 0 && lo < 1 && s->w->flows[s->flow].flow->incarnation > 0)
			continue;
		if (!ranges_has(&e->got, lo, hi) && !e->got.is_overfull)
			object(s, "SACK of %" PRId64 "-%" PRId64 ", which has not come", lo, hi);
		/* RFC 2883: only the first may be about what is acknowledged or named again. */
		if (i > 0 && lo <= s->ack)
			object(s, "SACK block %u is below the ACK", i);
	}
}

static void check_timestamps(const struct said *s)
{
	struct wire_end *e = s->e;

	if (s->p->has_ts != has_ts(e)) {
		object(s, s->p->has_ts ? "a timestamp without agreement" : "no timestamp");
		return;
	}
	if (!s->p->has_ts)
		return;
	if (is_after(e->tsval, s->p->tsval))
		object(s, "timestamp %u after %u", s->p->tsval, e->tsval);
	/* Where options are noise there is no telling which timestamp was read. */
	if (e->has_tsval_seen && s->w->has_honest_peer[s->from] &&
	    is_after(s->p->tsecr, e->tsval_seen))
		object(s, "an echo of %u, which has not come", s->p->tsecr);
	if (e->has_spoken && is_after(e->tsecr, s->p->tsecr))
		object(s, "the echo goes back from %u to %u", e->tsecr, s->p->tsecr);
	e->tsval = s->p->tsval;
	e->tsecr = s->p->tsecr;
}

static uint32_t max_segment(const struct said *s)
{
	const uint32_t least = DEFAULT_MSS;
	uint32_t m = s->e->got_mss;

	if (m == 0)
		m = s->p->is_v6 ? DEFAULT_MSS_V6 : DEFAULT_MSS;
	m = m < s->e->mss ? m : s->e->mss;
	return m > least ? m : least;
}

static void check_bytes(const struct said *s)
{
	for (uint32_t i = 0; i < s->p->len; i++) {
		const uint64_t at = (uint64_t)(s->seq - 1) + i;

		if (s->p->text[i] != flow_pattern(s->app->salt, at)) {
			object(s, "byte %" PRIu64 " is not the application's", at);
			return;
		}
	}
}

static void check_text(const struct said *s)
{
	struct wire_end *e = s->e;
	const struct pkt *p = s->p;
	const int64_t end = s->seq + p->len;
	const int64_t last = 1 + (int64_t)s->app->sent;

	if (s->seq < 1 || end > last) {
		object(s, "text %" PRId64 "-%" PRId64 " of %" PRId64, s->seq, end, last);
		return;
	}
	check_bytes(s);
	if (s->seq > e->snd_max)
		object(s, "new text at %" PRId64 ", not %" PRId64, s->seq, e->snd_max);
	if (s->seq < e->una)
		object(s, "text at %" PRId64 " again, but %" PRId64 " is acknowledged", s->seq,
		       e->una);
	if (end > e->edge)
		object(s, "text up to %" PRId64 ", but the window ends at %" PRId64, end, e->edge);
	if (p->len + (p->hdr_len - p->ip_hdr_len - 20u) > max_segment(s))
		object(s, "%u bytes and %u of options in an MSS of %u", p->len,
		       p->hdr_len - p->ip_hdr_len - 20u, max_segment(s));
	if (s->w->has_honest_peer[s->from] && ranges_has(&e->sacked, s->seq, end) &&
	    !e->sacked.is_overfull)
		object(s, "text %" PRId64 "-%" PRId64 " again, which was SACKed", s->seq, end);
	e->burst += p->len;
}

static void check_fin(const struct said *s)
{
	const int64_t at = s->seq + s->p->len;

	if (!s->app->is_shut && s->app->closed_us == 0)
		object(s, "a FIN that nobody asked for");
	if (at != 1 + (int64_t)s->app->sent)
		object(s, "a FIN at %" PRId64 ", not %" PRIu64, at, 1 + s->app->sent);
	if (s->e->una > at)
		object(s, "the FIN again, which was acknowledged");
}

static void say_segment(struct said *s)
{
	struct wire_end *e = s->e;
	const struct pkt *p = s->p;
	const int64_t end = s->seq + p->len + ((p->flags & PKT_FIN) != 0);

	if (!e->got_syn) {
		object(s, "a segment before the peer's SYN has come");
		return;
	}
	check_ack(s);
	check_window(s);
	check_sacks(s);
	check_timestamps(s);
	check_ecn(s, end > s->seq && s->seq < e->snd_max);
	if (p->len > 0)
		check_text(s);
	if (p->flags & PKT_FIN)
		check_fin(s);
	if (p->len == 0 && (s->seq < e->una - 1 || s->seq > e->snd_max))
		object(s, "an empty segment at %" PRId64 ", not in %" PRId64 "-%" PRId64, s->seq,
		       e->una - 1, e->snd_max);
	if (end > s->seq && s->seq < e->snd_max)
		e->nb_rtx++;
	if (end > e->snd_max)
		e->snd_max = end;
	e->has_spoken = true;
}

/* A scripted peer: what its first SYN says, and how far its text goes, to count from there. */
static void note_scripted(const struct said *s)
{
	struct wire_end *e = s->e;
	const struct pkt *p = s->p;

	if (!e->has_syn && (p->flags & PKT_SYN)) {
		e->has_syn = true;
		e->base = p->seq;
		e->snd_max = 1;
		e->wscale = p->wscale;
		e->mss = p->mss;
		e->sack_ok = p->sack_ok;
		e->has_ts = p->has_ts;
	}
	if (!(p->flags & (PKT_SYN | PKT_RST)))
		choose_iss(s);
	const int64_t end = offset_of(e, p->seq) + p->len;

	if (p->len > 0 && end > e->snd_max && end < e->snd_max + 70000)
		e->snd_max = end;
}

void wire_sent(struct wire *w, int flow, unsigned from, const struct pkt *p, uint64_t now_us)
{
	struct wire_flow *f = &w->flows[flow];
	struct said s = {
		.w = w,
		.flow = flow,
		.from = from,
		.app = &f->flow->ends[from],
		.e = &f->ends[from],
		.peer = &f->ends[!from],
		.p = p,
		.now_us = now_us,
	};

	if (!w->is_checked[from]) {
		note_scripted(&s);
		return;
	}
	check_shape(&s);
	/* What a peer that misbehaves has ended it may begin anew. */
	if (!w->has_honest_peer[from] && s.e->has_spoken &&
	    (s.app->conn == NULL || tcp_conn_state(s.app->conn) == TCP_S_CLOSED))
		return;
	if (f->is_forgetful[from] && (p->flags & PKT_SYN))
		f->is_muddled = true;
	if (f->is_muddled)
		return;
	if (p->flags & PKT_RST) {
		say_rst(&s);
		return;
	}
	if (p->flags & PKT_SYN) {
		say_syn(&s);
		return;
	}
	if (!s.e->has_syn || f->is_forgetful[from]) {
		/* About the incarnation before: TIME-WAIT, or a peer that has forgotten. */
		if (f->flow->incarnation == 0 && !f->is_forgetful[from])
			object(&s, "a segment before its SYN");
		return;
	}
	/* It was let go, and perhaps revived by a cookie (RFC 4987 3.6): nobody's. */
	if (s.app->conn == NULL && (f->flow->is_broken || s.app->is_done) && w->uses_cookies[from])
		return;
	if (f->flow->is_broken && s.app->conn == NULL)
		return;
	choose_iss(&s);
	s.seq = offset_of(s.e, p->seq);
	s.ack = offset_of(s.peer, p->ack);
	say_segment(&s);
}

/* ---- a packet arrives ---- */

/* It cannot be refused: what it acknowledges is known from now on. */
static bool is_surely_taken(const struct wire_end *x, const struct pkt *p, int64_t seq, int64_t end,
			    int64_t ack)
{
	if (p->is_odd || !x->has_syn || !x->got_syn || !(p->flags & PKT_ACK) ||
	    (p->flags & PKT_RST))
		return false;
	if (ack < x->una || ack > x->snd_max)
		return false;
	if (p->flags & PKT_SYN)
		return !x->has_spoken && x->una == 0;
	/* Who answered by a cookie keeps nothing until what carries it comes. */
	if (!x->has_spoken && seq != 1)
		return false;
	if (has_ts(x) && (!p->has_ts || (x->has_tsval_seen && is_after(x->tsval_seen, p->tsval))))
		return false;
	return end >= x->ack_max && seq <= x->edge_max;
}

static void learn_sacks(struct wire_end *x, const struct pkt *p, int64_t ack, struct ranges *sacked,
			int64_t una)
{
	for (uint32_t i = 0; i < p->nb_sacks; i++) {
		const int64_t lo = offset_of(x, p->sacks[i].lo);
		const int64_t hi = offset_of(x, p->sacks[i].hi);

		if (lo > ack && hi <= x->snd_max)
			ranges_add(sacked, lo, hi);
	}
	ranges_forget(sacked, una);
}

static void learn_syn(struct wire_end *x, const struct pkt *p)
{
	if (x->got_syn)
		return;
	x->got_syn = true;
	x->got_ts = p->has_ts;
	x->got_sack_ok = p->sack_ok;
	x->got_wscale = p->wscale;
	x->got_mss = p->mss;
	x->tsval_seen = p->tsval;
	x->has_tsval_seen = p->has_ts;
}

static void learn_text(struct wire *w, struct wire_end *x, const struct pkt *p, int64_t seq,
		       bool is_taken, uint64_t now_us)
{
	const bool is_fin = p->flags & PKT_FIN;
	const int64_t end = seq + p->len + is_fin;
	const int64_t before = ranges_run_end(&x->got, 0);

	if (is_fin)
		x->got_fin = end - 1;
	ranges_add(&x->got, seq, end);
	if (is_taken && ranges_run_end(&x->got, 0) > before && x->ack_due_us == 0 && x->has_spoken)
		x->ack_due_us = now_us + w->ack_limit_us;
}

void wire_arrived(struct wire *w, int flow, unsigned to, const struct pkt *p, uint64_t now_us)
{
	struct wire_end *x = &w->flows[flow].ends[to], *y = &w->flows[flow].ends[!to];

	if (w->flows[flow].is_forgetful[to] || w->flows[flow].is_muddled)
		return;
	if (p->flags & PKT_RST) {
		x->got_rst = true;
		return;
	}
	if (p->flags & PKT_SYN) {
		/* A reply to something older is not for us. */
		if ((p->flags & PKT_ACK) && (!x->has_syn || p->ack != x->base + 1))
			return;
		if (!x->got_syn && y->nb_iss > 1 && !y->has_spoken)
			y->base = p->seq;
		learn_syn(x, p);
	}
	if (!y->has_syn || !x->got_syn)
		return;
	const int64_t seq = offset_of(y, p->seq);
	const int64_t end =
		seq + p->len + ((p->flags & PKT_FIN) != 0) + ((p->flags & PKT_SYN) != 0);
	const int64_t ack = offset_of(x, p->ack);
	const unsigned shift = p->flags & PKT_SYN ? 0 : scale_of(y);

	wire_ecn_arrived(&x->ecn, p,
			 x->has_spoken && seq < x->edge_max && x->got_fin < 0 &&
				 is_surely_taken(x, p, seq, end, ack));
	if (p->flags & PKT_SYN)
		ranges_add(&x->got, 0, 1);
	else
		learn_text(w, x, p, seq, is_surely_taken(x, p, seq, end, ack), now_us);
	if (!(p->flags & PKT_ACK)) {
		if ((p->flags & PKT_SYN) && x->edge < 1 + p->wnd)
			x->edge = 1 + p->wnd;
		return;
	}
	if (ack <= x->snd_max && ack + ((int64_t)p->wnd << shift) > x->edge)
		x->edge = ack + ((int64_t)p->wnd << shift);
	if (ack <= x->snd_max) {
		x->una_most = x->una_most > ack ? x->una_most : ack;
		learn_sacks(x, p, ack, &x->sacked_most, x->una_most);
	}
	if (is_surely_taken(x, p, seq, end, ack)) {
		if (ack > x->una)
			x->progress_us = now_us;
		x->una = ack;
		x->heard_us = now_us;
		learn_sacks(x, p, ack, &x->sacked, x->una);
	}
	if (p->has_ts && (!x->has_tsval_seen || is_after(p->tsval, x->tsval_seen))) {
		x->tsval_seen = p->tsval;
		x->has_tsval_seen = true;
	}
}

/* ---- as time goes by ---- */

void wire_check_time(struct wire *w, unsigned side, uint64_t now_us, bool can_speak)
{
	for (uint32_t i = 0; i < w->nb_flows; i++) {
		struct wire_flow *f = &w->flows[i];
		struct wire_end *e = &f->ends[side];
		const struct flow_end *app = &f->flow->ends[side];

		e->burst = 0;
		if (!can_speak && e->ack_due_us != 0)
			e->ack_due_us = now_us + w->ack_limit_us;
		if (e->ack_due_us == 0 || now_us <= e->ack_due_us)
			continue;
		e->ack_due_us = 0;
		if (app->conn == NULL || tcp_conn_error(app->conn) != 0 || f->is_forgetful[side] ||
		    e->got_rst)
			continue;
		verdict_fail(w->verdict, (int)i, "side %u, flow %u: no ACK in time for what came",
			     side, i);
	}
}
