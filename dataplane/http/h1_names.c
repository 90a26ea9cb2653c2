/* SPDX-License-Identifier: BSD-3-Clause */

#include "http/h1_priv.h"

struct name_rule {
	const char *lower;
	uint8_t len;
	bool is_prefix;
};

#define EXACT(s)                                                                                   \
	{                                                                                          \
		s, sizeof(s) - 1, false                                                            \
	}
#define PREFIX(s)                                                                                  \
	{                                                                                          \
		s, sizeof(s) - 1, true                                                             \
	}

/*
 * Fields from which a server might learn who the client is or what it asked for. The framing
 * names are here for their spelling with '_', which a CGI-like server reads as the real one; the
 * real ones are dealt with before this list is asked.
 */
static const struct name_rule identity_names[] = {
	EXACT("client-cert"),
	EXACT("client-cert-chain"), /* RFC 9440 */
	EXACT("content-length"),
	EXACT("forwarded"), /* RFC 7239 */
	EXACT("proxy"),     /* becomes HTTP_PROXY in a CGI's environment */
	PREFIX("remote-"),
	PREFIX("ssl-client"),
	EXACT("transfer-encoding"),
	EXACT("true-client-ip"),
	EXACT("x-arr-clientcert"),
	EXACT("x-amzn-mtls-clientcert"),
	PREFIX("x-client-cert"),
	PREFIX("x-client-dn"),
	PREFIX("x-client-ip"),
	PREFIX("x-client-serial"),
	PREFIX("x-client-verify"),
	EXACT("x-cluster-client-ip"),
	PREFIX("x-forwarded"),
	PREFIX("x-original-"),
	EXACT("x-real-ip"),
	PREFIX("x-remote-"),
	EXACT("x-request-id"),
	PREFIX("x-rewrite-"),
	PREFIX("x-ssl"),
	PREFIX("x-tagwarden"),
};

static const struct name_rule protected_names[] = {
	PREFIX("accept"),
	EXACT("age"),
	EXACT("authorization"),
	EXACT("cache-control"),
	PREFIX("content-"),
	EXACT("cookie"),
	EXACT("date"),
	EXACT("expect"),
	EXACT("host"),
	PREFIX("if-"),
	EXACT("location"),
	EXACT("origin"),
	EXACT("range"),
	EXACT("referer"),
	PREFIX("sec-"),
	EXACT("set-cookie"),
	EXACT("transfer-encoding"),
	EXACT("user-agent"),
	EXACT("vary"),
	EXACT("www-authenticate"),
	PREFIX("x-"),
};

static uint8_t fold(uint8_t b)
{
	return b == '_' ? '-' : h1_lower(b);
}

static bool is_match(const struct name_rule *r, struct slice name)
{
	if (name.len < r->len || (!r->is_prefix && name.len != r->len))
		return false;
	for (size_t i = 0; i < r->len; i++) {
		if (fold(name.ptr[i]) != (uint8_t)r->lower[i])
			return false;
	}
	return true;
}

static bool is_listed(const struct name_rule *rules, size_t nb_rules, struct slice name)
{
	for (size_t i = 0; i < nb_rules; i++) {
		if (is_match(&rules[i], name))
			return true;
	}
	return false;
}

#define NB(a) (sizeof(a) / sizeof((a)[0]))

bool h1_name_is_identity(struct slice name)
{
	/* Asked of every field that is forwarded: most names are out by their first letter. */
	if (name.len == 0 || strchr("cfprstx", h1_lower(name.ptr[0])) == NULL)
		return false;
	return is_listed(identity_names, NB(identity_names), name);
}

bool h1_name_is_protected(struct slice name)
{
	return is_listed(protected_names, NB(protected_names), name) || h1_name_is_identity(name);
}

bool h1_name_is_hop_by_hop(struct slice name)
{
	switch (name.len) {
	case 2:
		return H1_NAME_IS(name, "te");
	case 7:
		return H1_NAME_IS(name, "trailer") || H1_NAME_IS(name, "upgrade");
	case 10:
		return H1_NAME_IS(name, "connection") || H1_NAME_IS(name, "keep-alive");
	case 14:
		return H1_NAME_IS(name, "http2-settings");
	case 16:
		return H1_NAME_IS(name, "proxy-connection");
	case 17:
		return H1_NAME_IS(name, "transfer-encoding");
	case 18:
		return H1_NAME_IS(name, "proxy-authenticate");
	case 19:
		return H1_NAME_IS(name, "proxy-authorization");
	default:
		return false;
	}
}
