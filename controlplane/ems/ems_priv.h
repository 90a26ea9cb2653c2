/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The inside of a connector.
 *
 *	          serial number, capabilities, ZTNA CA in order
 *	[VERIFY] -----------------------------------------------> [SYNC]
 *	   ^  ^                                                      |
 *	   |  |  EMS refuses us or is no longer who it was:          | sysinfo and uid_tags final
 *	   |  |  back off with jitter, verify again                  | and in force
 *	   |  +------------------------------------------------------+
 *	   |                                                         v
 *	   +------------------------------------------------------ [LIVE]
 *
 * From SYNC on, each object is pulled a page at a time when it is due, and has a back-off of its
 * own when it fails: tags' addresses that cannot be read must not delay a revocation.
 *
 * The connector's thread owns everything in struct ems_conn that is not under <mutex>. It holds
 * neither <mutex> nor cp_lock while it waits for EMS. cp_lock is taken before <mutex>.
 */

#pragma once

#include "config/config.h"
#include "ems/ems.h"
#include "ems/ems_answers.h"
#include "ems/ems_caps.h"
#include "ems/ems_objs.h"
#include "ems/ems_payload.h"
#include "ems/ems_wire.h"
#include "state/state.h"

#include <curl/curl.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>

#include <pthread.h>
#include <stdatomic.h>

#define EMS_PULLS_MAX 1024u /* unknown devices waiting to be asked for */
#define EMS_PULLS_PER_CALL 50u
#define EMS_AVATARS_MAX 64u
#define EMS_VPN_MAX 4096u
#define EMS_BATCHES_MAX 4u /* posted and not yet applied: back-pressure on a full sync */

enum ems_phase {
	EMS_VERIFY,
	EMS_SYNC,
	EMS_LIVE
};

/* What the field's commands say of a failed connection. */
enum ems_code {
	EMS_CODE_CONNECT = -1,
	EMS_CODE_TIMEOUT = -2,
	EMS_CODE_UNCONFIRMED = -3,
	EMS_CODE_UNKNOWN_CA = -4,   /* the field's */
	EMS_CODE_INCOMPATIBLE = -5, /* the field's */
	EMS_CODE_CERTIFICATE = -6,
	EMS_CODE_IDENTITY = -7,
	EMS_CODE_AUTH = -8, /* the field's */
};

struct ems_fail {
	int code;
	char text[160];
};

/* ems_call.c: one REST call. */
struct ems_answer {
	uint8_t *body;
	size_t len, cap, head_len;
	bool is_too_large, is_head_too_large;
	long http;
};
#define EMS_URL_MAX 4096u

/* A call that goes on beside the others, see ems_call_ahead(). */
struct ems_ahead {
	CURL *curl;
	bool is_open, is_added, is_done;
	enum state_obj obj;
	CURLcode cc;
	uint64_t start_us;
	struct ems_answer a;
	char url[EMS_URL_MAX];
};

struct ems_conn {
	struct cp *cp;
	/* copies of the configuration: the document may be replaced under the thread */
	unsigned id;
	char *name, *server, *host /* <server> in a URL */, *tenant_id, *gateway_sn, *vdom;
	char *cfg_serial; /* "": the certificate tells it */
	uint16_t port;
	char *ca_pem, *cert_pem, *key_pem;
	size_t ca_len, cert_len, key_len;
	bool has_fingerprint, is_trust_ca_cn, is_confirm, is_websocket, has_ztna_ca;
	bool is_pull_sysinfo, is_pull_tags;
	uint8_t fingerprint[CONFIG_FINGERPRINT_LEN];
	char fingerprint_text[192]; /* the same, upper case, colons */
	unsigned call_timeout_s, out_of_sync_s;
	unsigned obj_id[STATE_OBJ__COUNT]; /* on display */

	pthread_t thread;
	bool is_started;
	/* main or reload thread sets; connector's thread, curl's callback and batches read */
	_Atomic(bool) is_stopping;
	/* main thread: a connector that a reload put aside, until its last batch is through */
	struct ems_conn *next;
	bool is_joined;

	/* under <mutex> */
	pthread_mutex_t mutex;
	pthread_cond_t applied;
	unsigned nb_in_flight; /* batches */
	bool is_pull_all;
	struct device_uid pull[EMS_PULLS_MAX];
	unsigned nb_pull;
	struct ems_vpn vpn[EMS_VPN_MAX]; /* changes to send */
	unsigned nb_vpn;
	bool is_vpn_lost; /* a change found no room: send all */
	uint32_t nb_tests_wanted;
	char confirmed[192]; /* fingerprint that an operator confirmed; "": none waits */
	bool is_gateways_wanted;
	struct ems_fingerprint avatar[EMS_AVATARS_MAX]; /* pictures to fetch */
	unsigned nb_avatars;

	/* the thread's own */
	enum ems_phase phase;
	bool has_base; /* all that decisions need was pulled since the start */
	CURLM *multi;
	CURL *curl;
	struct ems_ahead ahead;
	struct lws_context *lws;
	struct lws *wsi;
	lws_sorted_usec_list_t tick;
	bool ws_is_registered;
	char ws_text[4096];
	size_t ws_len;
	bool is_due[STATE_OBJ__COUNT];
	bool is_paging[STATE_OBJ__COUNT]; /* more pages to come */
	bool is_full[STATE_OBJ__COUNT];   /* this pull began without a cursor */
	bool is_complete[STATE_OBJ__COUNT];
	uint64_t due_us[STATE_OBJ__COUNT];      /* notification that waits */
	uint64_t notified_us[STATE_OBJ__COUNT]; /* notification that is being served */
	uint64_t poll_at_ms[STATE_OBJ__COUNT];
	uint64_t obj_retry_at_ms[STATE_OBJ__COUNT];
	unsigned obj_failures[STATE_OBJ__COUNT]; /* in a row */
	uint64_t retry_at_ms, ws_retry_at_ms;
	uint64_t ws_deadline_ms; /* of the attempt to connect */
	unsigned nb_failures, nb_ws_failures;
	uint64_t posted_ms; /* status */
	struct state_cursor cursor[STATE_OBJ__COUNT];
	/* devices whose record could not be read, to be asked for again */
	struct device_uid bad[EMS_PULLS_MAX];
	unsigned nb_bad, nb_bad_rounds;
	bool is_bad_lost; /* there were more: everything has to be pulled again */
	uint64_t bad_at_ms;
	/* ems_vpn.c: devices that EMS was told of, and what it has not notified of since */
	struct device_uid vpn_wait[EMS_PULLS_MAX];
	unsigned nb_vpn_wait, vpn_wait_objs;
	uint64_t vpn_wait_ms;
	/* ems_gateway.c: what EMS was sent last, owned; NULL: nothing since the verification */
	char *gateways;
	uint64_t gateways_check_ms;
	/* ems_avatar.c: pictures that EMS did not give */
	struct {
		struct ems_fingerprint fp;
		uint64_t until_ms;
	} missing[EMS_AVATARS_MAX];
	unsigned nb_missing;
	bool has_no_avatars; /* EMS does not know the entry */
	struct state_ems_status status;
	unsigned traced, trace_answered; /* ems_trace.c: bits of calls under way */
	char serial_number[33];          /* who EMS has to be; "": not known yet */
	char tls_why[STATE_ERR_STRLEN];  /* why the last handshake's certificate was refused */
	const char *tls_reason;          /* the same without what it is about; static */
	int tls_code;                    /* the same as the field counts errors */
	char shown[192];                 /* fingerprint that this call's handshake accepted */
	int last_curl;                   /* result of the last call */
	struct ems_fail fail;            /* why it was not good, in the field's words */
	bool is_failing[STATE_OBJ__COUNT];
	bool is_refusal_told;
	uint64_t notify_told_ms;
	uint32_t caps; /* 1 << enum ems_cap */
};

/* ems_call.c: one REST call. */
/*
 * GET (or POST <json>) <entry>?<query>. 0 with <ret> (free with ems_answer_free()); -ETIMEDOUT,
 * -ECONNREFUSED, -EACCES (certificate, HTTP 401), -ECANCELED (stopping), -EPROTO, -EFBIG. The
 * reason goes to the object's statistics and the connector's last error.
 */
[[nodiscard]] int ems_call(struct ems_conn *c, enum state_obj obj, const char *query,
			   const char *json, struct ems_answer *ret);
void ems_answer_free(struct ems_answer *a);
/*
 * Start a GET that goes on while others are made; ems_call() of the same object and query waits
 * for its end and takes its answer. One at a time; -EBUSY, -EINVAL, -ENOMEM.
 */
[[nodiscard]] int ems_call_ahead(struct ems_conn *c, enum state_obj obj, const char *query);
/* Forget it, and make its object due again. True: there was one. */
bool ems_call_ahead_cancel(struct ems_conn *c);
/* Close all connections for calls. */
void ems_call_hang_up(struct ems_conn *c);
void ems_call_failed(struct ems_conn *c, enum state_obj obj, const char *what);
/* The same, and the envelope is in order and says success. -ESTALE: EMS lost the cursor. */
[[nodiscard]] int ems_call_reply(struct ems_conn *c, enum state_obj obj, const char *query,
				 const char *json, struct ems_reply *ret);

/*
 * ems_verify.c: who the server is. Installed into curl's TLS context; libwebsockets asks for each
 * certificate through ems_verify_cert(): OpenSSL's verify callback, 1 to go on.
 */
void ems_verify_install(SSL_CTX *ctx, struct ems_conn *c);
int ems_verify_cert(struct ems_conn *c, int ok, X509_STORE_CTX *store);

/* Note why the connection is not good; <what> completes the text where the code's has a place. */
void ems_fail(struct ems_conn *c, enum ems_code code, const char *what);

/* ems_cert.c: false: no fingerprint can be made. */
bool ems_cert_read(X509 *cert, struct state_ems_cert *ret);
void ems_cert_emit_fingerprint(const uint8_t digest[static 64], char ret[static 192]);
void ems_cert_ca_cn(const struct state_ems_cert *cert, char ret[static 512]);

/* ems_event.c: the field's endpoint events, see docs/internals/ems.md. */
enum ems_event {
	EMS_EVENT_WS_NOTIFICATION,
	EMS_EVENT_REST_ERROR,
	EMS_EVENT_WS_ERROR,
	EMS_EVENT_REST_RECOVERED,
	EMS_EVENT_VERIFIED,
	EMS_EVENT_VERIFY_FAILED,
	EMS_EVENT__COUNT,
};
void ems_event(const struct ems_conn *c, enum ems_event ev, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* One about a call of <obj>; <what> stands before its entry. */
void ems_event_call(const struct ems_conn *c, enum ems_event ev, enum state_obj obj,
		    const char *what);

/* ems_pin.c: who EMS is, remembered. */
/* The serial number to expect, when the document names none. */
void ems_pin_load(struct ems_conn *c);
/* Before anything is taken from an EMS that says who it is: nothing of another one may stay. */
void ems_pin_check(struct ems_conn *c);
/* Keep who EMS proved to be. */
void ems_pin_keep(struct ems_conn *c);
/* A call succeeded: its handshake may have shown a renewed certificate. */
void ems_pin_renew(struct ems_conn *c);
/* What an operator confirmed meanwhile. True: it was taken. */
bool ems_pin_confirmed(struct ems_conn *c);

/* ems_probe.c: connection tests that somebody waits for. 1: did one; 0: none; negative: fatal. */
[[nodiscard]] int ems_probe(struct ems_conn *c);

/* ems_hello.c: serial number, capabilities, ZTNA CAs. */
[[nodiscard]] int ems_hello(struct ems_conn *c);
/* The first two of them alone. */
[[nodiscard]] int ems_hello_identity(struct ems_conn *c);
bool ems_has_cap(const struct ems_conn *c, enum ems_cap cap);
/* One of these objects again. */
[[nodiscard]] int ems_hello_pull(struct ems_conn *c, enum state_obj obj);

/* ems_pull.c: 1: there are more pages; 0: done; negative. */
[[nodiscard]] int ems_pull(struct ems_conn *c, enum state_obj obj);
[[nodiscard]] int ems_pull_devices(struct ems_conn *c, const struct device_uid *uid, unsigned nb);
/* Ask for the next page of <obj> already; ems_pull() takes it. Only with a cursor. */
[[nodiscard]] int ems_pull_ahead(struct ems_conn *c, enum state_obj obj);
/* The next pull of <obj> is a full one. */
void ems_pull_restart(struct ems_conn *c, enum state_obj obj);
/* Are tags fetched from this EMS: does the document want it, and can EMS tell them? */
bool ems_pulls_tags(const struct ems_conn *c);
/* EMS tells no tags any more: what it told is no longer known. */
[[nodiscard]] int ems_tags_forget(struct ems_conn *c);
/* Have the main thread publish what was changed under the lock. */
[[nodiscard]] int ems_publish(struct ems_conn *c);
bool ems_is_applied(struct ems_conn *c);

/* ems_vpn.c: VPN users. Changes, or all there are. */
[[nodiscard]] int ems_vpn_send(struct ems_conn *c, const struct ems_vpn *list, unsigned nb,
			       bool is_snapshot);
[[nodiscard]] int ems_vpn_send_all(struct ems_conn *c);
/* EMS notified of <objs>: what was told before is part of what is pulled now. */
void ems_vpn_notified(struct ems_conn *c, unsigned objs);
/* Ask for devices of which no notification came. 1: did; 0: none; negative. */
[[nodiscard]] int ems_vpn_pull(struct ems_conn *c);

/* ems_avatar.c: pictures. <b> is about to be posted; EMS has others now; fetch one. */
void ems_avatars_changed(struct ems_conn *c, const struct state_batch *b);
void ems_avatars_notified(struct ems_conn *c);
[[nodiscard]] int ems_avatar_step(struct ems_conn *c);

/* ems_gateway.c: our interfaces. Makes the object due when they changed; and sends them. */
void ems_gateways_check(struct ems_conn *c);
[[nodiscard]] int ems_gateways_send(struct ems_conn *c);

/* ems_ws.c: notifications. */
[[nodiscard]] int ems_ws_init(struct ems_conn *c);
void ems_ws_fini(struct ems_conn *c);
void ems_ws_connect(struct ems_conn *c);
/* Connector's thread, at its end. */
void ems_ws_close(struct ems_conn *c);
/* One turn: wait for frames, the tick, or ems_wake(). */
void ems_ws_service(struct ems_conn *c);

/* ems_run.c: the thread. */
void *ems_run(void *conn);
void ems_contact(struct ems_conn *c);
void ems_status_post(struct ems_conn *c, bool is_now);
void ems_on_notification(struct ems_conn *c, const char *text, size_t len);
void ems_make_due(struct ems_conn *c, enum state_obj obj, uint64_t notified_us);

/* ems.c */
void ems_wake(struct ems_conn *c); /* any thread */
/* Holder of the lock: the connectors that run, by index; NULL: no more. */
struct ems_conn *ems_conn_at(const struct cp *cp, unsigned i);
/* Last words of the thread. */
void ems_finished(struct ems_conn *c);
/* Main thread, under the lock: a batch is through. */
void ems_on_applied(void *conn, bool is_applied);
