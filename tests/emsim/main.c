/* SPDX-License-Identifier: BSD-3-Clause */
/* emsim: an endpoint management server for tests and demonstrations. */
#include "emsim/certs.h"
#include "emsim/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*run)(const struct cli *cli);
	const char *args;
	const char *what;
	const char *example;
} commands[] = {
	{"init", cmd_init, "", "make the CAs and certificates in DIR", "init --dir /tmp/ems"},
	{"serve", cmd_serve, "", "run the server (in the background unless --foreground)",
	 "serve --dir /tmp/ems --port 8443"},
	{"make-server-cert", cmd_make_server_cert, "", "make NAME.pem/.key for an access proxy",
	 "make-server-cert --dir /tmp/ems --name web --host www.example.net"},
	{"add", cmd_add, "", "add a device and make its certificate",
	 "add --dir /tmp/ems --name laptop1 --ip 192.0.2.20 --tag FortiAD --tag CLASS:Low"},
	{"tag", cmd_tag, "UID +Tag -Tag ...", "put tags on a device, take tags off",
	 "tag --dir /tmp/ems $DEV +Low-Risk -CLASS:High"},
	{"set", cmd_set, "UID name=value ...",
	 "set online, quarantined, registered, onnet, hostname, user, ip, client_cert_sn, avatar, "
	 "gateway_mac",
	 "set --dir /tmp/ems $DEV online=false quarantined=true"},
	{"revoke", cmd_revoke, "UID", "revoke the device's certificate",
	 "revoke --dir /tmp/ems $DEV"},
	{"deregister", cmd_deregister, "UID", "the device leaves EMS",
	 "deregister --dir /tmp/ems $DEV"},
	{"delete", cmd_delete, "UID", "remove the device from EMS", "delete --dir /tmp/ems $DEV"},
	{"cert", cmd_cert, "UID", "issue another certificate to the device",
	 "cert --dir /tmp/ems $DEV --expired"},
	{"vpn-reject", cmd_vpn_reject, "UID [off]", "take the device's VPN sessions no more",
	 "vpn-reject --dir /tmp/ems $DEV"},
	{"show", cmd_show, "UID", "show one device", "show --dir /tmp/ems $DEV --json"},
	{"list", cmd_list, "", "list devices, newest first", "list --dir /tmp/ems --limit 20"},
	{"synth", cmd_synth, "N", "make a fleet of N synthetic devices",
	 "synth --dir /tmp/ems 1000000 --tags-per-device 3"},
	{"uid", cmd_uid, "I", "print the UID of the synthetic device I", "uid 999999"},
	{"fault", cmd_fault, "list | clear | NAME [on|off|COUNT]", "answer wrongly on purpose",
	 "fault --dir /tmp/ems http500 3 --entry tags"},
	{"stats", cmd_stats, "", "show what the server was asked", "stats --dir /tmp/ems"},
	{"gateways", cmd_gateways, "", "show the interfaces that the gateway told",
	 "gateways --dir /tmp/ems"},
	{"notify", cmd_notify, "TOPIC", "send a notification without a change",
	 "notify --dir /tmp/ems avatar"},
	{"hostile", cmd_hostile, "KIND", "send what no EMS in its senses sends; KIND off ends it",
	 "hostile --dir /tmp/ems names"},
	{"churn", cmd_churn, "", "change devices at a rate; without options: how far it is",
	 "churn --dir /tmp/ems --rate 10000 --seconds 60"},
	{"digest", cmd_digest, "", "a number that tells two fleets apart", "digest --dir /tmp/ems"},
	{"renew-cert", cmd_renew_cert, "", "show another server certificate of the same CA and CN",
	 "renew-cert --dir /tmp/ems"},
};

enum {
	NB_COMMANDS = sizeof(commands) / sizeof(commands[0])
};

static void help_all(void)
{
	printf("usage: emsim COMMAND [--dir DIR] [options]\n\n");
	for (size_t i = 0; i < NB_COMMANDS; i++)
		printf("  %-17s %s\n", commands[i].name, commands[i].what);
	printf("\n`emsim COMMAND --help` tells more. DIR is . or $EMSIM_DIR unless told.\n");
}

static void help_one(const struct command *cmd, const struct arg_opt *opts)
{
	printf("usage: emsim %s %s%s[options]\n\n%s\n\nexample: emsim %s\n\noptions of all "
	       "commands:\n",
	       cmd->name, cmd->args, *cmd->args != '\0' ? " " : "", cmd->what, cmd->example);
	args_help(opts);
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct cli cli = {.dir = getenv("EMSIM_DIR")};
	bool *kinds = cli.cert_flags;
	const struct arg_opt opts[] = {
		{"dir", &cli.dir, NULL, NULL, "where the files and the admin socket are"},
		{"help", NULL, &cli.is_help, NULL, "this text"},
		{"json", NULL, &cli.is_json, NULL, "print JSON"},
		{"print", &cli.print, NULL, NULL, "print just this field of the answer"},
		{"port", &cli.port, NULL, NULL, "serve: HTTPS port, 0 picks one (8443)"},
		{"listen", &cli.listen, NULL, NULL, "serve: address (127.0.0.1)"},
		{"serial", &cli.serial, NULL, NULL, "serve, init: EMS serial number"},
		{"tenant", &cli.tenant, NULL, NULL, "serve: tenant id, 32 hex digits"},
		{"site", &cli.site, NULL, NULL, "serve: the only host name to answer under"},
		{"gateway-sn", &cli.gateway_sn, NULL, NULL, "serve, init: gateway's serial number"},
		{"server-name", &cli.server_name, NULL, NULL, "serve, init: one more name or IP"},
		{"page-size", &cli.page_size, NULL, NULL, "serve: records in a page (1000)"},
		{"authorize", NULL, NULL, &cli.authorize, "serve: only these client CNs"},
		{"without", NULL, NULL, &cli.without, "serve: a capability that EMS does not have"},
		{"foreground", NULL, &cli.is_foreground, NULL, "serve: stay in the foreground"},
		{"verbose", NULL, &cli.is_verbose, NULL, "serve: one line a request on stderr"},
		{"name", &cli.name, NULL, NULL, "add: host name; make-server-cert: file name"},
		{"host", &cli.host, NULL, NULL, "make-server-cert: name or address to certify"},
		{"uid", &cli.uid, NULL, NULL, "add: UID, random unless told"},
		{"ip", &cli.ip, NULL, NULL, "add: address"},
		{"user", &cli.user, NULL, NULL, "add: who is logged in"},
		{"tag", NULL, NULL, &cli.tags, "add: Tag, CLASS:x, OUTBREAK:x or FABRIC:x"},
		{"serial-mismatch", NULL, &kinds[DEV_CERT_SERIAL_MISMATCH], NULL,
		 "add, cert: EMS records another serial number"},
		{"all-zero", NULL, &kinds[DEV_CERT_ALL_ZERO], NULL,
		 "add, cert: EMS records a serial number of zeros"},
		{"no-eku", NULL, &kinds[DEV_CERT_NO_EKU], NULL,
		 "add, cert: no key usage clientAuth"},
		{"expired", NULL, &kinds[DEV_CERT_EXPIRED], NULL, "add, cert: expired yesterday"},
		{"wrong-issuer", NULL, &kinds[DEV_CERT_WRONG_ISSUER], NULL,
		 "add, cert: a CA of the same name signed it"},
		{"self-signed", NULL, &kinds[DEV_CERT_SELF_SIGNED], NULL, "add, cert: self-signed"},
		{"tags-per-device", &cli.tags_per_device, NULL, NULL, "synth: tags each (3)"},
		{"seed", &cli.seed, NULL, NULL, "synth, uid: which fleet (1)"},
		{"rate", &cli.rate, NULL, NULL, "churn: changes a second"},
		{"seconds", &cli.seconds, NULL, NULL, "churn: for how long"},
		{"notify-ms", &cli.notify_ms, NULL, NULL,
		 "churn: at most one notification in this time (100)"},
		{"entry", &cli.entry, NULL, NULL,
		 "fault: serial_number, capabilities, ca, sysinfo, uid_tags, tags, vpn, ws, tls"},
		{"limit", &cli.limit, NULL, NULL, "list: how many (1000)"},
		{0},
	};

	if (args_parse(argc, argv, opts, &cli.words) < 0)
		return 2;
	if (cli.dir == NULL)
		cli.dir = ".";
	if (cli.is_help) {
		help_one(cmd, opts);
		return 0;
	}
	return cmd->run(&cli);
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		help_all();
		return argc < 2 ? 2 : 0;
	}
	for (size_t i = 0; i < NB_COMMANDS; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			return run(&commands[i], argc - 2, argv + 2);
	fprintf(stderr, "emsim: unknown command %s (try emsim --help)\n", argv[1]);
	return 2;
}
