/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Access proxies as the snapshot's configuration has them: a TLS service each, the pattern
 * database, and the listeners. When the configuration changes, what it says otherwise than before
 * is made anew and the rest goes on (service_same.c); live TLS connections keep what they were made
 * with, requests go by the new.
 */

#include "session/session_priv.h"

#include <hs_runtime.h>

#include <errno.h>
#include <stdlib.h>

#define MAX_CERTS 64u
#define MAX_CAS 64u
#define MAX_CHAIN 8u
#define VERIFY_DEPTH 5u

/* Everything that tls_service_new() wants, gathered from the snapshot. */
struct tls_wants {
	struct session_worker *sw;
	const struct snap_access_proxy *ap;
	struct tls_cert cert[MAX_CERTS];
	struct slice chain[MAX_CERTS][MAX_CHAIN];
	uint32_t config_cert[MAX_CERTS]; /* index in the configuration */
	uint32_t nb_certs;
	struct tls_ca ca[MAX_CAS];
	uint32_t nb_cas;
};

static bool is_revoked(void *user, uint8_t ems, const struct cert_serial *serial)
{
	const struct service_names *names = user;

	return snap_is_revoked(&names->sw->view, ems, serial);
}

/* The certificate at config index <idx>, once; returns its place in <w>. */
static int want_cert(struct tls_wants *w, uint32_t idx)
{
	const struct snap_view *v = &w->sw->view;
	const struct snap_certificate *sc = snap_arr(v, v->config->certificates);

	for (uint32_t i = 0; i < w->nb_certs; i++)
		if (w->config_cert[i] == idx)
			return (int)i;
	if (w->nb_certs == MAX_CERTS || sc[idx].chain.count > MAX_CHAIN)
		return -E2BIG;

	const struct secrets_key *key = &w->sw->p.shm->secrets->key[sc[idx].key_slot];
	const struct snap_str *der = snap_arr(v, sc[idx].chain);
	const uint32_t n = w->nb_certs++;

	if (key->len > SECRETS_DER_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < sc[idx].chain.count; i++)
		w->chain[n][i] = snap_str(v, der[i]);
	w->cert[n] = (struct tls_cert){
		.chain = w->chain[n],
		.nb_chain = sc[idx].chain.count,
		.key = slice_of(key->der, key->len),
	};
	w->config_cert[n] = idx;
	return (int)n;
}

static void want_cas(struct tls_wants *w)
{
	const struct snap_view *v = &w->sw->view;
	const struct snap_ems *ems = snap_arr(v, v->config->ems);

	for (uint32_t i = 0; i < v->config->ems.count; i++) {
		const struct snap_str *der = snap_arr(v, ems[i].ca);

		for (uint32_t j = 0; j < ems[i].ca.count && w->nb_cas < MAX_CAS; j++)
			w->ca[w->nb_cas++] = (struct tls_ca){
				.der = snap_str(v, der[j]),
				.ems = (uint8_t)i,
				.issuer_cn = snap_str(v, ems[i].serial_number),
			};
	}
}

/* SNI to certificate: that of the first virtual host which matches, else the default. */
static int pick_cert(void *user, struct slice sni)
{
	const struct service_names *names = user;

	for (uint32_t i = 0; i < names->nb; i++)
		if (route_host_matches(names->name[i].host_type,
				       slice_of(names->name[i].host, names->name[i].host_len), sni))
			return (int)names->name[i].cert;
	return 0;
}

static int want_vhosts(struct tls_wants *w, struct service_names *names)
{
	const struct snap_view *v = &w->sw->view;
	const struct snap_vhost *vhost = snap_arr(v, v->config->vhosts);
	const uint32_t *idx = snap_arr(v, w->ap->vhosts);

	for (uint32_t i = 0; i < w->ap->vhosts.count && names->nb < SESSION_MAX_NAMES; i++) {
		const struct snap_vhost *vh = &vhost[idx[i]];
		const uint32_t ci =
			vh->certificate == SNAP_NONE ? w->ap->certificate : vh->certificate;
		const int n = want_cert(w, ci);

		if (n < 0)
			return n;
		if (vh->host.len > SESSION_NAME_MAX)
			return -E2BIG;

		struct service_name *name = &names->name[names->nb++];

		name->host_type = vh->host_type;
		name->cert = (uint32_t)n;
		name->host_len = (uint8_t)vh->host.len;
		memcpy(name->host, snap_str(v, vh->host).ptr, vh->host.len);
	}
	return 0;
}

/* What a ticket is good for: this service, trusting what it trusts now. */
static size_t make_binding(const struct session_worker *sw, struct slice name, uint8_t ret[80])
{
	const uint64_t gen = sw->view.root->config_generation;
	const uint64_t instance = sw->p.shm->secrets->instance;
	const size_t n = name.len < 64 ? name.len : 64;

	memcpy(ret, &gen, 8);
	memcpy(ret + 8, &instance, 8);
	memcpy(ret + 16, name.ptr, n);
	return 16 + n;
}

static int make_tls(struct session_worker *sw, struct service *svc,
		    const struct snap_access_proxy *ap)
{
	struct tls_wants *w = calloc(1, sizeof(*w));
	struct service_names *names = calloc(1, sizeof(*names));
	uint8_t binding[80];
	const char *why;
	int rc = -ENOMEM;

	svc->names = names;
	if (w == NULL || names == NULL)
		goto free_wants;
	names->refs = 1;
	names->sw = sw;
	w->sw = sw;
	w->ap = ap;
	rc = want_cert(w, ap->certificate);
	if (rc < 0)
		goto free_wants;
	rc = want_vhosts(w, names);
	if (rc < 0)
		goto free_wants;
	want_cas(w);

	const size_t len = make_binding(sw, snap_str(&sw->view, ap->name), binding);
	const struct tls_service_params params = {
		.certs = w->cert,
		.nb_certs = w->nb_certs,
		.pick_cert = pick_cert,
		.user = names,
		.client_cert = !ap->client_cert ? TLS_CLIENT_CERT_NONE
			       : ap->empty_cert_action == SNAP_EMPTY_BLOCK
				       ? TLS_CLIENT_CERT_REQUIRED
				       : TLS_CLIENT_CERT_OPTIONAL,
		.cas = w->ca,
		.nb_cas = w->nb_cas,
		.is_revoked = is_revoked,
		.binding = slice_of(binding, len),
		.verify_depth = VERIFY_DEPTH,
	};
	rc = tls_service_new(sw->tls, &params, &svc->tls, &why);

free_wants:
	free(w);
	return rc;
}

static int make_gateway_tls(struct session_worker *sw, struct service *svc,
			    const struct snap_access_proxy *ap)
{
	const struct snap_view *v = &sw->view;
	const struct snap_gateway *gw = snap_arr(v, ap->gateways);
	struct slice ca[MAX_CAS];

	svc->nb_gateways = ap->gateways.count;
	svc->gateway_tls = calloc(svc->nb_gateways + 1, sizeof(*svc->gateway_tls));
	if (svc->gateway_tls == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < svc->nb_gateways; i++) {
		const struct snap_str *der = snap_arr(v, gw[i].server_ca);
		uint32_t nb = 0;

		if (gw[i].service != SNAP_GW_HTTPS)
			continue;
		/* Verification asked for, but no CA to verify by: nothing may pass. */
		if (gw[i].verify_cert && gw[i].server_ca.count == 0)
			return -EINVAL;
		for (; gw[i].verify_cert && nb < gw[i].server_ca.count && nb < MAX_CAS; nb++)
			ca[nb] = snap_str(v, der[nb]);

		const int rc = tls_client_service_new(sw->tls, ca, nb, &svc->gateway_tls[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int make_patterns(struct session_worker *sw, struct service *svc,
			 const struct snap_access_proxy *ap)
{
	const struct slice db = snap_str(&sw->view, ap->patterns);

	if (db.len == 0)
		return 0;
	if (hs_deserialize_database((const char *)db.ptr, db.len, &svc->patterns) != HS_SUCCESS)
		return -EINVAL;
	return hs_alloc_scratch(svc->patterns, &sw->scratch) == HS_SUCCESS ? 0 : -ENOMEM;
}

void service_names_unref(struct service_names **names)
{
	if (*names != NULL && --(*names)->refs == 0)
		free(*names);
	*names = NULL;
}

static void service_fini(struct service *svc)
{
	tls_service_free(svc->tls);
	for (uint32_t i = 0; svc->gateway_tls != NULL && i < svc->nb_gateways; i++)
		tls_service_free(svc->gateway_tls[i]);
	free(svc->gateway_tls);
	hs_free_database(svc->patterns);
	service_names_unref(&svc->names);
}

/* The access proxy of that name in the configuration before, and its service. */
static struct service *find_before(struct session_worker *sw, const struct snap_view *before,
				   struct slice name, const struct snap_access_proxy **ret_ap)
{
	const struct snap_access_proxy *ap;

	if (before == NULL)
		return NULL;
	ap = snap_arr(before, before->config->proxies);
	for (uint32_t i = 0; i < sw->nb_services && i < before->config->proxies.count; i++) {
		if (slice_is_equal(snap_str(before, ap[i].name), name)) {
			*ret_ap = &ap[i];
			return &sw->services[i];
		}
	}
	return NULL;
}

static void take_front(struct service *svc, struct service *old)
{
	svc->tls = old->tls;
	svc->names = old->names;
	old->tls = NULL;
	old->names = NULL;
}

static void take_back(struct service *svc, struct service *old)
{
	svc->gateway_tls = old->gateway_tls;
	svc->nb_gateways = old->nb_gateways;
	old->gateway_tls = NULL;
	old->nb_gateways = 0;
}

static int service_init(struct session_worker *sw, struct service *svc, uint32_t proxy,
			const struct snap_view *before)
{
	const struct snap_view *v = &sw->view;
	const struct snap_access_proxy *ap =
		(const struct snap_access_proxy *)snap_arr(v, v->config->proxies) + proxy;
	const struct snap_access_proxy *was = NULL;
	struct service *old = find_before(sw, before, snap_str(v, ap->name), &was);
	int rc = 0;

	svc->proxy = proxy;
	/* What could not be made then is tried again: it is no longer, or not yet, there. */
	if (old != NULL && old->tls != NULL && service_is_same_front(before, was, v, ap))
		take_front(svc, old);
	else
		rc = make_tls(sw, svc, ap);
	if (rc < 0)
		return rc;
	if (old != NULL && old->gateway_tls != NULL && old->nb_gateways == ap->gateways.count &&
	    old->is_whole && service_is_same_back(before, was, v, ap))
		take_back(svc, old);
	else
		rc = make_gateway_tls(sw, svc, ap);
	if (rc < 0)
		return rc;
	if (old != NULL && old->patterns != NULL && service_is_same_patterns(before, was, v, ap)) {
		svc->patterns = old->patterns;
		old->patterns = NULL;
	} else {
		rc = make_patterns(sw, svc, ap);
	}
	svc->is_whole = rc == 0;
	return rc;
}

/* The listener of <ap>, made when there is none yet. NULL: no room. */
static struct listener *listener_get(struct session_worker *sw, const struct snap_access_proxy *ap)
{
	struct listener *unused = NULL;

	for (uint32_t i = 0; i < SESSION_MAX_PROXIES; i++) {
		struct listener *l = &sw->listener[i];

		if (l->is_used && l->port == ap->port &&
		    ip_addr_is_equal(&l->address, &ap->address))
			return l;
		if (!l->is_used && unused == NULL)
			unused = l;
	}
	if (unused == NULL)
		return NULL;
	*unused = (struct listener){.address = ap->address, .port = ap->port, .is_used = true};
	return unused;
}

/*
 * Sessions of a listener whose access proxy is gone are found by the sweep, which a new
 * configuration always causes; the listener's place is kept for them.
 */
static void retire_listeners(struct session_worker *sw)
{
	for (uint32_t i = 0; i < SESSION_MAX_PROXIES; i++) {
		struct listener *l = &sw->listener[i];

		if (l->is_seen)
			continue;
		if (l->is_listening)
			(void)tcp_unlisten(sw->p.tcp, &l->address, l->port);
		l->is_listening = false;
		l->service = NULL;
	}
}

static int make_services(struct session_worker *sw, struct service *services, uint32_t nb,
			 const struct snap_view *before)
{
	const struct snap_access_proxy *ap = snap_arr(&sw->view, sw->view.config->proxies);
	int rc = 0;

	for (uint32_t i = 0; i < SESSION_MAX_PROXIES; i++)
		sw->listener[i].is_seen = false;
	for (uint32_t i = 0; i < nb; i++) {
		int err = service_init(sw, &services[i], i, before);
		struct listener *l = err == 0 ? listener_get(sw, &ap[i]) : NULL;

		if (err == 0 && l == NULL)
			err = -ENOSPC;
		if (err == 0 && !l->is_listening)
			err = tcp_listen(sw->p.tcp, &l->address, l->port, l);
		if (err < 0 || l == NULL) {
			/* This one is closed rather than half open; the others serve. */
			rc = err;
			session_count(sw, OUTCOME_BUG);
			continue;
		}
		l->is_listening = true;
		l->is_seen = true;
		l->service = &services[i];
	}
	return rc;
}

static void free_services(struct service *services, uint32_t nb)
{
	for (uint32_t i = 0; i < nb; i++)
		service_fini(&services[i]);
	free(services);
}

int service_adopt(struct session_worker *sw, const struct snap_view *view,
		  const struct snap_view *before)
{
	uint32_t nb = view->config->proxies.count;
	uint32_t *rr = calloc(view->config->nb_health + 1, sizeof(*rr));
	struct service *services = calloc(nb + 1, sizeof(*services));
	int rc = -ENOMEM;

	upstream_flush(sw->upstream, sw->now_us);
	/* Old services with the new tables would decide for the wrong proxy: then rather none. */
	if (services == NULL || rr == NULL)
		nb = 0;
	else
		rc = make_services(sw, services, nb, before);
	if (nb == 0)
		for (uint32_t i = 0; i < SESSION_MAX_PROXIES; i++)
			sw->listener[i].is_seen = false;
	retire_listeners(sw);
	free_services(sw->services, sw->nb_services);
	free(sw->round_robin);
	sw->round_robin = rr;
	sw->services = services;
	sw->nb_services = nb;
	return nb == 0 && view->config->proxies.count == 0 ? 0 : rc;
}

void service_free_all(struct session_worker *sw)
{
	free_services(sw->services, sw->nb_services);
	sw->services = NULL;
	sw->nb_services = 0;
	hs_free_scratch(sw->scratch);
}
