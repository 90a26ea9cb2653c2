/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/lib/snap_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void must(bool is_ok, const char *what)
{
	if (is_ok)
		return;
	fprintf(stderr, "snap_fixture: %s\n", what);
	abort();
}

static int on_grow(void *user, uint64_t len)
{
	struct snap_fixture *f = user;

	if (len > f->max_len)
		return -ENOSPC;
	if (len > f->file_len)
		f->file_len = len;
	return 0;
}

static uint64_t on_publish(void *user, uint64_t root_off, uint64_t generation)
{
	struct snap_fixture *f = user;

	(void)generation;
	f->root_off = root_off;
	return ++f->nb_publishes;
}

static bool on_is_done(void *user, uint64_t token)
{
	return token <= ((struct snap_fixture *)user)->done_token;
}

struct snap_build_ops fixture_ops(struct snap_fixture *f)
{
	return (struct snap_build_ops){
		.grow = on_grow, .publish = on_publish, .is_done = on_is_done, .user = f};
}

void fixture_init_sized(struct snap_fixture *f, uint32_t expected_devices)
{
	static const uint64_t seed[2] = {0x0123456789abcdefu, 0xfedcba9876543210u};

	*f = (struct snap_fixture){
		.max_len = FIXTURE_CAP,
		.done_token = UINT64_MAX,
		.client_cert = 1,
		.log_blocked = 1,
		.nb_ems = 1,
		.out_of_sync_s = 180,
	};
	void *p = mmap(NULL, FIXTURE_CAP, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(p != MAP_FAILED, "mmap");
	f->base = p;
	struct snap_build_ops ops = fixture_ops(f);
	f->build = snap_build_new(f->base, FIXTURE_CAP, expected_devices, seed, 7, &ops);
	must(f->build != NULL, "snap_build_new");
}

void fixture_init(struct snap_fixture *f)
{
	fixture_init_sized(f, 100);
}

void fixture_fini(struct snap_fixture *f)
{
	snap_build_free(f->build);
	munmap(f->base, FIXTURE_CAP);
	*f = (struct snap_fixture){};
}

static uint32_t tag_of(struct snap_fixture *f, const char *name, size_t len)
{
	for (uint32_t i = 0; i < f->nb_tags; i++)
		if (strlen(f->tag[i]) == len && memcmp(f->tag[i], name, len) == 0)
			return i;
	must(f->nb_tags < FIXTURE_MAX_TAGS && len > 0 && len < sizeof(f->tag[0]), "tag");
	memcpy(f->tag[f->nb_tags], name, len);
	f->tag[f->nb_tags][len] = '\0';
	return f->nb_tags++;
}

uint32_t fixture_tag(struct snap_fixture *f, const char *name)
{
	return tag_of(f, name, strlen(name));
}

static uint8_t op_of(const char *s, size_t len)
{
	if (len == 3 && memcmp(s, "any", 3) == 0)
		return SNAP_NODE_ANY;
	if (len == 3 && memcmp(s, "all", 3) == 0)
		return SNAP_NODE_ALL;
	must(len == 4 && memcmp(s, "none", 4) == 0, "expression");
	return SNAP_NODE_NONE;
}

/* One expression at *<s>, which is advanced beyond it. */
static struct snap_node parse_node(struct snap_fixture *f, struct snap_arena *a, const char **s)
{
	size_t len = strcspn(*s, "(),");
	struct snap_node n = {}, child[16];
	size_t nb = 0;

	if ((*s)[len] != '(') {
		n.tag = tag_of(f, *s, len);
		*s += len;
		return n;
	}
	n.op = op_of(*s, len);
	*s += len;
	do {
		(*s)++;
		must(nb < 16, "expression: too wide");
		child[nb++] = parse_node(f, a, s);
	} while (**s == ',');
	must(**s == ')', "expression: )");
	(*s)++;
	n.children = snap_arena_arr(a, child, nb, sizeof(child[0]));
	return n;
}

static struct snap_arr put_source(struct snap_arena *a, const char *source)
{
	struct snap_prefix p = {};

	if (source == NULL)
		return (struct snap_arr){};
	size_t len = strcspn(source, "/");
	must(ip_addr_parse(source, len, &p.addr) == 0, "source");
	unsigned bits = 0;
	for (const char *s = source + len + (source[len] == '/'); *s != '\0'; s++)
		bits = bits * 10 + (unsigned)(*s - '0');
	if (source[len] != '/')
		bits = 128;
	else if (ip_addr_is_v4(&p.addr))
		bits += 96;
	p.len = (uint8_t)bits;
	return snap_arena_arr(a, &p, 1, sizeof(p));
}

static void put_policies(struct snap_fixture *f, struct snap_arena *a,
			 const struct fixture_policy *p, size_t nb)
{
	struct snap_policy *out = calloc(nb + 1, sizeof(*out));
	struct snap_expr *expr = calloc(nb + 1, sizeof(*expr));
	struct snap_tag tag[FIXTURE_MAX_TAGS] = {};
	uint32_t nb_exprs = 0;
	static const uint32_t proxies[] = {0, 1};

	must(out != NULL && expr != NULL, "calloc");
	for (size_t i = 0; i < nb; i++) {
		const char *s = p[i].tags;
		out[i] = (struct snap_policy){
			.id = p[i].id,
			.name = snap_arena_cstr(a, "policy"),
			.proxies = snap_arena_arr(a, &proxies[p[i].is_other_proxy ? 1 : 0], 1, 4),
			.sources = put_source(a, p[i].source),
			.interfaces =
				snap_arena_arr(a, &proxies[p[i].is_other_interface ? 1 : 0], 1, 4),
			.expr = s == NULL ? SNAP_NONE : nb_exprs,
			.stale_s = p[i].stale_s,
			.action = p[i].action,
			.log = p[i].log,
			.stale = p[i].stale,
		};
		if (s == NULL)
			continue;
		expr[nb_exprs++].root = parse_node(f, a, &s);
		must(*s == '\0', "expression: trailing characters");
	}
	for (uint32_t i = 0; i < f->nb_tags; i++)
		tag[i].name = snap_arena_cstr(a, f->tag[i]);
	struct snap_arr policies = snap_arena_arr(a, out, nb, sizeof(*out));
	struct snap_arr exprs = snap_arena_arr(a, expr, nb_exprs, sizeof(*expr));
	struct snap_arr tags = snap_arena_arr(a, tag, f->nb_tags, sizeof(tag[0]));
	snap_arena_config(a)->policies = policies;
	snap_arena_config(a)->exprs = exprs;
	snap_arena_config(a)->tags = tags;
	free(out);
	free(expr);
}

static void put_interfaces(struct snap_arena *a)
{
	const struct snap_prefix wan = {.addr = {{[10] = 0xff, 0xff, 192, 0, 2, 10}}, .len = 120};
	const struct snap_prefix lan = {.addr = {{[10] = 0xff, 0xff, 198, 51, 100, 1}}, .len = 120};
	const struct snap_route route = {
		.prefix = {.addr = {{[10] = 0xff, 0xff}}, .len = 96},
		.via = {{[10] = 0xff, 0xff, 192, 0, 2, 1}},
		.interface = SNAP_NONE,
	};
	struct snap_interface i[2] = {
		{.name = snap_arena_cstr(a, "wan"),
		 .device = snap_arena_cstr(a, "net_tap0,iface=tw-wan"),
		 .addresses = snap_arena_arr(a, &wan, 1, sizeof(wan)),
		 .mtu = 1500,
		 .role = SNAP_ROLE_WAN},
		{.name = snap_arena_cstr(a, "lan"),
		 .device = snap_arena_cstr(a, "net_tap1,iface=tw-lan"),
		 .addresses = snap_arena_arr(a, &lan, 1, sizeof(lan)),
		 .mtu = 1500,
		 .role = SNAP_ROLE_LAN},
	};
	struct snap_arr interfaces = snap_arena_arr(a, i, 2, sizeof(i[0]));
	struct snap_arr routes = snap_arena_arr(a, &route, 1, sizeof(route));

	snap_arena_config(a)->interfaces = interfaces;
	snap_arena_config(a)->routes = routes;
}

static void put_ems(const struct snap_fixture *f, struct snap_arena *a)
{
	struct snap_ems e[SNAP_MAX_EMS] = {};

	for (uint32_t i = 0; i < f->nb_ems; i++) {
		struct snap_str ca = snap_arena_cstr(a, "DER of a CA");
		e[i] = (struct snap_ems){
			.name = snap_arena_cstr(a, "emstest"),
			.serial_number = snap_arena_cstr(a, "FCTEMS8823005021"),
			.tenant_id = snap_arena_cstr(a, "00000000000000000000000000000000"),
			.ca = snap_arena_arr(a, &ca, 1, sizeof(ca)),
			.id = i + 1,
			.out_of_sync_s = f->out_of_sync_s,
		};
	}
	struct snap_arr ems = snap_arena_arr(a, e, f->nb_ems, sizeof(e[0]));
	snap_arena_config(a)->ems = ems;
}

static void put_certificate(struct snap_arena *a)
{
	struct snap_str der = snap_arena_cstr(a, "DER of a leaf");
	struct snap_certificate cert = {
		.name = snap_arena_cstr(a, "web"),
		.chain = snap_arena_arr(a, &der, 1, sizeof(der)),
		.key_slot = 3,
	};
	struct snap_arr certs = snap_arena_arr(a, &cert, 1, sizeof(cert));

	snap_arena_config(a)->certificates = certs;
}

static void put_proxies(const struct snap_fixture *f, struct snap_arena *a)
{
	static const uint32_t vhost_idx = 0;
	const struct snap_vhost vhost = {
		.name = snap_arena_cstr(a, "shop"),
		.host = snap_arena_cstr(a, "*.shop.example"),
		.certificate = SNAP_NONE,
		.host_type = SNAP_HOST_WILDCARD,
	};
	const struct snap_real_server server = {
		.id = 1,
		.address = {{[10] = 0xff, 0xff, 198, 51, 100, 20}},
		.port = 8080,
		.weight = 1,
		.http_host = snap_arena_cstr(a, "inner.example"),
	};
	const struct snap_gateway gateway = {
		.id = 1,
		.vhost = 0,
		.url_map = snap_arena_cstr(a, "/"),
		.servers = snap_arena_arr(a, &server, 1, sizeof(server)),
	};
	struct snap_access_proxy p[2] = {
		{.name = snap_arena_cstr(a, "ZTNA-webserver"),
		 .address = {{[10] = 0xff, 0xff, 192, 0, 2, 10}},
		 .port = 9043,
		 .client_cert = f->client_cert,
		 .empty_cert_action = f->empty_cert_action,
		 .vhosts = snap_arena_arr(a, &vhost_idx, 1, sizeof(vhost_idx)),
		 .gateways = snap_arena_arr(a, &gateway, 1, sizeof(gateway)),
		 .patterns = snap_arena_blob(a, "not a Hyperscan database", 24),
		 .log_blocked = f->log_blocked},
		{.name = snap_arena_cstr(a, "other"),
		 .address = {{[10] = 0xff, 0xff, 192, 0, 2, 10}},
		 .port = 9044,
		 .client_cert = 1},
	};
	struct snap_arr vhosts = snap_arena_arr(a, &vhost, 1, sizeof(vhost));
	struct snap_arr proxies = snap_arena_arr(a, p, 2, sizeof(p[0]));

	snap_arena_config(a)->vhosts = vhosts;
	snap_arena_config(a)->proxies = proxies;
	snap_arena_config(a)->nb_health = 1;
}

void fixture_config(struct snap_fixture *f, struct snap_arena *a, const struct fixture_policy *p,
		    size_t nb)
{
	snap_arena_init(a);
	struct snap_str serial = snap_arena_cstr(a, "FPXVULTM24000083");
	struct snap_str vdom = snap_arena_cstr(a, "root");
	put_interfaces(a);
	put_ems(f, a);
	put_certificate(a);
	put_proxies(f, a);
	put_policies(f, a, p, nb);
	struct snap_config *cfg = snap_arena_config(a);
	must(cfg != NULL, "arena");
	cfg->gateway_serial = serial;
	cfg->vdom = vdom;
	cfg->nb_workers = 1;
	cfg->workers[0] = 1;
	cfg->max_connections = 1000;
	cfg->memory_mib = 256;
	cfg->handshake_ms = cfg->head_ms = cfg->upstream_connect_ms = 10000;
	cfg->idle_ms = cfg->upstream_ms = 60000;
	cfg->pull_ms = 2000;
}

void fixture_policies(struct snap_fixture *f, const struct fixture_policy *p, size_t nb)
{
	struct snap_arena a;
	const void *ptr;
	const char *why = "config";
	size_t len;

	fixture_config(f, &a, p, nb);
	must(snap_arena_finish(&a, &ptr, &len) == 0, "arena");
	must(snap_config_check(ptr, len, &why) == 0, why);
	must(snap_build_config(f->build, ptr, len) == 0, "snap_build_config");
	snap_arena_fini(&a);
}

struct device_uid fixture_uid(uint64_t n)
{
	struct device_uid uid = {};

	for (unsigned i = 0; i < 8; i++)
		uid.b[15 - i] = (uint8_t)(n >> (8 * i));
	return uid;
}

struct cert_serial fixture_serial(uint64_t n)
{
	struct cert_serial sn = {.b = {0x2b}};

	for (unsigned i = 0; i < 8; i++)
		sn.b[19 - i] = (uint8_t)(n >> (8 * i));
	return sn;
}

uint32_t fixture_posture(struct snap_fixture *f, const char *tags)
{
	uint64_t bits[FIXTURE_MAX_TAGS / 64] = {};
	uint32_t id = 0;

	for (const char *s = tags; *s != '\0';) {
		size_t len = strcspn(s, ",");
		uint32_t tag = tag_of(f, s, len);
		bits[tag / 64] |= 1ull << (tag % 64);
		s += len + (s[len] == ',');
	}
	must(snap_build_posture(f->build, bits, FIXTURE_MAX_TAGS / 64, &id) == 0, "posture");
	return id;
}

struct snap_device fixture_device_of(struct snap_fixture *f, uint64_t n, const char *tags)
{
	return (struct snap_device){
		.uid = fixture_uid(n),
		.serial = fixture_serial(n),
		.posture = tags == NULL ? SNAP_NONE : fixture_posture(f, tags),
		.sysinfo_ms = 1700000000000u,
		.tags_ms = 1700000000000u,
		.flags = (uint8_t)(SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE | SNAP_DEV_HAS_SYSINFO |
				   (tags == NULL ? 0 : SNAP_DEV_HAS_TAGS)),
	};
}

void fixture_put(struct snap_fixture *f, const struct snap_device *dev)
{
	must(snap_build_device_put(f->build, dev, 1) == 0, "snap_build_device_put");
}

void fixture_device(struct snap_fixture *f, uint64_t n, const char *tags)
{
	struct snap_device dev = fixture_device_of(f, n, tags);

	fixture_put(f, &dev);
}

struct snap_view fixture_publish(struct snap_fixture *f)
{
	struct snap_view v;
	const char *why = "check";

	must(snap_build_publish(f->build, 1) == 0, "snap_build_publish");
	must(snap_check(f->base, f->file_len, f->root_off, NULL, &v, &why) == 0, why);
	return v;
}
