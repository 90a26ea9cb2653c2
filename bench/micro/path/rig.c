/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/micro/path/rig.h"

#include "bench/micro/path/plane.h"
#include "common/shm/rcu.h"
#include "tls/tls_sessions.h"
#include "worker/worker_priv.h"

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_SIZE 8192u
#define BURST 32u
#define STALL_ROUNDS 200000u
#define MEMORY_MIB 512u

enum {
	WAN,
	LAN,
	NB_LINKS
};

static const char *const link_device[NB_LINKS] = {"net_ring_wan", "net_ring_lan"};
static const struct rte_ether_addr peer_mac = {{0x02, 0, 0, 0, 0, 1}};

/* A worker, and how its passes went. */
struct runner {
	struct rig *r;
	struct worker *w;
	pthread_t thread; /* but for the first */
	int core;
	_Alignas(64) _Atomic(uint64_t) nb_done; /* rounds */
	uint64_t cycles, busy_loops;            /* read by the main thread between rounds */
};

struct rig {
	struct rig_params p;
	struct plane *plane;
	struct shm shm; /* as the data plane has it */
	struct snap_view view;
	struct io io;
	struct tls_sessions *sessions;
	struct runner runner[RIG_MAX_WORKERS];
	_Alignas(64) _Atomic(uint64_t) nb_rounds; /* begun; the others' starting shot */
	_Atomic(bool) is_ending;
	struct rte_ring *to[NB_LINKS], *from[NB_LINKS]; /* as the proxy sees it */
	struct rte_mempool *pool;                       /* the peer's */
	struct peer *peer;
	uint64_t now_us; /* written between rounds */
	struct peer_stats none;
};

static void must(bool is_ok, const char *what)
{
	if (is_ok)
		return;
	fprintf(stderr, "path: %s\n", what);
	exit(1);
}

/* ---- set-up ---- */

static void start_eal(void)
{
	static char memory[8];
	char *argv[] = {
		(char *)"path",
		(char *)"--no-huge",
		(char *)"--no-shconf",
		(char *)"--no-pci",
		(char *)"-m",
		memory,
		(char *)"--lcores=0",
		(char *)"--no-telemetry",
		(char *)"--log-level=*:error",
		NULL,
	};
	cpu_set_t cpus;
	const int rc = sched_getaffinity(0, sizeof(cpus), &cpus);

	(void)snprintf(memory, sizeof(memory), "%u", 2 * MEMORY_MIB);
	must(rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) >= 0,
	     "cannot start the EAL");
	/* EAL binds the thread to core 0; where it runs is for the caller of the program to say. */
	if (rc == 0)
		(void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void make_links(struct rig *r)
{
	static const char *const name[NB_LINKS][3] = {{"wan", "to_wan", "from_wan"},
						      {"lan", "to_lan", "from_lan"}};

	for (unsigned i = 0; i < NB_LINKS; i++) {
		const unsigned flags = RING_F_SP_ENQ | RING_F_SC_DEQ;

		r->to[i] = rte_ring_create(name[i][1], RING_SIZE, SOCKET_ID_ANY, flags);
		r->from[i] = rte_ring_create(name[i][2], RING_SIZE, SOCKET_ID_ANY, flags);
		must(r->to[i] != NULL && r->from[i] != NULL, "no memory for rings");
		must(rte_eth_from_rings(name[i][0], &r->to[i], 1, &r->from[i], 1, 0) >= 0,
		     "cannot make a ring port");
	}
}

static void open_io(struct rig *r)
{
	const struct slice device[NB_LINKS] = {slice_str(link_device[0]),
					       slice_str(link_device[1])};
	const struct io_params p = {
		.device = device,
		.mtu = {1500, 1500},
		.nb_ports = NB_LINKS,
		.nb_workers = r->p.nb_workers,
		.memory_mib = MEMORY_MIB,
		.max_connections = r->p.max_connections,
	};
	const char *why = "";
	uint32_t port;

	if (io_open(&r->io, &p, &why, &port) < 0)
		must(false, why);
}

static void attach(struct rig *r)
{
	const char *why = "";

	must(shm_attach(&r->shm, plane_dir(r->plane), &why) == 0, "cannot attach");
	must(snap_check(r->shm.snapshot, shm_snapshot_len(&r->shm),
			atomic_load(&r->shm.rdv->root_off), NULL, &r->view, &why) == 0,
	     why);
	must(shm_feedback_create(&r->shm, r->p.nb_workers, 8192, worker_nb_rows(r->view.config),
				 (uid_t)-1, (gid_t)-1) == 0,
	     "no feedback file");
	r->sessions = tls_sessions_new(r->p.nb_workers, r->p.max_connections);
	must(r->sessions != NULL, "no memory for TLS sessions");
}

static void make_worker(struct rig *r, uint32_t index)
{
	const struct worker_params p = {
		.index = index,
		.shm = &r->shm,
		.io = &r->io,
		.port_device = link_device,
		.config = r->view.config,
		.nb_rows = worker_nb_rows(r->view.config),
		.tls_sessions = r->sessions,
	};
	struct worker *w = worker_new(&p);

	must(w != NULL, "no memory for a worker");
	must(rcu_worker_register(r->shm.rdv, index) == 0, "RCU");
	w->idle.last_tsc = rte_rdtsc();
	r->runner[index].r = r;
	r->runner[index].w = w;
}

struct rig *rig_new(const struct rig_params *params)
{
	const struct plane_params pp = {
		.nb_devices = params->nb_devices,
		.nb_policies = params->nb_policies,
		.max_connections = params->max_connections,
		.memory_mib = MEMORY_MIB,
		.nb_workers = params->nb_workers,
		.wan = link_device[WAN],
		.lan = link_device[LAN],
	};
	struct rig *r = calloc(1, sizeof(*r));

	must(r != NULL, "out of memory");
	r->p = *params;
	r->plane = plane_new(&pp);
	start_eal();
	make_links(r);
	open_io(r);
	attach(r);
	for (uint32_t i = 0; i < params->nb_workers; i++)
		make_worker(r, i);
	r->pool = rte_pktmbuf_pool_create("peer", 32767, 256, 0,
					  RTE_PKTMBUF_HEADROOM + RTE_MBUF_DEFAULT_DATAROOM,
					  SOCKET_ID_ANY);
	must(r->pool != NULL, "no memory for the peer's packets");
	r->now_us = worker_now_us();
	return r;
}

/* ---- the wire ---- */

static void put_frame(struct rig *r, unsigned link, struct rte_mbuf *m)
{
	if (rte_ring_enqueue(r->to[link], m) < 0)
		rte_pktmbuf_free(m);
}

/* Who has it? All of our addresses are the peer's. */
static void answer_arp(struct rig *r, unsigned link, struct rte_mbuf *m)
{
	struct rte_ether_hdr *e = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	struct rte_arp_hdr *a = (struct rte_arp_hdr *)(e + 1);
	const uint32_t asked = a->arp_data.arp_tip;

	if (a->arp_opcode != rte_cpu_to_be_16(RTE_ARP_OP_REQUEST) || asked == a->arp_data.arp_sip) {
		rte_pktmbuf_free(m);
		return;
	}
	e->dst_addr = e->src_addr;
	e->src_addr = peer_mac;
	a->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REPLY);
	a->arp_data.arp_tha = a->arp_data.arp_sha;
	a->arp_data.arp_tip = a->arp_data.arp_sip;
	a->arp_data.arp_sha = peer_mac;
	a->arp_data.arp_sip = asked;
	put_frame(r, link, m);
}

/* The peer asks for the proxy, which learns the peer by that: no first packet waits or is lost. */
static void ask_arp(struct rig *r, unsigned link, uint32_t from, uint32_t who)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(r->io.rx_pool[0]);
	struct rte_ether_hdr *e;
	struct rte_arp_hdr *a;

	must(m != NULL, "no memory for a packet");
	e = (struct rte_ether_hdr *)rte_pktmbuf_append(m, sizeof(*e) + sizeof(*a));
	must(e != NULL, "no room in a packet");
	*e = (struct rte_ether_hdr){
		.src_addr = peer_mac,
		.dst_addr = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
		.ether_type = RTE_BE16(RTE_ETHER_TYPE_ARP),
	};
	a = (struct rte_arp_hdr *)(e + 1);
	*a = (struct rte_arp_hdr){
		.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
		.arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
		.arp_hlen = RTE_ETHER_ADDR_LEN,
		.arp_plen = 4,
		.arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
		.arp_data = {.arp_sha = peer_mac,
			     .arp_sip = rte_cpu_to_be_32(from),
			     .arp_tip = rte_cpu_to_be_32(who)},
	};
	put_frame(r, link, m);
}

static bool is_type(const struct rte_mbuf *m, uint16_t type)
{
	return rte_pktmbuf_mtod(m, const struct rte_ether_hdr *)->ether_type ==
	       rte_cpu_to_be_16(type);
}

/* Copied, as a link would: the sender's buffer is still in its send queue. */
static void from_proxy(struct rig *r, unsigned link)
{
	struct rte_mbuf *pkts[BURST];
	unsigned n;

	while ((n = rte_ring_dequeue_burst(r->from[link], (void **)pkts, BURST, NULL)) > 0)
		for (unsigned i = 0; i < n; i++) {
			const bool is_ip = is_type(pkts[i], RTE_ETHER_TYPE_IPV4);
			const bool is_arp = is_type(pkts[i], RTE_ETHER_TYPE_ARP);
			struct rte_mbuf *m =
				is_ip || is_arp ? rte_pktmbuf_copy(pkts[i], r->pool, 0, UINT32_MAX)
						: NULL;

			rte_pktmbuf_free(pkts[i]);
			if (m == NULL)
				continue;
			if (is_arp) {
				answer_arp(r, link, m);
				continue;
			}
			(void)rte_pktmbuf_adj(m, RTE_ETHER_HDR_LEN);
			m->l3_len = sizeof(struct rte_ipv4_hdr);
			m->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
			if (r->peer != NULL)
				peer_input(r->peer, m, r->now_us);
			else
				rte_pktmbuf_free(m);
		}
}

static void to_proxy(struct rig *r, struct rte_mbuf *sent)
{
	struct rte_mbuf *m = rte_pktmbuf_copy(sent, r->io.rx_pool[0], 0, UINT32_MAX);
	struct rte_ether_hdr *e;

	rte_pktmbuf_free(sent);
	if (m == NULL)
		return;

	const uint32_t dst = rte_pktmbuf_mtod(m, const struct rte_ipv4_hdr *)->dst_addr;
	const unsigned link = dst == RTE_BE32(0xc000020a) ? WAN : LAN;

	e = (struct rte_ether_hdr *)rte_pktmbuf_prepend(m, RTE_ETHER_HDR_LEN);
	if (e == NULL)
		abort();
	memcpy(e->dst_addr.addr_bytes, r->io.port[link].mac, RTE_ETHER_ADDR_LEN);
	e->src_addr = peer_mac;
	e->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	m->ol_flags = 0;
	m->packet_type = 0;
	put_frame(r, link, m);
}

static void run_peer(struct rig *r)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n;

	from_proxy(r, WAN);
	from_proxy(r, LAN);
	if (r->peer == NULL)
		return;
	peer_run(r->peer, r->now_us);
	do {
		n = peer_output(r->peer, pkts, BURST, r->now_us);
		for (uint16_t i = 0; i < n; i++)
			to_proxy(r, pkts[i]);
	} while (n == BURST);
}

/* ---- rounds ---- */

/* One pass, as worker_run() does it. */
static uint32_t pass(struct worker *w, uint64_t now_us)
{
	uint32_t nb;

	(void)worker_now_us(); /* the product's clock; what is used is simulated */
	nb = worker_loop(w, now_us);
	worker_gauges(w, now_us);
	worker_rest(w, nb, now_us);
	return nb;
}

static void timed_pass(struct runner *n)
{
	const uint64_t from = rte_rdtsc_precise();

	if (pass(n->w, n->r->now_us) == 0)
		return;
	n->cycles += rte_rdtsc_precise() - from;
	n->busy_loops++;
}

static void *run_others(void *arg)
{
	struct runner *n = arg;
	cpu_set_t cpus;
	uint64_t done = 0;

	CPU_ZERO(&cpus);
	CPU_SET((unsigned)n->core, &cpus);
	must(pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus) == 0 &&
		     rte_thread_register() == 0,
	     "no core for the second worker");
	for (;;) {
		while (atomic_load_explicit(&n->r->nb_rounds, memory_order_acquire) == done)
			rte_pause();
		if (atomic_load_explicit(&n->r->is_ending, memory_order_relaxed))
			break;
		timed_pass(n);
		atomic_store_explicit(&n->nb_done, ++done, memory_order_release);
	}
	rte_thread_unregister();
	return NULL;
}

static void start_others(struct rig *r)
{
	const int here = sched_getcpu();

	for (uint32_t i = 1; i < r->p.nb_workers; i++) {
		r->runner[i].core = here == 0 ? (int)i : (int)i - 1;
		must(pthread_create(&r->runner[i].thread, NULL, run_others, &r->runner[i]) == 0,
		     "no thread");
	}
}

static void rig_round(struct rig *r)
{
	r->now_us += r->p.round_us;
	(void)plane_tick(r->plane, r->now_us / 1000);

	const uint64_t round =
		atomic_fetch_add_explicit(&r->nb_rounds, 1, memory_order_release) + 1;

	timed_pass(&r->runner[0]);
	for (uint32_t i = 1; i < r->p.nb_workers; i++)
		while (atomic_load_explicit(&r->runner[i].nb_done, memory_order_acquire) < round)
			rte_pause();
	run_peer(r);
}

static void use_device(const void *user, SSL *ssl, uint32_t n)
{
	plane_use_device(user, ssl, n);
}

void rig_start(struct rig *r, const struct peer_params *params)
{
	struct peer_params p = *params;

	start_others(r);
	for (unsigned i = 0; i < 100; i++) /* addresses are announced, the version is adopted */
		rig_round(r);
	ask_arp(r, WAN, 0xc0000201, 0xc000020a);
	ask_arp(r, LAN, 0xc6336414, 0xc6336401);
	rig_round(r);
	p.pool = r->pool;
	p.use_device = use_device;
	p.user = r->plane;
	r->peer = peer_new(&p);
	must(r->peer != NULL, "no memory for the peer");
}

uint64_t rig_run(struct rig *r, uint64_t requests)
{
	const struct peer_stats *s = peer_stats(r->peer);
	const uint64_t until = s->requests + requests;
	uint64_t cycles = 0, last = s->requests;
	uint32_t stalled = 0;

	for (uint32_t i = 0; i < r->p.nb_workers; i++)
		r->runner[i].cycles = 0;
	while (s->requests < until) {
		rig_round(r);
		stalled = s->requests == last ? stalled + 1 : 0;
		last = s->requests;
		must(stalled < STALL_ROUNDS, "nothing is answered any more");
	}
	for (uint32_t i = 0; i < r->p.nb_workers; i++)
		cycles += r->runner[i].cycles;
	return cycles;
}

const struct peer_stats *rig_stats(const struct rig *r)
{
	return r->peer != NULL ? peer_stats(r->peer) : &r->none;
}

uint64_t rig_counter(const struct rig *r, unsigned outcome)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->p.nb_workers; i++)
		n += r->runner[i].w->counters[outcome];
	return n;
}

uint64_t rig_busy_loops(const struct rig *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->p.nb_workers; i++)
		n += r->runner[i].busy_loops;
	return n;
}

static void end_others(struct rig *r)
{
	atomic_store_explicit(&r->is_ending, true, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->nb_rounds, 1, memory_order_release);
	for (uint32_t i = 1; i < r->p.nb_workers; i++)
		pthread_join(r->runner[i].thread, NULL);
}

void rig_free(struct rig *r)
{
	end_others(r);
	peer_free(r->peer);
	for (uint32_t i = 0; i < r->p.nb_workers; i++) {
		rcu_worker_unregister(r->shm.rdv, i);
		worker_free(r->runner[i].w);
	}
	tls_sessions_free(r->sessions);
	io_close(&r->io);
	shm_close(&r->shm);
	plane_free(r->plane);
	free(r);
}
