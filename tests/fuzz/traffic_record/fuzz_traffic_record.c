/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A record that a worker left, with names that EMS and the document gave, as a line of the log. The
 * first two bytes say how long the line may be, then comes the record, the rest are the names, each
 * up to a newline. One line comes out, of the length told, whatever is in them.
 */

#include "common/record/record_layout.h"
#include "logs/logs.h"

#include <jansson.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define NAMES 8u

/* The names one after the other, as strings; a NUL ends one early. */
static void split(const uint8_t *data, size_t len, char *text, const char *ret[static NAMES])
{
	char *at = text;

	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	for (unsigned i = 0; i < NAMES; i++) {
		char *end = memchr(at, '\n', (size_t)(text + len - at));

		ret[i] = at;
		if (end == NULL) {
			at = text + len;
			continue;
		}
		*end = '\0';
		at = end + 1;
	}
}

static void check_line(const char *buf, size_t n, size_t cap)
{
	if (n >= cap)
		abort();
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f)
			abort();
}

static void check_json(const char *buf, size_t n)
{
	json_error_t err;
	/* Numbers beyond 63 bits are JSON all the same. */
	json_t *j = json_loadb(buf, n, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &err);

	if (!json_is_object(j))
		abort();
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct record r;
	const char *name[NAMES];

	if (len < 2 + sizeof(r))
		return 0;

	const size_t cap = 1 + (data[0] | (size_t)data[1] << 8) % LOGS_LINE_MAX;
	char *buf = malloc(cap), *text = malloc(len);

	if (buf == NULL || text == NULL)
		goto out;
	memcpy(&r, data + 2, sizeof(r));
	split(data + 2 + sizeof(r), len - 2 - sizeof(r), text, name);

	const struct logs_traffic t = {
		.r = &r,
		.vdom = name[0],
		.src_interface = name[1],
		.src_role = name[2],
		.policy_name = name[3],
		.policy_uuid = name[4],
		.proxy = name[5],
		.ems_serial = name[6],
		.tags = name[7],
		.utc_offset_s = (int64_t)(len % 100000) - 50000,
	};
	size_t n = logs_traffic_keyvalue(&t, buf, cap);

	check_line(buf, n, cap);
	n = logs_traffic_json(&t, buf, cap);
	check_line(buf, n, cap);
	/* What comes from EMS and the document is UTF-8, which JSON must be. */
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)buf[i] >= 0x80)
			goto out;
	if (cap >= 16)
		check_json(buf, n);
out:
	free(buf);
	free(text);
	return 0;
}
