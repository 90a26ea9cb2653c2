/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HTTP/1.1 as far as a REST client needs it: requests with Content-Length, keep-alive, one answer
 * at a time. Chunked requests are refused.
 */
#include "emsim/sim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	IDLE_MS = 60000,
	NB_HEADERS_MAX = 64
};

static const char *reason(unsigned status)
{
	switch (status) {
	case 101:
		return "Switching Protocols";
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 413:
		return "Content Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	}
	return "Unknown";
}

void http_reply(struct conn *c, unsigned status, const char *type, const struct buf *body,
		bool keep_alive)
{
	buf_printf(&c->out,
		   "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		   "Connection: %s\r\n\r\n",
		   status, reason(status), type, body->len, keep_alive ? "keep-alive" : "close");
	buf_add(&c->out, body->p, body->len);
	if (!keep_alive)
		c->state = CONN_CLOSING;
}

static void refuse(struct conn *c, unsigned status)
{
	struct buf body = {0};

	buf_printf(&body, "{\"result\":{\"retval\":-1,\"message\":\"%s\"}}", reason(status));
	http_reply(c, status, "application/json", &body, false);
	buf_free(&body);
}

static int hex_val(char c)
{
	uint8_t v;
	char text[3] = {'0', c, '\0'};

	return parse_hex(text, &v, 1) == 0 ? v : -1;
}

/* Percent-decode [<p>, <end>) into <out>; too long or malformed text yields false. */
static bool percent_decode(const char *p, const char *end, char *out, size_t cap)
{
	size_t n = 0;

	while (p < end) {
		char ch = *p++;

		if (ch == '%') {
			int hi = end - p >= 2 ? hex_val(p[0]) : -1;
			int lo = hi >= 0 ? hex_val(p[1]) : -1;

			if (lo < 0)
				return false;
			ch = (char)(hi << 4 | lo);
			p += 2;
		}
		if (n + 1 >= cap || ch == '\0')
			return false;
		out[n++] = ch;
	}
	out[n] = '\0';
	return true;
}

bool http_query(const char *query, const char *key, unsigned nth, char *out, size_t cap)
{
	char name[64];

	while (*query != '\0') {
		const char *end = strchrnul(query, '&');
		const char *eq = memchr(query, '=', (size_t)(end - query));

		if (eq != NULL && percent_decode(query, eq, name, sizeof(name)) &&
		    strcmp(name, key) == 0 && nth-- == 0)
			return percent_decode(eq + 1, end, out, cap);
		query = *end == '&' ? end + 1 : end;
	}
	return false;
}

static char *trim(char *s)
{
	size_t n;

	while (*s == ' ' || *s == '\t')
		s++;
	n = strlen(s);
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		s[--n] = '\0';
	return s;
}

/* One header line; returns the status to refuse with, or 0. */
static unsigned on_header(struct http_req *rq, char *line)
{
	char *colon = strchr(line, ':');
	char *value;
	uint64_t n;

	if (colon == NULL || colon == line || strpbrk(line, " \t") == line)
		return 400;
	*colon = '\0';
	value = trim(colon + 1);
	if (strcasecmp(line, "Transfer-Encoding") == 0)
		return 501;
	if (strcasecmp(line, "Content-Length") == 0) {
		if (parse_u64(value, &n) < 0)
			return 400;
		if (n > BODY_MAX)
			return 413;
		rq->body_len = (size_t)n;
	}
	if (strcasecmp(line, "Connection") == 0 && strcasestr(value, "close") != NULL)
		rq->keep_alive = false;
	if (strcasecmp(line, "Upgrade") == 0 && strcasecmp(value, "websocket") == 0)
		rq->is_upgrade = true;
	if (strcasecmp(line, "Host") == 0)
		copy_str(rq->host, sizeof(rq->host), value);
	if (strcasecmp(line, "Sec-WebSocket-Key") == 0)
		copy_str(rq->ws_key, sizeof(rq->ws_key), value);
	return 0;
}

static unsigned on_request_line(struct http_req *rq, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
	char *query;

	if (version == NULL || (size_t)(target - line) >= sizeof(rq->method))
		return 400;
	*target++ = '\0';
	*version++ = '\0';
	if (*target != '/' || strncmp(version, "HTTP/1.", 7) != 0)
		return 400;
	copy_str(rq->method, sizeof(rq->method), line);
	rq->keep_alive = strcmp(version, "HTTP/1.0") != 0;
	rq->path = target;
	query = strchr(target, '?');
	if (query != NULL)
		*query++ = '\0';
	rq->query = query != NULL ? query : target + strlen(target);
	return 0;
}

/* Parse a head in place: <head> is NUL terminated and ends with the last header's CRLF. */
static unsigned parse_head(struct http_req *rq, char *head)
{
	unsigned status = 0;
	bool is_first = true;

	while (*head != '\0' && status == 0) {
		char *end = strstr(head, "\r\n");

		if (end == NULL)
			return 400;
		*end = '\0';
		status = is_first ? on_request_line(rq, head) : on_header(rq, head);
		is_first = false;
		head = end + 2;
	}
	return status;
}

/* One request of <head_len> + 2 bytes head and a body behind: false when it is not all here yet. */
static bool handle_one(struct sim *sim, struct conn *c, size_t head_len)
{
	struct http_req rq = {0};
	struct buf head = {0};
	unsigned status;
	size_t total;

	/* The head is parsed on a copy: until the body is here it is parsed again. */
	buf_add(&head, c->in.p, head_len);
	status = strlen(head.p) == head_len ? parse_head(&rq, head.p) : 400;
	total = head_len + 2 + rq.body_len;
	if (status == 0 && c->in.len < total) {
		buf_free(&head);
		return false;
	}
	if (status != 0) {
		refuse(c, status);
	} else {
		rq.body = c->in.p + head_len + 2;
		if (c->is_admin)
			admin_handle(sim, c, &rq);
		else
			api_handle(sim, c, &rq);
		buf_consume(&c->in, total);
	}
	buf_free(&head);
	c->deadline_ms = sim->now_ms + IDLE_MS;
	return true;
}

/* Answers are built one at a time: the next request waits until the last answer is out. */
void http_on_data(struct sim *sim, struct conn *c)
{
	while (c->state == CONN_HTTP && !c->is_mute && c->out_off == c->out.len && c->in.len > 0) {
		char *end = memmem(c->in.p, c->in.len, "\r\n\r\n", 4);

		if (end == NULL) {
			if (c->in.len > HEAD_MAX)
				refuse(c, 413);
			return;
		}
		if (!handle_one(sim, c, (size_t)(end - c->in.p) + 2))
			return;
	}
}
