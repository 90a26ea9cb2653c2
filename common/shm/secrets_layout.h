/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The secrets file: private keys and session-ticket keys. The control plane writes, the data
 * plane maps read-only; both keep it out of core dumps (MADV_DONTDUMP). Nothing of it ever
 * reaches a snapshot, a log or a REST answer.
 *
 * A key slot is written once, before the configuration that names it is published, and wiped
 * after the grace period of the last version that did.
 */

#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#define SECRETS_MAGIC 0x54524353u
#define SECRETS_ABI 1u
#define SECRETS_SLOTS 512u
#define SECRETS_DER_MAX 4080u
#define SECRETS_TICKET_KEYS 3u

struct secrets_key {
	uint32_t len; /* bytes of <der>, 0: free */
	uint32_t unused[3];
	uint8_t der[SECRETS_DER_MAX]; /* PKCS#8 */
};
static_assert(sizeof(struct secrets_key) == 4096, "crosses processes");

/* [0] encrypts; all decrypt. Rotated by the control plane; seqlock <ticket_seq>. */
struct secrets_ticket_key {
	uint8_t name[16];
	uint8_t aes[32];
	uint8_t hmac[32];
	uint64_t not_before_ms; /* CLOCK_REALTIME; 0: unset */
};

struct secrets {
	uint32_t magic;
	uint32_t abi;
	uint64_t instance;
	_Atomic(uint64_t) ticket_seq; /* odd while being written */
	struct secrets_ticket_key ticket[SECRETS_TICKET_KEYS];
	uint8_t unused[3808];
	struct secrets_key key[SECRETS_SLOTS];
};
static_assert(sizeof(struct secrets) == 4096 + 512 * 4096, "crosses processes");
