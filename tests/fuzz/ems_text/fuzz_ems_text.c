/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Mending of JSON that jansson refuses for its text: what it reads as it is stays as it is, and
 * once is enough.
 */

#include "ems/ems_mend.h"

#include <jansson.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	json_error_t err;
	json_t *before = json_loadb((const char *)data, len, JSON_DECODE_ANY, &err);
	uint8_t *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, data, len);

	const size_t nb = ems_mend(copy, len);

	if (before != NULL && (nb > 0 || (len > 0 && memcmp(copy, data, len) != 0)))
		abort();
	if (ems_mend(copy, len) != 0)
		abort();
	json_decref(before);
	free(copy);
	return 0;
}
