/* SPDX-License-Identifier: BSD-3-Clause */

/* From method and path to a handler, and the small tools that handlers share. */

#include "common/base/hex.h"
#include "rest/audit.h"
#include "rest/rest_priv.h"

#include <openssl/evp.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The server's thread counts and reads. */
static uint64_t nb_handled;

/* clang-format off */
const struct rest_route *const rest_tables[] = {
	rest_status_routes,
	rest_device_routes,
	rest_service_routes,
	rest_session_routes,
	rest_counter_routes,
	rest_config_routes,
	rest_transaction_routes,
	rest_explain_routes,
	rest_ems_routes,
	rest_ems_verify_routes,
	rest_vpn_routes,     rest_address_routes,
	rest_denial_routes,
	rest_tcp_routes,
	rest_conn_routes,
	rest_capture_routes,
	rest_audit_routes,
	rest_openapi_routes,
	rest_debug_routes,
	rest_log_routes,
	NULL,
};
/* clang-format on */

const char *rest_method_name(enum rest_method m)
{
	static const char *const name[] = {"GET", "POST", "DELETE", "PUT", "PATCH"};

	static_assert(sizeof(name) / sizeof(name[0]) == REST_METHOD__COUNT);
	return m < REST_METHOD__COUNT ? name[m] : "?";
}

const char *rest_role_name(enum rest_role r)
{
	static const char *const name[] = {"none", "read", "operate", "admin"};

	return r <= REST_ROLE_ADMIN ? name[r] : "?";
}

enum rest_role rest_route_role(const struct rest_route *r)
{
	if (r->role != REST_ROLE_DEFAULT)
		return r->role;
	return r->method == REST_GET ? REST_ROLE_READ : REST_ROLE_OPERATE;
}

void rest_problem(struct rest_res *res, int status, const char *detail)
{
	res->status = status;
	res->content_type = "application/problem+json";
	res->json = json_pack("{s:s,s:s,s:i,s:o}", "type", "about:blank", "title",
			      answer_reason(status), "status", status, "detail", rest_cstr(detail));
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
	for (const struct rest_route *const *t = rest_tables; *t != NULL; t++) {
		for (const struct rest_route *r = *t; r->path != NULL; r++) {
			if (!path_matches(r->path, path, ret_arg))
				continue;
			*ret_is_known = true;
			if (r->method == method)
				return r;
		}
	}
	return NULL;
}

size_t rest_body_max(const struct rest_who *who, enum rest_method method, const char *path)
{
	char arg[REST_ARG_MAX];
	bool is_known;

	const struct rest_route *r = find(method, path, arg, &is_known);
	if (r == NULL || r->body_max == 0 || who->role < rest_route_role(r))
		return REST_BODY_MAX;
	return r->body_max;
}

/* What shows no more than anybody with the role READ may see leaves no trace. */
static bool is_audited(const struct rest_req *req, const struct rest_route *r, int status)
{
	/* The server itself writes down strangers, and not each of them. */
	if (status == 401)
		return false;
	return req->method != REST_GET || status == 403 ||
	       (r != NULL && rest_route_role(r) > REST_ROLE_READ);
}

static void run_route(const struct rest_route *r, const struct rest_req *req, struct rest_res *res)
{
	nb_handled++;
	res->role = rest_route_role(r);
	if (!r->is_unlocked)
		cp_lock(req->cp);
	r->handler(req, res);
	if (!r->is_unlocked)
		cp_unlock(req->cp);
	if (res->status == 0)
		res->status = res->json != NULL || res->text != NULL ? 200 : 204;
}

/* "GET, HEAD, DELETE": what the rows of <path> have. */
static void list_methods(const char *path, char *ret, size_t cap)
{
	char arg[REST_ARG_MAX];
	bool is_known;
	size_t len = 0;

	ret[0] = '\0';
	for (unsigned m = 0; m < REST_METHOD__COUNT; m++) {
		if (find((enum rest_method)m, path, arg, &is_known) == NULL || len >= cap)
			continue;
		(void)snprintf(ret + len, cap - len, "%s%s%s", len > 0 ? ", " : "",
			       rest_method_name((enum rest_method)m),
			       m == REST_GET ? ", HEAD" : "");
		len += strlen(ret + len);
	}
}

void rest_options(struct rest_req *req, struct rest_res *res)
{
	*res = (struct rest_res){.status = 204, .content_type = "application/json"};
	if (strcmp(req->path, "*") == 0)
		(void)snprintf(res->allow, sizeof(res->allow),
			       "GET, HEAD, POST, DELETE, PUT, PATCH, OPTIONS");
	else
		list_methods(req->path, res->allow, sizeof(res->allow));
	if (res->allow[0] == '\0')
		rest_problem(res, 404, "No such resource. GET /api/v1 lists them all.");
}

uint64_t rest_nb_handled(void)
{
	return nb_handled;
}

void rest_dispatch(struct rest_req *req, struct rest_res *res)
{
	bool is_known = false;
	const struct rest_route *r = NULL;
	char arg[REST_ARG_MAX];

	*res = (struct rest_res){.content_type = "application/json"};
	if (req->who == NULL || req->who->role == REST_ROLE_DEFAULT) {
		rest_problem(res, 401, "Say who you are.");
	} else if ((r = find(req->method, req->path, arg, &is_known)) == NULL) {
		rest_problem(res, is_known ? 405 : 404,
			     is_known ? "This resource does not have that method."
				      : "No such resource. GET /api/v1 lists them all.");
		list_methods(req->path, res->allow, sizeof(res->allow));
	} else if (req->who->role < rest_route_role(r)) {
		rest_problem(res, 403, "Your role does not allow that.");
		json_object_set_new(res->json, "role",
				    json_string(rest_role_name(rest_route_role(r))));
	} else {
		req->arg = arg;
		run_route(r, req, res);
	}
	req->arg = "";
	/* RFC 9457 3.1.5: which request it was about. */
	if (res->json != NULL && res->status >= 400)
		json_object_set_new(res->json, "instance", rest_cstr(req->path));
	if (is_audited(req, r, res->status))
		audit_request(req->cp, req->who, req->method, req->path, res->status, NULL);
}

/* <etag> in its quotes; the control plane's start is in it, since generations may begin anew. */
__attribute__((format(printf, 4, 0))) static void
make_etag(const struct cp *cp, char *ret, size_t cap, const char *fmt, va_list args)
{
	char version[48];

	(void)vsnprintf(version, sizeof(version), fmt, args);
	(void)snprintf(ret, cap, "\"%llx-%s\"", (unsigned long long)cp->started_ms, version);
}

/* RFC 9110 13.1.1: "*", or a list with <etag> among it. */
static bool etag_listed(const char *list, const char *etag, bool is_weak_ok)
{
	const size_t n = strlen(etag);

	while (*list != '\0') {
		list += strspn(list, " \t,");
		if (list[0] == '*')
			return true;
		if (is_weak_ok && strncmp(list, "W/", 2) == 0)
			list += 2;
		if (strncmp(list, etag, n) == 0 && strchr(" \t,", list[n]) != NULL)
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

bool rest_etag(const struct rest_req *req, struct rest_res *res, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	make_etag(req->cp, res->etag, sizeof(res->etag), fmt, args);
	va_end(args);
	if (req->if_none_match == NULL || !etag_listed(req->if_none_match, res->etag, true))
		return false;
	res->status = 304;
	return true;
}

void rest_etag_json(const struct rest_req *req, struct rest_res *res)
{
	char *text = json_dumps(res->json, JSON_COMPACT | JSON_SORT_KEYS);
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned long long head;

	if (text != NULL && EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) == 1) {
		memcpy(&head, hash, sizeof(head));
		if (rest_etag(req, res, "%016llx", head)) {
			json_decref(res->json);
			res->json = NULL;
		}
	}
	free(text);
}

bool rest_if_match(const struct rest_req *req, struct rest_res *res, const char *fmt, ...)
{
	char etag[sizeof(res->etag)];
	va_list args;

	if (req->if_match == NULL)
		return true;
	va_start(args, fmt);
	make_etag(req->cp, etag, sizeof(etag), fmt, args);
	va_end(args);
	if (etag_listed(req->if_match, etag, false))
		return true;
	rest_problem(res, 412, "It was changed since you read it.");
	return false;
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

int rest_query_nth(const struct rest_req *req, size_t i, char *ret_key, size_t key_cap,
		   char *ret_value, size_t value_cap)
{
	const char *p = req->query;

	for (; *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
		const size_t len = strcspn(p, "&"), key = strcspn(p, "=&");

		if (i-- > 0)
			continue;
		if (key == len || !decode(p, key, ret_key, key_cap) ||
		    !decode(p + key + 1, len - key - 1, ret_value, value_cap))
			return -1;
		return 1;
	}
	return 0;
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

json_t *rest_addr(const struct ip_addr *a)
{
	char text[IP_ADDR_STRLEN];

	ip_addr_emit(a, text);
	return json_string(text);
}

json_t *rest_endpoint(const struct ip_addr *a, uint16_t port)
{
	char text[IP_PORT_STRLEN];

	ip_port_emit(a, port, text);
	return json_string(text);
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
