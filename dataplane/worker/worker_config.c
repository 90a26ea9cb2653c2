/* SPDX-License-Identifier: BSD-3-Clause */

/* From the configuration in a snapshot to what the network layers are told. */

#include "worker/worker_priv.h"

#include <rte_byteorder.h>

#include <string.h>

/* snap_prefix counts in the IPv4-mapped form: an IPv4 /24 is 120. */
static uint32_t mask_be(uint8_t mapped_len)
{
	const unsigned len = mapped_len < 96 ? 0 : mapped_len - 96u;

	return len == 0 ? 0 : rte_cpu_to_be_32(UINT32_MAX << (32 - len));
}

static uint16_t find_port(const struct worker *w, struct slice device)
{
	for (uint32_t i = 0; i < w->io->nb_ports; i++)
		if (slice_is_equal(slice_str(w->port_device[i]), device))
			return (uint16_t)i;
	return ETH_NO_PORT;
}

/* IPv6 addresses have no effect yet. */
static void add_address(struct worker_net *net, const struct ip_addr *addr, uint32_t mask,
			uint32_t iface)
{
	const uint32_t addr_be = ip_addr_to_v4(addr);

	if (!ip_addr_is_v4(addr) || net->nb_addrs == IP_MAX_ADDRS || iface >= net->nb_ifaces)
		return;
	for (uint32_t i = 0; i < net->nb_addrs; i++)
		if (net->addr[i].addr_be == addr_be && net->addr[i].iface == iface)
			return;
	net->addr[net->nb_addrs++] = (struct arp_addr){
		.addr_be = addr_be,
		.mask_be = mask,
		.iface = (uint8_t)iface,
	};
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
		if (port != ETH_NO_PORT)
			memcpy(net->iface[i].mac, w->io->port[port].mac, 6);
		for (uint32_t k = 0; k < f[i].addresses.count; k++)
			add_address(net, &addr[k].addr, mask_be(addr[k].len), i);
	}
}

/* An access proxy may have an address of its own: it is ours as well, without a subnet. */
static void build_virtual_addresses(const struct snap_view *v, struct worker_net *net)
{
	const struct snap_access_proxy *p = snap_arr(v, v->config->proxies);

	for (uint32_t i = 0; i < v->config->proxies.count; i++)
		add_address(net, &p[i].address, UINT32_MAX, p[i].interface);
}

/* The interface whose subnet holds <via_be>. */
static uint8_t find_iface(const struct worker_net *net, uint32_t via_be)
{
	for (uint32_t i = 0; i < net->nb_addrs; i++)
		if (((net->addr[i].addr_be ^ via_be) & net->addr[i].mask_be) == 0)
			return net->addr[i].iface;
	return ETH_NO_IFACE;
}

static void build_routes(const struct snap_view *v, struct worker_net *net)
{
	const struct snap_route *r = snap_arr(v, v->config->routes);

	for (uint32_t i = 0; i < v->config->routes.count && net->nb_routes < IP_MAX_ROUTES; i++) {
		const uint32_t via_be = ip_addr_to_v4(&r[i].via);
		const uint32_t iface =
			r[i].interface == SNAP_NONE ? find_iface(net, via_be) : r[i].interface;

		if (!ip_addr_is_v4(&r[i].prefix.addr) || !ip_addr_is_v4(&r[i].via) ||
		    iface >= net->nb_ifaces)
			continue;

		const uint32_t mask = mask_be(r[i].prefix.len);

		net->route[net->nb_routes++] = (struct ip_route){
			.prefix_be = ip_addr_to_v4(&r[i].prefix.addr) & mask,
			.mask_be = mask,
			.next_hop_be = via_be,
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
	build_routes(view, ret);
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
			set_mtu(w, &addr[k].addr, f[i].mtu);
	}
	for (uint32_t i = 0; i < v->config->proxies.count; i++)
		if (p[i].interface < v->config->interfaces.count)
			set_mtu(w, &p[i].address, f[p[i].interface].mtu);
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
