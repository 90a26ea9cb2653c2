/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One field at a time is made wrong in a copy of a valid version; the check must name its place.
 * The copy is a heap block of the version's exact length, so that a sanitizer sees a read beyond.
 */

#include "common/snap/snap_priv.h"
#include "tests/lib/snap_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct copy {
	uint8_t *base;
	size_t len;
	struct snap_hdr *hdr;
	struct snap_root *root;
	struct snap_config *cfg;
};

static struct snap_fixture f;
static size_t used_len;

static const struct fixture_policy policies[] = {
	{.id = 1, .action = SNAP_ACCEPT, .tags = "any(FortiAD,all(Low-Risk,none(Bad)))"},
	{.id = 2, .action = SNAP_DENY, .source = "192.0.2.0/24"},
};

static int setup(void **state)
{
	const struct snap_revoked revoked[] = {{.serial = fixture_serial(8)},
					       {.serial = fixture_serial(9)}};

	(void)state;
	fixture_init(&f);
	fixture_policies(&f, policies, 2);
	if (snap_build_revoked(f.build, revoked, 2) < 0)
		return -1;
	fixture_publish(&f);
	for (uint64_t i = 0; i < 300; i++)
		fixture_device(&f, i, i % 2 ? "FortiAD" : "Bad");
	fixture_publish(&f);
	/* The version in as few pages as hold it. */
	struct snap_view v;
	for (used_len = f.file_len; used_len > SNAP_PAGE; used_len -= SNAP_PAGE)
		if (snap_check(f.base, used_len - SNAP_PAGE, f.root_off, NULL, &v, NULL) < 0)
			break;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

static struct copy copy_make(void)
{
	struct copy c = {.base = aligned_alloc(SNAP_PAGE, used_len), .len = used_len};

	assert_non_null(c.base);
	memcpy(c.base, f.base, used_len);
	c.hdr = (struct snap_hdr *)c.base;
	c.root = (struct snap_root *)(c.base + f.root_off);
	c.cfg = (struct snap_config *)(c.base + c.root->config_off);
	return c;
}

static void copy_check(struct copy *c, const char *want)
{
	struct snap_view v;
	const char *why = "accepted";
	int rc = snap_check(c->base, c->len, f.root_off, NULL, &v, &why);

	if (want == NULL)
		assert_int_equal(rc, 0);
	else
		assert_string_equal(why, want);
	if (want != NULL)
		assert_int_equal(rc, -EBADMSG);
	free(c->base);
}

/* Run <change> on a copy <c> and expect <want>; the root's checksum is made right again. */
#define REFUSED(want, change)                                                                      \
	do {                                                                                       \
		struct copy c = copy_make();                                                       \
		change;                                                                            \
		c.root->crc32c = snap_root_crc(c.root);                                            \
		copy_check(&c, want);                                                              \
	} while (0)

#define ELEM(type, arr, i) (&((type *)((uint8_t *)c.cfg + (arr).off))[i])

static void the_untouched_copy_passes(void **state)
{
	(void)state;
	REFUSED(NULL, (void)0);
}

static void a_wrong_header_or_root_is_refused(void **state)
{
	(void)state;
	REFUSED("header: magic or ABI", c.hdr->magic++);
	REFUSED("header: magic or ABI", c.hdr->abi++);
	REFUSED("root: magic or ABI", c.root->magic++);
	REFUSED("root: magic or ABI", c.root->abi++);
	REFUSED("root: generation", c.root->generation = 0);
	REFUSED("root: generation", c.root->config_generation = 0);
	REFUSED("root: generation", c.root->decide_generation = c.root->generation + 1);
	REFUSED("mapping: shorter than its header", c.len = 4095);
	REFUSED("mapping: shorter than its header", c.len = 0);
	struct copy c = copy_make();
	c.root->nb_devices++;
	copy_check(&c, "root: checksum");
}

static void every_single_bit_of_the_root_is_covered(void **state)
{
	(void)state;
	struct copy c = copy_make();
	struct snap_view v;

	for (size_t i = 0; i < sizeof(*c.root) * 8; i++) {
		uint8_t *byte = (uint8_t *)c.root + i / 8;
		*byte ^= (uint8_t)(1u << (i % 8));
		assert_int_equal(snap_check(c.base, c.len, f.root_off, NULL, &v, NULL), -EBADMSG);
		*byte ^= (uint8_t)(1u << (i % 8));
	}
	copy_check(&c, NULL);
}

static void a_root_offset_outside_or_askew_is_refused(void **state)
{
	(void)state;
	static const uint64_t off[] = {
		0, 1, 8, SNAP_PAGE + 8, UINT64_MAX, UINT64_MAX - 4095, 1ull << 63};
	struct copy c = copy_make();
	struct snap_view v;
	const char *why;

	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		assert_int_equal(snap_check(c.base, c.len, off[i], NULL, &v, &why), -EBADMSG);
		assert_string_equal(why, "root: offset");
	}
	assert_int_equal(snap_check(c.base, c.len, c.len, NULL, &v, &why), -EBADMSG);
	assert_string_equal(why, "root: offset");
	copy_check(&c, NULL);
}

static void a_shorter_mapping_is_refused_at_every_page(void **state)
{
	(void)state;
	for (size_t len = 0; len < used_len; len += SNAP_PAGE) {
		uint8_t *base = aligned_alloc(SNAP_PAGE, len > 0 ? len : SNAP_PAGE);
		struct snap_view v;
		assert_non_null(base);
		memcpy(base, f.base, len);
		assert_int_equal(snap_check(base, len, f.root_off, NULL, &v, NULL), -EBADMSG);
		free(base);
	}
}

static void a_wrong_reference_is_refused(void **state)
{
	(void)state;
	REFUSED("config: offset", c.root->config_off += 8);
	REFUSED("config: offset", c.root->config_off = 0);
	REFUSED("config: offset", c.root->config_off = UINT64_MAX & ~4095ull);
	REFUSED("config: offset", c.root->config_len = UINT64_MAX);
	REFUSED("config: length or alignment", c.root->config_len = 8);
	REFUSED("config: magic, ABI or length", c.root->config_len += 8);
	REFUSED("config: generation", c.root->config_generation++);
	REFUSED("postures", c.root->postures.off += 8);
	REFUSED("postures", c.root->postures.off = 0);
	REFUSED("postures", c.root->postures.count = UINT32_MAX);
	REFUSED("postures", c.root->postures.stride = 0);
	REFUSED("postures", c.root->postures.stride = 12);
	REFUSED("postures", c.root->postures.stride = SNAP_MAX_TAGS / 8 + 8);
	REFUSED("postures", c.root->postures.count = 0);
	REFUSED("verdicts", c.root->verdicts.count--);
	REFUSED("verdicts", c.root->verdicts.stride = 0);
	REFUSED("verdicts", c.root->verdicts.stride = 4);
	REFUSED("verdicts", c.root->verdicts.off = c.len);
	REFUSED("revoked: range", c.root->revoked.off += 24);
	REFUSED("revoked: range", c.root->revoked.stride = 23);
	REFUSED("revoked: range", c.root->revoked.count = UINT32_MAX);
	REFUSED("history: count", c.root->nb_history = SNAP_HISTORY + 1);
	REFUSED("history: count", c.root->nb_history = UINT32_MAX);
	REFUSED("history: order", c.root->history[0].generation++);
	REFUSED("history: order", c.root->history[1].generation = 7);
	REFUSED("history: range", c.root->history[0].uids.count = UINT32_MAX);
	REFUSED("history: range", c.root->history[0].uids.off += 24);
	REFUSED("history: range", c.root->history[0].uids.stride = 16);
	REFUSED("device directory", c.root->device_dir_bits = SNAP_MAX_DIR_BITS + 1);
	REFUSED("device directory", c.root->device_dir_bits = UINT32_MAX);
	REFUSED("device directory", c.root->device_dir_bits = SNAP_MAX_DIR_BITS);
	REFUSED("device directory", c.root->device_dir_off = 0);
	REFUSED("device directory", c.root->device_dir_off += 8);
	REFUSED("devices: count", c.root->nb_devices++);
}

static struct snap_index *index_of(const struct copy *c)
{
	return (struct snap_index *)(c->base + c->root->index_off);
}

static void a_wrong_index_is_refused(void **state)
{
	(void)state;
	REFUSED("index: offset", c.root->index_off += 8);
	REFUSED("index: offset", c.root->index_off = UINT64_MAX & ~4095ull);
	REFUSED("index: offset", c.root->index_len = UINT64_MAX);
	REFUSED("index: length", c.root->index_off = 0);
	REFUSED("index: length, magic or ABI", c.root->index_len = sizeof(struct snap_index) - 1);
	REFUSED("index: length, magic or ABI", index_of(&c)->magic++);
	REFUSED("index: length, magic or ABI", index_of(&c)->abi++);
	REFUSED("index: of another configuration", index_of(&c)->nb_policies++);
	REFUSED("index: of another configuration", index_of(&c)->nb_proxies--);
	REFUSED("index: of another configuration", index_of(&c)->nb_interfaces = UINT32_MAX);
	REFUSED("index: sets", index_of(&c)->nb_classes++);
	REFUSED("index: sets", index_of(&c)->nb_classes = UINT32_MAX);
	REFUSED("index: sets", index_of(&c)->bounds_off += 8);
	REFUSED("index: bounds", index_of(&c)->nb_bounds++);
	REFUSED("index: bounds", index_of(&c)->nb_bounds = UINT32_MAX);
	REFUSED("index: bounds", c.root->index_len -= 8);
	REFUSED("index: class",
		((struct snap_bound *)((uint8_t *)index_of(&c) + index_of(&c)->bounds_off))->cls =
			index_of(&c)->nb_classes);
	/* A snapshot without one is decided by walking. */
	REFUSED(NULL, (c.root->index_off = 0, c.root->index_len = 0));
}

static struct snap_revoked *revoked_of(const struct copy *c)
{
	return (struct snap_revoked *)(c->base + c->root->revoked.off);
}

static void revoked_serials_must_be_sorted_and_of_a_known_ems(void **state)
{
	(void)state;
	REFUSED("revoked: ems", revoked_of(&c)[1].ems = 1);
	REFUSED("revoked: order", revoked_of(&c)[1].serial = revoked_of(&c)[0].serial);
	REFUSED("revoked: order", revoked_of(&c)[1].serial.b[0] = 0);
}

static uint64_t *dir_of(const struct copy *c)
{
	return (uint64_t *)(c->base + c->root->device_dir_off);
}

static struct snap_device_page *page_of(const struct copy *c, uint32_t idx)
{
	return (struct snap_device_page *)(c->base + dir_of(c)[idx]);
}

/* Device <n> of those on <page>, or with <is_used> false the first free place. */
static struct snap_device *nth(struct snap_device_page *page, unsigned n, bool is_used)
{
	unsigned i = 0;

	while ((page->dev[i].is_used != 0) != is_used || n-- > 0)
		assert_true(++i < SNAP_DEVICES_PER_PAGE);
	return &page->dev[i];
}

static struct snap_device *dev_of(const struct copy *c, unsigned n)
{
	return nth(page_of(c, 0), n, true);
}

/* Another place than where a search for it comes to: behind a free one. */
static void move_out_of_reach(const struct copy *c)
{
	struct snap_device *from = dev_of(c, 0);
	struct snap_device_page *page = page_of(c, 0);
	const uint64_t hash = snap_device_hash(c->hdr->hash_seed, &from->uid);
	const struct snap_device d = *from;
	uint32_t slot = (uint32_t)(hash + SNAP_DEVICES_PER_PAGE - 1) % SNAP_DEVICES_PER_PAGE;

	*from = (struct snap_device){};
	/* The place before its first is the last that a search looks at. */
	while (page->dev[slot].is_used != 0)
		slot = (slot + SNAP_DEVICES_PER_PAGE - 1) % SNAP_DEVICES_PER_PAGE;
	page->dev[slot] = d;
}

static void a_wrong_device_page_is_refused(void **state)
{
	(void)state;
	REFUSED("device page: offset", dir_of(&c)[1] += 8);
	REFUSED("device page: offset", dir_of(&c)[1] = UINT64_MAX & ~4095ull);
	REFUSED("device page: offset", dir_of(&c)[1] = c.len);
	REFUSED("devices: count", dir_of(&c)[1] = 0);
	REFUSED("device: in another's page", dir_of(&c)[1] = dir_of(&c)[0]);
	REFUSED("device: neither used nor free", dev_of(&c, 3)->is_used = 2);
	REFUSED("device: neither used nor free", dev_of(&c, 3)->is_used = 255);
	REFUSED("device: out of reach", move_out_of_reach(&c));
	REFUSED("device: posture", dev_of(&c, 2)->posture = c.root->postures.count);
	REFUSED("device: posture", dev_of(&c, 2)->posture = SNAP_NONE - 1);
	REFUSED("device: ems", dev_of(&c, 0)->ems = 1);
	REFUSED("device: flags", dev_of(&c, 0)->flags |= 0x40);
	REFUSED(NULL, dev_of(&c, 2)->posture = SNAP_NONE);
	/* What a free place holds does not matter. */
	REFUSED(NULL, nth(page_of(&c, 0), 0, false)->posture = SNAP_NONE - 1);
}

static void wrong_configuration_heads_are_refused(void **state)
{
	(void)state;
	REFUSED("config: magic, ABI or length", c.cfg->magic++);
	REFUSED("config: magic, ABI or length", c.cfg->abi++);
	REFUSED("config: magic, ABI or length", c.cfg->len++);
	REFUSED("config: generation", c.cfg->generation++);
	REFUSED("config: workers", c.cfg->nb_workers = 0);
	REFUSED("config: workers", c.cfg->nb_workers = 65);
	REFUSED("config: worker core", c.cfg->workers[0] = UINT16_MAX);
	REFUSED("config: idle, huge pages or offloads", c.cfg->idle = 2);
	REFUSED("config: idle, huge pages or offloads", c.cfg->hugepages = 3);
	REFUSED("config: idle, huge pages or offloads", c.cfg->offloads = 2);
	REFUSED("config: string", c.cfg->vdom.off = UINT32_MAX);
	REFUSED("config: string", c.cfg->gateway_serial.len = UINT32_MAX);
	REFUSED("config: count", c.cfg->ems.count = 9);
	REFUSED("config: count", c.cfg->exprs.count = SNAP_MAX_EXPRS + 1);
	REFUSED("config: count", c.cfg->tags.count = SNAP_MAX_TAGS + 1);
	REFUSED("config: count", c.cfg->nb_health = UINT32_MAX);
	REFUSED("config: count", c.cfg->policies.count = SNAP_MAX_POLICIES + 1);
}

static void every_array_must_be_aligned_and_within(void **state)
{
	(void)state;
	static const size_t field[] = {
		offsetof(struct snap_config, interfaces),
		offsetof(struct snap_config, routes),
		offsetof(struct snap_config, ems),
		offsetof(struct snap_config, certificates),
		offsetof(struct snap_config, vhosts),
		offsetof(struct snap_config, proxies),
		offsetof(struct snap_config, policies),
		offsetof(struct snap_config, exprs),
		offsetof(struct snap_config, tags),
	};

	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
#define ARR ((struct snap_arr *)((uint8_t *)c.cfg + field[i]))
		REFUSED("array: range", ARR->off += 4);
		REFUSED("array: range", ARR->off = UINT32_MAX - 7);
		REFUSED("array: range", ARR->off = (uint32_t)c.cfg->len);
#undef ARR
	}
	REFUSED("array: range", c.cfg->interfaces.count = UINT32_MAX);
	REFUSED("array: range", c.cfg->routes.count = 1u << 28);
}

static void wrong_interfaces_and_routes_are_refused(void **state)
{
	(void)state;
#define IF0 ELEM(struct snap_interface, c.cfg->interfaces, 0)
#define RT0 ELEM(struct snap_route, c.cfg->routes, 0)
	REFUSED("interface", IF0->vlan = 4095);
	REFUSED("interface", IF0->role = 4);
	REFUSED("interface", IF0->name.off = UINT32_MAX);
	REFUSED("interface", IF0->device.len = UINT32_MAX);
	REFUSED("array: range", IF0->addresses.count = UINT32_MAX);
	REFUSED("interface", ELEM(struct snap_prefix, IF0->addresses, 0)->len = 129);
	REFUSED("route", RT0->prefix.len = 129);
	REFUSED("route", RT0->interface = 2);
}

static void wrong_ems_and_certificates_are_refused(void **state)
{
	(void)state;
#define EMS0 ELEM(struct snap_ems, c.cfg->ems, 0)
#define CERT0 ELEM(struct snap_certificate, c.cfg->certificates, 0)
#define VHOST0 ELEM(struct snap_vhost, c.cfg->vhosts, 0)
	REFUSED("ems", EMS0->name.off = UINT32_MAX);
	REFUSED("ems", EMS0->serial_number.len = UINT32_MAX);
	REFUSED("ems", EMS0->tenant_id.off = UINT32_MAX);
	REFUSED("array: range", EMS0->ca.off++);
	REFUSED("ems", ELEM(struct snap_str, EMS0->ca, 0)->len = 0);
	REFUSED("ems", ELEM(struct snap_str, EMS0->ca, 0)->off = UINT32_MAX);
	REFUSED("certificate", CERT0->key_slot = SNAP_MAX_KEYS);
	REFUSED("certificate", CERT0->chain.count = 0);
	REFUSED("certificate", CERT0->name.off = UINT32_MAX);
	REFUSED("certificate", ELEM(struct snap_str, CERT0->chain, 0)->len = UINT32_MAX);
	REFUSED("vhost", VHOST0->host.off = UINT32_MAX);
	REFUSED("vhost", VHOST0->certificate = 1);
	REFUSED("vhost", VHOST0->host_type = 3);
}

static void wrong_access_proxies_are_refused(void **state)
{
	(void)state;
#define PX0 ELEM(struct snap_access_proxy, c.cfg->proxies, 0)
#define GW0 ELEM(struct snap_gateway, PX0->gateways, 0)
#define SRV0 ELEM(struct snap_real_server, GW0->servers, 0)
	REFUSED("access proxy", PX0->interface = 2);
	REFUSED("access proxy", PX0->interface = SNAP_NONE);
	REFUSED("access proxy", PX0->port = 0);
	REFUSED("access proxy", PX0->certificate = 1);
	REFUSED("access proxy", PX0->name.len = UINT32_MAX);
	REFUSED("access proxy: client certificate", PX0->client_cert = 2);
	REFUSED("access proxy: client certificate", PX0->log_blocked = 2);
	REFUSED("access proxy: client certificate", PX0->empty_cert_action = 3);
	REFUSED("access proxy: patterns", PX0->patterns.off++);
	REFUSED("access proxy: patterns", PX0->patterns.len = UINT32_MAX);
	REFUSED("access proxy: vhost or gateway", *ELEM(uint32_t, PX0->vhosts, 0) = 1);
	REFUSED("array: range", PX0->gateways.count = UINT32_MAX);
	REFUSED("gateway", GW0->vhost = 1);
	REFUSED("gateway", GW0->url_map.off = UINT32_MAX);
	REFUSED("gateway", GW0->url_map_type = 3);
	REFUSED("gateway", GW0->service = 3);
	REFUSED("gateway", GW0->ldb_method = 4);
	REFUSED("array: range", GW0->servers.off++);
	REFUSED("real server: port", SRV0->port = 0);
	REFUSED("real server", SRV0->weight = 0);
	REFUSED("real server", SRV0->status = 3);
	REFUSED("real server", SRV0->health = 1);
	REFUSED("real server", SRV0->http_host.off = UINT32_MAX);
}

static void wrong_policies_and_expressions_are_refused(void **state)
{
	(void)state;
#define POL(i) ELEM(struct snap_policy, c.cfg->policies, i)
#define ROOT0 (&ELEM(struct snap_expr, c.cfg->exprs, 0)->root)
#define CHILD(i) ELEM(struct snap_node, ROOT0->children, i)
	REFUSED("policy: string", POL(0)->name.off = UINT32_MAX);
	REFUSED("policy: string", POL(0)->uuid.len = UINT32_MAX);
	REFUSED("policy: match", *ELEM(uint32_t, POL(0)->proxies, 0) = 2);
	REFUSED("policy: match", *ELEM(uint32_t, POL(0)->interfaces, 0) = 2);
	REFUSED("policy: match", ELEM(struct snap_prefix, POL(1)->sources, 0)->len = 200);
	REFUSED("array: range", POL(1)->sources.off++);
	REFUSED("policy: action", POL(0)->expr = 1);
	REFUSED("policy: action", POL(0)->action = 2);
	REFUSED("policy: action", POL(0)->log = 3);
	REFUSED("policy: action", POL(0)->stale = 3);
	REFUSED("tag", ELEM(struct snap_tag, c.cfg->tags, 0)->name.off = UINT32_MAX);
	REFUSED("expression", ROOT0->op = 4);
	REFUSED("expression", ROOT0->children.count = 0);
	REFUSED("array: range", ROOT0->children.count = UINT32_MAX);
	REFUSED("array: range", ROOT0->children.off++);
	REFUSED("expression", CHILD(0)->tag = c.cfg->tags.count);
	REFUSED("expression", CHILD(0)->children.count = 1);
	/* a node that is its own child: as deep as one likes */
	REFUSED("expression", CHILD(1)->children = ROOT0->children);
}

static void arrays_that_overlap_do_not_make_the_check_slow(void **state)
{
	(void)state;
	/* Each of many policies claims the whole object as its list of proxies. */
	struct snap_arena a;
	const void *ptr;
	const char *why = NULL;
	size_t len;

	fixture_config(&f, &a, policies, 2);
	struct snap_arr p = snap_arena_reserve(&a, 20000, sizeof(struct snap_policy));
	struct snap_arr zeros = snap_arena_reserve(&a, 200000, sizeof(uint32_t));
	for (uint32_t i = 0; i < 20000; i++) {
		struct snap_policy *pol = snap_arena_at(&a, p, i, sizeof(*pol));
		pol->proxies = zeros;
		pol->expr = SNAP_NONE;
	}
	snap_arena_config(&a)->policies = p;
	assert_int_equal(snap_arena_finish(&a, &ptr, &len), 0);
	assert_int_equal(snap_config_check(ptr, len, &why), -EBADMSG);
	assert_string_equal(why, "array: overlap");
	snap_arena_fini(&a);
}

static void an_earlier_view_does_not_excuse_what_moved(void **state)
{
	(void)state;
	struct copy c = copy_make();
	struct snap_view prev, v;
	const char *why = NULL;

	/* A second root and directory behind the first version, with one page exchanged. */
	size_t len = c.len + 3 * SNAP_PAGE;
	uint8_t *base = aligned_alloc(SNAP_PAGE, len);
	assert_non_null(base);
	memset(base, 0, len);
	memcpy(base, c.base, c.len);
	struct snap_root *root = (struct snap_root *)(base + c.len);
	uint64_t *dir = (uint64_t *)(base + c.len + SNAP_PAGE);
	struct snap_device_page *page = (struct snap_device_page *)(base + c.len + 2 * SNAP_PAGE);
	*root = *c.root;
	memcpy(dir, dir_of(&c), sizeof(*dir) << root->device_dir_bits);
	*page = *page_of(&c, 0);
	dir[0] = c.len + 2 * SNAP_PAGE;
	root->device_dir_off = c.len + SNAP_PAGE;
	root->generation++;
	root->nb_history = 0;
	root->crc32c = snap_root_crc(root);
	assert_int_equal(snap_check(base, len, f.root_off, NULL, &prev, &why), 0);
	assert_int_equal(snap_check(base, len, c.len, &prev, &v, &why), 0);
	struct snap_device *d = nth(page, 5, true);
	d->flags = 0xff;
	assert_int_equal(snap_check(base, len, c.len, &prev, &v, &why), -EBADMSG);
	assert_string_equal(why, "device: flags");
	d->flags = 0;
	root->nb_devices--;
	root->crc32c = snap_root_crc(root);
	assert_int_equal(snap_check(base, len, c.len, &prev, &v, &why), -EBADMSG);
	assert_string_equal(why, "devices: count");
	root->nb_devices++;
	root->generation = prev.root->generation;
	root->crc32c = snap_root_crc(root);
	assert_int_equal(snap_check(base, len, c.len, &prev, &v, &why), -EBADMSG);
	assert_string_equal(why, "root: generation runs backwards");
	free(base);
	free(c.base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_untouched_copy_passes),
		cmocka_unit_test(a_wrong_header_or_root_is_refused),
		cmocka_unit_test(every_single_bit_of_the_root_is_covered),
		cmocka_unit_test(a_root_offset_outside_or_askew_is_refused),
		cmocka_unit_test(a_shorter_mapping_is_refused_at_every_page),
		cmocka_unit_test(a_wrong_reference_is_refused),
		cmocka_unit_test(a_wrong_index_is_refused),
		cmocka_unit_test(revoked_serials_must_be_sorted_and_of_a_known_ems),
		cmocka_unit_test(a_wrong_device_page_is_refused),
		cmocka_unit_test(wrong_configuration_heads_are_refused),
		cmocka_unit_test(every_array_must_be_aligned_and_within),
		cmocka_unit_test(wrong_interfaces_and_routes_are_refused),
		cmocka_unit_test(wrong_ems_and_certificates_are_refused),
		cmocka_unit_test(wrong_access_proxies_are_refused),
		cmocka_unit_test(wrong_policies_and_expressions_are_refused),
		cmocka_unit_test(arrays_that_overlap_do_not_make_the_check_slow),
		cmocka_unit_test(an_earlier_view_does_not_excuse_what_moved),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
