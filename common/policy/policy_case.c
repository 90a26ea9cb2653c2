/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/policy/policy_case.h"

#include <stddef.h>
#include <string.h>

static const void *at(const struct snap_config *config, struct snap_arr a)
{
	return (const uint8_t *)config + a.off;
}

static void put_device(struct policy_world *w, const struct policy_case *c)
{
	const uint64_t hash = snap_device_hash(w->hdr.hash_seed, &c->facts.uid);

	/* The world is new, so the place is free, and all others are. */
	if (!c->has_device)
		return;
	struct snap_device *d = &w->page.dev[hash % SNAP_DEVICES_PER_PAGE];
	*d = c->device;
	d->uid = c->facts.uid;
	d->posture = c->has_tags ? 0 : SNAP_NONE;
	d->is_used = 1;
}

void policy_case_decide(struct policy_world *w, const struct snap_config *config,
			const struct policy_case *c, struct policy_verdict *ret,
			struct policy_trace *trace)
{
	*w = (struct policy_world){};
	w->dir[0] = offsetof(struct policy_world, page);
	w->root.postures =
		(struct snap_ref){offsetof(struct policy_world, tags), 1, sizeof(w->tags)};
	w->root.verdicts =
		(struct snap_ref){offsetof(struct policy_world, verdicts), 1, sizeof(w->verdicts)};
	w->root.revoked = (struct snap_ref){offsetof(struct policy_world, revoked),
					    c->is_revoked ? 1 : 0, sizeof(w->revoked)};
	w->revoked.serial = c->facts.serial;
	w->revoked.ems = c->facts.ems;
	memcpy(w->tags, c->tags, sizeof(w->tags));
	put_device(w, c);
	snap_verdicts_fill(config, w->tags, POLICY_TAG_WORDS, w->verdicts);

	const struct snap_view v = {
		.base = (const uint8_t *)w,
		.len = sizeof(*w),
		.root = &w->root,
		.device_dir = w->dir,
		.config = config,
	};

	policy_decide(&v, &c->facts, &c->now, ret, trace);
}

bool policy_case_is_fresh(const struct snap_config *config, const struct policy_case *c)
{
	const struct snap_view v = {.config = config};

	return c->has_device && policy_is_fresh(&v, c->device.ems, &c->now, 0);
}

bool policy_case_has_cert(const struct snap_config *config, const struct policy_case *c)
{
	const struct snap_access_proxy *ap = at(config, config->proxies);

	return c->facts.proxy < config->proxies.count && ap[c->facts.proxy].client_cert != 0 &&
	       c->facts.cert == POLICY_CERT_VERIFIED;
}
