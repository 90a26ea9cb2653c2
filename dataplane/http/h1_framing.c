/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How long the body is and what becomes of the connection (RFC 9112 6 and 9). Whatever two
 * parsers could answer differently is refused here.
 */

#include "http/h1_priv.h"

#include <errno.h>

/* 15 digits fit 50 bits: no sum of lengths that we make can wrap. */
#define LENGTH_DIGITS 15u

static int parse_length(struct slice s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.len > LENGTH_DIGITS || !h1_is_all(s, H1_C_DIGIT))
		return -EBADMSG;
	for (size_t i = 0; i < s.len; i++)
		v = v * 10 + (s.ptr[i] - '0');
	*ret = v;
	return 0;
}

/* One field, the one word, and only where the version has it (RFC 9112 6.1). */
static bool is_chunked(const struct h1_head *head, const struct h1_seen *seen)
{
	return head->minor == 1 && seen->nb_encoding == 1 && H1_NAME_IS(seen->encoding, "chunked");
}

static int decide_body(struct h1_head *head, const struct h1_seen *seen, enum outcome *ret_outcome)
{
	if (seen->nb_encoding > 0 && seen->nb_length > 0)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_TE_AND_CL);
	if (seen->nb_encoding > 0) {
		if (!is_chunked(head, seen))
			return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_TRANSFER_ENCODING);
		head->framing = H1_BODY_CHUNKED;
	}
	if (seen->nb_length > 0) {
		/* Some servers repeat the field; RFC 9110 8.6 lets equal ones count as one. */
		if (seen->has_other_length || (head->is_request && seen->nb_length > 1) ||
		    parse_length(seen->length, &head->content_length) < 0)
			return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_CONTENT_LENGTH);
		head->framing = H1_BODY_LENGTH;
	}
	return 0;
}

static int decide_connection(struct h1_head *head, const struct h1_seen *seen,
			     enum outcome *ret_outcome)
{
	if (seen->has_bad_connection)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_CONNECTION);
	head->is_keep_alive = !seen->has_close && (head->minor == 1 || seen->has_keep_alive);
	/*
	 * Only WebSocket: what is spoken after a 101 is not looked at, and h2c would carry requests
	 * past the decision.
	 */
	if (head->minor == 1 && seen->has_upgrade_option && seen->nb_upgrade == 1 &&
	    H1_NAME_IS(seen->upgrade, "websocket")) {
		head->has_upgrade = true;
		head->upgrade = seen->upgrade;
	}
	return 0;
}

static int decide_expect(struct h1_head *head, const struct h1_seen *seen,
			 enum outcome *ret_outcome)
{
	if (seen->nb_expect == 0)
		return 0;
	if (seen->nb_expect > 1 || !H1_NAME_IS(seen->expect, "100-continue"))
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_EXPECT);
	/* RFC 9110 10.1.1: from an HTTP/1.0 client, or without a body, it means nothing. */
	head->has_expect_continue = head->minor == 1 && head->framing != H1_BODY_NONE;
	return 0;
}

/* Also in HTTP/1.0: without Host nobody can say for which virtual host the decision was made. */
static int decide_host(struct h1_head *head, const struct h1_seen *seen, enum outcome *ret_outcome)
{
	struct slice name, port;

	if (seen->nb_host != 1 || h1_host_split(seen->host, &name, &port) < 0)
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_HOST);
	if (head->host.len > 0 && !slice_is_equal_nocase(head->host, seen->host))
		return h1_refuse(ret_outcome, OUTCOME_HTTP_BAD_TARGET);
	head->host = seen->host;
	return 0;
}

int h1_decide_request(struct h1_head *head, const struct h1_seen *seen, enum outcome *ret_outcome)
{
	int rc = decide_host(head, seen, ret_outcome);
	if (rc == 0)
		rc = decide_body(head, seen, ret_outcome);
	if (rc == 0)
		rc = decide_connection(head, seen, ret_outcome);
	if (rc == 0)
		rc = decide_expect(head, seen, ret_outcome);
	if (head->method != H1_GET || head->framing != H1_BODY_NONE)
		head->has_upgrade = false; /* RFC 6455 4.1 */
	return rc;
}

static bool status_has_no_body(uint16_t status)
{
	return status < 200 || status == 204 || status == 304;
}

int h1_decide_response(struct h1_head *head, const struct h1_seen *seen, enum h1_method req_method,
		       enum outcome *ret_outcome)
{
	head->framing = H1_BODY_UNTIL_CLOSE;
	int rc = decide_body(head, seen, ret_outcome);
	if (rc == 0)
		rc = decide_connection(head, seen, ret_outcome);
	if (rc < 0)
		return rc;
	if (req_method == H1_HEAD || status_has_no_body(head->status))
		head->framing = H1_BODY_NONE;
	if (head->framing == H1_BODY_UNTIL_CLOSE)
		head->is_keep_alive = false;
	if (head->status != 101)
		head->has_upgrade = false;
	return 0;
}
