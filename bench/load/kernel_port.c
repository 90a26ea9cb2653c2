/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/kernel_port.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * Least time between two interrupts of the card, as cards moderate theirs; after a quiet time the
 * first packet has its own at once. nginx as a proxy took 93,000 cycles for a request of 1 KiB
 * without, 81,000 with 20 us, 71,000 with 50: interrupts are dear in a virtual machine.
 */
#define INTERRUPT_GAP_US 50u
#define MAX_PENDING 256u
/* Buffers that the largest packet of the kernel fills, and those of one to be sent. */
#define MAX_BUFFERS 48u
#define TSO_BYTES (65535u - 64u)
#define TSO_SEGS 40u

struct kernel_port {
	int fd;
	struct rte_mempool *pool;
	/* Empty, for the next packet. */
	struct rte_mbuf *buffer[MAX_BUFFERS];
	/* To the kernel, with the next interrupt. */
	struct rte_mbuf *pending[MAX_PENDING];
	uint32_t nb_pending;
	uint64_t gap_tsc, last_tsc;
};

static struct kernel_port port[IO_MAX_PORTS];

const char *kernel_port_of(const char *device)
{
	const size_t len = sizeof(KERNEL_PORT_PREFIX) - 1;

	return device != NULL && strncmp(device, KERNEL_PORT_PREFIX, len) == 0 ? device + len
									       : NULL;
}

/* ---- from the kernel ---- */

static bool fill_buffers(struct kernel_port *k)
{
	for (uint32_t i = 0; i < MAX_BUFFERS; i++) {
		if (k->buffer[i] != NULL)
			continue;
		k->buffer[i] = rte_pktmbuf_alloc(k->pool);
		if (k->buffer[i] == NULL)
			return false;
	}
	return true;
}

/* The first buffers hold a packet of <len> bytes: chain them. */
static struct rte_mbuf *take(struct kernel_port *k, uint32_t len)
{
	struct rte_mbuf *m = k->buffer[0], *last = NULL;

	m->pkt_len = len;
	for (uint32_t i = 0; len > 0; i++) {
		struct rte_mbuf *b = k->buffer[i];

		b->data_len = (uint16_t)RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(b));
		len -= b->data_len;
		if (last != NULL)
			last->next = b;
		last = b;
		m->nb_segs = (uint16_t)(i + 1);
		k->buffer[i] = NULL;
	}
	/* The kernel's own sums, or those that it left to us and nobody has to make. */
	m->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return m;
}

static struct rte_mbuf *receive(struct kernel_port *k)
{
	struct virtio_net_hdr h;
	struct iovec iov[MAX_BUFFERS + 1] = {{&h, sizeof(h)}};

	if (!fill_buffers(k))
		return NULL;
	for (uint32_t i = 0; i < MAX_BUFFERS; i++)
		iov[i + 1] = (struct iovec){rte_pktmbuf_mtod(k->buffer[i], void *),
					    rte_pktmbuf_tailroom(k->buffer[i])};

	const ssize_t len = readv(k->fd, iov, MAX_BUFFERS + 1);

	return len > (ssize_t)(sizeof(h) + RTE_ETHER_HDR_LEN)
		       ? take(k, (uint32_t)len - (uint32_t)sizeof(h))
		       : NULL;
}

/* ---- to the kernel ---- */

static struct virtio_net_hdr header_of(const struct rte_mbuf *m)
{
	struct virtio_net_hdr h = {0};

	if (m->ol_flags & (RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = (uint16_t)(m->l2_len + m->l3_len);
		h.csum_offset = offsetof(struct rte_tcp_hdr, cksum);
	}
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		h.gso_type = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6
							      : VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = m->tso_segsz;
		h.hdr_len = (uint16_t)(m->l2_len + m->l3_len + m->l4_len);
	}
	return h;
}

/* What the card would do to the packets before they are on the wire. */
static void finish(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip;

	if (!(m->ol_flags & RTE_MBUF_F_TX_IPV4))
		return;
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, m->l2_len);
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG)
		ip->total_length = rte_cpu_to_be_16((uint16_t)(m->pkt_len - m->l2_len));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

static void write_packet(const struct kernel_port *k, struct rte_mbuf *m)
{
	struct virtio_net_hdr h = header_of(m);
	struct iovec iov[TSO_SEGS + 3] = {{&h, sizeof(h)}};
	int n = 1;

	finish(m);
	for (const struct rte_mbuf *b = m; b != NULL && n < (int)TSO_SEGS + 3; b = b->next)
		iov[n++] = (struct iovec){rte_pktmbuf_mtod(b, void *), b->data_len};
	/* What does not fit is lost, as on a wire. */
	if (writev(k->fd, iov, n) < 0)
		return;
}

static void flush(struct kernel_port *k, uint64_t now)
{
	for (uint32_t i = 0; i < k->nb_pending; i++)
		write_packet(k, k->pending[i]);
	rte_pktmbuf_free_bulk(k->pending, k->nb_pending);
	k->nb_pending = 0;
	k->last_tsc = now;
}

/* net_null, which sends next, gives back only its hold on them. */
static uint16_t on_send(uint16_t, uint16_t, struct rte_mbuf *pkts[], uint16_t nb, void *user)
{
	struct kernel_port *k = user;

	for (uint16_t i = 0; i < nb; i++) {
		if (k->nb_pending == MAX_PENDING)
			flush(k, rte_rdtsc());
		rte_pktmbuf_refcnt_update(pkts[i], 1);
		k->pending[k->nb_pending++] = pkts[i];
	}
	return nb;
}

/* Called once a loop, whether there are packets or not. */
static uint16_t on_receive(uint16_t id, uint16_t, struct rte_mbuf *pkts[], uint16_t nb,
			   uint16_t max, void *user)
{
	struct kernel_port *k = user;
	const uint64_t now = rte_rdtsc();

	if (k->nb_pending > 0 && now - k->last_tsc >= k->gap_tsc)
		flush(k, now);
	while (nb < max) {
		struct rte_mbuf *m = receive(k);

		if (m == NULL)
			break;
		m->port = id;
		pkts[nb++] = m;
	}
	return nb;
}

/* ---- open ---- */

static int open_tap(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	const size_t len = strlen(name);
	int hdr_len = sizeof(struct virtio_net_hdr);

	if (len >= sizeof(ifr.ifr_name))
		return -ENAMETOOLONG;
	memcpy(ifr.ifr_name, name, len);

	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &hdr_len) < 0 ||
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0) {
		const int rc = -errno;

		(void)close(fd);
		return rc;
	}
	return fd;
}

/* The port is more than its driver, net_null, says of it. */
static void offer(struct io *io, struct io_port *p)
{
	p->offloads |= IO_OFFLOAD_TX_CKSUM | IO_OFFLOAD_RX_CKSUM | IO_OFFLOAD_TSO |
		       IO_OFFLOAD_MULTI_SEGS | IO_OFFLOAD_SCATTER;
	p->tx_flags |= RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG;
	p->tso_max = TSO_BYTES;
	p->tso_max_segs = TSO_SEGS;
	io->has_tx_cksum = true;
	io->tso_max = UINT32_MAX;
	io->tso_max_segs = UINT16_MAX;
	for (uint32_t i = 0; i < io->nb_ports; i++) {
		io->tso_max = RTE_MIN(io->tso_max, io->port[i].tso_max);
		io->tso_max_segs = RTE_MIN(io->tso_max_segs, io->port[i].tso_max_segs);
	}
}

int kernel_port_open(struct io *io, uint32_t index, const char *name, const char **ret_why)
{
	struct kernel_port *k = &port[index];
	struct io_port *p = &io->port[index];

	*ret_why = "a port to the kernel has one worker";
	if (io->nb_workers != 1)
		return -EINVAL;
	*k = (struct kernel_port){.fd = open_tap(name), .pool = io->rx_pool[p->owner]};
	k->gap_tsc = rte_get_tsc_hz() / 1000000 * INTERRUPT_GAP_US;
	*ret_why = "the kernel gives no such tap interface";
	if (k->fd < 0)
		return k->fd;
	*ret_why = "DPDK was built without callbacks";
	if (rte_eth_add_rx_callback(p->id, 0, on_receive, k) == NULL ||
	    rte_eth_add_tx_callback(p->id, 0, on_send, k) == NULL)
		return -ENOTSUP;
	offer(io, p);
	return 0;
}
