/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packets into a file or a pipe. Ctrl-C asks the server to end the capture and reads on until its
 * end, so that the file is whole and has its statistics; a second one ends us at once.
 */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/tally.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DURATION_DEFAULT_S 300u
#define DURATION_MAX_S 3600u

struct capture {
	const struct cli *cli;
	int fd;
	struct tally tally;
	bool is_ended; /* we asked for it */
};

static _Atomic(bool) is_interrupted;

static void on_signal(int)
{
	atomic_store(&is_interrupted, true);
}

static int on_bytes(void *user, const char *p, size_t len)
{
	struct capture *c = user;

	tally_feed(&c->tally, (const uint8_t *)p, len);
	while (len > 0) {
		const ssize_t n = write(c->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Several times a second while we wait. */
static void on_wait(void *user)
{
	struct capture *c = user;

	if (!atomic_load(&is_interrupted) || c->is_ended)
		return;
	c->is_ended = true;
	(void)api_delete(c->cli, "/api/v1/capture");
}

static void catch_signals(void)
{
	/* Once: the second one is not ours. */
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	atomic_store(&is_interrupted, false);
	sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
}

/* The words of the filter, with spaces between, as pcap-filter(7) has it. */
static bool join_filter(const struct cli *cli, char *ret, size_t cap)
{
	size_t len = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < cli->nb_args; i++) {
		const size_t n = strlen(cli->arg[i]);

		if (len + n + 2 > cap) {
			cli_complain("the filter is longer than %zu bytes", cap - 1);
			return false;
		}
		if (i > 0)
			ret[len++] = ' ';
		memcpy(ret + len, cli->arg[i], n + 1);
		len += n;
	}
	return true;
}

static int open_output(const char *path)
{
	int fd;

	if (path == NULL || strcmp(path, "-") == 0) {
		if (!isatty(STDOUT_FILENO))
			return STDOUT_FILENO;
		cli_complain(
			"packets are not for a terminal: say --write FILE, or pipe them, as in "
			"tagwardenctl capture --write - | tshark -r -");
		return -1;
	}
	/* Nobody else's: it holds what people send. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		cli_complain("cannot write %s: %s", path, strerror(errno));
	return fd;
}

static int tell(const struct capture *c, int rc)
{
	(void)fprintf(stderr, "%llu packets captured, %llu dropped\n",
		      (unsigned long long)c->tally.nb_packets,
		      (unsigned long long)c->tally.nb_dropped);
	if (rc == CLI_OK && (c->tally.is_bad || !c->tally.is_complete)) {
		cli_complain("the stream ended before its statistics: packets are missing");
		return CLI_BAD_ANSWER;
	}
	return rc;
}

int capture(struct cli *cli)
{
	struct capture c = {.cli = cli};
	struct api_target t;
	uint64_t duration_s;
	char filter[1024];
	int rc;

	if (!cli_option_uint(cli, "duration", DURATION_DEFAULT_S, DURATION_MAX_S, &duration_s) ||
	    !join_filter(cli, filter, sizeof(filter)))
		return CLI_USAGE;
	api_target_init(&t, "/api/v1/capture");
	api_target_query(&t, "interface", cli_option(cli, "interface"));
	api_target_query(&t, "direction", cli_option(cli, "direction"));
	api_target_query(&t, "snaplen", cli_option(cli, "snaplen"));
	api_target_query(&t, "count", cli_option(cli, "count"));
	api_target_query(&t, "duration", cli_option(cli, "duration"));
	api_target_query(&t, "filter", filter[0] != '\0' ? filter : NULL);
	if (t.is_full) {
		cli_complain("the filter is too long");
		return CLI_USAGE;
	}
	c.fd = open_output(cli_option(cli, "write"));
	if (c.fd < 0)
		return CLI_USAGE;
	catch_signals();

	const struct api_stream s = {.on_bytes = on_bytes,
				     .on_wait = on_wait,
				     .user = &c,
				     .timeout_s = (unsigned)duration_s + cli->timeout_s};

	rc = api_get_stream(cli, t.s, &s);
	if (c.tally.type != 0)
		rc = tell(&c, rc);
	if (c.fd != STDOUT_FILENO && close(c.fd) < 0 && rc == CLI_OK) {
		cli_complain("cannot write: %s", strerror(errno));
		rc = CLI_BAD_ANSWER;
	}
	return rc;
}
