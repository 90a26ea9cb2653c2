/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses, interfaces and routes: what can be, and what fits together. */

#include "common/snap/snap.h"
#include "config/config_check_priv.h"
#include "config/config_format.h"

#include <stdlib.h>
#include <string.h>

#define IP6_MTU_MIN 1280u /* RFC 8200 5 */

static const char *unusable6(const struct ip_addr *a)
{
	static const struct ip_addr unspecified, loopback = {.b = {[15] = 1}};

	if (ip_addr_is_equal(a, &unspecified))
		return "unspecified (::)";
	if (ip_addr_is_equal(a, &loopback))
		return "a loopback address";
	/* RFC 4291 2.5.5.1: what was meant is IPv4. */
	if (memcmp(a, &unspecified, 12) == 0)
		return "IPv4-compatible, which is deprecated";
	if (ip_addr_is_multicast6(a))
		return "a multicast address";
	if (ip_addr_is_link_local(a))
		return "link-local, which means nothing beyond one link";
	return NULL;
}

const char *config_check_unusable(const struct ip_addr *a)
{
	if (!ip_addr_is_v4(a))
		return unusable6(a);
	if (a->b[12] == 0)
		return "unspecified (0.0.0.0/8)";
	if (a->b[12] == 127)
		return "a loopback address";
	if (a->b[12] >= 224 && a->b[12] < 240)
		return "a multicast address";
	if (a->b[12] >= 240)
		return "reserved or broadcast";
	return NULL;
}

uint32_t config_check_owner(const struct config *cfg, const struct ip_addr *a)
{
	for (unsigned i = 0; i < cfg->nb_interfaces; i++)
		for (unsigned j = 0; j < cfg->interfaces[i].nb_addresses; j++)
			if (ip_addr_is_equal(&cfg->interfaces[i].addresses[j].addr, a))
				return i;
	return SNAP_NONE;
}

/* The first interface from <from> to <end> with <a> on its link, or SNAP_NONE. */
static uint32_t link_of(const struct config *cfg, const struct ip_addr *a, unsigned from,
			unsigned end)
{
	for (unsigned i = from; i < end; i++)
		for (unsigned j = 0; j < cfg->interfaces[i].nb_addresses; j++)
			if (snap_prefix_has(&cfg->interfaces[i].addresses[j], a))
				return i;
	return SNAP_NONE;
}

bool config_check_reachable(const struct config *cfg, const struct ip_addr *a)
{
	if (link_of(cfg, a, 0, cfg->nb_interfaces) != SNAP_NONE)
		return true;
	for (unsigned i = 0; i < cfg->nb_routes; i++)
		if (snap_prefix_has(&cfg->routes[i].prefix, a))
			return true;
	return false;
}

static bool is_overlap(const struct snap_prefix *a, const struct snap_prefix *b)
{
	if (snap_prefix_is_v4(a) != snap_prefix_is_v4(b))
		return false;
	return a->len <= b->len ? snap_prefix_has(a, &b->addr) : snap_prefix_has(b, &a->addr);
}

static void check_address(struct checker *c, unsigned i, unsigned j)
{
	const struct snap_prefix *p = &c->cfg->interfaces[i].addresses[j];
	const char *why = config_check_unusable(&p->addr);

	if (ip_addr_is_link_local(&p->addr))
		why = "link-local, which each interface makes for itself";
	/* RFC 4291 2.6.1; RFC 6164: a link of two has none. */
	else if (why == NULL && !snap_prefix_is_v4(p) && p->len < 127 && config_prefix_is_clean(p))
		why = "the anycast address of the link's routers";
	if (why != NULL) {
		FAIL(c, config_path("interfaces[%u].addresses[%u]", i, j), "is %s", why);
		return;
	}
	/* Two links with the same addresses: nobody could tell where a packet should go. */
	for (unsigned k = 0; k <= i; k++) {
		const struct config_interface *in = &c->cfg->interfaces[k];
		for (unsigned l = 0; l < (k == i ? j : in->nb_addresses); l++) {
			bool is_same = ip_addr_is_equal(&in->addresses[l].addr, &p->addr);
			if (!is_same && (k == i || !is_overlap(&in->addresses[l], p)))
				continue;
			FAIL(c, config_path("interfaces[%u].addresses[%u]", i, j),
			     "%s interfaces[%u].addresses[%u]",
			     is_same ? "is the same address as" : "overlaps the prefix of", k, l);
		}
	}
}

static bool has_ip6(const struct config_interface *in)
{
	for (unsigned j = 0; j < in->nb_addresses; j++)
		if (!snap_prefix_is_v4(&in->addresses[j]))
			return true;
	return false;
}

/* Is there no interface before <idx> with the same device? */
static bool is_first_of_device(const struct config *cfg, unsigned idx)
{
	for (unsigned i = 0; i < idx; i++)
		if (strcmp(cfg->interfaces[i].device, cfg->interfaces[idx].device) == 0)
			return false;
	return true;
}

void config_check_interfaces(struct checker *c)
{
	const struct config *cfg = c->cfg;
	unsigned nb_devices = 0, nb_addresses = 0;

	for (unsigned i = 0; i < cfg->nb_interfaces; i++) {
		const struct config_interface *in = &cfg->interfaces[i];
		config_check_name(c, &c->interfaces, in->name, i,
				  CONFIG_AT("interfaces", i, ".name"));
		for (unsigned j = 0; j < i; j++) {
			const struct config_interface *other = &cfg->interfaces[j];
			if (strcmp(in->device, other->device) != 0)
				continue;
			if (in->vlan == other->vlan)
				FAIL(c, CONFIG_AT("interfaces", i, ".device"),
				     "interfaces[%u] has the same device and vlan", j);
			else if (in->mtu != other->mtu)
				FAIL(c, CONFIG_AT("interfaces", i, ".mtu"),
				     "must be that of interfaces[%u], which has the same device, "
				     "%u",
				     j, other->mtu);
		}
		for (unsigned j = 0; j < in->nb_addresses; j++)
			check_address(c, i, j);
		if (has_ip6(in) && in->mtu < IP6_MTU_MIN)
			FAIL(c, CONFIG_AT("interfaces", i, ".mtu"),
			     "must be at least %u for IPv6, not %u", IP6_MTU_MIN, in->mtu);
		nb_devices += is_first_of_device(cfg, i);
		nb_addresses += in->nb_addresses;
	}
	if (nb_devices > CONFIG_DEVICES_MAX)
		FAIL(c, config_path("interfaces"), "have %u devices, more than %u", nb_devices,
		     CONFIG_DEVICES_MAX);
	if (nb_addresses > CONFIG_ADDRESSES_MAX)
		FAIL(c, config_path("interfaces"), "have %u addresses, more than %u", nb_addresses,
		     CONFIG_ADDRESSES_MAX);
}

static int by_prefix_len(const void *a, const void *b)
{
	const struct config_route *x = a, *y = b;

	if (x->prefix.len != y->prefix.len)
		return (int)y->prefix.len - (int)x->prefix.len;
	return memcmp(x->prefix.addr.b, y->prefix.addr.b, sizeof(x->prefix.addr.b));
}

static void check_destination(struct checker *c, unsigned i)
{
	const struct snap_prefix *p = &c->cfg->routes[i].prefix;

	if (!config_prefix_is_clean(p))
		FAIL(c, CONFIG_AT("routes", i, ".prefix"), "has bits set beyond its length");
	else if (ip_addr_is_link_local(&p->addr))
		FAIL(c, CONFIG_AT("routes", i, ".prefix"), "is link-local: no route leads there");
	else if (ip_addr_is_multicast6(&p->addr))
		FAIL(c, CONFIG_AT("routes", i, ".prefix"),
		     "is multicast, which is not routed here");
}

/* Routers speak of themselves by their link-local address, which is on every link. */
static void check_link_local_via(struct checker *c, unsigned i)
{
	const struct config_route *r = &c->cfg->routes[i];

	if (r->interface_name == NULL)
		FAIL(c, CONFIG_AT("routes", i, ".via"),
		     "is link-local: interface must say on which link");
	else if (!has_ip6(&c->cfg->interfaces[r->interface]))
		FAIL(c, CONFIG_AT("routes", i, ".via"),
		     "is link-local, and interface \"%s\" has no IPv6 address", r->interface_name);
}

static void check_route(struct checker *c, unsigned i)
{
	const struct config *cfg = c->cfg;
	struct config_route *r = &cfg->routes[i];
	unsigned from = 0, end = cfg->nb_interfaces;
	const char *why = config_check_unusable(&r->via);

	check_destination(c, i);
	if (r->interface_name != NULL) {
		r->interface = config_check_resolve(c, &c->interfaces, r->interface_name,
						    CONFIG_AT("routes", i, ".interface"));
		if (r->interface == SNAP_NONE)
			return;
		from = r->interface;
		end = from + 1;
	}
	if (snap_prefix_is_v4(&r->prefix) != ip_addr_is_v4(&r->via))
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is %s, and prefix is not",
		     ip_addr_is_v4(&r->via) ? "IPv4" : "IPv6");
	else if (ip_addr_is_link_local(&r->via))
		check_link_local_via(c, i);
	else if (why != NULL)
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is %s", why);
	else if (config_check_owner(cfg, &r->via) != SNAP_NONE)
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is an address of this appliance");
	else if (link_of(cfg, &r->via, from, end) == SNAP_NONE)
		FAIL(c, CONFIG_AT("routes", i, ".via"), "is on the link of %s",
		     r->interface_name != NULL ? "another interface or of none" : "no interface");
}

void config_check_routes(struct checker *c)
{
	const struct config *cfg = c->cfg;

	for (unsigned i = 0; i < cfg->nb_routes; i++) {
		check_route(c, i);
		for (unsigned j = 0; j < i; j++)
			if (by_prefix_len(&cfg->routes[i], &cfg->routes[j]) == 0)
				FAIL(c, CONFIG_AT("routes", i, ".prefix"),
				     "routes[%u] is for the same prefix", j);
	}
	if (cfg->nb_routes > 1)
		qsort(cfg->routes, cfg->nb_routes, sizeof(*cfg->routes), by_prefix_len);
}
