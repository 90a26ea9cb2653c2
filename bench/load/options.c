/* SPDX-License-Identifier: BSD-3-Clause */

/* One table is the syntax, the bounds, the groups of the help and the text of the errors. */

#include "bench/load/options.h"

#include "bench/load/parse.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>

enum kind {
	K_FLAG,
	K_STRING,
	K_COUNT, /* uint32_t */
	K_SIZE,  /* uint32_t, k is 1024 */
	K_REAL,
	K_SEED,
	K_MTU,
	K_CORES,
	K_RATES,
	K_CLIENTS,
	K_LAN_NET,
	K_ORIGIN,
	K_TARGET,
	K_HANDSHAKE,
	K_TLS13,
	K_TLS12,
	K_HELP,
	K_VERSION,
};

struct spec {
	const char *group; /* set: this option begins one */
	const char *name, *arg, *help;
	enum kind kind;
	size_t offset;
	double min, max;
};

#define AT(field) offsetof(struct load_options, field)

static const struct spec spec[] = {
	{"Links and cores", "wan", "DEVICE",
	 "DPDK device towards the proxy as its clients reach "
	 "it\n(net_memif0,role=client,socket=/run/w.sock; net_tap0,iface=w; a PCI address;\n"
	 "kernel:w is the kernel's tap interface w, with every offload)",
	 K_STRING, AT(wan), 0, 0},
	{NULL, "lan", "DEVICE", "the one towards its real servers; left out: no origin is played",
	 K_STRING, AT(lan), 0, 0},
	{NULL, "workers", "CORES", "cores that poll, as 0 or 0,2-3 (the first that is allowed)",
	 K_CORES, 0, 0, 0},
	{NULL, "memory", "MIB", "for packets and connections (what the connections need)", K_COUNT,
	 AT(memory_mib), 64, 1 << 20},
	{NULL, "mtu", "BYTES", "of both links (1500)", K_MTU, 0, 576, 9600},
	{NULL, "no-huge", NULL, "ordinary pages in place of huge ones", K_FLAG, AT(no_huge), 0, 0},
	{NULL, "no-offloads", NULL, "checksums and segments in software", K_FLAG, AT(no_offloads),
	 0, 0},

	{"Addresses", "target", "ADDR:PORT", "the proxy", K_TARGET, 0, 0, 0},
	{NULL, "client-net", "FIRST-LAST/LEN", "source addresses, as 192.0.2.1-192.0.2.200/24",
	 K_CLIENTS, 0, 0, 0},
	{NULL, "origin", "ADDR:PORT", "a real server to be; may be repeated", K_ORIGIN, 0, 0, 0},
	{NULL, "lan-net", "ADDR/LEN", "the net of the origins (/24, or /64)", K_LAN_NET, 0, 0, 0},

	{"What is spoken", "sni", "NAME", "server name in the ClientHello (none)", K_STRING,
	 AT(sni), 0, 0},
	{NULL, "host", "NAME", "Host of the requests (SNI, or the target)", K_STRING, AT(host), 0,
	 0},
	{NULL, "path", "PATH", "of the requests (/)", K_STRING, AT(path), 0, 0},
	{NULL, "plain", NULL, "HTTP without TLS", K_FLAG, AT(is_plain), 0, 0},
	{NULL, "certs", "DIR",
	 "devices: each pair NAME.pem and NAME.key; connection i is\ndevice i modulo their number",
	 K_STRING, AT(certs), 0, 0},
	{NULL, "send-ca", NULL, "send the issuer's certificate too, where the .pem has it", K_FLAG,
	 AT(must_send_ca), 0, 0},
	{NULL, "tls13", NULL, "TLS 1.3 (so unless told)", K_TLS13, 0, 0, 0},
	{NULL, "tls12", NULL, "TLS 1.2", K_TLS12, 0, 0, 0},
	{NULL, "groups", "LIST", "key exchange, in libssl's words (X25519)", K_STRING, AT(groups),
	 0, 0},
	{NULL, "ciphers", "LIST", "ciphers, in libssl's words (AES-128-GCM first)", K_STRING,
	 AT(ciphers), 0, 0},
	{NULL, "handshake", "KIND",
	 "full, or resumed: each connection offers the latest session\nof its slot (full)",
	 K_HANDSHAKE, 0, 0, 0},

	{"How much", "connections", "N", "that make requests (1)", K_COUNT, AT(connections), 0,
	 4000000},
	{NULL, "idle", "N", "more that only stay open after their handshake (0)", K_COUNT, AT(idle),
	 0, 4000000},
	{NULL, "idle-request", NULL, "each of those makes one request at first", K_FLAG,
	 AT(idle_asks), 0, 0},
	{NULL, "in-flight", "N", "requests on a connection before the first response (1)", K_COUNT,
	 AT(in_flight), 1, LOAD_MAX_IN_FLIGHT},
	{NULL, "requests-per-connection", "N", "then it is closed and made anew; 0: for ever (0)",
	 K_COUNT, AT(requests_per_connection), 0, 1000000000},
	{NULL, "request-size", "BYTES", "body of a request; 0: a GET (0)", K_SIZE, AT(request_size),
	 0, LOAD_MAX_BODY},
	{NULL, "response-size", "BYTES", "body of the origin's responses (1024)", K_SIZE,
	 AT(response_size), 0, LOAD_MAX_BODY},
	{NULL, "origin-close", NULL,
	 "the origin ends each connection after its response, so\nthat the proxy has to dial for "
	 "every request",
	 K_FLAG, AT(origin_close), 0, 0},

	{"When", "rate", "R[,R...]",
	 "requests a second whatever the responses do (open loop), with\nlatency from the time at "
	 "which each was due; one window each.\nWithout: the next request follows the response "
	 "(closed loop)",
	 K_RATES, 0, 0, 0},
	{NULL, "ramp", "S", "open the connections over this time (1)", K_REAL, AT(ramp_s), 0, 3600},
	{NULL, "warm-up", "S", "before each window (1)", K_REAL, AT(warm_up_s), 0, 3600},
	{NULL, "duration", "S", "of each window (10)", K_REAL, AT(duration_s), 0.1, 86400},
	{NULL, "hold", "S", "keep all open without requests, afterwards; SIGTERM ends it (0)",
	 K_REAL, AT(hold_s), 0, 864000},
	{NULL, "timeout", "S", "of a connection's start and of a response (10)", K_REAL,
	 AT(timeout_s), 0.1, 3600},
	{NULL, "seed", "N", "of everything random (1)", K_SEED, 0, 0, 0},

	{"What is told", "json", "FILE", "write the result as one JSON object; -: on stdout",
	 K_STRING, AT(json), 0, 0},
	{NULL, "progress", NULL, "a line a second on stderr, also when that is no terminal", K_FLAG,
	 AT(must_show_progress), 0, 0},
	{NULL, "quiet", NULL, "neither progress nor table", K_FLAG, AT(is_quiet), 0, 0},
	{NULL, "help", NULL, "this text", K_HELP, 0, 0, 0},
	{NULL, "version", NULL, "the version", K_VERSION, 0, 0, 0},
};
#define NB_SPECS ((int)(sizeof(spec) / sizeof(spec[0])))
/* getopt_long() returns an index of the table, or one of these characters. */
static_assert(sizeof(spec) / sizeof(spec[0]) < ':', "an index must not look like one");

static const char examples[] =
	"Numbers take k and M: thousands and millions, of sizes 1024 and 1024 x 1024.\n"
	"\n"
	"examples:\n"
	"  as many requests as the proxy takes, 32 connections, both ends over memif:\n"
	"    tagwarden-load --wan net_memif0,role=client,socket=/run/w.sock,zero-copy=no \\\n"
	"      --lan net_memif1,role=client,socket=/run/l.sock --target 192.0.2.10:9043 \\\n"
	"      --client-net 192.0.2.1-192.0.2.200/24 --origin 198.51.100.20:8080 \\\n"
	"      --certs ems/devices --connections 32 --duration 10\n"
	"  the same at fixed rates, for latency against rate:\n"
	"    ... --connections 256 --rate 5k,10k,20k --json latency.json\n"
	"  new connections with full handshakes, one request each:\n"
	"    ... --connections 32 --requests-per-connection 1 --handshake full\n"
	"  100,000 sessions held open until SIGTERM:\n"
	"    ... --connections 0 --idle 100k --ramp 60 --duration 1 --hold 3600\n"
	"\n"
	"Ends with 0; 2: the set-up was refused, the reason is on stderr; 3: there were errors, "
	"which\n"
	"the result names; 1: it did not run through.\n";

static void print_help_lines(FILE *f, const char *left, const char *help)
{
	const char *line = help;

	(void)fprintf(f, "  %-30s ", left);
	for (;;) {
		const size_t len = strcspn(line, "\n");

		(void)fprintf(f, "%.*s\n", (int)len, line);
		if (line[len] == '\0')
			return;
		line += len + 1;
		(void)fprintf(f, "%33s", "");
	}
}

void load_options_help(FILE *f)
{
	char left[64];

	(void)fputs(
		"usage: tagwarden-load --wan DEVICE --target ADDR:PORT --client-net NET "
		"[options]\n"
		"\n"
		"Plays the clients of a proxy, and its real servers, on TCP/IP in user space.\n",
		f);
	for (int i = 0; i < NB_SPECS; i++) {
		if (spec[i].group != NULL)
			(void)fprintf(f, "\n%s:\n", spec[i].group);
		(void)snprintf(left, sizeof(left), "--%s %s", spec[i].name,
			       spec[i].arg != NULL ? spec[i].arg : "");
		print_help_lines(f, left, spec[i].help);
	}
	(void)fprintf(f, "\n%s", examples);
}

static void set_defaults(struct load_options *o)
{
	*o = (struct load_options){
		.mtu = 1500,
		.path = "/",
		.tls = LOAD_TLS_13,
		.handshake = LOAD_HANDSHAKE_FULL,
		.connections = 1,
		.in_flight = 1,
		.response_size = 1024,
		.ramp_s = 1,
		.warm_up_s = 1,
		.duration_s = 10,
		.timeout_s = 10,
		.seed = 1,
	};
}

static int take_number(struct load_options *o, const struct spec *s, const char *arg)
{
	uint64_t n;
	const int rc = s->kind == K_SIZE
			       ? load_parse_size(arg, (uint64_t)s->min, (uint64_t)s->max, &n)
			       : load_parse_count(arg, (uint64_t)s->min, (uint64_t)s->max, &n);

	if (rc == 0 && s->kind == K_MTU)
		o->mtu = (uint16_t)n;
	else if (rc == 0)
		*(uint32_t *)((char *)o + s->offset) = (uint32_t)n;
	return rc;
}

static int take_origin(struct load_options *o, const char *arg)
{
	if (o->nb_origins == LOAD_MAX_ORIGINS)
		return -ERANGE;

	const int rc = load_parse_endpoint(arg, &o->origin[o->nb_origins]);

	if (rc == 0)
		o->nb_origins++;
	return rc;
}

static int take_handshake(struct load_options *o, const char *arg)
{
	if (strcmp(arg, "full") == 0)
		o->handshake = LOAD_HANDSHAKE_FULL;
	else if (strcmp(arg, "resumed") == 0)
		o->handshake = LOAD_HANDSHAKE_RESUMED;
	else
		return -EINVAL;
	return 0;
}

static int take_list(struct load_options *o, const struct spec *s, const char *arg)
{
	struct ip_addr unused;

	switch (s->kind) {
	case K_CORES:
		return load_parse_cores(arg, o->workers, LOAD_MAX_WORKERS, &o->nb_workers);
	case K_RATES:
		return load_parse_rates(arg, o->rate, LOAD_MAX_RATES, &o->nb_rates);
	case K_CLIENTS:
		return load_parse_addresses(arg, o->client, LOAD_MAX_CLIENTS, &o->nb_clients,
					    &o->client_len);
	case K_LAN_NET:
		return load_parse_prefix(arg, &unused, &o->lan_len);
	case K_ORIGIN:
		return take_origin(o, arg);
	case K_TARGET:
		return load_parse_endpoint(arg, &o->target);
	case K_HANDSHAKE:
		return take_handshake(o, arg);
	default:
		return -EINVAL;
	}
}

/* 0, a verdict other than LOAD_OPTIONS_RUN, or negative. */
static int take(struct load_options *o, const struct spec *s, const char *arg)
{
	switch (s->kind) {
	case K_FLAG:
		*(bool *)((char *)o + s->offset) = true;
		return 0;
	case K_STRING:
		*(const char **)((char *)o + s->offset) = arg;
		return *arg == '\0' ? -EINVAL : 0;
	case K_COUNT:
	case K_SIZE:
	case K_MTU:
		return take_number(o, s, arg);
	case K_REAL:
		return load_parse_real(arg, s->min, s->max, (double *)((char *)o + s->offset));
	case K_SEED:
		return load_parse_count(arg, 0, UINT64_MAX, &o->seed);
	case K_TLS13:
	case K_TLS12:
		o->tls = s->kind == K_TLS12 ? LOAD_TLS_12 : LOAD_TLS_13;
		return 0;
	case K_HELP:
		return LOAD_OPTIONS_HELP;
	case K_VERSION:
		return LOAD_OPTIONS_VERSION;
	default:
		return take_list(o, s, arg);
	}
}

/* What would have done, for an argument that did not. */
static void say_wants(const struct spec *s, const char *arg, char *why)
{
	char range[64] = "";

	if (s->kind == K_SIZE)
		(void)snprintf(range, sizeof(range), "%.0f to %.0f bytes", s->min, s->max);
	else if (s->kind == K_COUNT || s->kind == K_MTU || s->kind == K_REAL)
		(void)snprintf(range, sizeof(range), "a number from %.10g to %.10g", s->min,
			       s->max);

	const char *wants = range[0] != '\0'       ? range
			    : s->kind == K_CORES   ? "core numbers, each once, as 0,2-3"
			    : s->kind == K_RATES   ? "one to 32 rates from 0.01 to 100M, as 5k,10k"
			    : s->kind == K_CLIENTS ? "up to 400 addresses of one net, as "
						     "192.0.2.1-192.0.2.200/24"
			    : s->kind == K_LAN_NET ? "an address and a length, as 198.51.100.20/24"
			    : s->kind == K_ORIGIN ? "an address and a port, as 198.51.100.20:8080, "
						    "at most 64 times"
			    : s->kind == K_TARGET ? "an address and a port, as 192.0.2.10:9043"
			    : s->kind == K_HANDSHAKE ? "full or resumed"
			    : s->kind == K_SEED      ? "a whole number"
						     : "a word";

	(void)snprintf(why, LOAD_WHY, "--%s takes %s, not '%.60s'", s->name, wants, arg);
}

static int say(char *why, const char *text)
{
	(void)snprintf(why, LOAD_WHY, "%s", text);
	return -EINVAL;
}

/* What is left open once all was read. */
static int fill_in(struct load_options *o, char *why)
{
	static const struct ip_addr none;

	if (o->wan == NULL)
		return say(why, "--wan is missing: the device that leads to the proxy");
	if (ip_addr_is_equal(&o->target.addr, &none))
		return say(why, "--target is missing: address and port of the proxy");
	if (o->nb_clients == 0)
		return say(why, "--client-net is missing: the addresses that clients have, as "
				"192.0.2.1-192.0.2.200/24");
	if (o->lan_len == 0 && o->nb_origins > 0)
		o->lan_len = ip_addr_is_v4(&o->origin[0].addr) ? 120 : 64;
	return LOAD_OPTIONS_RUN;
}

static void make_longs(struct option longs[static NB_SPECS + 1])
{
	for (int i = 0; i < NB_SPECS; i++)
		longs[i] = (struct option){
			.name = spec[i].name,
			.has_arg = spec[i].arg != NULL ? required_argument : no_argument,
			.val = i,
		};
	longs[NB_SPECS] = (struct option){0};
}

int load_options_parse(int argc, char **argv, struct load_options *ret, char why[static LOAD_WHY])
{
	struct option longs[NB_SPECS + 1];
	int i;

	make_longs(longs);
	set_defaults(ret);
	opterr = 0;
	optind = 0;
	while ((i = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
		if (i == 'h')
			return LOAD_OPTIONS_HELP;
		if (i == ':' || i == '?') {
			(void)snprintf(why, LOAD_WHY, "%.80s: %s", argv[optind - 1],
				       i == ':' ? "wants an argument"
						: "no such option; see --help");
			return -EINVAL;
		}

		const int rc = take(ret, &spec[i], optarg);

		if (rc > 0)
			return rc;
		if (rc < 0) {
			say_wants(&spec[i], optarg, why);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		(void)snprintf(why, LOAD_WHY, "'%.80s' is no option; see --help", argv[optind]);
		return -EINVAL;
	}
	return fill_in(ret, why);
}
