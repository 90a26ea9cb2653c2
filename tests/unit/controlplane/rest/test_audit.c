/* SPDX-License-Identifier: BSD-3-Clause */

#include "config/config.h"
#include "rest/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test_audit.XXXXXX";
static char path[64];
static struct config cfg;
static struct cp cp = {.config = &cfg, .state_dir = dir};

static size_t read_log(char *buf, size_t cap)
{
	FILE *f = fopen(path, "r");
	const size_t n = f == NULL ? 0 : fread(buf, 1, cap - 1, f);

	if (f != NULL)
		fclose(f);
	buf[n] = '\0';
	return n;
}

static void an_entry_is_one_line_whatever_is_in_it(void **)
{
	const struct rest_who who = {
		.role = REST_ROLE_ADMIN, .name = "a\"b", .how = "token:a", .from = "x"};
	char text[4096];

	assert_int_equal(audit_open(&cp), 0);
	audit_request(&cp, &who, REST_POST, "/x\n{\"who\":\"root\"}\x1b[2J", 204, "d\r\n\xff");
	audit(&cp, NULL, "rolled back", NULL);
	assert_true(read_log(text, sizeof(text)) > 0);
	char *end = strchr(text, '\n');

	assert_non_null(end);
	assert_non_null(strstr(text, "\"who\":\"a\\\"b\""));
	assert_non_null(strstr(text, "\"status\":204"));
	assert_non_null(strstr(end, "\"what\":\"rolled back\""));
	assert_ptr_equal(strchr(end + 1, '\n'), text + strlen(text) - 1);
	for (const char *p = text; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7f));
	audit_close(&cp);
}

static void pages_go_back_to_what_was_before_a_restart(void **)
{
	uint64_t next;
	json_t *page;

	assert_int_equal(audit_open(&cp), 0);
	for (unsigned i = 0; i < 3; i++)
		audit(&cp, NULL, "again", NULL);
	page = audit_page(&cp, 0, 2, &next);
	assert_int_equal(json_array_size(page), 2);
	assert_int_equal(next, 4);
	json_decref(page);
	page = audit_page(&cp, next, 10, &next);
	assert_int_equal(json_array_size(page), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(page, 2), "method")),
			    "POST");
	assert_int_equal(next, 0);
	json_decref(page);
	audit_close(&cp);
}

static void the_latest_are_kept(void **)
{
	uint64_t next;
	json_t *page;

	assert_int_equal(audit_open(&cp), 0);
	for (unsigned i = 0; i < AUDIT_KEEP + 7; i++)
		audit(&cp, NULL, "more", NULL);
	page = audit_page(&cp, 0, 10 * AUDIT_KEEP, &next);
	assert_int_equal(json_array_size(page), AUDIT_KEEP);
	assert_int_equal(next, 0);
	json_decref(page);
	audit_close(&cp);
}

static int set_up(void **)
{
	if (mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/audit.log", dir);
	return 0;
}

static int tear_down(void **)
{
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_one_line_whatever_is_in_it),
		cmocka_unit_test(pages_go_back_to_what_was_before_a_restart),
		cmocka_unit_test(the_latest_are_kept),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
