/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long requests through the access proxy take, at a fixed rate over kept connections.
 *
 *	latency --to 192.0.2.10:9043 --cert C.pem --key C.key --ca CA.pem \
 *		--connections 8 --rate 500 --seconds 10 --raw FILE
 *
 * Each connection sends GET / when it is due, every connections/rate seconds, and not before the
 * answer to its last one. Time counts from when it was due, so that an answer that makes the next
 * request late is not hidden. Prints a line of JSON; FILE takes all times, in microseconds.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	CONNS_MAX = 64,
	HEAD_MAX = 16384
};

struct client {
	SSL *ssl;
	int fd;
	bool is_waiting;
	uint64_t due_us;
	char in[HEAD_MAX];
	size_t len;
};

static struct {
	const char *ip, *ca, *cert, *key, *raw;
	uint16_t port;
	unsigned nb, rate, seconds;
} opt = {.nb = 8, .rate = 500, .seconds = 10};

static struct client clients[CONNS_MAX];
static uint32_t *times;
static size_t nb_times, nb_errors, nb_refused;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void die(const char *what)
{
	fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(1);
}

static SSL_CTX *make_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, opt.ca, NULL) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, opt.cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, opt.key, SSL_FILETYPE_PEM) != 1)
		die("certificates");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

/* Blocking until it is up, then not. */
static void open_client(SSL_CTX *ctx, struct client *c)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(opt.port)};
	const int one = 1;

	*c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (inet_pton(AF_INET, opt.ip, &sa.sin_addr) != 1 || c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		die("connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->ssl = SSL_new(ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
		die("handshake");
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
}

static void close_client(struct client *c)
{
	SSL_free(c->ssl);
	close(c->fd);
}

static bool send_request(struct client *c)
{
	char head[128];
	const int n = snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: %s:%u\r\n\r\n", opt.ip,
			       opt.port);

	c->len = 0;
	c->is_waiting = true;
	return n > 0 && (size_t)n < sizeof(head) && SSL_write(c->ssl, head, n) == n;
}

/* 1: an answer is whole; 0: not yet; negative: the connection is over. */
static int receive(struct client *c)
{
	const int n = SSL_read(c->ssl, c->in + c->len, (int)(sizeof(c->in) - 1 - c->len));
	const char *end, *field;

	if (n <= 0)
		return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	field = strcasestr(c->in, "content-length:");
	if (end == NULL)
		return c->len == sizeof(c->in) - 1 ? -1 : 0;
	if (field == NULL || field > end)
		return -1;
	return c->len >= (size_t)(end + 4 - c->in) + strtoul(field + 15, NULL, 10);
}

static void note_answer(struct client *c, uint64_t interval_us)
{
	const uint64_t took = now_us() - c->due_us;

	times[nb_times++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	nb_refused += strncmp(c->in, "HTTP/1.1 200", 12) != 0;
	c->is_waiting = false;
	c->due_us += interval_us;
}

static void reopen(SSL_CTX *ctx, struct client *c, uint64_t interval_us)
{
	const uint64_t due = c->due_us + interval_us;

	nb_errors++;
	close_client(c);
	open_client(ctx, c);
	c->due_us = due;
}

static void run(SSL_CTX *ctx, uint64_t end_us, uint64_t interval_us)
{
	struct pollfd pfd[CONNS_MAX];

	while (now_us() < end_us) {
		uint64_t next = end_us;

		for (unsigned i = 0; i < opt.nb; i++) {
			struct client *c = &clients[i];

			if (!c->is_waiting && now_us() >= c->due_us && !send_request(c))
				reopen(ctx, c, interval_us);
			if (!c->is_waiting && c->due_us < next)
				next = c->due_us;
			pfd[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
		}

		const uint64_t now = now_us();
		const uint64_t wait_us = next > now ? next - now : 0;
		const struct timespec ts = {.tv_nsec = wait_us < 500000 ? (long)wait_us * 1000
									: 500000000};

		if (ppoll(pfd, opt.nb, &ts, NULL) < 0 && errno != EINTR)
			die("poll");
		for (unsigned i = 0; i < opt.nb; i++) {
			const int rc = pfd[i].revents == 0 ? 0 : receive(&clients[i]);

			if (rc > 0)
				note_answer(&clients[i], interval_us);
			else if (rc < 0)
				reopen(ctx, &clients[i], interval_us);
		}
	}
}

static int cmp_time(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint32_t at(double q)
{
	return nb_times == 0 ? 0 : times[(size_t)((double)(nb_times - 1) * q)];
}

static void tell(void)
{
	FILE *f = opt.raw == NULL ? NULL : fopen(opt.raw, "w");

	if (opt.raw != NULL && f == NULL)
		die(opt.raw);
	for (size_t i = 0; f != NULL && i < nb_times; i++)
		fprintf(f, "%u\n", times[i]);
	if (f != NULL)
		fclose(f);
	qsort(times, nb_times, sizeof(*times), cmp_time);
	printf("{\"requests\":%zu,\"errors\":%zu,\"not_200\":%zu,\"p50_us\":%u,\"p90_us\":%u,"
	       "\"p99_us\":%u,\"p999_us\":%u,\"max_us\":%u}\n",
	       nb_times, nb_errors, nb_refused, at(0.5), at(0.9), at(0.99), at(0.999), at(1));
}

static unsigned number(const char *s, unsigned max)
{
	char *end;
	const unsigned long v = strtoul(s, &end, 10);

	if (*s == '\0' || *end != '\0' || v == 0 || v > max) {
		fprintf(stderr, "latency: %s is no number from 1 to %u\n", s, max);
		exit(2);
	}
	return (unsigned)v;
}

static void parse(int argc, char **argv)
{
	static char ip[64];

	for (int i = 1; i + 1 < argc; i += 2) {
		const char *key = argv[i], *v = argv[i + 1];

		if (strcmp(key, "--to") == 0) {
			const char *colon = strrchr(v, ':');

			if (colon == NULL || (size_t)(colon - v) >= sizeof(ip))
				die("--to is ADDRESS:PORT");
			memcpy(ip, v, (size_t)(colon - v));
			opt.ip = ip;
			opt.port = (uint16_t)number(colon + 1, UINT16_MAX);
		} else if (strcmp(key, "--ca") == 0) {
			opt.ca = v;
		} else if (strcmp(key, "--cert") == 0) {
			opt.cert = v;
		} else if (strcmp(key, "--key") == 0) {
			opt.key = v;
		} else if (strcmp(key, "--raw") == 0) {
			opt.raw = v;
		} else if (strcmp(key, "--connections") == 0) {
			opt.nb = number(v, CONNS_MAX);
		} else if (strcmp(key, "--rate") == 0) {
			opt.rate = number(v, 100000);
		} else if (strcmp(key, "--seconds") == 0) {
			opt.seconds = number(v, 3600);
		}
	}
	if (opt.ip == NULL || opt.ca == NULL || opt.cert == NULL || opt.key == NULL) {
		fprintf(stderr, "latency: --to, --ca, --cert and --key are needed\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);

	const uint64_t interval_us = 1000000ull * opt.nb / opt.rate;
	SSL_CTX *ctx = make_ctx();

	times = calloc((size_t)opt.rate * opt.seconds + CONNS_MAX, sizeof(*times));
	if (times == NULL)
		die("memory");
	for (unsigned i = 0; i < opt.nb; i++)
		open_client(ctx, &clients[i]);

	const uint64_t begin = now_us();

	/* Spread over the interval: not all at once. */
	for (unsigned i = 0; i < opt.nb; i++)
		clients[i].due_us = begin + interval_us * i / opt.nb;
	run(ctx, begin + opt.seconds * 1000000ull, interval_us);
	tell();
	for (unsigned i = 0; i < opt.nb; i++)
		close_client(&clients[i]);
	SSL_CTX_free(ctx);
	free(times);
	return 0;
}
