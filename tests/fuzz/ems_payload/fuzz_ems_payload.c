/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What EMS may send, to a batch that is applied: the first byte says which object it answers
 * (0 sysinfo, 1 uid_tags, 2 tags, 4 VPN users, 5 avatar) or that it is a notification (3), the rest
 * is the bytes.
 */

#include "ems/ems_answers.h"
#include "ems/ems_payload.h"
#include "ems/ems_wire.h"
#include "state/state.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void apply(const json_t *content, unsigned kind)
{
	struct state *st = state_new();
	struct state_batch *b = state_batch_new(1);
	struct ems_bad bad;
	ems_why why = NULL;
	int rc;

	if (st == NULL || b == NULL)
		abort();
	if (kind == 0)
		rc = ems_sysinfo_to_batch(content, b, &bad, &why);
	else if (kind == 1)
		rc = ems_uid_tags_to_batch(content, b, &bad, &why);
	else
		rc = ems_tags_to_batch(content, b, &bad, &why);
	if (rc < 0 && why == NULL)
		abort();
	if (rc == 0 && (bad.nb_uid > bad.nb || bad.nb_uid > EMS_BAD_MAX))
		abort();
	while (rc == 0 && state_batch_apply(st, b, 8) > 0)
		;
	state_batch_free(b);
	state_free(st);
}

static void try_rejected(const json_t *data)
{
	struct ems_rejected r;
	ems_why why = NULL;

	if (ems_rejected_parse(data, &r, &why) < 0) {
		if (why == NULL)
			abort();
		return;
	}
	for (size_t i = 0; i < r.nb; i++)
		if (!ems_rejected_has(&r, &r.uid[i]))
			abort();
	ems_rejected_free(&r);
}

static void try_avatar(const json_t *data)
{
	const json_t *j = json_object_get(data, "fingerprint");
	const struct slice text = slice_of(json_string_value(j), json_string_length(j));
	struct ems_fingerprint fp = {0};
	ems_why why = NULL;
	uint8_t *bytes;
	size_t n;

	(void)ems_fingerprint_parse(text, &fp);
	if (ems_avatar_decode(data, &fp, &bytes, &n, &why) < 0) {
		if (why == NULL)
			abort();
		return;
	}
	/* What gets through is a picture of a bounded size, and the one that was asked for. */
	if (n > EMS_AVATAR_MAX || ems_picture_type(slice_of(bytes, n)) == NULL ||
	    !ems_fingerprint_fits(&fp, slice_of(bytes, n)))
		abort();
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct ems_reply r;
	struct ems_page p;
	ems_why why = NULL;
	unsigned objs;

	if (len == 0)
		return 0;

	const unsigned kind = data[0] & 7;
	const struct slice body = slice_of(data + 1, len - 1);

	if (kind == 3) {
		if (!ems_notification_parse((const char *)body.ptr, body.len, &objs) && objs == 0)
			abort();
		return 0;
	}
	if (ems_reply_parse(body, &r, &why) < 0) {
		if (why == NULL)
			abort();
		return 0;
	}
	if (kind == 4) {
		try_rejected(r.data);
	} else if (kind == 5) {
		try_avatar(r.data);
	} else if (ems_page_decode(r.data, kind == 2 ? "tag_uid_offset" : "uid_offset", &p, &why) ==
		   0) {
		char query[EMS_QUERY_MAX];

		/* Whatever cursor EMS gives goes into the next query, and encoded. */
		if (ems_query("SN", &p.cursor, "uid_offset", true, query, sizeof(query)) < 0)
			abort();
		if (strpbrk(query, " \r\n#\"") != NULL)
			abort();
		apply(p.content, kind);
		ems_page_free(&p);
	}
	ems_reply_free(&r);
	return 0;
}
