/* SPDX-License-Identifier: BSD-3-Clause */

/* The page a refused client sees. */

#include "http/block_page.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char out[8192];

static const struct block_page page = {
	.status = 403,
	.code = 65,
	.title = "Access denied",
	.message = "Your device does not meet the requirements.",
	.request_id = {(const uint8_t *)"0123456789abcdef0123456789abcdef", 32},
	.host = {(const uint8_t *)"shop.example", 12},
	.device_uid = {(const uint8_t *)"0A1B", 4},
	.cert_serial = {(const uint8_t *)"12AB", 4},
	.time_s = 1794978000, /* 2026-11-18T05:00:00Z */
	.is_keep_alive = true,
};

/* The response, NUL-terminated. */
static const char *write_page(const struct block_page *p)
{
	struct h1_writer w = {.buf = out, .cap = 4096};

	block_page_write(&w, p);
	assert_false(w.is_full);
	out[w.len] = '\0';
	return out;
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static void a_page_is_a_response_that_our_parser_takes(void **)
{
	static struct h1_head head;
	enum outcome o;

	for (int i = 0; i < 2; i++) {
		struct block_page p = page;
		p.is_json = i == 1;
		const char *text = write_page(&p);
		assert_int_equal(h1_parse_response(slice_str(text), H1_GET, &head, &o), 0);
		assert_int_equal(head.status, 403);
		assert_true(head.is_keep_alive);
		assert_int_equal(head.framing, H1_BODY_LENGTH);
		assert_int_equal(head.content_length, strlen(text) - head.len);
		assert_true(slice_is_equal(h1_find(&head, "x-request-id")->value, page.request_id));
		assert_true(slice_is_equal(h1_find(&head, "cache-control")->value,
					   SLICE_LIT("no-store")));
		assert_true(slice_is_equal(h1_find(&head, "x-content-type-options")->value,
					   SLICE_LIT("nosniff")));
		assert_non_null(h1_find(&head, "content-security-policy"));
	}
}

static void html_says_what_the_client_may_know(void **)
{
	const char *text = write_page(&page);

	assert_true(has(text, "Content-Type: text/html; charset=utf-8\r\n"));
	assert_true(has(text, "<h1>Access denied</h1>"));
	assert_true(has(text, "<dd>065</dd>"));
	assert_true(has(text, "<dd>0123456789abcdef0123456789abcdef</dd>"));
	assert_true(has(text, "<dd>shop.example</dd>"));
	assert_true(has(text, "<dd>2026-11-18T05:00:00Z</dd>"));
	assert_false(has(text, "<script"));
	assert_false(has(text, "Connection: close"));
}

static void json_is_exact(void **)
{
	struct block_page p = page;

	p.is_json = true;
	const char *body = strstr(write_page(&p), "\r\n\r\n");
	assert_non_null(body);
	assert_true(has(out, "Content-Type: application/problem+json; charset=utf-8\r\n"));
	assert_string_equal(
		body + 4,
		"{\"status\":403,\"code\":\"065\",\"title\":\"Access denied\","
		"\"message\":\"Your device does not meet the requirements.\","
		"\"request_id\":\"0123456789abcdef0123456789abcdef\",\"host\":\"shop.example\","
		"\"device_uid\":\"0A1B\",\"cert_serial\":\"12AB\","
		"\"time\":\"2026-11-18T05:00:00Z\"}\n");
}

static void what_the_client_sent_is_escaped(void **)
{
	struct block_page p = page;

	p.host = SLICE_LIT("<script>\"'&\\\r\n\xe9");
	assert_true(has(write_page(&p), "<dd>&lt;script&gt;&quot;&#39;&amp;\\??\?</dd>"));
	p.is_json = true;
	assert_true(has(write_page(&p), "\"host\":\"\\u003cscript>\\\"'&\\\\??\?\""));
}

static void a_plain_error_has_no_code(void **)
{
	const struct block_page p = {
		.status = 502, .title = "Bad gateway", .message = "Try again later."};
	const char *text = write_page(&p);

	assert_true(has(text, "HTTP/1.1 502 Bad Gateway\r\n"));
	assert_true(has(text, "Connection: close\r\n"));
	assert_false(has(text, "Error code"));
	assert_false(has(text, "Device id"));
	assert_false(has(text, "X-Request-Id"));
	assert_true(has(text, "<dd>1970-01-01T00:00:00Z</dd>"));
}

static void head_gets_the_head_only(void **)
{
	struct block_page p = page;

	p.is_head = true;
	const char *text = write_page(&p);
	assert_string_equal(text + strlen(text) - 4, "\r\n\r\n");
	assert_true(has(text, "Content-Length: "));
	assert_false(has(text, "Content-Length: 0\r\n"));
}

static void a_page_that_does_not_fit_is_not_sent(void **)
{
	struct h1_writer w = {.buf = out, .cap = 500};

	block_page_write(&w, &page);
	assert_true(w.is_full);
	assert_true(w.len <= 500);
}

static void dates_are_right_across_leap_years(void **)
{
	static const struct {
		int64_t time_s;
		const char *text;
	} rows[] = {
		{951782400, "2000-02-29T00:00:00Z"},  {951868799, "2000-02-29T23:59:59Z"},
		{951868800, "2000-03-01T00:00:00Z"},  {1709164800, "2024-02-29T00:00:00Z"},
		{1735689599, "2024-12-31T23:59:59Z"}, {1735689600, "2025-01-01T00:00:00Z"},
		{4107542400, "2100-03-01T00:00:00Z"}, {-5, "1970-01-01T00:00:00Z"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct block_page p = page;
		p.time_s = rows[i].time_s;
		if (!has(write_page(&p), rows[i].text))
			fail_msg("%s", rows[i].text);
	}
}

static void json_goes_to_those_who_prefer_it(void **)
{
	static const struct {
		const char *accept; /* NULL: no field */
		bool wants;
	} rows[] = {
		{NULL, false},
		{"*/*", false},
		{"application/json", true},
		{"APPLICATION/JSON", true},
		{"application/problem+json", true},
		{"application/json, text/html", false},
		{"application/json, text/html;q=0.9", true},
		{"application/json;q=0.5, text/html", false},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
		{"application/json, text/plain, */*", true},
		{"application/json;q=0", false},
		{"application/json;q=0.001", true},
		{"text/html;q=0, application/json;q=0.1", true},
		{",,,", false},
		{"application/json;q=", true},
		{"+json", false},
	};
	static struct h1_head head;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		enum outcome o;
		const int n =
			snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n",
				 rows[i].accept != NULL ? "Accept: " : "",
				 rows[i].accept != NULL ? rows[i].accept : "",
				 rows[i].accept != NULL ? "\r\n" : "");
		assert_in_range(n, 1, sizeof(text) - 1);
		assert_int_equal(h1_parse_request(slice_of(text, (size_t)n), &head, &o), 0);
		if (block_page_wants_json(&head) != rows[i].wants)
			fail_msg("%s", rows[i].accept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_a_response_that_our_parser_takes),
		cmocka_unit_test(html_says_what_the_client_may_know),
		cmocka_unit_test(json_is_exact),
		cmocka_unit_test(what_the_client_sent_is_escaped),
		cmocka_unit_test(a_plain_error_has_no_code),
		cmocka_unit_test(head_gets_the_head_only),
		cmocka_unit_test(a_page_that_does_not_fit_is_not_sent),
		cmocka_unit_test(dates_are_right_across_leap_years),
		cmocka_unit_test(json_goes_to_those_who_prefer_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
