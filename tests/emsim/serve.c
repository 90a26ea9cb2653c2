/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/cli.h"
#include "emsim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *or_default(const char *value, const char *otherwise)
{
	return value != NULL ? value : otherwise;
}

static struct pki_names names_of(const struct cli *cli)
{
	return (struct pki_names){
		.ems_serial = or_default(cli->serial, "FCTEMS8823005021"),
		.gateway_sn = or_default(cli->gateway_sn, "FPXVULTM24000083"),
		.server_name = cli->server_name,
	};
}

int cmd_init(const struct cli *cli)
{
	struct pki_names names = names_of(cli);

	return pki_init(cli->dir, &names) < 0 ? 1 : 0;
}

int cmd_make_server_cert(const struct cli *cli)
{
	const char *name = or_default(cli->name, "web");

	if (pki_make_server(cli->dir, name, or_default(cli->host, "localhost")) < 0) {
		fprintf(stderr, "emsim: cannot make %s/%s.pem\n", cli->dir, name);
		return 1;
	}
	printf("%s/%s.pem\n%s/%s.key\n", cli->dir, name, cli->dir, name);
	return 0;
}

static int parse_number(const char *what, const char *text, uint64_t max, uint64_t *ret_v)
{
	uint64_t v;

	if (text == NULL)
		return 0;
	if (parse_u64(text, &v) < 0 || v > max) {
		fprintf(stderr, "emsim: --%s is not a number up to %llu\n", what,
			(unsigned long long)max);
		return -EINVAL;
	}
	*ret_v = v;
	return 0;
}

static int configure(struct sim *sim, const struct cli *cli, uint64_t *ret_port)
{
	struct pki_names names = names_of(cli);
	uint64_t page = 1000, port = 8443;
	char *real;

	if (parse_number("page-size", cli->page_size, 100000, &page) < 0 ||
	    parse_number("port", cli->port, 65535, &port) < 0)
		return -EINVAL;
	real = realpath(cli->dir, NULL);
	if (real == NULL)
		return -errno;
	copy_str(sim->dir, sizeof(sim->dir), real);
	free(real);
	copy_str(sim->ids.serial, sizeof(sim->ids.serial), names.ems_serial);
	copy_str(sim->ids.gateway_sn, sizeof(sim->ids.gateway_sn), names.gateway_sn);
	copy_str(sim->ids.tenant, sizeof(sim->ids.tenant),
		 or_default(cli->tenant, "00000000000000000000000000000000"));
	copy_str(sim->site, sizeof(sim->site), or_default(cli->site, ""));
	sim->page_size = page > 0 ? (size_t)page : 1;
	sim->is_verbose = cli->is_verbose;
	for (size_t i = 0; i < cli->authorize.nb && i < AUTHORIZE_MAX; i++)
		copy_str(sim->authorized[sim->nb_authorized++], sizeof(sim->authorized[0]),
			 cli->authorize.v[i]);
	for (size_t i = 0; i < cli->without.nb && i < WITHOUT_MAX; i++)
		copy_str(sim->without[sim->nb_without++], sizeof(sim->without[0]),
			 cli->without.v[i]);
	*ret_port = port;
	return 0;
}

static int write_number(const char *dir, const char *name, unsigned long value)
{
	char path[600];
	FILE *fp;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fp = fopen(path, "we");
	if (fp == NULL)
		return -errno;
	fprintf(fp, "%lu\n", value);
	return fclose(fp) == 0 ? 0 : -EIO;
}

/* In the child: leave the terminal; what is still said goes to DIR/emsim.log. */
static int detach(const struct sim *sim)
{
	char path[600];
	int log, null;

	setsid();
	snprintf(path, sizeof(path), "%s/emsim.log", sim->dir);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (log < 0 || null < 0)
		return -errno;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	close(log);
	close(null);
	return 0;
}

static int start(struct sim *sim, const struct cli *cli)
{
	struct pki_names names = names_of(cli);
	uint64_t port = 0;
	int rc;

	rc = pki_init(cli->dir, &names);
	if (rc == 0)
		rc = configure(sim, cli, &port);
	if (rc == 0)
		rc = pki_open(&sim->pki, sim->dir, sim->ids.serial);
	if (rc < 0)
		return rc;
	store_init(&sim->store);
	rc = state_load(sim);
	if (rc < 0) {
		fprintf(stderr, "emsim: %s/state.json is damaged\n", sim->dir);
		return rc;
	}
	rc = conn_listen(sim, or_default(cli->listen, "127.0.0.1"), (uint16_t)port);
	if (rc < 0)
		return rc;
	return write_number(sim->dir, "emsim.port", sim->port);
}

/* Let go of everything but the files; what was never opened is passed over. */
static void release(struct sim *sim)
{
	conn_fini(sim);
	pki_close(&sim->pki);
	store_fini(&sim->store);
	free(sim->ids.gateways);
	free(sim);
}

static void run(struct sim *sim)
{
	char path[600];

	(void)write_number(sim->dir, "emsim.pid", (unsigned long)getpid());
	conn_loop(sim);
	if (sim->store.is_dirty && state_save(sim) < 0)
		fprintf(stderr, "emsim: cannot write state.json\n");
	snprintf(path, sizeof(path), "%s/emsim.sock", sim->dir);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/emsim.pid", sim->dir);
	(void)unlink(path);
}

/* Everything listens before the parent returns, so that whoever started it can connect at once. */
int cmd_serve(const struct cli *cli)
{
	struct sim *sim = xcalloc(1, sizeof(*sim));
	pid_t pid = 0;
	int rc;

	sim->tls_fd = sim->unix_fd = sim->signal_fd = -1;
	rc = start(sim, cli);
	if (rc < 0) {
		fprintf(stderr, "emsim: cannot start: %s\n", strerror(-rc));
		release(sim);
		return 1;
	}
	const char *addr = or_default(cli->listen, "127.0.0.1");
	const bool is_v6 = strchr(addr, ':') != NULL;

	printf("emsim: %s on https://%s%s%s:%u, files in %s\n", sim->ids.serial, is_v6 ? "[" : "",
	       addr, is_v6 ? "]" : "", sim->port, sim->dir);
	fflush(stdout);
	if (!cli->is_foreground)
		pid = fork();
	if (pid == 0 && (cli->is_foreground || detach(sim) == 0))
		run(sim);
	/* The pid file is the child's, but must be there when the parent returns. */
	if (pid > 0)
		(void)write_number(sim->dir, "emsim.pid", (unsigned long)pid);
	release(sim);
	return pid < 0;
}
