/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration document: validate one, take up the one on disk. */

#include "config/config.h"
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
	 "check the document in the body, change nothing", true, REST_ROLE_ADMIN},
	{0},
};

static json_t *errors_json(const struct config_errors *errs, bool is_warning)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < errs->nb; i++)
		if (errs->e[i].is_warning == is_warning)
			json_array_append_new(list, json_pack("{s:o,s:o}", "path",
							      rest_cstr(errs->e[i].path.s), "text",
							      rest_cstr(errs->e[i].text)));
	return list;
}

static void answer(struct rest_res *res, const struct config_errors *errs, bool is_ok)
{
	if (!is_ok)
		rest_problem(res, 422, "The document has errors; nothing was changed.");
	else
		res->json = json_object();
	json_object_set_new(res->json, "errors", errors_json(errs, false));
	json_object_set_new(res->json, "warnings", errors_json(errs, true));
	json_object_set_new(res->json, "not_shown", json_integer(errs->nb_dropped));
}

static void post_reload(const struct rest_req *req, struct rest_res *res)
{
	struct config_errors *errs = calloc(1, sizeof(*errs));

	if (errs == NULL) {
		rest_problem(res, 503, "Out of memory.");
		return;
	}
	const int rc = cp_reload(req->cp, errs);

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
