/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Whom a frame belongs to: what was received, in a block of its exact size. A flow's frame belongs
 * to one of the workers, and to the same one when source and destination are exchanged.
 */

#include "io/steer.h"

#include <stdlib.h>
#include <string.h>

#define NB_WORKERS 13

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(bool cond)
{
	if (!cond)
		abort();
}

static void exchange(uint8_t *a, uint8_t *b, size_t len)
{
	uint8_t t[16];

	memcpy(t, a, len);
	memcpy(a, b, len);
	memcpy(b, t, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct steer s;
	uint32_t worker = NB_WORKERS, back = NB_WORKERS;
	uint8_t *frame = malloc(len == 0 ? 1 : len);

	must(frame != NULL);
	if (s.nb_workers == 0)
		steer_init(&s, NB_WORKERS, STEER_BUCKETS);
	if (len > 0)
		memcpy(frame, data, len);

	const enum steer_verdict v = steer_frame(&s, frame, len, &worker);

	must((v == STEER_FLOW) == (worker < NB_WORKERS));
	/* Untagged, without options or extension headers: the ports are where one thinks. */
	if (v == STEER_FLOW && frame[12] == 0x08 && frame[14] == 0x45 && frame[23] == 6) {
		const bool is_fragment = (frame[20] & 0x3f) != 0 || frame[21] != 0;

		exchange(frame + 26, frame + 30, 4);
		if (!is_fragment)
			exchange(frame + 34, frame + 36, 2);
	} else if (v == STEER_FLOW && frame[12] == 0x86 && frame[20] == 6) {
		exchange(frame + 22, frame + 38, 16);
		exchange(frame + 54, frame + 56, 2);
	}
	must(steer_frame(&s, frame, len, &back) == v);
	must(back == worker);
	free(frame);
	return 0;
}
