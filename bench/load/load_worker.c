/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/load_worker.h"

#include "bench/load/client.h"
#include "bench/load/origin.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define TCP_BUF (1u << 20)
/* What all connections together may have under way, about: a port's queue is 1024 packets. */
#define SND_ALL (1u << 20)
#define SND_MIN (64u << 10)
#define HEADERS_LEN 40u /* IPv4 and TCP without options */
#define MIN_FLIGHTS 8192u
/* After so long with what TCP has ready, what came of it is sent and more is received. */
#define TURN_US 50u
#define GAUGES_US 100000u
#define EMPTY_LOOPS 100u
#define PAUSES 8u
#define END_US 50000u

static uint64_t monotonic_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- make ---- */

static void configure(struct load_worker *w)
{
	const struct load_options *o = w->opt;
	struct eth_iface iface[2] = {0};
	struct ip_ifaddr *addr = calloc(LOAD_MAX_CLIENTS + LOAD_MAX_ORIGINS, sizeof(*addr));
	uint32_t nb = 0;

	if (addr == NULL)
		return;
	for (uint32_t i = 0; i < w->io->nb_ports; i++) {
		iface[i] = (struct eth_iface){.port = (uint16_t)i, .mtu = w->io->port[i].mtu};
		memcpy(iface[i].mac, w->io->port[i].mac, sizeof(iface[i].mac));
	}
	eth_configure(&w->eth, iface, w->io->nb_ports);
	for (uint32_t i = 0; i < o->nb_clients; i++)
		addr[nb++] = (struct ip_ifaddr){o->client[i], o->client_len, LOAD_WAN};
	for (uint32_t i = 0; w->io->nb_ports > LOAD_LAN && i < o->nb_origins; i++)
		addr[nb++] = (struct ip_ifaddr){o->origin[i].addr, o->lan_len, LOAD_LAN};
	ip_configure(&w->ip, addr, nb, NULL, 0, w->now_us);
	free(addr);
}

static uint16_t choose_mss(const struct io *io)
{
	uint16_t mtu = io->port[0].mtu;

	for (uint32_t i = 1; i < io->nb_ports; i++)
		mtu = RTE_MIN(mtu, io->port[i].mtu);
	return (uint16_t)(mtu - HEADERS_LEN);
}

static struct tcp_stack *make_tcp(struct load_worker *w)
{
	const struct io *io = w->io;
	const struct load_options *o = w->opt;
	/*
	 * The proxy may open a connection for each of ours; with several workers hashing is not
	 * even.
	 */
	const uint32_t active = (o->connections + 64) / o->nb_workers * (o->nb_workers > 1 ? 3 : 2);
	const uint32_t idle = (o->idle + 64) / o->nb_workers * (o->nb_workers > 1 ? 3 : 2);
	struct tcp_params p = {
		.pool = io->tx_pool[w->index],
		.max_conns = active + idle + 1024,
		.max_flights = RTE_MAX(active, MIN_FLIGHTS),
		.max_listeners = LOAD_MAX_ORIGINS,
		.rcv_buf = TCP_BUF,
		.snd_buf = RTE_MAX(SND_ALL / (o->connections + 1), SND_MIN),
		.mss = choose_mss(io),
		.tx_cksum_offload = io->has_tx_cksum,
		.tso_max = io->tso_max,
		.tso_max_segs = io->tso_max_segs,
		.syn_backlog = active + idle + 1024,
		.max_rx_mbufs = io->rx_pool_size / 4 * 3,
		.counters = w->counters,
	};

	if (getrandom(p.secret, sizeof(p.secret), 0) != sizeof(p.secret))
		return NULL;
	return tcp_stack_new(&p);
}

struct load_worker *load_worker_new(struct load_run *run, struct load_shared *shared,
				    const struct io *io, uint32_t index, char *why, size_t why_cap)
{
	struct load_worker *w = calloc(1, sizeof(*w));

	(void)snprintf(why, why_cap, "not enough memory for a worker");
	if (w == NULL)
		return NULL;
	w->index = index;
	w->run = run;
	w->opt = run->opt;
	w->shared = shared;
	w->counts = run->worker[index];
	w->io = io;
	w->stats = &w->counts->outside;
	w->now_us = monotonic_us();
	w->now_tsc = rte_rdtsc();
	schedule_init(&w->schedule, w->opt, run->tsc_hz);
	io_worker_init(&w->port, io, index, w->counters);
	eth_init(&w->eth, &w->port, w->counters);
	neigh_init(&w->neigh, &w->eth, w->counters);
	arp_init(&w->arp, &w->neigh);
	nd_init(&w->nd, &w->neigh);
	if (ip_init(&w->ip, &w->neigh, &w->nd, w->counters) < 0)
		goto free_worker;
	w->tcp = make_tcp(w);
	if (w->tcp == NULL)
		goto free_ip;
	configure(w);
	if (io->nb_ports > LOAD_LAN && (w->origin = origin_new(w)) == NULL)
		goto free_tcp;
	w->client = client_new(w, why, why_cap);
	if (w->client == NULL)
		goto free_origin;
	return w;

free_origin:
	origin_free(w->origin);
free_tcp:
	tcp_stack_free(w->tcp);
free_ip:
	ip_fini(&w->ip);
free_worker:
	free(w);
	return NULL;
}

void load_worker_free(struct load_worker *w)
{
	if (w == NULL)
		return;
	client_free(w->client);
	origin_free(w->origin);
	tcp_stack_free(w->tcp);
	ip_fini(&w->ip);
	neigh_fini(&w->neigh);
	io_worker_fini(&w->port);
	free(w);
}

/* ---- packets ---- */

static void on_icmp_error(struct load_worker *w, const struct ip_icmp_error *e)
{
	const struct tcp_tuple tuple = {
		.local = e->local,
		.remote = e->remote,
		.local_port = e->local_port,
		.remote_port = e->remote_port,
	};

	tcp_icmp_error(w->tcp, &tuple, e->seq, e->mtu, w->now_us);
}

static void input(struct load_worker *w, struct rte_mbuf **pkts, uint16_t nb)
{
	struct rte_mbuf *tcp[IO_BURST];
	struct ip_icmp_error error;
	uint16_t nb_tcp = 0;

	for (uint16_t i = 0; i < nb; i++) {
		uint8_t iface;

		switch (eth_input(&w->eth, pkts[i], &iface)) {
		case ETH_V_ARP:
			arp_input(&w->arp, iface, pkts[i], w->now_us);
			break;
		case ETH_V_IP:
			switch (ip_input(&w->ip, iface, &pkts[i], w->now_us, &error)) {
			case IP_V_TCP:
				tcp[nb_tcp++] = pkts[i];
				break;
			case IP_V_ICMP_ERROR:
				on_icmp_error(w, &error);
				break;
			case IP_V_DONE:
				break;
			}
			break;
		case ETH_V_IP6_GROUP:
			ip_input_group(&w->ip, iface, pkts[i], w->now_us);
			break;
		case ETH_V_DROPPED:
			break;
		}
	}
	tcp_input_burst(w->tcp, tcp, nb_tcp, w->now_us);
}

static uint32_t receive(struct load_worker *w)
{
	struct rte_mbuf *pkts[IO_BURST];
	uint32_t nb_work = 0;
	uint16_t nb;

	for (uint32_t port = 0; port < w->io->nb_ports; port++) {
		nb = io_rx(&w->port, port, pkts, &nb_work);
		input(w, pkts, nb);
	}
	nb = io_rx_ring(&w->port, pkts);
	input(w, pkts, nb);
	return nb_work + nb;
}

static uint32_t transmit(struct load_worker *w)
{
	struct rte_mbuf *pkts[IO_BURST];
	struct ip_icmp_error error;
	uint32_t nb_all = 0;
	uint16_t nb;

	do {
		nb = tcp_output(w->tcp, pkts, IO_BURST, w->now_us);
		for (uint16_t i = 0; i < nb; i++)
			ip_output(&w->ip, pkts[i], w->now_us);
		nb_all += nb;
	} while (nb == IO_BURST);
	neigh_tick(&w->neigh, w->now_us);
	arp_tick(&w->arp, w->now_us);
	nd_tick(&w->nd, w->now_us);
	ip_tick(&w->ip, w->now_us);
	while (ip_take_error(&w->ip, &error))
		on_icmp_error(w, &error);
	return nb_all + io_flush(&w->port);
}

static uint32_t serve(struct load_worker *w)
{
	const uint64_t until = rte_rdtsc() + w->run->tsc_hz / 1000000 * TURN_US;
	struct tcp_conn *c;
	uint32_t events, nb = 0;

	while (w->origin != NULL && (c = tcp_accept(w->tcp)) != NULL) {
		origin_accept(w->origin, c);
		nb++;
	}
	while ((c = tcp_ready(w->tcp, &events)) != NULL) {
		const struct load_leg *leg = tcp_conn_user(c);

		if (leg == NULL)
			load_probe_on_ready(w, events);
		else if (leg->is_client)
			client_on_ready(w->client, c, events);
		else
			origin_on_ready(w->origin, c, events);
		nb++;
		if (rte_rdtsc() > until)
			break;
	}
	return nb;
}

/* ---- where the run is ---- */

static uint64_t drops(const struct load_worker *w)
{
	return w->counters[OUTCOME_TX_FULL] + w->counters[OUTCOME_MBUF_EXHAUSTED] +
	       w->counters[OUTCOME_STEER_FULL] + w->counters[OUTCOME_TX_REFUSED];
}

static void set_gauges(struct load_worker *w)
{
	struct load_gauges *g = &w->counts->gauges;
	const uint32_t i = w->index;

	if (w->now_us < w->gauges_us)
		return;
	w->gauges_us = w->now_us + GAUGES_US;
	client_gauges(w->client, g);
	atomic_store_explicit(&g->mbufs_free,
			      rte_mempool_avail_count(w->io->rx_pool[i]) +
				      rte_mempool_avail_count(w->io->tx_pool[i]),
			      memory_order_relaxed);
	atomic_store_explicit(&g->retransmits, w->counters[OUTCOME_TCP_RETRANSMITS],
			      memory_order_relaxed);
	atomic_store_explicit(&g->drops, drops(w) - w->drops, memory_order_relaxed);
}

/* Worker 0 alone: the others follow. */
static void lead(struct load_worker *w)
{
	struct schedule *s = &w->schedule;
	const bool is_ramped = atomic_load_explicit(&w->shared->nb_ramped, memory_order_relaxed) ==
			       w->opt->nb_workers;
	const bool must_stop = atomic_load_explicit(&w->run->must_stop, memory_order_relaxed);

	if (s->phase == LOAD_P_ANSWER && !must_stop) {
		const int rc = load_probe(w);

		if (rc == 0)
			return;
		if (rc < 0) {
			atomic_store(&w->shared->failed, rc);
			s->phase = LOAD_P_END;
		} else {
			schedule_begin(s, w->now_tsc);
		}
	} else if (!schedule_advance(s, w->now_tsc, is_ramped, must_stop)) {
		return;
	}
	atomic_store_explicit(&w->run->window, s->window_idx, memory_order_relaxed);
	atomic_store_explicit(&w->run->phase, s->phase, memory_order_relaxed);
	atomic_store_explicit(&w->shared->part, LOAD_PART(s->phase, s->window_idx),
			      memory_order_release);
}

static void enter(struct load_worker *w, uint32_t part)
{
	w->seen_part = part;
	if (w->stats != &w->counts->outside) {
		atomic_store_explicit(&w->stats->backlog, client_backlog(w->client),
				      memory_order_relaxed);
		atomic_store_explicit(&w->stats->end_tsc, w->now_tsc, memory_order_release);
	}
	w->phase = (enum load_phase)(part >> 16);
	w->window_idx = part & 0xffff;
	w->stats =
		w->phase == LOAD_P_WINDOW ? &w->counts->window[w->window_idx] : &w->counts->outside;
	if (w->phase == LOAD_P_WINDOW)
		atomic_store_explicit(&w->stats->start_tsc, w->now_tsc, memory_order_release);
	if (w->phase == LOAD_P_RAMP) {
		w->drops = drops(w);
		if (w->index != 0)
			schedule_begin(&w->schedule, w->now_tsc);
	}
	client_on_phase(w->client);
}

static void follow(struct load_worker *w)
{
	uint32_t part;

	if (w->index == 0)
		lead(w);
	part = atomic_load_explicit(&w->shared->part, memory_order_acquire);
	if (part != w->seen_part)
		enter(w, part);
	if (w->phase == LOAD_P_RAMP && !w->is_ramped && client_is_ramped(w->client)) {
		w->is_ramped = true;
		atomic_fetch_add_explicit(&w->shared->nb_ramped, 1, memory_order_relaxed);
	}
}

/* ---- loop ---- */

static void account(struct load_worker *w, uint32_t nb)
{
	const uint64_t spent = rte_rdtsc() - w->now_tsc;

	load_add(&w->stats->cycles, spent);
	if (nb > 0) {
		load_add(&w->stats->busy_cycles, spent);
		w->empty_loops = 0;
	} else if (++w->empty_loops > EMPTY_LOOPS) {
		/* The core's other thread may be the one that is measured. */
		for (unsigned i = 0; i < PAUSES; i++)
			rte_pause();
	}
}

static void loop(struct load_worker *w)
{
	uint32_t nb;

	w->now_us = monotonic_us();
	w->now_tsc = rte_rdtsc();
	follow(w);
	nb = receive(w);
	tcp_tick(w->tcp, w->now_us);
	nb += serve(w);
	nb += client_run(w->client);
	nb += transmit(w);
	set_gauges(w);
	account(w, nb);
}

int load_worker_run(void *worker)
{
	struct load_worker *w = worker;
	uint64_t end_us;

	while (w->phase != LOAD_P_END)
		loop(w);
	w->gauges_us = 0;
	set_gauges(w);
	client_abort_all(w->client);
	if (w->origin != NULL)
		origin_close_all(w->origin);
	/* Until what ends the connections has left and is acknowledged. */
	for (end_us = w->now_us + END_US; w->now_us < end_us;) {
		w->now_us = monotonic_us();
		(void)receive(w);
		tcp_tick(w->tcp, w->now_us);
		(void)transmit(w);
	}
	return 0;
}
