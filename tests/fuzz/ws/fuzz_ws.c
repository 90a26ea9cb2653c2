/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The first byte says which end we are and how the rest is cut: what the bytes come to must not
 * depend on the cuts, and no more of them may come out than went in.
 */

#include "common/ws/ws.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
	uint64_t sum;
	size_t len;
};

static int on_message(void *user, enum ws_opcode op, const char *p, size_t len)
{
	struct tally *t = user;

	if (op != WS_TEXT && op != WS_BINARY)
		abort();
	for (size_t i = 0; i < len; i++)
		t->sum = t->sum * 31 + (uint8_t)p[i];
	t->len += len;
	return 0;
}

static int on_control(void *user, enum ws_opcode op, const uint8_t *p, size_t len)
{
	struct tally *t = user;

	if (op < WS_CLOSE || op > WS_PONG || len > WS_CONTROL_MAX)
		abort();
	for (size_t i = 0; i < len; i++)
		t->sum = t->sum * 31 + p[i];
	t->len += len;
	return 0;
}

static int run(const uint8_t *data, size_t size, bool is_masked, size_t cut, struct tally *t)
{
	struct ws_reader r = {.is_masked = is_masked,
			      .frame_max = 4096,
			      .on_message = on_message,
			      .on_control = on_control,
			      .user = t};
	int rc = 0;

	*t = (struct tally){0};
	for (size_t i = 0; i < size && rc == 0; i += cut)
		rc = ws_reader_feed(&r, data + i, size - i < cut ? size - i : cut);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tally whole, pieces;

	if (size < 1)
		return 0;

	const bool is_masked = data[0] & 1;
	const int a = run(data + 1, size - 1, is_masked, size, &whole);
	const int b = run(data + 1, size - 1, is_masked, 1 + (data[0] >> 1), &pieces);

	if (a != b || whole.len != pieces.len || whole.sum != pieces.sum || whole.len > size)
		abort();
	return 0;
}
