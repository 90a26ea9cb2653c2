/* SPDX-License-Identifier: BSD-3-Clause */
#include "common/shm/rcu.h"
#include "worker/worker_priv.h"

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

/* Upper bounds; both grow with what a path takes, and less when buffers are scarce. */
#define RCV_BUF (1u << 20)
#define SND_BUF (1u << 20)
#define MAX_LISTENERS 256u
#define MTU_DEFAULT 1500u
#define MTU_MIN 576u
#define HEADERS_LEN 40u /* IPv4 and TCP without options */
#define ROWS_MAX 131072u

/* Connections of one worker: its share and a quarter more, since hashing is not even. */
static uint32_t conns_per_worker(const struct snap_config *config)
{
	const uint64_t share = config->max_connections / config->nb_workers + 1;

	return (uint32_t)(share + (config->nb_workers > 1 ? share / 4 : 0));
}

/* Sessions have two legs when they are busy and one when they are idle. */
static uint32_t sessions_per_worker(const struct snap_config *config)
{
	return conns_per_worker(config) / 4 * 3 + 1;
}

uint32_t worker_nb_rows(const struct snap_config *config)
{
	return RTE_MIN(sessions_per_worker(config), ROWS_MAX / config->nb_workers);
}

/* What fits the narrowest interface; each address is told its own by worker_configure(). */
static uint16_t choose_mss(const struct io *io)
{
	uint16_t mtu = MTU_DEFAULT;

	for (uint32_t i = 0; i < io->nb_ports; i++)
		mtu = RTE_MIN(mtu, io->port[i].mtu);
	return (uint16_t)(RTE_MAX(mtu, MTU_MIN) - HEADERS_LEN);
}

static struct tcp_stack *make_tcp(struct worker *w, const struct snap_config *config)
{
	const struct io *io = w->io;
	/* A shared receive pool must not be emptied by one worker; ports need their descriptors. */
	const uint32_t rx_share = io->rx_pool_size / 4 * 3 / (io->is_steered ? io->nb_workers : 1);
	struct tcp_params p = {
		.pool = io->tx_pool[w->index],
		.max_conns = conns_per_worker(config),
		/* A small appliance may have all of its connections busy: 4 MiB are no matter. */
		.max_flights = RTE_MAX(conns_per_worker(config) / 10, 8192u),
		.max_listeners = MAX_LISTENERS,
		.rcv_buf = RCV_BUF,
		.snd_buf = SND_BUF,
		.mss = choose_mss(io),
		.plpmtud = true,
		.tx_cksum_offload = io->has_tx_cksum,
		.tso_max = io->tso_max,
		.tso_max_segs = io->tso_max_segs,
		.syn_backlog = RTE_MAX(64u, RTE_MIN(conns_per_worker(config) / 4, 16384u)),
		.max_rx_mbufs = rx_share,
		.counters = w->counters,
	};

	if (getrandom(p.secret, sizeof(p.secret), 0) != sizeof(p.secret))
		return NULL;
	return tcp_stack_new(&p);
}

static struct session_worker *make_session(struct worker *w, const struct worker_params *wp)
{
	struct session_params p = {
		.worker = w->index,
		.nb_workers = wp->config->nb_workers,
		.max_sessions = sessions_per_worker(wp->config),
		.tcp = w->tcp,
		.shm = w->shm,
		.tls_sessions = wp->tls_sessions,
		.counters = w->counters,
		.feedback = w->feedback,
		.rows = shm_feedback_rows(w->shm, w->index),
		.nb_rows = wp->nb_rows,
		.pick_local = worker_pick_local,
		.interface_of = worker_interface_of,
		.user = w,
	};

	if (getrandom(p.seed, sizeof(p.seed), 0) != sizeof(p.seed))
		return NULL;
	return session_worker_new(&p);
}

struct worker *worker_new(const struct worker_params *p)
{
	const unsigned lcore = p->index + 1;
	struct worker *w =
		rte_zmalloc_socket("worker", sizeof(*w), 64, (int)rte_lcore_to_socket_id(lcore));

	if (w == NULL)
		return NULL;
	w->index = p->index;
	w->shm = p->shm;
	w->io = p->io;
	w->port_device = p->port_device;
	w->feedback = shm_feedback_worker(p->shm, p->index);
	w->counters = (uint64_t *)w->feedback->counter;
	io_worker_init(&w->port, w->io, w->index, w->counters);
	worker_capture_init(w);
	eth_init(&w->eth, &w->port, w->counters);
	neigh_init(&w->neigh, &w->eth, w->counters);
	arp_init(&w->arp, &w->neigh);
	nd_init(&w->nd, &w->neigh);
	if (ip_init(&w->ip, &w->neigh, &w->nd, w->counters) < 0)
		goto free_worker;
	w->tcp = make_tcp(w, p->config);
	if (w->tcp == NULL)
		goto free_ip;
	w->session = make_session(w, p);
	if (w->session == NULL)
		goto free_tcp;
	if (getrandom(&w->port_offset, sizeof(w->port_offset), 0) != sizeof(w->port_offset))
		w->port_offset = (uint32_t)rte_rdtsc();
	return w;

free_tcp:
	tcp_stack_free(w->tcp);
free_ip:
	ip_fini(&w->ip);
free_worker:
	rte_free(w);
	return NULL;
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	session_worker_free(w->session);
	tcp_stack_free(w->tcp);
	ip_fini(&w->ip);
	neigh_fini(&w->neigh);
	io_worker_fini(&w->port);
	rte_free(w);
}

void worker_stop(struct worker *w)
{
	atomic_store_explicit(&w->is_stopping, true, memory_order_relaxed);
}

static bool is_stopping(const struct worker *w)
{
	return atomic_load_explicit(&w->is_stopping, memory_order_relaxed);
}

/* Without a version nobody may be let in: wait for one. */
static void wait_for_version(struct worker *w)
{
	while (w->view.root == NULL && !is_stopping(w)) {
		const struct timespec ms = {.tv_nsec = 1000000};
		const uint64_t now_us = worker_now_us();

		worker_adopt(w, now_us);
		worker_quiesce(w, now_us);
		if (w->view.root == NULL)
			(void)nanosleep(&ms, NULL);
	}
}

int worker_run(void *arg)
{
	struct worker *w = arg;
	int rc;

	/* The default of 50 us would double what an idle worker adds to a packet's latency. */
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	rc = rcu_worker_register(w->shm->rdv, w->index);
	if (rc < 0)
		return rc;
	wait_for_version(w);
	w->idle.last_tsc = rte_rdtsc();
	while (!is_stopping(w)) {
		const uint64_t now_us = worker_now_us();
		const uint32_t nb = worker_loop(w, now_us);

		worker_gauges(w, now_us);
		worker_rest(w, nb, now_us);
	}
	(void)io_flush(&w->port);
	rcu_worker_unregister(w->shm->rdv, w->index);
	return 0;
}

/* Differs from destination to destination; nothing depends on its quality. */
static uint32_t destination_hash(const struct ip_addr *server, uint16_t port)
{
	uint32_t hash = port;

	for (size_t i = 0; i < sizeof(server->b); i++)
		hash = (hash ^ server->b[i]) * 2654435761u;
	return hash;
}

/*
 * RFC 6056 3.3.3 in spirit: where the search begins differs from destination to destination by a
 * secret, and moves on with each connection, so that a port is not used again before the others.
 */
int worker_pick_local(void *worker, const struct ip_addr *server, uint16_t server_port, uint32_t,
		      struct tcp_tuple *ret)
{
	struct worker *w = worker;
	struct ip_addr local;
	uint32_t start;
	uint16_t port;
	int rc;

	rc = ip_source_find(&w->ip, server, &local);
	if (rc < 0)
		return rc;
	start = w->port_offset + destination_hash(server, server_port) + w->port_next;
	rc = steer_port_pick(&w->io->steer, w->index, &local, server, server_port, start, &port);
	if (rc < 0)
		return rc;
	/* The next search begins behind this port, whatever had to be skipped to get to it. */
	w->port_next += steer_port_distance(start, port) + 1;
	*ret = (struct tcp_tuple){
		.local = local,
		.remote = *server,
		.local_port = port,
		.remote_port = server_port,
	};
	return 0;
}

uint32_t worker_interface_of(void *worker, const struct ip_addr *addr)
{
	struct worker *w = worker;
	struct ip_addr next_hop;
	uint8_t iface;

	if (ip_route_find(&w->ip, addr, &iface, &next_hop) < 0)
		return SNAP_NONE;
	return iface;
}
