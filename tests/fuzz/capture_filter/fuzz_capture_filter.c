/* SPDX-License-Identifier: BSD-3-Clause */

/* A filter's text, as whoever may capture writes it, to a program for the workers. */

#include "rest/capture_filter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct capture_insn insn[CAPTURE_INSNS];
	char text[TEXT_MAX], why[CAPTURE_WHY_MAX];
	uint32_t nb = UINT32_MAX;

	if (len >= sizeof(text))
		return 0;
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	memset(why, 'x', sizeof(why));
	if (capture_filter_compile(text, 65535, insn, &nb, why) == 0) {
		if (nb > CAPTURE_INSNS)
			abort();
	} else if (memchr(why, '\0', sizeof(why)) == NULL || why[0] == '\0') {
		abort();
	}
	return 0;
}
