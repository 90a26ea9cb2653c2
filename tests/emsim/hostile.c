/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/hostile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	LONG_NAME = 10 * 1024,
	HEADERS_BYTES = 64 << 20,
	OVERSIZE = 1 << 20,
	FLOOD = 100000,
	OP_CONT = 0,
	OP_TEXT = 1,
	OP_BINARY = 2,
	FIN = 0x80
};

/* As they stand between the quotes of JSON. */
static const char *const naughty[] = {
	"line\\nfeed\\r\\n2026-01-01T00:00:00.000Z err ems forged",
	"quote\\\" and 'single' and \\\\ backslash",
	"%s%n%x%p%99999d%hhn",
	"../../../../../../etc/passwd",
	"\\u0001\\u0002\\u001b]0;title\\u0007\\u007f",
	"\\u001b[31mred\\u001b[2J\\u001b[H",
	"$(reboot);`id`|tee /tmp/x;'--",
	"<script>alert(1)</script>",
	"tab\\tbed key=value msg=\\\"x\\\"",
	"\\u202eleft to right",
	"\\ud83d\\ude00 and \\u00e9",
	"next\\u0085line\\u2028separator",
	"tag\\\"} 1\\ntagwarden_up 666",
};

enum {
	NB_NAUGHTY = sizeof(naughty) / sizeof(naughty[0])
};

static const char *const bad_uids[] = {
	"",
	"0000000000000000000000000000BAD",
	"0000000000000000000000000000BAD00",
	"0000000000000000000000000000BADG",
	"../../../../../../../../etc/passw",
	"%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n",
	"00000000-0000-0000-0000-0000000BAD",
	"\\u001b[2J0000000000000000000000000",
};

enum {
	NB_BAD_UIDS = sizeof(bad_uids) / sizeof(bad_uids[0])
};

static const struct {
	const char *name;
	const char *what;
} kinds[HOSTILE__COUNT] = {
#define H(sym, name, what) [HOSTILE_##sym] = {name, what},
	HOSTILE_LIST(H)
#undef H
};

int hostile_parse(const char *name)
{
	for (int i = 0; i < HOSTILE__COUNT; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return i;
	return -ENOENT;
}

/* Between the quotes: the naughty name of number <i>; the one behind the last is long. */
static void put_name(enum hostile kind, unsigned i, struct buf *out)
{
	if (kind == HOSTILE_NUL) {
		buf_str(out, "nul\\u0000inside");
	} else if (kind == HOSTILE_UTF8) {
		buf_str(out, "\xff\xfe\xc0\x80 not UTF-8");
	} else if (kind == HOSTILE_SURROGATE) {
		buf_str(out, "half \\ud83d of a pair");
	} else if (i < NB_NAUGHTY) {
		buf_str(out, naughty[i]);
	} else {
		for (unsigned n = 0; n < LONG_NAME; n++)
			buf_add(out, "A", 1);
	}
}

static void put_field(const char *key, enum hostile kind, unsigned i, struct buf *out)
{
	buf_str(out, key);
	buf_str(out, "\"");
	put_name(kind, i, out);
	buf_str(out, "\"");
}

static void put_sysinfo(enum hostile kind, unsigned i, struct buf *out)
{
	buf_str(out, ":{\"sysinfo_update_time\":\"2024-07-11 17:57:41.2630768\",\"onnet\":true,"
		     "\"online\":true,\"is_registered\":true,\"quarantined\":false,"
		     "\"client_cert_sn\":\"7A2B3C4D5E6F708192A3B4C5D6E7F80112233445\"");
	put_field(",\"hostname\":", kind, i, out);
	put_field(",\"user_name\":", kind, i, out);
	put_field(",\"ip\":", kind, i, out);
	put_field(",\"mac\":", kind, i, out);
	put_field(",\"fct_sn\":", kind, i, out);
	put_field(",\"os_ver\":", kind, i, out);
	put_field(",\"avatar_fingerprint\":", kind, i, out);
	put_field(",\"gateway_route_list\":[{\"gateway_info\":{\"fgt_sn\":", kind, i, out);
	put_field(",\"interface\":", kind, i, out);
	put_field(",\"vdom\":", kind, i, out);
	put_field("},\"route_info\":[{\"ip\":", kind, i, out);
	put_field(",\"mac\":", kind, i, out);
	put_field(",\"route_type\":", kind, i, out);
	buf_str(out, "}]}]}");
}

static void put_tags(enum hostile kind, unsigned i, struct buf *out)
{
	put_field(":{\"tags\":[{\"name\":", kind, i, out);
	buf_printf(out, ",\"type\":%u}", 1 + i % 4);
	put_field("],\"tag_update_time\":", kind, i, out);
	buf_str(out, "}");
}

static void put_devices(enum hostile kind, enum entry entry, struct buf *out)
{
	void (*put)(enum hostile, unsigned, struct buf *) =
		entry == ENTRY_SYSINFO ? put_sysinfo : put_tags;

	for (unsigned i = 0; i <= NB_NAUGHTY; i++) {
		buf_printf(out, "%s\"%032X\"", i > 0 ? "," : "", 0xbad0000 + i);
		put(kind, i, out);
	}
	for (unsigned i = 0; i < NB_BAD_UIDS; i++) {
		buf_printf(out, ",\"%s\"", bad_uids[i]);
		put(kind, i, out);
	}
}

static void put_commands(enum hostile kind, struct buf *out)
{
	for (unsigned i = 0; i <= NB_NAUGHTY; i++) {
		put_field(i > 0 ? ",{\"tag_uid\":" : "{\"tag_uid\":", kind, i, out);
		put_field(",\"name\":", kind, i, out);
		buf_printf(out, ",\"tag_type\":%u,\"action\":\"add\"", 1 + i % 4);
		put_field(",\"ip_list\":[", kind, i, out);
		put_field("],\"mac_list\":[", kind, i, out);
		buf_str(out, "]}");
	}
}

void hostile_inner(enum hostile kind, enum entry entry, struct buf *inner)
{
	if (kind < HOSTILE_NAMES || kind > HOSTILE_SURROGATE)
		return;
	buf_reset(inner);
	if (entry == ENTRY_TAGS) {
		buf_str(inner, "{\"command_version\":2,\"commands\":[");
		put_commands(kind, inner);
		buf_str(inner, "]}");
		return;
	}
	buf_str(inner, entry == ENTRY_SYSINFO ? "{" : "{\"uid_tag_lists\":{");
	put_devices(kind, entry, inner);
	buf_str(inner, entry == ENTRY_SYSINFO ? "}" : "}}");
}

static void put_headers(struct buf *out)
{
	buf_str(out, "HTTP/1.1 200 OK\r\n");
	for (unsigned i = 0; out->len < HEADERS_BYTES; i++)
		buf_printf(out, "X-%u: %01000u\r\n", i, i);
}

bool hostile_answer(enum hostile kind, enum entry entry, const char *path, struct buf *out)
{
	struct buf body = {0};

	if (kind == HOSTILE_REDIRECT) {
		buf_printf(out, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
			   path);
		return true;
	}
	if (kind == HOSTILE_HEADERS) {
		put_headers(out);
		return true;
	}
	if (kind != HOSTILE_MESSAGE ||
	    (entry != ENTRY_SYSINFO && entry != ENTRY_UID_TAGS && entry != ENTRY_TAGS))
		return false;
	buf_printf(&body, "{\"result\":{\"retval\":-5,\"message\":\"%s\"},\"data\":null}",
		   naughty[entry == ENTRY_TAGS      ? 5
			   : entry == ENTRY_SYSINFO ? 0
						    : 2]);
	buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", body.len, body.p);
	buf_free(&body);
	return true;
}

static void put_frame(struct buf *out, uint8_t head, const char *p, size_t len)
{
	const uint8_t short_head[] = {head, (uint8_t)len};
	const uint8_t long_head[] = {head,
				     127,
				     0,
				     0,
				     0,
				     0,
				     (uint8_t)(len >> 24),
				     (uint8_t)(len >> 16),
				     (uint8_t)(len >> 8),
				     (uint8_t)len};

	if (len < 126)
		buf_add(out, short_head, sizeof(short_head));
	else
		buf_add(out, long_head, sizeof(long_head));
	buf_add(out, p, len);
}

bool hostile_frame(enum hostile kind, const char *text, size_t len, struct buf *out)
{
	const size_t third = len / 3;
	char *big;

	switch (kind) {
	case HOSTILE_WS_FRAGMENTS:
		put_frame(out, OP_TEXT, text, third);
		put_frame(out, OP_CONT, text + third, third);
		put_frame(out, FIN | OP_CONT, text + 2 * third, len - 2 * third);
		return true;
	case HOSTILE_WS_BINARY:
		put_frame(out, FIN | OP_BINARY, text, len);
		return true;
	case HOSTILE_WS_OVERSIZE:
		big = xcalloc(1, OVERSIZE);
		memset(big, ' ', OVERSIZE);
		put_frame(out, FIN | OP_TEXT, big, OVERSIZE);
		free(big);
		return true;
	case HOSTILE_WS_FLOOD:
		put_frame(out, OP_TEXT, text, third);
		for (unsigned i = 0; i < FLOOD; i++)
			put_frame(out, OP_CONT, "", 0);
		return true;
	default:
		return false;
	}
}
