/* SPDX-License-Identifier: BSD-3-Clause */
/* The notification channel: the server side of RFC 6455, text messages only. */
#include "emsim/payload.h"
#include "emsim/sim.h"

#include <jansson.h>
#include <openssl/sha.h>

#include <stdio.h>
#include <string.h>

enum {
	OP_CONT = 0,
	OP_TEXT = 1,
	OP_BINARY = 2,
	OP_CLOSE = 8,
	OP_PING = 9,
	OP_PONG = 10,
	PING_EVERY_MS = 10000,
	PONG_MISSING_MS = 30000,
	CLOSE_MS = 5000,
};

static const struct {
	const char *name;
	uint32_t bit;
} topics[] = {
	/* In the order in which a real EMS sends them. */
	{"tags", TOPIC_TAGS},
	{"sysinfo", TOPIC_SYSINFO},
	{"avatar", TOPIC_AVATAR},
	{"ztna_ca", TOPIC_ZTNA_CA},
};

enum {
	NB_TOPICS = sizeof(topics) / sizeof(topics[0])
};

uint32_t topic_parse(const char *name)
{
	for (size_t i = 0; i < NB_TOPICS; i++)
		if (strcmp(topics[i].name, name) == 0)
			return topics[i].bit;
	return 0;
}

/* A server's frames are not masked (RFC 6455 5.1) and never fragmented here. */
static void send_frame(struct conn *c, uint8_t op, const void *p, size_t len)
{
	uint8_t head[4] = {(uint8_t)(0x80 | op), (uint8_t)len};
	size_t n = 2;

	if (len > 125) {
		head[1] = 126;
		head[2] = (uint8_t)(len >> 8);
		head[3] = (uint8_t)len;
		n = 4;
	}
	buf_add(&c->out, head, n);
	buf_add(&c->out, p, len);
}

void ws_close(struct conn *c, uint16_t code)
{
	uint8_t body[2] = {(uint8_t)(code >> 8), (uint8_t)code};

	send_frame(c, OP_CLOSE, body, sizeof(body));
	c->state = CONN_CLOSING;
}

void ws_accept(struct sim *sim, struct conn *c, const struct http_req *rq)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[SHA_DIGEST_LENGTH];
	struct buf key = {0};

	buf_printf(&key, "%s%s", rq->ws_key, guid);
	SHA1((const uint8_t *)key.p, key.len, digest);
	buf_str(&c->out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	payload_base64(&c->out, digest, sizeof(digest));
	buf_str(&c->out, "\r\n\r\n");
	buf_free(&key);
	c->state = CONN_WS;
	c->pong_ms = sim->now_ms;
	c->next_ping_ms = sim->now_ms + PING_EVERY_MS;
	sim->stats.ws_opened++;
}

/* {"message_type":"register","message_body":{"sn":"..","topics":[..]}} */
static void on_message(struct sim *sim, struct conn *c)
{
	json_t *root = json_loadb(c->msg.p, c->msg.len, 0, NULL);
	const char *type = json_string_value(json_object_get(root, "message_type"));
	json_t *list = json_object_get(json_object_get(root, "message_body"), "topics");
	json_t *item;
	size_t i;

	if (type != NULL && strcmp(type, "register") == 0) {
		c->is_registered = true;
		c->topics = 0;
		json_array_foreach(list, i, item)
		{
			const char *name = json_string_value(item);

			c->topics |= name != NULL ? topic_parse(name) : 0;
		}
	}
	if (sim->is_verbose)
		fprintf(stderr, "emsim: %s ws message, %zu bytes, topics 0x%x\n", c->cn, c->msg.len,
			c->topics);
	json_decref(root);
	buf_reset(&c->msg);
}

static void on_frame(struct sim *sim, struct conn *c, uint8_t head, const char *p, size_t len)
{
	bool is_fin = (head & 0x80) != 0;
	uint8_t op = head & 15;

	if ((head & 0x70) != 0 || (op >= 8 && (!is_fin || len > 125))) {
		ws_close(c, 1002);
		return;
	}
	switch (op) {
	case OP_TEXT:
	case OP_BINARY:
	case OP_CONT:
		buf_add(&c->msg, p, len);
		if (c->msg.len > WS_MSG_MAX)
			ws_close(c, 1009);
		else if (is_fin)
			on_message(sim, c);
		break;
	case OP_PING:
		send_frame(c, OP_PONG, p, len);
		break;
	case OP_PONG:
		c->pong_ms = sim->now_ms;
		break;
	case OP_CLOSE:
		ws_close(c, 1000);
		break;
	default:
		ws_close(c, 1002);
	}
}

/* Length of a frame's head, 0 while it is not complete; the payload's goes to <ret_len>. */
static size_t frame_head(const uint8_t *p, size_t len, uint64_t *ret_len)
{
	size_t ext, n;

	if (len < 2)
		return 0;
	n = p[1] & 127;
	ext = n == 126 ? 2 : n == 127 ? 8 : 0;
	if (len < 2 + ext + 4)
		return 0;
	*ret_len = n;
	if (ext > 0) {
		*ret_len = 0;
		for (size_t i = 0; i < ext; i++)
			*ret_len = *ret_len << 8 | p[2 + i];
	}
	return 2 + ext + 4;
}

void ws_on_data(struct sim *sim, struct conn *c)
{
	while (c->state == CONN_WS && c->in.len >= 2) {
		uint8_t *p = (uint8_t *)c->in.p;
		uint64_t len = 0;
		size_t head;

		/* A client must mask (RFC 6455 5.1); all frames here have a mask in their head. */
		if ((p[1] & 0x80) == 0) {
			ws_close(c, 1002);
			return;
		}
		head = frame_head(p, c->in.len, &len);
		if (head == 0)
			return;
		if (len > WS_MSG_MAX) {
			ws_close(c, 1009);
			return;
		}
		if (c->in.len < head + len)
			return;
		for (size_t i = 0; i < len; i++)
			p[head + i] ^= p[head - 4 + i % 4];
		on_frame(sim, c, p[0], (char *)p + head, (size_t)len);
		buf_consume(&c->in, head + (size_t)len);
	}
}

void ws_on_tick(struct sim *sim, struct conn *c)
{
	if (sim->now_ms > c->pong_ms + PONG_MISSING_MS)
		c->is_dead = true;
	if (sim->now_ms < c->next_ping_ms)
		return;
	c->next_ping_ms = sim->now_ms + PING_EVERY_MS;
	send_frame(c, OP_PING, "", 0);
}

static void notify_conn(struct sim *sim, struct conn *c, const char *topic)
{
	char text[160];
	int n;

	/* The space behind "notify": is the real EMS's. */
	n = snprintf(text, sizeof(text),
		     "{\"message_type\":\"notification\",\"message_body\":{\"notify\": "
		     "{\"%s\":{\"value\":true}}}}",
		     topic);
	if (n < 0 || (size_t)n >= sizeof(text))
		return;
	if (fault_take(&sim->faults, FAULT_WS_GARBAGE, ENTRY_WS))
		n /= 2;
	if (!hostile_frame(sim->hostile, text, (size_t)n, &c->out))
		send_frame(c, OP_TEXT, text, (size_t)n);
	sim->stats.notifications++;
}

void ws_notify_pending(struct sim *sim)
{
	for (size_t t = 0; t < NB_TOPICS && sim->pending_topics != 0; t++) {
		if ((sim->pending_topics & topics[t].bit) == 0)
			continue;
		for (size_t i = 0; i < CONN_MAX; i++) {
			struct conn *c = &sim->conns[i];

			if (c->state == CONN_WS && (c->topics & topics[t].bit) != 0)
				notify_conn(sim, c, topics[t].name);
		}
	}
	sim->pending_topics = 0;
}

void ws_drop_all(struct sim *sim)
{
	for (size_t i = 0; i < CONN_MAX; i++) {
		struct conn *c = &sim->conns[i];

		if (c->state != CONN_WS)
			continue;
		/* Dropped, not closed: the peer finds out by the end of the stream. */
		c->state = CONN_CLOSING;
		c->deadline_ms = sim->now_ms + CLOSE_MS;
	}
}

unsigned ws_count(const struct sim *sim)
{
	unsigned n = 0;

	for (size_t i = 0; i < CONN_MAX; i++)
		n += sim->conns[i].state == CONN_WS;
	return n;
}
