/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config.h"

#include "config/config_json.h"
#include "config/config_pool.h"
#include "config/config_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct config_path whole;

static int set_path(struct config *cfg, const char *path)
{
	const char *slash = strrchr(path, '/');

	cfg->path = config_pool_str(cfg, path);
	char *dir = config_pool_str(cfg, slash == NULL ? "." : path);
	if (cfg->path == NULL || dir == NULL)
		return -ENOMEM;
	/* "/x.json" is in "", so that dir + "/" + name is right everywhere. */
	if (slash != NULL)
		dir[slash - path] = '\0';
	cfg->dir = dir;
	return 0;
}

/*
 * The steps after JSON. A step is taken only when the one before had no error: each trusts what
 * the earlier ones checked.
 */
static int build(struct config *cfg, json_t *doc, const struct config_files *files,
		 struct config_errors *errs)
{
	int rc = config_schema_check(doc, errs);

	if (rc == 0)
		rc = config_read(cfg, doc);
	if (rc == 0)
		rc = config_check(cfg, errs);
	if (rc == 0)
		rc = config_load_files(cfg, files, errs);
	/* Compiling is the dear step, and references must be right for it to mean something. */
	if (rc == 0 && errs->nb_errors == 0)
		rc = config_patterns_compile(cfg, errs);
	if (rc == 0 && errs->nb_errors > 0)
		rc = -EBADMSG;
	return rc;
}

struct config *config_parse(const void *ptr, size_t len, const char *path,
			    const struct config_files *files, struct config_errors *errs)
{
	struct config *cfg = calloc(1, sizeof(*cfg));
	json_t *doc = NULL;
	int rc = cfg == NULL ? -ENOMEM : set_path(cfg, path);

	if (rc == 0 && len > 0 && len <= CONFIG_DOCUMENT_MAX) {
		cfg->document = config_pool_bytes(cfg, ptr, len);
		rc = cfg->document.ptr == NULL ? -ENOMEM : 0;
	}
	if (rc == 0) {
		doc = config_json_parse(ptr, len, errs);
		rc = doc == NULL ? -EBADMSG : build(cfg, doc, files, errs);
	}
	json_decref(doc);
	if (rc == 0)
		return cfg;
	if (rc != -EBADMSG)
		config_error(errs, &whole, "cannot be loaded: %s", strerror(-rc));
	config_free(cfg);
	return NULL;
}

struct config *config_load(const char *path, struct config_errors *errs)
{
	uint8_t *buf;
	size_t len;
	mode_t mode;

	int rc = config_files_os.read(config_files_os.user, path, CONFIG_DOCUMENT_MAX, &buf, &len,
				      &mode);
	if (rc < 0) {
		config_error(errs, &whole, "cannot read %s: %s", path, strerror(-rc));
		return NULL;
	}
	struct config *cfg = config_parse(buf, len, path, &config_files_os, errs);
	free(buf);
	return cfg;
}

void config_free(struct config *cfg)
{
	if (cfg == NULL)
		return;
	config_pool_fini(cfg);
	free(cfg);
}

int config_ems_snap_idx(const struct config *cfg, unsigned id)
{
	int idx = 0;

	for (unsigned i = 0; i < cfg->nb_ems; i++) {
		if (!cfg->ems[i].is_enabled)
			continue;
		if (cfg->ems[i].id == id)
			return idx;
		idx++;
	}
	return -ENOENT;
}
