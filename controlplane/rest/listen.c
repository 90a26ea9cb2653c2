/* SPDX-License-Identifier: BSD-3-Clause */

/* Doors: the unix socket and the TLS port; and who is let in through them at all. */

#include "base/loop.h"
#include "common/log/log.h"
#include "rest/server.h"
#include "rest/tls.h"

#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

LOG_TYPE("rest");

#define ACCEPTS_AT_ONCE 8u
#define PEER_GROUPS 256

/* ---- the unix socket ---- */

static gid_t group_of(const char *name)
{
	struct group grp, *found = NULL;
	char buf[4096];

	if (name == NULL || getgrnam_r(name, &grp, buf, sizeof(buf), &found) != 0 || found == NULL)
		return (gid_t)-1;
	return grp.gr_gid;
}

int listen_unix(struct rest *rest, const char *group, mode_t mode)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	mode_t old;
	int rc;

	rest->gid = group_of(group);
	rest->unix_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (rest->unix_fd < 0)
		return -errno;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", rest->path);
	(void)unlink(rest->path); /* left by a process that was killed */
	/* Nobody may connect between bind and chmod: it is private from the start. */
	old = umask(0177);
	rc = bind(rest->unix_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : 0;
	umask(old);
	if (rc < 0 || listen(rest->unix_fd, 128) < 0)
		return rc < 0 ? rc : -errno;
	if (rest->gid != (gid_t)-1 && chown(rest->path, (uid_t)-1, rest->gid) < 0)
		LOG(WARN, "socket's group not set path=%s", rest->path);
	if (chmod(rest->path, mode) < 0)
		LOG(WARN, "socket's mode not set path=%s", rest->path);
	return 0;
}

/* Is the peer in <wanted>, by any of the groups that it had when it connected? */
static bool is_in_group(int fd, gid_t wanted)
{
	gid_t groups[PEER_GROUPS];
	socklen_t len = sizeof(groups);

	if (wanted == (gid_t)-1 || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

/* Who is at the other end of the unix socket: whoever may use it may do everything. */
static void find_user(const struct rest *rest, int fd, struct rest_who *ret)
{
	socklen_t len = sizeof(struct ucred);
	struct passwd pw, *found = NULL;
	struct ucred who;
	char buf[4096];

	*ret = (struct rest_who){.name = "?"};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return;
	if (getpwuid_r(who.uid, &pw, buf, sizeof(buf), &found) == 0 && found != NULL)
		(void)log_escape(pw.pw_name, strlen(pw.pw_name), ret->name, sizeof(ret->name));
	(void)snprintf(ret->how, sizeof(ret->how), "uid=%u", (unsigned)who.uid);
	(void)snprintf(ret->from, sizeof(ret->from), "pid=%d", (int)who.pid);
	if (who.uid == 0 || who.uid == geteuid() ||
	    (rest->gid != (gid_t)-1 && who.gid == rest->gid) || is_in_group(fd, rest->gid))
		ret->role = REST_ROLE_ADMIN;
}

/* ---- the TLS port ---- */

static int bind_tls(const struct ip_addr *a, uint16_t port)
{
	const bool is_v4 = ip_addr_is_v4(a);
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const int fd =
		socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int one = 1;
	int rc;

	if (fd < 0)
		return -errno;
	in4.sin_addr.s_addr = ip_addr_to_v4(a);
	memcpy(&in6.sin6_addr, a->b, sizeof(a->b));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!is_v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	rc = is_v4 ? bind(fd, (struct sockaddr *)&in4, sizeof(in4))
		   : bind(fd, (struct sockaddr *)&in6, sizeof(in6));
	if (rc == 0)
		rc = listen(fd, 128);
	if (rc == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

void door_free(struct door *d)
{
	if (d == NULL)
		return;
	if (d->fd >= 0)
		close(d->fd);
	SSL_CTX_free(d->ctx);
	auth_free(d->auth);
	free(d);
}

static void hash_ca(const struct config_ca *ca, uint8_t ret[static AUTH_HASH_LEN])
{
	if (ca->path == NULL ||
	    EVP_Digest(ca->pem.ptr, ca->pem.len, ret, NULL, EVP_sha256(), NULL) != 1)
		memset(ret, 0, AUTH_HASH_LEN);
}

struct door *door_new(const struct config *cfg)
{
	const struct config_api_tls *tls = &cfg->api.tls;
	struct door *d = tls->is_on ? calloc(1, sizeof(*d)) : NULL;

	if (d == NULL)
		return NULL;
	d->fd = -1;
	d->address = tls->address;
	d->port = tls->port;
	d->auth = auth_new(tls);
	d->ctx = tls_ctx_new(cfg);
	hash_ca(&tls->client_ca, d->ca_hash);
	if (d->auth == NULL || d->ctx == NULL) {
		door_free(d);
		return NULL;
	}
	return d;
}

/* Where the one before was, its socket goes on: nobody who is waiting there is turned away. */
static void open_door(struct door *d, struct door *old)
{
	char at[IP_PORT_STRLEN];

	if (old != NULL && old->port == d->port && ip_addr_is_equal(&old->address, &d->address)) {
		d->fd = old->fd;
		old->fd = -1;
	} else if (old != NULL && old->fd >= 0) {
		close(old->fd); /* the new one may be on the same port */
		old->fd = -1;
	}
	if (d->fd >= 0)
		return;
	d->fd = bind_tls(&d->address, d->port);
	ip_port_emit(&d->address, d->port, at);
	if (d->fd >= 0)
		LOG(NOTICE, "listening address=%s", at);
	else
		LOG(ERR, "cannot listen address=%s error=\"%s\"", at, strerror(-d->fd));
}

/* Connections that a certificate of another CA opened are not believed any more. */
static void forget_certs(struct rest *rest)
{
	for (unsigned i = 0; i < rest->nb_conns; i++)
		rest->conns[i]->cred.has_cert = false;
}

static void close_tls(struct rest *rest)
{
	unsigned nb = 0;

	for (unsigned i = 0; i < rest->nb_conns; i++) {
		if (rest->conns[i]->ssl != NULL)
			conn_free(rest->conns[i]);
		else
			rest->conns[nb++] = rest->conns[i];
	}
	rest->nb_conns = nb;
}

void door_take_next(struct rest *rest)
{
	struct door *old = rest->door, *d;

	pthread_mutex_lock(&rest->lock);
	const bool has_next = rest->has_next;
	d = rest->next;
	rest->has_next = false;
	rest->next = NULL;
	pthread_mutex_unlock(&rest->lock);
	if (!has_next)
		return;
	if (d == NULL)
		close_tls(rest);
	else
		open_door(d, old);
	if (d != NULL && old != NULL && memcmp(d->ca_hash, old->ca_hash, AUTH_HASH_LEN) != 0)
		forget_certs(rest);
	rest->door = d;
	door_free(old);
}

/* ---- coming in ---- */

static struct ip_addr addr_of(const struct sockaddr_storage *ss, uint16_t *ret_port)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	struct ip_addr a;

	if (ss->ss_family == AF_INET) {
		*ret_port = ntohs(in4->sin_port);
		return ip_addr_from_v4(in4->sin_addr.s_addr);
	}
	*ret_port = ntohs(in6->sin6_port);
	memcpy(a.b, &in6->sin6_addr, sizeof(a.b));
	return a;
}

static bool has_room(struct rest *rest, bool is_tls, const struct ip_addr *peer)
{
	unsigned nb = 0, nb_peer = 0;

	for (unsigned i = 0; i < rest->nb_conns; i++) {
		const struct conn *c = rest->conns[i];

		if ((c->ssl != NULL) != is_tls)
			continue;
		nb++;
		nb_peer += is_tls && ip_addr_is_equal(&c->peer, peer);
	}
	return nb < (is_tls ? CONNS_TLS : CONNS_UNIX) && nb_peer < CONNS_PEER;
}

/* A peer that has gone without a word is found out within a minute, though nothing is sent. */
static void set_options(int fd)
{
	static const struct {
		int level, name, value;
	} row[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 20}, {IPPROTO_TCP, TCP_KEEPINTVL, 10},
		{IPPROTO_TCP, TCP_KEEPCNT, 4},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 60000},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		(void)setsockopt(fd, row[i].level, row[i].name, &row[i].value,
				 sizeof(row[i].value));
}

static struct conn *new_tls(struct rest *rest, int fd, const struct sockaddr_storage *ss,
			    uint64_t now_ms)
{
	uint16_t port;
	const struct ip_addr peer = addr_of(ss, &port);
	struct conn *c;
	SSL *ssl;

	if (!auth_may_connect(rest->door->auth, &peer) || !has_room(rest, true, &peer) ||
	    !limit_take(&rest->handshakes, &peer, now_ms) ||
	    (ssl = SSL_new(rest->door->ctx)) == NULL) {
		rest->counts.full++;
		close(fd);
		return NULL;
	}
	set_options(fd);
	(void)SSL_set_fd(ssl, fd);
	SSL_set_accept_state(ssl);
	c = conn_new(fd, ssl, now_ms);
	if (c == NULL)
		return NULL;
	c->peer = peer;
	(void)snprintf(c->who.name, sizeof(c->who.name), "-");
	(void)snprintf(c->who.how, sizeof(c->who.how), "-");
	static_assert(sizeof(c->who.from) >= IP_PORT_STRLEN);
	ip_port_emit(&peer, port, c->who.from);
	return c;
}

static struct conn *new_unix(struct rest *rest, int fd, uint64_t now_ms)
{
	struct conn *c;

	if (!has_room(rest, false, NULL)) {
		rest->counts.full++;
		close(fd);
		return NULL;
	}
	c = conn_new(fd, NULL, now_ms);
	if (c != NULL)
		find_user(rest, fd, &c->who);
	return c;
}

void listen_accept(struct rest *rest, int fd, bool is_tls)
{
	const uint64_t now_ms = loop_now_ms();

	for (unsigned i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage ss = {0};
		socklen_t len = sizeof(ss);
		const int peer =
			accept4(fd, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct conn *c;

		if (peer < 0)
			return;
		c = is_tls ? new_tls(rest, peer, &ss, now_ms) : new_unix(rest, peer, now_ms);
		if (c != NULL)
			rest->conns[rest->nb_conns++] = c;
	}
}
