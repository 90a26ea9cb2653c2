/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * MLDv2 (RFC 3810), the listener's part, and of that the least: which solicited-node groups we
 * are in, told when addresses come and when a router asks. Switches that snoop would otherwise
 * keep solicitations from us. An MLDv1 querier gets version 2 reports: what snoops reads both.
 */

#include "base/xorshift.h"
#include "nd/nd_priv.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <netinet/in.h>
#include <string.h>

#define ROBUSTNESS 2u
#define INTERVAL_US 1000000u /* Unsolicited Report Interval */
#define DELAY_MAX_MS 10000u
#define GROUPS_MAX 60u /* with all headers below 1280 bytes */
#define RECORD_LEN 20u

/* RFC 3810 5.2.12. No sources named, so "exclude" means all. */
#define MODE_IS_EXCLUDE 2
#define CHANGE_TO_EXCLUDE 4

/* RFC 3810 5: hop-by-hop header with router alert (RFC 2711), padded to eight bytes. */
static const uint8_t router_alert[8] = {IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};

/* RFC 3590 4: with no usable link-local address yet, nobody's. */
static struct ip_addr source_of(const struct nd *nd, uint8_t iface)
{
	const struct local *l = &nd->neigh->local;

	for (uint32_t i = 0; i < l->nb; i++)
		if (l->addr[i].a.iface == iface && l->addr[i].state == LOCAL_S_VALID &&
		    ip_addr_is_link_local(&l->addr[i].a.addr))
			return l->addr[i].a.addr;
	return (struct ip_addr){0};
}

/* Is the group of address <i> on its interface, and not that of an address before it? */
static bool is_listed(const struct local *l, uint8_t iface, uint32_t i)
{
	const struct local_addr *a = &l->addr[i];

	if (a->a.iface != iface || ip_addr_is_v4(&a->a.addr) || a->state == LOCAL_S_DUPLICATE)
		return false;
	for (uint32_t k = 0; k < i; k++) {
		const struct local_addr *b = &l->addr[k];

		if (b->a.iface == iface && !ip_addr_is_v4(&b->a.addr) &&
		    b->state != LOCAL_S_DUPLICATE &&
		    memcmp(&a->a.addr.b[13], &b->a.addr.b[13], 3) == 0)
			return false;
	}
	return true;
}

static void send_groups(struct nd *nd, uint8_t iface, const struct ip_addr *group, uint32_t nb,
			uint8_t type)
{
	const uint16_t icmp_len = (uint16_t)(sizeof(struct icmp6_header) + nb * RECORD_LEN);
	const struct ip_addr src = source_of(nd, iface), dst = IP6_ALL_MLD_ROUTERS;
	uint8_t *p;
	struct rte_mbuf *m = nd_packet_new(nd, &src, &dst, IPPROTO_HOPOPTS, 1,
					   (uint16_t)(sizeof(router_alert) + icmp_len), &p);

	if (m == NULL)
		return;
	memcpy(p, router_alert, sizeof(router_alert));
	p += sizeof(router_alert);

	struct icmp6_header *icmp = (struct icmp6_header *)p;

	*icmp = (struct icmp6_header){.type = ICMP6_MLD2_REPORT, .word_be = rte_cpu_to_be_32(nb)};
	for (uint32_t i = 0; i < nb; i++) {
		uint8_t *record = p + sizeof(*icmp) + i * RECORD_LEN;

		memset(record, 0, 4);
		record[0] = type;
		memcpy(record + 4, &group[i], sizeof(group[i]));
	}
	icmp->cksum_be = (uint16_t)~ip6_pseudo_sum(&src, &dst, icmp_len, IPPROTO_ICMPV6,
						   rte_raw_cksum(icmp, icmp_len));
	count(nd->neigh->counters, OUTCOME_MLD_REPORTED);
	nd_send_group(nd, iface, &dst, m);
}

static void send_report(struct nd *nd, uint8_t iface, uint8_t type)
{
	const struct local *l = &nd->neigh->local;
	struct ip_addr group[GROUPS_MAX];
	uint32_t nb = 0;

	for (uint32_t i = 0; i < l->nb; i++) {
		if (!is_listed(l, iface, i))
			continue;
		group[nb++] = ip6_solicited_node(&l->addr[i].a.addr);
		if (nb == GROUPS_MAX) {
			send_groups(nd, iface, group, nb, type);
			nb = 0;
		}
	}
	if (nb > 0)
		send_groups(nd, iface, group, nb, type);
}

void nd_mld_changed(struct nd *nd, uint8_t iface, uint64_t now_us)
{
	if (iface < ETH_MAX_IFACES)
		nd->report[iface] = (struct nd_report){
			.due_us = now_us, .left = ROBUSTNESS, .type = CHANGE_TO_EXCLUDE};
}

/* RFC 3810 5.1.3: 15 bits of mantissa, or a float with three bits of exponent. */
static uint32_t delay_ms(uint16_t code)
{
	if (code < 32768)
		return code;
	return (uint32_t)(((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3));
}

void nd_mld_query(struct nd *nd, uint8_t iface, const struct ip6_header *h, const uint8_t *icmp,
		  size_t len, uint64_t now_us)
{
	const struct ip_addr src = h->src;
	struct nd_report *r = &nd->report[iface];

	/* RFC 3810 6.2: anything else comes from beyond the link. */
	if (len < sizeof(struct nd_msg) || h->hop_limit != 1 || !ip_addr_is_link_local(&src)) {
		count(nd->neigh->counters, OUTCOME_ND_MALFORMED);
		return;
	}
	/* Whatever the query asks, all of our groups answer it; a report that is due does too. */
	if (r->left > 0 || !nd_is_owner(nd, iface))
		return;

	const uint32_t max_ms = RTE_MIN(delay_ms((uint16_t)(icmp[4] << 8 | icmp[5])), DELAY_MAX_MS);

	*r = (struct nd_report){
		.due_us = now_us + xorshift_next(&nd->random) % (max_ms * 1000ull + 1),
		.left = 1,
		.type = MODE_IS_EXCLUDE,
	};
}

void nd_mld_tick(struct nd *nd, uint64_t now_us)
{
	for (uint32_t i = 0; i < nd_eth(nd)->nb_ifaces; i++) {
		struct nd_report *r = &nd->report[i];

		if (r->left == 0 || now_us < r->due_us)
			continue;
		r->left--;
		r->due_us = now_us + INTERVAL_US;
		if (nd_is_owner(nd, (uint8_t)i))
			send_report(nd, (uint8_t)i, r->type);
	}
}
