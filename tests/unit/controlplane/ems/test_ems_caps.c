/* SPDX-License-Identifier: BSD-3-Clause */

#include "ems/ems_caps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_word_is_found_wherever_it_stands(void **)
{
	static const char *const list[] = {"websocket", "websocket crl", "crl websocket",
					   "crl websocket tenant-id",
					   "websocket-malware websocket"};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		assert_true(ems_cap_is_in(list[i], EMS_CAP_WEBSOCKET));
}

static void a_part_of_another_word_is_none(void **)
{
	static const char *const list[] = {"",
					   "websocket-malware",
					   "xwebsocket",
					   "websockets",
					   "crl",
					   "old-websocket",
					   "websocket-malware xwebsocket"};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		assert_false(ems_cap_is_in(list[i], EMS_CAP_WEBSOCKET));
}

/* In the order in which EMS tells them. */
static void each_capability_has_its_word(void **)
{
	static const char all[] = "fabric-auth silent-approval websocket websocket-malware "
				  "push-ca-certs common-tags-api tenant-id client-avatars "
				  "single-vdom-connector fgt-sysinfo-api ztna-server-info tag-def "
				  "used-tags crl";
	const char *p = all;

	for (unsigned i = 0; i < EMS_CAP__COUNT; i++) {
		const size_t n = strcspn(p, " ");

		assert_int_equal(strlen(ems_cap_texts[i].name), n);
		assert_memory_equal(ems_cap_texts[i].name, p, n);
		assert_true(ems_cap_is_in(all, (enum ems_cap)i));
		assert_true(ems_cap_texts[i].meaning[0] != '\0');
		p += n + (p[n] == ' ');
	}
	assert_int_equal(*p, '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_is_found_wherever_it_stands),
		cmocka_unit_test(a_part_of_another_word_is_none),
		cmocka_unit_test(each_capability_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
