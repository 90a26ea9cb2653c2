/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The inside of a connector.
 *
 *	            serial number, capabilities, ZTNA CA in order
 *	[VERIFY] -------------------------------------------------> [SYNC]
 *	   ^  ^                                                        |
 *	   |  |  any call fails: back off with jitter, verify again    | sysinfo and uid_tags final
 *	   |  +--------------------------------------------------------+
 *	   |                                                           v
 *	   +-------------------------------------------------------- [LIVE]
 *	                                                 notifications make objects due
 *
 * The connector's thread owns everything in struct ems_conn that is not under <mutex>. It holds
 * neither <mutex> nor cp_lock while it waits for EMS.
 */

#pragma once

#include "config/config.h"
#include "ems/ems.h"
#include "ems/ems_payload.h"
#include "state/state.h"

#include <curl/curl.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>

#include <pthread.h>
#include <stdatomic.h>

#define EMS_PULLS_MAX 1024u /* unknown devices waiting to be asked for */
#define EMS_PULLS_PER_CALL 50u
#define EMS_VPN_MAX 4096u
#define EMS_BATCHES_MAX 4u /* posted and not yet applied: back-pressure on a full sync */
#define EMS_SN_MAX 32u

enum ems_phase {
	EMS_VERIFY,
	EMS_SYNC,
	EMS_LIVE
};

/* An API object as the seed's trace shows it: number, description, entry. */
struct ems_obj {
	unsigned id; /* number on display; version dependent */
	const char *desc;
	const char *entry;
	const char *offset_key; /* NULL: not paged */
	uint32_t poll_s;        /* when there are no notifications */
};
extern const struct ems_obj ems_objs[STATE_OBJ__COUNT];

struct ems_conn {
	struct cp *cp;
	/* copies of the configuration: the document may be replaced under the thread */
	unsigned id;
	char *name, *server, *serial_number, *tenant_id, *gateway_sn, *vdom;
	uint16_t port;
	char *ca_pem, *cert_pem, *key_pem;
	size_t ca_len, cert_len, key_len;
	bool has_fingerprint, is_trust_ca_cn, is_websocket, has_ztna_ca;
	uint8_t fingerprint[CONFIG_FINGERPRINT_LEN];
	unsigned call_timeout_s;

	pthread_t thread;
	bool is_started;
	_Atomic(bool)
		is_stopping; /* main thread sets; connector's thread and curl's callback read */

	/* under <mutex> */
	pthread_mutex_t mutex;
	pthread_cond_t applied;
	unsigned nb_in_flight; /* batches */
	bool is_pull_all;
	struct device_uid pull[EMS_PULLS_MAX];
	unsigned nb_pull;
	struct ems_vpn vpn[EMS_VPN_MAX];
	unsigned nb_vpn;

	/* the thread's own */
	enum ems_phase phase;
	CURL *curl;
	struct lws_context *lws;
	struct lws *wsi;
	lws_sorted_usec_list_t tick;
	bool ws_is_registered;
	char ws_text[4096];
	size_t ws_len;
	bool is_due[STATE_OBJ__COUNT];
	uint64_t notified_us[STATE_OBJ__COUNT];
	uint64_t poll_at_ms[STATE_OBJ__COUNT];
	uint64_t retry_at_ms, ws_retry_at_ms;
	unsigned nb_failures;
	uint64_t posted_ms; /* status */
	struct state_cursor cursor[STATE_OBJ__COUNT];
	struct state_ems_status status;
	char peer_serial[EMS_SN_MAX + 1]; /* subject CN of the certificate just seen */
};

/* ems_call.c: one REST call. */
struct ems_answer {
	uint8_t *body;
	size_t len, cap;
	bool is_too_large;
	long http;
};

/*
 * GET (or POST <json>) <entry>?<query>. 0 with <ret> (free with ems_answer_free()); -ETIMEDOUT,
 * -ECONNREFUSED, -EACCES (certificate), -ECANCELED (stopping), -EPROTO, -EFBIG. The reason goes
 * to the object's statistics and the connector's last error.
 */
[[nodiscard]] int ems_call(struct ems_conn *c, enum state_obj obj, const char *query,
			   const char *json, struct ems_answer *ret);
void ems_answer_free(struct ems_answer *a);
void ems_call_failed(struct ems_conn *c, enum state_obj obj, const char *what);
/* Percent-encode as EMS's queries are: everything but letters, digits, '-', '_'. */
size_t ems_encode(const char *s, char *ret, size_t cap);

/* ems_verify.c: who the server is. Installed into every TLS context of the connector. */
void ems_verify_install(SSL_CTX *ctx, struct ems_conn *c);

/* ems_pull.c: objects. 0 or negative. */
[[nodiscard]] int ems_verify(struct ems_conn *c);
[[nodiscard]] int ems_pull(struct ems_conn *c, enum state_obj obj);
[[nodiscard]] int ems_pull_devices(struct ems_conn *c, const struct device_uid *uid, unsigned nb);
[[nodiscard]] int ems_vpn_send(struct ems_conn *c, const struct ems_vpn *list, unsigned nb,
			       bool is_snapshot);

/* ems_ws.c: notifications. */
[[nodiscard]] int ems_ws_init(struct ems_conn *c);
void ems_ws_fini(struct ems_conn *c);
void ems_ws_connect(struct ems_conn *c);
/* One turn: wait for frames, the tick, or ems_wake(). */
void ems_ws_service(struct ems_conn *c);

/* ems.c */
void ems_wake(struct ems_conn *c); /* any thread */
void ems_contact(struct ems_conn *c);
void ems_status_post(struct ems_conn *c, bool is_now);
void ems_on_notification(struct ems_conn *c, const char *text, size_t len);
