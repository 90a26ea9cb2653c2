/* SPDX-License-Identifier: BSD-3-Clause */
#include "nd/nd_priv.h"

#include <rte_byteorder.h>

#include <netinet/in.h>
#include <string.h>

#define TICK_US 50000u
#define DAD_US 1000000u /* RFC 4862 5.1: RetransTimer behind the one probe */
/* Who does not probe itself waits longer than who does: the answer is to reach it in time. */
#define DAD_SLACK_US 500000u

/* What an address option said; NULL: it is not there. */
struct options {
	const uint8_t *source_mac, *target_mac;
};

static void drop(struct nd *nd, enum outcome why)
{
	count(nd->neigh->counters, why);
}

static void ask(void *protocol, const struct neigh_entry *e)
{
	struct nd *nd = protocol;
	const struct local_addr *src = local_source(&nd->neigh->local, e->iface, &e->addr);

	/* RFC 4861 7.2.2: only duplicate address detection asks as nobody. */
	if (src != NULL)
		nd_send_ns(nd, e->iface, &src->a.addr, &e->addr,
			   e->state == NEIGH_S_PROBE ? e->mac : NULL);
}

void nd_init(struct nd *nd, struct neigh *neigh)
{
	*nd = (struct nd){.neigh = neigh, .random = 0x2545f4914f6cdd1dull};
	neigh_set_protocol(neigh, true, ask, nd);
}

void nd_configure(struct nd *nd, uint64_t now_us)
{
	const struct local *l = &nd->neigh->local;

	memset(nd->report, 0, sizeof(nd->report));
	for (uint32_t i = 0; i < l->nb; i++)
		if (!ip_addr_is_v4(&l->addr[i].a.addr))
			nd_mld_changed(nd, l->addr[i].a.iface, now_us);
	nd->tick_us = 0;
}

/* One station's address; anything else cannot be spoken to. */
static bool is_station(const uint8_t *mac)
{
	static const uint8_t zero[6];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, 6) != 0;
}

/* RFC 4861 7.1.1: no option of length 0. Unknown ones are skipped. */
static bool parse_options(const uint8_t *p, size_t len, struct options *ret)
{
	struct options o = {0};

	while (len > 0) {
		const size_t n = len < 2 ? 0 : p[1] * 8u;

		if (n == 0 || n > len)
			return false;
		if (p[0] == ND_OPT_SOURCE_MAC || p[0] == ND_OPT_TARGET_MAC) {
			if (n != sizeof(struct nd_mac_option) || !is_station(p + 2))
				return false;
			*(p[0] == ND_OPT_SOURCE_MAC ? &o.source_mac : &o.target_mac) = p + 2;
		}
		p += n;
		len -= n;
	}
	*ret = o;
	return true;
}

/* ---- another host's claim on an address of ours ---- */

/* RFC 4862 5.4.3, 5.4.5: it is not to be used, and an operator has to look. */
static void give_up(struct nd *nd, struct local_addr *a)
{
	a->state = LOCAL_S_DUPLICATE;
	a->left = 0;
	drop(nd, OUTCOME_ND_DUPLICATE);
}

/* As for ARP (RFC 5227 2.4 (b)): say once in a while that the address is ours. */
static void defend(struct nd *nd, struct local_addr *a, uint64_t now_us)
{
	drop(nd, OUTCOME_ND_CONFLICT);
	if (!nd_is_owner(nd, a->a.iface) ||
	    (a->defended_us != 0 && now_us - a->defended_us < LOCAL_DEFEND_US))
		return;
	a->defended_us = now_us;
	nd_send_na(nd, a->a.iface, &a->a.addr, NULL, NULL, now_us);
}

/* ---- solicitations ---- */

/* An IPv4 address in disguise would be taken for what ARP looks after. */
static bool is_target_sound(const struct ip_addr *target)
{
	return !ip_addr_is_multicast6(target) && !ip_addr_is_unspecified(target) &&
	       !ip_addr_is_v4(target);
}

static bool is_solicitation_sound(const struct ip6_header *h, const struct nd_msg *msg,
				  const struct options *o)
{
	const struct ip_addr src = h->src, dst = h->dst, target = msg->target;
	const struct ip_addr group = ip6_solicited_node(&target);

	if (!is_target_sound(&target))
		return false;
	/* RFC 4861 7.1.1: who has no address yet asks the group, and tells no Ethernet address. */
	return !ip_addr_is_unspecified(&src) ||
	       (o->source_mac == NULL && ip_addr_is_equal(&dst, &group));
}

/* A neighbour that is about to speak to us. RFC 5942 4: it is on the link, or it is none. */
static bool is_on_link(const struct nd *nd, uint8_t iface, const struct ip_addr *a)
{
	return ip_addr_is_link_local(a) || local_is_on_link(&nd->neigh->local, iface, a);
}

static void answer(struct nd *nd, struct local_addr *a, const struct ip_addr *src,
		   const uint8_t *mac, uint64_t now_us)
{
	const uint8_t iface = a->a.iface;

	struct local_addr *same = local_find(&nd->neigh->local, src, iface);

	if (same != NULL) {
		defend(nd, same, now_us);
		return;
	}
	if (ip_addr_is_unspecified(src)) {
		/* RFC 4861 7.2.4: to all, the one who asks has no address. */
		src = NULL;
	} else if (is_on_link(nd, iface, src)) {
		if (mac != NULL && !neigh_learn(nd->neigh, iface, src, mac,
						NEIGH_F_MAKE | NEIGH_F_OVERRIDE, now_us))
			drop(nd, OUTCOME_ND_TABLE_FULL);
	} else if (mac == NULL) {
		drop(nd, OUTCOME_ND_NOT_OURS);
		return;
	}
	if (!nd_is_owner(nd, iface))
		return;
	count(nd->neigh->counters, OUTCOME_ND_ANSWERED);
	nd_send_na(nd, iface, &a->a.addr, src, mac, now_us);
}

static void input_solicitation(struct nd *nd, uint8_t iface, const struct ip6_header *h,
			       const struct nd_msg *msg, const struct options *o, uint64_t now_us)
{
	const struct ip_addr src = h->src, target = msg->target;
	struct local_addr *a = local_find(&nd->neigh->local, &target, iface);

	if (!is_solicitation_sound(h, msg, o)) {
		drop(nd, OUTCOME_ND_MALFORMED);
		return;
	}
	if (a == NULL || a->state == LOCAL_S_DUPLICATE) {
		drop(nd, OUTCOME_ND_NOT_OURS);
		return;
	}
	if (a->state == LOCAL_S_TENTATIVE) {
		/* RFC 4862 5.4.3: another one is trying the same; our own does not come back. */
		if (ip_addr_is_unspecified(&src))
			give_up(nd, a);
		else
			drop(nd, OUTCOME_ND_NOT_OURS);
		return;
	}
	answer(nd, a, &src, o->source_mac, now_us);
}

/* ---- advertisements ---- */

static void input_advertisement(struct nd *nd, uint8_t iface, const struct ip6_header *h,
				const struct nd_msg *msg, const struct options *o, uint64_t now_us)
{
	const uint32_t flags = rte_be_to_cpu_32(msg->flags_be);
	const struct ip_addr dst = h->dst, target = msg->target;
	struct local_addr *a = local_find(&nd->neigh->local, &target, iface);
	unsigned learn = 0;

	/* RFC 4861 7.1.2: what is for all answers nobody. */
	if (!is_target_sound(&target) ||
	    (ip_addr_is_multicast6(&dst) && (flags & NA_F_SOLICITED))) {
		drop(nd, OUTCOME_ND_MALFORMED);
		return;
	}
	if (a != NULL) {
		if (a->state == LOCAL_S_TENTATIVE)
			give_up(nd, a);
		else if (a->state == LOCAL_S_VALID)
			defend(nd, a, now_us);
		return;
	}
	if (flags & NA_F_SOLICITED)
		learn |= NEIGH_F_SOLICITED;
	if (flags & NA_F_OVERRIDE)
		learn |= NEIGH_F_OVERRIDE;
	if (!neigh_learn(nd->neigh, iface, &target, o->target_mac, learn, now_us))
		drop(nd, OUTCOME_ND_NOT_ASKED);
}

/* ---- in and on ---- */

/* RFC 4861 7.1: hop limit 255, or it came from beyond the link. */
static void input_discovery(struct nd *nd, uint8_t iface, const struct ip6_header *h,
			    const uint8_t *icmp, size_t len, uint64_t now_us)
{
	struct options o;
	struct nd_msg msg;

	if (h->hop_limit != 255 || len < sizeof(msg) || icmp[1] != 0 ||
	    !parse_options(icmp + sizeof(msg), len - sizeof(msg), &o)) {
		drop(nd, OUTCOME_ND_MALFORMED);
		return;
	}
	memcpy(&msg, icmp, sizeof(msg));
	if (msg.type == ICMP6_NS)
		input_solicitation(nd, iface, h, &msg, &o, now_us);
	else
		input_advertisement(nd, iface, h, &msg, &o, now_us);
}

void nd_input(struct nd *nd, uint8_t iface, const uint8_t *pkt, size_t off, size_t len,
	      uint64_t now_us)
{
	const struct ip6_header *h = (const struct ip6_header *)pkt;
	const uint8_t *icmp = pkt + off;

	switch (icmp[0]) {
	case ICMP6_NS:
	case ICMP6_NA:
		input_discovery(nd, iface, h, icmp, len - off, now_us);
		break;
	case ICMP6_MLD_QUERY:
		nd_mld_query(nd, iface, h, icmp, len - off, now_us);
		break;
	case ICMP6_REDIRECT:
		drop(nd, OUTCOME_ND_REDIRECT);
		break;
	default:
		drop(nd, OUTCOME_ND_IGNORED);
	}
}

/* What is due for an address: its probe, the end of its trial, an announcement. */
static void tick_address(struct nd *nd, struct local_addr *a, uint64_t now_us)
{
	const struct ip_addr nobody = {0};
	const uint8_t iface = a->a.iface;
	const bool is_owner = nd_is_owner(nd, iface);

	if (a->state == LOCAL_S_TENTATIVE && a->left == 0) {
		a->state = LOCAL_S_VALID;
		a->left = LOCAL_ANNOUNCE_NUM;
		/* RFC 3590 4: what was reported as nobody may not have been heeded. */
		if (ip_addr_is_link_local(&a->a.addr))
			nd_mld_changed(nd, iface, now_us);
	}
	if (a->left == 0)
		return;
	a->left--;
	if (a->state == LOCAL_S_TENTATIVE) {
		a->due_us = now_us + DAD_US + (is_owner ? 0 : DAD_SLACK_US);
		if (is_owner)
			nd_send_ns(nd, iface, &nobody, &a->a.addr, NULL);
	} else {
		a->due_us = now_us + LOCAL_ANNOUNCE_US;
		if (is_owner)
			nd_send_na(nd, iface, &a->a.addr, NULL, NULL, now_us);
	}
}

void nd_tick(struct nd *nd, uint64_t now_us)
{
	struct local *l = &nd->neigh->local;

	if (now_us < nd->tick_us)
		return;
	nd->tick_us = now_us + TICK_US;
	for (uint32_t i = 0; i < l->nb; i++) {
		struct local_addr *a = &l->addr[i];

		if (!ip_addr_is_v4(&a->a.addr) && a->state != LOCAL_S_DUPLICATE &&
		    (a->left > 0 || a->state == LOCAL_S_TENTATIVE) && now_us >= a->due_us &&
		    eth_is_up(nd_eth(nd), a->a.iface))
			tick_address(nd, a, now_us);
	}
	nd_mld_tick(nd, now_us);
}
