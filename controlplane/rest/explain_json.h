/* SPDX-License-Identifier: BSD-3-Clause */

/* An explanation as JSON: the rule tree as it was evaluated, and what would turn the decision. */

#pragma once

#include "explain/explain.h"
#include "rest/rest_priv.h"

/*
 * Decide <m>, which is settled, and say all of it. Without the lock: advice may take a while. The
 * verdict is stored in <ret> (NULL allowed). NULL: out of memory.
 */
json_t *explain_json(const struct explain_moment *m, struct policy_verdict *ret);
