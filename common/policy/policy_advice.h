/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is the least that would have let a denied request through? Each advice is a list of
 * changes that, made together, turn the decision: every one was applied to the case and decided
 * anew by policy_decide() before it is given. The changes of the device and of its tags come
 * before those of the configuration.
 *
 * The search over tags is exact: no smaller set of tags does it, unless <is_exact> says that the
 * bound on work was reached first. Tags that several policies and branches share count once.
 */

#pragma once

#include "common/policy/policy_case.h"

enum policy_change_kind {
	/* who the client is */
	POLICY_CHANGE_ASK_CERT,     /* the access proxy has to ask for a certificate */
	POLICY_CHANGE_SHOW_CERT,    /* show the certificate of a registered device */
	POLICY_CHANGE_KNOW,         /* EMS has to know the device: register it */
	POLICY_CHANGE_ISSUE,        /* EMS has to issue a certificate: its serial number is zero */
	POLICY_CHANGE_CERT_EMS,     /* the certificate is one of another EMS than the device's */
	POLICY_CHANGE_SERIAL,       /* the serial number must be EMS's */
	POLICY_CHANGE_REISSUE,      /* the certificate is revoked */
	POLICY_CHANGE_REGISTER,     /* the device is not registered */
	POLICY_CHANGE_ONLINE,       /* the device is offline */
	POLICY_CHANGE_UNQUARANTINE, /* the device is quarantined */
	/* what is known of it */
	POLICY_CHANGE_CONTACT, /* contact with its EMS was lost for too long */
	POLICY_CHANGE_TAGS,    /* EMS has to tell the device's tags */
	POLICY_CHANGE_TAG_ADD, /* <arg>: tag */
	POLICY_CHANGE_TAG_REMOVE,
	/* where it comes from */
	POLICY_CHANGE_SOURCE, /* come from an address of policy <arg> */
	/* the configuration */
	POLICY_CHANGE_MOVE, /* policy <arg> above policy <above> */
};

struct policy_change {
	uint8_t kind;   /* enum policy_change_kind */
	uint32_t arg;   /* tag id or index of a policy */
	uint32_t above; /* POLICY_CHANGE_MOVE: index of a policy */
};

#define POLICY_ADVICE_CHANGES 24u
#define POLICY_ADVICE_TAGS 12u /* tags to change at most */

struct policy_advice {
	struct policy_change change[POLICY_ADVICE_CHANGES];
	uint32_t nb;
	uint32_t policy; /* index of the one that accepts then */
	bool is_exact;   /* no smaller set of tags does it */
};

#define POLICY_ADVICES_MAX 3u

struct policy_advices {
	struct policy_advice advice[POLICY_ADVICES_MAX]; /* the smallest first */
	uint32_t nb;                                     /* 0: nothing was found */
	bool is_accept;                                  /* nothing has to change */
	/* How many policies are for this access proxy; and, of those, for this source too. */
	uint32_t nb_service, nb_source;
	bool is_exhausted; /* the bound on work was reached: there may be something */
};

/*
 * Advise on <c> under <config>. -ENOMEM; -EINVAL: <c> names an access proxy that <config> lacks.
 * Costs up to a tenth of a second or so with thousands of policies: not for a packet's path, and
 * without a lock that others wait for. Any thread.
 */
[[nodiscard]] int policy_advise(const struct snap_config *config, const struct policy_case *c,
				struct policy_advices *ret);
