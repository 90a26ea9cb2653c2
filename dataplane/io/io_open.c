/* SPDX-License-Identifier: BSD-3-Clause */

/* The part of io that runs once: pools, rings, ports, and what each port can do. */

#include "io/io_priv.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING_SIZE 2048u
#define POOL_CACHE 256u
#define NB_DESC 1024u
/* What a buffer takes of EAL's memory besides its room; no huge pages: whole 4 KiB pages. */
#define BUFFER_OVERHEAD (RTE_PKTMBUF_HEADROOM + 384u)
#define PAGE 4096u
#define PAGE_OVERHEAD 256u
#define POOL_MIN 4096u
#define POOL_MAX (1u << 20)
/* Buffers that one connection may fill in each direction before back-pressure holds it. */
#define BUFFERS_PER_CONN 16u

uint16_t io_room(uint16_t mtu)
{
	/*
	 * A segment to be sent shares its buffer with what the send queue knows of it
	 * (TCP_SEG_PAYLOAD_OFF); a frame that is copied into one buffer has two tags at most.
	 */
	const uint32_t room = RTE_ALIGN_CEIL(mtu + 64u + RTE_ETHER_HDR_LEN + 8u, 256u);

	return (uint16_t)RTE_MAX(room, IO_ROOM);
}

static uint64_t buffer_bytes(const struct io_params *p, uint16_t room)
{
	const uint32_t bytes = room + BUFFER_OVERHEAD;

	return p->has_hugepages ? bytes : RTE_ALIGN_CEIL(bytes, PAGE) + PAGE_OVERHEAD;
}

void io_pool_sizes(const struct io_params *p, uint16_t rx_room, uint16_t tx_room, uint32_t *ret_rx,
		   uint32_t *ret_tx)
{
	const uint64_t bytes = (uint64_t)p->memory_mib << 20;
	const uint64_t pair = buffer_bytes(p, rx_room) + buffer_bytes(p, tx_room);
	const uint64_t affordable = bytes / 4 * 3 / pair / p->nb_workers;
	const uint64_t useful = (uint64_t)p->max_connections * BUFFERS_PER_CONN / p->nb_workers +
				2ull * NB_DESC * p->nb_ports + POOL_MIN;
	const uint64_t nb = RTE_MIN(RTE_MIN(affordable, useful), POOL_MAX);

	/* Less than POOL_MIN does not even fill the port's queues: let the allocation fail. */
	*ret_rx = (uint32_t)RTE_MAX(nb, POOL_MIN);
	*ret_tx = *ret_rx;
}

static bool has_af_xdp(const struct io *io)
{
	for (uint32_t i = 0; i < io->nb_ports; i++)
		if (strcmp(io->port[i].driver, "net_af_xdp") == 0)
			return true;
	return false;
}

/*
 * What was given back last is taken next, while caches and the TLB still know it: a ring behind the
 * per-core cache would go round all of the pool as soon as more buffers are under way than the
 * cache holds. The stack is a driver of DPDK's that may not be installed; <else_ops> is built in.
 *
 * net_af_xdp tells the kernel only of the pool's first <nb> times the size of a buffer, and with 4
 * KiB pages a pool is longer than that. A stack begins with the last of its buffers, and nothing
 * is ever received; a ring begins with the first.
 */
static struct rte_mempool *make_pool(const struct io *io, const char *name, uint32_t nb,
				     uint16_t room, int socket, const char *else_ops)
{
	struct rte_mempool *pool = NULL;

	if (!has_af_xdp(io))
		pool = rte_pktmbuf_pool_create_by_ops(name, nb, POOL_CACHE, 0, room, socket,
						      "stack");
	if (pool == NULL && (has_af_xdp(io) || rte_errno == EINVAL))
		pool = rte_pktmbuf_pool_create_by_ops(name, nb, POOL_CACHE, 0, room, socket,
						      else_ops);
	return pool;
}

static int make_pools(struct io *io, uint32_t worker)
{
	const int socket = (int)rte_lcore_to_socket_id(worker + 1);
	const uint16_t rx = (uint16_t)(io->rx_room + RTE_PKTMBUF_HEADROOM);
	const uint16_t tx = (uint16_t)(io->tx_room + RTE_PKTMBUF_HEADROOM);
	char name[RTE_MEMPOOL_NAMESIZE];

	(void)snprintf(name, sizeof(name), "tw_rx_pool%u", worker);
	io->rx_pool[worker] = make_pool(io, name, io->rx_pool_size, rx, socket, "ring_mp_mc");
	if (io->rx_pool[worker] == NULL)
		return -rte_errno;
	/*
	 * Only its worker takes from this one (a lone consumer needs no compare-and-swap); whoever
	 * owns the port gives back what it sent.
	 */
	(void)snprintf(name, sizeof(name), "tw_tx_pool%u", worker);
	io->tx_pool[worker] = make_pool(io, name, io->tx_pool_size, tx, socket, "ring_mp_sc");
	return io->tx_pool[worker] == NULL ? -rte_errno : 0;
}

static int make_rings(struct io *io, uint32_t worker)
{
	const int socket = (int)rte_lcore_to_socket_id(worker + 1);
	char name[RTE_RING_NAMESIZE];

	(void)snprintf(name, sizeof(name), "tw_rx_ring%u", worker);
	io->rx_ring[worker] = rte_ring_create(name, RING_SIZE, socket, RING_F_SC_DEQ);
	(void)snprintf(name, sizeof(name), "tw_tx_ring%u", worker);
	io->tx_ring[worker] = rte_ring_create(name, RING_SIZE, socket, RING_F_SC_DEQ);
	return io->rx_ring[worker] == NULL || io->tx_ring[worker] == NULL ? -rte_errno : 0;
}

/* Ports of memif and virtio-user have a random address unless one is configured, of ring none. */
static bool needs_mac(const struct io_port *p, const struct rte_ether_addr *addr)
{
	static const char key[] = ",mac=";

	if (rte_is_zero_ether_addr(addr))
		return true;
	return (strcmp(p->driver, "net_memif") == 0 || strcmp(p->driver, "net_virtio_user") == 0) &&
	       memmem(p->device.ptr, p->device.len, key, sizeof(key) - 1) == NULL;
}

/*
 * The address that a tap port answers to. DPDK gives the port the kernel side's own address:
 * two hosts on one link with the same one, which a bridge would never forgive. Ours is made from
 * what stays the same when the data plane restarts, so that neighbours' caches stay right:
 * machine, network namespace, device string. FNV-1a; nothing depends on its quality.
 */
static void make_mac(struct slice device, uint8_t ret_mac[static 6])
{
	uint64_t hash = 0xcbf29ce484222325ull;
	char host[64] = "";
	struct stat st;

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	for (size_t i = 0; host[i] != '\0'; i++)
		hash = (hash ^ (uint8_t)host[i]) * 0x100000001b3ull;
	for (size_t i = 0; i < device.len; i++)
		hash = (hash ^ device.ptr[i]) * 0x100000001b3ull;
	if (stat("/proc/self/ns/net", &st) == 0)
		for (unsigned i = 0; i < 8; i++)
			hash = (hash ^ (uint8_t)(st.st_ino >> (8 * i))) * 0x100000001b3ull;
	ret_mac[0] = 0x02; /* locally administered, unicast */
	for (unsigned i = 1; i < 6; i++)
		ret_mac[i] = (uint8_t)(hash >> (8 * i));
}

static int port_mac(struct io_port *p)
{
	struct rte_ether_addr addr;
	const int rc = rte_eth_macaddr_get(p->id, &addr);

	if (rc < 0)
		return rc;
	if (io_is_tap(p) || needs_mac(p, &addr))
		make_mac(p->device, p->mac);
	else
		memcpy(p->mac, addr.addr_bytes, sizeof(p->mac));
	return 0;
}

static int set_reta(struct io_port *p, const struct steer *s)
{
	struct rte_eth_rss_reta_entry64 row[STEER_BUCKETS_MAX / RTE_ETH_RETA_GROUP_SIZE] = {0};

	for (uint32_t i = 0; i < s->nb_buckets; i++) {
		row[i / RTE_ETH_RETA_GROUP_SIZE].mask |= 1ull << (i % RTE_ETH_RETA_GROUP_SIZE);
		row[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = s->worker[i];
	}
	return rte_eth_dev_rss_reta_update(p->id, row, (uint16_t)s->nb_buckets);
}

static int setup_queues(struct io *io, struct io_port *p)
{
	const int socket = rte_eth_dev_socket_id(p->id);
	int rc;

	p->nb_rx_desc = p->nb_tx_desc = NB_DESC;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &p->nb_rx_desc, &p->nb_tx_desc);
	if (rc < 0)
		return rc;
	for (uint16_t q = 0; q < p->nb_rxq; q++) {
		struct rte_mempool *pool = io->rx_pool[p->nb_rxq > 1 ? q : p->owner];

		rc = rte_eth_rx_queue_setup(p->id, q, p->nb_rx_desc, (unsigned)socket, NULL, pool);
		if (rc < 0)
			return rc;
	}
	for (uint16_t q = 0; q < p->nb_txq; q++) {
		rc = rte_eth_tx_queue_setup(p->id, q, p->nb_tx_desc, (unsigned)socket, NULL);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Our key and table: what steer.h computes, and where it says that a packet goes. */
static void ask_for_rss(struct io_port *p, const struct rte_eth_dev_info *info,
			uint8_t key[static STEER_KEY_MAX], struct rte_eth_conf *conf)
{
	p->offloads |= IO_OFFLOAD_RSS;
	p->has_rss_ip6 = (info->flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0;
	steer_key(key, STEER_KEY_MAX);
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){
		.rss_key = key,
		.rss_key_len = info->hash_key_size == 0 ? 40 : info->hash_key_size,
		.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP |
			  (p->has_rss_ip6 ? RTE_ETH_RSS_NONFRAG_IPV6_TCP : 0),
	};
}

/* What the driver says afterwards counts: some know no other MTU than their kernel side's. */
static void set_mtu(struct io_port *p)
{
	const int rc = rte_eth_dev_set_mtu(p->id, p->mtu);

	if (rc < 0 && rc != -ENOTSUP && p->mtu > RTE_ETHER_MTU)
		p->mtu = RTE_ETHER_MTU;
}

/*
 * Neighbour discovery asks groups. A port that cannot be told to hear all of them is told to hear
 * everything; one that cannot be told that either has no filter (tap, memif, ring).
 */
static void hear_groups(const struct io_port *p)
{
	if (!io_is_tap(p) && rte_eth_allmulticast_enable(p->id) < 0)
		(void)rte_eth_promiscuous_enable(p->id);
}

static int open_port(struct io *io, struct io_port *p, bool no_offloads, const char **ret_why)
{
	uint8_t key[STEER_KEY_MAX];
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->id, &info);

	*ret_why = "the driver does not tell what the port can do";
	if (rc < 0)
		return rc;
	io_choose_offloads(p, &info, no_offloads, io->rx_room, &conf);
	p->nb_rxq = p->nb_txq = 1;
	if (io_can_rss(p, &info, io->nb_workers, no_offloads) &&
	    info.reta_size == io->steer.nb_buckets) {
		p->nb_rxq = p->nb_txq = (uint16_t)io->nb_workers;
		ask_for_rss(p, &info, key, &conf);
	}
	const bool is_mtu_declared =
		(uint32_t)p->mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN <= info.max_rx_pktlen;

	conf.rxmode.mtu = is_mtu_declared ? RTE_MAX(p->mtu, info.min_mtu) : 0;
	*ret_why = "configuring the port failed";
	rc = rte_eth_dev_configure(p->id, p->nb_rxq, p->nb_txq, &conf);
	if (rc < 0)
		return rc;
	if (is_mtu_declared)
		set_mtu(p);
	*ret_why = "setting up the port's queues failed";
	rc = setup_queues(io, p);
	if (rc < 0)
		return rc;
	*ret_why = "starting the port failed";
	rc = rte_eth_dev_start(p->id);
	if (rc < 0)
		return rc;
	hear_groups(p);
	*ret_why = "setting the port's RSS indirection failed";
	if (p->nb_rxq > 1) {
		rc = set_reta(p, &io->steer);
		if (rc < 0)
			return rc;
	}
	*ret_why = "the port has no Ethernet address";
	return port_mac(p);
}

/* DPDK's number of a device that was probed for <device>, and its driver. */
static int find_port(struct io_port *p, struct slice device)
{
	struct rte_eth_dev_info info;
	size_t len = 0;

	while (len < device.len && device.ptr[len] != ',')
		len++;
	if (len >= sizeof(p->name))
		return -ENAMETOOLONG;
	memcpy(p->name, device.ptr, len);
	p->name[len] = '\0';
	p->device = device;

	int rc = rte_eth_dev_get_port_by_name(p->name, &p->id);

	if (rc < 0 && len == strlen("xx:xx.x")) {
		/* DPDK knows PCI devices by their address with the domain. */
		char full[sizeof(p->name) + 5];

		(void)snprintf(full, sizeof(full), "0000:%s", p->name);
		rc = rte_eth_dev_get_port_by_name(full, &p->id);
	}
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_info_get(p->id, &info);
	if (rc < 0)
		return rc;
	p->driver = info.driver_name;
	return 0;
}

/* Ports that spread by RSS must agree on the rows of the indirection: those of the first count. */
static uint32_t choose_buckets(const struct io *io, bool no_offloads)
{
	for (uint32_t i = 0; i < io->nb_ports; i++) {
		struct rte_eth_dev_info info;

		if (rte_eth_dev_info_get(io->port[i].id, &info) == 0 &&
		    io_can_rss(&io->port[i], &info, io->nb_workers, no_offloads))
			return info.reta_size;
	}
	return STEER_BUCKETS;
}

/* Which ports there are, what MTU each carries, and so how large buffers must be. */
static int find_ports(struct io *io, const struct io_params *p, const char **ret_why,
		      uint32_t *ret_port)
{
	uint16_t largest = 0;
	bool is_scattered = true;

	for (uint32_t i = 0; i < p->nb_ports; i++) {
		struct rte_eth_dev_info info = {0};
		int rc = find_port(&io->port[i], p->device[i]);

		if (rc == 0)
			rc = rte_eth_dev_info_get(io->port[i].id, &info);
		if (rc < 0) {
			*ret_port = i;
			*ret_why = "there is no such device, or its driver failed";
			return rc;
		}
		io->port[i].mtu = RTE_MIN(p->mtu[i], io_largest_mtu(&io->port[i], &info));
		io->port[i].owner = (uint16_t)(i % p->nb_workers);
		largest = RTE_MAX(largest, io->port[i].mtu);
		is_scattered &= io_can_scatter(&io->port[i], &info, p->no_offloads);
	}
	io->nb_ports = p->nb_ports;
	io->tx_room = io_room(largest);
	io->rx_room = is_scattered ? IO_ROOM : io->tx_room;
	return 0;
}

static int open_ports(struct io *io, const struct io_params *p, const char **ret_why,
		      uint32_t *ret_port)
{
	steer_init(&io->steer, p->nb_workers, choose_buckets(io, p->no_offloads));
	io->tso_max = UINT32_MAX;
	io->tso_max_segs = UINT16_MAX;
	for (uint32_t i = 0; i < io->nb_ports; i++) {
		struct io_port *port = &io->port[i];
		const int rc = open_port(io, port, p->no_offloads, ret_why);

		if (rc < 0) {
			*ret_port = i;
			return rc;
		}
		io->has_tx_cksum |= (port->offloads & IO_OFFLOAD_TX_CKSUM) != 0;
		io->tso_max = RTE_MIN(io->tso_max, port->tso_max);
		io->tso_max_segs = RTE_MIN(io->tso_max_segs, port->tso_max_segs);
		io->is_steered |= p->nb_workers > 1 && port->nb_rxq == 1;
	}
	return 0;
}

int io_open(struct io *io, const struct io_params *p, const char **ret_why, uint32_t *ret_port)
{
	int rc;

	memset(io, 0, sizeof(*io));
	*ret_port = p->nb_ports;
	if (p->nb_ports > IO_MAX_PORTS || p->nb_workers > SNAP_MAX_WORKERS) {
		*ret_why = "too many ports or workers";
		return -E2BIG;
	}
	io->nb_workers = p->nb_workers;
	rc = find_ports(io, p, ret_why, ret_port);
	if (rc < 0)
		return rc;
	io_pool_sizes(p, io->rx_room, io->tx_room, &io->rx_pool_size, &io->tx_pool_size);
	for (uint32_t i = 0; i < p->nb_workers; i++) {
		rc = make_pools(io, i);
		*ret_why = "not enough memory for packet buffers: raise dataplane.memory_mib";
		if (rc < 0)
			return rc;
		rc = make_rings(io, i);
		*ret_why = "not enough memory for rings";
		if (rc < 0)
			return rc;
	}
	return open_ports(io, p, ret_why, ret_port);
}

void io_close(struct io *io)
{
	for (uint32_t i = 0; i < io->nb_ports; i++) {
		(void)rte_eth_dev_stop(io->port[i].id);
		(void)rte_eth_dev_close(io->port[i].id);
	}
	io->nb_ports = 0;
}
