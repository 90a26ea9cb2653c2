/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames into a worker's ring, and what a reader finds there. */

#include "io/capture.h"
#include "tests/lib/eal_test.h"

#include <rte_mbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rte_mempool *pool;
static struct capture_state state;
static alignas(64) uint8_t ring[CAPTURE_RING];
static _Atomic(uint64_t) tail;
static struct capture c;
static struct rdv_capture want;

static struct rte_mbuf *frame(uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)i;
	return m;
}

static void take(struct rte_mbuf *m, uint32_t port, bool is_out)
{
	capture_burst(&c, port, &m, 1, is_out);
	rte_pktmbuf_free(m);
}

static const struct capture_rec *at(uint64_t pos)
{
	return (const struct capture_rec *)(ring + pos % CAPTURE_RING);
}

static int set_up(void **)
{
	if (pool == NULL) {
		eal_test_init();
		pool = rte_pktmbuf_pool_create("capture", 255, 0, 0, 4096, 0);
	}
	memset(&state, 0, sizeof(state));
	memset(ring, 0, sizeof(ring));
	memset(&c, 0, sizeof(c));
	tail = 0;
	c.state = &state;
	c.ring = ring;
	c.tail = &tail;
	want = (struct rdv_capture){
		.port_mask = 1,
		.vlan = CAPTURE_ANY_VLAN,
		.direction = CAPTURE_IN | CAPTURE_OUT,
		.snaplen = CAPTURE_SNAPLEN_MAX,
	};
	return pool == NULL;
}

static void a_frame_is_copied_with_its_length_and_direction(void **)
{
	const struct capture_rec *r = at(0);

	assert_true(capture_begin(&c, &want, 77));
	take(frame(61), 0, true);
	assert_int_equal(state.head, RTE_ALIGN_CEIL(sizeof(*r) + 61, 8));
	assert_int_equal(r->len, state.head);
	assert_int_equal(r->caplen, 61);
	assert_int_equal(r->wire_len, 61);
	assert_int_equal(r->seq, 77);
	assert_int_equal(r->flags, CAPTURE_F_OUT);
	for (unsigned i = 0; i < 61; i++)
		assert_int_equal(((const uint8_t *)(r + 1))[i], i);
}

static void other_ports_directions_and_vlans_are_left_out(void **)
{
	want.direction = CAPTURE_IN;
	want.vlan = 0;
	assert_true(capture_begin(&c, &want, 1));
	take(frame(60), 1, false);
	take(frame(60), 0, true);
	take(frame(60), CAPTURE_PORTS, false);

	struct rte_mbuf *m = frame(60);

	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), "\x81\x00\x00\x07", 4);
	take(m, 0, false);
	assert_int_equal(state.head, 0);
	take(frame(60), 0, false);
	assert_true(state.head > 0);
	assert_int_equal(state.seen[0], 2);
	assert_int_equal(state.matched[0], 1);
}

static void a_tag_that_the_port_took_out_is_back_in_its_place(void **)
{
	const struct capture_rec *r = at(0);
	const uint8_t *p = (const uint8_t *)(r + 1);
	struct rte_mbuf *m = frame(60);

	m->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
	m->vlan_tci = 0x2007;
	want.vlan = 7;
	assert_true(capture_begin(&c, &want, 1));
	take(m, 0, false);
	assert_int_equal(r->caplen, 64);
	assert_int_equal(r->vlan, 7);
	assert_int_equal(p[11], 11);
	assert_memory_equal(p + 12, "\x81\x00\x20\x07", 4);
	assert_int_equal(p[16], 12);
	assert_int_equal(p[63], 59);
}

static void a_filter_sees_what_is_on_the_wire(void **)
{
	/* ldh [12]; jeq #0x8100 ret 65535 else ret 0 */
	static const struct capture_insn prog[] = {
		{0x28, 0, 0, 12}, {0x15, 0, 1, 0x8100}, {0x06, 0, 0, 65535}, {0x06, 0, 0, 0}};
	struct rte_mbuf *m = frame(60), *chain = frame(10);

	memcpy(want.insn, prog, sizeof(prog));
	want.nb_insns = 4;
	assert_true(capture_begin(&c, &want, 1));
	take(frame(60), 0, false);
	assert_int_equal(state.matched[0], 0);
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	take(m, 0, true);
	assert_int_equal(state.matched[0], 1);
	/* The field lies in the chain's second buffer. */
	struct rte_mbuf *rest = frame(50);

	memcpy(rte_pktmbuf_mtod_offset(rest, uint8_t *, 2), "\x81\x00", 2);
	assert_int_equal(rte_pktmbuf_chain(chain, rest), 0);
	take(chain, 0, true);
	assert_int_equal(state.matched[0], 2);
}

static void a_program_that_could_run_away_is_refused(void **)
{
	want.nb_insns = 1;
	want.insn[0] = (struct capture_insn){0x05, 0, 0, 0xffffffff}; /* ja -1 */
	assert_false(capture_begin(&c, &want, 1));
	want.insn[0] = (struct capture_insn){0x28, 0, 0, 12}; /* no ret at the end */
	assert_false(capture_begin(&c, &want, 1));
	want.nb_insns = CAPTURE_INSNS + 1;
	assert_false(capture_begin(&c, &want, 1));
}

static void long_frames_are_cut_and_chains_are_put_together(void **)
{
	const struct capture_rec *r = at(0);
	const uint8_t *p = (const uint8_t *)(r + 1);
	struct rte_mbuf *m = frame(100);

	assert_int_equal(rte_pktmbuf_chain(m, frame(100)), 0);
	want.snaplen = 150;
	assert_true(capture_begin(&c, &want, 1));
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
	take(m, 0, true);
	assert_int_equal(r->caplen, 150);
	assert_int_equal(r->wire_len, 200);
	assert_int_equal(r->flags, CAPTURE_F_OUT | CAPTURE_F_TSO);
	assert_int_equal(p[99], 99);
	assert_int_equal(p[100], 0);
	assert_int_equal(p[149], 49);
}

static void a_full_ring_drops_and_counts(void **)
{
	uint64_t head;

	assert_true(capture_begin(&c, &want, 1));
	while (state.dropped[0] == 0)
		take(frame(2000), 0, false);
	head = state.head;
	assert_true(head <= CAPTURE_RING && head > CAPTURE_RING - 2100);
	take(frame(2000), 0, false);
	assert_int_equal(state.head, head);
	assert_int_equal(state.dropped[0], 2);
	tail = head;
	take(frame(2000), 0, false);
	assert_int_equal(state.dropped[0], 2);
	/* A reader that claims what was never written gets nothing. */
	tail = UINT64_MAX - 5;
	take(frame(2000), 0, false);
	assert_int_equal(state.dropped[0], 3);
}

/* The same numbers each time. */
static uint32_t dice(void)
{
	static uint32_t last = 1;

	last = last * 1664525u + 1013904223u;
	return last >> 8;
}

static void a_reader_finds_every_record_round_and_round(void **)
{
	uint64_t pos = 0;
	uint32_t nb = 0;

	assert_true(capture_begin(&c, &want, 1));
	for (unsigned i = 0; i < 5000; i++) {
		const uint32_t len = 14 + (uint32_t)dice() % 2000;

		take(frame(len), 0, false);
		while (pos < state.head) {
			const struct capture_rec *r = at(pos);
			const uint32_t n = r->len & ~CAPTURE_PAD;

			assert_true(n >= 8 && n % 8 == 0 && n <= CAPTURE_RING - pos % CAPTURE_RING);
			if (!(r->len & CAPTURE_PAD)) {
				assert_int_equal(r->caplen, len);
				nb++;
			}
			pos += n;
		}
		assert_int_equal(pos, state.head);
		tail = pos;
	}
	assert_int_equal(nb, 5000);
	assert_true(pos > 4 * (uint64_t)CAPTURE_RING);
}

#define T(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_frame_is_copied_with_its_length_and_direction),
		T(other_ports_directions_and_vlans_are_left_out),
		T(a_tag_that_the_port_took_out_is_back_in_its_place),
		T(a_filter_sees_what_is_on_the_wire),
		T(a_program_that_could_run_away_is_refused),
		T(long_frames_are_cut_and_chains_are_put_together),
		T(a_full_ring_drops_and_counts),
		T(a_reader_finds_every_record_round_and_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
