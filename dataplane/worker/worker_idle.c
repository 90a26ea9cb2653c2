/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a worker does with a loop that had nothing to do.
 *
 * "poll" goes round again at once. "adaptive" does so for a while, then sleeps a little: never
 * past TCP's or a session's next deadline, never longer than 50 us, so that this is the most
 * latency it adds; a worker that has no connection at all, and has had nothing to do for a while,
 * sleeps up to a millisecond, since the next thing to come is a new connection's first packet.
 *
 * The worker stays online for RCU while it sleeps: a grace period is held back by a millisecond
 * at most, and in return the version that it decides with stays whole, so that the next one is
 * checked against it page by page instead of from the beginning.
 */

#include "worker/worker_priv.h"

#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_pause.h>

#include <time.h>

#define PAUSE_LOOPS 200u /* empty loops before the first sleep */
#define PAUSES 32u       /* pause instructions in each of them: some microseconds together */
#define SLEEP_US 50u
#define LONG_SLEEP_US 1000u
#define LONG_AFTER_US 100000u
/* What a sleep takes beyond what was asked for, even with a timer slack of nothing. */
#define WAKE_US 5u
#define GAUGES_US 100000u

uint64_t worker_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void sleep_us(uint64_t us)
{
	const struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)us * 1000};

	/* A signal ends it early: so much the better, tap ports send one for each packet. */
	(void)nanosleep(&ts, NULL);
}

static void pause_or_sleep(struct worker *w, uint64_t now_us)
{
	struct worker_idle *idle = &w->idle;

	if (idle->empty_loops++ == 0)
		idle->since_us = now_us;
	if (idle->empty_loops < PAUSE_LOOPS) {
		for (unsigned i = 0; i < PAUSES; i++)
			rte_pause();
		return;
	}

	const bool is_long =
		tcp_stack_nb_conns(w->tcp) == 0 && now_us - idle->since_us > LONG_AFTER_US;
	const uint64_t tcp_us = tcp_next_deadline(w->tcp);
	const uint64_t session_us = session_worker_next_deadline(w->session);
	const uint64_t until_us =
		RTE_MIN(RTE_MIN(tcp_us, session_us), now_us + (is_long ? LONG_SLEEP_US : SLEEP_US));

	if (until_us > now_us + WAKE_US)
		sleep_us(until_us - now_us - WAKE_US);
}

void worker_rest(struct worker *w, uint32_t nb, uint64_t now_us)
{
	struct worker_idle *idle = &w->idle;
	const uint64_t tsc = rte_rdtsc();
	const uint64_t spent = tsc - idle->last_tsc;

	idle->loops++;
	idle->last_tsc = tsc;
	if (spent > idle->longest_cycles)
		idle->longest_cycles = spent;
	if (nb > 0) {
		idle->busy_cycles += spent;
		idle->empty_loops = 0;
		return;
	}
	idle->idle_cycles += spent;
	if (!idle->is_poll)
		pause_or_sleep(w, now_us);
	idle->idle_cycles += rte_rdtsc() - tsc;
	idle->last_tsc = rte_rdtsc();
}

static void set(_Atomic(uint64_t) *gauge, uint64_t value)
{
	atomic_store_explicit(gauge, value, memory_order_relaxed);
}

static void publish_longest_pass(struct worker *w, uint64_t now_us)
{
	const uint64_t us = w->idle.longest_cycles * 1000000 / rte_get_tsc_hz();

	peaks_add(&w->feedback->pass_us, now_us, (uint32_t)RTE_MIN(us, UINT32_MAX));
	w->idle.longest_cycles = 0;
}

void worker_gauges(struct worker *w, uint64_t now_us)
{
	struct feedback_worker *fw = w->feedback;

	if (now_us < w->gauges_us)
		return;
	w->gauges_us = now_us + GAUGES_US;
	publish_longest_pass(w, now_us);
	set(&fw->tcp_conns, tcp_stack_nb_conns(w->tcp));
	set(&fw->time_wait, tcp_stack_nb_time_wait(w->tcp));
	set(&fw->half_open, tcp_stack_nb_half_open(w->tcp));
	set(&fw->tcp_mbufs, tcp_stack_nb_mbufs(w->tcp));
	set(&fw->loops, w->idle.loops);
	set(&fw->busy_cycles, w->idle.busy_cycles);
	set(&fw->idle_cycles, w->idle.idle_cycles);
	set(&fw->mbufs_free, rte_mempool_avail_count(w->io->rx_pool[w->index]) +
				     rte_mempool_avail_count(w->io->tx_pool[w->index]));
}
