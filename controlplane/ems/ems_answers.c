/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_answers.h"

#include <errno.h>
#include <stdlib.h>

static int compare_uids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct device_uid));
}

int ems_rejected_parse(const json_t *data, struct ems_rejected *ret, ems_why *ret_why)
{
	const json_t *list = json_object_get(data, "rejected_uid_list");
	const size_t n = json_array_size(list);

	*ret = (struct ems_rejected){0};
	/* An EMS that rejects nobody may say so by silence. */
	if (list == NULL || json_is_null(list))
		return 0;
	*ret_why = "rejected_uid_list is no array, or too long";
	if (!json_is_array(list) || n > EMS_REJECTED_MAX)
		return -EBADMSG;
	*ret_why = "out of memory";
	ret->uid = calloc(n + 1, sizeof(*ret->uid));
	if (ret->uid == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *j = json_array_get(list, i);

		if (json_is_string(j) &&
		    device_uid_parse(json_string_value(j), json_string_length(j),
				     &ret->uid[ret->nb]) == 0)
			ret->nb++;
		else
			ret->nb_bad++;
	}
	qsort(ret->uid, ret->nb, sizeof(*ret->uid), compare_uids);
	return 0;
}

bool ems_rejected_has(const struct ems_rejected *r, const struct device_uid *uid)
{
	return r->nb > 0 && bsearch(uid, r->uid, r->nb, sizeof(*r->uid), compare_uids) != NULL;
}

void ems_rejected_free(struct ems_rejected *r)
{
	free(r->uid);
	*r = (struct ems_rejected){0};
}
