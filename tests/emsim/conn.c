/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/sim.h"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	TLS_MS = 10000,
	IDLE_MS = 60000,
	FLUSH_MS = 30000,
	SAVE_AFTER_MS = 400,
	DRIP_BYTES = 4,
	READ_BYTES = 64 * 1024,
};

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int listen_tcp(struct sim *sim, const char *addr, uint16_t port)
{
	struct sockaddr_in sa4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 sa6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const bool is_v6 = inet_pton(AF_INET6, addr, &sa6.sin6_addr) == 1;
	struct sockaddr *sa = is_v6 ? (struct sockaddr *)&sa6 : (struct sockaddr *)&sa4;
	socklen_t len = is_v6 ? sizeof(sa6) : sizeof(sa4);
	int one = 1;
	int fd;

	if (!is_v6 && inet_pton(AF_INET, addr, &sa4.sin_addr) != 1)
		return -EINVAL;
	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, sa, len) < 0 || listen(fd, 128) < 0 || getsockname(fd, sa, &len) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	sim->port = ntohs(is_v6 ? sa6.sin6_port : sa4.sin_port);
	return fd;
}

static int listen_unix(const struct sim *sim)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	mode_t old;
	int fd, rc;

	rc = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/emsim.sock", sim->dir);
	if (rc < 0 || (size_t)rc >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* A socket that answers is another emsim's; one that does not was left by a killed one. */
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0) {
		close(fd);
		return -EADDRINUSE;
	}
	(void)unlink(sa.sun_path);
	old = umask(0177); /* from its first moment for the owner only */
	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(old);
	if (rc < 0 || listen(fd, 64) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static SSL_CTX *make_ctx(const struct sim *sim, const struct key_cert *kc)
{
	static const uint8_t sid_ctx[] = "emsim";
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	/* Without it OpenSSL fails a client that resumes a session made with a certificate. */
	SSL_CTX_set_session_id_context(ctx, sid_ctx, sizeof(sid_ctx) - 1);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), sim->pki.gateway_ca) != 1 ||
	    SSL_CTX_add_client_CA(ctx, sim->pki.gateway_ca) != 1 ||
	    SSL_CTX_use_certificate(ctx, kc->cert) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, kc->key) != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int conn_renew(struct sim *sim)
{
	int rc = pki_renew(&sim->pki, sim->ids.serial);
	SSL_CTX *ctx = rc < 0 ? NULL : make_ctx(sim, &sim->pki.ems);

	if (ctx == NULL)
		return rc < 0 ? rc : -EIO;
	SSL_CTX_free(sim->ctx[SIM_CERT_GOOD]);
	sim->ctx[SIM_CERT_GOOD] = ctx;
	conn_drop_idle(sim);
	ws_drop_all(sim);
	return 0;
}

int conn_listen(struct sim *sim, const char *addr, uint16_t port)
{
	const struct key_cert *certs[SIM_CERT__COUNT] = {
		[SIM_CERT_GOOD] = &sim->pki.ems,
		[SIM_CERT_EXPIRED] = &sim->pki.ems_expired,
		[SIM_CERT_WRONG_CN] = &sim->pki.ems_wrong_cn,
	};

	for (int i = 0; i < SIM_CERT__COUNT; i++) {
		sim->ctx[i] = make_ctx(sim, certs[i]);
		if (sim->ctx[i] == NULL)
			return -EIO;
	}
	sim->signal_fd = open_signals();
	sim->tls_fd = listen_tcp(sim, addr, port);
	if (sim->tls_fd < 0)
		return sim->tls_fd;
	sim->unix_fd = listen_unix(sim);
	return sim->unix_fd < 0 ? sim->unix_fd : sim->signal_fd < 0 ? sim->signal_fd : 0;
}

static void conn_close(struct conn *c)
{
	if (c->ssl != NULL) {
		if (c->state != CONN_TLS && !c->is_dead)
			(void)SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
	}
	ERR_clear_error();
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->msg);
	*c = (struct conn){.fd = -1};
}

static struct conn *conn_slot(struct sim *sim)
{
	for (size_t i = 0; i < CONN_MAX; i++)
		if (sim->conns[i].state == CONN_FREE)
			return &sim->conns[i];
	return NULL;
}

static SSL_CTX *pick_ctx(struct sim *sim)
{
	if (fault_take(&sim->faults, FAULT_EXPIRED_CERT, ENTRY_TLS))
		return sim->ctx[SIM_CERT_EXPIRED];
	if (fault_take(&sim->faults, FAULT_WRONG_CN, ENTRY_TLS))
		return sim->ctx[SIM_CERT_WRONG_CN];
	return sim->ctx[SIM_CERT_GOOD];
}

static void on_accept(struct sim *sim, int listener, bool is_admin)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *c = fd >= 0 ? conn_slot(sim) : NULL;
	int one = 1;

	if (c == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	*c = (struct conn){.fd = fd, .is_admin = is_admin};
	sim->stats.conns++;
	c->state = is_admin ? CONN_HTTP : CONN_TLS;
	c->deadline_ms = sim->now_ms + (is_admin ? IDLE_MS : TLS_MS);
	if (is_admin)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fault_take_own(&sim->faults, FAULT_HANG, ENTRY_TLS)) {
		c->state = CONN_HUNG;
		return;
	}
	c->ssl = SSL_new(pick_ctx(sim));
	if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
		conn_close(c);
	else
		SSL_set_accept_state(c->ssl);
}

/* Read what an SSL error means: true when the connection lives on. */
static bool ssl_lives(struct conn *c, int rc)
{
	int err = SSL_get_error(c->ssl, rc);

	if (err == SSL_ERROR_WANT_WRITE)
		c->want_write = true;
	if (err != SSL_ERROR_WANT_READ && err != SSL_ERROR_WANT_WRITE)
		c->is_dead = true;
	ERR_clear_error();
	return !c->is_dead;
}

/* The chain was verified by the handshake; who the peer is, is the CN of its certificate. */
static void on_handshake(struct sim *sim, struct conn *c)
{
	X509 *peer;
	int rc;

	c->want_write = false;
	rc = SSL_do_handshake(c->ssl);
	if (rc != 1) {
		if (!ssl_lives(c, rc)) {
			sim->stats.handshake_failures++;
			if (sim->is_verbose)
				fprintf(stderr, "emsim: TLS handshake failed\n");
		}
		return;
	}
	peer = SSL_get1_peer_certificate(c->ssl);
	if (peer == NULL || SSL_get_verify_result(c->ssl) != X509_V_OK) {
		c->is_dead = true;
	} else {
		X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, c->cn,
					  sizeof(c->cn));
		c->state = CONN_HTTP;
		c->deadline_ms = sim->now_ms + IDLE_MS;
	}
	X509_free(peer);
}

static ssize_t conn_recv(struct conn *c, char *p, size_t cap)
{
	ssize_t n;
	int rc;

	if (c->ssl == NULL) {
		n = recv(c->fd, p, cap, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n <= 0)
			c->is_dead = true;
		return n;
	}
	rc = SSL_read(c->ssl, p, (int)cap);
	if (rc <= 0)
		(void)ssl_lives(c, rc);
	return rc;
}

static void on_readable(struct conn *c)
{
	size_t max = (size_t)HEAD_MAX + BODY_MAX;
	ssize_t n;

	do {
		buf_reserve(&c->in, READ_BYTES);
		n = conn_recv(c, c->in.p + c->in.len, READ_BYTES);
		if (n > 0)
			c->in.len += (size_t)n;
		c->in.p[c->in.len] = '\0';
	} while (n > 0 && c->in.len < max);
}

static ssize_t conn_send(struct conn *c, const char *p, size_t len)
{
	ssize_t n;
	int rc;

	if (c->ssl == NULL) {
		n = send(c->fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			c->is_dead = true;
		return n;
	}
	rc = SSL_write(c->ssl, p, (int)(len < (1 << 20) ? len : 1 << 20));
	if (rc <= 0)
		(void)ssl_lives(c, rc);
	return rc;
}

static void on_flush(struct sim *sim, struct conn *c)
{
	c->want_write = false;
	while (c->out_off < c->out.len && !c->is_dead) {
		size_t left = c->out.len - c->out_off;
		ssize_t n;

		if (c->drip_ms > 0 && sim->now_ms < c->next_drip_ms)
			return;
		if (c->drip_ms > 0 && left > DRIP_BYTES)
			left = DRIP_BYTES;
		n = conn_send(c, c->out.p + c->out_off, left);
		if (n <= 0)
			return;
		c->out_off += (size_t)n;
		c->next_drip_ms = sim->now_ms + c->drip_ms;
		if (c->deadline_ms < sim->now_ms + FLUSH_MS)
			c->deadline_ms = sim->now_ms + FLUSH_MS;
	}
	/* A page may be megabytes; an idle connection gives them back. */
	if (c->out.cap > READ_BYTES)
		buf_free(&c->out);
	buf_reset(&c->out);
	c->out_off = 0;
	c->drip_ms = 0;
	if (c->state == CONN_CLOSING)
		c->is_dead = true;
}

static void dispatch(struct sim *sim, struct conn *c)
{
	if (c->state == CONN_HTTP)
		http_on_data(sim, c);
	if (c->state == CONN_WS)
		ws_on_data(sim, c);
	if (c->state == CONN_HUNG)
		buf_reset(&c->in);
}

/*
 * Answer what was received, one request after the other: a request that was pipelined behind
 * another is taken when the answer before it is out, which no event of its own announces.
 */
static void serve(struct sim *sim, struct conn *c)
{
	size_t before;

	do {
		before = c->in.len;
		if (c->out_off < c->out.len)
			on_flush(sim, c);
		dispatch(sim, c);
		if (c->out_off < c->out.len)
			on_flush(sim, c);
	} while (!c->is_dead && c->out.len == 0 && c->in.len > 0 && c->in.len < before);
}

static void on_event(struct sim *sim, struct conn *c, short revents)
{
	if (c->state == CONN_TLS && revents != 0)
		on_handshake(sim, c);
	if (c->state != CONN_TLS && (revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		on_readable(c);
	if (c->state != CONN_TLS)
		serve(sim, c);
	if (c->state == CONN_WS)
		ws_on_tick(sim, c);
	else if (c->state != CONN_HUNG && sim->now_ms > c->deadline_ms)
		c->is_dead = true;
	if (c->is_dead || (c->state == CONN_CLOSING && c->out_off == c->out.len))
		conn_close(c);
}

static short wanted(const struct sim *sim, const struct conn *c)
{
	bool can_write =
		c->out_off < c->out.len && (c->drip_ms == 0 || sim->now_ms >= c->next_drip_ms);

	return (short)(POLLIN | (can_write || c->want_write ? POLLOUT : 0));
}

static int timeout_ms(const struct sim *sim)
{
	int ms = churn_is_active(&sim->churn) ? 2 : 500;

	for (size_t i = 0; i < CONN_MAX; i++) {
		const struct conn *c = &sim->conns[i];

		/* Told to close with nothing left to send: no event will announce it. */
		if (c->state == CONN_CLOSING && c->out_off == c->out.len)
			return 0;
		if (c->state != CONN_FREE && c->drip_ms > 0 && ms > 10)
			ms = 10;
	}
	return ms;
}

static void churn_step(struct sim *sim)
{
	if (churn_is_active(&sim->churn) && churn_run(&sim->churn, &sim->store, sim->now_ms))
		sim->pending_topics |= TOPIC_SYSINFO | TOPIC_TAGS;
}

/*
 * Some time after the change, so that its notification does not wait for the disk. A fleet that
 * lives is saved at the end only: writing it out would take longer than its changes.
 */
static void save_if_due(struct sim *sim)
{
	if (sim->churn.total > 0)
		return;
	if (!sim->store.is_dirty) {
		sim->dirty_ms = 0;
		return;
	}
	if (sim->dirty_ms == 0)
		sim->dirty_ms = sim->now_ms;
	if (sim->now_ms < sim->dirty_ms + SAVE_AFTER_MS)
		return;
	sim->dirty_ms = sim->now_ms;
	if (state_save(sim) < 0)
		fprintf(stderr, "emsim: cannot write state.json\n");
}

void conn_loop(struct sim *sim)
{
	struct pollfd pfd[CONN_MAX + 3];

	while (!sim->is_stopping) {
		pfd[0] = (struct pollfd){.fd = sim->signal_fd, .events = POLLIN};
		pfd[1] = (struct pollfd){.fd = sim->tls_fd, .events = POLLIN};
		pfd[2] = (struct pollfd){.fd = sim->unix_fd, .events = POLLIN};
		sim->now_ms = clock_ms();
		for (size_t i = 0; i < CONN_MAX; i++) {
			const struct conn *c = &sim->conns[i];
			bool is_used = c->state != CONN_FREE;

			pfd[3 + i] = (struct pollfd){.fd = is_used ? c->fd : -1,
						     .events = is_used ? wanted(sim, c) : 0};
		}
		if (poll(pfd, CONN_MAX + 3, timeout_ms(sim)) < 0 && errno != EINTR)
			break;
		sim->now_ms = clock_ms();
		if (pfd[0].revents != 0)
			sim->is_stopping = true;
		for (size_t i = 0; i < CONN_MAX; i++)
			if (sim->conns[i].state != CONN_FREE)
				on_event(sim, &sim->conns[i], pfd[3 + i].revents);
		if (pfd[1].revents != 0)
			on_accept(sim, sim->tls_fd, false);
		if (pfd[2].revents != 0)
			on_accept(sim, sim->unix_fd, true);
		churn_step(sim);
		ws_notify_pending(sim);
		save_if_due(sim);
	}
}

void conn_drop_idle(struct sim *sim)
{
	for (size_t i = 0; i < CONN_MAX; i++) {
		struct conn *c = &sim->conns[i];

		if (c->state == CONN_HTTP && !c->is_admin)
			c->state = CONN_CLOSING;
	}
}

void conn_fini(struct sim *sim)
{
	const int fds[] = {sim->tls_fd, sim->unix_fd, sim->signal_fd};

	for (size_t i = 0; i < CONN_MAX; i++) {
		struct conn *c = &sim->conns[i];

		if (c->state == CONN_WS) {
			ws_close(c, 1001);
			on_flush(sim, c);
		}
		if (c->state != CONN_FREE)
			conn_close(c);
	}
	for (int i = 0; i < SIM_CERT__COUNT; i++)
		SSL_CTX_free(sim->ctx[i]);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}
