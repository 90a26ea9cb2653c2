/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/ws_client.h"

#include "cli/remote.h"
#include "common/ws/ws.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 8192u
#define FRAME_MAX (1u << 20)

struct ws_client {
	int fd;
	struct ws_reader reader;
	char key[WS_KEY_STRLEN + 1];
	/* what came with and after the answer's head */
	char buf[65536];
	size_t len, used;
	int (*on_text)(void *user, const char *p, size_t len);
	void *user;
};

/* ---- upgrade ---- */

static int send_upgrade(struct ws_client *ws, const struct http_call *c, uint64_t deadline_ms)
{
	uint8_t random[16];
	char *head = NULL;
	int n, rc;

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	ws_key(random, ws->key);
	n = asprintf(&head,
		     "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
		     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		     "Sec-WebSocket-Key: %s\r\n%s\r\n",
		     c->target, ws->key, remote_authorization());
	if (n < 0)
		return -ENOMEM;
	rc = http_send(c, ws->fd, head, (size_t)n, deadline_ms);
	free(head);
	return rc;
}

/* More of the answer into the buffer. 0; -EPIPE at its end. */
static int recv_some(struct ws_client *ws, const struct http_call *c, uint64_t deadline_ms)
{
	for (;;) {
		const int rc = http_wait(c, ws->fd, POLLIN, deadline_ms);
		ssize_t n;

		if (rc < 0)
			return rc;
		n = recv(ws->fd, ws->buf + ws->len, sizeof(ws->buf) - ws->len, MSG_DONTWAIT);
		if (n > 0) {
			ws->len += (size_t)n;
			return 0;
		}
		if (n == 0)
			return -EPIPE;
		if (errno != EAGAIN && errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	}
}

/* The value of <field> in the head is <want>. */
static bool has_field(const char *head, size_t len, const char *field, const char *want)
{
	const size_t nf = strlen(field), nw = strlen(want);

	for (const char *l = head, *end = head + len; l != NULL && l < end;) {
		const char *eol = memchr(l, '\n', (size_t)(end - l));
		const size_t n = eol == NULL ? (size_t)(end - l) : (size_t)(eol - l);

		if (n > nf && l[nf] == ':' && strncasecmp(l, field, nf) == 0) {
			const char *v = l + nf + 1;

			while (*v == ' ' || *v == '\t')
				v++;
			return (size_t)(l + n - v) >= nw && strncmp(v, want, nw) == 0 &&
			       strchr(" \t\r\n", v[nw]) != NULL;
		}
		l = eol == NULL ? NULL : eol + 1;
	}
	return false;
}

/* RFC 6455 4.1: it is our key that was answered. */
static int check_accept(struct ws_client *ws, size_t head_len)
{
	char accept[WS_ACCEPT_STRLEN + 1];

	ws_accept(ws->key, accept);
	if (!has_field(ws->buf, head_len, "Sec-WebSocket-Accept", accept))
		return -EPROTO;
	ws->used = head_len;
	return 0;
}

/* The server did not upgrade: the answer to its end. 1, or negative. */
static int read_refusal(struct ws_client *ws, const struct http_call *c, uint64_t deadline_ms,
			struct http_answer *ret)
{
	struct http_reader r;
	int rc;

	http_reader_init(&r, FRAME_MAX);
	do {
		rc = http_reader_feed(&r, ws->buf, ws->len);
		ws->len = 0;
		if (rc == 0)
			rc = recv_some(ws, c, deadline_ms);
		if (rc == -EPIPE)
			rc = http_reader_eof(&r);
	} while (rc == 0);
	if (rc == 1)
		http_reader_take(&r, ret);
	http_reader_fini(&r);
	return rc;
}

static int read_answer(struct ws_client *ws, const struct http_call *c, uint64_t deadline_ms,
		       struct http_answer *ret)
{
	static const char upgraded[] = "HTTP/1.1 101 ";
	const char *end;

	for (;;) {
		const int rc = recv_some(ws, c, deadline_ms);

		if (rc < 0)
			return rc;
		if (ws->len < sizeof(upgraded))
			continue;
		if (memcmp(ws->buf, upgraded, sizeof(upgraded) - 1) != 0)
			return read_refusal(ws, c, deadline_ms, ret);
		end = memmem(ws->buf, ws->len, "\r\n\r\n", 4);
		if (end != NULL)
			return check_accept(ws, (size_t)(end - ws->buf) + 4);
		if (ws->len > HEAD_MAX)
			return -EMSGSIZE;
	}
}

/* ---- frames ---- */

/* Few and short: the socket's buffer takes them. */
static int send_frame(struct ws_client *ws, enum ws_opcode op, const uint8_t *p, size_t len)
{
	uint8_t frame[WS_HEAD_MAX + WS_CONTROL_MAX], mask[4];
	size_t n;

	if (getrandom(mask, sizeof(mask), 0) != (ssize_t)sizeof(mask))
		return -errno;
	n = ws_head_emit(frame, op, len, mask);
	memcpy(frame + n, p, len);
	ws_mask(frame + n, len, mask, 0);
	return send(ws->fd, frame, n + len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -EPIPE : 0;
}

static int on_message(void *user, enum ws_opcode op, const char *p, size_t len)
{
	struct ws_client *ws = user;

	return op == WS_TEXT ? ws->on_text(ws->user, p, len) : -EPROTO;
}

static int on_control(void *user, enum ws_opcode op, const uint8_t *p, size_t len)
{
	struct ws_client *ws = user;

	if (op == WS_PING)
		return send_frame(ws, WS_PONG, p, len);
	/* Whether it still goes out does not matter any more. */
	if (op == WS_CLOSE)
		(void)send_frame(ws, WS_CLOSE, p, len < 2 ? 0 : 2);
	return 0;
}

int ws_client_open(const struct http_call *c, struct ws_client **ret,
		   struct http_answer *ret_refusal)
{
	const uint64_t deadline_ms = http_now_ms() + (uint64_t)c->timeout_s * 1000;
	struct ws_client *ws = calloc(1, sizeof(*ws));
	int rc;

	if (ws == NULL)
		return -ENOMEM;
	ws->reader = (struct ws_reader){.frame_max = FRAME_MAX,
					.on_message = on_message,
					.on_control = on_control,
					.user = ws};
	ws->fd = rc = http_dial(c->socket_path);
	if (rc >= 0)
		rc = send_upgrade(ws, c, deadline_ms);
	if (rc == 0)
		rc = read_answer(ws, c, deadline_ms, ret_refusal);
	if (rc == 0)
		*ret = ws;
	else
		ws_client_close(ws);
	return rc;
}

int ws_client_fd(const struct ws_client *ws)
{
	return ws->fd;
}

bool ws_client_has_more(const struct ws_client *ws)
{
	return ws->used < ws->len;
}

int ws_client_read(struct ws_client *ws, int (*on_text)(void *user, const char *p, size_t len),
		   void *user)
{
	int rc;

	if (!ws_client_has_more(ws)) {
		const ssize_t n = recv(ws->fd, ws->buf, sizeof(ws->buf), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			return -EPIPE;
		ws->len = (size_t)n;
		ws->used = 0;
	}
	ws->on_text = on_text;
	ws->user = user;
	rc = ws_reader_feed(&ws->reader, (const uint8_t *)ws->buf + ws->used, ws->len - ws->used);
	ws->used = ws->len;
	return rc == 1 ? -EPIPE : rc;
}

void ws_client_close(struct ws_client *ws)
{
	if (ws == NULL)
		return;
	if (ws->fd >= 0)
		close(ws->fd);
	free(ws);
}
