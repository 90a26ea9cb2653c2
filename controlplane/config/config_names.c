/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config_names.h"

#include "common/snap/snap_layout.h"

void config_names_init(struct config_names *n, const char *what)
{
	*n = (struct config_names){.what = what, .set = json_object()};
	n->is_oom = n->set == NULL;
}

void config_names_fini(struct config_names *n)
{
	json_decref(n->set);
	n->set = NULL;
}

void config_names_add(struct config_names *n, const char *name, uint32_t idx,
		      const struct config_path *path, struct config_errors *errs)
{
	const json_t *taken = json_object_get(n->set, name);

	if (taken != NULL)
		config_error(errs, path, "%s \"%.80s\" is there already, as number [%u]", n->what,
			     name, (unsigned)json_integer_value(taken));
	else if (json_object_set_new(n->set, name, json_integer(idx)) < 0)
		n->is_oom = true;
}

uint32_t config_names_resolve(const struct config_names *n, const char *name,
			      const struct config_path *path, struct config_errors *errs)
{
	const json_t *found = json_object_get(n->set, name);

	if (found != NULL)
		return (uint32_t)json_integer_value(found);
	config_error(errs, path, "there is no %s \"%.80s\"", n->what, name);
	return SNAP_NONE;
}
