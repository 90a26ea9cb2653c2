/* SPDX-License-Identifier: BSD-3-Clause */

/* Where to, as whom, and the thread between TLS and the program. */

#include "cli/remote.h"

#include "cli/cli.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define CONNECT_S 10

static struct {
	const char *server, *cacert, *token_file, *cert, *key;
	char host[256], port[8];
	char authorization[320];
	char error[256];
} remote;

bool remote_take_option(const char *name, size_t len, const char *value)
{
	const struct {
		const char *name;
		const char **to;
	} row[] = {
		{"server", &remote.server},
		{"cacert", &remote.cacert},
		{"cert", &remote.cert},
		{"key", &remote.key},
		{"token-file", &remote.token_file},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (strlen(row[i].name) != len || strncmp(row[i].name, name, len) != 0)
			continue;
		*row[i].to = value;
		return true;
	}
	return false;
}

/* What is not on the command line may be in the environment, but for the token itself. */
static void look_around(void)
{
	const struct {
		const char *name;
		const char **to;
	} row[] = {
		{"TAGWARDEN_SERVER", &remote.server},
		{"TAGWARDEN_CACERT", &remote.cacert},
		{"TAGWARDEN_TOKEN_FILE", &remote.token_file},
	};
	static bool has_looked;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]) && !has_looked; i++) {
		const char *value = getenv(row[i].name);

		if (*row[i].to == NULL && value != NULL && value[0] != '\0')
			*row[i].to = value;
	}
	has_looked = true;
}

bool remote_is_on(void)
{
	look_around();
	return remote.server != NULL;
}

const char *remote_authorization(void)
{
	return remote.authorization;
}

const char *remote_error(void)
{
	return remote.error;
}

const char *remote_url(void)
{
	return remote.server;
}

static int fail(const char *what, const char *why)
{
	(void)snprintf(remote.error, sizeof(remote.error), "%.120s: %.120s", what, why);
	return -ECONNABORTED;
}

static int fail_tls(const char *what)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return fail(what, why != NULL ? why : "no reason given");
}

/* https://HOST:PORT, HOST an IPv6 address in brackets perhaps. */
static int read_url(void)
{
	static const char scheme[] = "https://";
	const char *p = remote.server, *end;
	size_t n;

	if (strncmp(p, scheme, sizeof(scheme) - 1) != 0)
		return fail(p, "must be like https://gw.example:8444");
	p += sizeof(scheme) - 1;
	if (*p == '[')
		p++;
	end = p[-1] == '[' ? strchr(p, ']') : strrchr(p, ':');
	n = end == NULL ? 0 : (size_t)(end - p);
	if (n == 0 || n >= sizeof(remote.host))
		return fail(remote.server, "must be like https://gw.example:8444");
	memcpy(remote.host, p, n);
	remote.host[n] = '\0';
	end += *end == ']';
	n = *end == ':' ? strspn(end + 1, "0123456789") : 0;
	if (n == 0 || n > 5 || (end[1 + n] != '\0' && strcmp(end + 1 + n, "/") != 0))
		return fail(remote.server, "must end with a port");
	memcpy(remote.port, end + 1, n);
	remote.port[n] = '\0';
	return 0;
}

/* The file's first word. Who else can read it can be its owner. */
static int read_token(void)
{
	char token[256] = "";
	struct stat st;
	FILE *f;
	bool is_ok;

	if (remote.token_file == NULL || remote.authorization[0] != '\0')
		return 0;
	f = fopen(remote.token_file, "re");
	if (f == NULL)
		return fail(remote.token_file, strerror(errno));
	if (fstat(fileno(f), &st) == 0 && (st.st_mode & 077) != 0)
		cli_complain("%s: others may read it, and be its owner", remote.token_file);
	is_ok = fgets(token, sizeof(token), f) != NULL;
	fclose(f);
	token[strcspn(token, " \t\r\n")] = '\0';
	for (const char *p = token; *p != '\0'; p++)
		is_ok &= *p > ' ' && *p < 0x7f;
	if (is_ok && token[0] != '\0')
		(void)snprintf(remote.authorization, sizeof(remote.authorization),
			       "Authorization: Bearer %s\r\n", token);
	explicit_bzero(token, sizeof(token));
	return remote.authorization[0] != '\0' ? 0 : fail(remote.token_file, "holds no token");
}

static SSL_CTX *new_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    (remote.cacert != NULL ? SSL_CTX_load_verify_file(ctx, remote.cacert)
				   : SSL_CTX_set_default_verify_paths(ctx)) == 1 &&
	    (remote.cert == NULL ||
	     (SSL_CTX_use_certificate_chain_file(ctx, remote.cert) == 1 &&
	      SSL_CTX_use_PrivateKey_file(ctx, remote.key != NULL ? remote.key : remote.cert,
					  SSL_FILETYPE_PEM) == 1)))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static int dial_tcp(void)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const struct timeval tv = {.tv_sec = CONNECT_S};
	struct addrinfo *all;
	int fd = -1, err = ECONNREFUSED;
	const int rc = getaddrinfo(remote.host, remote.port, &hints, &all);

	if (rc != 0)
		return fail(remote.host, gai_strerror(rc));
	for (const struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
		if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		err = errno;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(all);
	return fd >= 0 ? fd : fail(remote.server, strerror(err == EINPROGRESS ? ETIMEDOUT : err));
}

/* The name that was typed must be the certificate's. */
static SSL *shake_hands(SSL_CTX *ctx, int fd)
{
	X509_VERIFY_PARAM *param;
	SSL *ssl = SSL_new(ctx);
	long verdict;

	if (ssl == NULL)
		return NULL;
	param = SSL_get0_param(ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, remote.host) != 1) {
		(void)X509_VERIFY_PARAM_set1_host(param, remote.host, 0);
		(void)SSL_set_tlsext_host_name(ssl, remote.host);
	}
	ERR_clear_error();
	if (SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1)
		return ssl;
	verdict = SSL_get_verify_result(ssl);
	if (verdict != X509_V_OK)
		(void)fail("its certificate is not trusted",
			   X509_verify_cert_error_string(verdict));
	else
		(void)fail_tls("no TLS");
	SSL_free(ssl);
	return NULL;
}

/* ---- passing on ---- */

struct pump {
	SSL *ssl;
	int net, local;
};

/* Out to the network, all of it. False: it is over. */
static bool seal(struct pump *p, const char *buf, size_t len)
{
	struct pollfd fd = {.fd = p->net};
	size_t n;

	while (len > 0) {
		const int rc = SSL_write_ex(p->ssl, buf, len, &n);

		if (rc == 1) {
			buf += n;
			len -= n;
			continue;
		}
		const int why = SSL_get_error(p->ssl, rc);

		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return false;
		fd.events = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		(void)poll(&fd, 1, -1);
	}
	return true;
}

/* In from the network, what there is. False: it is over. */
static bool open_sealed(struct pump *p)
{
	char buf[16384];
	size_t n;

	while (SSL_read_ex(p->ssl, buf, sizeof(buf), &n) == 1) {
		for (size_t done = 0; done < n;) {
			const ssize_t w = send(p->local, buf + done, n - done, MSG_NOSIGNAL);

			if (w < 0)
				return false;
			done += (size_t)w;
		}
	}
	return SSL_get_error(p->ssl, 0) == SSL_ERROR_WANT_READ;
}

static void *pass_on(void *user)
{
	struct pump *p = user;
	char buf[16384];

	for (;;) {
		struct pollfd fd[2] = {{.fd = p->net, .events = POLLIN},
				       {.fd = p->local, .events = POLLIN}};

		if (poll(fd, 2, -1) < 0 && errno != EINTR)
			break;
		if (fd[0].revents != 0 && !open_sealed(p))
			break;
		if (fd[1].revents == 0)
			continue;
		const ssize_t n = recv(p->local, buf, sizeof(buf), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN) || (n > 0 && !seal(p, buf, (size_t)n)))
			break;
	}
	SSL_free(p->ssl);
	close(p->net);
	close(p->local);
	free(p);
	return NULL;
}

/* Without signals: the terminal's are the program's own, and a broken pipe is no reason to end. */
static int start(SSL *ssl, int net)
{
	struct pump *p = malloc(sizeof(*p));
	int pair[2] = {-1, -1}, rc;
	sigset_t all, old;
	pthread_t thread;

	if (p == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(p);
		return fail(remote.server, "no memory or no sockets");
	}
	*p = (struct pump){.ssl = ssl, .net = net, .local = pair[1]};
	(void)fcntl(net, F_SETFL, O_NONBLOCK);
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, NULL, pass_on, p);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0) {
		(void)pthread_detach(thread);
		return pair[0];
	}
	close(pair[0]);
	close(pair[1]);
	free(p);
	return fail(remote.server, strerror(rc));
}

int remote_dial(void)
{
	SSL_CTX *ctx = NULL;
	SSL *ssl = NULL;
	int fd, rc;

	rc = read_url();
	if (rc == 0)
		rc = read_token();
	if (rc < 0)
		return rc;
	fd = dial_tcp();
	if (fd < 0)
		return fd;
	ctx = new_ctx();
	if (ctx == NULL)
		rc = fail_tls("CA, certificate or key cannot be used");
	else
		ssl = shake_hands(ctx, fd);
	SSL_CTX_free(ctx);
	rc = ssl != NULL ? start(ssl, fd) : -ECONNABORTED;
	if (rc < 0) {
		SSL_free(ssl);
		close(fd);
	}
	return rc;
}
