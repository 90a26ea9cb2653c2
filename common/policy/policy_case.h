/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A case: everything that one decision rests on but the configuration, kept by value, so that it
 * can be decided again: later, elsewhere, under another configuration, or with something changed.
 * It is decided by policy_decide() itself, over a snapshot of one device in private memory.
 *
 * For explanations: a call costs a pass over all tag expressions. Any thread.
 */

#pragma once

#include "common/policy/policy.h"

#include <stdalign.h>

#define POLICY_TAG_WORDS (SNAP_MAX_TAGS / 64)
/* snap_set_bytes() of as many policies as there may be */
#define POLICY_SET_WORDS (SNAP_MAX_POLICIES / 64 + SNAP_MAX_POLICIES / 64 / 64)

struct policy_case {
	struct policy_facts facts;
	struct policy_now now;
	bool has_device; /* EMS had told of <facts.uid>: <device> is set */
	bool has_tags;   /* its tags are known: <tags> */
	bool is_revoked; /* the certificate that was shown */
	bool is_record_revoked;
	struct snap_device device; /* its posture does not matter */
	uint64_t tags[POLICY_TAG_WORDS];
};

/* The snapshot that a case is decided over; about 20 KiB, the caller's. */
struct policy_world {
	alignas(64) struct snap_hdr hdr;
	struct snap_root root;
	uint64_t dir[1];
	alignas(64) struct snap_device_page page;
	uint64_t tags[POLICY_TAG_WORDS];
	uint64_t verdicts[POLICY_SET_WORDS];
	struct snap_revoked revoked;
};

/*
 * Decide <c> under <config>, which was checked (snap_config_check()). <ret->device> points into
 * <w>. <trace> may be NULL.
 */
void policy_case_decide(struct policy_world *w, const struct snap_config *config,
			const struct policy_case *c, struct policy_verdict *ret,
			struct policy_trace *trace);

static inline bool policy_case_has_tag(const struct policy_case *c, uint32_t tag)
{
	return tag < SNAP_MAX_TAGS && ((c->tags[tag / 64] >> (tag % 64)) & 1);
}

static inline void policy_case_flip_tag(struct policy_case *c, uint32_t tag)
{
	c->tags[tag / 64] ^= 1ull << (tag % 64);
}

/* May the posture of <c>'s device be used now, without any policy's grace? */
bool policy_case_is_fresh(const struct snap_config *config, const struct policy_case *c);
/* Is <c> a device by its certificate, under an access proxy that asks for one? */
bool policy_case_has_cert(const struct snap_config *config, const struct policy_case *c);
