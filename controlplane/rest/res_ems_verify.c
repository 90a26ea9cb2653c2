/* SPDX-License-Identifier: BSD-3-Clause */

/* Who an EMS is: the certificate that it shows, its confirmation, and connection tests. */

#include "config/config.h"
#include "ems/ems.h"
#include "rest/audit.h"
#include "rest/rest_priv.h"
#include "state/state.h"

#include <stdio.h>
#include <string.h>

static void get_certificate(const struct rest_req *req, struct rest_res *res);
static void post_verify(const struct rest_req *req, struct rest_res *res);
static void get_test(const struct rest_req *req, struct rest_res *res);
static void post_test(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_ems_verify_routes[] = {
	{REST_GET, "/api/v1/ems/*/certificate", get_certificate,
	 "the certificate that an EMS showed last, and whether it is confirmed"},
	{REST_POST, "/api/v1/ems/*/verify", post_verify,
	 "{fingerprint}: trust the EMS that shows this certificate", .role = REST_ROLE_ADMIN},
	{REST_GET, "/api/v1/ems/*/test", get_test, "what came of the last connection test"},
	{REST_POST, "/api/v1/ems/*/test", post_test,
	 "connect to an EMS now, on a connection of its own"},
	{0},
};

const struct config_ems *rest_ems_find(const struct rest_req *req, struct rest_res *res)
{
	const struct config *cfg = req->cp->config;
	const bool is_digit = req->arg[0] != '\0' && req->arg[1] == '\0';

	for (unsigned i = 0; is_digit && i < cfg->nb_ems; i++)
		if (cfg->ems[i].id == (unsigned)req->arg[0] - '0')
			return &cfg->ems[i];
	rest_problem(res, 404, "The document has no EMS of that id.");
	return NULL;
}

const char *rest_ems_verification(uint8_t verify)
{
	static const char *const name[] = {
		[STATE_VERIFY_UNKNOWN] = "not contacted",
		[STATE_VERIFY_TO_CONFIRM] = "unverified: to be confirmed",
		[STATE_VERIFY_CHANGED] = "changed: to be confirmed",
		[STATE_VERIFY_FAILED] = "failed",
		[STATE_VERIFY_OK] = "verified",
	};

	return verify <= STATE_VERIFY_OK ? name[verify] : "?";
}

/* What an operator of the field would read, and what to do about it. */
static json_t *detail_json(const struct config_ems *cfg, const struct state_ems_status *e)
{
	char text[400] = "";

	if (e->verify == STATE_VERIFY_TO_CONFIRM)
		(void)snprintf(text, sizeof(text),
			       "Nobody has confirmed this certificate yet: execute fctems verify "
			       "%u",
			       cfg->id);
	else if (e->verify == STATE_VERIFY_CHANGED)
		(void)snprintf(text, sizeof(text),
			       "Error (-1@_check_verify_ems_ca:759). CMDB error: ems %u (%.255s) "
			       "has verifying CN but not CA CN.",
			       cfg->id, cfg->server);
	return rest_cstr(text);
}

static json_t *certificate_json(const struct state_ems_cert *c)
{
	if (c->seen_ms == 0)
		return json_null();
	json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o}", "subject", rest_cstr(c->subject), "issuer",
			      rest_cstr(c->issuer), "cn", rest_cstr(c->cn), "serial_number",
			      rest_cstr(c->serial), "fingerprint", rest_cstr(c->fingerprint));

	json_object_set_new(j, "not_before", rest_time_ms((uint64_t)c->not_before_s * 1000));
	json_object_set_new(j, "not_after", rest_time_ms((uint64_t)c->not_after_s * 1000));
	json_object_set_new(j, "chains_to_verifying_ca", json_boolean(c->is_chained));
	json_object_set_new(j, "chain_error", rest_cstr(c->chain_error));
	json_object_set_new(j, "seen", rest_time_ms(c->seen_ms));
	return j;
}

static void get_certificate(const struct rest_req *req, struct rest_res *res)
{
	const struct config_ems *cfg = rest_ems_find(req, res);
	const struct state_ems_status *e;
	struct state_ems_pin pin;
	bool has_pin;

	if (cfg == NULL)
		return;
	e = state_ems_status(req->cp->state, cfg->id);
	has_pin = state_ems_pin(req->cp->state, cfg->id, &pin);
	res->json = json_pack(
		"{s:i,s:o,s:s,s:o,s:b,s:b,s:o,s:o}", "id", (int)cfg->id, "name",
		rest_cstr(cfg->name), "verification", rest_ems_verification(e->verify), "detail",
		detail_json(cfg, e), "has_verifying_ca", cfg->verifying_ca.path != NULL,
		"trust_ca_cn", cfg->is_trust_ca_cn, "certificate", certificate_json(&e->cert),
		"pinned_fingerprint", has_pin ? rest_cstr(pin.fingerprint) : json_null());
}

/* 64 bytes in hex, with or without colons, as the connector writes them. */
static bool parse_fingerprint(const char *s, char ret[static 192])
{
	unsigned n = 0;

	for (; *s != '\0' && n < 128; s++) {
		const char c = *s >= 'a' && *s <= 'f' ? (char)(*s - 'a' + 'A') : *s;

		if (c == ':' && n > 0 && n % 2 == 0)
			continue;
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F')))
			return false;
		ret[n / 2 * 3 + n % 2] = c;
		n++;
		if (n % 2 == 0)
			ret[n / 2 * 3 - 1] = ':';
	}
	ret[191] = '\0';
	return n == 128 && *s == '\0';
}

static bool read_fingerprint(struct slice body, char ret[static 192])
{
	json_error_t err;
	json_t *j = body.len == 0 ? NULL
				  : json_loadb((const char *)body.ptr, body.len,
					       JSON_REJECT_DUPLICATES, &err);
	const char *text = NULL;
	const bool is_ok = j != NULL && json_unpack(j, "{s:s!}", "fingerprint", &text) == 0 &&
			   parse_fingerprint(text, ret);

	json_decref(j);
	return is_ok;
}

/* Why <fingerprint> cannot be confirmed; NULL: it can. */
static const char *refuse_confirm(const struct config_ems *cfg, const struct state_ems_status *e,
				  const char *fingerprint)
{
	if (!cfg->is_enabled)
		return "This EMS is disabled.";
	if (e->cert.seen_ms == 0)
		return "This EMS has shown no certificate yet. Is it reachable?";
	if (cfg->has_fingerprint)
		return "The document names the fingerprint; change it there.";
	if (strcmp(fingerprint, e->cert.fingerprint) != 0)
		return "This is not the certificate that EMS showed last.";
	if (cfg->verifying_ca.path != NULL && !e->cert.is_chained)
		return "The certificate is not in order under verifying_ca; no confirmation makes "
		       "up for that.";
	if (e->cert.cn[0] == '\0')
		return "The certificate's CN is no serial number.";
	if (cfg->serial_number[0] != '\0' && strcmp(cfg->serial_number, e->cert.cn) != 0)
		return "The certificate's CN is not the serial number in the document.";
	return NULL;
}

static void post_verify(const struct rest_req *req, struct rest_res *res)
{
	const struct config_ems *cfg = rest_ems_find(req, res);
	char fingerprint[192], words[320];
	const char *why;

	if (cfg == NULL)
		return;
	if (!read_fingerprint(req->body, fingerprint)) {
		rest_problem(
			res, 400,
			"Body: {\"fingerprint\": SHA-512 of the certificate, 64 bytes in hex}.");
		return;
	}
	why = refuse_confirm(cfg, state_ems_status(req->cp->state, cfg->id), fingerprint);
	if (why == NULL && ems_confirm(req->cp, cfg->id, fingerprint) < 0)
		why = "There is no such connector.";
	if (why != NULL) {
		rest_problem(res, 409, why);
		return;
	}
	(void)snprintf(words, sizeof(words), "ems %u %s", cfg->id, fingerprint);
	audit(req->cp, req->who, "certificate confirmed", words);
	res->status = 202;
}

static void get_test(const struct rest_req *req, struct rest_res *res)
{
	const struct config_ems *cfg = rest_ems_find(req, res);
	const struct state_ems_test *t;

	if (cfg == NULL)
		return;
	t = &state_ems_status(req->cp->state, cfg->id)->test;
	res->json = json_pack("{s:I,s:i,s:o,s:o}", "test", (json_int_t)t->nb, "code", (int)t->code,
			      "text", rest_cstr(t->text), "time", rest_time_ms(t->done_ms));
}

/* It waits for the connector's call of the moment, then for its own two. */
static void post_test(const struct rest_req *req, struct rest_res *res)
{
	const struct config_ems *cfg = rest_ems_find(req, res);
	uint32_t nb;

	if (cfg == NULL)
		return;
	if (!cfg->is_enabled || ems_test(req->cp, cfg->id, &nb) < 0) {
		rest_problem(res, 409, "This EMS is disabled.");
		return;
	}
	res->status = 202;
	res->json = json_pack("{s:I,s:I}", "test", (json_int_t)nb, "within_s",
			      (json_int_t)cfg->call_timeout_s * 3 + 5);
}
