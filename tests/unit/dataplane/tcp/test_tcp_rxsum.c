/* SPDX-License-Identifier: BSD-3-Clause */

/* What a port says of a checksum, against what it is. */

#include "script.h"

#include <rte_mbuf.h>

#define SCRIPT struct script *s = *state

static void a_port_is_believed_when_it_calls_a_segment_sound(void **state)
{
	static const struct {
		uint64_t says;
		bool is_right, is_taken;
	} rows[] = {
		{RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, true, true},
		{RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN, false, false},
		{RTE_MBUF_F_RX_L4_CKSUM_GOOD, true, true},
		{RTE_MBUF_F_RX_L4_CKSUM_GOOD, false, true},
		/* Nobody has summed it: it comes from the same machine. */
		{RTE_MBUF_F_RX_L4_CKSUM_NONE, false, true},
		/* Looked into: some ports say it too easily. */
		{RTE_MBUF_F_RX_L4_CKSUM_BAD, true, true},
		{RTE_MBUF_F_RX_L4_CKSUM_BAD, false, false},
	};
	SCRIPT;
	uint32_t seq = 1, nb_refused = 0;
	uint8_t got[200];

	sc_open(s, true);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s->rx_flags = rows[i].says;
		s->spoils_sums = !rows[i].is_right;
		sc_in(s, ACK, seq, 1, 65535, NULL, 100);
		assert_int_equal(sc_read(s, got, sizeof(got)), rows[i].is_taken ? 100 : 0);
		seq += rows[i].is_taken ? 100 : 0;
		nb_refused += !rows[i].is_taken;
		assert_int_equal(s->counters[OUTCOME_TCP_CHECKSUM], nb_refused);
		(void)sc_out(s);
	}
	tcp_abort(s->c, s->now);
}

/* Of IP's header a port may say what it likes. */
static void what_it_says_of_ip_is_no_word_on_tcp(void **state)
{
	SCRIPT;
	uint8_t got[200];

	sc_open(s, true);
	s->rx_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	s->spoils_sums = true;
	sc_in(s, ACK, 1, 1, 65535, NULL, 100);
	assert_int_equal(sc_read(s, got, sizeof(got)), 0);
	assert_int_equal(s->counters[OUTCOME_TCP_CHECKSUM], 1);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, sc_setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_port_is_believed_when_it_calls_a_segment_sound),
		T(what_it_says_of_ip_is_no_word_on_tcp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
