/* SPDX-License-Identifier: BSD-3-Clause */

#include "history/history_config.h"

#include "common/snap/snap.h"

#include <stdlib.h>
#include <string.h>

struct history_config *history_config_new(const struct snap_config *config, size_t len)
{
	/* A name for the bytes, not a defence: the key may be known. */
	static const uint64_t key[2] = {0x68697374, 0x6f727963};
	struct history_config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->config = malloc(len);
	if (c->config == NULL) {
		free(c);
		return NULL;
	}
	memcpy(c->config, config, len);
	c->len = len;
	c->generation = config->generation;
	c->config->generation = 0;
	c->hash = snap_siphash(key, c->config, len);
	c->config->generation = c->generation;
	atomic_init(&c->refs, 1);
	return c;
}

struct history_config *history_config_ref(struct history_config *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void history_config_unref(struct history_config *c)
{
	/* Pairs with the other releases: whoever is last sees what all did before. */
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(c->config);
	free(c);
}
