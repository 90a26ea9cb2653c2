/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration document: validate one, take up the one on disk. */

#include "config/config.h"
#include "rest/config_answer.h"
#include "rest/rest_priv.h"

#include <stdlib.h>

static void post_reload(const struct rest_req *req, struct rest_res *res);
static void post_validate(const struct rest_req *req, struct rest_res *res);

/*
 * Both read files and compile patterns: not under the lock, which cp_reload() takes itself. A
 * document names files that are then opened, so validating one is for who may change it.
 */
const struct rest_route rest_config_routes[] = {
	{REST_POST, "/api/v1/reload", post_reload,
	 "read the document anew; one with errors changes nothing", true, REST_ROLE_ADMIN},
	{REST_POST, "/api/v1/validate", post_validate,
	 "check the document in the body, change nothing", true, REST_ROLE_ADMIN,
	 CONFIG_DOCUMENT_MAX},
	{0},
};

static void answer(struct rest_res *res, const struct config_errors *errs, bool is_ok)
{
	if (!is_ok)
		rest_problem(res, 422, "The document has errors; nothing was changed.");
	else
		res->json = json_object();
	config_answer_lists(res->json, errs);
}

static void post_reload(const struct rest_req *req, struct rest_res *res)
{
	struct config_errors *errs = calloc(1, sizeof(*errs));

	if (errs == NULL) {
		rest_problem(res, 503, "Out of memory.");
		return;
	}
	char who[CONFIG_WHO_MAX];

	config_answer_who(req->who, who);
	const int rc = cp_reload(req->cp, who, errs);

	answer(res, errs, rc == 0);
	free(errs);
}

static void post_validate(const struct rest_req *req, struct rest_res *res)
{
	struct config_errors *errs = calloc(1, sizeof(*errs));
	struct config *cfg;

	if (errs == NULL) {
		rest_problem(res, 503, "Out of memory.");
		return;
	}
	/* As if it stood where ours stands: its relative file names start there. */
	cfg = config_parse(req->body.ptr != NULL ? (const char *)req->body.ptr : "", req->body.len,
			   req->cp->config_path, &config_files_os, errs);
	answer(res, errs, cfg != NULL);
	config_free(cfg);
	free(errs);
}
