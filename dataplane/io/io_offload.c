/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a port does for us, from what its driver says: nothing here touches the port.
 *
 * Drivers whose "offload" is a loop of their own count as not having it where that loop is slower
 * than ours or wrong; each such case says why.
 */

#include "io/io_priv.h"

#include <string.h>

#define TSO_SEGS_MAX 64u
/* An IP packet has 65535 bytes at most, and some ports count the Ethernet header too. */
#define TSO_BYTES_MAX (65535u - 18u)
/* Fewer than that in a packet and it is not worth a header buffer. */
#define TSO_SEGS_MIN 4u
/* Of a frame of af_packet's ring: its own header, and Ethernet's with a tag. */
#define AF_PACKET_OVERHEAD 84u
#define AF_PACKET_FRAME 2048u
/* Ethernet header, two tags, and the check sequence that some ports leave on. */
#define FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + 8u + RTE_ETHER_CRC_LEN)

static bool is_driver(const struct io_port *p, const char *name)
{
	return strcmp(p->driver, name) == 0;
}

bool io_is_tap(const struct io_port *p)
{
	return is_driver(p, "net_tap");
}

/*
 * These insert a tag by moving the header with rte_vlan_insert(), which refuses a buffer that a
 * send queue shares; af_packet then drops the frame and tells nobody.
 */
static bool is_insert_by_moving(const struct io_port *p)
{
	return is_driver(p, "net_af_packet") || is_driver(p, "net_vhost") ||
	       strncmp(p->driver, "net_virtio", 10) == 0;
}

/* The number behind <key>, which has its "=", in a device string. */
static uint32_t device_number(struct slice device, const char *key, uint32_t fallback)
{
	const uint8_t *at = memmem(device.ptr, device.len, key, strlen(key));
	uint32_t n = 0;

	if (at == NULL)
		return fallback;
	for (at += strlen(key); at < device.ptr + device.len && *at >= '0' && *at <= '9'; at++) {
		if (n > 1000000)
			break;
		n = n * 10 + (uint32_t)(*at - '0');
	}
	return n;
}

uint16_t io_largest_mtu(const struct io_port *p, const struct rte_eth_dev_info *info)
{
	uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	uint32_t mtu;

	/* These two declare 1518 and carry what fits into their rings. */
	if (is_driver(p, "net_memif"))
		return UINT16_MAX;
	if (is_driver(p, "net_af_packet")) {
		mtu = device_number(p->device, "framesz=", AF_PACKET_FRAME);
		mtu = mtu > AF_PACKET_OVERHEAD ? mtu - AF_PACKET_OVERHEAD : 0;
		return (uint16_t)RTE_MIN(mtu, UINT16_MAX);
	}
	/* As rte_eth_dev_configure() reckons. */
	if (info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu)
		overhead = info->max_rx_pktlen - info->max_mtu;
	mtu = info->max_rx_pktlen > overhead ? info->max_rx_pktlen - overhead : 0;
	return (uint16_t)RTE_MIN(mtu, info->max_mtu);
}

bool io_can_scatter(const struct io_port *p, const struct rte_eth_dev_info *info, bool is_off)
{
	return p->mtu + FRAME_OVERHEAD <= IO_ROOM || is_driver(p, "net_memif") ||
	       (!is_off && (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0);
}

bool io_can_rss(const struct io_port *p, const struct rte_eth_dev_info *info, uint32_t nb,
		bool is_off)
{
	return nb > 1 && !is_off && !io_is_tap(p) && info->max_rx_queues >= nb &&
	       info->max_tx_queues >= nb &&
	       (info->flow_type_rss_offloads & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0 &&
	       info->hash_key_size <= STEER_KEY_MAX && info->reta_size > 0 &&
	       info->reta_size <= STEER_BUCKETS_MAX &&
	       (info->reta_size & (info->reta_size - 1)) == 0;
}

static void choose_receive(struct io_port *p, uint64_t capa, uint16_t rx_room, uint64_t *ret)
{
	/* net_tap sums in a loop when it receives; ours does it where the bytes are read next. */
	const uint64_t sums =
		io_is_tap(p)
			? 0
			: capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);

	*ret |= sums;
	if (sums & RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
		p->offloads |= IO_OFFLOAD_RX_CKSUM;
	if (capa & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) {
		*ret |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
		p->offloads |= IO_OFFLOAD_VLAN_STRIP;
	}
	if (p->mtu + FRAME_OVERHEAD > rx_room && (capa & RTE_ETH_RX_OFFLOAD_SCATTER)) {
		*ret |= RTE_ETH_RX_OFFLOAD_SCATTER;
		p->offloads |= IO_OFFLOAD_SCATTER;
	}
}

static bool can_tso(const struct io_port *p, const struct rte_eth_dev_info *info)
{
	const uint64_t need = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
			      RTE_ETH_TX_OFFLOAD_TCP_CKSUM;

	/*
	 * net_tap cuts with librte_gso, which knows IPv4 alone, and refuses full segments (for it
	 * the Ethernet header counts in the MTU).
	 */
	return (info->tx_offload_capa & need) == need && !io_is_tap(p) &&
	       info->tx_desc_lim.nb_seg_max > TSO_SEGS_MIN;
}

static void choose_transmit(struct io_port *p, const struct rte_eth_dev_info *info, uint64_t *ret)
{
	const uint64_t capa = info->tx_offload_capa;

	if (capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) {
		*ret |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
		p->offloads |= IO_OFFLOAD_MULTI_SEGS;
	}
	/* As for receiving: in net_tap it is a loop, and ours runs where the bytes are warm. */
	if ((capa & RTE_ETH_TX_OFFLOAD_TCP_CKSUM) && !io_is_tap(p)) {
		*ret |= RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
		p->offloads |= IO_OFFLOAD_TX_CKSUM;
		p->tx_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
		if (capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) {
			*ret |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
			p->tx_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		}
	}
	if (can_tso(p, info)) {
		*ret |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
		p->offloads |= IO_OFFLOAD_TSO;
		p->tx_flags |= RTE_MBUF_F_TX_TCP_SEG;
		/* One for the headers. */
		p->tso_max_segs =
			(uint16_t)RTE_MIN(info->tx_desc_lim.nb_seg_max - 1u, TSO_SEGS_MAX);
		p->tso_max = TSO_BYTES_MAX;
	}
	if (capa & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) {
		*ret |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
		p->offloads |= IO_OFFLOAD_VLAN_INSERT;
		p->tx_flags |= RTE_MBUF_F_TX_VLAN;
		p->is_insert_unshared = is_insert_by_moving(p);
	}
}

void io_choose_offloads(struct io_port *p, const struct rte_eth_dev_info *info, bool is_off,
			uint16_t rx_room, struct rte_eth_conf *conf)
{
	p->offloads = 0;
	p->tx_flags = 0;
	p->tso_max = 0;
	p->tso_max_segs = 0;
	if (is_off)
		return;
	choose_receive(p, info->rx_offload_capa, rx_room, &conf->rxmode.offloads);
	choose_transmit(p, info, &conf->txmode.offloads);
}
