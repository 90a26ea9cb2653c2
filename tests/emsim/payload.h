/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How EMS wraps its reports: inner JSON, zlib, base64, and an envelope around it.
 *
 * Two programs inside a real EMS make these replies and they differ in bytes that a decoder must
 * not depend on: one writes JSON as Python's json.dumps does and compresses as CPython's zlib
 * does (system info, tags by UID, VPN), the other writes compact JSON and compresses as Go's
 * compress/zlib does (tags). Both are reproduced so that the captured replies come out again
 * byte for byte.
 */
#pragma once

#include "emsim/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum payload_style {
	PAYLOAD_PYTHON,
	PAYLOAD_GO,
};

/* One page of a report. <offset> and <updated_after> are the cursor that the client sends back. */
struct payload_page {
	enum payload_style style;
	const char *offset_key; /* "uid_offset" or "tag_uid_offset" */
	const char *offset;
	const char *updated_after;
	bool is_final;
	bool is_zipped;
	const char *data; /* base64 text, or the JSON text itself when not zipped */
	uint64_t unzipped_size;
};

/* Append the zlib stream of <len> bytes at <p> in the given producer's style. */
void payload_zip(enum payload_style style, struct buf *out, const void *p, size_t len);

/* Append base64 (RFC 4648 4, padded). */
void payload_base64(struct buf *out, const void *p, size_t len);

/* Append the whole reply body. */
void payload_envelope(struct buf *out, const struct payload_page *page);

/*
 * Append a zlib stream of about a megabyte that inflates to <mib> MiB of JSON white space.
 * Returns the inflated size.
 */
uint64_t payload_bomb(struct buf *out, unsigned mib);
