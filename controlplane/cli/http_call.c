/* SPDX-License-Identifier: BSD-3-Clause */

/* One call: connect, send, read, close. */

#include "cli/http.h"
#include "cli/interrupt.h"
#include "cli/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t http_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

#define SLICE_MS 100u

/* Wait for <events> until <deadline_ms>; <c> may want to hear of it meanwhile. */
int http_wait(const struct http_call *c, int fd, short events, uint64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	uint64_t now;
	int rc;

	do {
		now = http_now_ms();
		if (now >= deadline_ms)
			return -ETIMEDOUT;
		if (c->on_wait != NULL)
			c->on_wait(c->user);
		if (interrupt_is_set())
			return -ECANCELED;
		/* In slices: a signal just before poll() would not wake it. */
		rc = poll(&p, 1,
			  deadline_ms - now > SLICE_MS ? (int)SLICE_MS : (int)(deadline_ms - now));
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	return rc < 0 ? -errno : 0;
}

int http_dial(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	const size_t len = strlen(path);
	int fd, rc;

	if (remote_is_on())
		return remote_dial();
	if (len >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int http_send(const struct http_call *c, int fd, const char *p, size_t len, uint64_t deadline_ms)
{
	while (len > 0) {
		const int rc = http_wait(c, fd, POLLOUT, deadline_ms);
		ssize_t n;

		if (rc < 0)
			return rc;
		n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int send_request(int fd, const struct http_call *c, uint64_t deadline_ms)
{
	char *head = NULL;
	int n, rc;

	if (c->body != NULL)
		n = asprintf(&head,
			     "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s"
			     "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			     c->method, c->target, remote_authorization(), c->body_len);
	else
		n = asprintf(&head,
			     "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
			     c->method, c->target, remote_authorization());
	if (n < 0)
		return -ENOMEM;
	rc = http_send(c, fd, head, (size_t)n, deadline_ms);
	if (rc == 0 && c->body != NULL)
		rc = http_send(c, fd, c->body, c->body_len, deadline_ms);
	free(head);
	return rc;
}

static int read_answer(const struct http_call *c, int fd, struct http_reader *r,
		       uint64_t deadline_ms)
{
	char buf[65536];
	int rc = 0;

	while (rc == 0) {
		ssize_t n;

		rc = http_wait(c, fd, POLLIN, deadline_ms);
		if (rc < 0)
			return rc;
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return errno == ECONNRESET ? -EPIPE : -errno;
		rc = n == 0 ? http_reader_eof(r) : http_reader_feed(r, buf, (size_t)n);
	}
	return rc < 0 ? rc : 0;
}

int http_call(const struct http_call *c, struct http_answer *ret)
{
	const uint64_t deadline_ms = http_now_ms() + (uint64_t)c->timeout_s * 1000;
	struct http_reader r;
	const int fd = http_dial(c->socket_path);
	int rc;

	if (fd < 0)
		return fd;
	http_reader_init(&r, HTTP_BODY_MAX);
	r.on_body = c->on_body;
	r.user = c->user;
	rc = send_request(fd, c, deadline_ms);
	/* A server that refuses early answers before it has read all: hear it. */
	if (rc == 0 || rc == -EPIPE) {
		const int answer = read_answer(c, fd, &r, deadline_ms);

		rc = answer == 0 || rc == 0 ? answer : rc;
	}
	if (rc == 0)
		http_reader_take(&r, ret);
	http_reader_fini(&r);
	close(fd);
	return rc;
}
