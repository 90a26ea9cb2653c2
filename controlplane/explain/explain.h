/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Why something was, or would be, decided: a moment gathers what was known, under the lock; the
 * rest works on that copy without it. Nothing of this reaches a client.
 */

#pragma once

#include "common/policy/policy_advice.h"
#include "common/record/record_layout.h"
#include "history/denial.h"
#include "history/history.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Everything one decision rests on. Times in <c.now> are CLOCK_REALTIME here, milliseconds: a
 * decision only compares them.
 */
struct explain_moment {
	uint64_t real_ms;
	bool is_past;                  /* as of a time, not as of now */
	struct history_config *config; /* one reference */
	struct policy_case c;
	struct history_device dev;
};

/* Empty, or NULL: out of memory. */
struct explain_moment *explain_moment_new(void);
void explain_moment_free(struct explain_moment *m);

/* ---- gathering; holder of the lock ---- */

/* The configuration in force and the contacts with EMS as of now. False: none is published. */
bool explain_now(struct cp *cp, struct explain_moment *m);
/* <m->c.facts.uid>'s device as it is now, into <m->dev>. */
void explain_device_now(struct cp *cp, struct explain_moment *m);
/* The contacts of <m->config>'s EMSs when it was <m->real_ms>, as far as they still are known. */
void explain_contacts_now(struct cp *cp, struct explain_moment *m);
/* Are the certificate that was shown, and EMS's, revoked? As of now. */
void explain_revoked_now(struct cp *cp, struct explain_moment *m);

/*
 * What is known as <r> comes in, some milliseconds after it was decided; its names stay empty. Main
 * thread.
 */
void explain_note(struct cp *cp, const struct record *r, struct denial *ret);
/* What was known of <d>'s device, with the tags that decided. */
void explain_device_then(struct cp *cp, const struct denial *d, struct history_device *ret);
/* What was known when <d> was decided. False: its configuration is not kept any more. */
bool explain_then(struct cp *cp, const struct denial *d, struct explain_moment *m);
/*
 * Debug output for <r>: how the request was matched to a policy, line by line, in the field's
 * shapes. Main thread, under the lock.
 */
void explain_wad(struct cp *cp, const struct record *r);

/* ---- on the copy ---- */

/* The facts and contacts of <d>, without device and configuration. */
void explain_then_facts(const struct denial *d, struct explain_moment *m);
/* The contacts as of <m->real_ms> from the last words of EMSs by id. */
void explain_contacts_by_id(struct explain_moment *m, const uint64_t at_ms[STATE_MAX_EMS + 1]);
/* Make <m->c> of <m->dev> and <m->config>; its facts and times stay. */
void explain_settle(struct explain_moment *m);
/* Index of the access proxy called <name>; SNAP_NONE: there is none. */
uint32_t explain_proxy_find(const struct snap_config *config, struct slice name);
/* Index of the EMS with <id>; SNAP_NONE. */
uint32_t explain_ems_find(const struct snap_config *config, uint32_t id);
/* Was this decided by policy_decide()? Other denials come from TLS or from routing. */
bool explain_is_policy(enum outcome outcome);

/* The same of a record: one that was accepted was, whatever it ended in. */
static inline bool explain_is_decided(const struct record *r)
{
	return explain_is_policy((enum outcome)r->outcome) || (r->flags & RECORD_F_ACCEPT);
}

static inline struct slice explain_str(const struct snap_config *config, struct snap_str s)
{
	return slice_of((const uint8_t *)config + s.off, s.len);
}

static inline const void *explain_arr(const struct snap_config *config, struct snap_arr a)
{
	return (const uint8_t *)config + a.off;
}

/* ---- words ---- */

#define EXPLAIN_TEXT_MAX 1024u

/* One change in words, as an imperative; EMS's and the configuration's names are in it. */
void explain_change_text(const struct explain_moment *m, const struct policy_advice *a,
			 const struct policy_change *c, char ret[static EXPLAIN_TEXT_MAX]);
/* The whole advice as one sentence: "tag Low-Risk on the device would let policy 17 accept". */
void explain_advice_text(const struct explain_moment *m, const struct policy_advice *a,
			 char ret[static EXPLAIN_TEXT_MAX]);
/* When there is no advice: why not. */
void explain_no_advice_text(const struct explain_moment *m, const struct policy_advices *all,
			    char ret[static EXPLAIN_TEXT_MAX]);
/* What to do about a denial that no policy made; NULL: <outcome> is the policies'. */
const char *explain_outcome_remedy(enum outcome outcome);
/* A tag condition with its values, in a line: "any(FortiAD=true, Low-Risk=false)=true". */
void explain_tree_text(const struct explain_moment *m, uint32_t expr, bool is_known,
		       char ret[static EXPLAIN_TEXT_MAX]);
/* The certificate's serial number beside EMS's, in words. */
const char *explain_serials_text(const struct explain_moment *m);
