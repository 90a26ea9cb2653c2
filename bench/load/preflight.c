/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/preflight.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1ull << 20)
/*
 * Of one connection: libssl's client side with its buffers released and a session kept for
 * resumption; what TCP and we keep; a packet buffer.
 */
#define TLS_BYTES (48ull << 10)
#define CONN_BYTES (4ull << 10)
#define PACKET_BYTES 2432ull
#define BASE_BYTES (256 * MIB)
/* In flight at once over the link, however many connections there are. */
#define MIN_PACKETS 32768ull

[[gnu::format(printf, 2, 3)]] static int refuse(char *why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, LOAD_WHY, format, ap);
	va_end(ap);
	return -EINVAL;
}

/* The number behind <key> in a file of /proc, as "MemAvailable:"; 0: not there. */
static uint64_t proc_number(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256];
	uint64_t n = 0;

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0) {
			n = strtoull(line + strlen(key), NULL, 10);
			break;
		}
	}
	(void)fclose(f);
	return n;
}

void load_machine_read(struct load_machine *ret)
{
	cpu_set_t set;

	*ret = (struct load_machine){
		.nb_cores = (uint32_t)sysconf(_SC_NPROCESSORS_CONF),
		.memory = proc_number("/proc/meminfo", "MemAvailable:") << 10,
		.huge_free = (proc_number("/proc/meminfo", "HugePages_Free:") *
			      proc_number("/proc/meminfo", "Hugepagesize:"))
			     << 10,
	};
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return;
	for (uint32_t i = 0; i < LOAD_MAX_CORES && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			ret->allowed[i / 64] |= 1ull << (i % 64);
}

static bool is_allowed(const struct load_machine *m, uint32_t core)
{
	return core < LOAD_MAX_CORES && (m->allowed[core / 64] >> (core % 64) & 1) != 0;
}

static uint32_t count_allowed(const struct load_machine *m)
{
	uint32_t nb = 0;

	for (uint32_t i = 0; i < LOAD_MAX_CORES; i++)
		nb += is_allowed(m, i);
	return nb;
}

static int check_cores(struct load_options *o, const struct load_machine *m, char *why)
{
	uint32_t core = 0;

	while (o->nb_workers == 0 && core < LOAD_MAX_CORES)
		if (is_allowed(m, core++))
			o->workers[o->nb_workers++] = (uint16_t)(core - 1);
	for (uint32_t i = 0; i < o->nb_workers; i++) {
		if (o->workers[i] >= m->nb_cores)
			return refuse(why,
				      "--workers names core %u, and the machine has %u (0 to %u)",
				      o->workers[i], m->nb_cores, m->nb_cores - 1);
		if (!is_allowed(m, o->workers[i]))
			return refuse(why,
				      "--workers names core %u, which this process may not use: "
				      "taskset -c or the container keeps it to %u others",
				      o->workers[i], count_allowed(m));
	}
	return 0;
}

/* NAME[,KEY=VALUE...] of a DPDK device, or a PCI address; EAL would refuse with less to say. */
static int check_device(const char *option, const char *device, char *why)
{
	const size_t name_len = strcspn(device, ",");
	bool is_name = name_len > 0;
	const char *arg = device + name_len;

	for (size_t i = 0; i < name_len; i++)
		is_name &=
			strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:.",
			       device[i]) != NULL;
	if (!is_name || (strncmp(device, "net_", 4) != 0 && memchr(device, ':', name_len) == NULL))
		return refuse(why,
			      "%s '%.80s' is no DPDK device: net_DRIVERn,KEY=VALUE,... or a PCI "
			      "address as 0000:03:00.0",
			      option, device);
	while (*arg == ',') {
		const size_t len = strcspn(++arg, ",");
		const char *eq = memchr(arg, '=', len);

		if (eq == NULL || eq == arg)
			return refuse(why, "%s '%.80s': '%.*s' is not KEY=VALUE", option, device,
				      (int)len, arg);
		arg += len;
	}
	return 0;
}

static int check_links(const struct load_options *o, char *why)
{
	int rc = check_device("--wan", o->wan, why);

	if (rc == 0 && o->lan != NULL)
		rc = check_device("--lan", o->lan, why);
	if (rc < 0)
		return rc;
	if (o->lan != NULL && strcspn(o->lan, ",") == strcspn(o->wan, ",") &&
	    strncmp(o->lan, o->wan, strcspn(o->lan, ",")) == 0)
		return refuse(why,
			      "--wan and --lan are both '%.*s': each needs a number of its "
			      "own, as net_memif0 and net_memif1",
			      (int)strcspn(o->lan, ","), o->lan);
	if (o->lan != NULL && o->nb_origins == 0)
		return refuse(why, "--lan without --origin: say which real server to be, or leave "
				   "out --lan");
	if (o->lan == NULL && o->nb_origins > 0)
		return refuse(why, "--origin without --lan: there is no link to be it on");
	return 0;
}

static int check_addresses(const struct load_options *o, char *why)
{
	char client[IP_ADDR_STRLEN], target[IP_ADDR_STRLEN];

	ip_addr_emit(&o->client[0], client);
	ip_addr_emit(&o->target.addr, target);
	if (!ip_addr_has_prefix(&o->target.addr, &o->client[0], o->client_len))
		return refuse(why,
			      "--target %s is not in the clients' net (%s and its length): there "
			      "are no routes, the proxy is a neighbour",
			      target, client);
	for (uint32_t i = 0; i < o->nb_clients; i++)
		if (ip_addr_is_equal(&o->client[i], &o->target.addr))
			return refuse(why, "--client-net holds the proxy's own address %s", target);
	return 0;
}

static int check_words(struct load_options *o, char *why)
{
	static char host[IP_PORT_STRLEN];
	const bool says_tls = o->certs != NULL || o->sni != NULL || o->groups != NULL ||
			      o->ciphers != NULL || o->must_send_ca ||
			      o->handshake != LOAD_HANDSHAKE_FULL || o->tls != LOAD_TLS_13;

	if (o->is_plain && says_tls)
		return refuse(why, "--plain speaks no TLS: leave it out, or --certs, --send-ca, "
				   "--sni, --groups, --ciphers, --tls12 and --handshake");
	if (o->must_send_ca && o->certs == NULL)
		return refuse(why, "--send-ca without --certs: there is no certificate to send");
	if (o->path[0] != '/' || strpbrk(o->path, " \t\r\n") != NULL || strlen(o->path) > 1024)
		return refuse(why, "--path '%.60s': begins with /, no spaces, at most 1024 bytes",
			      o->path);
	if (o->host == NULL && o->sni != NULL)
		o->host = o->sni;
	if (o->host == NULL) {
		ip_port_emit(&o->target.addr, o->target.port, host);
		o->host = host;
	}
	if (strpbrk(o->host, " \t\r\n/") != NULL || strlen(o->host) > 255 ||
	    (o->sni != NULL && strlen(o->sni) > 255))
		return refuse(why, "--host and --sni: a name of at most 255 bytes");
	return 0;
}

/* There is at least one pair; that each can be read is found when the pool is opened. */
static int check_certs(const struct load_options *o, char *why)
{
	struct stat st;

	if (o->certs == NULL)
		return 0;
	if (stat(o->certs, &st) < 0)
		return refuse(why, "--certs %.200s: %s", o->certs, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return refuse(why,
			      "--certs %.200s is no folder: it takes one of NAME.pem and NAME.key",
			      o->certs);
	return 0;
}

static int check_amounts(const struct load_options *o, char *why)
{
	const uint64_t nb = (uint64_t)o->connections + o->idle;
	const uint64_t room = (uint64_t)o->nb_clients * LOAD_PORTS_PER_ADDRESS;

	if (nb == 0)
		return refuse(why, "neither --connections nor --idle: there is nothing to do");
	if (nb < o->nb_workers)
		return refuse(why, "%u workers for %lu connections: leave some out", o->nb_workers,
			      (unsigned long)nb);
	if (nb > room)
		return refuse(
			why,
			"%lu connections need %lu source addresses of %u ports each, and "
			"--client-net has %u",
			(unsigned long)nb,
			(unsigned long)((nb + LOAD_PORTS_PER_ADDRESS - 1) / LOAD_PORTS_PER_ADDRESS),
			LOAD_PORTS_PER_ADDRESS, o->nb_clients);
	if (o->nb_rates > 0 && o->connections == 0)
		return refuse(why, "--rate without --connections: idle ones make no requests");
	if (o->requests_per_connection != 0 && o->in_flight > o->requests_per_connection)
		return refuse(why,
			      "--in-flight %u: a connection has no more than the %u of "
			      "--requests-per-connection",
			      o->in_flight, o->requests_per_connection);
	if (o->warm_up_s > 0 && o->duration_s < 0.1)
		return refuse(why, "--duration %g s is too short to measure", o->duration_s);
	return 0;
}

void load_needs_estimate(const struct load_options *o, struct load_needs *ret)
{
	const uint64_t nb = (uint64_t)o->connections + o->idle;
	const uint64_t body =
		o->request_size > o->response_size ? o->request_size : o->response_size;
	const uint64_t per_request = body / 1400 + 2;
	uint64_t packets = (uint64_t)o->connections * o->in_flight * per_request + nb / 8;
	const uint64_t windows = o->nb_rates == 0 ? 1 : o->nb_rates;

	if (packets < MIN_PACKETS)
		packets = MIN_PACKETS;
	/* Above this more are on the way than TCP's windows let be. */
	if (packets > 16 * MIN_PACKETS)
		packets = 16 * MIN_PACKETS;
	*ret = (struct load_needs){
		.packets = BASE_BYTES + packets * PACKET_BYTES * o->nb_workers + nb * CONN_BYTES,
		.connections = o->is_plain ? 0 : nb * TLS_BYTES,
		.counters = o->nb_workers * (windows + 1) * sizeof(struct load_stats),
	};
}

static int check_memory(struct load_options *o, const struct load_machine *m, char *why)
{
	struct load_needs needs;

	load_needs_estimate(o, &needs);
	if (o->memory_mib == 0)
		o->memory_mib = (uint32_t)((needs.packets + MIB - 1) / MIB);

	const uint64_t dpdk = o->memory_mib * MIB;
	const uint64_t heap = needs.connections + needs.counters;
	const uint64_t ordinary = heap + (o->no_huge ? dpdk : 0);

	if (!o->no_huge && m->huge_free < dpdk)
		return refuse(why,
			      "%u MiB of huge pages are needed and %lu are free: set aside more "
			      "(sysctl vm.nr_hugepages), or give --no-huge for ordinary pages%s",
			      o->memory_mib, (unsigned long)(m->huge_free / MIB),
			      m->huge_free == 0 ? "" : " or a smaller --memory");
	if (ordinary > m->memory)
		return refuse(why,
			      "%u connections need about %lu MiB of memory (%lu for TLS, %lu for "
			      "packets and TCP) and %lu are available: ask for fewer",
			      o->connections + o->idle, (unsigned long)(ordinary / MIB + 1),
			      (unsigned long)(heap / MIB),
			      (unsigned long)(o->no_huge ? dpdk / MIB : 0),
			      (unsigned long)(m->memory / MIB));
	return 0;
}

/* Better now than after an hour of load. */
static int check_json(const struct load_options *o, char *why)
{
	FILE *f;

	if (o->json == NULL || strcmp(o->json, "-") == 0)
		return 0;
	f = fopen(o->json, "ae");
	if (f == NULL)
		return refuse(why, "--json %.200s: %s", o->json, strerror(errno));
	(void)fclose(f);
	return 0;
}

int load_preflight(struct load_options *opt, const struct load_machine *machine,
		   char why[static LOAD_WHY])
{
	int rc = check_cores(opt, machine, why);

	if (rc == 0)
		rc = check_links(opt, why);
	if (rc == 0)
		rc = check_addresses(opt, why);
	if (rc == 0)
		rc = check_words(opt, why);
	if (rc == 0)
		rc = check_certs(opt, why);
	if (rc == 0)
		rc = check_amounts(opt, why);
	if (rc == 0)
		rc = check_memory(opt, machine, why);
	if (rc == 0)
		rc = check_json(opt, why);
	return rc;
}
