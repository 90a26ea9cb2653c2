/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A network card for tests: the host's side of virtio ports (vhost-user), each wired to a tap
 * interface of the kernel with its offloads. What the guest leaves to the card (checksums,
 * segmentation) the kernel does, and the kernel leaves its checksums to the guest if that has
 * agreed to them.
 *
 *	vhost_tap SOCKET TAP [SOCKET TAP]
 *
 * Prints "ready", and on SIGTERM one line per port: what came from the guest.
 */

#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include <rte_vhost.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_PORTS 2u
#define BURST 32u
/* The largest that the kernel hands over when it leaves no segmentation to us, and much less. */
#define ROOM 10240u
#define GUEST_RX 0 /* queues, from the guest's point of view */
#define GUEST_TX 1

struct port {
	const char *socket, *tap;
	int fd;
	_Atomic(int) vid; /* -1: no guest */
	uint64_t features;
	uint64_t nb_packets, nb_cut, nb_sums, longest;
	uint64_t segment;     /* the largest size that it was told to cut at */
	uint64_t nb_unsummed; /* to the guest */
	uint64_t longest_to;
};

static struct port port[MAX_PORTS];
static unsigned nb_ports;
static struct rte_mempool *pool;
static atomic_bool is_term;

static void die(const char *what)
{
	fprintf(stderr, "vhost_tap: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_signal(int)
{
	atomic_store(&is_term, true);
}

static struct port *port_of(int vid)
{
	char name[128];

	for (unsigned i = 0; i < nb_ports; i++)
		if (rte_vhost_get_ifname(vid, name, sizeof(name)) == 0 &&
		    strcmp(name, port[i].socket) == 0)
			return &port[i];
	return NULL;
}

static int new_device(int vid)
{
	struct port *p = port_of(vid);

	if (p == NULL || rte_vhost_get_negotiated_features(vid, &p->features) < 0)
		return -1;
	/* Without the guest's consent the kernel must finish its checksums. */
	if (ioctl(p->fd, TUNSETOFFLOAD,
		  p->features & (1ull << VIRTIO_NET_F_GUEST_CSUM) ? TUN_F_CSUM : 0u) < 0)
		return -1;
	atomic_store(&p->vid, vid);
	return 0;
}

static void destroy_device(int vid)
{
	struct port *p = port_of(vid);

	if (p != NULL)
		atomic_store(&p->vid, -1);
}

static void open_tap(struct port *p)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int hdr_len = sizeof(struct virtio_net_hdr);

	p->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", p->tap);
	if (p->fd < 0 || ioctl(p->fd, TUNSETIFF, &ifr) < 0 ||
	    ioctl(p->fd, TUNSETVNETHDRSZ, &hdr_len) < 0)
		die(p->tap);
}

static void open_vhost(struct port *p)
{
	static const struct rte_vhost_device_ops ops = {
		.new_device = new_device,
		.destroy_device = destroy_device,
	};

	(void)unlink(p->socket);
	if (rte_vhost_driver_register(p->socket, 0) < 0 ||
	    rte_vhost_driver_callback_register(p->socket, &ops) < 0 ||
	    rte_vhost_driver_start(p->socket) < 0)
		die(p->socket);
}

/* What the mbuf asks for, in the kernel's words. */
static struct virtio_net_hdr header_of(struct port *p, const struct rte_mbuf *m)
{
	struct virtio_net_hdr h = {0};

	if (m->ol_flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = (uint16_t)(m->l2_len + m->l3_len);
		h.csum_offset = offsetof(struct rte_tcp_hdr, cksum);
		p->nb_sums++;
	}
	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		h.gso_type = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6
							      : VIRTIO_NET_HDR_GSO_TCPV4;
		h.gso_size = m->tso_segsz;
		h.hdr_len = (uint16_t)(m->l2_len + m->l3_len + m->l4_len);
		p->nb_cut++;
		p->segment = RTE_MAX(p->segment, (uint64_t)m->tso_segsz);
	}
	p->nb_packets++;
	p->longest = RTE_MAX(p->longest, m->pkt_len);
	return h;
}

static unsigned from_guest(struct port *p, int vid)
{
	struct rte_mbuf *pkts[BURST];
	const uint16_t n = rte_vhost_dequeue_burst(vid, GUEST_TX, pool, pkts, BURST);

	for (uint16_t i = 0; i < n; i++) {
		struct virtio_net_hdr h = header_of(p, pkts[i]);
		struct iovec iov[64] = {{&h, sizeof(h)}};
		int nb = 1;

		for (const struct rte_mbuf *m = pkts[i]; m != NULL && nb < 64; m = m->next)
			iov[nb++] = (struct iovec){rte_pktmbuf_mtod(m, void *), m->data_len};
		if (writev(p->fd, iov, nb) < 0 && errno != EAGAIN && errno != EIO)
			fprintf(stderr, "vhost_tap: %s: %s\n", p->tap, strerror(errno));
		rte_pktmbuf_free(pkts[i]);
	}
	return n;
}

/* The kernel's unfinished checksum becomes the guest's. */
static void ask_for_sum(struct port *p, struct rte_mbuf *m, const struct virtio_net_hdr *h)
{
	if (!(h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	const uint8_t *l3 = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);

	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = h->csum_start - RTE_ETHER_HDR_LEN;
	m->ol_flags =
		(l3[0] >> 4 == 6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4) |
		(h->csum_offset == offsetof(struct rte_tcp_hdr, cksum) ? RTE_MBUF_F_TX_TCP_CKSUM
								       : RTE_MBUF_F_TX_UDP_CKSUM);
	p->nb_unsummed++;
}

static unsigned to_guest(struct port *p, int vid)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t n = 0, sent;

	while (n < BURST) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		struct virtio_net_hdr h;

		if (m == NULL)
			break;
		struct iovec iov[2] = {{&h, sizeof(h)},
				       {rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m)}};
		const ssize_t len = readv(p->fd, iov, 2);

		if (len < (ssize_t)sizeof(h)) {
			rte_pktmbuf_free(m);
			break;
		}
		(void)rte_pktmbuf_append(m, (uint16_t)((size_t)len - sizeof(h)));
		p->longest_to = RTE_MAX(p->longest_to, m->pkt_len);
		ask_for_sum(p, m, &h);
		pkts[n++] = m;
	}
	sent = vid < 0 ? 0 : rte_vhost_enqueue_burst(vid, GUEST_RX, pkts, n);
	(void)sent;
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

int main(int argc, char **argv)
{
	char *eal[] = {
		argv[0], "--no-huge",  "--no-shconf",         "--no-pci", "--no-telemetry", "-m",
		"128",   "--lcores=0", "--log-level=*:error", NULL};
	const struct sigaction action = {.sa_handler = on_signal};

	if (argc < 3 || argc > 5 || argc % 2 == 0)
		die("usage: vhost_tap SOCKET TAP [SOCKET TAP]");
	umask(0);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (rte_eal_init(9, eal) < 0)
		die("cannot start the EAL");
	pool = rte_pktmbuf_pool_create("vhost", 4095, 0, 0, ROOM, SOCKET_ID_ANY);
	if (pool == NULL)
		die("no memory");
	for (int i = 1; i < argc; i += 2) {
		struct port *p = &port[nb_ports++];

		*p = (struct port){.socket = argv[i], .tap = argv[i + 1], .vid = -1};
		open_tap(p);
		open_vhost(p);
	}
	puts("ready");
	fflush(stdout);
	while (!atomic_load(&is_term)) {
		unsigned n = 0;

		for (unsigned i = 0; i < nb_ports; i++) {
			const int vid = atomic_load(&port[i].vid);

			n += to_guest(&port[i], vid);
			if (vid >= 0)
				n += from_guest(&port[i], vid);
		}
		if (n == 0)
			usleep(50);
	}
	for (unsigned i = 0; i < nb_ports; i++) {
		const struct port *p = &port[i];

		printf("port %u: packets=%lu cut=%lu segment=%lu unsummed=%lu longest=%lu "
		       "to-guest-unsummed=%lu to-guest-longest=%lu\n",
		       i, p->nb_packets, p->nb_cut, p->segment, p->nb_sums, p->longest,
		       p->nb_unsummed, p->longest_to);
	}
	return 0;
}
