/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Messages are written from what was parsed, field by field: no run of received bytes that holds a
 * delimiter is ever copied.
 */

#include "http/block_page.h"
#include "http/h1_priv.h"

/* Inline, so that what is a literal is a few stores. */
static inline void put(struct h1_writer *w, struct slice s)
{
	if (w->is_full || s.len > w->cap - w->len) {
		w->is_full = true;
		return;
	}
	if (s.len > 0)
		memcpy(w->buf + w->len, s.ptr, s.len);
	w->len += s.len;
}

void h1_write(struct h1_writer *w, struct slice s)
{
	put(w, s);
}

void h1_write_str(struct h1_writer *w, const char *s)
{
	h1_write(w, slice_str(s));
}

void h1_write_uint(struct h1_writer *w, uint64_t v)
{
	uint8_t digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (uint8_t)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	h1_write(w, slice_of(digits + at, sizeof(digits) - at));
}

#define WRITE_LIT(w, lit) put(w, SLICE_LIT(lit))

/* Received fields were checked when they were parsed. */
static void write_field(struct h1_writer *w, struct slice name, struct slice value)
{
	const size_t len = name.len + value.len + 4;

	if (w->is_full || len > w->cap - w->len) {
		w->is_full = true;
		return;
	}
	char *p = w->buf + w->len;
	memcpy(p, name.ptr, name.len);
	p += name.len;
	*p++ = ':';
	*p++ = ' ';
	if (value.len > 0)
		memcpy(p, value.ptr, value.len);
	p += value.len;
	*p++ = '\r';
	*p++ = '\n';
	w->len += len;
}

static void write_checked(struct h1_writer *w, struct slice name, struct slice value)
{
	struct h1_cursor c = {.in = value};

	if (value.len > 0)
		h1_skip_value(&c);
	if (!h1_at_end(&c)) {
		w->is_full = true;
		return;
	}
	write_field(w, name, value);
}

void h1_write_header(struct h1_writer *w, const char *name, struct slice value)
{
	write_checked(w, slice_str(name), value);
}

/* Is <name> an option of the list <value>? */
static bool has_option(struct slice value, struct slice name)
{
	for (size_t start = 0, i = 0; i <= value.len; i++) {
		if (i < value.len && value.ptr[i] != ',')
			continue;
		struct slice option = {value.ptr + start, i - start};
		while (option.len > 0 && !h1_has_class(option.ptr[0], H1_C_TOKEN))
			option = (struct slice){option.ptr + 1, option.len - 1};
		while (option.len > 0 && !h1_has_class(option.ptr[option.len - 1], H1_C_TOKEN))
			option.len--;
		if (slice_is_equal_nocase(option, name))
			return true;
		start = i + 1;
	}
	return false;
}

bool h1_is_hop_by_hop(const struct h1_head *head, struct slice name)
{
	if (h1_name_is_hop_by_hop(name))
		return true;
	if (!head->has_connection_names)
		return false;
	for (uint32_t i = 0; i < head->nb_headers; i++) {
		if (H1_NAME_IS(head->header[i].name, "connection") &&
		    has_option(head->header[i].value, name))
			return true;
	}
	return false;
}

static void write_framing(struct h1_writer *w, enum h1_framing framing, uint64_t content_length)
{
	if (framing == H1_BODY_CHUNKED) {
		WRITE_LIT(w, "Transfer-Encoding: chunked\r\n");
	} else if (framing == H1_BODY_LENGTH) {
		WRITE_LIT(w, "Content-Length: ");
		h1_write_uint(w, content_length);
		WRITE_LIT(w, "\r\n");
	}
}

static void write_upgrade(struct h1_writer *w, const struct h1_head *head)
{
	if (!head->has_upgrade)
		return;
	WRITE_LIT(w, "Connection: Upgrade\r\nUpgrade: ");
	h1_write(w, head->upgrade);
	WRITE_LIT(w, "\r\n");
}

static void write_identity(struct h1_writer *w, struct slice name, struct slice value)
{
	if (value.len > 0)
		write_checked(w, name, value);
}

static bool is_forwarded_to_server(const struct h1_head *head, struct slice name)
{
	return !H1_NAME_IS(name, "host") && !H1_NAME_IS(name, "content-length") &&
	       !H1_NAME_IS(name, "expect") && !h1_is_hop_by_hop(head, name) &&
	       !h1_name_is_identity(name);
}

void h1_write_request(struct h1_writer *w, const struct h1_head *head, struct slice path,
		      struct slice host, const struct h1_identity *id)
{
	h1_write(w, head->method_name);
	WRITE_LIT(w, " ");
	h1_write(w, path);
	if (head->has_query) {
		WRITE_LIT(w, "?");
		h1_write(w, head->query);
	}
	WRITE_LIT(w, " HTTP/1.1\r\n");
	write_checked(w, SLICE_LIT("Host"), host);
	for (uint32_t i = 0; i < head->nb_headers; i++) {
		const struct h1_header *h = &head->header[i];
		if (is_forwarded_to_server(head, h->name))
			write_field(w, h->name, h->value);
	}
	write_identity(w, SLICE_LIT("X-Forwarded-For"), id->client_ip);
	write_identity(w, SLICE_LIT("X-Forwarded-Proto"), id->proto);
	write_identity(w, SLICE_LIT("X-Forwarded-Host"), id->host);
	write_identity(w, SLICE_LIT("X-Tagwarden-Device-UID"), id->device_uid);
	write_identity(w, SLICE_LIT("X-Tagwarden-User"), id->device_user);
	write_identity(w, SLICE_LIT("X-Tagwarden-EMS"), id->ems_serial);
	write_identity(w, SLICE_LIT("X-Request-Id"), id->request_id);
	write_upgrade(w, head);
	write_framing(w, head->framing, head->content_length);
	WRITE_LIT(w, "\r\n");
}

static void write_status_line(struct h1_writer *w, const struct h1_head *head)
{
	WRITE_LIT(w, "HTTP/1.1 ");
	h1_write_uint(w, head->status);
	WRITE_LIT(w, " ");
	h1_write(w,
		 head->reason.len > 0 ? head->reason : slice_str(h1_status_reason(head->status)));
	WRITE_LIT(w, "\r\n");
}

void h1_write_response(struct h1_writer *w, const struct h1_head *head, enum h1_framing framing,
		       bool is_keep_alive)
{
	const bool is_interim = head->status < 200;
	bool has_length = false;

	write_status_line(w, head);
	for (uint32_t i = 0; i < head->nb_headers; i++) {
		const struct h1_header *h = &head->header[i];
		if (H1_NAME_IS(h->name, "content-length"))
			has_length = true;
		else if (!h1_is_hop_by_hop(head, h->name))
			write_field(w, h->name, h->value);
	}
	/* HEAD and 304 tell the length of a body that is not there; 1xx and 204 must not. */
	if (framing == H1_BODY_NONE && has_length && !is_interim && head->status != 204)
		framing = H1_BODY_LENGTH;
	write_framing(w, framing, head->content_length);
	if (is_interim)
		write_upgrade(w, head);
	else if (!is_keep_alive || framing == H1_BODY_UNTIL_CLOSE)
		WRITE_LIT(w, "Connection: close\r\n");
	WRITE_LIT(w, "\r\n");
}
