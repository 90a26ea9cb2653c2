/* SPDX-License-Identifier: BSD-3-Clause */

/* A record made a line of the traffic log, in both formats: an accept and a denial with tags. */

#include "bench/micro/row.h"
#include "common/record/record_layout.h"
#include "common/stats/outcome.h"
#include "logs/logs.h"

#include <stdio.h>
#include <string.h>

#define BATCH 100u

static struct record record_of(bool is_accept)
{
	struct record r = {
		.kind = RECORD_TRAFFIC,
		.flags = RECORD_F_CLIENT_CERT | RECORD_F_HAS_DEVICE | RECORD_F_EMS_ONLINE,
		.outcome = is_accept ? OUTCOME_POLICY_ACCEPT : OUTCOME_POLICY_NO_TAGS,
		.code = is_accept ? 0 : 65,
		.time_us = 1742937461544682,
		.duration_us = 12345,
		.session_id = 2811,
		.client = {.b = {[10] = 0xff, 0xff, 192, 168, 34, 43}},
		.vip = {.b = {[10] = 0xff, 0xff, 192, 168, 34, 181}},
		.server = {.b = {[10] = 0xff, 0xff, 198, 51, 100, 20}},
		.client_port = 56662,
		.vip_port = 443,
		.server_port = 8080,
		.http_status = is_accept ? 200 : 403,
		.policy_id = is_accept ? 17 : 0,
		.client_in = 3710,
		.client_out = 7061,
	};

	if (is_accept)
		r.flags |= RECORD_F_ACCEPT;
	memset(r.uid.b, 0x5a, sizeof(r.uid.b));
	return r;
}

static bool measure(const struct row_options *opt, const char *format, bool is_accept,
		    size_t (*emit)(const struct logs_traffic *, char *, size_t))
{
	const struct record r = record_of(is_accept);
	const struct logs_traffic t = {
		.r = &r,
		.vdom = "root",
		.src_interface = "port1",
		.src_role = "wan",
		.policy_name = is_accept ? "ZTNA-webserver-allow" : "",
		.policy_uuid = is_accept ? "8065fc36-cd28-51ef-cd5a-84f5ae253c13" : "",
		.proxy = "ZTNA-server",
		.ems_serial = "FCTEMS8824093638",
		.tags = "CLASS_Windows-Endpoint/FortiAD/Windows10/all_registered_clients/CLASS_Low",
		.utc_offset_s = -7 * 3600,
	};
	char line[LOGS_LINE_MAX];
	struct row row;
	size_t len = 0;

	row_begin(&row, "cycles/op", "log-line/%s/%s", format, is_accept ? "accept" : "deny");
	if (!row_is_wanted(opt, row.name))
		return true;
	for (unsigned i = 0; i < 2 + row_rounds(opt, 31); i++) {
		double least = 1e18;

		for (unsigned k = 0; k < 10; k++) {
			const uint64_t begin = row_clock_begin();

			for (unsigned n = 0; n < BATCH; n++) {
				len = emit(&t, line, sizeof(line));
				row.nb_errors += len < 300;
			}
			const double took = (double)(row_clock_end() - begin) / BATCH;

			least = took < least ? took : least;
		}
		if (i >= 2)
			row_sample(&row, least);
	}
	row_note(&row, "%zu bytes", len);
	return row_end(&row);
}

int main(int argc, char **argv)
{
	struct row_options opt;
	bool is_ok = true;

	row_options_parse(&opt, argc, argv);
	for (int is_accept = 1; is_accept >= 0; is_accept--) {
		is_ok &= measure(&opt, "keyvalue", is_accept != 0, logs_traffic_keyvalue);
		is_ok &= measure(&opt, "json", is_accept != 0, logs_traffic_json);
	}
	return is_ok ? 0 : 1;
}
