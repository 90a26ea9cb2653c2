/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes in and out of a connection, with TLS or without. Never blocks. */

#include "rest/server.h"

#include <openssl/err.h>

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* What OpenSSL waits for, or why it is over. */
static int tls_result(struct conn *c, int rc)
{
	const int why = SSL_get_error(c->ssl, rc);

	ERR_clear_error();
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		c->wants = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		return -EAGAIN;
	}
	/* RFC 8446 6.1: with close_notify only is it an end. */
	return why == SSL_ERROR_ZERO_RETURN ? 0 : -ECONNRESET;
}

static ssize_t plain_result(struct conn *c, ssize_t n, short wants)
{
	if (n >= 0)
		return n;
	if (errno != EAGAIN && errno != EINTR)
		return -errno;
	c->wants = wants;
	return -EAGAIN;
}

ssize_t conn_read(struct conn *c, void *buf, size_t cap)
{
	size_t n = 0;

	if (c->ssl == NULL)
		return plain_result(c, recv(c->fd, buf, cap, MSG_DONTWAIT), POLLIN);
	const int rc = SSL_read_ex(c->ssl, buf, cap, &n);

	return rc == 1 ? (ssize_t)n : tls_result(c, rc);
}

ssize_t conn_write(struct conn *c, const void *buf, size_t len)
{
	size_t n = 0;

	if (c->ssl == NULL)
		return plain_result(c, send(c->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL), POLLOUT);
	const int rc = SSL_write_ex(c->ssl, buf, len, &n);

	return rc == 1 ? (ssize_t)n : tls_result(c, rc);
}

int conn_handshake(struct conn *c)
{
	const int rc = SSL_accept(c->ssl);
	int why;

	if (rc == 1)
		return 0;
	why = tls_result(c, rc);
	return why == 0 ? -ECONNRESET : why;
}

void conn_shut(struct conn *c)
{
	if (c->ssl != NULL)
		(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
	(void)shutdown(c->fd, SHUT_WR);
}

enum step conn_flush(struct conn *c)
{
	while (c->out_off < c->out_len) {
		const ssize_t n = conn_write(c, c->out + c->out_off, c->out_len - c->out_off);

		if (n <= 0)
			return n == -EAGAIN ? STEP_WAIT : STEP_OVER;
		c->out_off += (size_t)n;
	}
	return STEP_AGAIN;
}
