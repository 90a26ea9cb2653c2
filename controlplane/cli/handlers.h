/* SPDX-License-Identifier: BSD-3-Clause */

/* What the rows of commands.c call. Each returns an enum cli_exit. */

#pragma once

#include "cli/cli.h"

/* show.c */
int show_status(struct cli *cli);
int show_tags(struct cli *cli);
int show_services(struct cli *cli);
int show_policies(struct cli *cli);
int show_interfaces(struct cli *cli);
int show_metrics(struct cli *cli);
int show_version(struct cli *cli);

/* show_ems.c */
int show_ems(struct cli *cli);
int ems_pull(struct cli *cli);
int vpn_connect(struct cli *cli);
int vpn_disconnect(struct cli *cli);

/* show_ems_objects.c */
int show_ems_objects(struct cli *cli);

/* diagnose_gateway.c */
int diagnose_fcnacd_33(struct cli *cli);
int diagnose_fcnacd_99(struct cli *cli);
int diagnose_gateways(struct cli *cli);

/* diagnose_dynamic.c */
int diagnose_dynamic_list(struct cli *cli);

/* show_audit.c */
int show_audit(struct cli *cli);

/* token.c */
int token_new(struct cli *cli);

/* show_vpn.c */
int show_vpn(struct cli *cli);

/* fctems.c */
int fctems_verify(struct cli *cli);
int fctems_test(struct cli *cli);

/* show_devices.c */
int show_devices(struct cli *cli);
int show_device(struct cli *cli);

/* show_sessions.c */
int show_sessions(struct cli *cli);
int kill_session(struct cli *cli);

/* show_counters.c */
int show_counters(struct cli *cli);
int show_histogram(struct cli *cli);
int show_bugs(struct cli *cli);

/* show_tcp.c */
int show_tcp(struct cli *cli);

/* show_connections.c */
int show_connections(struct cli *cli);
int show_connection(struct cli *cli);

/* capture.c */
int capture(struct cli *cli);

/* explain.c */
int show_denials(struct cli *cli);
int explain(struct cli *cli);

/* config.c */
int config_show(struct cli *cli);
int config_diff(struct cli *cli);
int config_load(struct cli *cli);
int config_merge(struct cli *cli);
int config_set(struct cli *cli);
int config_unset(struct cli *cli);
int config_discard(struct cli *cli);
int config_validate(struct cli *cli);
int config_commit(struct cli *cli);
int config_confirm(struct cli *cli);
int config_rollback(struct cli *cli);
int config_history(struct cli *cli);

/* document.c */
int document_reload(struct cli *cli);
int document_check(struct cli *cli);

/* help.c */
int help_words(struct cli *cli);

/* completion.c */
int completion_bash(struct cli *cli);

/* diagnose_record.c */
int diagnose_record_list(struct cli *cli);

/* diagnose_cache.c */
int diagnose_fcnacd_7(struct cli *cli);
int diagnose_fcnacd_8(struct cli *cli);

/* diagnose_debug.c */
int diagnose_debug_fcnacd(struct cli *cli);
int diagnose_debug_timestamp(struct cli *cli);
int diagnose_debug_enable(struct cli *cli);
int diagnose_debug_disable(struct cli *cli);
int diagnose_debug_reset(struct cli *cli);
int diagnose_debug_info(struct cli *cli);
int diagnose_filter_large_data(struct cli *cli);
int diagnose_wad_debug_category(struct cli *cli);
int diagnose_wad_debug_level(struct cli *cli);
int diagnose_wad_debug_disable(struct cli *cli);
int diagnose_wad_debug_show(struct cli *cli);

/* diagnose_ems.c */
int diagnose_fcnacd_2(struct cli *cli);

/* diagnose_wad.c */
int diagnose_query_by_uid(struct cli *cli);
int diagnose_query_by_ipv4(struct cli *cli);

/* execute_log.c */
int log_filter_category(struct cli *cli);
int log_filter_field(struct cli *cli);
int log_filter_start_line(struct cli *cli);
int log_filter_view_lines(struct cli *cli);
int log_filter_reset(struct cli *cli);
int log_filter_dump(struct cli *cli);
int log_display(struct cli *cli);
