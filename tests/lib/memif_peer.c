/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The other end of a net_memif port, for tests: asks for an address with ARP, sends ICMP echo
 * requests of several sizes, many at a time, and a SYN to a closed port, and checks every answer
 * octet by octet. Ends with 0 when all came.
 *
 *	memif_peer SOCKET OUR-ADDRESS THEIR-ADDRESS
 */

#include "common/base/ids.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_ARP 0x0806
#define TYPE_IP4 0x0800
#define NB_ECHOES 200u
#define MAX_LEN 1514u

static uint16_t port;
static struct rte_mempool *pool;
static uint8_t our_mac[6] = {0x02, 0, 0, 0, 0x55, 1}, their_mac[6];
static uint32_t ours_be, theirs_be;

static void die(const char *what)
{
	fprintf(stderr, "memif_peer: %s\n", what);
	exit(1);
}

static uint32_t address(const char *s)
{
	struct ip_addr a;

	if (ip_addr_parse(s, strlen(s), &a) < 0 || !ip_addr_is_v4(&a))
		die("not an IPv4 address");
	return ip_addr_to_v4(&a);
}

static void open_port(char *socket)
{
	char device[256];
	char *argv[] = {"memif_peer",     "--no-huge", "--no-shconf", "--no-pci",
			"--no-telemetry", "-m",        "64",          "--lcores=0",
			"--vdev",         device,      NULL};
	const struct rte_eth_conf conf = {0};
	struct rte_eth_link link = {0};
	uint16_t nb_rx = 512, nb_tx = 512;

	if (snprintf(device, sizeof(device), "net_memif0,role=client,socket-abstract=no,socket=%s",
		     socket) >= (int)sizeof(device))
		die("the socket's path is too long");
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0)
		die("no EAL");
	if (rte_eth_dev_get_port_by_name("net_memif0", &port) < 0)
		die("no memif");
	pool = rte_pktmbuf_pool_create("peer", 4096, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
	if (pool == NULL || rte_eth_dev_configure(port, 1, 1, &conf) < 0 ||
	    rte_eth_dev_adjust_nb_rx_tx_desc(port, &nb_rx, &nb_tx) < 0 ||
	    rte_eth_rx_queue_setup(port, 0, nb_rx, 0, NULL, pool) < 0 ||
	    rte_eth_tx_queue_setup(port, 0, nb_tx, 0, NULL) < 0 || rte_eth_dev_start(port) < 0)
		die("cannot start the port");
	for (unsigned i = 0; i < 500 && link.link_status != RTE_ETH_LINK_UP; i++) {
		rte_delay_ms(10);
		(void)rte_eth_link_get_nowait(port, &link);
	}
	if (link.link_status != RTE_ETH_LINK_UP)
		die("nobody at the other end");
}

/* Send [<payload>, +<len>) in a frame to <dst>. */
static void send_frame(const uint8_t *dst, uint16_t type, const void *payload, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *h = m == NULL ? NULL : (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(14 + len));

	if (h == NULL)
		die("out of buffers");
	memcpy(h, dst, 6);
	memcpy(h + 6, our_mac, 6);
	h[12] = (uint8_t)(type >> 8);
	h[13] = (uint8_t)type;
	memcpy(h + 14, payload, len);
	for (unsigned i = 0; rte_eth_tx_burst(port, 0, &m, 1) == 0; i++) {
		if (i == 1000)
			die("the port takes nothing");
		rte_delay_ms(1);
	}
}

/* The next frame for us of that type, its payload in <ret>; 0: none within a second. */
static uint16_t receive(uint16_t type, uint8_t ret[static MAX_LEN])
{
	for (unsigned i = 0; i < 10000; i++) {
		struct rte_mbuf *m;

		if (rte_eth_rx_burst(port, 0, &m, 1) == 0) {
			rte_delay_us_sleep(100);
			continue;
		}

		const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
		const uint16_t len = m->data_len;
		const bool is_it = len > 14 && len <= MAX_LEN && m->nb_segs == 1 &&
				   memcmp(h, our_mac, 6) == 0 && (h[12] << 8 | h[13]) == type;

		if (is_it) {
			memcpy(their_mac, h + 6, 6);
			memcpy(ret, h + 14, len - 14u);
		}
		rte_pktmbuf_free(m);
		if (is_it)
			return (uint16_t)(len - 14);
	}
	return 0;
}

static void resolve(void)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	uint8_t arp[28] = {0, 1, 8, 0, 6, 4, 0, 1}, reply[MAX_LEN];

	memcpy(arp + 8, our_mac, 6);
	memcpy(arp + 14, &ours_be, 4);
	memcpy(arp + 24, &theirs_be, 4);
	send_frame(all, TYPE_ARP, arp, sizeof(arp));
	do {
		if (receive(TYPE_ARP, reply) < sizeof(arp))
			die("no answer to ARP");
		/* It asks for us as well, and announces itself. */
	} while (reply[7] != 2 || memcmp(reply + 14, &theirs_be, 4) != 0);
}

static struct rte_ipv4_hdr *start_packet(uint8_t *packet, uint8_t proto, uint16_t len)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)packet;

	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(len),
		.time_to_live = 64,
		.next_proto_id = proto,
		.src_addr = ours_be,
		.dst_addr = theirs_be,
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return ip;
}

static uint16_t echo_len(uint16_t seq)
{
	static const uint16_t sizes[] = {1, 56, 1472, 999, 18};

	return (uint16_t)(28 + sizes[seq % 5]);
}

static void send_echo(uint16_t seq)
{
	_Alignas(4) uint8_t packet[MAX_LEN];
	const uint16_t len = echo_len(seq);
	uint8_t *icmp = packet + 20;

	(void)start_packet(packet, 1, len);
	memset(icmp, 0, 8);
	icmp[0] = 8;
	icmp[6] = (uint8_t)(seq >> 8);
	icmp[7] = (uint8_t)seq;
	for (uint16_t i = 8; i < len - 20; i++)
		icmp[i] = (uint8_t)(i * 7 + seq);

	const uint16_t sum = (uint16_t)~rte_raw_cksum(icmp, len - 20u);

	memcpy(icmp + 2, &sum, 2);
	send_frame(their_mac, TYPE_IP4, packet, len);
}

static void check_echo(const uint8_t *reply, uint16_t len)
{
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)reply;
	const uint8_t *icmp = reply + 20;

	if (len < 28 || ip->src_addr != theirs_be || ip->dst_addr != ours_be ||
	    rte_raw_cksum(ip, 20) != 0xffff || icmp[0] != 0)
		die("an answer that is not an echo reply");

	const uint16_t seq = (uint16_t)(icmp[6] << 8 | icmp[7]);
	const uint16_t want = echo_len(seq);

	/* Short frames are padded. */
	if (rte_be_to_cpu_16(ip->total_length) != want || len < want ||
	    rte_raw_cksum(icmp, want - 20u) != 0xffff)
		die("an echo reply of a wrong length or checksum");
	for (uint16_t i = 8; i < want - 20; i++)
		if (icmp[i] != (uint8_t)(i * 7 + seq))
			die("an echo reply with other data");
}

/* In batches: more than one is in flight, and none is too many for a ring. */
static void ping(void)
{
	_Alignas(4) uint8_t reply[MAX_LEN];

	for (uint16_t seq = 0; seq < NB_ECHOES; seq += 20) {
		for (uint16_t i = 0; i < 20; i++)
			send_echo((uint16_t)(seq + i));
		for (uint16_t i = 0; i < 20; i++) {
			const uint16_t len = receive(TYPE_IP4, reply);

			if (len == 0)
				die("no answer to an echo request");
			check_echo(reply, len);
		}
	}
}

static void knock(void)
{
	_Alignas(4) uint8_t packet[40] = {0}, reply[MAX_LEN];
	struct rte_ipv4_hdr *ip = start_packet(packet, 6, sizeof(packet));
	struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(packet + 20);

	tcp->src_port = rte_cpu_to_be_16(40000);
	tcp->dst_port = rte_cpu_to_be_16(9);
	tcp->sent_seq = rte_cpu_to_be_32(0x01020304);
	tcp->data_off = 5 << 4;
	tcp->tcp_flags = RTE_TCP_SYN_FLAG;
	tcp->rx_win = rte_cpu_to_be_16(1000);
	tcp->cksum = rte_ipv4_udptcp_cksum(ip, tcp);
	send_frame(their_mac, TYPE_IP4, packet, sizeof(packet));
	if (receive(TYPE_IP4, reply) < sizeof(packet))
		die("no answer to a SYN");
	tcp = (struct rte_tcp_hdr *)(reply + 20);

	const uint16_t sum = tcp->cksum;

	tcp->cksum = 0;
	/* RFC 9293 3.10.7.1: sequence 0, acknowledgement SEG.SEQ + 1. */
	if ((tcp->tcp_flags & RTE_TCP_RST_FLAG) == 0 ||
	    tcp->recv_ack != rte_cpu_to_be_32(0x01020305) ||
	    sum != rte_ipv4_udptcp_cksum((struct rte_ipv4_hdr *)reply, tcp))
		die("the answer to a SYN is no good reset");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		die("usage: memif_peer SOCKET OUR-ADDRESS THEIR-ADDRESS");
	ours_be = address(argv[2]);
	theirs_be = address(argv[3]);
	open_port(argv[1]);
	resolve();
	ping();
	knock();
	(void)rte_eth_dev_stop(port);
	(void)rte_eth_dev_close(port);
	(void)rte_eal_cleanup();
	return 0;
}
