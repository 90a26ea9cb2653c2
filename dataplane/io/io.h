/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Ports and how packets get between them and workers.
 *
 *	port with RSS            worker i polls receive queue i, sends on transmit queue i
 *	any other port           its owner (port index modulo workers) polls and sends;
 *
 *	   port --rx--> owner --steer_frame()--> rx ring of worker i --> worker i
 *	   worker i --> tx ring of the owner --tx--> port
 *
 * A ring is drained by one worker and filled by the others, so a packet is touched by one worker
 * at a time. mbuf.port holds the index in <io.port>, not DPDK's number, from io_rx() on.
 *
 * struct io is made by the main thread before the workers start and read only afterwards; a
 * struct io_worker is its worker's alone.
 */

#pragma once

#include "common/base/slice.h"
#include "common/shm/feedback_layout.h"
#include "io/steer.h"

#include <stdbool.h>
#include <stdint.h>

struct capture;
struct rte_mbuf;
struct rte_mempool;
struct rte_ring;

#define IO_MAX_PORTS FEEDBACK_MAX_PORTS
#define IO_BURST 32u
#define IO_BATCH 64u
#define IO_OFFLOAD_TX_CKSUM FEEDBACK_OFFLOAD_TX_CKSUM
#define IO_OFFLOAD_RX_CKSUM FEEDBACK_OFFLOAD_RX_CKSUM
#define IO_OFFLOAD_RSS FEEDBACK_OFFLOAD_RSS
#define IO_OFFLOAD_TSO FEEDBACK_OFFLOAD_TSO
#define IO_OFFLOAD_VLAN_STRIP FEEDBACK_OFFLOAD_VLAN_STRIP
#define IO_OFFLOAD_VLAN_INSERT FEEDBACK_OFFLOAD_VLAN_INSERT
#define IO_OFFLOAD_MULTI_SEGS FEEDBACK_OFFLOAD_MULTI_SEGS
#define IO_OFFLOAD_SCATTER FEEDBACK_OFFLOAD_SCATTER

struct io_port {
	char name[64]; /* DPDK's name of the device */
	const char *driver;
	struct slice device; /* the configuration's string; valid during the start only */
	uint16_t id;         /* DPDK's number */
	uint16_t nb_rxq, nb_txq;
	uint16_t nb_rx_desc, nb_tx_desc;
	uint16_t owner;          /* worker */
	uint16_t mtu;            /* as asked for, unless the port carries less */
	uint32_t offloads;       /* IO_OFFLOAD_*, in use */
	uint64_t tx_flags;       /* of a packet's ol_flags, what the port does */
	uint16_t tso_max_segs;   /* of one packet; 0: it does not cut */
	uint32_t tso_max;        /* bytes */
	bool is_insert_unshared; /* inserts a VLAN tag only into buffers that nobody shares */
	bool has_rss_ip6;        /* spreads TCP over IPv6 too */
	uint8_t mac[6];
};

struct io {
	struct steer steer;
	uint32_t nb_workers;
	uint32_t nb_ports;
	struct io_port port[IO_MAX_PORTS];
	struct rte_mempool *rx_pool[SNAP_MAX_WORKERS];
	struct rte_mempool *tx_pool[SNAP_MAX_WORKERS]; /* one consumer: worker i */
	struct rte_ring *rx_ring[SNAP_MAX_WORKERS];
	struct rte_ring *tx_ring[SNAP_MAX_WORKERS];
	uint32_t rx_pool_size, tx_pool_size;
	uint16_t rx_room, tx_room; /* of their buffers, without head room */
	/*
	 * Some port computes checksums of what it sends: they are left to io, which does it for
	 * the others.
	 */
	bool has_tx_cksum;
	/* What every port can cut (tcp_params.tso_max); 0: some cannot. */
	uint32_t tso_max;
	uint16_t tso_max_segs;
	bool is_steered; /* some port needs software steering */
};

struct io_params {
	const struct slice *device; /* [nb_ports] */
	uint16_t mtu[IO_MAX_PORTS];
	uint32_t nb_ports;
	uint32_t nb_workers;
	uint32_t memory_mib;      /* packet buffers take at most three quarters of it */
	uint32_t max_connections; /* no more buffers than these can use */
	bool has_hugepages;       /* 4 KiB pages hold one buffer each */
	bool no_offloads;         /* software does it all */
};

/*
 * Make pools, rings and ports of devices that EAL has probed, and start them. On failure <ret_why>
 * names the step and <ret_port> the device (index, or nb_ports: none of them); whatever was made
 * is gone with rte_eal_cleanup().
 */
[[nodiscard]] int io_open(struct io *io, const struct io_params *p, const char **ret_why,
			  uint32_t *ret_port);
/* Stop the ports. */
void io_close(struct io *io);

/* Buffers in each pool of each worker, whose frames have the room told. Pure. */
void io_pool_sizes(const struct io_params *p, uint16_t rx_room, uint16_t tx_room, uint32_t *ret_rx,
		   uint32_t *ret_tx);
/* Room for a frame in a buffer that takes packets of <mtu> bytes, sent ones too. Pure. */
uint16_t io_room(uint16_t mtu);

struct io_batch {
	uint32_t nb;
	struct rte_mbuf *pkt[IO_BATCH];
};

/* What a worker knows of a port's RSS. */
struct io_rss_probe {
	uint16_t left; /* packets to look at */
	bool is_wrong;
};

struct io_worker {
	const struct io *io;
	uint32_t index;
	uint64_t *counters;       /* by enum outcome */
	struct rte_mempool *pool; /* io.tx_pool[index]: for what this worker makes itself */
	struct capture *capture;  /* NULL: off */
	struct io_batch tx[IO_MAX_PORTS];
	struct io_batch to[SNAP_MAX_WORKERS]; /* received here, for another worker */
	struct io_rss_probe rss[IO_MAX_PORTS];
};

void io_worker_init(struct io_worker *w, const struct io *io, uint32_t index, uint64_t *counters);

/* A worker that answers ARP, announces addresses: one per port. */
static inline bool io_is_owner(const struct io_worker *w, uint32_t port)
{
	return w->io->port[port].owner == w->index;
}

/*
 * Up to IO_BURST packets that <port> received and that are this worker's, into <ret>. Those of
 * other workers are on their way. <ret_polled> is added the number taken off the port.
 */
uint16_t io_rx(struct io_worker *w, uint32_t port, struct rte_mbuf **ret, uint32_t *ret_polled);
/*
 * Give <m>, which begins at its Ethernet header and came by io_rx(), to the worker that it belongs
 * to: a packet that was put together from fragments has ports that those had not. True: it is on
 * its way; false: it is this worker's own.
 */
[[nodiscard]] bool io_pass(struct io_worker *w, struct rte_mbuf *m);
/* Up to IO_BURST packets that other workers received for this one. */
uint16_t io_rx_ring(struct io_worker *w, struct rte_mbuf **ret);
/*
 * Does <port> insert a tag into the frame <m> (RTE_MBUF_F_TX_VLAN, vlan_tci)? Some ports do so in
 * the buffer, which is no good for one that a send queue has too.
 */
[[nodiscard]] bool io_inserts_tag(const struct io_worker *w, uint32_t port,
				  const struct rte_mbuf *m);
/*
 * Send <m>, a frame that begins at its Ethernet header, by <port> with the next io_flush(). Its
 * ol_flags may ask for IPv4 and TCP checksums whatever the port does, for TSO up to io.tso_max.
 */
void io_tx(struct io_worker *w, uint32_t port, struct rte_mbuf *m);
/*
 * Hand over and send what was collected, and what other workers send by ports owned here. Returns
 * how many packets those other workers had.
 */
uint32_t io_flush(struct io_worker *w);
/* Drop what was collected and not sent. */
void io_worker_fini(struct io_worker *w);
