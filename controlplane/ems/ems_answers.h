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
