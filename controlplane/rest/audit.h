/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The audit log: who did what, from where, and what came of it. One JSON object a line, in a file
 * that is rotated; the latest entries are kept in memory too, for GET /api/v1/audit. The router
 * writes one entry for each request that may change or show something out of the ordinary;
 * handlers may add entries with more detail.
 */

#pragma once

#include "rest/rest_priv.h"

#define AUDIT_KEEP 1000u      /* entries in memory */
#define AUDIT_DETAIL_MAX 512u /* bytes; what is longer is cut */

/* Opens the file and takes up the entries at its end. The control plane is cp->audit's owner. */
[[nodiscard]] int audit_open(struct cp *cp);
/* The document has changed. Holder of the lock. */
void audit_reload(struct cp *cp);
void audit_close(struct cp *cp);

/*
 * Any thread, with or without the lock: <who> did <what>, <detail> is in plain words and may be
 * NULL. <who> NULL: the control plane itself. Without an audit log nothing happens.
 */
void audit(struct cp *cp, const struct rest_who *who, const char *what, const char *detail);
/* One for a request that ended in <status>. */
void audit_request(struct cp *cp, const struct rest_who *who, enum rest_method method,
		   const char *path, int status, const char *detail);
/* As audit_request(), with the method as it was sent. */
void audit_method(struct cp *cp, const struct rest_who *who, const char *method, const char *path,
		  int status, const char *detail);
/*
 * Up to <limit> entries, latest first, which are older than number <before> (0: from the latest).
 * *<ret_next>: ask on before that one; 0: there are no more.
 */
json_t *audit_page(struct cp *cp, uint64_t before, unsigned limit, uint64_t *ret_next);
