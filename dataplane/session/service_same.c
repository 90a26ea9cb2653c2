/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Is what TLS is made from the same in two configurations? Making it anew takes milliseconds, in
 * which no packet is forwarded, and withdraws every ticket; most changes are of policies.
 *
 * Everything that service.c reads for it is compared, byte by byte, private keys aside: a
 * certificate has one, and the control plane checks that they belong together.
 */

#include "session/session_priv.h"

static bool is_same_str(const struct snap_view *a, struct snap_str x, const struct snap_view *b,
			struct snap_str y)
{
	return slice_is_equal(snap_str(a, x), snap_str(b, y));
}

static bool is_same_strs(const struct snap_view *a, struct snap_arr x, const struct snap_view *b,
			 struct snap_arr y)
{
	const struct snap_str *s = snap_arr(a, x), *t = snap_arr(b, y);

	if (x.count != y.count)
		return false;
	for (uint32_t i = 0; i < x.count; i++)
		if (!is_same_str(a, s[i], b, t[i]))
			return false;
	return true;
}

/* Certificates at index <i> of <a> and <k> of <b>. */
static bool is_same_cert(const struct snap_view *a, uint32_t i, const struct snap_view *b,
			 uint32_t k)
{
	const struct snap_certificate *x = snap_arr(a, a->config->certificates);
	const struct snap_certificate *y = snap_arr(b, b->config->certificates);

	if (i == SNAP_NONE || k == SNAP_NONE)
		return i == k;
	return is_same_strs(a, x[i].chain, b, y[k].chain);
}

/* Whom to trust, and for which EMS. */
static bool is_same_trust(const struct snap_view *a, const struct snap_view *b)
{
	const struct snap_ems *x = snap_arr(a, a->config->ems), *y = snap_arr(b, b->config->ems);

	if (a->config->ems.count != b->config->ems.count)
		return false;
	for (uint32_t i = 0; i < a->config->ems.count; i++)
		if (x[i].id != y[i].id ||
		    !is_same_str(a, x[i].serial_number, b, y[i].serial_number) ||
		    !is_same_strs(a, x[i].ca, b, y[i].ca))
			return false;
	return true;
}

static bool is_same_names(const struct snap_view *a, const struct snap_access_proxy *p,
			  const struct snap_view *b, const struct snap_access_proxy *q)
{
	const struct snap_vhost *x = snap_arr(a, a->config->vhosts);
	const struct snap_vhost *y = snap_arr(b, b->config->vhosts);
	const uint32_t *i = snap_arr(a, p->vhosts), *k = snap_arr(b, q->vhosts);

	if (p->vhosts.count != q->vhosts.count)
		return false;
	for (uint32_t n = 0; n < p->vhosts.count; n++) {
		const struct snap_vhost *v = &x[i[n]], *w = &y[k[n]];

		if (v->host_type != w->host_type || !is_same_str(a, v->host, b, w->host) ||
		    !is_same_cert(a, v->certificate, b, w->certificate))
			return false;
	}
	return true;
}

bool service_is_same_front(const struct snap_view *a, const struct snap_access_proxy *p,
			   const struct snap_view *b, const struct snap_access_proxy *q)
{
	return is_same_str(a, p->name, b, q->name) && p->client_cert == q->client_cert &&
	       p->empty_cert_action == q->empty_cert_action &&
	       is_same_cert(a, p->certificate, b, q->certificate) && is_same_names(a, p, b, q) &&
	       is_same_trust(a, b);
}

bool service_is_same_back(const struct snap_view *a, const struct snap_access_proxy *p,
			  const struct snap_view *b, const struct snap_access_proxy *q)
{
	const struct snap_gateway *x = snap_arr(a, p->gateways), *y = snap_arr(b, q->gateways);

	if (p->gateways.count != q->gateways.count)
		return false;
	for (uint32_t i = 0; i < p->gateways.count; i++)
		if (x[i].service != y[i].service || x[i].verify_cert != y[i].verify_cert ||
		    !is_same_strs(a, x[i].server_ca, b, y[i].server_ca))
			return false;
	return true;
}

bool service_is_same_patterns(const struct snap_view *a, const struct snap_access_proxy *p,
			      const struct snap_view *b, const struct snap_access_proxy *q)
{
	return is_same_str(a, p->patterns, b, q->patterns);
}
