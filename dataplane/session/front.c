/* SPDX-License-Identifier: BSD-3-Clause */

/* The client's side of a session: handshake, plaintext in and out, a decent end. */

#include "session/session_priv.h"

#include <errno.h>

static void take_peer(struct session *s)
{
	struct tls_peer peer;

	tls_conn_peer(s->tls, &peer);
	s->is_resumed = peer.is_resumed;
	s->is_tls13 = peer.is_tls13;
	if (!peer.has_cert)
		return;
	s->facts.cert = POLICY_CERT_VERIFIED;
	s->facts.ems = peer.ems;
	s->facts.uid = peer.uid;
	s->facts.serial = peer.serial;
	decide_index(s);
}

bool front_handshake(struct session *s)
{
	struct session_worker *sw = s->sw;
	enum outcome why = OUTCOME_TLS_FAILED;
	const int rc = tls_conn_handshake(s->tls, &why);

	if (rc == -EAGAIN) {
		if (stream_is_eof(tcp_conn_stream(s->tcp)))
			session_end(s, false);
		return false;
	}
	if (rc < 0) {
		session_count(sw, why);
		evidence_handshake(s, why);
		front_linger(s);
		return false;
	}
	service_names_unref(&s->names);
	take_peer(s);
	session_count(sw, OUTCOME_TLS_HANDSHAKES);
	if (s->is_resumed)
		session_count(sw, OUTCOME_TLS_RESUMED);
	s->state = SESSION_HEAD;
	session_arm(s, sw->view.config->head_ms * 1000ull);
	evidence_row(s);
	return true;
}

int front_fill(struct session *s)
{
	struct buf *b = s->in;
	size_t n;

	if (b == NULL) {
		b = s->in = session_buf_get(s->sw);
		if (b == NULL) {
			session_again(s);
			return -EAGAIN;
		}
	}
	if (b->off > 0 && b->off + b->len == SESSION_BUF_CAP) {
		memmove(b->data, b->data + b->off, b->len);
		b->off = 0;
	}
	if (b->off + b->len == SESSION_BUF_CAP)
		return -ENOBUFS;

	const uint32_t end = b->off + b->len;
	const int rc = tls_conn_read(s->tls, b->data + end, SESSION_BUF_CAP - end, &n);

	if (rc == 0) {
		b->len += (uint32_t)n;
		s->bytes_in += n;
	} else if (b->len == 0) {
		session_buf_put(s->sw, &s->in); /* an idle session holds no buffer */
	}
	return rc;
}

bool front_has_room(const struct session *s)
{
	return tcp_conn_writable(s->tcp) >= TLS_WRITE_ROOM;
}

bool front_write(struct session *s, const void *buf, size_t len)
{
	size_t n;

	if (tls_conn_write(s->tls, buf, len, &n) < 0)
		return false;
	s->bytes_out += len;
	return true;
}

void front_linger(struct session *s)
{
	struct session_worker *sw = s->sw;

	tls_conn_shutdown(s->tls);
	tcp_shutdown(s->tcp, sw->now_us);
	session_buf_put(sw, &s->in);
	session_buf_put(sw, &s->from);
	if (s->back != NULL)
		upstream_release(sw->upstream, s->back, false, sw->now_us);
	s->back = NULL;
	s->state = SESSION_LINGER;
	session_arm(s, SESSION_LINGER_US);
	evidence_row(s);
	front_drain(s);
}

/*
 * Unread bytes at close would make it a reset (RFC 9293 3.6.1), which can destroy the answer or
 * alert on its way: drop what comes until the client closes too, for a bounded time.
 */
void front_drain(struct session *s)
{
	struct stream *st = tcp_conn_stream(s->tcp);
	struct slice in;

	while ((in = stream_peek(st)).len > 0)
		stream_consume(st, in.len);
	if (stream_is_eof(st))
		session_end(s, false);
}
