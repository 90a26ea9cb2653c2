/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The history as it is read back. An even first byte: the rest is a segment. An odd one: the rest
 * are rows, each a type, a place in time, a length of two bytes and so many bytes of payload, as
 * they come behind a checksum that is right.
 */

/* The rows' readers are its own. */
#include "history/history_read.c"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define AT 1000u

struct reading {
	struct as_of q;
	struct wanted w;
};

static bool on_any(void *user, const struct journal_row *row)
{
	struct reading *r = user;

	return on_row(&r->q, row) && on_denial(&r->w, row);
}

/* What was read can be walked: names are ended. */
static void look_at(const struct history_device *dev)
{
	for (uint32_t i = 0; i < dev->names_len;) {
		const size_t n = strnlen(dev->names + i, dev->names_len - i);

		if (n == dev->names_len - i)
			abort();
		i += (uint32_t)n + 1;
	}
}

static void read_rows(struct reading *r, const uint8_t *p, size_t len)
{
	uint64_t segment = 0;

	while (len >= 4) {
		const size_t want = p[2] | (size_t)p[3] << 8, n = want < len - 4 ? want : len - 4;
		/* A copy of its own size: one byte beyond it is told. */
		uint8_t *payload = malloc(n > 0 ? n : 1);
		if (payload == NULL)
			abort();
		memcpy(payload, p + 4, n);
		segment += p[0] >> 7;
		const struct journal_row row = {segment, AT + p[1] - 128u, p[0] & 15, payload, n};
		(void)on_any(r, &row);
		free(payload);
		p += 4 + n;
		len -= 4 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t id[16];
	static struct denial d;
	struct history_past *past = calloc(1, sizeof(*past));
	struct history_device *dev = calloc(1, sizeof(*dev));
	bool go_on;

	if (past == NULL || dev == NULL)
		abort();
	struct reading r = {.q = {.at_ms = AT, .ret = past}, .w = {.id = id, .d = &d, .dev = dev}};
	if (len > 0 && (data[0] & 1) == 0)
		(void)journal_scan_bytes(data + 1, len - 1, 1, on_any, &r, &go_on);
	else if (len > 0)
		read_rows(&r, data + 1, len - 1);
	look_at(&past->dev);
	look_at(dev);
	forget_sets(&r.q);
	free(r.q.set);
	free(past);
	free(dev);
	return 0;
}
