/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What EMS answers, from bytes to batches. Pure but for memory: no network, no clock. Every byte
 * is untrusted: sizes, depth and types are bounded and checked. Fuzzed.
 */

#pragma once

#include "common/base/slice.h"
#include "state/state_batch.h"

#include <jansson.h>

#include <stdbool.h>
#include <stddef.h>

#define EMS_BODY_MAX (64u << 20)      /* an answer */
#define EMS_UNZIPPED_MAX (256u << 20) /* its payload */
#define EMS_JSON_DEPTH 32u

/* The envelope {"result":{"retval","message"},"data":...}. */
struct ems_reply {
	json_t *root; /* owns all below */
	json_t *data; /* borrowed; NULL: none */
	int retval;
	char message[128];
};

/* Why a payload was refused; static text. */
typedef const char *ems_why;

/* 0, or -EBADMSG with <ret_why>. Free with ems_reply_free(). */
[[nodiscard]] int ems_reply_parse(struct slice body, struct ems_reply *ret, ems_why *ret_why);
void ems_reply_free(struct ems_reply *r);

/* A page of sysinfo, uid_tags or tags. */
struct ems_page {
	json_t *content; /* owned */
	struct state_cursor cursor;
	bool is_final;
};

/*
 * Decode the page in <data>: base64, zlib, exactly unzipped_size bytes, JSON. <offset_key> is
 * "uid_offset" or "tag_uid_offset".
 */
[[nodiscard]] int ems_page_decode(const json_t *data, const char *offset_key, struct ems_page *ret,
				  ems_why *ret_why);
void ems_page_free(struct ems_page *p);

/*
 * Fill <b> from a page's content. A record that cannot be read makes its device's tags or
 * certificate unknown rather than stale: it counts in <ret_bad>. -EBADMSG: the page as a whole
 * makes no sense; -ENOMEM.
 */
[[nodiscard]] int ems_sysinfo_to_batch(const json_t *content, struct state_batch *b,
				       unsigned *ret_bad, ems_why *ret_why);
[[nodiscard]] int ems_uid_tags_to_batch(const json_t *content, struct state_batch *b,
					unsigned *ret_bad, ems_why *ret_why);
[[nodiscard]] int ems_tags_to_batch(const json_t *content, struct state_batch *b, unsigned *ret_bad,
				    ems_why *ret_why);
