/* SPDX-License-Identifier: BSD-3-Clause */

/* docs/api/openapi.json, as it was when this was built. */

#include "rest/rest_priv.h"

#include <stdlib.h>
#include <string.h>

static void get_openapi(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_openapi_routes[] = {
	{REST_GET, "/api/v1/openapi.json", get_openapi, "this API as an OpenAPI document",
	 .is_unlocked = true},
	{0},
};

static void get_openapi(const struct rest_req *req, struct rest_res *res)
{
	if (rest_etag(req, res, "openapi"))
		return;
	res->text = strdup(rest_openapi_text);
	if (res->text == NULL)
		rest_problem(res, 503, "Out of memory.");
}
