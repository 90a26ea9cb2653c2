/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/peer.h"

#include "tests/sim/craft.h"
#include "tests/sim/sim.h"

#include <string.h>

#define MAX_TEXT 1400u

/* One time in four, for a peer of that kind. */
static bool does(struct sim *s, uint32_t trait)
{
	return (s->peer.traits & trait) && rng_one_in(&s->rng, 4);
}

void peer_begin(struct sim *s)
{
	struct peer *p = &s->peer;
	struct rng *r = &s->rng;

	p->is_on = s->sc.has_peer;
	if (!p->is_on)
		return;
	*p = (struct peer){
		.is_on = true,
		.iss = rng_one_in(r, 3) ? 0u - (uint32_t)rng_in(r, 1, 30000)
					: (uint32_t)rng_next(r),
		.ts_off = (uint32_t)rng_next(r),
		.wscale = (int)rng_in(r, 0, 15) - 1,
		.to_send = rng_in(r, 0, 60000),
		.nb_left = (uint32_t)rng_in(r, 20, 600),
		.next_us = s->now_us,
		.last_us = s->now_us,
	};
	for (uint32_t i = 0; i < PEER_NB_TRAITS; i++)
		p->traits |= rng_one_in(r, 5) ? 1u << i : 0;
	p->snd_nxt = p->snd_una = p->snd_max = p->iss;
}

/* ---- what it says ---- */

static uint32_t clock_of(struct sim *s)
{
	uint32_t ts = (uint32_t)(s->now_us / 1000) + s->peer.ts_off;

	if (does(s, PEER_CLOCK))
		ts += (uint32_t)(rng_in(&s->rng, 0, 2000000) - 1000000);
	return ts;
}

static void put_ts(struct sim *s, struct craft *c)
{
	uint8_t *o = c->options + c->options_len;

	o[0] = 1;
	o[1] = 1;
	o[2] = 8;
	o[3] = 10;
	craft_put32(o + 4, clock_of(s));
	craft_put32(o + 8, s->peer.ts_recent);
	c->options_len += 12;
}

static void put_sacks(struct sim *s, struct craft *c, int64_t next)
{
	const struct peer *p = &s->peer;
	uint8_t *o = c->options + c->options_len;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->got.nb && n < 2; i++) {
		if (p->got.r[i].lo <= next)
			continue;
		craft_put32(o + 4 + 8 * n, p->irs + (uint32_t)p->got.r[i].lo);
		craft_put32(o + 8 + 8 * n, p->irs + (uint32_t)p->got.r[i].hi);
		n++;
	}
	if (does(s, PEER_SACK_LIES)) {
		const uint32_t lo =
			p->irs + (uint32_t)next + (uint32_t)rng_in(&s->rng, 0, 40000) - 5000;

		craft_put32(o + 4 + 8 * n, lo);
		craft_put32(o + 8 + 8 * n, lo + (uint32_t)rng_in(&s->rng, 0, 8000) - 500);
		n++;
	}
	if (n == 0)
		return;
	o[0] = 1;
	o[1] = 1;
	o[2] = 5;
	o[3] = (uint8_t)(2 + 8 * n);
	c->options_len += 4 + 8 * n;
}

static void put_noise(struct sim *s, struct craft *c)
{
	const uint32_t n = (uint32_t)rng_in(&s->rng, 0, 40 - c->options_len);

	for (uint32_t i = 0; i < n; i++)
		c->options[c->options_len + i] =
			(uint8_t)(rng_one_in(&s->rng, 2) ? rng_in(&s->rng, 0, 10)
							 : rng_next(&s->rng));
	c->options_len += n;
}

static void emit(struct sim *s, struct craft *c)
{
	const struct flow *f = &s->flows[0];
	struct rte_mbuf *m;

	if (s->peer.nb_left == 0)
		return;
	s->peer.nb_left--;
	c->src = f->addr[1];
	c->dst = f->addr[0];
	c->sport = f->port[1];
	c->dport = f->port[0];
	if (does(s, PEER_FLAGS)) {
		c->flags ^= (uint8_t)(1u << rng_in(&s->rng, 3, 7));
		c->urgent = (uint16_t)rng_next(&s->rng);
	}
	m = craft_packet(s->sides[1].cut_pool, c);
	if (m != NULL)
		sim_send_crafted(s, m);
}

static void say_syn(struct sim *s, uint8_t flags)
{
	struct peer *p = &s->peer;
	struct craft c = {
		.seq = p->iss,
		.ack = flags & PKT_ACK ? p->irs + 1 : 0,
		.wnd = (uint16_t)rng_next(&s->rng),
		.flags = flags,
	};
	const uint16_t mss = (uint16_t)rng_in(&s->rng, 1, 2000);
	uint8_t *o = c.options;

	if (!p->has_sent_syn) {
		/* It never takes back what its first one has said. */
		p->has_sent_syn = true;
		p->has_ts = rng_one_in(&s->rng, 2) && (!(flags & PKT_ACK) || p->has_ts);
		p->has_sack = rng_one_in(&s->rng, 2) && (!(flags & PKT_ACK) || p->has_sack);
	}
	*o++ = 2;
	*o++ = 4;
	craft_put16(o, mss);
	o += 2;
	if (p->has_sack) {
		*o++ = 4;
		*o++ = 2;
		*o++ = 1;
		*o++ = 1;
	}
	if (p->wscale >= 0) {
		*o++ = 1;
		*o++ = 3;
		*o++ = 3;
		*o++ = (uint8_t)p->wscale;
	}
	c.options_len = (uint32_t)(o - c.options);
	if (p->has_ts)
		put_ts(s, &c);
	p->snd_nxt = p->snd_max = p->iss + 1;
	emit(s, &c);
}

static void say_ack(struct sim *s, uint32_t seq, uint8_t flags, const uint8_t *text, uint32_t len)
{
	struct peer *p = &s->peer;
	const int64_t next = ranges_run_end(&p->got, 0);
	struct craft c = {
		.seq = seq,
		.ack = p->irs + (uint32_t)next,
		.wnd = 20000,
		.flags = flags | PKT_ACK,
		.text = text,
		.len = len,
	};

	if (does(s, PEER_OPTIMISTIC))
		c.ack += (uint32_t)rng_in(&s->rng, 0, 20000);
	if (does(s, PEER_OLD))
		c.ack -= (uint32_t)rng_in(&s->rng, 0, 20000);
	if (s->peer.traits & PEER_SHRINKS)
		c.wnd = (uint16_t)(rng_one_in(&s->rng, 3) ? 0 : rng_in(&s->rng, 0, 30000));
	if (p->has_ts)
		put_ts(s, &c);
	if (p->has_sack)
		put_sacks(s, &c, next);
	if (does(s, PEER_OPTIONS))
		put_noise(s, &c);
	emit(s, &c);
}

static void divide(struct sim *s)
{
	struct peer *p = &s->peer;
	const int64_t next = ranges_run_end(&p->got, 0);
	const uint32_t n = (uint32_t)rng_in(&s->rng, 2, 20);

	for (uint32_t i = 0; i < n; i++) {
		struct craft c = {
			.seq = p->snd_nxt,
			.ack = p->irs + (uint32_t)next - n + 1 + i,
			.wnd = 20000,
			.flags = PKT_ACK,
		};

		if (p->has_ts)
			put_ts(s, &c);
		emit(s, &c);
	}
}

static void say_text(struct sim *s)
{
	struct peer *p = &s->peer;
	uint8_t text[MAX_TEXT];
	uint32_t at = p->snd_nxt, flags = 0;
	uint32_t len = (uint32_t)rng_in(&s->rng, 1, MAX_TEXT);

	/* Without an answer for a while it goes back to where it knows of. */
	if (does(s, PEER_OLD) || s->now_us - p->last_us > 300000) {
		at = p->snd_una;
		p->last_us = s->now_us;
	}
	if (does(s, PEER_BEYOND))
		at += (uint32_t)rng_in(&s->rng, 0, 200000) - 60000;
	const uint32_t off = at - p->iss - 1;

	if (off + len > p->to_send && off <= p->to_send)
		len = (uint32_t)(p->to_send - off);
	if (off + len == p->to_send || does(s, PEER_FINS))
		flags |= PKT_FIN;
	for (uint32_t i = 0; i < len; i++)
		text[i] = flow_pattern(s->flows[0].ends[1].salt, (uint32_t)(off + i));
	if (does(s, PEER_OVERLAP))
		text[0] ^= 0x55;
	if ((int32_t)(at + len - p->snd_max) > 0 && at == p->snd_nxt)
		p->snd_max = at + len;
	if (at == p->snd_nxt)
		p->snd_nxt = at + len;
	say_ack(s, at, (uint8_t)flags, text, len);
}

static void say_trouble(struct sim *s)
{
	struct peer *p = &s->peer;
	struct craft c = {.ack = p->irs + (uint32_t)ranges_run_end(&p->got, 0)};

	if (does(s, PEER_RST_GUESS)) {
		c.seq = p->snd_una + (uint32_t)rng_in(&s->rng, 0, 4000) - 2000;
		c.flags = PKT_RST | (rng_one_in(&s->rng, 2) ? PKT_ACK : 0);
		emit(s, &c);
	}
	if (does(s, PEER_SYNS)) {
		c.seq = (uint32_t)rng_next(&s->rng);
		c.flags = PKT_SYN | (rng_one_in(&s->rng, 2) ? PKT_ACK : 0);
		emit(s, &c);
	}
	if (does(s, PEER_RENEGES)) {
		const int64_t next = ranges_run_end(&p->got, 0);

		ranges_clear(&p->got);
		ranges_add(&p->got, 0, next);
	}
	for (uint32_t i = does(s, PEER_DUPACKS) ? 12 : 0; i > 0; i--)
		say_ack(s, p->snd_nxt, 0, NULL, 0);
	if (does(s, PEER_DIVIDES))
		divide(s);
}

/* ---- what it hears ---- */

void peer_input(struct sim *s, const struct pkt *k)
{
	struct peer *p = &s->peer;

	if (k->flags & PKT_RST) {
		p->nb_left = p->nb_left < 3 ? p->nb_left : 3;
		return;
	}
	if (k->has_ts)
		p->ts_recent = k->tsval;
	if (k->flags & PKT_SYN) {
		if (!p->is_open && p->got.nb == 0) {
			p->irs = k->seq;
			ranges_add(&p->got, 0, 1);
			if (!p->has_sent_syn || !(k->flags & PKT_ACK)) {
				p->has_ts = k->has_ts;
				p->has_sack = k->sack_ok;
			} else {
				p->has_ts = p->has_ts && k->has_ts;
				p->has_sack = p->has_sack && k->sack_ok;
			}
		}
		if (k->flags & PKT_ACK) {
			p->is_open = true;
			say_ack(s, p->snd_nxt, 0, NULL, 0);
		} else {
			say_syn(s, PKT_SYN | PKT_ACK);
		}
		return;
	}
	if (!(k->flags & PKT_ACK))
		return;
	p->is_open = true;
	const int64_t at = (int32_t)(k->seq - p->irs);

	ranges_add(&p->got, at, at + k->len + ((k->flags & PKT_FIN) != 0));
	if ((int32_t)(k->ack - p->snd_una) > 0) {
		p->snd_una = k->ack;
		p->last_us = s->now_us;
	}
	if (k->len > 0 || (k->flags & PKT_FIN))
		say_ack(s, p->snd_nxt, 0, NULL, 0);
}

void peer_run(struct sim *s)
{
	struct peer *p = &s->peer;

	if (!p->is_on || s->now_us < p->next_us)
		return;
	p->next_us = s->now_us + rng_in(&s->rng, 1, rng_one_in(&s->rng, 20) ? 2000000 : 20000);
	if (p->nb_left == 0) {
		/* It says no more; an end that waits for it to open waits no longer. */
		p->next_us = UINT64_MAX;
		if (s->flows[0].ends[0].conn == NULL)
			s->flows[0].ends[0].is_done = true;
		return;
	}
	if (!p->is_open) {
		if (s->flows[0].opener == 1)
			say_syn(s, PKT_SYN);
		else
			p->nb_left--;
		return;
	}
	say_trouble(s);
	if (p->snd_nxt - p->iss - 1 <= p->to_send)
		say_text(s);
	else
		say_ack(s, p->snd_nxt, 0, NULL, 0);
}

uint64_t peer_next_us(const struct sim *s)
{
	return s->peer.is_on ? s->peer.next_us : UINT64_MAX;
}
