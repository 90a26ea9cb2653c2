/* SPDX-License-Identifier: BSD-3-Clause */

#include "play.h"

#include "verbs.h"

#include <rte_common.h>

#include <string.h>

/*
 * How late a segment may be: the timer wheel rounds up to ticks of 256 us, and a timer that is
 * armed by another one is as late as both.
 */
#define LATE_US 1000u

/* ---- set-up ---- */

static bool setup_params(struct world *w, const struct args *a)
{
	struct setup *s = &w->setup;
	const struct {
		const char *name;
		uint32_t *at;
	} names[] = {
		{"rcv_buf", &s->rcv_buf}, {"snd_buf", &s->snd_buf}, {"mss", &s->mss},
		{"backlog", &s->backlog}, {"conns", &s->conns},     {"rx_mbufs", &s->rx_mbufs},
	};

	for (unsigned i = 1; i < a->nb; i += 2) {
		bool known = false;

		if (is(a, i, "congestion")) {
			s->newreno = is(a, i + 1, "newreno");
			known = s->newreno || is(a, i + 1, "cubic");
		}
		if (is(a, i, "ecn")) {
			s->ecn = is(a, i + 1, "ask")   ? TCP_ECN_ASK
				 : is(a, i + 1, "off") ? TCP_ECN_OFF
						       : TCP_ECN_ACCEPT;
			known = s->ecn != TCP_ECN_ACCEPT || is(a, i + 1, "accept");
		}
		if (is(a, i, "plpmtud")) {
			s->plpmtud = is(a, i + 1, "on");
			known = s->plpmtud || is(a, i + 1, "off");
		}
		for (size_t k = 0; k < RTE_DIM(names); k++) {
			if (is(a, i, names[k].name)) {
				*names[k].at = number(w, a, i + 1);
				known = true;
			}
		}
		if (!known)
			world_fail(w, "'%s' is no parameter, or its value is wrong", a->word[i]);
	}
	return true;
}

bool play_setup(struct world *w, const struct line *l)
{
	const struct args a = {l->word, l->nb};
	bool found = true;

	if (is(&a, 0, "family")) {
		only(w, &a, 2);
		w->setup.ipv6 = is(&a, 1, "ipv6");
		w->setup.as_ipv6 = false;
		if (!w->setup.ipv6 && !is(&a, 1, "ipv4"))
			world_fail(w, "a family is ipv4 or ipv6");
	} else if (is(&a, 0, "isn")) {
		only(w, &a, 3);
		if (is(&a, 1, "peer")) {
			w->setup.peer_isn = number(w, &a, 2);
		} else if (is(&a, 1, "local")) {
			w->setup.local_isn = number(w, &a, 2);
			w->setup.has_local_isn = true;
		} else {
			world_fail(w, "'isn' is followed by peer or local");
		}
	} else if (is(&a, 0, "params")) {
		setup_params(w, &a);
	} else {
		found = false;
	}
	if (found && w->st != NULL)
		world_fail(w, "'%s' comes too late: the stack is made", l->word[0]);
	return found;
}

/* ---- segments that leave ---- */

static void text_of(const struct segment *g, char ret[static JOURNAL_WIDTH])
{
	segment_print(g, ret, JOURNAL_WIDTH);
}

static const struct opt *find_opt(const struct segment *g, enum opt_kind kind)
{
	for (unsigned i = 0; i < g->nb_opts; i++) {
		if (g->opts[i].kind == kind)
			return &g->opts[i];
	}
	return NULL;
}

static bool is_same_opt(const struct opt *want, const struct opt *got)
{
	if (!want->any_value && want->value != got->value)
		return false;
	if (!want->any_echo && want->echo != got->echo)
		return false;
	if (want->kind != OPT_SACK)
		return true;
	return want->nb == got->nb &&
	       memcmp(want->block, got->block, want->nb * sizeof(want->block[0])) == 0;
}

/* Without a list: a SYN's are not looked at; of other segments a timestamp is not. */
static const char *compare_opts(const struct segment *want, const struct segment *got)
{
	if (!want->has_opts) {
		for (unsigned i = 0; i < got->nb_opts && !(got->flags & SYN); i++) {
			if (got->opts[i].kind != OPT_TS)
				return "an option that is not wanted";
		}
		return NULL;
	}
	for (unsigned i = 0; i < want->nb_opts; i++) {
		const struct opt *o = find_opt(got, want->opts[i].kind);

		if (o == NULL)
			return "an option is not there";
		if (!is_same_opt(&want->opts[i], o))
			return "an option's value";
	}
	return want->nb_opts != got->nb_opts ? "more options than wanted" : NULL;
}

/* NULL, or what is not as wanted. PSH counts when it is asked for. */
static const char *compare(const struct segment *want, const struct segment *got)
{
	const uint8_t mask = want->flags & PSH ? 0xff : (uint8_t)~PSH;

	if ((got->flags & mask) != want->flags)
		return "the flags";
	if (got->seq != want->seq)
		return "the sequence number";
	if (got->len != want->len)
		return "the length";
	if (got->ack != want->ack)
		return "the acknowledgement";
	if (want->has_wnd && got->wnd != want->wnd)
		return "the window";
	if (want->has_urg && got->urg != want->urg)
		return "the urgent pointer";
	if (want->has_ecn && got->ecn != want->ecn)
		return "the ECN bits";
	return compare_opts(want, got);
}

static void expect_one(struct world *w, const struct segment *want, uint64_t at_us)
{
	char wanted[JOURNAL_WIDTH], got[JOURNAL_WIDTH];

	text_of(want, wanted);
	world_advance_to_output(w, at_us + LATE_US);
	if (w->nb_pending == 0)
		world_fail(w, "expected  > %s\n  but nothing was sent until %.6f", wanted,
			   (double)(at_us + LATE_US) / 1e6);
	struct pending *p = &w->pending[w->first_pending];
	const char *wrong = compare(want, &p->seg);

	text_of(&p->seg, got);
	if (wrong == NULL && p->peer != w->peer)
		wrong = "the peer";
	if (wrong == NULL && p->at_us + 1 < at_us)
		wrong = "the time: it came early";
	if (wrong == NULL && p->at_us > at_us + LATE_US)
		wrong = "the time: it came late";
	if (wrong != NULL)
		world_fail(w, "expected  > %s\n  what came  > %s  at %.6f\n  differs in %s", wanted,
			   got, (double)p->at_us / 1e6, wrong);
	w->first_pending = (w->first_pending + 1) % MAX_PENDING;
	w->nb_pending--;
}

static void no_pending(struct world *w)
{
	char got[JOURNAL_WIDTH];

	if (w->nb_pending == 0)
		return;
	const struct pending *p = &w->pending[w->first_pending];

	text_of(&p->seg, got);
	world_fail(w, "nothing was expected, but this was sent at %.6f\n  > %s%s",
		   (double)p->at_us / 1e6, got, p->peer != w->peer ? "  (to another peer)" : "");
}

void play_end(struct world *w)
{
	no_pending(w);
}

/* ---- trains ---- */

static void for_each(struct world *w, const struct segment *train, uint64_t at_us,
		     void (*fn)(struct world *w, const struct segment *g, uint64_t at_us))
{
	struct segment g = *train;

	if (train->step == 0) {
		fn(w, train, at_us);
		return;
	}
	for (uint32_t done = 0; done < train->len; done += g.len) {
		g.seq = train->seq + done;
		g.len = RTE_MIN(train->step, train->len - done);
		/* FIN ends a train. */
		g.flags = train->flags;
		if (done + g.len < train->len)
			g.flags &= (uint8_t) ~(FIN | PSH);
		fn(w, &g, at_us);
	}
}

static void send_one(struct world *w, const struct segment *g, uint64_t)
{
	world_send(w, g);
}

static void segment_of(struct world *w, const struct args *a, struct segment *ret)
{
	const char *wrong = parse_segment(a->word + 1, a->nb - 1, ret);

	if (wrong != NULL)
		world_fail(w, "%s", wrong);
}

static void do_in(struct world *w, const struct args *a)
{
	struct segment g;

	segment_of(w, a, &g);
	for_each(w, &g, 0, send_one);
}

static void do_out(struct world *w, const struct args *a, uint64_t at_us)
{
	struct segment g;

	if (is(a, 1, "nothing")) {
		only(w, a, 2);
		world_advance(w, at_us);
		no_pending(w);
		return;
	}
	if (is(a, 1, "anything")) {
		only(w, a, 2);
		world_advance(w, at_us);
		w->nb_pending = 0;
		return;
	}
	segment_of(w, a, &g);
	for_each(w, &g, at_us, expect_one);
}

/* ---- lines ---- */

static void play_verb(struct world *w, const struct args *a, uint64_t at_us)
{
	static const struct verb in = {"<", do_in, false};
	const struct verb *v = is(a, 0, "<") ? &in : verb_find(a->word[0]);

	if (is(a, 0, ">")) {
		do_out(w, a, at_us);
		return;
	}
	if (v == NULL)
		world_fail(w, "'%s' is no word that a line begins with", a->word[0]);
	world_advance(w, at_us);
	/* What the stack did before this line had to be said before this line. */
	if (!v->looks)
		no_pending(w);
	if (v != &in && !v->looks)
		world_note(w, "  %s%s%s", a->word[0], a->nb > 1 ? " " : "",
			   a->nb > 1 ? a->word[1] : "");
	v->fn(w, a);
	world_settle(w);
}

void play_line(struct world *w, const struct line *l, uint64_t *clock_us)
{
	struct args a = {l->word, l->nb};
	uint32_t times = 1;

	world_start(w);
	if (l->has_time)
		*clock_us = l->is_relative ? *clock_us + l->time_us : l->time_us;
	if (*clock_us + LATE_US < world_time(w))
		world_fail(w, "time does not run backwards: it is %.6f already",
			   (double)world_time(w) / 1e6);
	if (is(&a, 0, "repeat")) {
		times = number(w, &a, 1);
		if (a.nb < 3 || is(&a, 2, ">"))
			world_fail(w, "repeat N is followed by something to do");
		a.word += 2;
		a.nb -= 2;
	}
	for (uint32_t i = 0; i < times; i++) {
		play_verb(w, &a, *clock_us);
		if (times > 1 && is(&a, 0, "<"))
			w->nb_pending = 0;
	}
}
