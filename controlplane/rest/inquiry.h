/* SPDX-License-Identifier: BSD-3-Clause */

/* Asking a worker about its connections, and reading what it answers. */

#pragma once

#include "base/cp.h"

/* What came back, copied out of shared memory and clamped. */
struct inquiry_answer {
	uint32_t next; /* slot to go on with; CONN_LAST */
	uint32_t nb_rows, nb_ranges;
	struct conn_range range[2 * CONN_RANGES];
	struct conn_row row[CONN_ROWS];
};

/*
 * Ask <worker> and wait for the answer, at most <wait_ms>. Without the lock; takes it for moments.
 * The server's thread alone asks. -ESRCH: no such worker; -ETIMEDOUT: it did not answer;
 * -ECANCELED: the data plane was restarted meanwhile.
 */
[[nodiscard]] int inquiry_ask(struct cp *cp, uint32_t worker, const struct rdv_inquiry *q,
			      uint32_t wait_ms, struct inquiry_answer *ret);
