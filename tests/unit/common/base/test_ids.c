/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/base/crc32c.h"
#include "common/base/ids.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void uids_parse_exactly_32_hex_digits(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int rc;
	} row[] = {
		{"9A016B5A6E914B42AD4168C066EB04CA", 0},
		{"9a016b5a6e914b42ad4168c066eb04ca", 0},
		{"9A016B5A6E914B42AD4168C066EB04C", -EINVAL},
		{"9A016B5A6E914B42AD4168C066EB04CAA", -EINVAL},
		{"9A016B5A6E914B42AD4168C066EB04CG", -EINVAL},
		{" A016B5A6E914B42AD4168C066EB04CA", -EINVAL},
		{"0x016B5A6E914B42AD4168C066EB04CA", -EINVAL},
		{"", -EINVAL},
	};
	char out[DEVICE_UID_STRLEN + 1];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct device_uid uid = {.b = {1, 2, 3}}, before = uid;
		int rc = device_uid_parse(row[i].text, strlen(row[i].text), &uid);
		assert_int_equal(rc, row[i].rc);
		if (rc < 0) {
			assert_memory_equal(&uid, &before, sizeof(uid));
			continue;
		}
		device_uid_emit(&uid, out);
		assert_string_equal(out, row[0].text);
	}
}

static void serial_numbers_are_right_aligned(void **state)
{
	(void)state;
	static const struct {
		const char *text, *emitted; /* NULL: refused */
	} row[] = {
		{"2B8D4FF0E71FE7E064288FE1B4F87E25232092D0",
		 "2B8D4FF0E71FE7E064288FE1B4F87E25232092D0"},
		{"1", "0000000000000000000000000000000000000001"},
		{"abc", "0000000000000000000000000000000000000ABC"},
		{"00", "0000000000000000000000000000000000000000"},
		{"", NULL},
		{"12B8D4FF0E71FE7E064288FE1B4F87E25232092D0", NULL},
		{"2B:8D", NULL},
		{"-1", NULL},
	};
	char out[CERT_SERIAL_STRLEN + 1];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct cert_serial sn;
		int rc = cert_serial_parse(row[i].text, strlen(row[i].text), &sn);
		assert_int_equal(rc, row[i].emitted == NULL ? -EINVAL : 0);
		if (rc < 0)
			continue;
		cert_serial_emit(&sn, out);
		assert_string_equal(out, row[i].emitted);
		assert_int_equal(cert_serial_is_zero(&sn), row[i].text[0] == '0');
	}
}

static void addresses_of_both_families_parse_and_emit(void **state)
{
	(void)state;
	static const struct {
		const char *text, *emitted;
		bool is_v4;
	} row[] = {
		{"192.0.2.10", "192.0.2.10", true},
		{"0.0.0.0", "0.0.0.0", true},
		{"::ffff:192.0.2.10", "192.0.2.10", true},
		{"2001:DB8::1", "2001:db8::1", false},
		{"::", "::", false},
		/* RFC 5952 4 */
		{"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1", false},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", false},
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1", false},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
		{"192.0.2", NULL, false},
		{"192.0.2.256", NULL, false},
		{"192.0.2.10 ", NULL, false},
		{"192.0.2.010", NULL, false},
		{"2001:db8::1%eth0", NULL, false},
		{"localhost", NULL, false},
		{"", NULL, false},
		{"0000000000000000000000000000000000000000000000000192.0.2.1", NULL, false},
	};
	char out[IP_ADDR_STRLEN];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ip_addr a;
		int rc = ip_addr_parse(row[i].text, strlen(row[i].text), &a);
		assert_int_equal(rc, row[i].emitted == NULL ? -EINVAL : 0);
		if (rc < 0)
			continue;
		assert_int_equal(ip_addr_is_v4(&a), row[i].is_v4);
		ip_addr_emit(&a, out);
		assert_string_equal(out, row[i].emitted);
	}
	struct ip_addr a;
	assert_int_equal(ip_addr_parse("192.0.2.1\0x", 11, &a), -EINVAL);
	assert_int_equal(ip_addr_parse("192.0.2.10", 9, &a), 0);
	assert_int_equal(a.b[15], 1);
}

static void an_ipv6_address_before_a_port_is_in_brackets(void **state)
{
	(void)state;
	static const struct {
		const char *addr;
		uint16_t port;
		const char *emitted;
	} row[] = {
		{"192.0.2.10", 80, "192.0.2.10:80"},
		{"192.0.2.10", 0, "192.0.2.10"},
		{"2001:db8::1", 65535, "[2001:db8::1]:65535"},
		{"2001:db8::1", 0, "[2001:db8::1]"},
		{"fff1:fff2:fff3:fff4:fff5:fff6:fff7:fff8", 65535,
		 "[fff1:fff2:fff3:fff4:fff5:fff6:fff7:fff8]:65535"},
	};
	char out[IP_PORT_STRLEN];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ip_addr a;

		assert_int_equal(ip_addr_parse(row[i].addr, strlen(row[i].addr), &a), 0);
		ip_port_emit(&a, row[i].port, out);
		assert_string_equal(out, row[i].emitted);
	}
}

static void the_parsers_read_no_further_than_told(void **state)
{
	(void)state;
	struct device_uid uid;
	struct cert_serial sn;

	assert_int_equal(device_uid_parse("9A016B5A6E914B42AD4168C066EB04CAtail", 32, &uid), 0);
	assert_int_equal(cert_serial_parse("12zz", 2, &sn), 0);
	assert_int_equal(sn.b[19], 0x12);
}

static void crc32c_has_its_known_value(void **state)
{
	(void)state;
	static const uint8_t zeros[32];

	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(zeros, 32), 0x8a9136aa); /* RFC 3720 B.4 */
	assert_int_equal(crc32c("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uids_parse_exactly_32_hex_digits),
		cmocka_unit_test(serial_numbers_are_right_aligned),
		cmocka_unit_test(addresses_of_both_families_parse_and_emit),
		cmocka_unit_test(an_ipv6_address_before_a_port_is_in_brackets),
		cmocka_unit_test(the_parsers_read_no_further_than_told),
		cmocka_unit_test(crc32c_has_its_known_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
