/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * EMS's notifications over a WebSocket (RFC 6455), by libwebsockets in the connector's thread.
 * A frame only says that something changed; the data come by REST.
 */

#include "common/log/log.h"
#include "ems/ems_priv.h"
#include "ems/ems_trace.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

LOG_TYPE("ems");

#define WS_PATH "/api/v1/ws/notifications"
#define TICK_US 250000
#define PING_S 5
#define HANGUP_S 15
#define FAILURES_MAX 5u /* longest wait between attempts: 16 s and some */

static const lws_retry_bo_t keepalive = {
	.secs_since_valid_ping = PING_S,
	.secs_since_valid_hangup = HANGUP_S,
};

static void lost(struct ems_conn *c, const char *why)
{
	uint32_t r;

	c->status.last_error_ms = loop_real_ms();
	(void)snprintf(c->status.last_error, sizeof(c->status.last_error), "notifications: %.100s",
		       c->tls_why[0] != '\0' ? c->tls_why : why);
	if (c->status.ws == STATE_WS_CONNECTED && !atomic_load(&c->is_stopping)) {
		c->status.nb_ws_lost++;
		/* Perhaps all of EMS is gone: a call will tell. */
		ems_make_due(c, STATE_OBJ_UID_TAGS, 0);
		LOG(WARN, "notifications lost ems=%s reason=\"%s\"", c->name, why);
		ems_event(c, EMS_EVENT_WS_ERROR, "WebSocket connection error: %.100s", why);
	}
	c->wsi = NULL;
	c->ws_is_registered = false;
	c->status.ws = STATE_WS_LOST;
	if (getentropy(&r, sizeof(r)) < 0)
		r = 0;
	c->ws_retry_at_ms = loop_now_ms() + ems_backoff_ms(c->nb_ws_failures, r);
	if (c->nb_ws_failures < FAILURES_MAX)
		c->nb_ws_failures++;
	ems_status_post(c, true);
}

static int send_register(struct ems_conn *c, struct lws *wsi)
{
	unsigned char buf[LWS_PRE + 256];
	const int n = snprintf((char *)buf + LWS_PRE, sizeof(buf) - LWS_PRE,
			       "{\"message_type\":\"register\",\"message_body\":{\"sn\":\"%s\","
			       "\"topics\":[\"sysinfo\",\"tags\",\"avatar\",\"ztna_ca\"]}}",
			       c->gateway_sn);

	if (n < 0 || (size_t)n >= sizeof(buf) - LWS_PRE ||
	    lws_write(wsi, buf + LWS_PRE, (size_t)n, LWS_WRITE_TEXT) < n)
		return -1;
	c->ws_is_registered = true;
	return 0;
}

/* What was missed while there was no WebSocket is pulled at once. */
static void established(struct ems_conn *c, struct lws *wsi)
{
	c->status.ws = STATE_WS_CONNECTED;
	c->status.nb_ws_connects++;
	c->ws_len = 0;
	LOG(NOTICE, "notifications connected ems=%s", c->name);
	ems_contact(c);
	ems_make_due(c, STATE_OBJ_SYSINFO, 0);
	ems_make_due(c, STATE_OBJ_UID_TAGS, 0);
	ems_make_due(c, STATE_OBJ_TAGS, 0);
	ems_make_due(c, STATE_OBJ_ZTNA_CA, 0);
	lws_callback_on_writable(wsi);
	ems_status_post(c, true);
}

/* Frames may come in pieces; one that is too long is no notification of EMS's. */
static int received(struct ems_conn *c, struct lws *wsi, const void *in, size_t len)
{
	c->nb_ws_failures =
		0; /* not at the handshake: one may be cut right after it, again and again */
	ems_contact(c);
	if (lws_frame_is_binary(wsi) || c->ws_len + len > sizeof(c->ws_text))
		return -1;
	memcpy(c->ws_text + c->ws_len, in, len);
	c->ws_len += len;
	if (lws_remaining_packet_payload(wsi) > 0)
		return 0;
	ems_trace_frame(true, lws_is_final_fragment(wsi), c->ws_len);
	if (!lws_is_final_fragment(wsi))
		return 0;
	ems_trace_text(c->ws_text, c->ws_len);
	ems_on_notification(c, c->ws_text, c->ws_len);
	c->ws_len = 0;
	return 0;
}

static int on_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		 size_t len)
{
	struct ems_conn *c = wsi == NULL ? NULL : lws_context_user(lws_get_context(wsi));

	(void)user;
	switch (reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_CLIENT_VERIFY_CERTS:
		/* <user> is the SSL_CTX here; <wsi> a stand-in of the vhost's. */
		ems_verify_install(user, c);
		return 0;
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
		/*
		 * libwebsockets replaces the context's callback by its own for each connection;
		 * that one asks here. <user> is the X509_STORE_CTX, <len> what OpenSSL thinks.
		 */
		return ems_verify_cert(c, (int)len, user) == 1 ? 0 : -1;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		established(c, wsi);
		return 0;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return c->ws_is_registered ? 0 : send_register(c, wsi);
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return received(c, wsi, in, len);
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		c->nb_ws_failures = 0;
		ems_contact(c);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		lost(c, in != NULL ? (const char *)in : "cannot connect");
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
		lost(c, "closed");
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		/*
		 * All that is told of an upgrade that was never answered. <wsi> is the stand-in of
		 * a vhost or an old connection when it is not ours.
		 */
		if (c != NULL && wsi == c->wsi)
			lost(c, c->status.ws == STATE_WS_CONNECTING ? "timed out" : "closed");
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{.name = "ems", .callback = on_ws, .rx_buffer_size = 4096},
	{0},
};

static void on_tick(lws_sorted_usec_list_t *sul)
{
	struct ems_conn *c = lws_container_of(sul, struct ems_conn, tick);

	/* libwebsockets' own patience with an upgrade lasts many calls' time-outs. */
	if (c->wsi != NULL && c->status.ws == STATE_WS_CONNECTING &&
	    loop_now_ms() >= c->ws_deadline_ms) {
		c->ws_deadline_ms = loop_now_ms() + 1000;
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	}
	lws_sul_schedule(c->lws, 0, &c->tick, on_tick, TICK_US);
}

int ems_ws_init(struct ems_conn *c)
{
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
			   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
		.user = c,
		.client_ssl_ca_mem = c->ca_pem,
		.client_ssl_ca_mem_len = (unsigned)c->ca_len,
		.client_ssl_cert_mem = c->cert_pem,
		.client_ssl_cert_mem_len = (unsigned)c->cert_len,
		.client_ssl_key_mem = c->key_pem,
		.client_ssl_key_mem_len = (unsigned)c->key_len,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.fd_limit_per_thread = 16,
	};

	c->lws = lws_create_context(&info);
	if (c->lws == NULL)
		return -ENOMEM;
	lws_sul_schedule(c->lws, 0, &c->tick, on_tick, TICK_US);
	return 0;
}

void ems_ws_fini(struct ems_conn *c)
{
	if (c->lws != NULL)
		lws_context_destroy(c->lws);
	c->lws = NULL;
	c->wsi = NULL;
}

void ems_ws_close(struct ems_conn *c)
{
	if (c->wsi != NULL)
		lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
	c->wsi = NULL;
}

void ems_ws_connect(struct ems_conn *c)
{
	const struct lws_client_connect_info info = {
		.context = c->lws,
		.address = c->server,
		.host = c->host,
		.origin = c->host,
		.port = c->port,
		.path = WS_PATH,
		.ssl_connection = LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK,
		.protocol = NULL,
		.local_protocol_name = "ems",
		.retry_and_idle_policy = &keepalive,
		.pwsi = &c->wsi,
	};

	c->status.ws = STATE_WS_CONNECTING;
	c->ws_deadline_ms = loop_now_ms() + c->call_timeout_s * 1000ull;
	c->tls_why[0] = '\0';
	c->tls_code = 0;
	c->ws_is_registered = false;
	if (lws_client_connect_via_info(&info) == NULL && c->status.ws == STATE_WS_CONNECTING)
		lost(c, "cannot connect");
}

void ems_ws_service(struct ems_conn *c)
{
	(void)lws_service(c->lws, 0);
}

void ems_wake(struct ems_conn *c)
{
	if (c->lws != NULL)
		lws_cancel_service(c->lws);
}
