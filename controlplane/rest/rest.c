/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The server's life and its loop. There are two ways in: the unix socket, where the file's mode
 * and group decide and the peer's credentials are looked at again, and, when the document says so,
 * a TLS port, where a token or a client certificate is asked for. No header and no upgrade changes
 * what a peer may do, on either.
 */

#include "rest/rest.h"

#include "base/loop.h"
#include "common/log/log.h"
#include "config/config.h"
#include "config_store/transaction.h"
#include "rest/audit.h"
#include "rest/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

LOG_TYPE("rest");

#define DOORS 3u /* wake-ups, unix, TLS */

static int timeout_of(const struct rest *rest, uint64_t now_ms)
{
	uint64_t next = now_ms + 1000;

	for (unsigned i = 0; i < rest->nb_conns; i++) {
		const uint64_t t = conn_next_ms(rest->conns[i]);

		if (t < next)
			next = t;
	}
	return next > now_ms ? (int)(next - now_ms) : 0;
}

static unsigned fill(const struct rest *rest, struct pollfd *p)
{
	p[0] = (struct pollfd){.fd = rest->wake_fd, .events = POLLIN};
	p[1] = (struct pollfd){.fd = rest->unix_fd, .events = POLLIN};
	p[2] = (struct pollfd){.fd = rest->door != NULL ? rest->door->fd : -1, .events = POLLIN};
	for (unsigned i = 0; i < rest->nb_conns; i++)
		p[DOORS + i] =
			(struct pollfd){.fd = rest->conns[i]->fd, .events = rest->conns[i]->wants};
	return DOORS + rest->nb_conns;
}

/* Those that poll() was asked about, in its order; new ones come after them. */
static void run_conns(struct rest *rest, const struct pollfd *p)
{
	const unsigned nb = rest->nb_conns;
	unsigned left = 0;

	for (unsigned i = 0; i < nb; i++) {
		const uint64_t now_ms = loop_now_ms();
		struct conn *c = rest->conns[i];
		const bool is_due = p[DOORS + i].revents != 0 || now_ms >= conn_next_ms(c);
		/* Waiting for nothing, it would be told of the end again and again. */
		const bool is_gone = c->phase == PHASE_PARKED && p[DOORS + i].revents != 0;

		if (is_gone || (is_due && !conn_run(rest, c, now_ms)))
			conn_free(c);
		else
			rest->conns[left++] = c;
	}
	rest->nb_conns = left;
}

static void run_once(struct rest *rest)
{
	struct pollfd p[DOORS + CONNS_MAX];
	uint64_t unused;

	if (poll(p, fill(rest, p), timeout_of(rest, loop_now_ms())) < 0)
		return;
	run_conns(rest, p);
	if (p[1].revents != 0)
		listen_accept(rest, rest->unix_fd, false);
	if (p[2].revents != 0)
		listen_accept(rest, rest->door->fd, true);
	if (p[0].revents != 0 && read(rest->wake_fd, &unused, sizeof(unused)) > 0)
		door_take_next(rest);
}

static void *run(void *user)
{
	struct rest *rest = user;

	while (!atomic_load_explicit(&rest->is_stopping, memory_order_relaxed))
		run_once(rest);
	return NULL;
}

static void wake(struct rest *rest)
{
	const uint64_t one = 1;

	if (write(rest->wake_fd, &one, sizeof(one)) < 0)
		LOG(WARN, "server not woken: %s", strerror(errno));
}

static void dispose(struct rest *rest)
{
	for (unsigned i = 0; i < rest->nb_conns; i++)
		conn_free(rest->conns[i]);
	door_free(rest->door);
	door_free(rest->next);
	if (rest->unix_fd >= 0)
		close(rest->unix_fd);
	if (rest->wake_fd >= 0)
		close(rest->wake_fd);
	pthread_mutex_destroy(&rest->lock);
	free(rest);
}

static int start(struct rest *rest)
{
	const struct config_api *api = &rest->cp->config->api;
	int rc;

	if (strlen(api->unix_path) >= sizeof(rest->path))
		return -ENAMETOOLONG;
	(void)snprintf(rest->path, sizeof(rest->path), "%s", api->unix_path);
	rest->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = rest->wake_fd < 0 ? -errno : listen_unix(rest, api->group, api->mode);
	if (rc < 0) {
		LOG(ERR, "cannot listen path=%s error=\"%s\"", rest->path, strerror(-rc));
		return rc;
	}
	/* Without its port the appliance is still to be reached by the socket. */
	rest->next = door_new(rest->cp->config);
	rest->has_next = true;
	door_take_next(rest);
	if (pthread_create(&rest->thread, NULL, run, rest) != 0)
		return -EAGAIN;
	rest->is_started = true;
	LOG(NOTICE, "listening path=%s", rest->path);
	return 0;
}

/* What happens to the configuration without being asked for. */
static void on_config_event(struct cp *cp, const char *what, const char *detail)
{
	audit(cp, NULL, what, detail);
}

static int init(struct cp *cp)
{
	struct rest *rest = calloc(1, sizeof(*rest));
	int rc;

	if (rest == NULL)
		return -ENOMEM;
	rest->cp = cp;
	rest->unix_fd = rest->wake_fd = -1;
	/* Ten wrong tokens, then ten a minute; handshakes are what costs a stranger least. */
	rest->fails = (struct limit){.burst = 10, .refill_ms = 6000};
	rest->handshakes = (struct limit){.burst = 200, .refill_ms = 20};
	/* Refusals in the audit log: of one peer, and of all. */
	rest->noted = (struct limit){.burst = 20, .refill_ms = 3000};
	rest->noted_all = (struct limit){.burst = 1000, .refill_ms = 100};
	pthread_mutex_init(&rest->lock, NULL);
	rc = audit_open(cp);
	cp->rest = rest;
	if (rc == 0) {
		config_tx_on_event(cp->config_tx, on_config_event);
		rc = start(rest);
	}
	if (rc < 0) {
		cp->rest = NULL;
		audit_close(cp);
		dispose(rest);
	}
	return rc;
}

/* Tokens, certificates and the port are taken up at once; the unix socket stays as it is. */
static void reload(struct cp *cp, const struct config *)
{
	struct rest *rest = cp->rest;
	struct door *passed;

	audit_reload(cp);
	pthread_mutex_lock(&rest->lock);
	passed = rest->next;
	rest->next = door_new(cp->config);
	rest->has_next = true;
	pthread_mutex_unlock(&rest->lock);
	door_free(passed);
	wake(rest);
}

static void fini(struct cp *cp)
{
	struct rest *rest = cp->rest;

	if (rest == NULL)
		return;
	atomic_store(&rest->is_stopping, true);
	wake(rest);
	if (rest->is_started)
		pthread_join(rest->thread, NULL);
	(void)unlink(rest->path);
	cp->rest = NULL;
	dispose(rest);
	audit_close(cp);
}

void rest_server_counts(const struct cp *cp, struct rest_counts *ret)
{
	*ret = (struct rest_counts){0};
	if (cp->rest == NULL)
		return;
	*ret = cp->rest->counts;
	ret->conns = cp->rest->nb_conns;
	for (unsigned i = 0; i < cp->rest->nb_conns; i++)
		ret->conns_tls += cp->rest->conns[i]->ssl != NULL;
}

const struct module rest_module = {
	.name = "rest",
	.init = init,
	.reload = reload,
	.fini = fini,
};
