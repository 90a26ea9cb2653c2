/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The administrator's side: a small REST on the unix socket DIR/emsim.sock, which the command line
 * is a client of. What one request changes is notified once, when it ends.
 *
 *	GET    /devices[?limit=N]      POST /devices            {uid?,hostname,ip,user,tags,cert}
 *	GET    /devices/UID            POST /devices/UID        {online,quarantined,...,hostname}
 *	DELETE /devices/UID            POST /devices/UID/tags   {add:[],remove:[]}
 *	                               POST /devices/UID/revoke, /deregister, /cert {cert},
 *	                               /vpn-reject {reject}
 *	GET    /synth/I                POST /synth              {count,tags_per_device,seed}
 *	GET    /faults                 POST /faults             {name,count,entry}
 *	GET    /stats                  POST /notify             {topic}
 *	                               POST /renew-cert
 *	GET    /gateways
 *	GET    /churn                  POST /churn              {rate,seconds,seed,notify_ms}
 *	GET    /digest                 POST /hostile            {kind}
 */
#include "emsim/sim.h"

#include <jansson.h>
#include <openssl/rand.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	LIST_DEFAULT = 1000
};

struct admin_call {
	struct sim *sim;
	const struct http_req *rq;
	json_t *in; /* the body, an object */
	struct buf out;
	unsigned status;
	const char *rest; /* of the path, behind the route's prefix */
	struct dev *d;
	const char *verb; /* behind the UID: "tags", "revoke", ... or "" */
};

static void fail(struct admin_call *ac, unsigned status, const char *message)
{
	ac->status = status;
	buf_reset(&ac->out);
	buf_str(&ac->out, "{\"error\":");
	buf_json(&ac->out, message);
	buf_str(&ac->out, "}");
}

static const char *text_of(const struct admin_call *ac, const char *key)
{
	return json_string_value(json_object_get(ac->in, key));
}

static void reply_dev(struct admin_call *ac)
{
	struct sim *sim = ac->sim;
	char path[600], uid[33];

	state_dev_json(sim, ac->d, &ac->out);
	uid_format(ac->d->uid, uid);
	ac->out.len--; /* the closing brace: two more fields follow */
	snprintf(path, sizeof(path), "%s/devices/%s.pem", sim->dir, uid);
	buf_str(&ac->out, ",\"certificate\":");
	buf_json(&ac->out, path);
	snprintf(path, sizeof(path), "%s/devices/%s.key", sim->dir, uid);
	buf_str(&ac->out, ",\"key\":");
	buf_json(&ac->out, path);
	buf_str(&ac->out, "}");
}

/* Put on or take off each tag of the list; the number changed, or -EINVAL for a bad name. */
static int change_tags(struct admin_call *ac, const char *key, bool is_add)
{
	struct store *st = &ac->sim->store;
	json_t *item;
	int nb = 0;
	size_t i;

	json_array_foreach(json_object_get(ac->in, key), i, item)
	{
		int tag = json_is_string(item) ? store_tag(st, json_string_value(item)) : -EINVAL;

		if (tag < 0)
			return tag;
		nb += store_dev_tag(st, ac->d, (uint32_t)tag, is_add);
	}
	return nb;
}

static int issue_cert(struct admin_call *ac)
{
	const char *name = text_of(ac, "cert");
	int kind = dev_cert_kind_parse(name != NULL ? name : "good");

	if (kind < 0)
		return -EINVAL;
	return pki_make_device(&ac->sim->pki, ac->d->uid, (enum dev_cert_kind)kind, ac->d->serial);
}

/* Host name, user, address and the on/off fields of a device, as far as the body has them. */
static int apply_fields(struct admin_call *ac)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} flags[] = {
		{"online", DEV_F_ONLINE},
		{"quarantined", DEV_F_QUARANTINED},
		{"registered", DEV_F_REGISTERED},
		{"onnet", DEV_F_ONNET},
	};
	const char *host = text_of(ac, "hostname"), *user = text_of(ac, "user");
	const char *ip_text = text_of(ac, "ip"), *serial = text_of(ac, "client_cert_sn");
	const char *avatar = text_of(ac, "avatar"), *mac = text_of(ac, "gateway_mac");
	struct dev *d = ac->d;
	uint64_t version;
	uint32_t ip;

	if (avatar != NULL && parse_u64(avatar, &version) < 0)
		return -EINVAL;
	if (avatar != NULL)
		store_dev_extra(d)->avatar = (uint32_t)version;
	if (mac != NULL)
		copy_str(store_dev_extra(d)->gateway_mac, sizeof(d->extra->gateway_mac), mac);
	if (ip_text != NULL && ip_parse(ip_text, &ip) < 0)
		return -EINVAL;
	if (serial != NULL && parse_hex(serial, d->serial, SERIAL_LEN) < 0)
		return -EINVAL;
	if (host != NULL)
		copy_str(store_dev_extra(d)->hostname, sizeof(d->extra->hostname), host);
	if (user != NULL)
		copy_str(store_dev_extra(d)->user, sizeof(d->extra->user), user);
	if (ip_text != NULL)
		store_dev_set_ip(&ac->sim->store, d, ip);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		json_t *v = json_object_get(ac->in, flags[i].name);

		if (json_is_true(v))
			d->flags |= flags[i].bit;
		else if (json_is_false(v))
			d->flags &= ~flags[i].bit;
	}
	return 0;
}

static void changed(struct admin_call *ac, uint32_t topics)
{
	if ((topics & TOPIC_SYSINFO) != 0)
		store_touch_sys(&ac->sim->store, ac->d);
	if ((topics & TOPIC_TAGS) != 0)
		store_touch_tags(&ac->sim->store, ac->d);
	ac->sim->pending_topics |= topics;
}

static void do_add(struct admin_call *ac)
{
	struct store *st = &ac->sim->store;
	const char *uid_text = text_of(ac, "uid");
	uint8_t uid[UID_LEN];

	if (uid_text != NULL && parse_hex(uid_text, uid, UID_LEN) < 0) {
		fail(ac, 400, "uid is not 32 hex digits");
		return;
	}
	if (uid_text == NULL && RAND_bytes(uid, UID_LEN) != 1) {
		fail(ac, 500, "no randomness");
		return;
	}
	ac->d = store_find(st, uid);
	if (ac->d != NULL && (ac->d->flags & DEV_F_DELETED) == 0) {
		fail(ac, 409, "that uid is there already");
		return;
	}
	if (ac->d == NULL)
		ac->d = store_add(st, uid);
	ac->d->flags = DEV_F_REGISTERED | DEV_F_ONLINE | DEV_F_ONNET;
	/* Somewhere in 192.0.2.0/24 unless told where, so that address lists are not empty. */
	if (ac->d->ip == 0)
		ac->d->ip = 0xc0000201u + ac->d->idx % 250;
	if (apply_fields(ac) < 0 || change_tags(ac, "tags", true) < 0) {
		ac->d->flags |= DEV_F_DELETED;
		fail(ac, 400, "a field is wrong");
		return;
	}
	if (issue_cert(ac) < 0) {
		ac->d->flags |= DEV_F_DELETED;
		fail(ac, 400, "cannot make that kind of certificate");
		return;
	}
	changed(ac, TOPIC_SYSINFO | TOPIC_TAGS);
	reply_dev(ac);
}

static void do_list(struct admin_call *ac)
{
	const struct store *st = &ac->sim->store;
	uint64_t limit = LIST_DEFAULT, shown = 0;
	char text[24];

	if (http_query(ac->rq->query, "limit", 0, text, sizeof(text)) &&
	    parse_u64(text, &limit) < 0) {
		fail(ac, 400, "limit is not a number");
		return;
	}
	buf_printf(&ac->out, "{\"total\":%zu,\"devices\":[", st->nb_devs);
	/* The newest first: those that somebody added lie behind the synthetic ones. */
	for (size_t i = st->nb_devs; i > 0 && shown < limit; i--) {
		if (shown++ > 0)
			buf_str(&ac->out, ",");
		state_dev_json(ac->sim, &st->devs[i - 1], &ac->out);
	}
	buf_str(&ac->out, "]}");
}

static void do_tags(struct admin_call *ac)
{
	int added = change_tags(ac, "add", true);
	int removed = added < 0 ? added : change_tags(ac, "remove", false);

	if (removed < 0) {
		fail(ac, 400, "a tag name is wrong");
		return;
	}
	if (added + removed > 0)
		changed(ac, TOPIC_TAGS);
	reply_dev(ac);
}

static void do_set(struct admin_call *ac)
{
	if (apply_fields(ac) < 0) {
		fail(ac, 400, "a field is wrong");
		return;
	}
	/* A new address is news for the tags' address lists too. */
	changed(ac, TOPIC_SYSINFO | (text_of(ac, "ip") != NULL ? TOPIC_TAGS : 0));
	if (text_of(ac, "avatar") != NULL)
		ac->sim->pending_topics |= TOPIC_AVATAR;
	reply_dev(ac);
}

static void do_revoke(struct admin_call *ac)
{
	store_dev_revoke(&ac->sim->store, ac->d);
	changed(ac, TOPIC_SYSINFO | TOPIC_ZTNA_CA);
	reply_dev(ac);
}

/* Leaving EMS revokes the certificate as well. */
static void do_deregister(struct admin_call *ac)
{
	ac->d->flags &= ~(uint32_t)(DEV_F_REGISTERED | DEV_F_ONLINE);
	do_revoke(ac);
}

static void do_vpn_reject(struct admin_call *ac)
{
	if (json_is_false(json_object_get(ac->in, "reject")))
		ac->d->flags &= ~(uint32_t)DEV_F_VPN_REJECTED;
	else
		ac->d->flags |= DEV_F_VPN_REJECTED;
	ac->d->flags |= DEV_F_TOUCHED;
	ac->sim->store.is_dirty = true;
	reply_dev(ac);
}

static void do_delete(struct admin_call *ac)
{
	store_dev_revoke(&ac->sim->store, ac->d);
	store_dev_untag_all(&ac->sim->store, ac->d);
	ac->d->flags |= DEV_F_DELETED;
	ac->d->flags &= ~(uint32_t)(DEV_F_REGISTERED | DEV_F_ONLINE);
	changed(ac, TOPIC_SYSINFO | TOPIC_TAGS | TOPIC_ZTNA_CA);
	reply_dev(ac);
}

static void do_cert(struct admin_call *ac)
{
	if (issue_cert(ac) < 0) {
		fail(ac, 400, "cannot make that kind of certificate");
		return;
	}
	changed(ac, TOPIC_SYSINFO);
	reply_dev(ac);
}

static uint64_t number_of(const struct admin_call *ac, const char *key, uint64_t otherwise)
{
	json_t *v = json_object_get(ac->in, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v)
								: otherwise;
}

/* The fleet grows to <count>: a second call adds what the first one lacks. */
static void do_synth(struct admin_call *ac)
{
	struct sim *sim = ac->sim;
	struct synth_params p = {
		.nb = number_of(ac, "count", 0),
		.seed = number_of(ac, "seed", SYNTH_DEFAULT_SEED),
		.tags_per_device = (uint32_t)number_of(ac, "tags_per_device", 3),
	};

	for (size_t i = 0; i < sim->nb_batches; i++)
		if (sim->batches[i].seed == p.seed && sim->batches[i].nb > p.from)
			p.from = sim->batches[i].nb;
	if (p.nb > SYNTH_MAX || sim->nb_batches == BATCH_MAX || p.tags_per_device > 32) {
		fail(ac, 400, "too many");
		return;
	}
	if (p.nb > p.from) {
		p.base_time = store_tick(&sim->store);
		sim->batches[sim->nb_batches++] = p;
		synth_fill(&sim->store, &p);
		sim->store.is_dirty = true;
		sim->pending_topics |= TOPIC_SYSINFO | TOPIC_TAGS;
	}
	buf_printf(&ac->out, "{\"added\":%llu,\"total\":%zu}",
		   (unsigned long long)(p.nb > p.from ? p.nb - p.from : 0), sim->store.nb_devs);
}

static void do_synth_uid(struct admin_call *ac)
{
	uint64_t i, seed = SYNTH_DEFAULT_SEED;
	uint8_t uid[UID_LEN];
	char text[33];

	if (http_query(ac->rq->query, "seed", 0, text, sizeof(text)) &&
	    parse_u64(text, &seed) < 0) {
		fail(ac, 400, "seed is not a number");
		return;
	}
	if (parse_u64(ac->rest, &i) < 0) {
		fail(ac, 400, "index is not a number");
		return;
	}
	synth_uid(seed, i, uid);
	uid_format(uid, text);
	buf_printf(&ac->out, "{\"uid\":\"%s\"}", text);
}

static void do_faults(struct admin_call *ac)
{
	fault_list_json(&ac->sim->faults, &ac->out);
}

static void do_fault(struct admin_call *ac)
{
	struct sim *sim = ac->sim;
	const char *name = text_of(ac, "name");
	json_t *count = json_object_get(ac->in, "count");
	int64_t n = json_is_integer(count) ? json_integer_value(count) : FAULT_FOREVER;

	if (name == NULL || fault_set(&sim->faults, name, text_of(ac, "entry"), n) < 0) {
		fail(ac, 404, "no such fault or entry");
		return;
	}
	if (strcmp(name, "expired-cert") == 0 || strcmp(name, "wrong-cn") == 0)
		conn_drop_idle(sim);
	/* An act rather than a state: what is connected now is cut, and it is over. */
	if (strcmp(name, "ws-drop") == 0 && n != 0) {
		ws_drop_all(sim);
		sim->faults.hits[FAULT_WS_DROP]++;
		(void)fault_set(&sim->faults, name, NULL, 0);
	}
	do_faults(ac);
}

static void do_stats(struct admin_call *ac)
{
	const struct sim *sim = ac->sim;
	const struct sim_stats *s = &sim->stats;

	buf_str(&ac->out, "{\"requests\":{");
	for (int e = 0; e < ENTRY__COUNT; e++)
		buf_printf(&ac->out, "%s\"%s\":%llu", e > 0 ? "," : "", entry_name((enum entry)e),
			   (unsigned long long)s->requests[e]);
	buf_printf(&ac->out,
		   "},\"ws_clients\":%u,\"ws_opened\":%llu,\"notifications\":%llu,"
		   "\"connections\":%llu,\"handshake_failures\":%llu,\"devices\":%zu,"
		   "\"tags\":%zu,\"admin_requests\":%llu}",
		   ws_count(sim), (unsigned long long)s->ws_opened,
		   (unsigned long long)s->notifications, (unsigned long long)s->conns,
		   (unsigned long long)s->handshake_failures, sim->store.nb_devs,
		   sim->store.nb_tags, (unsigned long long)s->admin_requests);
}

static void do_hostile(struct admin_call *ac)
{
	const char *name = text_of(ac, "kind");
	const int kind = name != NULL ? hostile_parse(name) : -ENOENT;

	if (kind < 0) {
		fail(ac, 404, "no such kind");
		return;
	}
	ac->sim->hostile = (enum hostile)kind;
	/* So that gateways ask, and hear something else again. */
	ac->sim->pending_topics |= TOPIC_SYSINFO | TOPIC_TAGS;
	buf_printf(&ac->out, "{\"kind\":\"%s\"}", name);
}

static void do_churn(struct admin_call *ac)
{
	struct sim *sim = ac->sim;
	struct churn ch = {
		.rate = number_of(ac, "rate", 0),
		.seed = number_of(ac, "seed", SYNTH_DEFAULT_SEED),
		.notify_ms = number_of(ac, "notify_ms", CHURN_NOTIFY_MS),
		.total = sim->churn.total,
	};

	ch.wanted = ch.rate * number_of(ac, "seconds", 0);
	if (churn_is_active(&sim->churn)) {
		fail(ac, 409, "one is under way");
		return;
	}
	if (churn_begin(&ch, &sim->store, sim->now_ms) < 0) {
		fail(ac, 400, "rate is out of range, or there are no devices");
		return;
	}
	sim->churn = ch;
	buf_printf(&ac->out, "{\"changes\":%llu}", (unsigned long long)ch.wanted);
}

static void do_churn_status(struct admin_call *ac)
{
	const struct churn *ch = &ac->sim->churn;

	buf_printf(&ac->out, "{\"active\":%s,\"wanted\":%llu,\"done\":%llu,\"late_max_ms\":%llu}",
		   churn_is_active(ch) ? "true" : "false", (unsigned long long)ch->wanted,
		   (unsigned long long)ch->done, (unsigned long long)ch->late_max_ms);
}

static void do_digest(struct admin_call *ac)
{
	uint64_t nb;
	const uint64_t sum = churn_digest(&ac->sim->store, &nb);

	buf_printf(&ac->out, "{\"devices\":%llu,\"digest\":\"%016llx\"}", (unsigned long long)nb,
		   (unsigned long long)sum);
}

static void do_notify(struct admin_call *ac)
{
	const char *name = text_of(ac, "topic");
	uint32_t bit = name != NULL ? topic_parse(name) : 0;

	if (bit == 0) {
		fail(ac, 400, "topic is one of tags, sysinfo, avatar, ztna_ca");
		return;
	}
	ac->sim->pending_topics |= bit;
	buf_printf(&ac->out, "{\"topic\":\"%s\",\"ws_clients\":%u}", name, ws_count(ac->sim));
}

static void do_renew_cert(struct admin_call *ac)
{
	if (conn_renew(ac->sim) < 0)
		fail(ac, 500, "the certificate cannot be made");
	else
		buf_str(&ac->out, "{}");
}

static void do_gateways(struct admin_call *ac)
{
	const struct report_ids *ids = &ac->sim->ids;

	buf_str(&ac->out, "{\"gateways\":[");
	for (size_t i = 0; i < ids->nb_gateways; i++) {
		const struct gateway *g = &ids->gateways[i];

		buf_str(&ac->out, i > 0 ? ",{\"interface\":" : "{\"interface\":");
		buf_json(&ac->out, g->interface);
		buf_str(&ac->out, ",\"ip\":");
		buf_json(&ac->out, g->ip);
		buf_str(&ac->out, ",\"mac\":");
		buf_json(&ac->out, g->mac);
		buf_str(&ac->out, ",\"vdom\":");
		buf_json(&ac->out, g->vdom);
		buf_str(&ac->out, ",\"sn\":");
		buf_json(&ac->out, g->sn);
		buf_str(&ac->out, "}");
	}
	buf_str(&ac->out, "]}");
}

/* <prefix> ending in a slash takes the rest of the path; "/devices/" finds the device of it. */
static const struct admin_route {
	const char *method;
	const char *prefix;
	const char *verb;
	void (*handle)(struct admin_call *ac);
} admin_routes[] = {
	{"GET", "/devices", NULL, do_list},
	{"POST", "/devices", NULL, do_add},
	{"GET", "/devices/", "", reply_dev},
	{"POST", "/devices/", "", do_set},
	{"DELETE", "/devices/", "", do_delete},
	{"POST", "/devices/", "tags", do_tags},
	{"POST", "/devices/", "revoke", do_revoke},
	{"POST", "/devices/", "deregister", do_deregister},
	{"POST", "/devices/", "cert", do_cert},
	{"POST", "/devices/", "vpn-reject", do_vpn_reject},
	{"POST", "/synth", NULL, do_synth},
	{"GET", "/synth/", NULL, do_synth_uid},
	{"GET", "/faults", NULL, do_faults},
	{"POST", "/faults", NULL, do_fault},
	{"GET", "/stats", NULL, do_stats},
	{"GET", "/gateways", NULL, do_gateways},
	{"POST", "/notify", NULL, do_notify},
	{"POST", "/hostile", NULL, do_hostile},
	{"POST", "/renew-cert", NULL, do_renew_cert},
	{"GET", "/churn", NULL, do_churn_status},
	{"POST", "/churn", NULL, do_churn},
	{"GET", "/digest", NULL, do_digest},
};

/* Find the device that "UID[/verb]" names; false when there is none. */
static bool find_device(struct admin_call *ac)
{
	const char *slash = strchrnul(ac->rest, '/');
	uint8_t uid[UID_LEN];
	char text[40];

	if (slash - ac->rest != 2 * UID_LEN)
		return false;
	copy_str(text, 2 * UID_LEN + 1, ac->rest);
	ac->verb = *slash == '/' ? slash + 1 : slash;
	if (parse_hex(text, uid, UID_LEN) < 0)
		return false;
	ac->d = store_find(&ac->sim->store, uid);
	return ac->d != NULL;
}

static bool route_fits(struct admin_call *ac, const struct admin_route *r)
{
	size_t n = strlen(r->prefix);

	if (strcmp(r->method, ac->rq->method) != 0 || strncmp(ac->rq->path, r->prefix, n) != 0)
		return false;
	ac->rest = ac->rq->path + n;
	if (r->prefix[n - 1] != '/')
		return *ac->rest == '\0';
	if (r->verb == NULL)
		return true;
	return find_device(ac) && strcmp(ac->verb, r->verb) == 0;
}

static void run(struct admin_call *ac)
{
	for (size_t i = 0; i < sizeof(admin_routes) / sizeof(admin_routes[0]); i++) {
		if (!route_fits(ac, &admin_routes[i]))
			continue;
		admin_routes[i].handle(ac);
		return;
	}
	fail(ac, 404, "no such device or resource");
}

void admin_handle(struct sim *sim, struct conn *c, const struct http_req *rq)
{
	struct admin_call ac = {.sim = sim, .rq = rq, .status = 200};

	sim->stats.admin_requests++;
	if (rq->body_len > 0)
		ac.in = json_loadb(rq->body, rq->body_len, 0, NULL);
	if (rq->body_len > 0 && !json_is_object(ac.in))
		fail(&ac, 400, "the body is not a JSON object");
	else
		run(&ac);
	http_reply(c, ac.status, "application/json", &ac.out, rq->keep_alive);
	json_decref(ac.in);
	buf_free(&ac.out);
}
