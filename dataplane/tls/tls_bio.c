/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A BIO over a stream. libssl's record buffer is the only copy between it and the transport's
 * queues; flushing is the transport's business.
 */

#include "tls/tls_priv.h"

#include <openssl/bio.h>

#include <string.h>

static int bio_read(BIO *b, char *buf, size_t len, size_t *ret_n)
{
	struct stream *s = BIO_get_data(b);
	size_t n = 0;

	BIO_clear_retry_flags(b);
	while (n < len) {
		struct slice run = stream_peek(s);
		if (run.len == 0)
			break;
		const size_t k = run.len < len - n ? run.len : len - n;
		memcpy(buf + n, run.ptr, k);
		stream_consume(s, k);
		n += k;
	}
	*ret_n = n;
	if (n == 0 && !stream_is_eof(s))
		BIO_set_retry_read(b);
	return n > 0;
}

static int bio_write(BIO *b, const char *buf, size_t len, size_t *ret_n)
{
	struct stream *s = BIO_get_data(b);
	size_t n = 0;

	BIO_clear_retry_flags(b);
	while (n < len) {
		struct slice_mut room = stream_reserve(s);
		if (room.cap == 0)
			break;
		const size_t k = room.cap < len - n ? room.cap : len - n;
		memcpy(room.ptr, buf + n, k);
		stream_commit(s, k);
		n += k;
	}
	*ret_n = n;
	if (n == 0 && len > 0)
		BIO_set_retry_write(b);
	return n > 0;
}

static long bio_ctrl(BIO *, int cmd, long, void *)
{
	/*
	 * BIO_CTRL_EOF stays 0: libssl would answer a FIN without close_notify with an alert that
	 * nobody waits for. tls_conn_read() asks the stream.
	 */
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

BIO_METHOD *tls_bio_method_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "stream");

	if (m == NULL)
		return NULL;
	if (!BIO_meth_set_read_ex(m, bio_read) || !BIO_meth_set_write_ex(m, bio_write) ||
	    !BIO_meth_set_ctrl(m, bio_ctrl) || !BIO_meth_set_create(m, bio_create)) {
		BIO_meth_free(m);
		return NULL;
	}
	return m;
}
