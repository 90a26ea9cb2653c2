/* SPDX-License-Identifier: BSD-3-Clause */

/* TLS of the API's port: OpenSSL, TLS 1.2 at least, no resumption, no renegotiation. */

#pragma once

#include "config/config.h"
#include "rest/auth.h"

#include <openssl/ssl.h>

/* The context that <cfg>'s api.tls asks for. NULL: OpenSSL does not take it, told in the log. */
SSL_CTX *tls_ctx_new(const struct config *cfg);
/*
 * What the peer showed in its handshake, into <cred>. A certificate that is not a client's (RFC
 * 5280 4.2.1.12 clientAuth must be there, a CA is none) counts as none.
 */
void tls_take_peer(SSL *ssl, struct auth_cred *cred);
