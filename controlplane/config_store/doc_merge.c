/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/doc_merge.h"

static int merge_member(json_t *target, const char *key, json_t *patch)
{
	if (json_is_null(patch)) {
		(void)json_object_del(target, key);
		return 0;
	}
	json_t *v = doc_merge(json_incref(json_object_get(target, key)), patch);
	return v == NULL ? -1 : json_object_set_new(target, key, v);
}

json_t *doc_merge(json_t *target, json_t *patch)
{
	const char *key;
	json_t *v;

	if (!json_is_object(patch)) {
		json_decref(target);
		return json_incref(patch);
	}
	if (!json_is_object(target)) {
		json_decref(target);
		target = json_object();
	}
	json_object_foreach(patch, key, v)
	{
		if (target == NULL || merge_member(target, key, v) < 0) {
			json_decref(target);
			return NULL;
		}
	}
	return target;
}
