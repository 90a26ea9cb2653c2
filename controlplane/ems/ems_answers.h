/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * EMS's answers that are no pages of records: to what a gateway posts, and files. As in
 * ems_payload.h every byte is untrusted, and there is neither network nor clock. Fuzzed.
 */

#pragma once

#include "common/base/ids.h"
#include "ems/ems_payload.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

/* VPN users that EMS does not want: the answer of gateway_details/vpn. */
#define EMS_REJECTED_MAX 65536u
struct ems_rejected {
	struct device_uid *uid; /* sorted */
	size_t nb;
	size_t nb_bad; /* entries that are no UID */
};

/* 0, -EBADMSG with <ret_why>, -ENOMEM. Free with ems_rejected_free(). */
[[nodiscard]] int ems_rejected_parse(const json_t *data, struct ems_rejected *ret,
				     ems_why *ret_why);
bool ems_rejected_has(const struct ems_rejected *r, const struct device_uid *uid);
void ems_rejected_free(struct ems_rejected *r);

/* A picture's SHA-1. */
#define EMS_FINGERPRINT_LEN 20u
struct ems_fingerprint {
	uint8_t b[EMS_FINGERPRINT_LEN];
};
#define EMS_AVATAR_MAX 131072u

/* Of a device's field STATE_F_AVATAR, which is raw. False: it has none. */
bool ems_fingerprint_of(struct slice field, struct ems_fingerprint *ret);
/* 40 hex digits. */
bool ems_fingerprint_parse(struct slice text, struct ems_fingerprint *ret);
bool ems_fingerprint_fits(const struct ems_fingerprint *fp, struct slice picture);
/*
 * "image/png" or "image/jpeg" by the bytes at its begin and end; NULL: neither. What a browser
 * could take for anything else must not get through.
 */
const char *ems_picture_type(struct slice picture);
/*
 * The picture in <data>: {"fingerprint","content"}, base64, no larger than EMS_AVATAR_MAX, of one
 * of these types, with this SHA-1. free() <ret>. -EBADMSG with <ret_why>; -ENOMEM.
 */
[[nodiscard]] int ems_avatar_decode(const json_t *data, const struct ems_fingerprint *fp,
				    uint8_t **ret, size_t *ret_len, ems_why *ret_why);
