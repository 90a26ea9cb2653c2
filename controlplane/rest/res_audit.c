/* SPDX-License-Identifier: BSD-3-Clause */

/* The latest entries of the audit log. */

#include "rest/audit.h"

static void get_audit(const struct rest_req *req, struct rest_res *res);

/* The log has its own lock. */
const struct rest_route rest_audit_routes[] = {
	{REST_GET, "/api/v1/audit", get_audit,
	 "who did what, latest first; ?limit= ?cursor=; follow next_cursor", .is_unlocked = true},
	{0},
};

static void get_audit(const struct rest_req *req, struct rest_res *res)
{
	const unsigned limit =
		(unsigned)rest_query_uint(req, "limit", REST_PAGE_DEFAULT, REST_PAGE_MAX);
	const uint64_t before = rest_query_uint(req, "cursor", 0, UINT64_MAX);
	uint64_t next;
	json_t *list = audit_page(req->cp, before, limit, &next);

	res->json = json_pack("{s:o,s:o}", "entries", list, "next_cursor",
			      next != 0 ? json_integer((json_int_t)next) : json_null());
}
