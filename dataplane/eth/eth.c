/* SPDX-License-Identifier: BSD-3-Clause */
#include "eth/eth.h"

#include "base/count.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <string.h>

#define HDR_LEN 14u
#define TAG_LEN 4u

void eth_init(struct eth *e, struct io_worker *io, uint64_t *counters)
{
	e->io = io;
	e->counters = counters;
	eth_configure(e, NULL, 0);
}

void eth_configure(struct eth *e, const struct eth_iface *iface, uint32_t nb)
{
	e->nb_ifaces = RTE_MIN(nb, ETH_MAX_IFACES);
	memset(e->demux, ETH_NO_IFACE, sizeof(e->demux));
	for (uint32_t i = 0; i < e->nb_ifaces; i++) {
		const struct eth_iface *f = &iface[i];

		e->iface[i] = *f;
		if (f->port < IO_MAX_PORTS && f->vlan < 4096 &&
		    e->demux[f->port][f->vlan] == ETH_NO_IFACE)
			e->demux[f->port][f->vlan] = (uint8_t)i;
		else
			e->iface[i].port = ETH_NO_PORT;
	}
}

static enum eth_verdict drop(struct eth *e, struct rte_mbuf *m, enum outcome why)
{
	count(e->counters, why);
	rte_pktmbuf_free(m);
	return ETH_V_DROPPED;
}

static uint16_t load_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/*
 * The VLAN of a frame, in band or taken out by the port. 802.1Q 6.9: VLAN id 0 is a priority
 * mark on an untagged frame. Stores where the payload begins, and its type.
 */
static int find_vlan(const struct rte_mbuf *m, const uint8_t *h, uint16_t *ret_vlan,
		     uint16_t *ret_len, uint16_t *ret_type)
{
	*ret_vlan = 0;
	*ret_len = HDR_LEN;
	*ret_type = load_be16(h + 12);
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		*ret_vlan = m->vlan_tci & 0xfff;
		return 0;
	}
	if (*ret_type != ETH_TYPE_VLAN)
		return 0;
	if (m->data_len < HDR_LEN + TAG_LEN)
		return -1;
	*ret_vlan = load_be16(h + 14) & 0xfff;
	*ret_type = load_be16(h + 16);
	*ret_len = HDR_LEN + TAG_LEN;
	return 0;
}

enum eth_verdict eth_input(struct eth *e, struct rte_mbuf *m, uint8_t *ret_iface)
{
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t vlan, len, type;

	if (m->data_len < HDR_LEN || find_vlan(m, h, &vlan, &len, &type) < 0)
		return drop(e, m, OUTCOME_ETH_SHORT);

	const uint8_t iface = e->demux[m->port][vlan];

	if (iface == ETH_NO_IFACE)
		return drop(e, m, OUTCOME_ETH_VLAN_UNKNOWN);

	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const bool is_unicast = memcmp(h, e->iface[iface].mac, 6) == 0;
	const bool is_broadcast = memcmp(h, broadcast, 6) == 0;

	/* A group address is never a source (802.3 3.2.3), nor is our own: a loop. */
	if ((!is_unicast && !is_broadcast) || (h[6] & 1) ||
	    memcmp(h + 6, e->iface[iface].mac, 6) == 0)
		return drop(e, m, OUTCOME_ETH_NOT_OURS);
	if (type != ETH_TYPE_ARP && type != ETH_TYPE_IP4)
		return drop(e, m, OUTCOME_ETH_TYPE_UNKNOWN);
	if (type == ETH_TYPE_IP4 && is_broadcast)
		return drop(e, m, OUTCOME_IP_NOT_OURS);
	(void)rte_pktmbuf_adj(m, len);
	*ret_iface = iface;
	return type == ETH_TYPE_ARP ? ETH_V_ARP : ETH_V_IP4;
}

void eth_output(struct eth *e, uint8_t iface, struct rte_mbuf *m, const uint8_t dst[static 6],
		uint16_t type)
{
	const struct eth_iface *f = &e->iface[iface];
	const uint16_t len = f->vlan == 0 ? HDR_LEN : HDR_LEN + TAG_LEN;
	uint8_t *h = f->port == ETH_NO_PORT ? NULL : (uint8_t *)rte_pktmbuf_prepend(m, len);

	if (h == NULL) {
		(void)drop(e, m, f->port == ETH_NO_PORT ? OUTCOME_IP_NO_ROUTE : OUTCOME_BUG);
		return;
	}
	memcpy(h, dst, 6);
	memcpy(h + 6, f->mac, 6);
	h += 12;
	if (f->vlan != 0) {
		h[0] = ETH_TYPE_VLAN >> 8;
		h[1] = ETH_TYPE_VLAN & 0xff;
		h[2] = (uint8_t)(f->vlan >> 8);
		h[3] = (uint8_t)f->vlan;
		h += TAG_LEN;
	}
	h[0] = (uint8_t)(type >> 8);
	h[1] = (uint8_t)type;
	m->l2_len = len;
	io_tx(e->io, f->port, m);
}
