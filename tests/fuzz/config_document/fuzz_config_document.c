/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Document bytes to struct config to the snapshot's object. Files come from memory. What loads
 * must compile, and what was compiled must pass the data plane's check.
 */

#include "common/snap/snap.h"
#include "tests/unit/controlplane/config/document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int tag_id(void *user, const char *, uint32_t *ret_id)
{
	uint32_t *nb = user;

	if (*nb == SNAP_MAX_TAGS)
		return -ENOSPC;
	*ret_id = (*nb)++;
	return 0;
}

static int key_slot(void *, struct slice, uint32_t *ret_slot)
{
	*ret_slot = 0;
	return 0;
}

static void compile(const struct config *cfg)
{
	uint32_t nb_tags = 0;
	const struct config_env env = {.tag_id = tag_id, .key_slot = key_slot, .user = &nb_tags};
	const char *why = NULL;
	size_t obj_len;
	void *obj;

	int rc = config_compile(cfg, &env, &obj, &obj_len);
	if (rc == -ENOSPC || rc == -ENOMEM)
		return;
	if (rc < 0 || snap_config_check(obj, obj_len, &why) < 0) {
		fprintf(stderr, "compiled object refused: %d %s\n", rc, why == NULL ? "" : why);
		abort();
	}
	free(obj);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config_errors errs = {};

	struct config *cfg =
		config_parse(data, len, "/etc/tagwarden/tagwarden.json", &document_files, &errs);
	if ((cfg == NULL) != (errs.nb_errors > 0))
		abort();
	if (cfg != NULL)
		compile(cfg);
	config_free(cfg);
	return 0;
}
