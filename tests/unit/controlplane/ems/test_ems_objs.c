/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_objs.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void numbers_and_names_are_each_one_s_own(void **)
{
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		assert_non_null(ems_objs[i].name);
		for (unsigned j = 0; j < i; j++) {
			assert_string_not_equal(ems_objs[i].name, ems_objs[j].name);
			assert_int_not_equal(ems_objs[i].id, ems_objs[j].id);
		}
	}
}

static void the_numbers_of_the_seed_are_the_usual_ones(void **)
{
	assert_int_equal(ems_objs[STATE_OBJ_SERIAL_NUMBER].id, 0);
	assert_int_equal(ems_objs[STATE_OBJ_VPN].id, 7);
	assert_int_equal(ems_objs[STATE_OBJ_SYSINFO].id, 8);
	assert_int_equal(ems_objs[STATE_OBJ_TAGS].id, 12);
	assert_int_equal(ems_objs[STATE_OBJ_UID_TAGS].id, 13);
}

static void the_document_replaces_numbers_by_name(void **)
{
	struct config_object_id ids[] = {{"tags", 11}, {"uid_tags", 12}};
	const struct config_ems e = {.object_ids = ids, .nb_object_ids = 2};

	assert_int_equal(ems_obj_id(&e, STATE_OBJ_TAGS), 11);
	assert_int_equal(ems_obj_id(&e, STATE_OBJ_UID_TAGS), 12);
	assert_int_equal(ems_obj_id(&e, STATE_OBJ_SYSINFO), 8);
}

/* Its descriptions end in the usual number. */
static void the_schema_names_every_object(void **)
{
	static const char *const at[] = {"properties", "ems",        "items",
					 "properties", "object_ids", "properties"};
	json_t *schema = json_load_file(SCHEMA, 0, NULL), *j = schema;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		j = json_object_get(j, at[i]);
	assert_int_equal(json_object_size(j), STATE_OBJ__COUNT);
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		const char *text = json_string_value(
			json_object_get(json_object_get(j, ems_objs[i].name), "description"));
		char end[16];

		assert_non_null(text);
		(void)snprintf(end, sizeof(end), "(%u).", ems_objs[i].id);
		assert_non_null(strstr(text, end));
	}
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_names_are_each_one_s_own),
		cmocka_unit_test(the_numbers_of_the_seed_are_the_usual_ones),
		cmocka_unit_test(the_document_replaces_numbers_by_name),
		cmocka_unit_test(the_schema_names_every_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
