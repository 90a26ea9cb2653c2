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

#define EMS_BODY_MAX (64u << 20)     /* an answer */
#define EMS_UNZIPPED_MAX (64u << 20) /* its payload: some 40,000 devices */
#define EMS_JSON_DEPTH 32u
/*
 * A parsed value takes up to 100 times its bytes ("[]" is 3 bytes of text and 250 of memory), so
 * that a size alone bounds nothing. These allow what 64 MiB of real records hold.
 */
#define EMS_JSON_CONTAINERS 1000000u
#define EMS_JSON_VALUES 5000000u

/* RFC 4648 section 4, padding required; free() <ret>. -EBADMSG, -ENOMEM. */
[[nodiscard]] int ems_base64_decode(struct slice in, uint8_t **ret, size_t *ret_len);

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
	json_t *content; /* the page's; borrow, and not beyond ems_page_free() */
	bool is_in_arena;
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

/* Records that could not be read; of those with a UID, which, as far as there is room. */
#define EMS_BAD_MAX 256u
struct ems_bad {
	unsigned nb;
	unsigned nb_uid;
	struct device_uid uid[EMS_BAD_MAX];
};

/*
 * Fill <b> from a page's content. A record that cannot be read makes its device's tags or
 * certificate unknown rather than stale, and is noted in <ret_bad>: the cursor moves past it, so
 * it has to be asked for again. -EBADMSG: the page as a whole makes no sense; -ENOMEM.
 */
[[nodiscard]] int ems_sysinfo_to_batch(const json_t *content, struct state_batch *b,
				       struct ems_bad *ret_bad, ems_why *ret_why);
[[nodiscard]] int ems_uid_tags_to_batch(const json_t *content, struct state_batch *b,
					struct ems_bad *ret_bad, ems_why *ret_why);
[[nodiscard]] int ems_tags_to_batch(const json_t *content, struct state_batch *b,
				    struct ems_bad *ret_bad, ems_why *ret_why);
