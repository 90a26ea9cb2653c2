/* SPDX-License-Identifier: BSD-3-Clause */

/* JSON merge patch (RFC 7396). Lists are replaced as a whole, as it says. */

#pragma once

#include <jansson.h>

/*
 * <target> with <patch> applied: a new reference, which may be <target> changed in place; the
 * caller's reference to <target> is taken over. NULL: out of memory. As deep as <patch> is.
 */
json_t *doc_merge(json_t *target, json_t *patch);
