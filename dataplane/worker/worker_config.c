/* SPDX-License-Identifier: BSD-3-Clause */

/* From the configuration in a snapshot to what the network layers are told. */

#include "worker/worker_priv.h"

#include <rte_common.h>

#include <string.h>

#define LINK_LOCAL_LEN 64

static uint16_t find_port(const struct worker *w, struct slice device)
{
	for (uint32_t i = 0; i < w->io->nb_ports; i++)
		if (slice_is_equal(slice_str(w->port_device[i]), device))
			return (uint16_t)i;
	return ETH_NO_PORT;
}

static void add_address(struct worker_net *net, const struct ip_addr *addr, uint8_t prefix_len,
			uint32_t iface)
{
	if (net->nb_addrs == IP_MAX_ADDRS || iface >= net->nb_ifaces)
		return;
	for (uint32_t i = 0; i < net->nb_addrs; i++)
		if (ip_addr_is_equal(&net->addr[i].addr, addr) && net->addr[i].iface == iface)
			return;
	net->addr[net->nb_addrs++] = (struct ip_ifaddr){
		.addr = *addr,
		.prefix_len = prefix_len,
		.iface = (uint8_t)iface,
	};
}

/*
 * RFC 4291 2.1: an interface that speaks IPv6 has a link-local address. One that does not stays
 * silent; one that was given such an address has it.
 */
static void build_link_locals(struct worker_net *net)
{
	const uint32_t nb = net->nb_addrs;

	for (uint32_t f = 0; f < net->nb_ifaces; f++) {
		const struct ip_addr addr = ip_addr_link_local(net->iface[f].mac);
		bool is_ip6 = false, has_one = false;

		for (uint32_t i = 0; i < nb; i++) {
			const struct ip_ifaddr *a = &net->addr[i];

			if (a->iface != f || ip_addr_is_v4(&a->addr))
				continue;
			is_ip6 = true;
			has_one |= ip_addr_is_link_local(&a->addr);
		}
		if (is_ip6 && !has_one && net->iface[f].port != ETH_NO_PORT)
			add_address(net, &addr, LINK_LOCAL_LEN, f);
	}
}

static void build_ifaces(struct worker *w, const struct snap_view *v, struct worker_net *net)
{
	const struct snap_interface *f = snap_arr(v, v->config->interfaces);

	net->nb_ifaces = RTE_MIN(v->config->interfaces.count, ETH_MAX_IFACES);
	for (uint32_t i = 0; i < net->nb_ifaces; i++) {
		const uint16_t port = find_port(w, snap_str(v, f[i].device));
		const struct snap_prefix *addr = snap_arr(v, f[i].addresses);

		net->iface[i] =
			(struct eth_iface){.port = port, .vlan = f[i].vlan, .mtu = f[i].mtu};
		if (port != ETH_NO_PORT) {
			memcpy(net->iface[i].mac, w->io->port[port].mac, 6);
			net->iface[i].mtu = RTE_MIN(f[i].mtu, w->io->port[port].mtu);
		}
		for (uint32_t k = 0; k < f[i].addresses.count; k++)
			add_address(net, &addr[k].addr, addr[k].len, i);
	}
}

/* An access proxy may have an address of its own: it is ours as well, without a subnet. */
static void build_virtual_addresses(const struct snap_view *v, struct worker_net *net)
{
	const struct snap_access_proxy *p = snap_arr(v, v->config->proxies);

	for (uint32_t i = 0; i < v->config->proxies.count; i++)
		add_address(net, &p[i].address, 128, p[i].interface);
}

/* The interface whose subnet holds <via>. A link-local one is on every link: it has to be told. */
static uint8_t find_iface(const struct worker_net *net, const struct ip_addr *via)
{
	if (ip_addr_is_link_local(via))
		return ETH_NO_IFACE;
	for (uint32_t i = 0; i < net->nb_addrs; i++)
		if (ip_addr_has_prefix(via, &net->addr[i].addr, net->addr[i].prefix_len))
			return net->addr[i].iface;
	return ETH_NO_IFACE;
}

static void build_routes(const struct snap_view *v, struct worker_net *net)
{
	const struct snap_route *r = snap_arr(v, v->config->routes);

	for (uint32_t i = 0; i < v->config->routes.count && net->nb_routes < IP_MAX_ROUTES; i++) {
		const uint32_t iface =
			r[i].interface == SNAP_NONE ? find_iface(net, &r[i].via) : r[i].interface;

		if (ip_addr_is_v4(&r[i].prefix.addr) != ip_addr_is_v4(&r[i].via) ||
		    iface >= net->nb_ifaces)
			continue;
		net->route[net->nb_routes++] = (struct ip_route){
			.prefix = r[i].prefix.addr,
			.len = r[i].prefix.len,
			.next_hop = r[i].via,
			.iface = (uint8_t)iface,
		};
	}
}

void worker_net_build(struct worker *w, const struct snap_view *view, struct worker_net *ret)
{
	/* Padding too: the result is compared as bytes. */
	memset(ret, 0, sizeof(*ret));
	build_ifaces(w, view, ret);
	build_virtual_addresses(view, ret);
	build_link_locals(ret);
	build_routes(view, ret);
}

/* What the configuration says, unless the port carries less. */
static uint16_t iface_mtu(const struct worker *w, const struct snap_view *v,
			  const struct snap_interface *f)
{
	const uint16_t port = find_port(w, snap_str(v, f->device));

	return port == ETH_NO_PORT ? f->mtu : RTE_MIN(f->mtu, w->io->port[port].mtu);
}

static void set_mtu(struct worker *w, const struct ip_addr *local, uint16_t mtu)
{
	/* There are no more addresses than places in practice; who finds none keeps the least. */
	(void)tcp_set_mtu(w->tcp, local, mtu);
}

/* Ours are as the interfaces of their addresses: those are the ones that their packets leave by. */
static void set_mtus(struct worker *w, const struct snap_view *v)
{
	const struct snap_interface *f = snap_arr(v, v->config->interfaces);
	const struct snap_access_proxy *p = snap_arr(v, v->config->proxies);

	tcp_forget_mtus(w->tcp);
	for (uint32_t i = 0; i < v->config->interfaces.count; i++) {
		const struct snap_prefix *addr = snap_arr(v, f[i].addresses);

		for (uint32_t k = 0; k < f[i].addresses.count; k++)
			set_mtu(w, &addr[k].addr, iface_mtu(w, v, &f[i]));
	}
	for (uint32_t i = 0; i < v->config->proxies.count; i++)
		if (p[i].interface < v->config->interfaces.count)
			set_mtu(w, &p[i].address, iface_mtu(w, v, &f[p[i].interface]));
}

void worker_configure(struct worker *w, const struct snap_view *view, uint64_t now_us)
{
	w->idle.is_poll = view->config->idle == SNAP_IDLE_POLL;
	set_mtus(w, view);
	worker_net_build(w, view, &w->next_net);
	/* Most changes are of policies: neighbours need not be asked for anew. */
	if (memcmp(&w->next_net, &w->net, sizeof(w->net)) == 0)
		return;
	w->net = w->next_net;
	eth_configure(&w->eth, w->net.iface, w->net.nb_ifaces);
	ip_configure(&w->ip, w->net.addr, w->net.nb_addrs, w->net.route, w->net.nb_routes, now_us);
}
