/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bytes between the two legs while a request is served: the rest of the request one way, the
 * response the other, each no faster than its receiver takes it. At most one buffer each way is
 * held; what does not fit stays in the TCP queues, whose windows then close.
 */

#include "session/session_priv.h"

#include <errno.h>

enum pump {
	PUMP_IDLE,  /* nothing to move, or no room: an event will come */
	PUMP_MOVED, /* try again */
	PUMP_ENDED, /* the session left this state, or is gone */
};

#define ROOM_MIN 1024u /* do not move crumbs */
#define UPLOAD_LUMP 4096u
#define FRAME_ROOM 32u /* chunk header, its end, and the last chunk */

/*
 * Something moved: the clock starts anew. A request body must come in lumps for that, since a
 * client that sends a byte now and then could otherwise hold a server's connection for ever.
 */
static void moved(struct session *s, enum pump up, enum pump down)
{
	if (down == PUMP_IDLE && up == PUMP_MOVED && !s->x.req_done) {
		if (s->x.client_in - s->x.timed_in < UPLOAD_LUMP)
			return;
		s->x.timed_in = s->x.client_in;
	}
	session_arm(s, s->sw->view.config->upstream_ms * 1000ull);
}

/* The exchange cannot end well: the client must not take what it got for whole. */
static enum pump break_off(struct session *s, enum outcome why)
{
	session_count(s->sw, why);
	evidence_request(s, why, 0, 0);
	session_end(s, true);
	return PUMP_ENDED;
}

/* The server's side failed: another try or an error page while nothing was said yet. */
static enum pump back_failed(struct session *s, enum outcome why)
{
	if (s->x.res_started)
		return break_off(s, why);
	request_retry(s, why);
	return PUMP_ENDED;
}

static enum pump fill_from_client(struct session *s)
{
	const int rc = front_fill(s);

	if (rc == 0)
		return PUMP_MOVED;
	if (rc == -EAGAIN)
		return PUMP_IDLE;
	return break_off(s, OUTCOME_CLIENT_ABORTED);
}

/* Frame <data> as it goes to a chunked receiver: into <out>, returns bytes written. */
static size_t frame_piece(uint8_t *out, bool is_chunked, struct slice data, bool is_last)
{
	size_t n = 0;

	if (is_chunked && data.len > 0)
		n += h1_chunk_header((char *)out, data.len);
	if (data.len > 0)
		memcpy(out + n, data.ptr, data.len);
	n += data.len;
	if (is_chunked && data.len > 0) {
		memcpy(out + n, "\r\n", 2);
		n += 2;
	}
	if (is_chunked && is_last) {
		memcpy(out + n, "0\r\n\r\n", 5);
		n += 5;
	}
	return n;
}

/* One piece of request body on its way to the server. */
static enum pump pump_request(struct session *s)
{
	struct session_worker *sw = s->sw;
	struct exchange *x = &s->x;
	size_t room = upstream_conn_room(s->back);
	struct slice data;
	size_t used;

	if (s->in == NULL)
		return fill_from_client(s);
	if (room < ROOM_MIN)
		return PUMP_IDLE;
	room = room < TLS_RECORD_MAX ? room : TLS_RECORD_MAX;
	room -= FRAME_ROOM;

	struct slice in = slice_of(s->in->data + s->in->off, s->in->len);

	in.len = in.len < room ? in.len : room;
	if (h1_body_decode(&x->req_body, in, &data, &used) < 0) {
		if (x->res_started)
			return break_off(s, OUTCOME_HTTP_BAD_CHUNK);
		request_refuse(s, 400, OUTCOME_HTTP_BAD_CHUNK);
		return PUMP_ENDED;
	}

	const bool is_chunked = x->req_body.framing == H1_BODY_CHUNKED;
	const size_t n = frame_piece(sw->out, is_chunked, data, x->req_body.is_done);

	if (n > 0 && upstream_conn_write(s->back, sw->out, n) < 0)
		return back_failed(s, OUTCOME_UPSTREAM_RESET);
	x->client_in += used;
	x->server_out += n;
	x->req_done = x->req_body.is_done;
	request_drop_input(s, (uint32_t)used);
	if (used == 0 && !x->req_done) /* a chunk header in two halves: the rest must come first */
		return fill_from_client(s);
	return PUMP_MOVED;
}

/* Read more from the server. <ret_rc> is upstream_conn_read()'s answer. */
static enum pump fill_from_server(struct session *s, int *ret_rc)
{
	struct buf *b = s->from;
	size_t n;

	if (b == NULL) {
		b = s->from = session_buf_get(s->sw);
		if (b == NULL) {
			session_again(s);
			*ret_rc = -EAGAIN;
			return PUMP_IDLE;
		}
	}
	if (b->off > 0) {
		memmove(b->data, b->data + b->off, b->len);
		b->off = 0;
	}
	*ret_rc = b->len == SESSION_BUF_CAP ? -ENOBUFS
					    : upstream_conn_read(s->back, b->data + b->len,
								 SESSION_BUF_CAP - b->len, &n);
	if (*ret_rc == 0) {
		b->len += (uint32_t)n;
		s->x.server_in += n;
		return PUMP_MOVED;
	}
	if (b->len == 0)
		session_buf_put(s->sw, &s->from);
	return PUMP_IDLE;
}

static void drop_from(struct session *s, size_t n)
{
	s->from->off += (uint32_t)n;
	s->from->len -= (uint32_t)n;
	if (s->from->len == 0)
		session_buf_put(s->sw, &s->from);
}

static enum pump finish(struct session *s)
{
	struct exchange *x = &s->x;
	const bool is_reusable = x->res_keep_alive && x->req_done && s->from == NULL &&
				 x->res_body.framing != H1_BODY_UNTIL_CLOSE;

	upstream_release(s->sw->upstream, s->back, is_reusable, s->sw->now_us);
	s->back = NULL;
	session_buf_put(s->sw, &s->from);
	evidence_request(s, OUTCOME_POLICY_ACCEPT, 0, 0);
	session_count(s->sw, OUTCOME_POLICY_ACCEPT);
	histogram_add(&s->sw->p.feedback->request_us, s->sw->now_us - x->start_us);
	/* An unread request body would be taken for the next request: this connection is over. */
	if (x->is_keep_alive && x->req_done)
		request_next(s);
	else
		front_linger(s);
	return PUMP_ENDED;
}

/*
 * Send <pre> bytes that stand in sw->out already (the head) and the next piece of the body
 * behind them, in one record.
 */
static enum pump pump_response(struct session *s, size_t pre)
{
	struct session_worker *sw = s->sw;
	struct exchange *x = &s->x;
	struct slice in = SLICE_EMPTY, data = SLICE_EMPTY;
	size_t used = 0;

	if (s->from != NULL)
		in = slice_of(s->from->data + s->from->off, s->from->len);
	if (in.len > SESSION_PIECE - pre)
		in.len = SESSION_PIECE - pre;
	if (in.len > 0 && !x->res_body.is_done &&
	    h1_body_decode(&x->res_body, in, &data, &used) < 0)
		return break_off(s, OUTCOME_HTTP_BAD_RESPONSE);

	const bool is_chunked = x->res_framing == H1_BODY_CHUNKED;
	const uint8_t *out = sw->out;
	size_t n;

	if (pre == 0 && !is_chunked) {
		out = data.ptr; /* encrypt straight out of the buffer */
		n = data.len;
	} else {
		n = pre + frame_piece(sw->out + pre, is_chunked, data, x->res_body.is_done);
	}
	if (n > 0 && !front_write(s, out, n))
		return break_off(s, OUTCOME_CLIENT_ABORTED);
	x->client_out += n;
	if (used > 0)
		drop_from(s, used);
	if (x->res_body.is_done)
		return finish(s);
	return used > 0 || pre > 0 ? PUMP_MOVED : PUMP_IDLE;
}

static void consume_head_of_request(struct session *s)
{
	if (s->x.head_len > 0)
		request_drop_input(s, s->x.head_len);
	s->x.head_len = 0;
}

/* A final response: how its body will be framed for this client, and whether the client stays. */
static void choose_framing(struct exchange *x, const struct h1_head *h)
{
	x->res_framing = h->framing;
	if (h->framing == H1_BODY_UNTIL_CLOSE && x->minor >= 1)
		x->res_framing = H1_BODY_CHUNKED;
	if (h->framing == H1_BODY_CHUNKED && x->minor == 0)
		x->res_framing = H1_BODY_UNTIL_CLOSE;
	if (x->res_framing == H1_BODY_UNTIL_CLOSE || !x->req_done)
		x->is_keep_alive = false;
	x->res_keep_alive = h->is_keep_alive;
	x->status = h->status;
}

static enum pump interim(struct session *s, const struct h1_head *h)
{
	struct h1_writer w = {.buf = (char *)s->sw->out, .cap = SESSION_PIECE};
	const size_t len = h->len;

	/* 100 answers an Expect that the proxy answered itself; a 1.0 client knows none. */
	if (h->status != 100 && s->x.minor >= 1) {
		h1_write_response(&w, h, H1_BODY_NONE, true);
		if (w.is_full)
			return back_failed(s, OUTCOME_HTTP_BAD_RESPONSE);
		if (!front_write(s, s->sw->out, w.len))
			return break_off(s, OUTCOME_CLIENT_ABORTED);
	}
	drop_from(s, len);
	return PUMP_MOVED;
}

static enum pump upgrade(struct session *s, const struct h1_head *h)
{
	struct h1_writer w = {.buf = (char *)s->sw->out, .cap = SESSION_PIECE};

	if (!s->x.has_upgrade || !h->has_upgrade || !s->x.req_done)
		return back_failed(s, OUTCOME_HTTP_BAD_RESPONSE);
	h1_write_response(&w, h, H1_BODY_NONE, true);
	if (w.is_full)
		return back_failed(s, OUTCOME_HTTP_BAD_RESPONSE);
	s->x.res_started = true;
	s->x.status = h->status;
	s->x.client_out += w.len;
	consume_head_of_request(s);
	if (!front_write(s, s->sw->out, w.len))
		return break_off(s, OUTCOME_CLIENT_ABORTED);
	drop_from(s, h->len);
	s->state = SESSION_TUNNEL;
	evidence_row(s);
	tunnel_run(s);
	return PUMP_ENDED;
}

static enum pump take_response_head(struct session *s)
{
	struct session_worker *sw = s->sw;
	struct h1_head *h = &sw->head;
	struct h1_writer w = {.buf = (char *)sw->out, .cap = SESSION_PIECE};

	if (h->status == 101)
		return upgrade(s, h);
	if (h->status < 200)
		return interim(s, h);
	choose_framing(&s->x, h);
	h1_body_init(&s->x.res_body, h);
	h1_write_response(&w, h, s->x.res_framing, s->x.is_keep_alive);
	if (w.is_full)
		return back_failed(s, OUTCOME_HTTP_BAD_RESPONSE);
	s->x.res_started = true;
	consume_head_of_request(s);
	drop_from(s, h->len);
	return pump_response(s, w.len);
}

static enum pump read_response_head(struct session *s)
{
	enum outcome why;
	int rc = -EAGAIN;

	if (s->from != NULL) {
		rc = h1_parse_response(slice_of(s->from->data + s->from->off, s->from->len),
				       (enum h1_method)s->x.method, &s->sw->head, &why);
		if (rc == 0)
			return take_response_head(s);
		if (rc != -EAGAIN)
			return back_failed(s, OUTCOME_HTTP_BAD_RESPONSE);
	}

	const enum pump p = fill_from_server(s, &rc);

	if (p == PUMP_MOVED || rc == -EAGAIN)
		return p;
	return back_failed(s, rc == -ENOBUFS ? OUTCOME_HTTP_BAD_RESPONSE : OUTCOME_UPSTREAM_RESET);
}

static enum pump read_response_body(struct session *s)
{
	int rc;

	if (s->from != NULL && s->from->len >= SESSION_PIECE)
		return pump_response(s, 0);

	const enum pump p = fill_from_server(s, &rc);

	if (p == PUMP_MOVED) {
		/* Gather a full record while the server's bytes are there to fill it. */
		if (s->from->len < SESSION_PIECE)
			(void)fill_from_server(s, &rc);
		return pump_response(s, 0);
	}
	if (s->from != NULL && s->from->len > 0) {
		const enum pump q = pump_response(s, 0);

		if (q != PUMP_IDLE)
			return q;
	}
	if (rc == -EAGAIN)
		return PUMP_IDLE;
	if (rc == -EPIPE && h1_body_is_complete_at_eof(&s->x.res_body))
		return pump_response(s, 0);
	return break_off(s, OUTCOME_UPSTREAM_RESET);
}

void exchange_run(struct session *s)
{
	for (unsigned n = 0; n < SESSION_BUDGET; n++) {
		enum pump p = PUMP_IDLE, q = PUMP_IDLE;

		if (!s->x.req_done) {
			p = pump_request(s);
			if (p == PUMP_ENDED)
				return;
		}
		if (front_has_room(s)) {
			q = s->x.res_started ? read_response_body(s) : read_response_head(s);
			if (q == PUMP_ENDED)
				return;
		}
		if (p == PUMP_IDLE && q == PUMP_IDLE)
			return;
		moved(s, p, q);
	}
	session_again(s);
}

/* ---- after 101: bytes as they are, both ways ---- */

static enum pump tunnel_up(struct session *s)
{
	if (s->in == NULL) {
		const int rc = front_fill(s);

		if (rc == -EAGAIN)
			return PUMP_IDLE;
		if (rc < 0)
			return PUMP_ENDED;
	}

	const size_t room = upstream_conn_room(s->back);
	const size_t n = s->in->len < room ? s->in->len : room;

	if (n == 0)
		return PUMP_IDLE;
	if (upstream_conn_write(s->back, s->in->data + s->in->off, n) < 0)
		return PUMP_ENDED;
	s->x.client_in += n;
	s->x.server_out += n;
	request_drop_input(s, (uint32_t)n);
	return PUMP_MOVED;
}

static enum pump tunnel_down(struct session *s)
{
	int rc;

	if (!front_has_room(s))
		return PUMP_IDLE;
	if (s->from == NULL && fill_from_server(s, &rc) != PUMP_MOVED)
		return rc == -EAGAIN ? PUMP_IDLE : PUMP_ENDED;

	const size_t n = s->from->len < SESSION_PIECE ? s->from->len : SESSION_PIECE;

	if (!front_write(s, s->from->data + s->from->off, n))
		return PUMP_ENDED;
	s->x.client_out += n;
	drop_from(s, n);
	return PUMP_MOVED;
}

void tunnel_run(struct session *s)
{
	for (unsigned n = 0; n < SESSION_BUDGET; n++) {
		const enum pump p = tunnel_up(s);
		const enum pump q = tunnel_down(s);

		if (p == PUMP_ENDED || q == PUMP_ENDED) {
			/* Either side is done. Half-open tunnels are not kept: both sides close. */
			session_count(s->sw, OUTCOME_POLICY_ACCEPT);
			evidence_request(s, OUTCOME_POLICY_ACCEPT, 0, 0);
			front_linger(s);
			return;
		}
		if (p == PUMP_IDLE && q == PUMP_IDLE)
			return;
		session_arm(s, s->sw->view.config->idle_ms * 1000ull);
	}
	session_again(s);
}
