/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The kernel's TCP at either end of a wire: a server, or a client that moves bytes one way and says
 * how long it took, from connect() to the end of the stream, as one line of JSON.
 *
 *	wire_peer serve PORT
 *	wire_peer get ADDR PORT BYTES [MBIT]      the server sends them
 *	wire_peer put ADDR PORT BYTES [MBIT]      the client sends them
 *
 * The client asks with eight bytes, big endian: how much the server shall send. With 0 the server
 * reads to the end instead, and closes. Both ends compare every byte, see pattern.h. A server forks
 * for each connection; it ends by SIGTERM. CUBIC, whatever the system's default is.
 */

#include "bench/wire/pattern.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536u
#define BURST_S 0.05
#define CONGESTION "cubic"

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

/* With a rate the client rests, so that the transfer has room beside others. */
static double rate_bit_s, began_s;

static void keep_to_rate(uint64_t bytes)
{
	const double due = began_s + (rate_bit_s > 0 ? (double)bytes * 8 / rate_bit_s : 0);
	const double wait = due - now_s();

	if (rate_bit_s > 0 && wait > 0 && wait < 10)
		usleep((useconds_t)(wait * 1e6));
	/* What was missed is not made up for, but for a little. */
	if (wait < -BURST_S)
		began_s -= wait + BURST_S;
}

static void send_pattern(int fd, uint64_t n)
{
	static uint8_t buf[CHUNK];
	uint64_t off = 0;

	while (off < n) {
		const size_t len = n - off < CHUNK ? (size_t)(n - off) : CHUNK;

		for (size_t i = 0; i < len; i++)
			buf[i] = wire_pattern(off + i);
		for (size_t done = 0; done < len;) {
			const ssize_t k = send(fd, buf + done, len - done, MSG_NOSIGNAL);

			if (k < 0)
				die("send");
			done += (size_t)k;
		}
		off += len;
		keep_to_rate(off);
	}
}

/* To the end of the stream; the number of bytes, all of which were right. */
static uint64_t recv_pattern(int fd)
{
	static uint8_t buf[CHUNK];
	uint64_t off = 0;
	ssize_t n;

	while ((n = recv(fd, buf, CHUNK, 0)) > 0) {
		for (ssize_t i = 0; i < n; i++, off++) {
			if (buf[i] == wire_pattern(off))
				continue;
			fprintf(stderr, "byte %" PRIu64 " is wrong\n", off);
			exit(1);
		}
		keep_to_rate(off);
	}
	if (n < 0)
		die("recv");
	return off;
}

static void serve_one(int fd)
{
	uint8_t ask[8];
	uint64_t n = 0;

	if (recv(fd, ask, sizeof(ask), MSG_WAITALL) != sizeof(ask))
		exit(1);
	for (unsigned i = 0; i < 8; i++)
		n = n << 8 | ask[i];
	if (n != 0)
		send_pattern(fd, n);
	else
		recv_pattern(fd);
	close(fd);
	exit(0);
}

static void serve(uint16_t port)
{
	const struct sockaddr_in6 any = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
	const int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CONGESTION, sizeof(CONGESTION) - 1) < 0 ||
	    bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 256) < 0)
		die("listen");
	signal(SIGCHLD, SIG_IGN);
	puts("ready");
	fflush(stdout);
	for (;;) {
		const int c = accept(fd, NULL, NULL);

		if (c >= 0 && fork() == 0)
			serve_one(c);
		if (c >= 0)
			close(c);
	}
}

static int dial(const char *host, uint16_t port)
{
	struct sockaddr_storage addr = {0};
	struct sockaddr_in *v4 = (void *)&addr;
	struct sockaddr_in6 *v6 = (void *)&addr;
	socklen_t len = sizeof(*v4);

	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		len = sizeof(*v6);
	} else {
		die(host);
	}
	const int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CONGESTION, sizeof(CONGESTION) - 1) < 0 ||
	    connect(fd, (const struct sockaddr *)&addr, len) < 0)
		die("connect");
	return fd;
}

static int transfer(bool is_get, const char *host, uint16_t port, uint64_t bytes)
{
	const double began = began_s = now_s();
	const int fd = dial(host, port);
	struct tcp_info ti = {0};
	socklen_t len = sizeof(ti);
	uint8_t ask[8] = {0};
	uint64_t got;

	for (unsigned i = 0; is_get && i < 8; i++)
		ask[i] = (uint8_t)(bytes >> (56 - 8 * i));
	if (send(fd, ask, sizeof(ask), MSG_NOSIGNAL) != sizeof(ask))
		die("send");
	if (!is_get) {
		send_pattern(fd, bytes);
		shutdown(fd, SHUT_WR);
	}
	got = recv_pattern(fd);
	const double took = now_s() - began;

	(void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len);
	printf("{\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"mbit_s\":%.4f,\"retrans\":%u,"
	       "\"rtt_us\":%u,\"ecn\":%s}\n",
	       bytes, took, (double)bytes * 8 / took / 1e6, ti.tcpi_total_retrans, ti.tcpi_rtt,
	       ti.tcpi_options & TCPI_OPT_ECN ? "true" : "false");
	return got == (is_get ? bytes : 0) ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve((uint16_t)strtoul(argv[2], NULL, 10));
	if ((argc != 5 && argc != 6) ||
	    (strcmp(argv[1], "get") != 0 && strcmp(argv[1], "put") != 0)) {
		fputs("usage: wire_peer serve PORT | get|put ADDR PORT BYTES [MBIT]\n", stderr);
		return 2;
	}
	rate_bit_s = argc == 6 ? strtod(argv[5], NULL) * 1e6 : 0;
	return transfer(argv[1][0] == 'g', argv[2], (uint16_t)strtoul(argv[3], NULL, 10),
			strtoull(argv[4], NULL, 10));
}
