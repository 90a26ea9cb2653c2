/* SPDX-License-Identifier: BSD-3-Clause */

/* Users' pictures, kept by fingerprint: at most EMS_AVATARS_KEPT files of EMS_AVATAR_MAX bytes. */

#pragma once

#include "base/cp.h"
#include "ems/ems_answers.h"

#include <stddef.h>
#include <stdint.h>

#define EMS_AVATARS_KEPT 1000u

/*
 * Any thread, without the lock: the picture from the disk, free() it, and its media type.
 * -ENOENT: it is not there.
 */
[[nodiscard]] int ems_avatar_load(const struct cp *cp, const struct ems_fingerprint *fp,
				  uint8_t **ret, size_t *ret_len, const char **ret_type);
/* Holder of the lock: have EMS <ems_id> asked for it. */
void ems_avatar_want(struct cp *cp, unsigned ems_id, const struct ems_fingerprint *fp);
