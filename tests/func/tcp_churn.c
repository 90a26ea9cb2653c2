/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Connect, one request, its echo, close: as often as wanted from one address, by the kernel's TCP.
 *
 *	tcp_churn ADDR PORT CONNECTIONS AT-ONCE client|server
 *
 * The last word says who closes first. Prints how long it took; ends with 1 when anything but the
 * echo came, a connection failed, or the kernel had no local port left.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LEN 64u
#define MAX_AT_ONCE 1024u
#define PATIENCE_MS 10000

struct slot {
	int fd; /* -1: free */
	size_t got;
	bool is_sent;
	uint8_t fill;
};

struct churn {
	struct sockaddr_in server;
	struct slot slots[MAX_AT_ONCE];
	uint64_t wanted, begun, ended, failed, no_port;
	unsigned at_once;
	int epoll;
	bool is_server_first;
};

static void begin(struct churn *c, struct slot *s)
{
	struct epoll_event e = {.events = EPOLLOUT | EPOLLIN, .data.ptr = s};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*s = (struct slot){.fd = fd, .fill = (uint8_t)c->begun++};
	if (fd >= 0 &&
	    (connect(fd, (const struct sockaddr *)&c->server, sizeof(c->server)) == 0 ||
	     errno == EINPROGRESS) &&
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) == 0)
		return;
	if (errno == EADDRNOTAVAIL)
		c->no_port++;
	else
		perror("connect");
	c->failed++;
	c->ended++;
	if (fd >= 0)
		close(fd);
	s->fd = -1;
}

static void end(struct churn *c, struct slot *s, bool is_good)
{
	if (!is_good && c->failed++ < 5)
		perror("connection");
	c->ended++;
	close(s->fd);
	s->fd = -1;
}

static void take(struct churn *c, struct slot *s)
{
	uint8_t buf[LEN + 1];
	const ssize_t n = recv(s->fd, buf, sizeof(buf), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end(c, s, n == 0 && s->got == LEN && c->is_server_first);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] != s->fill) {
			errno = EBADMSG;
			end(c, s, false);
			return;
		}
	}
	s->got += (size_t)n;
	if (s->got > LEN)
		end(c, s, false);
	else if (s->got == LEN && !c->is_server_first)
		end(c, s, true);
}

static void work(struct churn *c, struct slot *s, uint32_t events)
{
	if ((events & EPOLLOUT) && !s->is_sent) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
		uint8_t buf[LEN];

		memset(buf, s->fill, sizeof(buf));
		if (send(s->fd, buf, sizeof(buf), MSG_NOSIGNAL) != (ssize_t)sizeof(buf) ||
		    epoll_ctl(c->epoll, EPOLL_CTL_MOD, s->fd, &e) < 0) {
			end(c, s, false);
			return;
		}
		s->is_sent = true;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		take(c, s);
}

static int run(struct churn *c)
{
	struct epoll_event ev[64];

	while (c->ended < c->wanted) {
		for (unsigned i = 0; i < c->at_once && c->begun < c->wanted; i++) {
			if (c->slots[i].fd < 0)
				begin(c, &c->slots[i]);
		}
		if (c->ended == c->wanted)
			break;
		const int n = epoll_wait(c->epoll, ev, 64, PATIENCE_MS);

		if (n <= 0) {
			fprintf(stderr, "nothing moves\n");
			return -1;
		}
		for (int i = 0; i < n; i++)
			work(c, ev[i].data.ptr, ev[i].events);
	}
	return 0;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static struct churn c;

	if (argc != 6 || inet_pton(AF_INET, argv[1], &c.server.sin_addr) != 1)
		return 2;
	c.server.sin_family = AF_INET;
	c.server.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	c.wanted = strtoull(argv[3], NULL, 10);
	c.at_once = (unsigned)strtoul(argv[4], NULL, 10);
	c.is_server_first = strcmp(argv[5], "server") == 0;
	c.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c.at_once == 0 || c.at_once > MAX_AT_ONCE || c.epoll < 0)
		return 2;
	for (unsigned i = 0; i < MAX_AT_ONCE; i++)
		c.slots[i].fd = -1;
	const double start = seconds();
	const int rc = run(&c);
	const double took = seconds() - start;

	printf("%" PRIu64 " connections, %s closes first: %.1f s, %.0f a second; failed %" PRIu64
	       ", no port %" PRIu64 "\n",
	       c.ended, argv[5], took, (double)c.ended / took, c.failed, c.no_port);
	return rc < 0 || c.failed > 0;
}
