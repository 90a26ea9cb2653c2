/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * snap_check() over hostile bytes, and every reader over what it lets pass: the check is right
 * when no reader can be led out of the mapping, which is a heap block of exact length here.
 *
 *	byte 0      even: patches over a valid file; odd: the rest is the file
 *	            bit 1: the root's checksum is left as it is
 *	patch       8 bytes: page (1), offset in it (2), what to do (1), value (4), little endian
 *	file        8 bytes of root offset, then the file
 */

#include "common/policy/policy.h"
#include "common/snap/snap_priv.h"
#include "tests/lib/snap_fixture.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t *valid;
static size_t valid_len;
static uint64_t old_root, new_root;

static void make_valid(void)
{
	static struct snap_fixture f;
	static const struct fixture_policy p[] = {
		{.id = 1, .action = SNAP_DENY, .tags = "Bad"},
		{.id = 2,
		 .action = SNAP_ACCEPT,
		 .tags = "any(FortiAD,all(Low-Risk,none(Bad)))",
		 .source = "192.0.2.0/24"},
	};
	const struct snap_revoked revoked[] = {{.serial = fixture_serial(8)},
					       {.serial = fixture_serial(9)}};
	struct snap_view v;

	fixture_init(&f);
	fixture_policies(&f, p, 2);
	for (uint64_t i = 0; i < 50; i++)
		fixture_device(&f, i, i % 2 ? "FortiAD" : "Bad");
	if (snap_build_revoked(f.build, revoked, 2) < 0)
		abort();
	fixture_publish(&f);
	old_root = f.root_off;
	f.done_token = 0;
	fixture_device(&f, 3, "Low-Risk");
	fixture_publish(&f);
	new_root = f.root_off;
	valid_len = f.file_len;
	while (snap_check(f.base, valid_len - SNAP_PAGE, new_root, NULL, &v, NULL) == 0 &&
	       snap_check(f.base, valid_len - SNAP_PAGE, old_root, NULL, &v, NULL) == 0)
		valid_len -= SNAP_PAGE;
	valid = f.base;
}

static void on_change(void *user, const struct snap_change *ch)
{
	uint64_t *sum = user;

	*sum += ch->notified_us + ch->uid.b[15];
}

static uint64_t sum_str(const struct snap_view *v, struct snap_str s)
{
	struct slice b = snap_str(v, s);
	uint64_t sum = 0;

	/* Ends suffice to see whether it is within, and strings may overlap a thousand times. */
	if (b.len > 0)
		sum = (uint64_t)b.ptr[0] + b.ptr[b.len - 1];
	return sum;
}

static uint64_t read_config(const struct snap_view *v)
{
	const struct snap_config *c = v->config;
	const struct snap_access_proxy *p = snap_arr(v, c->proxies);
	const struct snap_policy *pol = snap_arr(v, c->policies);
	const struct snap_ems *ems = snap_arr(v, c->ems);
	uint64_t sum = sum_str(v, c->vdom) + sum_str(v, c->gateway_serial);

	for (uint32_t i = 0; i < c->ems.count; i++)
		sum += sum_str(v, ems[i].name) + sum_str(v, ems[i].serial_number);
	for (uint32_t i = 0; i < c->proxies.count; i++) {
		const struct snap_gateway *g = snap_arr(v, p[i].gateways);
		sum += sum_str(v, p[i].patterns);
		for (uint32_t k = 0; k < p[i].gateways.count; k++) {
			const struct snap_real_server *s = snap_arr(v, g[k].servers);
			for (uint32_t n = 0; n < g[k].servers.count; n++)
				sum += s[n].port + sum_str(v, s[n].http_host);
		}
	}
	for (uint32_t i = 0; i < c->policies.count; i++)
		sum += sum_str(v, pol[i].name) + sum_str(v, pol[i].uuid);
	return sum;
}

static uint64_t decide_all(const struct snap_view *v)
{
	const struct policy_now now = {.now_ms = 1000, .ems_contact_ms = {1, 1, 1, 1, 1, 1, 1, 1}};
	struct policy_verdict ret;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < 60; i++) {
		struct policy_facts f = {
			.source = ip_addr_from_v4(0x0a0200c0),
			.proxy = (uint32_t)(i % 3),
			.cert = POLICY_CERT_VERIFIED,
			.uid = fixture_uid(i),
			.serial = fixture_serial(i),
		};
		policy_decide(v, &f, &now, &ret, NULL);
		sum += ret.outcome + ret.policy_id;
	}
	return sum;
}

static uint64_t read_all(const struct snap_view *v)
{
	const struct snap_expr *e = snap_arr(v, v->config->exprs);
	uint64_t sum = read_config(v) + decide_all(v);
	uint64_t bits[SNAP_MAX_TAGS / 64] = {0x5555};

	for (uint64_t since = 0; since < 4; since++)
		if (snap_changes_since(v, v->root->generation - since, on_change, &sum))
			sum++;
	for (uint32_t i = 0; i < v->config->exprs.count; i++)
		sum += policy_expr_eval(v->config, &e[i], bits, 1) +
		       policy_expr_eval(v->config, &e[i], NULL, 0);
	for (uint32_t i = 0; i < v->root->postures.count && i < 100; i++)
		sum += snap_posture_has(v, i, SNAP_MAX_TAGS - 1) + snap_posture_has(v, i, 0);
	return sum;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static void apply_patches(uint8_t *base, const uint8_t *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		size_t page = p[0] % (valid_len / SNAP_PAGE);
		size_t off = page * SNAP_PAGE + (p[1] | (size_t)p[2] << 8) % (SNAP_PAGE - 3);
		uint32_t old = get32(base + off), value = get32(p + 4);
		uint32_t x = p[3] % 4 == 0   ? value
			     : p[3] % 4 == 1 ? old ^ value
			     : p[3] % 4 == 2 ? old + value
					     : (old & ~0xffu) | (value & 0xff);
		memcpy(base + off, &x, sizeof(x));
	}
}

static void fix_crc(uint8_t *base, size_t len, uint64_t root_off)
{
	if (root_off >= len || len - root_off < sizeof(struct snap_root) || root_off % 8 != 0)
		return;
	struct snap_root *root = (struct snap_root *)(base + root_off);
	root->crc32c = snap_root_crc(root);
}

/* Where the reads go, so that the compiler keeps them. */
static _Atomic(uint64_t) sink;

static void check_two(const uint8_t *base, size_t len)
{
	struct snap_view prev, v, full;

	if (snap_check(base, len, old_root, NULL, &prev, NULL) < 0)
		return;
	sink += read_all(&prev);
	if (snap_check(base, len, new_root, &prev, &v, NULL) < 0)
		return;
	sink += read_all(&v);
	/* What passes beside an earlier version passes alone. */
	if (snap_check(base, len, new_root, NULL, &full, NULL) < 0)
		abort();
}

static void check_one(const uint8_t *base, size_t len, uint64_t root_off)
{
	struct snap_view v;

	if (snap_check(base, len, root_off, NULL, &v, NULL) == 0)
		sink += read_all(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (valid == NULL)
		make_valid();
	if (len < 9 && (len == 0 || data[0] % 2 == 1))
		return 0;
	bool is_file = data[0] % 2 == 1;
	size_t file_len = is_file ? len - 9 : valid_len;
	if (file_len > MAX_FILE)
		return 0;
	uint8_t *base = aligned_alloc(64, (file_len + 64) & ~(size_t)63);
	if (base == NULL)
		return 0;
	/*
	 * aligned_alloc() wants a multiple of the alignment: keep the block's end the file's end.
	 */
	size_t pad = ((file_len + 64) & ~(size_t)63) - file_len;
	uint8_t *at = base + pad / 8 * 8;
	if (is_file)
		memcpy(at, data + 9, file_len);
	else
		memcpy(at, valid, file_len);
	uint64_t root_off = new_root;
	if (is_file)
		memcpy(&root_off, data + 1, sizeof(root_off));
	else
		apply_patches(at, data + 1, len - 1);
	if ((data[0] & 2) == 0) {
		fix_crc(at, file_len, root_off);
		fix_crc(at, file_len, old_root);
	}
	check_one(at, file_len, root_off);
	if (!is_file)
		check_two(at, file_len);
	free(base);
	return 0;
}
