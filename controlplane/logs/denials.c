/* SPDX-License-Identifier: BSD-3-Clause */

#include "logs/denials.h"

#include <stdlib.h>
#include <string.h>

struct denials *denials_new(void)
{
	return calloc(1, sizeof(struct denials));
}

void denials_free(struct denials *d)
{
	free(d);
}

void denials_add(struct denials *d, const struct denial *one)
{
	d->ring[d->nb % DENIALS_CAP] = *one;
	d->nb++;
}

uint32_t denials_count(const struct denials *d)
{
	return d->nb < DENIALS_CAP ? (uint32_t)d->nb : DENIALS_CAP;
}

const struct denial *denials_get(const struct denials *d, uint32_t i)
{
	if (i >= denials_count(d))
		return NULL;
	return &d->ring[(d->nb - 1 - i) % DENIALS_CAP];
}

const struct denial *denials_find(const struct denials *d, const uint8_t id[static 16])
{
	for (uint32_t i = 0; i < denials_count(d); i++) {
		const struct denial *one = denials_get(d, i);

		if (memcmp(one->r.request_id, id, sizeof(one->r.request_id)) == 0)
			return one;
	}
	return NULL;
}
