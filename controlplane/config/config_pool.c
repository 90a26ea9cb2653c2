/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config_pool.h"

#include <openssl/crypto.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct config_chunk {
	struct config_chunk *next;
	size_t len;
	max_align_t bytes[];
};

void *config_pool_alloc(struct config *cfg, size_t count, size_t size)
{
	size_t len, total;

	if (__builtin_mul_overflow(count, size, &len) ||
	    __builtin_add_overflow(len, sizeof(struct config_chunk), &total))
		return NULL;
	struct config_chunk *c = calloc(1, total);
	if (c == NULL)
		return NULL;
	c->len = len;
	c->next = cfg->chunks;
	cfg->chunks = c;
	return c->bytes;
}

char *config_pool_str(struct config *cfg, const char *s)
{
	size_t len = strlen(s) + 1;
	char *p = config_pool_alloc(cfg, len, 1);

	if (p != NULL)
		memcpy(p, s, len);
	return p;
}

/* A NUL follows, which is not counted: PEM readers want one. Out of memory: empty. */
struct slice config_pool_bytes(struct config *cfg, const void *ptr, size_t len)
{
	uint8_t *p = len == SIZE_MAX ? NULL : config_pool_alloc(cfg, len + 1, 1);

	if (p == NULL)
		return SLICE_EMPTY;
	if (len > 0)
		memcpy(p, ptr, len);
	return slice_of(p, len);
}

void config_pool_fini(struct config *cfg)
{
	while (cfg->chunks != NULL) {
		struct config_chunk *c = cfg->chunks;
		cfg->chunks = c->next;
		OPENSSL_cleanse(c->bytes, c->len);
		free(c);
	}
}
