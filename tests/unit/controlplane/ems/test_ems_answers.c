/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_answers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rejected_users_are_found),
		cmocka_unit_test(a_list_of_another_type_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
