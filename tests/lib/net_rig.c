/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_rig.h"

#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rte_mempool *pool;
static struct rig the_rig;

int rig_eal(void)
{
	char *argv[] = {
		"test",       "--no-huge",      "--no-shconf",         "--no-pci", "-m", "64",
		"--lcores=0", "--no-telemetry", "--log-level=*:error", NULL};

	if (rte_eal_init(9, argv) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("rig", 2047, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM,
				       SOCKET_ID_ANY);
	return pool == NULL ? -1 : 0;
}

static void drop_sent(struct rig *r)
{
	rte_pktmbuf_free_bulk(r->port.tx[0].pkt, r->port.tx[0].nb);
	r->port.tx[0].nb = 0;
}

struct rig *rig_new(uint64_t now_us)
{
	static const struct eth_iface iface[] = {
		{.port = 0, .vlan = 0, .mtu = 1500, .mac = RIG_MAC},
		{.port = 0, .vlan = 7, .mtu = 1500, .mac = RIG_MAC},
	};
	const struct ip_ifaddr addr[] = {
		{rig_addr4(RIG_ADDR), 120, 0}, {rig_addr4(RIG_LAN), 120, 1},
		{rig_addr(RIG_ADDR6), 64, 0},  {rig_addr(RIG_LAN6), 64, 1},
		{rig_addr(RIG_LINK6), 64, 0},
	};
	const struct ip_route route[] = {
		{.prefix = rig_addr4(0), .len = 96, .next_hop = rig_addr4(RIG_GATEWAY)},
		{.prefix = {{0}}, .len = 0, .next_hop = rig_addr(RIG_GATEWAY6)},
	};
	struct rig *r = &the_rig;

	memset(r, 0, sizeof(*r));
	r->io.nb_workers = 1;
	r->io.nb_ports = 1;
	r->io.port[0].offloads = IO_OFFLOAD_MULTI_SEGS;
	r->io.tx_pool[0] = pool;
	steer_init(&r->io.steer, 1, STEER_BUCKETS);
	io_worker_init(&r->port, &r->io, 0, r->counters);
	eth_init(&r->eth, &r->port, r->counters);
	eth_configure(&r->eth, iface, 2);
	neigh_init(&r->neigh, &r->eth, r->counters);
	arp_init(&r->arp, &r->neigh);
	nd_init(&r->nd, &r->neigh);
	assert_int_equal(ip_init(&r->ip, &r->neigh, &r->nd, r->counters), 0);
	ip_configure(&r->ip, addr, 5, route, 2, now_us);
	for (int i = 0; i < 5; i++) {
		rig_tick(r, now_us);
		now_us += 3000000;
		drop_sent(r);
	}
	r->neigh.tick_us = r->arp.tick_us = r->nd.tick_us = 0;
	memset(r->counters, 0, sizeof(r->counters));
	return r;
}

void rig_tick(struct rig *r, uint64_t now_us)
{
	neigh_tick(&r->neigh, now_us);
	arp_tick(&r->arp, now_us);
	nd_tick(&r->nd, now_us);
	ip_tick(&r->ip, now_us);
}

void rig_free(struct rig *r)
{
	ip_fini(&r->ip);
	neigh_fini(&r->neigh);
	drop_sent(r);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static struct rte_mbuf *make(const uint8_t *frame, size_t len, size_t seg_len)
{
	struct rte_mbuf *head = NULL;

	do {
		const size_t n = seg_len == 0 || len < seg_len ? len : seg_len;
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		if (m == NULL)
			abort();
		/* At the buffer's very end: reading on is reading what is not there. */
		m->data_off = (uint16_t)(m->buf_len - n);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), frame, n);
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
		frame += n;
		len -= n;
	} while (len > 0);
	head->port = 0;
	return head;
}

enum rig_fate rig_input_keep(struct rig *r, const uint8_t *frame, size_t len, size_t seg_len,
			     uint64_t now_us, struct rte_mbuf **ret_tcp)
{
	struct rte_mbuf *m = make(frame, len, seg_len);
	uint8_t iface;

	m->ol_flags |= r->rx_flags;
	switch (eth_input(&r->eth, m, &iface)) {
	case ETH_V_ARP:
		arp_input(&r->arp, iface, m, now_us);
		return RIG_GONE;
	case ETH_V_IP6_GROUP:
		ip_input_group(&r->ip, iface, m, now_us);
		return RIG_GONE;
	case ETH_V_IP:
		break;
	case ETH_V_DROPPED:
		return RIG_GONE;
	}
	switch (ip_input(&r->ip, iface, &m, now_us, &r->error)) {
	case IP_V_TCP:
		*ret_tcp = m;
		return RIG_TCP;
	case IP_V_ICMP_ERROR:
		return RIG_ERROR;
	case IP_V_DONE:
		break;
	}
	return RIG_GONE;
}

enum rig_fate rig_input(struct rig *r, const uint8_t *frame, size_t len, size_t seg_len,
			uint64_t now_us)
{
	struct rte_mbuf *tcp = NULL;
	const enum rig_fate fate = rig_input_keep(r, frame, len, seg_len, now_us, &tcp);

	rte_pktmbuf_free(tcp);
	return fate;
}

size_t rig_sent(struct rig *r, uint8_t *ret, size_t cap)
{
	struct io_batch *b = &r->port.tx[0];

	if (b->nb == 0)
		return 0;

	struct rte_mbuf *m = b->pkt[0];
	const size_t len = m->pkt_len;

	assert_true(len <= cap);
	for (size_t off = 0; m != NULL; m = m->next) {
		memcpy(ret + off, rte_pktmbuf_mtod(m, const void *), m->data_len);
		off += m->data_len;
	}
	rte_pktmbuf_free(b->pkt[0]);
	memmove(&b->pkt[0], &b->pkt[1], --b->nb * sizeof(b->pkt[0]));
	return len;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static size_t eth(uint8_t *ret, uint16_t type)
{
	static const uint8_t ours[] = RIG_MAC, peer[] = RIG_PEER_MAC;

	memcpy(ret, ours, 6);
	memcpy(ret + 6, peer, 6);
	put16(ret + 12, type);
	return 14;
}

static uint16_t cksum(const void *p, size_t len)
{
	return htons((uint16_t)~rte_raw_cksum(p, len));
}

void rig_fix_ip(uint8_t *frame)
{
	put16(frame + 24, 0);
	put16(frame + 24, cksum(frame + 14, (size_t)(frame[14] & 0xf) * 4));
}

static size_t ip(uint8_t *ret, uint32_t src, uint32_t dst, uint8_t proto, size_t payload)
{
	uint8_t *h = ret + eth(ret, 0x0800);

	memset(h, 0, 20);
	h[0] = 0x45;
	put16(h + 2, (uint32_t)(20 + payload));
	h[8] = 64;
	h[9] = proto;
	put32(h + 12, src);
	put32(h + 16, dst);
	rig_fix_ip(ret);
	return 34;
}

size_t rig_echo(uint8_t *ret, uint32_t src, uint32_t dst, size_t payload)
{
	const size_t off = ip(ret, src, dst, 1, 8 + payload);

	memset(ret + off, 0, 8);
	ret[off] = 8;
	put16(ret + off + 4, 0x1234);
	for (size_t i = 0; i < payload; i++)
		ret[off + 8 + i] = (uint8_t)i;
	put16(ret + off + 2, cksum(ret + off, 8 + payload));
	return off + 8 + payload;
}

size_t rig_tcp(uint8_t *ret, uint32_t src, uint32_t dst)
{
	const size_t off = ip(ret, src, dst, 6, 20);

	memset(ret + off, 0, 20);
	put16(ret + off, 40000);
	put16(ret + off + 2, 443);
	put32(ret + off + 4, 77);
	ret[off + 12] = 0x50;
	ret[off + 13] = 2;
	return off + 20;
}

size_t rig_arp(uint8_t *ret, uint16_t op, const uint8_t mac[static 6], uint32_t sender,
	       uint32_t target)
{
	uint8_t *p = ret + eth(ret, 0x0806);

	memset(ret, 0xff, 6);
	memcpy(ret + 6, mac, 6);
	memset(p, 0, 28);
	put16(p, 1);
	put16(p + 2, 0x0800);
	p[4] = 6;
	p[5] = 4;
	put16(p + 6, op);
	memcpy(p + 8, mac, 6);
	put32(p + 14, sender);
	put32(p + 24, target);
	return 42;
}

static void output(struct rig *r, const uint8_t *frame, size_t len, uint64_t now_us)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m == NULL)
		abort();
	memcpy(rte_pktmbuf_append(m, (uint16_t)(len - 14)), frame + 14, len - 14);
	ip_output(&r->ip, m, now_us);
}

void rig_output(struct rig *r, uint32_t dst, uint64_t now_us)
{
	uint8_t f[128];

	output(r, f, rig_tcp(f, RIG_ADDR, dst), now_us);
}

void rig_output6(struct rig *r, const char *dst, uint64_t now_us)
{
	uint8_t f[128];

	output(r, f, rig_tcp6(f, RIG_ADDR6, dst), now_us);
}

struct ip_addr rig_addr(const char *text)
{
	struct ip_addr a;

	if (ip_addr_parse(text, strlen(text), &a) < 0)
		abort();
	return a;
}

struct ip_addr rig_addr4(uint32_t addr)
{
	return ip_addr_from_v4(htonl(addr));
}

void rig_fix_icmp6(uint8_t *frame, size_t len, size_t off)
{
	uint8_t *icmp = frame + 14 + off;
	const uint32_t n = (uint32_t)(len - 14 - off);
	struct ip_addr src, dst;

	memcpy(&src, frame + 22, sizeof(src));
	memcpy(&dst, frame + 38, sizeof(dst));
	put16(icmp + 2, 0);
	put16(icmp + 2,
	      htons((uint16_t)~ip6_pseudo_sum(&src, &dst, n, 58, rte_raw_cksum(icmp, n))));
}

size_t rig_ip6(uint8_t *ret, const char *src, const char *dst, uint8_t next, const void *payload,
	       size_t len)
{
	const struct ip_addr s = rig_addr(src), d = rig_addr(dst);
	uint8_t *h = ret + eth(ret, 0x86dd);

	if (d.b[0] == 0xff) {
		memset(ret, 0x33, 2);
		memcpy(ret + 2, d.b + 12, 4);
	}
	memset(h, 0, 40);
	h[0] = 0x60;
	put16(h + 4, (uint32_t)len);
	h[6] = next;
	h[7] = 64;
	memcpy(h + 8, s.b, 16);
	memcpy(h + 24, d.b, 16);
	memcpy(h + 40, payload, len);
	if (next == 58)
		rig_fix_icmp6(ret, 54 + len, 40);
	return 54 + len;
}

size_t rig_tcp6(uint8_t *ret, const char *src, const char *dst)
{
	uint8_t th[20] = {[0] = 40000 >> 8, [1] = 40000 & 0xff, [2] = 443 >> 8, [3] = 443 & 0xff,
			  [7] = 77,         [12] = 0x50,        [13] = 2};

	return rig_ip6(ret, src, dst, 6, th, sizeof(th));
}

size_t rig_echo6(uint8_t *ret, const char *src, const char *dst, size_t payload)
{
	uint8_t icmp[1500] = {128, 0, 0, 0, 0x12, 0x34};

	for (size_t i = 0; i < payload; i++)
		icmp[8 + i] = (uint8_t)i;
	return rig_ip6(ret, src, dst, 58, icmp, 8 + payload);
}

size_t rig_nd(uint8_t *ret, uint8_t type, uint8_t flags, const char *src, const char *dst,
	      const char *target, const uint8_t *mac)
{
	const struct ip_addr t = rig_addr(target);
	uint8_t icmp[32] = {[0] = type, [4] = flags, [24] = type == 135 ? 1 : 2, [25] = 1};
	size_t len;

	memcpy(icmp + 8, t.b, 16);
	if (mac != NULL)
		memcpy(icmp + 26, mac, 6);
	len = rig_ip6(ret, src, dst, 58, icmp, mac == NULL ? 24 : 32);
	if (mac != NULL)
		memcpy(ret + 6, mac, 6);
	ret[21] = 255;
	return len;
}
