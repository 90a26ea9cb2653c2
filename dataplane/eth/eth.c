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

static bool is_tag(uint16_t type)
{
	return type == ETH_TYPE_VLAN || type == ETH_TYPE_QINQ;
}

/*
 * The VLAN of a frame, in band or taken out by the port. 802.1Q 6.9: VLAN id 0 is a priority
 * mark on an untagged frame. Stores where the payload begins, and its type. Returns the outcome
 * to drop with, or OUTCOME__COUNT when the frame may pass.
 */
static enum outcome find_vlan(const struct rte_mbuf *m, const uint8_t *h, uint16_t *ret_vlan,
			      uint16_t *ret_len, uint16_t *ret_type)
{
	*ret_vlan = 0;
	*ret_len = HDR_LEN;
	*ret_type = load_be16(h + 12);
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		*ret_vlan = m->vlan_tci & 0xfff;
	} else if (*ret_type == ETH_TYPE_VLAN) {
		if (m->data_len < HDR_LEN + TAG_LEN)
			return OUTCOME_ETH_SHORT;
		*ret_vlan = load_be16(h + 14) & 0xfff;
		*ret_type = load_be16(h + 16);
		*ret_len = HDR_LEN + TAG_LEN;
	}
	/* An 802.1ad service tag alone is refused too: its ids are not those of our interfaces. */
	return is_tag(*ret_type) ? OUTCOME_ETH_QINQ : OUTCOME__COUNT;
}

/*
 * The groups that we listen to (RFC 2464 7): all nodes, and those of solicited-node addresses; of
 * which address, nd knows.
 */
static bool is_ip6_group(const uint8_t *dst)
{
	static const uint8_t all_nodes[6] = {0x33, 0x33, 0, 0, 0, 1};

	return memcmp(dst, all_nodes, 6) == 0 ||
	       (dst[0] == 0x33 && dst[1] == 0x33 && dst[2] == 0xff);
}

/* A frame's payload begins with the IP version that its type promised. */
static bool is_ip_version(const struct rte_mbuf *m, uint16_t off, uint8_t version)
{
	return m->data_len > off &&
	       *rte_pktmbuf_mtod_offset(m, const uint8_t *, off) >> 4 == version;
}

/* Who is next for a frame of <type> at <off>; ETH_V_DROPPED with the reason in <ret_why>. */
static enum eth_verdict classify(const struct eth_iface *f, const struct rte_mbuf *m, uint16_t off,
				 uint16_t type, enum outcome *ret_why)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	const bool is_unicast = memcmp(h, f->mac, 6) == 0;
	const bool is_broadcast = memcmp(h, broadcast, 6) == 0;
	const bool is_group6 = type == ETH_TYPE_IP6 && is_ip6_group(h);

	*ret_why = OUTCOME_ETH_NOT_OURS;
	/* A group address is never a source (802.3 3.2.3), nor is our own: a loop. */
	if ((!is_unicast && !is_broadcast && !is_group6) || (h[6] & 1) ||
	    memcmp(h + 6, f->mac, 6) == 0)
		return ETH_V_DROPPED;
	if (type == ETH_TYPE_ARP)
		return ETH_V_ARP;
	*ret_why = OUTCOME_ETH_TYPE_UNKNOWN;
	if (type != ETH_TYPE_IP4 && type != ETH_TYPE_IP6)
		return ETH_V_DROPPED;
	*ret_why = OUTCOME_IP_NOT_OURS;
	if (is_broadcast)
		return ETH_V_DROPPED;
	*ret_why = type == ETH_TYPE_IP4 ? OUTCOME_IP_MALFORMED : OUTCOME_IP6_MALFORMED;
	if (!is_ip_version(m, off, type == ETH_TYPE_IP4 ? 4 : 6))
		return ETH_V_DROPPED;
	return is_group6 ? ETH_V_IP6_GROUP : ETH_V_IP;
}

enum eth_verdict eth_input(struct eth *e, struct rte_mbuf *m, uint8_t *ret_iface)
{
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	uint16_t vlan, len, type;

	if (m->data_len < HDR_LEN)
		return drop(e, m, OUTCOME_ETH_SHORT);

	const enum outcome why = find_vlan(m, h, &vlan, &len, &type);

	if (why != OUTCOME__COUNT)
		return drop(e, m, why);

	const uint8_t iface = e->demux[m->port][vlan];

	if (iface == ETH_NO_IFACE)
		return drop(e, m, OUTCOME_ETH_VLAN_UNKNOWN);

	enum outcome refused;
	const enum eth_verdict v = classify(&e->iface[iface], m, len, type, &refused);

	if (v == ETH_V_DROPPED)
		return drop(e, m, refused);
	(void)rte_pktmbuf_adj(m, len);
	*ret_iface = iface;
	return v;
}

void eth_rewrap(const struct eth *e, uint8_t iface, struct rte_mbuf *m, uint16_t type)
{
	const struct eth_iface *f = &e->iface[iface];
	uint8_t *h = (uint8_t *)rte_pktmbuf_prepend(m, HDR_LEN);

	if (h == NULL)
		return; /* cannot be: see there */
	memcpy(h, f->mac, 6);
	memset(h + 6, 0, 6); /* nobody; it is looked at for loops alone */
	h[12] = (uint8_t)(type >> 8);
	h[13] = (uint8_t)type;
	m->vlan_tci = f->vlan;
	m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
}

void eth_unwrap(struct rte_mbuf *m)
{
	(void)rte_pktmbuf_adj(m, HDR_LEN);
}

void eth_output(struct eth *e, uint8_t iface, struct rte_mbuf *m, const uint8_t dst[static 6],
		uint16_t type)
{
	const struct eth_iface *f = &e->iface[iface];
	const bool is_inserted =
		f->port != ETH_NO_PORT && f->vlan != 0 && io_inserts_tag(e->io, f->port, m);
	const uint16_t len = f->vlan == 0 || is_inserted ? HDR_LEN : HDR_LEN + TAG_LEN;
	uint8_t *h = f->port == ETH_NO_PORT ? NULL : (uint8_t *)rte_pktmbuf_prepend(m, len);

	if (h == NULL) {
		(void)drop(e, m, f->port == ETH_NO_PORT ? OUTCOME_IP_NO_ROUTE : OUTCOME_BUG);
		return;
	}
	memcpy(h, dst, 6);
	memcpy(h + 6, f->mac, 6);
	h += 12;
	if (is_inserted) {
		m->vlan_tci = f->vlan;
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	} else if (f->vlan != 0) {
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
