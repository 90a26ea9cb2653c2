/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The decision: facts in, verdict and (when asked) the steps out. Pure: no clock, no I/O, no
 * allocation. The data plane enforces with it; the control plane explains and simulates with
 * the same object file.
 */

#pragma once

#include "common/snap/snap.h"
#include "common/stats/outcome.h"

#include <stdbool.h>
#include <stdint.h>

enum policy_cert {
	POLICY_CERT_NONE,     /* the client showed none */
	POLICY_CERT_VERIFIED, /* chain, dates, key usage are in order; uid, serial, ems are set */
};

/* What is known of a request when it is decided. A session keeps it to be decided again. */
struct policy_facts {
	struct ip_addr source;
	uint32_t interface; /* index: where it came in */
	uint32_t proxy;     /* index of the access proxy */
	uint8_t cert;       /* enum policy_cert */
	uint8_t ems;        /* index of the EMS whose CA issued the certificate */
	bool is_existing;   /* the session was accepted before: matters to keep-existing */
	bool is_pulled;     /* EMS was asked for the unknown device and had its time */
	struct device_uid uid;
	struct cert_serial serial;
};

/* The time and the contact with EMS as they are at the decision. */
struct policy_now {
	uint64_t now_ms;                       /* CLOCK_MONOTONIC */
	uint64_t ems_contact_ms[SNAP_MAX_EMS]; /* same clock; 0: never */
};

struct policy_verdict {
	bool is_accept;
	bool is_pending; /* unknown device: ask EMS, then decide again with is_pulled */
	bool is_log;     /* the deciding policy (or the access proxy, for denials) wants a line */
	bool is_ems_online;               /* the device's EMS is in contact */
	uint16_t outcome;                 /* enum outcome */
	uint16_t code;                    /* 1..67, 0 when accepted */
	uint32_t policy;                  /* index, SNAP_NONE: implicit deny */
	uint32_t policy_id;               /* 0: implicit deny */
	uint32_t posture;                 /* SNAP_NONE: unknown */
	const struct snap_device *device; /* NULL: unknown; in the snapshot */
	/*
	 * When this verdict may change by the mere passing of time (posture going stale), in
	 * now_ms's clock; UINT64_MAX: never.
	 */
	uint64_t valid_until_ms;
};

/* Three-valued logic (Kleene): what an expression is for a device. */
enum policy_truth {
	POLICY_FALSE,
	POLICY_TRUE,
	POLICY_UNKNOWN
};

/* One step of the evaluation, in order, for explanations. */
enum policy_step {
	POLICY_STEP_CERT_SERIAL, /* certificate's serial against the record's */
	POLICY_STEP_REVOKED,
	POLICY_STEP_DEVICE,  /* record found, registered, online, not quarantined */
	POLICY_STEP_POSTURE, /* known and fresh */
	POLICY_STEP_POLICY_SERVICE,
	POLICY_STEP_POLICY_SOURCE,
	POLICY_STEP_POLICY_TAGS,
	POLICY_STEP_POLICY_MATCH,
};

struct policy_trace_row {
	uint8_t step;  /* enum policy_step */
	uint8_t truth; /* enum policy_truth: passed, failed, unknown */
	uint16_t unused;
	uint32_t policy; /* index, SNAP_NONE for steps before the policies */
};

/* Caller-owned; rows beyond <cap> are counted in <nb> but not stored. */
struct policy_trace {
	struct policy_trace_row *row;
	uint32_t cap;
	uint32_t nb;
};

/*
 * Decide. Order: certificate against record (001, 063), device (066, 067, 062), then the
 * policies in order, first match; none is the implicit deny: 065 when some policy failed by its
 * tags alone, 061 otherwise. An access proxy without client_cert, or with an empty certificate
 * that it accepts, has no device: tags are unknown then, and unknown never lets through: an
 * accept policy does not match, a deny policy denies (066). <trace> may be NULL.
 */
void policy_decide(const struct snap_view *v, const struct policy_facts *f,
		   const struct policy_now *now, struct policy_verdict *ret,
		   struct policy_trace *trace);

/*
 * Evaluate <expr> for a known posture bitset, or with <bits> NULL for an unknown one. Used by
 * the builder for verdict rows and by explanations.
 */
enum policy_truth policy_expr_eval(const void *config, const struct snap_expr *expr,
				   const uint64_t *bits, uint32_t nb_words);

/* Is the posture of a device of <ems> usable at <now>, with <grace_s> beyond its threshold? */
bool policy_is_fresh(const struct snap_view *v, uint8_t ems, const struct policy_now *now,
		     uint32_t grace_s);

/*
 * For the block page, by reason code: the group's title, what happened, what to do. Never NULL,
 * and never a word about policies' or tags' names.
 */
const char *policy_code_title(uint16_t code);
const char *policy_code_text(uint16_t code);
const char *policy_code_remedy(uint16_t code);
