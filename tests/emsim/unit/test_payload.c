/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The captured replies of a real EMS come out again byte for byte.
 */
#include "emsim/payload.h"
#include "emsim/report.h"

#include <zlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char captured_uid_tags[] = "eJyrVirNTIkvSUyPz8ksLilWsqqurQUAUUEH2g==";

static const char captured_tags[] =
	"eJyqVkrOz81NzEuJL0stKs7Mz1OyMtJRKk4tykzMUbJScnMOcfUNtrAwMjYwMDUwMlTSUUpJLctMTo0vqSxIVbJS"
	"SssvKslMzS1WqgUEAAD//4xEGAI=";

static const char captured_sysinfo[] =
	"eJyFVNtu4zYQ/RVCT7uAZJAUqYuf6mubttmkTfYCFIFAi5SXgEyqFGXDG/jfO/StxrZpAQsWzxkORzPn"
	"8DXK8YTP+HIynS4yNimnZTHN5vNJulwUk1lesmj8GvX7XpvGVkMnhVeV1xsVjSOKKUtwnhCCSD7m8KOj"
	"lPO0ZCyKo/Wuqq0xqvbamsrvO9iC46ixzuu61cr4SstoTDABVHRd1et1tVUuGv9Bi7ig/AXg7Q1KYnyC"
	"lLlAeUwzwJraXwF2jNoO7U1YGlPAQjE+Gns3qLBotYGKGtH2sNR95dRa9145Ja/on4NwwngI/BuD891g"
	"jDbrKwSHmaqvhfkHEwrrDbRqOXsuMMYFYdCzglHoj+4AJ3hEKDyjNAWoG1atrqsjQ3E+IpiOSFqMSAnk"
	"RtQAY5zgOqFlkpMkLROSA/NVOLkTTp2O+nQf3hOeISZRUyJcoDxFrEZcIpolXKFSoqxBQqIUo5ygFGJk"
	"SGN7b8RxsvPF0y/PD4/J04fpbz9jdiarjTBDI2o/uNDW80kxujP16BpipWqvXB4TIOpuAOTOeNW++/09"
	"+qKsCf+zx49owROaQRlbin5AdJThH3/6Fr5Vbazbw6aClBjWtj9NMrrXtbO9bTz6rI20ux4RjB6dbVTf"
	"g8xEixZSB8HFKGPJSnv0bjXoViLIw/j7U6qTFqPPdx+y8GlDr1x1/vD1YKWFAYJ8nR26C/zgvyqHFkZ2"
	"VhvfR0EGwgtXNTBt5ToHaBgOX5UlwzUmnFEu0pzXQjSCFrjMZFbylcpUKWSY/tkBtXJnhTBC5jOWkhlb"
	"4oJOwJHzokwzvFwuspxxPmUZSctiAnsbJcIIKrGFfdr0XrStkjdEs3uD2HbmLaZ/g9g13xOg6WNPK2PB"
	"vhkvQMtGagdOb/cXz984pllfTPD45dPHX5/vKcPBC0Hxa7hOdmJfQf+UA2mFZndwQwTZbKXdwNJZ628i"
	"v7MBXSVUJHl2EwGDgzuqBTOD9V9vjmhsuMv+q5z/K+MQR6fsp2SQ/V9c/LZRT3vP8jt1LDq8HF7OGrxU"
	"CO9bfazh4Sk6HA5/ATr0vWU=";

static const struct sysinfo captured_device = {
	.uid = "70A5C5FABBE64A9B98B6DDA3FE8AC794",
	.update_time = "2024-07-11 17:57:52.3553944",
	.forticlient_id = 1010,
	.flags = DEV_F_ONNET,
	.fct_sn = "FCT8000814024842",
	.ip = "10.120.1.33",
	.public_ip = "207.102.138.19",
	.mac = "00-0c-29-71-39-17",
	.hardware_sn = "VMware-56 4d f9 08 73 4c 5d 26-5e 9d 6f ad 30 71 39 0d",
	.hostname = "DESKTOP-SNBQJ04",
	.user_name = "guodong",
	.avatar_fingerprint = "05b9940c015425a375caafa28096d695be6e9ad2",
	.client_cert_sn = "411DC431C4F082AC5FD89360FFE67455B461398A",
	.fgt_sn = "FPXVULTM24000083",
	.gateway_mac = "00-0c-29-2b-2a-76",
};

static char *encode(enum payload_style style, const char *json)
{
	struct buf zipped = {0}, text = {0};

	payload_zip(style, &zipped, json, strlen(json));
	payload_base64(&text, zipped.p, zipped.len);
	buf_free(&zipped);
	return text.p;
}

static void the_captured_uid_tags_payload_is_reproduced(void **)
{
	char *got = encode(PAYLOAD_PYTHON, "{\"uid_tag_lists\":{}}");

	assert_string_equal(got, captured_uid_tags);
	free(got);
}

static void the_captured_tags_payload_is_reproduced(void **)
{
	static const char json[] = "{\"command_version\":2,\"serial\":\"FCTEMS8823005021\","
				   "\"device_type\":\"fortiems\"}";
	char *got = encode(PAYLOAD_GO, json);

	assert_int_equal(strlen(json), 74);
	assert_string_equal(got, captured_tags);
	free(got);
}

static void the_captured_sysinfo_payload_is_reproduced(void **)
{
	struct buf json = {0};
	char *got;

	buf_str(&json, "{");
	sysinfo_emit(&json, &captured_device);
	buf_str(&json, "}");
	assert_int_equal(json.len, 1444);
	got = encode(PAYLOAD_PYTHON, json.p);
	assert_string_equal(got, captured_sysinfo);
	free(got);
	buf_free(&json);
}

static void the_captured_uid_tags_reply_is_reproduced(void **)
{
	const struct payload_page page = {
		.style = PAYLOAD_PYTHON,
		.offset_key = "uid_offset",
		.offset = "70A5C5FABBE64A9B98B6DDA3FE8AC794",
		.updated_after = "2024-07-11 17:57:41.4774466",
		.is_final = true,
		.is_zipped = true,
		.data = captured_uid_tags,
		.unzipped_size = 20,
	};
	struct buf out = {0};

	payload_envelope(&out, &page);
	assert_string_equal(
		out.p,
		"{\"result\": {\"retval\": 1, \"message\": null}, \"data\": {\"uid_offset\": "
		"\"70A5C5FABBE64A9B98B6DDA3FE8AC794\", \"updated_after\": \"2024-07-11 "
		"17:57:41.4774466\", \"is_final\": true, \"data\": "
		"\"eJyrVirNTIkvSUyPz8ksLilWsqqurQUAUUEH2g==\", \"is_zipped\": true, "
		"\"unzipped_size\": 20}}");
	buf_free(&out);
}

static void the_captured_tags_reply_is_reproduced(void **)
{
	const struct payload_page page = {
		.style = PAYLOAD_GO,
		.offset_key = "tag_uid_offset",
		.offset = "9C8AF06C-8585-4572-ACDC-597E6AA1B6CD",
		.updated_after = "2024-07-11 17:57:41.4804469",
		.is_final = true,
		.is_zipped = true,
		.data = captured_tags,
		.unzipped_size = 74,
	};
	struct buf out = {0};

	payload_envelope(&out, &page);
	assert_string_equal(
		out.p, "{\"result\":{\"retval\":1,\"message\":\"Returned FCT incremental tags "
		       "information\"},\"data\":{\"tag_uid_offset\":\"9C8AF06C-8585-4572-ACDC-"
		       "597E6AA1B6CD\",\"updated_after\":\"2024-07-11 17:57:41.4804469\","
		       "\"is_final\":true,\"data\":"
		       "\"eJyqVkrOz81NzEuJL0stKs7Mz1OyMtJRKk4tykzMUbJScnMOcfUNtrAwMjYwMDUwMlTSUUpJ"
		       "LctMTo0vqSxIVbJSSssvKslMzS1WqgUEAAD//4xEGAI=\",\"is_zipped\":true,"
		       "\"unzipped_size\":74}}");
	buf_free(&out);
}

/* Large pages take the fast level and many blocks; whatever the style, zlib reads it back. */
static void large_payloads_of_both_styles_inflate_to_what_they_were(void **)
{
	size_t len = 3000000;
	uint8_t *in = malloc(len), *back = malloc(len);
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		in[i] = (uint8_t)('a' + (x >> 28));
	}
	for (int style = PAYLOAD_PYTHON; style <= PAYLOAD_GO; style++) {
		static const size_t sizes[] = {0, 1, 2, 20, 4095, 70000, 3000000};

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct buf out = {0};
			uLongf n = (uLongf)len;

			payload_zip((enum payload_style)style, &out, in, sizes[i]);
			assert_int_equal(uncompress(back, &n, (Bytef *)out.p, (uLong)out.len),
					 Z_OK);
			assert_int_equal(n, sizes[i]);
			assert_memory_equal(in, back, n);
			buf_free(&out);
		}
	}
	free(in);
	free(back);
}

static void base64_pads_every_remainder(void **)
{
	struct buf out = {0};

	payload_base64(&out, "M", 1);
	payload_base64(&out, "Ma", 2);
	payload_base64(&out, "Man", 3);
	assert_string_equal(out.p, "TQ==TWE=TWFu");
	buf_free(&out);
}

static void the_bomb_is_small_and_inflates_to_what_it_says(void **)
{
	struct buf out = {0};
	uint64_t said = payload_bomb(&out, 64), got = 0;
	static uint8_t piece[1 << 20];
	z_stream z = {0};
	int rc = Z_OK;

	assert_true(out.len < 100000);
	assert_int_equal(inflateInit(&z), Z_OK);
	z.next_in = (Bytef *)out.p;
	z.avail_in = (uInt)out.len;
	while (rc == Z_OK) {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		rc = inflate(&z, Z_NO_FLUSH);
		got += sizeof(piece) - z.avail_out;
	}
	assert_int_equal(rc, Z_STREAM_END);
	assert_int_equal(got, said);
	assert_int_equal(said, 64 << 20);
	inflateEnd(&z);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_captured_uid_tags_payload_is_reproduced),
		cmocka_unit_test(the_captured_tags_payload_is_reproduced),
		cmocka_unit_test(the_captured_sysinfo_payload_is_reproduced),
		cmocka_unit_test(the_captured_uid_tags_reply_is_reproduced),
		cmocka_unit_test(the_captured_tags_reply_is_reproduced),
		cmocka_unit_test(large_payloads_of_both_styles_inflate_to_what_they_were),
		cmocka_unit_test(base64_pads_every_remainder),
		cmocka_unit_test(the_bomb_is_small_and_inflates_to_what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
