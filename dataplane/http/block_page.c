/* SPDX-License-Identifier: BSD-3-Clause */

#include "http/block_page.h"

#include "http/h1_priv.h"

/* The body is made first, for its length stands before it. */
#define MAX_BODY 3584u

#define WRITE_LIT(w, lit) h1_write(w, SLICE_LIT(lit))

static const struct {
	uint16_t status;
	const char *reason;
} reasons[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{413, "Content Too Large"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{426, "Upgrade Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *h1_status_reason(uint16_t status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* Quality of a media range, 0 to 1000; a malformed one counts as 1000 (RFC 9110 12.4.2). */
static unsigned range_quality(struct slice params)
{
	const uint8_t *q = NULL;
	unsigned v, digits = 0;

	for (size_t i = 0; i + 1 < params.len; i++) {
		if (h1_lower(params.ptr[i]) == 'q' && params.ptr[i + 1] == '=')
			q = params.ptr + i + 2;
	}
	if (q == NULL || q == params.ptr + params.len || *q != '0')
		return 1000;
	v = 0;
	for (q++; q < params.ptr + params.len && digits < 3; q++) {
		if (*q == '.')
			continue;
		if (!h1_has_class(*q, H1_C_DIGIT))
			break;
		v = v * 10 + (unsigned)(*q - '0');
		digits++;
	}
	for (; digits < 3; digits++)
		v *= 10;
	return v;
}

static bool is_json_type(struct slice type)
{
	static const char suffix[] = "+json";

	if (H1_NAME_IS(type, "application/json"))
		return true;
	return type.len > 5 &&
	       slice_is_equal_nocase(slice_skip(type, type.len - 5), slice_of(suffix, 5));
}

static bool is_html_type(struct slice type)
{
	return H1_NAME_IS(type, "text/html") || H1_NAME_IS(type, "application/xhtml+xml");
}

/* One element of Accept: raises the best quality of its kind. */
static void note_range(struct slice range, unsigned *best_json, unsigned *best_html)
{
	size_t n = 0;

	while (range.len > 0 && (range.ptr[0] == ' ' || range.ptr[0] == '\t'))
		range = slice_skip(range, 1);
	while (n < range.len && range.ptr[n] != ';' && range.ptr[n] != ' ')
		n++;
	struct slice type = {range.ptr, n};
	const unsigned q = range_quality(slice_skip(range, n));
	if (is_json_type(type) && q > *best_json)
		*best_json = q;
	else if (is_html_type(type) && q > *best_html)
		*best_html = q;
}

bool block_page_wants_json(const struct h1_head *head)
{
	unsigned best_json = 0, best_html = 0;

	for (uint32_t i = 0; i < head->nb_headers; i++) {
		if (!H1_NAME_IS(head->header[i].name, "accept"))
			continue;
		struct slice left = head->header[i].value;
		while (left.len > 0) {
			const uint8_t *comma = memchr(left.ptr, ',', left.len);
			size_t n = comma == NULL ? left.len : (size_t)(comma - left.ptr);
			note_range((struct slice){left.ptr, n}, &best_json, &best_html);
			left = slice_skip(left, n + 1);
		}
	}
	return best_json > best_html;
}

/* Text for HTML, in quoted attributes too. Other than visible ASCII becomes '?'. */
static void write_html(struct h1_writer *w, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		switch (s.ptr[i]) {
		case '&':
			WRITE_LIT(w, "&amp;");
			break;
		case '<':
			WRITE_LIT(w, "&lt;");
			break;
		case '>':
			WRITE_LIT(w, "&gt;");
			break;
		case '"':
			WRITE_LIT(w, "&quot;");
			break;
		case '\'':
			WRITE_LIT(w, "&#39;");
			break;
		default:
			if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
				WRITE_LIT(w, "?");
			else
				h1_write(w, slice_of(&s.ptr[i], 1));
		}
	}
}

static void write_json(struct h1_writer *w, struct slice s)
{
	WRITE_LIT(w, "\"");
	for (size_t i = 0; i < s.len; i++) {
		const uint8_t b = s.ptr[i];
		if (b < 0x20 || b > 0x7e) {
			WRITE_LIT(w, "?");
			continue;
		}
		/* '<' too: a browser that sniffs must find no tag. */
		if (b == '<') {
			WRITE_LIT(w, "\\u003c");
			continue;
		}
		if (b == '"' || b == '\\')
			WRITE_LIT(w, "\\");
		h1_write(w, slice_of(&b, 1));
	}
	WRITE_LIT(w, "\"");
}

static void write_padded(struct h1_writer *w, uint64_t v, unsigned digits)
{
	uint64_t limit = 10;

	for (unsigned n = 1; n < digits; n++, limit *= 10) {
		if (v < limit)
			WRITE_LIT(w, "0");
	}
	h1_write_uint(w, v);
}

/*
 * "2026-11-22T05:00:00Z". By hand: gmtime_r() takes a lock and may read files. The calendar is
 * counted from 0000-03-01 in eras of 400 years, so that the leap day is a year's last.
 */
static void write_time(struct h1_writer *w, int64_t time_s)
{
	const uint64_t t = time_s < 0 ? 0 : (uint64_t)time_s;
	const uint64_t days = t / 86400 + 719468;
	const uint64_t of_day = t % 86400;
	const uint64_t of_era = days % 146097;
	const uint64_t year_of_era =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const uint64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const uint64_t mp = (5 * of_year + 2) / 153;
	const uint64_t month = mp < 10 ? mp + 3 : mp - 9;

	write_padded(w, year_of_era + days / 146097 * 400 + (month <= 2 ? 1 : 0), 4);
	WRITE_LIT(w, "-");
	write_padded(w, month, 2);
	WRITE_LIT(w, "-");
	write_padded(w, of_year - (153 * mp + 2) / 5 + 1, 2);
	WRITE_LIT(w, "T");
	write_padded(w, of_day / 3600, 2);
	WRITE_LIT(w, ":");
	write_padded(w, of_day / 60 % 60, 2);
	WRITE_LIT(w, ":");
	write_padded(w, of_day % 60, 2);
	WRITE_LIT(w, "Z");
}

static void write_html_row(struct h1_writer *w, const char *label, struct slice value)
{
	if (value.len == 0)
		return;
	WRITE_LIT(w, "<dt>");
	h1_write_str(w, label);
	WRITE_LIT(w, "</dt><dd>");
	write_html(w, value);
	WRITE_LIT(w, "</dd>\n");
}

static void write_html_body(struct h1_writer *w, const struct block_page *page)
{
	WRITE_LIT(w, "<!DOCTYPE html>\n"
		     "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
		     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
		     "<title>");
	write_html(w, slice_str(page->title));
	WRITE_LIT(w, "</title>\n<style>\n"
		     "body{margin:0;background:#f4f5f7;color:#1f2430;"
		     "font:16px/1.5 system-ui,sans-serif}\n"
		     "main{max-width:36rem;margin:12vh auto;padding:2rem;background:#fff;"
		     "border-radius:8px;border-top:4px solid #b3261e}\n"
		     "h1{margin:0 0 1rem;font-size:1.4rem}\n"
		     "dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;"
		     "margin:1.5rem 0 0;font-size:.85rem}\n"
		     "dt{color:#667}dd{margin:0;font-family:monospace;"
		     "overflow-wrap:anywhere}\n"
		     "</style></head>\n<body><main>\n<h1>");
	write_html(w, slice_str(page->title));
	WRITE_LIT(w, "</h1>\n<p>");
	write_html(w, slice_str(page->message));
	WRITE_LIT(w, "</p>\n<dl>\n");
	if (page->code != 0) {
		WRITE_LIT(w, "<dt>Error code</dt><dd>");
		write_padded(w, page->code, 3);
		WRITE_LIT(w, "</dd>\n");
	}
	write_html_row(w, "Request id", page->request_id);
	write_html_row(w, "Destination", page->host);
	write_html_row(w, "Device id", page->device_uid);
	write_html_row(w, "Certificate serial", page->cert_serial);
	WRITE_LIT(w, "<dt>Time</dt><dd>");
	write_time(w, page->time_s);
	WRITE_LIT(w, "</dd>\n</dl>\n</main></body></html>\n");
}

static void write_json_member(struct h1_writer *w, const char *name, struct slice value)
{
	if (value.len == 0)
		return;
	WRITE_LIT(w, ",\"");
	h1_write_str(w, name);
	WRITE_LIT(w, "\":");
	write_json(w, value);
}

/* RFC 9457, with members of our own. */
static void write_json_body(struct h1_writer *w, const struct block_page *page)
{
	WRITE_LIT(w, "{\"status\":");
	h1_write_uint(w, page->status);
	if (page->code != 0) {
		WRITE_LIT(w, ",\"code\":\"");
		write_padded(w, page->code, 3);
		WRITE_LIT(w, "\"");
	}
	write_json_member(w, "title", slice_str(page->title));
	write_json_member(w, "message", slice_str(page->message));
	write_json_member(w, "request_id", page->request_id);
	write_json_member(w, "host", page->host);
	write_json_member(w, "device_uid", page->device_uid);
	write_json_member(w, "cert_serial", page->cert_serial);
	WRITE_LIT(w, ",\"time\":\"");
	write_time(w, page->time_s);
	WRITE_LIT(w, "\"}\n");
}

static void write_head(struct h1_writer *w, const struct block_page *page, size_t body_len)
{
	WRITE_LIT(w, "HTTP/1.1 ");
	h1_write_uint(w, page->status);
	WRITE_LIT(w, " ");
	h1_write_str(w, h1_status_reason(page->status));
	WRITE_LIT(w, "\r\nContent-Type: ");
	h1_write_str(w, page->is_json ? "application/problem+json; charset=utf-8"
				      : "text/html; charset=utf-8");
	WRITE_LIT(w, "\r\nContent-Length: ");
	h1_write_uint(w, body_len);
	WRITE_LIT(w, "\r\nCache-Control: no-store\r\n"
		     "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
		     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
		     "X-Content-Type-Options: nosniff\r\n"
		     "Referrer-Policy: no-referrer\r\n");
	if (page->request_id.len > 0)
		h1_write_header(w, "X-Request-Id", page->request_id);
	if (!page->is_keep_alive)
		WRITE_LIT(w, "Connection: close\r\n");
	WRITE_LIT(w, "\r\n");
}

void block_page_write(struct h1_writer *w, const struct block_page *page)
{
	char body[MAX_BODY];
	struct h1_writer b = {.buf = body, .cap = sizeof(body)};

	if (page->is_json)
		write_json_body(&b, page);
	else
		write_html_body(&b, page);
	if (b.is_full) {
		w->is_full = true;
		return;
	}
	write_head(w, page, b.len);
	if (!page->is_head)
		h1_write(w, slice_of(body, b.len));
}
