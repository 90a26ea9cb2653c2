/* SPDX-License-Identifier: BSD-3-Clause */

/* From method and path to a handler, and the small tools that handlers share. */

#include "rest/rest_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct rest_route *const tables[] = {
	rest_status_routes,  rest_device_routes, rest_service_routes, rest_session_routes,
	rest_counter_routes, rest_config_routes, rest_explain_routes, rest_ems_routes,
	rest_denial_routes,  rest_tcp_routes,    rest_conn_routes,    rest_capture_routes,
	rest_vpn_routes,
};

void rest_problem(struct rest_res *res, int status, const char *detail)
{
	res->status = status;
	res->content_type = "application/problem+json";
	res->json = json_pack("{s:i,s:o}", "status", status, "detail", rest_cstr(detail));
}

/* Does <path> fit <pattern>? A '*' takes one segment, stored in <ret_arg>. */
static bool path_matches(const char *pattern, const char *path, char ret_arg[static REST_ARG_MAX])
{
	const char *star = strchr(pattern, '*');

	ret_arg[0] = '\0';
	if (star == NULL)
		return strcmp(pattern, path) == 0;

	const size_t n = (size_t)(star - pattern);

	if (strncmp(pattern, path, n) != 0)
		return false;

	const size_t len = strcspn(path + n, "/");

	if (len == 0 || len >= REST_ARG_MAX || strcmp(star + 1, path + n + len) != 0)
		return false;
	memcpy(ret_arg, path + n, len);
	ret_arg[len] = '\0';
	return true;
}

static const struct rest_route *find(enum rest_method method, const char *path,
				     char ret_arg[static REST_ARG_MAX], bool *ret_is_known)
{
	*ret_is_known = false;
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (const struct rest_route *r = tables[t]; r->path != NULL; r++) {
			if (!path_matches(r->path, path, ret_arg))
				continue;
			*ret_is_known = true;
			if (r->method == method)
				return r;
		}
	}
	return NULL;
}

void rest_dispatch(struct cp *cp, enum rest_method method, const char *path, const char *query,
		   struct slice body, struct rest_res *res)
{
	char arg[REST_ARG_MAX];
	struct rest_req req = {.cp = cp, .path = path, .arg = arg, .query = query, .body = body};
	bool is_known;
	const struct rest_route *r = find(method, path, arg, &is_known);

	*res = (struct rest_res){.content_type = "application/json"};
	if (r == NULL) {
		rest_problem(res, is_known ? 405 : 404,
			     is_known ? "This resource does not have that method."
				      : "No such resource. GET /api/v1 lists them all.");
		return;
	}
	if (!r->is_unlocked)
		cp_lock(cp);
	r->handler(&req, res);
	if (!r->is_unlocked)
		cp_unlock(cp);
	if (res->status == 0)
		res->status = res->json != NULL || res->text != NULL ? 200 : 204;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3986 2.1; '+' is a space as forms write it. NUL is refused. */
static bool decode(const char *s, size_t len, char *ret, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%') {
			if (i + 2 >= len || hex_value(s[i + 1]) < 0 || hex_value(s[i + 2]) < 0)
				return false;
			c = (char)(hex_value(s[i + 1]) << 4 | hex_value(s[i + 2]));
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c == '\0' || n + 1 >= cap)
			return false;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return true;
}

/* The raw value of <key>, of *<ret_len> bytes; NULL: it is not there. */
static const char *find_query(const struct rest_req *req, const char *key, size_t *ret_len)
{
	const size_t klen = strlen(key);
	const char *p = req->query;

	while (*p != '\0') {
		const size_t len = strcspn(p, "&");

		if (len > klen && strncmp(p, key, klen) == 0 && p[klen] == '=') {
			*ret_len = len - klen - 1;
			return p + klen + 1;
		}
		p += len;
		if (*p == '&')
			p++;
	}
	return NULL;
}

bool rest_query(const struct rest_req *req, const char *key, char *ret, size_t cap)
{
	size_t len;
	const char *value = find_query(req, key, &len);

	return value != NULL && decode(value, len, ret, cap);
}

bool rest_has_query(const struct rest_req *req, const char *key)
{
	size_t len;

	return find_query(req, key, &len) != NULL;
}

uint64_t rest_query_uint(const struct rest_req *req, const char *key, uint64_t fallback,
			 uint64_t max)
{
	uint64_t v = 0;
	char text[20];

	if (!rest_query(req, key, text, sizeof(text)) || text[0] == '\0')
		return fallback;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return fallback;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	return v < max ? v : max;
}

json_t *rest_string(const void *ptr, size_t len)
{
	json_t *j = json_stringn(ptr == NULL ? "" : ptr, len);
	char *clean;

	if (j != NULL || len == 0)
		return j;
	/* Not UTF-8: what cannot be shown must not hide what can. */
	clean = malloc(len);
	if (clean == NULL)
		return json_string("");
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = ((const unsigned char *)ptr)[i];

		clean[i] = c < 0x80 ? (char)c : '?';
	}
	j = json_stringn(clean, len);
	free(clean);
	return j;
}

json_t *rest_slice(struct slice s)
{
	return rest_string(s.ptr, s.len);
}

json_t *rest_cstr(const char *s)
{
	return rest_string(s, strlen(s));
}

json_t *rest_time_ms(uint64_t real_ms)
{
	const time_t t = (time_t)(real_ms / 1000);
	char text[32];
	struct tm tm;

	if (real_ms == 0 || gmtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}
