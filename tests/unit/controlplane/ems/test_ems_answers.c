/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_answers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define UID1 "70A5C5FABBE64A9B98B6DDA3FE8AC794"
#define UID2 "4197282468E54B0080CA170C8536A596"

static int parse(const char *text, struct ems_rejected *ret)
{
	json_t *j = json_loads(text, 0, NULL);
	ems_why why = NULL;
	int rc;

	assert_non_null(j);
	rc = ems_rejected_parse(j, ret, &why);
	if (rc < 0)
		assert_non_null(why);
	json_decref(j);
	return rc;
}

static struct device_uid uid_of(const char *text)
{
	struct device_uid uid;

	assert_int_equal(device_uid_parse(text, strlen(text), &uid), 0);
	return uid;
}

static void rejected_users_are_found(void **)
{
	const struct device_uid one = uid_of(UID1), two = uid_of(UID2);
	struct ems_rejected r;

	assert_int_equal(parse("{\"rejected_uid_list\": []}", &r), 0);
	assert_false(ems_rejected_has(&r, &one));
	ems_rejected_free(&r);
	assert_int_equal(parse("{\"rejected_uid_list\": [\"" UID1 "\", \"x\", 5]}", &r), 0);
	assert_true(ems_rejected_has(&r, &one));
	assert_false(ems_rejected_has(&r, &two));
	assert_int_equal(r.nb_bad, 2);
	ems_rejected_free(&r);
	assert_int_equal(parse("{}", &r), 0);
	assert_int_equal(r.nb, 0);
	ems_rejected_free(&r);
}

static void a_list_of_another_type_is_refused(void **)
{
	struct ems_rejected r;

	assert_int_equal(parse("{\"rejected_uid_list\": \"" UID1 "\"}", &r), -EBADMSG);
	assert_int_equal(parse("{\"rejected_uid_list\": {}}", &r), -EBADMSG);
}

/* A PNG of one pixel, and its SHA-1. */
#define PIXEL                                                                                      \
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSu" \
	"QmCC"

static int decode(const char *content, const char *fingerprint, ems_why *ret_why)
{
	json_t *j = json_pack("{s:s}", "content", content);
	struct ems_fingerprint fp;
	uint8_t *bytes = NULL;
	size_t len;
	int rc;

	assert_true(ems_fingerprint_parse(slice_str(fingerprint), &fp));
	*ret_why = NULL;
	rc = ems_avatar_decode(j, &fp, &bytes, &len, ret_why);
	if (rc == 0) {
		assert_string_equal(ems_picture_type(slice_of(bytes, len)), "image/png");
		assert_true(ems_fingerprint_fits(&fp, slice_of(bytes, len)));
		free(bytes);
	}
	json_decref(j);
	return rc;
}

static void a_picture_is_what_its_fingerprint_says(void **)
{
	ems_why why;

	assert_int_equal(decode(PIXEL, "2732f12a8f18d27cf0fa78ef41091bfa1ccec9ce", &why), 0);
	assert_int_equal(decode(PIXEL, "0000000000000000000000000000000000000000", &why), -EBADMSG);
	assert_string_equal(why, "picture is not what its fingerprint says");
	assert_int_equal(decode("PHNjcmlwdD4=", "0000000000000000000000000000000000000000", &why),
			 -EBADMSG);
	assert_string_equal(why, "picture is neither PNG nor JPEG");
	assert_int_equal(decode("!!!!", "0000000000000000000000000000000000000000", &why),
			 -EBADMSG);
	assert_string_equal(why, "bad base64");
}

static void what_is_no_picture_has_no_type(void **)
{
	static const uint8_t jpeg[24] = {0xff, 0xd8, 0xff, 0xe0, [22] = 0xff, [23] = 0xd9};
	static const uint8_t html[64] = "<html><script>alert(1)</script>";
	uint8_t cut[24];

	assert_string_equal(ems_picture_type(slice_of(jpeg, sizeof(jpeg))), "image/jpeg");
	memcpy(cut, jpeg, sizeof(cut));
	cut[23] = 0;
	assert_null(ems_picture_type(slice_of(cut, sizeof(cut))));
	assert_null(ems_picture_type(slice_of(html, sizeof(html))));
	assert_null(ems_picture_type(SLICE_EMPTY));
	assert_null(ems_picture_type(slice_of("\x89PNG\r\n\x1a\n", 8)));
}

static void a_fingerprint_is_forty_digits(void **)
{
	struct ems_fingerprint fp;

	assert_true(
		ems_fingerprint_parse(slice_str("A9993E364706816ABA3E25717850C26C9CD0D89D"), &fp));
	assert_true(ems_fingerprint_fits(&fp, slice_str("abc")));
	assert_false(
		ems_fingerprint_parse(slice_str("A9993E364706816ABA3E25717850C26C9CD0D8"), &fp));
	assert_false(ems_fingerprint_parse(slice_str("../../../../../../../../../../../../etc/pa"),
					   &fp));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rejected_users_are_found),
		cmocka_unit_test(a_list_of_another_type_is_refused),
		cmocka_unit_test(a_picture_is_what_its_fingerprint_says),
		cmocka_unit_test(what_is_no_picture_has_no_type),
		cmocka_unit_test(a_fingerprint_is_forty_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
