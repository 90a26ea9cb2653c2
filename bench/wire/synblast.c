/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Connection requests from spoofed addresses, as fast as an interface takes them, for a bounded
 * time: for namespaces alone, it has no other use.
 *
 *	synblast INTERFACE MAC ADDR PORT SECONDS
 *
 * Sources are random in 10.0.0.0/8. Prints one line of JSON.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64u
#define IP_LEN 20u
#define TCP_LEN 40u /* with the options that everybody sends */
#define FRAME_LEN (ETH_HLEN + IP_LEN + TCP_LEN)
#define SECONDS_MAX 60.0

static uint64_t rng_state = 1;

static uint64_t rnd(void)
{
	uint64_t z = (rng_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	at[0] = (uint8_t)(sum >> 8);
	at[1] = (uint8_t)sum;
}

static void prepare(uint8_t *f, const uint8_t *mac, in_addr_t dst, uint16_t port)
{
	static const uint8_t opts[20] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
					 0, 1, 0, 0,    0, 0, 1, 3,  3, 7};
	uint8_t *ip = f + ETH_HLEN, *tcp = ip + IP_LEN;
	const uint16_t port_be = htons(port);

	memset(f, 0, FRAME_LEN);
	memcpy(f, mac, 6);
	memcpy(f + 6, "\x02\0\0\0\xbb\x01", 6);
	f[12] = 8;
	ip[0] = 0x45;
	ip[3] = IP_LEN + TCP_LEN;
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = IPPROTO_TCP;
	memcpy(ip + 16, &dst, 4);
	memcpy(tcp + 2, &port_be, 2);
	tcp[12] = TCP_LEN / 4 << 4;
	tcp[13] = 2;
	tcp[14] = tcp[15] = 0xff;
	memcpy(tcp + 20, opts, sizeof(opts));
}

static void randomise(uint8_t *f)
{
	uint8_t *ip = f + ETH_HLEN, *tcp = ip + IP_LEN;
	const uint64_t a = rnd(), b = rnd();

	ip[12] = 10;
	memcpy(ip + 13, &a, 3);
	memcpy(tcp, (const uint8_t *)&a + 4, 2);
	tcp[0] |= 4; /* not a port below 1024 */
	memcpy(tcp + 4, &b, 4);
	ip[10] = ip[11] = tcp[16] = tcp[17] = 0;
	put_sum(ip + 10, sum16(ip, IP_LEN, 0));
	put_sum(tcp + 16, sum16(tcp, TCP_LEN, sum16(ip + 12, 8, IPPROTO_TCP + TCP_LEN)));
}

static int open_if(const char *name)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET,
				   .sll_ifindex = (int)if_nametoindex(name)};
	const int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || addr.sll_ifindex == 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(name);
	return fd;
}

static void parse_mac(const char *s, uint8_t ret[static 6])
{
	for (unsigned i = 0; i < 6; i++) {
		char *end;

		ret[i] = (uint8_t)strtoul(s, &end, 16);
		s = *end == ':' ? end + 1 : end;
	}
}

int main(int argc, char **argv)
{
	static uint8_t frames[BATCH][FRAME_LEN];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH] = {0};
	uint64_t sent = 0, refused = 0;
	in_addr_t dst;
	uint8_t mac[6];

	if (argc != 6 || inet_pton(AF_INET, argv[3], &dst) != 1) {
		fputs("usage: synblast INTERFACE MAC ADDR PORT SECONDS\n", stderr);
		return 2;
	}
	parse_mac(argv[2], mac);
	for (unsigned i = 0; i < BATCH; i++) {
		prepare(frames[i], mac, dst, (uint16_t)strtoul(argv[4], NULL, 10));
		iov[i] = (struct iovec){.iov_base = frames[i], .iov_len = FRAME_LEN};
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	const int fd = open_if(argv[1]);
	const double limit = strtod(argv[5], NULL), began = now_s();
	const double end = began + (limit < SECONDS_MAX ? limit : SECONDS_MAX);

	while (now_s() < end) {
		for (unsigned i = 0; i < BATCH; i++)
			randomise(frames[i]);
		const int n = sendmmsg(fd, msg, BATCH, 0);

		if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("sendmmsg");
		sent += n > 0 ? (uint64_t)n : 0;
		refused += n < (int)BATCH;
	}
	printf("{\"syns\":%" PRIu64 ",\"per_s\":%.0f,\"refused\":%" PRIu64 "}\n", sent,
	       (double)sent / (now_s() - began), refused);
	return 0;
}
