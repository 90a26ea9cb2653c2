/* SPDX-License-Identifier: BSD-3-Clause */

/* A connection that is answered by a stream: its pieces out, its client heard, its end. */

#include "base/loop.h"
#include "common/log/log.h"
#include "rest/server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

LOG_TYPE("rest");

#define PIECES_AT_ONCE 8u
#define STREAM_CHECK_MS 1000u

void conn_end_stream(struct conn *c)
{
	if (c->stream != NULL)
		c->stream->ops->close(c->stream->user);
	c->stream = NULL;
}

enum step conn_begin_stream(struct conn *c, const struct rest_res *res, uint64_t now_ms)
{
	c->stream = res->stream;
	c->stream_role = res->role;
	c->is_websocket = c->head.is_upgrade;
	c->is_last |= c->is_websocket || c->head.minor == 0;
	/* Who sees what goes into the log: streams show what no other answer does. */
	LOG(NOTICE, "%s %s %s", c->stream->words, c->who.how, c->who.from);
	c->phase = PHASE_STREAM;
	c->deadline_ms = now_ms + STALL_MS;
	c->wake_ms = now_ms;
	c->checked_ms = now_ms;
	if (!answer_put_stream(c, res))
		return STEP_OVER;
	if (strcmp(c->head.method, "HEAD") == 0)
		return STEP_OVER; /* its head alone would be no answer to anything */
	return STEP_AGAIN;
}

/* RFC 6455 5.5: a ping is answered, the latest of several; a close by a close. */
static bool hear_frame(struct conn *c, unsigned opcode, struct slice payload)
{
	switch (opcode) {
	case WEBSOCKET_TEXT:
		if (c->stream->ops->message != NULL)
			c->stream->ops->message(c->stream->user, (const char *)payload.ptr,
						payload.len);
		return true;
	case WEBSOCKET_PING:
		c->has_pong = true;
		c->pong_len = (uint8_t)payload.len;
		memcpy(c->pong, payload.ptr, payload.len);
		return true;
	case WEBSOCKET_CLOSE:
		c->has_close = true;
		return true;
	case WEBSOCKET_BINARY:
	case WEBSOCKET_PONG:
		return true;
	default:
		return false;
	}
}

/* What a WebSocket's client says. False: it makes no sense. */
static bool hear(struct conn *c)
{
	struct slice payload = {0};
	unsigned opcode = 0;
	int took;

	while ((took = websocket_parse((unsigned char *)c->in, c->in_len, &opcode, &payload)) > 0) {
		if (!hear_frame(c, opcode, payload))
			return false;
		c->in_len -= (size_t)took;
		memmove(c->in, c->in + took, c->in_len);
	}
	return took == 0 && c->in_len < sizeof(c->in);
}

/* The other end may have gone, or say something. */
static enum step listen_to_client(struct conn *c)
{
	for (unsigned i = 0; i < 4; i++) {
		const ssize_t n = conn_read(c, c->in + c->in_len, sizeof(c->in) - c->in_len);

		if (n == -EAGAIN)
			return STEP_AGAIN;
		if (n <= 0)
			return STEP_OVER;
		c->in_len += (size_t)n;
		if (!c->is_websocket) {
			/* Pipelined behind a stream: it would have to wait for ever. */
			c->in_len = 0;
			c->is_last = true;
		} else if (!hear(c)) {
			return STEP_OVER;
		}
	}
	return STEP_AGAIN;
}

/* Whose token has expired or was taken away does not go on seeing what it opened. */
static bool still_may(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	struct rest_who who = c->who;

	if (c->ssl == NULL || now_ms < c->checked_ms + STREAM_CHECK_MS)
		return true;
	c->checked_ms = now_ms;
	auth_find(rest->door->auth, &c->cred, loop_real_ms() / 1000, &who);
	return who.role >= c->stream_role;
}

enum step conn_run_stream(struct rest *rest, struct conn *c, uint64_t now_ms)
{
	if (!still_may(rest, c, now_ms) || listen_to_client(c) == STEP_OVER)
		return STEP_OVER;
	if (c->has_close) {
		answer_put_control(c, WEBSOCKET_CLOSE, "\x03\xe8", 2); /* 1000 */
		conn_end_stream(c);
		c->phase = PHASE_ANSWER;
		c->deadline_ms = now_ms + LINGER_MS;
		return STEP_AGAIN;
	}
	for (unsigned i = 0; i < PIECES_AT_ONCE; i++) {
		bool is_end = false;
		enum step step;

		/* Whether or not the client reads. */
		if (now_ms >= c->wake_ms) {
			c->stream->ops->tick(c->stream->user);
			c->wake_ms = now_ms + c->stream->poll_us / 1000 + 1;
		}
		step = conn_flush(c);
		if (step == STEP_WAIT)
			c->wants |= POLLIN;
		if (step != STEP_AGAIN)
			return step;
		c->deadline_ms = 0;
		c->out_len = c->out_off = 0;
		if (c->has_pong) {
			c->has_pong = false;
			answer_put_control(c, WEBSOCKET_PONG, c->pong, c->pong_len);
			c->deadline_ms = now_ms + STALL_MS;
			continue;
		}
		if (!answer_put_piece(c, &is_end)) {
			c->wants = POLLIN;
			return STEP_WAIT;
		}
		c->deadline_ms = now_ms + STALL_MS;
		if (is_end) {
			conn_end_stream(c);
			c->phase = PHASE_ANSWER;
			return STEP_AGAIN;
		}
	}
	c->is_hot = true;
	return STEP_WAIT;
}
