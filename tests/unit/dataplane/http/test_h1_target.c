/* SPDX-License-Identifier: BSD-3-Clause */

/* Paths and hosts: one form for each, whatever the spelling. */

#include "http/h1.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct row {
	struct slice in;
	const char *out; /* NULL: refused */
};

#define ROW(in, out)                                                                               \
	{                                                                                          \
		SLICE_LIT(in), out                                                                 \
	}

typedef int (*normalize)(struct slice in, char *buf, size_t cap, size_t *ret_len);

static void check(normalize f, const struct row *rows, size_t nb_rows)
{
	for (size_t i = 0; i < nb_rows; i++) {
		const int len = (int)rows[i].in.len;
		const char *text = (const char *)rows[i].in.ptr;
		char buf[1024];
		size_t n = 0;
		const int rc = f(rows[i].in, buf, sizeof(buf), &n);
		if (rc != (rows[i].out == NULL ? -EBADMSG : 0))
			fail_msg("row %zu, %.*s: %d", i, len, text, rc);
		if (rc == 0 && !slice_is_equal(slice_of(buf, n), slice_str(rows[i].out)))
			fail_msg("%.*s: %.*s, not %s", len, text, (int)n, buf, rows[i].out);
		/* What is normal stays so: matched once more, the answer would be the same. */
		if (rc == 0) {
			char again[1024];
			size_t m = 0;
			assert_int_equal(f(slice_of(buf, n), again, sizeof(again), &m), 0);
			assert_int_equal(m, n);
			assert_memory_equal(buf, again, n);
		}
	}
}

static void paths_have_one_form(void **)
{
	static const struct row rows[] = {
		ROW("/", "/"),
		ROW("*", "*"),
		ROW("/a/b/c", "/a/b/c"),
		ROW("/a/b/", "/a/b/"),
		ROW("/.", "/"),
		ROW("/..", "/"),
		ROW("/./", "/"),
		ROW("/../", "/"),
		ROW("/a/.", "/a/"),
		ROW("/a/..", "/"),
		ROW("/a/../", "/"),
		ROW("/a/./b", "/a/b"),
		ROW("/a/../b", "/b"),
		ROW("/a/b/../c", "/a/c"),
		ROW("/a/b/../../c", "/c"),
		ROW("/a/b/../../../c", "/c"),
		ROW("/../../etc/passwd", "/etc/passwd"),
		ROW("/a/%2e%2e/b", "/b"),
		ROW("/a/.%2e/b", "/b"),
		ROW("/a/%2E./b", "/b"),
		ROW("/a/%2e/b", "/a/b"),
		ROW("/public/%2e%2e/admin", "/admin"),
		ROW("//", "/"),
		ROW("//a", "/a"),
		ROW("/a//b", "/a/b"),
		ROW("/a///b////", "/a/b/"),
		ROW("/a//../b", "/b"),
		ROW("/a/..//b", "/b"),
		ROW("//evil.example/x", "/evil.example/x"),
		ROW("/...", "/..."),
		ROW("/a/...", "/a/..."),
		ROW("/..a", "/..a"),
		ROW("/a..", "/a.."),
		ROW("/.a", "/.a"),
		ROW("/%61dmin", "/admin"),
		ROW("/%41", "/A"),
		ROW("/%7euser", "/~user"),
		ROW("/%7Euser", "/~user"),
		ROW("/a%20b", "/a%20b"),
		ROW("/caf%c3%a9", "/caf%C3%A9"),
		ROW("/%3b", "/%3B"),
		ROW("/%3F", "/%3F"),
		ROW("/%23", "/%23"),
		ROW("/%252f", "/%252f"),
		ROW("/%252e%252e/", "/%252e%252e/"),
		ROW("/a:b@c!d$e&f'g(h)i*j+k,l=m", "/a:b@c!d$e&f'g(h)i*j+k,l=m"),
		ROW("/{id}|x^y`\"<>", "/%7Bid%7D%7Cx%5Ey%60%22%3C%3E"),
		ROW("/a[1]", "/a%5B1%5D"),
		ROW("/-._~", "/-._~"),
	};

	check(h1_normalize_path, rows, sizeof(rows) / sizeof(rows[0]));
}

static void paths_that_hide_something_are_refused(void **)
{
	static const struct row rows[] = {
		ROW("", NULL),
		ROW("a", NULL),
		ROW("**", NULL),
		ROW("/a%2fb", NULL),
		ROW("/a%2Fb", NULL),
		ROW("/..%2f..%2fetc", NULL),
		ROW("/a%5cb", NULL),
		ROW("/a%5Cb", NULL),
		ROW("/a\\b", NULL),
		ROW("/..\\..\\x", NULL),
		ROW("/a%00", NULL),
		ROW("/a%00.html", NULL),
		ROW("/a\0b", NULL),
		ROW("/a;b", NULL),
		ROW("/..;/manager", NULL),
		ROW("/a;jsessionid=1", NULL),
		ROW("/%0d%0aSet-Cookie:x", NULL),
		ROW("/%0a", NULL),
		ROW("/%09", NULL),
		ROW("/%1f", NULL),
		ROW("/%7f", NULL),
		ROW("/a\nb", NULL),
		ROW("/a b", NULL),
		ROW("/a\tb", NULL),
		ROW("/a\x7f", NULL),
		ROW("/\xc3\xa9", NULL),
		ROW("/a?b", NULL),
		ROW("/a#b", NULL),
		ROW("/%", NULL),
		ROW("/%2", NULL),
		ROW("/%zz", NULL),
		ROW("/%2x", NULL),
		ROW("/%u002f", NULL),
		ROW("/%%32%66", NULL),
		ROW("/%c0%af", NULL),
		ROW("/%c0%ae%c0%ae/", NULL),
		ROW("/%C1%9c", NULL),
		ROW("/a/%2e%2e%2fb", NULL),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buf[64];
		size_t n = 77;
		if (h1_normalize_path(rows[i].in, buf, sizeof(buf), &n) != -EBADMSG)
			fail_msg("row %zu: %.*s", i, (int)rows[i].in.len,
				 (const char *)rows[i].in.ptr);
		assert_int_equal(n, 77);
	}
}

static void a_path_that_does_not_fit_says_so(void **)
{
	char buf[8];
	size_t n;

	assert_int_equal(h1_normalize_path(SLICE_LIT("/1234567"), buf, 8, &n), 0);
	assert_int_equal(h1_normalize_path(SLICE_LIT("/12345678"), buf, 8, &n), -ENOSPC);
	assert_int_equal(h1_normalize_path(SLICE_LIT("/12345%20"), buf, 8, &n), -ENOSPC);
	assert_int_equal(h1_normalize_path(SLICE_LIT("/"), buf, 0, &n), -ENOSPC);
}

static void hosts_have_one_form(void **)
{
	static const struct row rows[] = {
		ROW("a.example", "a.example"),
		ROW("A.EXAMPLE", "a.example"),
		ROW("a.example:443", "a.example"),
		ROW("a.example.", "a.example"),
		ROW("a.example.:80", "a.example"),
		ROW("localhost", "localhost"),
		ROW("192.0.2.1", "192.0.2.1"),
		ROW("192.0.2.1:8080", "192.0.2.1"),
		ROW("[2001:DB8::1]", "[2001:db8::1]"),
		ROW("[2001:db8::1]:443", "[2001:db8::1]"),
		ROW("[2001:0DB8:0:0::0:1]:9043", "[2001:db8::1]"),
		ROW("[2001:db8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]"),
		ROW("[1111:2222:3333:4444:5555:6666:7777:8888]",
		    "[1111:2222:3333:4444:5555:6666:7777:8888]"),
		ROW("[::]", "[::]"),
		ROW("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"),
		ROW("[::FFFF:c000:201]:1", "[::ffff:192.0.2.1]"),
		ROW("xn--caf-dma.example", "xn--caf-dma.example"),
		ROW("under_score.example", "under_score.example"),
		ROW("", NULL),
		ROW(".", NULL),
		ROW("..", NULL),
		ROW("a..b", NULL),
		ROW("a.b..", NULL),
		ROW(".a", NULL),
		ROW("a b", NULL),
		ROW("a,b", NULL),
		ROW("a/b", NULL),
		ROW("a\\b", NULL),
		ROW("a@b", NULL),
		ROW("a%41", NULL),
		ROW("a\0b", NULL),
		ROW("a:", NULL),
		ROW("a:0", NULL),
		ROW("a:65535", "a"),
		ROW("a:65536", NULL),
		ROW("a:000080", NULL),
		ROW("a:-1", NULL),
		ROW(":80", NULL),
		ROW("[]", NULL),
		ROW("[:]", NULL),
		ROW("[::1", NULL),
		ROW("::1", NULL),
		ROW("[::1]]", NULL),
		ROW("[::1]:", NULL),
		ROW("[g::1]", NULL),
		ROW("[v1.fe80::a]", NULL),
		ROW("[192.0.2.1]", NULL),
		ROW("[1::2::3]", NULL),
		ROW("[1:2:3:4:5:6:7:8:9]", NULL),
		ROW("[12345::1]", NULL),
		ROW("[fe80::1%25eth0]", NULL),
		ROW("[2001:db8::1].", NULL),
		ROW("[2001:db8::1]:0", NULL),
		ROW("[2001:db8::1\0]", NULL),
	};

	check(h1_normalize_host, rows, sizeof(rows) / sizeof(rows[0]));
}

static void long_hosts_are_refused(void **)
{
	char name[300], buf[300];
	size_t n;

	memset(name, 'a', sizeof(name));
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	assert_int_equal(h1_normalize_host(slice_of(name, 253), buf, sizeof(buf), &n), 0);
	assert_int_equal(h1_normalize_host(slice_of(name, 253), buf, 252, &n), -ENOSPC);
	assert_int_equal(h1_normalize_host(slice_of(name, 254), buf, sizeof(buf), &n), -EBADMSG);
	memset(name, 'a', 64);
	assert_int_equal(h1_normalize_host(slice_of(name, 63), buf, sizeof(buf), &n), 0);
	assert_int_equal(h1_normalize_host(slice_of(name, 64), buf, sizeof(buf), &n), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_have_one_form),
		cmocka_unit_test(paths_that_hide_something_are_refused),
		cmocka_unit_test(a_path_that_does_not_fit_says_so),
		cmocka_unit_test(hosts_have_one_form),
		cmocka_unit_test(long_hosts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
