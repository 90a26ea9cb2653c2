/* SPDX-License-Identifier: BSD-3-Clause */

/* Times as people give them. */

#include "rest/when.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1795344000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *s = malloc(len + 1);
	uint64_t ms = 0;

	if (s == NULL)
		abort();
	memcpy(s, data, len);
	s[len] = '\0';
	/* So long ago is never later than now. */
	if (when_parse(s, NOW, &ms) == 0 && s[0] == '-' && ms > NOW)
		abort();
	free(s);
	return 0;
}
