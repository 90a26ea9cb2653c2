/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Connect, one request, close, again and again from one address to one: two stacks, a clock, and a
 * client that takes one local port after the other as the worker does. There are fewer ports than
 * connections, so each port is used again while TIME-WAIT of its last use is on one of the sides.
 * A number as argument says how many connections.
 */

#include "common/stats/outcome.h"
#include "tcp/tcp.h"
#include "tests/lib/eal_test.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_tcp.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define POOL_SIZE 2047u
#define FIRST_PORT 16384u /* as io/steer.h has it */
#define NB_PORTS 49152u
#define MAX_CONNS 65536u
#define LEN 100u

static struct rte_mempool *pool;
static uint32_t nb_wanted = 60000;

struct rig {
	struct tcp_stack *client, *server;
	uint64_t client_counters[OUTCOME__COUNT], server_counters[OUTCOME__COUNT];
	uint64_t now;
	uint32_t next_port;
	bool strips_timestamps;
	bool is_server_first; /* who closes */
};

static struct ip_addr addr(uint32_t last)
{
	return ip_addr_from_v4(rte_cpu_to_be_32(0xc0000200 + last));
}

static struct tcp_stack *make(uint64_t *counters, uint64_t secret)
{
	const struct tcp_params p = {
		.pool = pool,
		.max_conns = MAX_CONNS,
		.max_listeners = 1,
		.rcv_buf = 65535,
		.snd_buf = 65535,
		.mss = 1460,
		.tx_cksum_offload = true,
		.secret = {secret, 7},
		.syn_backlog = 64,
		.counters = counters,
	};
	struct tcp_stack *st = tcp_stack_new(&p);

	assert_non_null(st);
	return st;
}

static void rig_make(struct rig *r, bool strips_timestamps, bool is_server_first)
{
	const struct ip_addr a = addr(1);

	*r = (struct rig){.now = 5000000,
			  .strips_timestamps = strips_timestamps,
			  .is_server_first = is_server_first};
	r->client = make(r->client_counters, 1);
	r->server = make(r->server_counters, 2);
	assert_int_equal(tcp_listen(r->server, &a, 80, NULL), 0);
}

static void rig_free(struct rig *r)
{
	tcp_stack_free(r->client);
	tcp_stack_free(r->server);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

/* A SYN's options behind the MSS become padding. */
static void strip(struct rte_mbuf *m)
{
	struct rte_tcp_hdr *th = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, 20);

	if (th->tcp_flags & RTE_TCP_SYN_FLAG)
		memset((uint8_t *)(th + 1) + 4, 1, (size_t)(th->data_off >> 4) * 4 - 24);
}

static uint32_t carry(struct rig *r, struct tcp_stack *from, struct tcp_stack *to)
{
	struct rte_mbuf *pkts[32];
	const uint16_t n = tcp_output(from, pkts, 32, r->now);

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *copy = rte_pktmbuf_copy(pkts[i], pool, 0, UINT32_MAX);

		assert_non_null(copy);
		rte_pktmbuf_free(pkts[i]);
		copy->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
		if (r->strips_timestamps)
			strip(copy);
		tcp_input(to, copy, r->now);
	}
	return n;
}

static void settle(struct rig *r)
{
	while (carry(r, r->client, r->server) + carry(r, r->server, r->client) > 0)
		r->now += 10;
	tcp_tick(r->client, r->now);
	tcp_tick(r->server, r->now);
}

static void send_some(struct tcp_conn *c)
{
	const struct slice_mut room = stream_reserve(tcp_conn_stream(c));

	assert_true(room.cap >= LEN);
	memset(room.ptr, 'x', LEN);
	stream_commit(tcp_conn_stream(c), LEN);
}

static void read_some(struct tcp_conn *c)
{
	assert_int_equal(stream_peek(tcp_conn_stream(c)).len, LEN);
	stream_consume(tcp_conn_stream(c), LEN);
}

static int dial(struct rig *r, struct tcp_conn **ret)
{
	const struct tcp_tuple t = {addr(2), addr(1),
				    (uint16_t)(FIRST_PORT + r->next_port++ % NB_PORTS), 80};

	return tcp_connect(r->client, &t, r->now, ret);
}

/* One connection's life; what <dial> says when it cannot begin. */
static int one(struct rig *r)
{
	struct tcp_conn *c, *s;
	uint32_t ev;
	const int rc = dial(r, &c);

	if (rc < 0)
		return rc;
	settle(r);
	s = tcp_accept(r->server);
	assert_non_null(s);
	assert_int_equal(tcp_conn_state(c), TCP_S_ESTABLISHED);
	send_some(c);
	settle(r);
	read_some(s);
	send_some(s);
	settle(r);
	read_some(c);
	tcp_close(r->is_server_first ? s : c, r->now);
	settle(r);
	tcp_close(r->is_server_first ? c : s, r->now);
	settle(r);
	while (tcp_ready(r->client, &ev) != NULL || tcp_ready(r->server, &ev) != NULL)
		fail();
	assert_int_equal(tcp_stack_nb_conns(r->client) + tcp_stack_nb_conns(r->server), 0);
	return 0;
}

static void expect_clean(const struct rig *r)
{
	assert_int_equal(r->client_counters[OUTCOME_TCP_RETRANSMITS], 0);
	assert_int_equal(r->server_counters[OUTCOME_TCP_RETRANSMITS], 0);
	assert_int_equal(r->client_counters[OUTCOME_TCP_RESET_IN], 0);
	assert_int_equal(r->server_counters[OUTCOME_TCP_RESET_IN], 0);
	assert_int_equal(r->server_counters[OUTCOME_TCP_NO_CONNECTION], 0);
}

/* <pause_us> between connections sets the rate. */
static void many(bool strips_timestamps, bool is_server_first, uint32_t pause_us)
{
	struct rig r;

	rig_make(&r, strips_timestamps, is_server_first);
	for (uint32_t i = 0; i < nb_wanted; i++) {
		assert_int_equal(one(&r), 0);
		r.now += pause_us;
	}
	expect_clean(&r);
	/* Whoever closed first waits, once for each port that it has used lately. */
	struct tcp_stack *first = is_server_first ? r.server : r.client;

	assert_true(tcp_stack_nb_time_wait(first) > 0);
	assert_true(tcp_stack_nb_time_wait(first) <= NB_PORTS);
	assert_int_equal(tcp_stack_nb_time_wait(is_server_first ? r.client : r.server), 0);
	r.now += UINT64_C(60000000);
	while (tcp_stack_nb_time_wait(first) > 0) {
		r.now += 1000;
		tcp_tick(first, r.now);
	}
	assert_int_equal(tcp_next_deadline(first), UINT64_MAX);
	rig_free(&r);
}

static void client_closes_first_with_timestamps(void **)
{
	many(false, false, 40);
}

static void server_closes_first_with_timestamps(void **)
{
	many(false, true, 40);
}

static void server_closes_first_without_timestamps(void **)
{
	many(true, true, 40);
}

static void client_closes_first_without_timestamps(void **)
{
	/* 49,152 ports in 60 s; any quicker is the next test. */
	many(true, false, 1300);
}

static void without_timestamps_time_wait_is_served(void **)
{
	struct rig r;
	uint32_t refused = 0;

	rig_make(&r, true, false);
	for (uint32_t i = 0; i < NB_PORTS; i++)
		assert_int_equal(one(&r), 0);
	assert_int_equal(tcp_stack_nb_time_wait(r.client), NB_PORTS);
	for (uint32_t i = 0; i < 1000; i++)
		refused += one(&r) == -EADDRINUSE;
	assert_int_equal(refused, 1000);
	r.now += UINT64_C(61000000);
	for (unsigned i = 0; i < 1000; i++) {
		r.now += 1000;
		tcp_tick(r.client, r.now);
	}
	assert_int_equal(tcp_stack_nb_time_wait(r.client), 0);
	assert_int_equal(one(&r), 0);
	expect_clean(&r);
	rig_free(&r);
}

static void with_timestamps_a_port_is_good_again_after_a_second(void **)
{
	struct rig r;

	rig_make(&r, false, false);
	assert_int_equal(one(&r), 0);
	r.now += 900000;
	r.next_port = 0;
	assert_int_equal(one(&r), -EADDRINUSE);
	r.now += 200000;
	r.next_port = 0;
	assert_int_equal(one(&r), 0);
	assert_int_equal(r.client_counters[OUTCOME_TCP_TIME_WAIT_REUSED], 1);
	assert_int_equal(tcp_stack_nb_time_wait(r.client), 1);
	expect_clean(&r);
	rig_free(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_closes_first_with_timestamps),
		cmocka_unit_test(server_closes_first_with_timestamps),
		cmocka_unit_test(client_closes_first_without_timestamps),
		cmocka_unit_test(server_closes_first_without_timestamps),
		cmocka_unit_test(without_timestamps_time_wait_is_served),
		cmocka_unit_test(with_timestamps_a_port_is_good_again_after_a_second),
	};

	if (argc > 1)
		nb_wanted = (uint32_t)strtoul(argv[1], NULL, 10);
	eal_test_init();
	pool = rte_pktmbuf_pool_create("reuse", POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	return pool == NULL || cmocka_run_group_tests(tests, NULL, NULL);
}
