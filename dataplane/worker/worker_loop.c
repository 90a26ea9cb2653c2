/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The path of a packet. One pass takes a burst from each port, brings each packet up through the
 * layers, lets sessions work on what TCP has ready, and sends what came of it. Each layer returns
 * what the next one is to have; none calls the one above it.
 */

#include "worker/worker_priv.h"

#include <rte_mbuf.h>
#include <rte_prefetch.h>

static void on_icmp_error(struct worker *w, const struct ip_icmp_error *e, uint64_t now_us)
{
	const struct tcp_tuple tuple = {
		.local = e->local,
		.remote = e->remote,
		.local_port = e->local_port,
		.remote_port = e->remote_port,
	};

	tcp_icmp_error(w->tcp, &tuple, e->seq, e->mtu, now_us);
}

/* True: it is TCP's, who takes a burst at once. */
static bool input_ip(struct worker *w, uint8_t iface, struct rte_mbuf **m, uint64_t now_us)
{
	struct ip_icmp_error error;

	switch (ip_input(&w->ip, iface, m, now_us, &error)) {
	case IP_V_TCP:
		return true;
	case IP_V_ICMP_ERROR:
		on_icmp_error(w, &error, now_us);
		break;
	case IP_V_DONE:
		break;
	}
	return false;
}

static void input(struct worker *w, struct rte_mbuf **pkts, uint16_t nb, uint64_t now_us)
{
	struct rte_mbuf *tcp[IO_BURST];
	uint16_t nb_tcp = 0;

	for (uint16_t i = 0; i < nb; i++) {
		uint8_t iface;

		if (i + 4 < nb)
			rte_prefetch0(rte_pktmbuf_mtod(pkts[i + 4], const void *));
		switch (eth_input(&w->eth, pkts[i], &iface)) {
		case ETH_V_ARP:
			arp_input(&w->arp, iface, pkts[i], now_us);
			break;
		case ETH_V_IP:
			if (input_ip(w, iface, &pkts[i], now_us))
				tcp[nb_tcp++] = pkts[i];
			break;
		case ETH_V_IP6_GROUP:
			ip_input_group(&w->ip, iface, pkts[i], now_us);
			break;
		case ETH_V_DROPPED:
			break;
		}
	}
	tcp_input_burst(w->tcp, tcp, nb_tcp, now_us);
}

static uint32_t output(struct worker *w, uint64_t now_us)
{
	struct rte_mbuf *pkts[IO_BURST];
	uint32_t nb_all = 0;
	uint16_t nb;

	do {
		nb = tcp_output(w->tcp, pkts, IO_BURST, now_us);
		for (uint16_t i = 0; i < nb; i++)
			ip_output(&w->ip, pkts[i], now_us);
		nb_all += nb;
	} while (nb == IO_BURST);
	return nb_all;
}

/* Questions, announcements, and what of TCP's could not be sent on. */
static void tick_links(struct worker *w, uint64_t now_us)
{
	struct ip_icmp_error error;

	neigh_tick(&w->neigh, now_us);
	arp_tick(&w->arp, now_us);
	nd_tick(&w->nd, now_us);
	ip_tick(&w->ip, now_us);
	while (ip_take_error(&w->ip, &error))
		on_icmp_error(w, &error, now_us);
}

uint32_t worker_loop(struct worker *w, uint64_t now_us)
{
	struct rte_mbuf *pkts[IO_BURST];
	uint32_t nb_work = 0;
	uint16_t nb;

	worker_adopt(w, now_us);
	nb_work += worker_capture(w, now_us);
	for (uint32_t port = 0; port < w->io->nb_ports; port++) {
		nb = io_rx(&w->port, port, pkts, &nb_work);
		input(w, pkts, nb, now_us);
	}
	nb = io_rx_ring(&w->port, pkts);
	input(w, pkts, nb, now_us);
	nb_work += nb;

	tcp_tick(w->tcp, now_us);
	session_worker_run(w->session, now_us);
	nb_work += output(w, now_us);
	nb_work += worker_show(w, now_us);
	tick_links(w, now_us);
	nb_work += io_flush(&w->port);

	worker_quiesce(w, now_us);
	return nb_work;
}
