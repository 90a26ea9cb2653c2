/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/ws/ws.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char seen[65536];
static size_t seen_len;
static unsigned nb_control;
static enum ws_opcode last_control;
static uint8_t control[WS_CONTROL_MAX];
static size_t control_len;

static int on_message(void *, enum ws_opcode op, const char *p, size_t len)
{
	assert_true(op == WS_TEXT || op == WS_BINARY);
	assert_true(seen_len + len <= sizeof(seen));
	memcpy(seen + seen_len, p, len);
	seen_len += len;
	return 0;
}

static int on_control(void *, enum ws_opcode op, const uint8_t *p, size_t len)
{
	nb_control++;
	last_control = op;
	memcpy(control, p, len);
	control_len = len;
	return 0;
}

static struct ws_reader reader(bool is_masked)
{
	seen_len = nb_control = control_len = 0;
	return (struct ws_reader){.is_masked = is_masked,
				  .frame_max = 60000,
				  .on_message = on_message,
				  .on_control = on_control};
}

/* Whole, and byte by byte: both must come to the same. */
static int feed(bool is_masked, const void *bytes, size_t len)
{
	struct ws_reader r = reader(is_masked);
	const int whole = ws_reader_feed(&r, bytes, len);
	const size_t whole_len = seen_len;
	int rc = 0;

	r = reader(is_masked);
	for (size_t i = 0; i < len && rc == 0; i++)
		rc = ws_reader_feed(&r, (const uint8_t *)bytes + i, 1);
	assert_int_equal(rc, whole);
	if (rc >= 0)
		assert_int_equal(seen_len, whole_len);
	return rc;
}

#define FEED(is_masked, text) feed(is_masked, text, sizeof(text) - 1)

static void the_rfcs_key_gets_the_rfcs_answer(void **)
{
	char accept[WS_ACCEPT_STRLEN + 1], key[WS_KEY_STRLEN + 1];

	ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	ws_key((const uint8_t *)"the sample nonce", key);
	assert_string_equal(key, "dGhlIHNhbXBsZSBub25jZQ==");
	/* A message that fits one block of SHA-1. */
	ws_accept("", accept);
	assert_string_equal(accept, "Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=");
}

static void the_rfcs_frames_are_read(void **)
{
	assert_int_equal(FEED(false, "\x81\x05Hello"), 0);
	assert_memory_equal(seen, "Hello", 5);
	assert_int_equal(FEED(true, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), 0);
	assert_memory_equal(seen, "Hello", 5);
	assert_int_equal(FEED(false, "\x01\x03Hel\x80\x02lo"), 0);
	assert_int_equal(seen_len, 5);
	assert_memory_equal(seen, "Hello", 5);
	assert_int_equal(FEED(false, "\x89\x05Hello"), 0);
	assert_int_equal(last_control, WS_PING);
	assert_int_equal(control_len, 5);
	assert_int_equal(FEED(true, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), 0);
	assert_int_equal(last_control, WS_PONG);
	assert_memory_equal(control, "Hello", 5);
}

static void a_control_frame_may_come_within_a_message(void **)
{
	assert_int_equal(FEED(false, "\x01\x03Hel\x89\x00\x80\x02lo\x81\x00\x81\x01!"), 0);
	assert_int_equal(nb_control, 1);
	assert_int_equal(control_len, 0);
	assert_memory_equal(seen, "Hello!", 6);
}

static void nothing_is_read_after_the_close(void **)
{
	assert_int_equal(FEED(false, "\x81\x01x\x88\x02\x03\xe8\xff\xff"), 1);
	assert_int_equal(last_control, WS_CLOSE);
	assert_int_equal(seen_len, 1);
}

static void what_is_against_the_protocol_is_refused(void **)
{
	assert_int_equal(FEED(false, "\x81\x85"), -EPROTO); /* masked */
	assert_int_equal(FEED(true, "\x81\x05"), -EPROTO);  /* not masked */
	assert_int_equal(FEED(false, "\xc1\x00"), -EPROTO); /* reserved bits */
	assert_int_equal(FEED(false, "\x83\x00"), -EPROTO); /* reserved opcodes */
	assert_int_equal(FEED(false, "\x8b\x00"), -EPROTO);
	assert_int_equal(FEED(false, "\x80\x00"), -EPROTO); /* goes on, and never began */
	assert_int_equal(FEED(false, "\x01\x00\x81\x00"), -EPROTO);
	assert_int_equal(FEED(false, "\x09\x00"), -EPROTO);         /* control in pieces */
	assert_int_equal(FEED(false, "\x89\x7e"), -EPROTO);         /* long control */
	assert_int_equal(FEED(false, "\x81\x7e\x00\x7d"), -EPROTO); /* longer form than needed */
	assert_int_equal(FEED(false, "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), -EPROTO);
	assert_int_equal(FEED(false, "\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), -EPROTO);
	assert_int_equal(FEED(false, "\x81\x7e\xea\x61"), -EMSGSIZE);
}

static void what_is_written_can_be_read(void **)
{
	static const size_t lens[] = {0, 1, 125, 126, 127, 1500, 59999};
	static const uint8_t mask[] = {1, 2, 3, 255};
	static uint8_t frame[60000 + WS_HEAD_MAX], text[60000];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 256);
	for (size_t i = 0; i < 2 * sizeof(lens) / sizeof(lens[0]); i++) {
		const bool is_masked = i % 2 == 1;
		const size_t len = lens[i / 2];
		const size_t n = ws_head_emit(frame, WS_BINARY, len, is_masked ? mask : NULL);

		memcpy(frame + n, text, len);
		if (is_masked)
			ws_mask(frame + n, len, mask, 0);
		assert_int_equal(feed(is_masked, frame, n + len), 0);
		assert_int_equal(seen_len, len);
		assert_memory_equal(seen, text, len);
	}
	assert_int_equal(ws_head_emit(frame, WS_TEXT, 1u << 20, NULL), 10);
	assert_memory_equal(frame, "\x81\x7f\0\0\0\0\0\x10\0\0", 10);
}

static int stop(void *, enum ws_opcode, const char *, size_t)
{
	return -ECANCELED;
}

static void a_callback_can_stop_it(void **)
{
	struct ws_reader r = reader(false);

	r.on_message = stop;
	assert_int_equal(ws_reader_feed(&r, (const uint8_t *)"\x81\x01x", 3), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_key_gets_the_rfcs_answer),
		cmocka_unit_test(the_rfcs_frames_are_read),
		cmocka_unit_test(a_control_frame_may_come_within_a_message),
		cmocka_unit_test(nothing_is_read_after_the_close),
		cmocka_unit_test(what_is_against_the_protocol_is_refused),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(a_callback_can_stop_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
