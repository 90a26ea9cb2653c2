/* SPDX-License-Identifier: BSD-3-Clause */

/* Which segments SACK blocks mark (RFC 2018), against a model that knows no short cuts. */

#include "script.h"
#include "tcp/tcp_priv.h"

#include <string.h>

#define SCRIPT struct script *s = *state
#define MSS 1000u
#define NB 150u

static uint64_t rng_state = 1;

static uint32_t rnd(uint32_t n)
{
	uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) % n);
}

/* <nb> segments of MSS bytes are in flight. */
static void fill(struct script *s, uint32_t nb)
{
	sc_remake(s, 65535, 1u << 20, 16);
	sc_open(s, true);
	s->c->snd_wnd = s->c->max_snd_wnd = 1u << 20;
	s->c->cwnd = nb * MSS; /* the queue may have twice that */
	assert_int_equal(sc_write(s, nb * MSS), nb * MSS);
	/* The script's packets are 64 at a time. */
	for (s->c->cwnd = 30 * MSS; s->c->snd_nxt - s->c->snd_una < nb * MSS;
	     s->c->cwnd += 30 * MSS) {
		tcp_conn_want_output(s->c);
		assert_true(sc_out(s) > 0);
	}
	assert_int_equal(s->c->snd_nxt - s->c->snd_una, nb * MSS);
}

static void sack(struct script *s, uint32_t cum, const struct tcp_range *blocks, unsigned nb)
{
	struct tcp_opts o = {.nb_sacks = (uint8_t)nb};

	for (unsigned i = 0; i < nb; i++)
		o.sacks[i] = (struct tcp_range){s->iss + 1 + blocks[i].start * MSS,
						s->iss + 1 + blocks[i].end * MSS};
	sc_in_opts(s, ACK, 1, 1 + cum * MSS, 65535, NULL, 0, &o);
}

static void check(struct script *s, const bool *has, uint32_t cum)
{
	uint32_t sacked = 0, i = cum;

	for (uint32_t k = cum; k < NB; k++)
		sacked += has[k] ? MSS : 0;
	assert_int_equal(s->c->f->sacked, sacked);
	for (const struct tcp_seg *g = s->c->f->sndq_head; g != NULL; g = g->next, i++)
		assert_int_equal((g->flags & TCP_SEG_F_SACKED) != 0, has[i]);
	assert_int_equal(i, NB);
}

static void random_blocks_mark_what_they_cover(void **state)
{
	SCRIPT;

	for (unsigned round = 0; round < 60; round++) {
		bool has[NB] = {false};
		uint32_t cum = 0;

		fill(s, NB);
		for (unsigned step = 0; step < 60 && cum < NB - 10; step++) {
			struct tcp_range b[3];
			const unsigned nb = 1 + rnd(3);

			/* Now and then the left edge moves, over whatever is known already. */
			if (rnd(4) == 0)
				cum += rnd(8);
			while (cum < NB && has[cum])
				cum++;
			if (cum >= NB - 10)
				break;
			for (unsigned i = 0; i < nb; i++) {
				const uint32_t at = cum + 1 + rnd(NB - cum - 2);
				const uint32_t max = rnd(5) == 0 ? 40 : 4;
				uint32_t end = at + 1 + rnd(max);

				end = end > NB ? NB : end;
				b[i] = (struct tcp_range){at, end};
				for (uint32_t k = at; k < end; k++)
					has[k] = true;
			}
			sack(s, cum, b, nb);
			check(s, has, cum);
		}
		tcp_abort(s->c, s->now);
	}
}

static void block_that_ends_within_a_segment_marks_it_when_it_has_grown(void **state)
{
	SCRIPT;
	struct tcp_opts o = {.nb_sacks = 1};

	fill(s, 20);
	o.sacks[0] = (struct tcp_range){s->iss + 1 + 5 * MSS, s->iss + 1 + 6 * MSS + 500};
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	assert_int_equal(s->c->f->sacked, MSS);
	o.sacks[0].end += 500;
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	assert_int_equal(s->c->f->sacked, 2 * MSS);
	/* To the left as well. */
	o.sacks[0].start -= 1500;
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	assert_int_equal(s->c->f->sacked, 3 * MSS);
	tcp_abort(s->c, s->now);
}

static void blocks_that_cannot_be_true_are_ignored(void **state)
{
	SCRIPT;
	static const struct tcp_range bad[] = {{30, 40}, {15, 21}, {7, 7}, {9, 5}};

	fill(s, 20);
	for (unsigned i = 0; i < 4; i++) {
		sack(s, 0, &bad[i], 1);
		assert_int_equal(s->c->f->sacked, 0);
	}
	tcp_abort(s->c, s->now);
}

static void segment_is_found_by_any_of_its_numbers(void **state)
{
	SCRIPT;

	fill(s, NB);
	for (uint32_t off = 0; off < NB * MSS; off += 333) {
		const struct tcp_seg *g = tcp_sndq_find(s->c, s->iss + 1 + off);

		assert_non_null(g);
		assert_int_equal(g->seq, s->iss + 1 + off / MSS * MSS);
	}
	assert_null(tcp_sndq_find(s->c, s->iss + 1 + NB * MSS));
	/* After the stops before it have gone. */
	sc_in(s, ACK, 1, 1 + 100 * MSS, 65535, NULL, 0);
	assert_int_equal(tcp_sndq_find(s->c, s->iss + 1 + 140 * MSS)->seq, s->iss + 1 + 140 * MSS);
	assert_int_equal(tcp_sndq_find(s->c, s->iss + 1 + 101 * MSS)->seq, s->iss + 1 + 101 * MSS);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(random_blocks_mark_what_they_cover),
		T(block_that_ends_within_a_segment_marks_it_when_it_has_grown),
		T(blocks_that_cannot_be_true_are_ignored),
		T(segment_is_found_by_any_of_its_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
