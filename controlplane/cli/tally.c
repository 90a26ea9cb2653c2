/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/tally.h"

#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_STATISTICS 5u
#define BLOCK_PACKET 6u
#define BLOCK_MAX (1u << 20)
#define ISB_IFDROP 5u

static uint32_t load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* type, length, interface, time: 20 bytes; options; length again. */
static void read_statistics(struct tally *t)
{
	const uint32_t end = t->len - 4 < sizeof(t->head) ? t->len - 4 : (uint32_t)sizeof(t->head);
	uint32_t at = 20;

	t->is_complete = true;
	while (at + 4 <= end) {
		const uint32_t code = (uint32_t)(t->head[at] | t->head[at + 1] << 8);
		const uint32_t len = (uint32_t)(t->head[at + 2] | t->head[at + 3] << 8);

		at += 4;
		if (code == 0 || len > end - at)
			return;
		if (code == ISB_IFDROP && len == 8)
			t->nb_dropped +=
				load_u32(t->head + at) | (uint64_t)load_u32(t->head + at + 4) << 32;
		at += (len + 3) & ~3u;
	}
}

static void on_block(struct tally *t)
{
	if (t->type == BLOCK_PACKET)
		t->nb_packets++;
	else if (t->type == BLOCK_STATISTICS)
		read_statistics(t);
	t->at = 0;
	t->len = 0;
}

/* The first eight bytes are there. */
static void on_head(struct tally *t)
{
	const bool is_first = t->type == 0;

	t->type = load_u32(t->head);
	t->len = load_u32(t->head + 4);
	if (t->len < 12 || t->len % 4 != 0 || t->len > BLOCK_MAX ||
	    (is_first && t->type != BLOCK_SECTION))
		t->is_bad = true;
}

void tally_feed(struct tally *t, const uint8_t *p, size_t len)
{
	while (len > 0 && !t->is_bad) {
		const uint32_t until = t->at < 8 ? 8 : t->len;
		const size_t n = len < until - t->at ? len : until - t->at;

		if (t->at < sizeof(t->head)) {
			const size_t room = sizeof(t->head) - t->at;

			memcpy(t->head + t->at, p, n < room ? n : room);
		}
		t->at += (uint32_t)n;
		p += n;
		len -= n;
		if (t->at == 8 && t->len == 0)
			on_head(t);
		if (t->len != 0 && t->at == t->len)
			on_block(t);
	}
}
