/* SPDX-License-Identifier: BSD-3-Clause */
/* Users' pictures: small PNGs that are computed from the UID and a version. */
#pragma once

#include "emsim/buf.h"
#include "emsim/store.h"

#include <stdint.h>

void avatar_png(const uint8_t uid[static UID_LEN], uint32_t version, struct buf *out);
/* SHA-1 of it. */
void avatar_fingerprint(const uint8_t uid[static UID_LEN], uint32_t version,
			uint8_t ret[static SERIAL_LEN]);
