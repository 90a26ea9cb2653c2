/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the `emsim` program. */
#pragma once

#include "emsim/args.h"

/* The command line, all options of all commands. */
struct cli {
	const char *dir;
	const char *listen, *port, *serial, *tenant, *site, *gateway_sn, *page_size, *server_name;
	const char *name, *host, *ip, *user, *uid, *tags_per_device, *seed, *entry, *limit, *print,
		*rate, *seconds, *notify_ms;
	bool is_json, is_help, is_foreground, is_verbose;
	bool cert_flags[8]; /* by enum dev_cert_kind */
	struct arg_list tags, authorize, without;
	struct arg_list words;
};

/* serve.c: the commands that work on the directory itself. Exit statuses. */
int cmd_init(const struct cli *cli);
int cmd_serve(const struct cli *cli);
int cmd_make_server_cert(const struct cli *cli);

/* client.c: the commands that ask a running server. */
int cmd_add(const struct cli *cli);
int cmd_tag(const struct cli *cli);
int cmd_set(const struct cli *cli);
int cmd_revoke(const struct cli *cli);
int cmd_deregister(const struct cli *cli);
int cmd_delete(const struct cli *cli);
int cmd_cert(const struct cli *cli);
int cmd_vpn_reject(const struct cli *cli);
int cmd_show(const struct cli *cli);
int cmd_list(const struct cli *cli);
int cmd_synth(const struct cli *cli);
int cmd_uid(const struct cli *cli);
int cmd_fault(const struct cli *cli);
int cmd_gateways(const struct cli *cli);
int cmd_stats(const struct cli *cli);
int cmd_notify(const struct cli *cli);
int cmd_hostile(const struct cli *cli);
int cmd_renew_cert(const struct cli *cli);
int cmd_churn(const struct cli *cli);
int cmd_digest(const struct cli *cli);
