/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/lib/net_fuzz.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define START_US UINT64_C(1000000000)
#define PORT_OPEN 443u
#define PORT_PEER 40000u
#define ETH_LEN 14u

uint8_t net_fuzz_u8(struct net_fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->p++;
}

uint16_t net_fuzz_u16(struct net_fuzz *f)
{
	const uint16_t hi = net_fuzz_u8(f);

	return (uint16_t)(hi << 8 | net_fuzz_u8(f));
}

size_t net_fuzz_take(struct net_fuzz *f, uint8_t *ret, size_t len)
{
	const size_t n = len < f->left ? len : f->left;

	memcpy(ret, f->p, n);
	f->p += n;
	f->left -= n;
	return n;
}

void net_fuzz_eth(uint8_t *ret, uint16_t type)
{
	static const uint8_t ours[] = RIG_MAC, peer[] = RIG_PEER_MAC;

	memcpy(ret, ours, 6);
	memcpy(ret + 6, peer, 6);
	ret[12] = (uint8_t)(type >> 8);
	ret[13] = (uint8_t)type;
}

/* ---- checksums ---- */

static void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Of the message <l4>; where it goes, or NULL when it has none or is too short. */
static uint8_t *cksum_field(uint8_t *l4, size_t len, uint8_t proto)
{
	const size_t at = proto == IPPROTO_TCP ? 16 : 2;

	if (proto != IPPROTO_TCP && proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6)
		return NULL;
	return len < at + 2 ? NULL : l4 + at;
}

static void fix_l4(uint8_t *l4, size_t len, uint8_t proto, uint32_t pseudo)
{
	uint8_t *field = cksum_field(l4, len, proto);

	if (field == NULL)
		return;
	memset(field, 0, 2);

	uint32_t sum = (proto == IPPROTO_ICMP ? 0 : pseudo) + rte_raw_cksum(l4, len);

	sum = (sum >> 16) + (sum & 0xffff);
	const uint16_t raw = (uint16_t)~sum;

	memcpy(field, &raw, 2);
}

static void fix_ip4(uint8_t *p, size_t len)
{
	struct rte_ipv4_hdr *h = (void *)p;
	const size_t ihl = (size_t)(p[0] & 15) * 4;

	if (len < ihl || ihl < 20)
		return;
	put_be16(p + 2, (uint16_t)len);
	h->hdr_checksum = 0;
	h->hdr_checksum = (uint16_t)~rte_raw_cksum(p, ihl);
	if ((h->fragment_offset & RTE_BE16(0x3fff)) == 0)
		fix_l4(p + ihl, len - ihl, h->next_proto_id, rte_ipv4_phdr_cksum(h, 0));
}

static void fix_ip6(uint8_t *p, size_t len)
{
	struct rte_ipv6_hdr pseudo;
	uint8_t next = p[6];
	size_t off = 40;

	put_be16(p + 4, (uint16_t)(len - 40));
	while (off + 8 <= len &&
	       (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS)) {
		next = p[off];
		off += (p[off + 1] + 1u) * 8;
	}
	if (off >= len || cksum_field(p + off, len - off, next) == NULL)
		return; /* DPDK's sum is undefined for a next header of 128 or more */
	memcpy(&pseudo, p, sizeof(pseudo));
	pseudo.proto = next;
	pseudo.payload_len = rte_cpu_to_be_16((uint16_t)(len - off));
	fix_l4(p + off, len - off, next, rte_ipv6_phdr_cksum(&pseudo, 0));
}

void net_fuzz_fix_ip(uint8_t *frame, size_t len)
{
	if (len >= ETH_LEN + 20 && frame[ETH_LEN] >> 4 == 4)
		fix_ip4(frame + ETH_LEN, len - ETH_LEN);
	else if (len >= ETH_LEN + 40 && frame[ETH_LEN] >> 4 == 6)
		fix_ip6(frame + ETH_LEN, len - ETH_LEN);
}

size_t net_fuzz_ip(uint8_t *frame, const struct net_fuzz_conn *c, uint8_t proto, size_t len)
{
	uint8_t *h = frame + ETH_LEN;

	if (ip_addr_is_v4(&c->tuple.local)) {
		net_fuzz_eth(frame, 0x0800);
		*(struct rte_ipv4_hdr *)(void *)h = (struct rte_ipv4_hdr){
			.version_ihl = 0x45,
			.total_length = rte_cpu_to_be_16((uint16_t)(20 + len)),
			.time_to_live = 64,
			.next_proto_id = proto,
			.src_addr = ip_addr_to_v4(&c->tuple.remote),
			.dst_addr = ip_addr_to_v4(&c->tuple.local),
		};
		return ETH_LEN + 20;
	}
	net_fuzz_eth(frame, 0x86dd);
	memset(h, 0, 40);
	h[0] = 0x60;
	put_be16(h + 4, (uint16_t)len);
	h[6] = proto;
	h[7] = 255;
	memcpy(h + 8, c->tuple.remote.b, 16);
	memcpy(h + 24, c->tuple.local.b, 16);
	return ETH_LEN + 40;
}

/* ---- what we send ---- */

/* The numbers of the connection that <th> belongs to. */
static void learn_tcp(struct net_fuzz *f, const struct rte_tcp_hdr *th, size_t len, bool is_v4)
{
	for (unsigned i = 0; i < NET_FUZZ_CONNS; i++) {
		struct net_fuzz_conn *c = &f->conn[i];

		if (ip_addr_is_v4(&c->tuple.local) != is_v4 ||
		    th->src_port != rte_cpu_to_be_16(c->tuple.local_port) ||
		    th->dst_port != rte_cpu_to_be_16(c->tuple.remote_port))
			continue;
		c->our_seq = rte_be_to_cpu_32(th->sent_seq) + (uint32_t)len -
			     (th->data_off >> 4) * 4u + ((th->tcp_flags & 3) != 0);
		if (th->tcp_flags & RTE_TCP_ACK_FLAG)
			c->peer_seq = rte_be_to_cpu_32(th->recv_ack);
	}
}

static void look_at(struct net_fuzz *f, const uint8_t *p, size_t len)
{
	const bool is_v4 = p[12] == 0x08 && p[13] == 0x00;
	const size_t hdr = ETH_LEN + (is_v4 ? 20u : 40u);

	if (len < hdr + sizeof(struct rte_tcp_hdr) || p[ETH_LEN] >> 4 != (is_v4 ? 4 : 6) ||
	    p[ETH_LEN + (is_v4 ? 9 : 6)] != IPPROTO_TCP)
		return;
	learn_tcp(f, (const void *)(p + hdr), len - hdr, is_v4);
}

static void output(struct net_fuzz *f)
{
	struct rte_mbuf *pkts[32];
	uint8_t frame[NET_FUZZ_FRAME];
	uint16_t n;
	size_t len;

	do {
		n = tcp_output(f->tcp, pkts, 32, f->now);
		for (uint16_t i = 0; i < n; i++)
			ip_output(&f->rig->ip, pkts[i], f->now);
		while ((len = rig_sent(f->rig, frame, sizeof(frame))) != 0)
			look_at(f, frame, len);
	} while (n == 32);
}

/* ---- steps ---- */

static void on_icmp_error(struct net_fuzz *f)
{
	const struct ip_icmp_error *e = &f->rig->error;
	const struct tcp_tuple t = {e->local, e->remote, e->local_port, e->remote_port};

	tcp_icmp_error(f->tcp, &t, e->seq, e->mtu, f->now);
}

static void deliver(struct net_fuzz *f, const uint8_t *frame, size_t len, size_t seg_len)
{
	struct rte_mbuf *tcp = NULL;

	switch (rig_input_keep(f->rig, frame, len, seg_len, f->now, &tcp)) {
	case RIG_TCP:
		tcp_input(f->tcp, tcp, f->now);
		break;
	case RIG_ERROR:
		on_icmp_error(f);
		break;
	case RIG_GONE:
		break;
	}
}

static void pass_time(struct net_fuzz *f, uint8_t what)
{
	/* From 1 ms to half an hour. */
	f->now += UINT64_C(1000) << (what & 15) * 3 / 2;
	tcp_tick(f->tcp, f->now);
	rig_tick(f->rig, f->now);
	while (ip_take_error(&f->rig->ip, &f->rig->error))
		on_icmp_error(f);
}

static void read_all(struct tcp_conn *c)
{
	struct slice in;

	while ((in = stream_peek(tcp_conn_stream(c))).len > 0)
		stream_consume(tcp_conn_stream(c), in.len);
}

static void write_some(struct tcp_conn *c)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct slice_mut room = stream_reserve(tcp_conn_stream(c));

		if (room.cap == 0)
			return;
		memset(room.ptr, 'y', room.cap);
		stream_commit(tcp_conn_stream(c), room.cap);
	}
}

static void use_conn(struct net_fuzz *f, uint8_t what)
{
	struct net_fuzz_conn *c = &f->conn[what & 3];

	if (c->c == NULL)
		return;
	if ((what & 12) == 0) {
		read_all(c->c);
	} else if ((what & 12) == 4) {
		write_some(c->c);
	} else if ((what & 12) == 8) {
		tcp_shutdown(c->c, f->now);
	} else {
		tcp_close(c->c, f->now);
		c->c = NULL;
	}
}

static void collect(struct net_fuzz *f)
{
	struct tcp_conn *c;
	uint32_t events;

	while ((c = tcp_accept(f->tcp)) != NULL) {
		struct net_fuzz_conn *slot =
			&f->conn[ip_addr_is_v4(&tcp_conn_tuple(c)->local) ? 0 : 1];

		if (slot->c == NULL)
			slot->c = c;
		else
			tcp_close(c, f->now);
	}
	while (tcp_ready(f->tcp, &events) != NULL)
		;
}

static void settle(struct net_fuzz *f)
{
	collect(f);
	output(f);
}

/* ---- live connections ---- */

static void segment(struct net_fuzz *f, const struct net_fuzz_conn *c, uint8_t flags)
{
	uint8_t frame[128] = {0};
	const size_t off = net_fuzz_ip(frame, c, IPPROTO_TCP, 20);

	*(struct rte_tcp_hdr *)(void *)(frame + off) = (struct rte_tcp_hdr){
		.src_port = rte_cpu_to_be_16(c->tuple.remote_port),
		.dst_port = rte_cpu_to_be_16(c->tuple.local_port),
		.sent_seq = rte_cpu_to_be_32(c->peer_seq),
		.recv_ack = rte_cpu_to_be_32(c->our_seq),
		.data_off = 0x50,
		.tcp_flags = flags,
		.rx_win = 0xffff,
	};
	net_fuzz_fix_ip(frame, off + 20);
	deliver(f, frame, off + 20, 0);
	settle(f);
}

static void name_conns(struct net_fuzz *f)
{
	for (unsigned i = 0; i < NET_FUZZ_CONNS; i++) {
		const bool is_v4 = i % 2 == 0;

		f->conn[i].tuple = (struct tcp_tuple){
			.local = is_v4 ? rig_addr4(RIG_ADDR) : rig_addr(RIG_ADDR6),
			.remote = is_v4 ? rig_addr4(RIG_PEER) : rig_addr(RIG_PEER6),
			.local_port = (uint16_t)(i < 2 ? PORT_OPEN : 20000 + i),
			.remote_port = (uint16_t)(PORT_PEER + i),
		};
	}
}

/* The peer's Ethernet addresses are known, as after a while of talk. */
static void know_peer(struct net_fuzz *f)
{
	static const uint8_t mac[] = RIG_PEER_MAC;

	for (unsigned i = 0; i < 2; i++)
		(void)neigh_learn(&f->rig->neigh, 0, &f->conn[i].tuple.remote, mac,
				  NEIGH_F_MAKE | NEIGH_F_SOLICITED | NEIGH_F_OVERRIDE, f->now);
}

static void open_conns(struct net_fuzz *f)
{
	for (unsigned i = 0; i < 2; i++) {
		if (tcp_listen(f->tcp, &f->conn[i].tuple.local, PORT_OPEN, NULL) < 0)
			abort();
		f->conn[i].peer_seq = 1000;
		segment(f, &f->conn[i], RTE_TCP_SYN_FLAG);
		segment(f, &f->conn[i], RTE_TCP_ACK_FLAG);
		if (f->conn[i].c == NULL)
			abort();
	}
	for (unsigned i = 2; i < NET_FUZZ_CONNS; i++) {
		if (tcp_connect(f->tcp, &f->conn[i].tuple, f->now, &f->conn[i].c) < 0)
			abort();
		output(f);
		f->conn[i].peer_seq = 5000;
		segment(f, &f->conn[i], RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG);
		/* Bytes of ours that an ICMP error may quote. */
		write_some(f->conn[i].c);
		output(f);
	}
}

int net_fuzz_run(const uint8_t *data, size_t len,
		 size_t (*make)(struct net_fuzz *f, uint8_t what, uint8_t *ret))
{
	static bool is_up;
	struct net_fuzz f = {.p = data, .left = len, .now = START_US};

	if (!is_up && rig_eal() < 0)
		abort();
	is_up = true;
	f.rig = rig_new(f.now);
	f.now += 60000000;
	const struct tcp_params p = {
		.pool = f.rig->io.tx_pool[0],
		.max_conns = 16,
		.max_flights = 16,
		.max_listeners = 2,
		.rcv_buf = 65536,
		.snd_buf = 32768,
		.mss = 1460,
		.secret = {1, 2},
		.syn_backlog = 4,
		.max_rx_mbufs = 256,
		.counters = f.rig->counters,
	};

	f.tcp = tcp_stack_new(&p);
	if (f.tcp == NULL)
		abort();
	name_conns(&f);
	know_peer(&f);
	open_conns(&f);
	while (f.left > 0) {
		const uint8_t what = net_fuzz_u8(&f);

		if (what >= 0xf0) {
			use_conn(&f, what);
		} else if (what >= 0xe0) {
			pass_time(&f, what);
		} else {
			uint8_t frame[NET_FUZZ_FRAME] = {0};
			const size_t n = make(&f, what, frame);

			if (n > 0)
				deliver(&f, frame, n, what & 1 ? 64 : 0);
		}
		settle(&f);
	}
	tcp_stack_free(f.tcp);
	rig_free(f.rig);
	return 0;
}
