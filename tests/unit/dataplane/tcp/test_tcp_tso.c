/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is special about segments that leave as one packet; that a connection behaves alike with
 * and without is shown by the other tests, which run both ways.
 */

#include "script.h"
#include "tests/lib/gso.h"

#include <rte_ethdev.h>
#include <rte_gso.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <string.h>

#define SCRIPT struct script *s = *state

static int setup(void **state)
{
	const int rc = sc_setup(state);
	struct script *s = *state;

	if (rc == 0) {
		s->has_tso = true;
		sc_remake(s, 65535, 65536, 16);
	}
	return rc;
}

/* The one packet that leaves now, uncut; the caller frees it. */
static struct rte_mbuf *one_packet(struct script *s)
{
	struct rte_mbuf *m[2];

	assert_int_equal(tcp_output(s->st, m, 2, s->now), 1);
	return m[0];
}

static void full_segments_leave_as_one_packet(void **state)
{
	SCRIPT;

	sc_open(s, true);
	const uint64_t before = s->counters[OUTCOME_TCP_SEGS_OUT];

	assert_int_equal(sc_write(s, 4500), 4500);
	assert_int_equal(sc_out(s), 5);
	assert_int_equal(s->nb_cut, 1);
	assert_int_equal(s->counters[OUTCOME_TCP_SEGS_OUT] - before, 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(s->out[i].seq, 1 + 1000 * i);
		assert_int_equal(s->out[i].len, i == 4 ? 500 : 1000);
		assert_int_equal(s->out[i].flags, i == 4 ? ACK | PSH : ACK);
		for (unsigned k = 0; k < s->out[i].len; k++)
			assert_int_equal(s->out[i].data[k], (uint8_t)(1000 * i + k));
	}
	tcp_abort(s->c, s->now);
}

static void fin_is_on_the_last_piece_only(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_write(s, 2500);
	tcp_shutdown(s->c, s->now);
	assert_int_equal(sc_out(s), 3);
	assert_int_equal(s->nb_cut, 1);
	assert_int_equal(s->out[0].flags, ACK);
	assert_int_equal(s->out[1].flags, ACK);
	assert_int_equal(s->out[2].flags, ACK | PSH | FIN);
	tcp_abort(s->c, s->now);
}

static void a_fin_after_full_segments_goes_alone(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_write(s, 2000);
	assert_int_equal(sc_out(s), 2);
	sc_write(s, 2000);
	tcp_shutdown(s->c, s->now);
	assert_int_equal(sc_out(s), 2);
	assert_int_equal(s->out[1].flags & FIN, FIN);
	tcp_abort(s->c, s->now);
}

static void the_peers_window_ends_a_packet(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_in(s, ACK, 1, 1, 3500, NULL, 0);
	sc_write(s, 8000);
	assert_int_equal(sc_out(s), 3);
	assert_int_equal(s->nb_cut, 1);
	assert_int_equal(s->out[2].seq + s->out[2].len, 3001);
	tcp_abort(s->c, s->now);
}

static void the_congestion_window_ends_a_packet(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_write(s, 30000);
	/* RFC 6928 */
	assert_int_equal(sc_out(s), 10);
	sc_expect_nothing(s);
	tcp_abort(s->c, s->now);
}

/* The port is slow: <port> is what it holds while the peer asks for a part of it again. */
static void a_resend_leaves_what_the_port_holds_alone(void **state)
{
	SCRIPT;
	struct tcp_opts o = {.nb_sacks = 1};
	uint8_t before[6100], after[6100];

	sc_open(s, true);
	sc_write(s, 6000);
	struct rte_mbuf *port = one_packet(s);
	const uint32_t len = port->pkt_len;

	assert_int_equal(port->nb_segs, 7);
	assert_int_equal(port->tso_segsz, 1000);
	(void)rte_pktmbuf_read(port, 0, len, before);
	o.sacks[0] = (struct tcp_range){s->iss + 1001, s->iss + 6001};
	sc_in_opts(s, ACK, 1, 1, 65535, NULL, 0, &o);
	assert_int_equal(sc_out(s), 1);
	assert_int_equal(s->out[0].seq, 1);
	assert_int_equal(s->out[0].len, 1000);
	(void)rte_pktmbuf_read(port, 0, len, after);
	assert_memory_equal(before, after, len);
	assert_int_equal(port->nb_segs, 7);
	rte_pktmbuf_free(port);
	/* Now the buffer is ours alone: the next resend is no copy, and goes without the rest. */
	sc_wait(s, 3 * SEC);
	assert_true(sc_out(s) >= 1);
	assert_int_equal(s->out[0].seq, 1);
	assert_int_equal(s->out[0].len, 1000);
	sc_in(s, ACK, 1, 6001, 65535, NULL, 0);
	assert_int_equal(tcp_conn_unacked(s->c), 0);
	tcp_abort(s->c, s->now);
}

static void what_is_acknowledged_stays_while_the_port_has_it(void **state)
{
	SCRIPT;
	uint8_t bytes[5100];

	sc_open(s, true);
	sc_write(s, 5000);
	struct rte_mbuf *port = one_packet(s);
	const uint32_t hdr_len = port->l3_len + port->l4_len;

	sc_in(s, ACK, 1, 3001, 65535, NULL, 0);
	sc_in(s, ACK, 1, 5001, 65535, NULL, 0);
	assert_int_equal(tcp_stack_nb_mbufs(s->st), 0);
	/* Whoever takes buffers now must not get these. */
	sc_pool_drain(0);
	sc_pool_return();
	(void)rte_pktmbuf_read(port, hdr_len, 5000, bytes);
	for (unsigned i = 0; i < 5000; i++)
		assert_int_equal(bytes[i], (uint8_t)i);
	rte_pktmbuf_free(port);
	tcp_abort(s->c, s->now);
}

/* A segment has room for its own headers: only a run needs a buffer more. */
static void without_a_buffer_for_headers_segments_leave_alone(void **state)
{
	SCRIPT;

	sc_open(s, true);
	sc_write(s, 3000);
	sc_pool_drain(0);
	assert_int_equal(sc_out(s), 3);
	assert_int_equal(s->nb_cut, 0);
	assert_int_equal(s->out[0].seq, 1);
	sc_pool_return();
	tcp_abort(s->c, s->now);
}

static void a_packet_has_no_more_segments_than_the_port_takes(void **state)
{
	SCRIPT;
	struct rte_mbuf *m[8];

	s->max_segs = 4;
	sc_remake(s, 65535, 65536, 16);
	sc_open(s, true);
	sc_write(s, 9000);
	assert_int_equal(tcp_output(s->st, m, 8, s->now), 3);
	assert_int_equal(m[0]->nb_segs, 1 + 4);
	assert_int_equal(m[1]->nb_segs, 1 + 4);
	assert_int_equal(m[2]->nb_segs, 1);
	for (unsigned i = 0; i < 3; i++)
		rte_pktmbuf_free(m[i]);
	tcp_abort(s->c, s->now);
}

/* librte_gso is what net_tap cuts with; it knows IPv4 only. */
static void our_idea_of_a_port_is_dpdks(void **state)
{
	SCRIPT;
	struct rte_mbuf *ours[GSO_MAX], *theirs[GSO_MAX];

	if (s->is_v6)
		return;
	sc_open(s, true);
	sc_write(s, 4700);
	struct rte_mbuf *m = one_packet(s);
	struct rte_mempool *pool = m->pool;
	const struct rte_gso_ctx gso = {
		.direct_pool = pool,
		.indirect_pool = pool,
		.gso_types = RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.gso_size = (uint16_t)(m->tso_segsz + m->l2_len + m->l3_len + m->l4_len),
		.flag = RTE_GSO_FLAG_IPID_FIXED,
	};
	struct rte_mbuf *copy = rte_pktmbuf_copy(m, pool, 0, UINT32_MAX);

	assert_non_null(copy);
	copy->l2_len = m->l2_len;
	copy->l3_len = m->l3_len;
	copy->l4_len = m->l4_len;
	copy->tso_segsz = m->tso_segsz;
	const int n = rte_gso_segment(m, &gso, theirs, GSO_MAX);

	assert_int_equal(n, 5);
	assert_int_equal(gso_cut(copy, pool, ours, GSO_MAX), 5);
	for (int i = 0; i < n; i++) {
		uint8_t t[1100];
		struct rte_ipv4_hdr *ip = (void *)t;
		struct rte_tcp_hdr *th = (void *)(ip + 1);

		assert_int_equal(theirs[i]->pkt_len, ours[i]->pkt_len);
		if (rte_pktmbuf_read(theirs[i], 0, theirs[i]->pkt_len, t) != t)
			memcpy(t, rte_pktmbuf_mtod(theirs[i], void *), theirs[i]->pkt_len);
		/* It leaves checksums to the driver. */
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		th->cksum = 0;
		th->cksum = rte_ipv4_udptcp_cksum(ip, th);
		assert_memory_equal(t, rte_pktmbuf_mtod(ours[i], void *), ours[i]->pkt_len);
		rte_pktmbuf_free(theirs[i]);
		rte_pktmbuf_free(ours[i]);
	}
	rte_pktmbuf_free(m);
	tcp_abort(s->c, s->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, sc_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(full_segments_leave_as_one_packet),
		T(fin_is_on_the_last_piece_only),
		T(a_fin_after_full_segments_goes_alone),
		T(the_peers_window_ends_a_packet),
		T(the_congestion_window_ends_a_packet),
		T(a_resend_leaves_what_the_port_holds_alone),
		T(what_is_acknowledged_stays_while_the_port_has_it),
		T(without_a_buffer_for_headers_segments_leave_alone),
		T(a_packet_has_no_more_segments_than_the_port_takes),
		T(our_idea_of_a_port_is_dpdks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
