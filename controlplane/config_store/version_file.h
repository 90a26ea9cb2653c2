/* SPDX-License-Identifier: BSD-3-Clause */

/* One file of the store: bytes to a checked struct config_version and back. Pure but for sums. */

#pragma once

#include "config_store/config_store.h"

#define VERSION_HEAD_MAX 4096u /* both lines */

/* The two lines before the document; free() them. NULL: out of memory. */
char *version_head_emit(const struct config_version *v, size_t *ret_len);
/*
 * Parse the two lines at the start of [ptr, len), which need not hold the document.
 * *<ret_len>: how long they are. -EBADMSG: this is no such file, or a damaged one.
 */
[[nodiscard]] int version_head_parse(const char *ptr, size_t len, struct config_version *ret,
				     size_t *ret_len);
