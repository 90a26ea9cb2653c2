/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_answers.h"

#include "common/base/hex.h"

#include <openssl/sha.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static int compare_uids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct device_uid));
}

int ems_rejected_parse(const json_t *data, struct ems_rejected *ret, ems_why *ret_why)
{
	const json_t *list = json_object_get(data, "rejected_uid_list");
	const size_t n = json_array_size(list);

	*ret = (struct ems_rejected){0};
	/* An EMS that rejects nobody may say so by silence. */
	if (list == NULL || json_is_null(list))
		return 0;
	*ret_why = "rejected_uid_list is no array, or too long";
	if (!json_is_array(list) || n > EMS_REJECTED_MAX)
		return -EBADMSG;
	*ret_why = "out of memory";
	ret->uid = calloc(n + 1, sizeof(*ret->uid));
	if (ret->uid == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const json_t *j = json_array_get(list, i);

		if (json_is_string(j) &&
		    device_uid_parse(json_string_value(j), json_string_length(j),
				     &ret->uid[ret->nb]) == 0)
			ret->nb++;
		else
			ret->nb_bad++;
	}
	qsort(ret->uid, ret->nb, sizeof(*ret->uid), compare_uids);
	return 0;
}

bool ems_rejected_has(const struct ems_rejected *r, const struct device_uid *uid)
{
	return r->nb > 0 && bsearch(uid, r->uid, r->nb, sizeof(*r->uid), compare_uids) != NULL;
}

void ems_rejected_free(struct ems_rejected *r)
{
	free(r->uid);
	*r = (struct ems_rejected){0};
}

/* ---- pictures ---- */

bool ems_fingerprint_parse(struct slice text, struct ems_fingerprint *ret)
{
	return text.len == 2 * EMS_FINGERPRINT_LEN &&
	       hex_bytes((const char *)text.ptr, ret->b, EMS_FINGERPRINT_LEN);
}

bool ems_fingerprint_of(struct slice field, struct ems_fingerprint *ret)
{
	if (field.len != sizeof(ret->b))
		return false;
	memcpy(ret->b, field.ptr, sizeof(ret->b));
	return true;
}

bool ems_fingerprint_fits(const struct ems_fingerprint *fp, struct slice picture)
{
	unsigned char sha1[SHA_DIGEST_LENGTH];

	static_assert(sizeof(sha1) == sizeof(fp->b));
	return SHA1(picture.ptr, picture.len, sha1) != NULL &&
	       memcmp(sha1, fp->b, sizeof(sha1)) == 0;
}

static bool is_at(struct slice s, size_t at, const char *what, size_t len)
{
	return s.len >= at + len && memcmp(s.ptr + at, what, len) == 0;
}

const char *ems_picture_type(struct slice s)
{
	/* PNG 5.2, 11.2.1, 11.2.4: signature, IHDR first, IEND last. */
	if (is_at(s, 0, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) && s.len >= 45 &&
	    is_at(s, s.len - 12, "\0\0\0\0IEND\xae\x42\x60\x82", 12))
		return "image/png";
	/* ITU-T T.81 B.1.1.3: SOI and a marker; EOI at the end. */
	if (is_at(s, 0, "\xff\xd8\xff", 3) && s.len >= 20 && is_at(s, s.len - 2, "\xff\xd9", 2))
		return "image/jpeg";
	return NULL;
}

int ems_avatar_decode(const json_t *data, const struct ems_fingerprint *fp, uint8_t **ret,
		      size_t *ret_len, ems_why *ret_why)
{
	const json_t *content = json_object_get(data, "content");
	uint8_t *bytes;
	size_t len;
	int rc;

	*ret_why = "content is no string, or too long";
	if (!json_is_string(content) || json_string_length(content) > EMS_AVATAR_MAX / 3 * 4 + 4)
		return -EBADMSG;
	*ret_why = "bad base64";
	rc = ems_base64_decode(slice_of(json_string_value(content), json_string_length(content)),
			       &bytes, &len);
	if (rc < 0)
		return rc;
	*ret_why = NULL;
	if (len > EMS_AVATAR_MAX)
		*ret_why = "content is too long";
	else if (ems_picture_type(slice_of(bytes, len)) == NULL)
		*ret_why = "picture is neither PNG nor JPEG";
	else if (!ems_fingerprint_fits(fp, slice_of(bytes, len)))
		*ret_why = "picture is not what its fingerprint says";
	if (*ret_why != NULL) {
		free(bytes);
		return -EBADMSG;
	}
	*ret = bytes;
	*ret_len = len;
	return 0;
}
