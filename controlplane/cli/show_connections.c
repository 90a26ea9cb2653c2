/* SPDX-License-Identifier: BSD-3-Clause */

/* TCP connections: a list, and everything about one. */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <string.h>

#define NB(a) (sizeof(a) / sizeof((a)[0]))

static const struct view_column columns[] = {
	{"ID", "id", VIEW_PLAIN, 0},
	{"STATE", "state", VIEW_PLAIN, 0},
	{"LOCAL", "local", VIEW_PLAIN, 0},
	{"REMOTE", "remote", VIEW_PLAIN, 0},
	{"INTERFACE", "interface", VIEW_PLAIN, TABLE_SHRINK},
	{"BY", "opened_by", VIEW_PLAIN, 0},
	{"AGE", "age_ms", VIEW_MS, TABLE_RIGHT},
	{"RTT", "srtt_us", VIEW_US, TABLE_RIGHT},
	{"CWND", "cwnd", VIEW_BYTES, TABLE_RIGHT},
	{"FLIGHT", "in_flight", VIEW_BYTES, TABLE_RIGHT},
	{"RTX", "retransmits", VIEW_PLAIN, TABLE_RIGHT},
	{"SENDQ", "send_queue", VIEW_BYTES, TABLE_RIGHT},
	{"RECVQ", "receive_queue", VIEW_BYTES, TABLE_RIGHT},
	{"IN", "bytes_in", VIEW_BYTES, TABLE_RIGHT},
	{"OUT", "bytes_out", VIEW_BYTES, TABLE_RIGHT},
	{"SESSION", "session_id", VIEW_PLAIN, TABLE_RIGHT},
};

int show_connections(struct cli *cli)
{
	struct api_target t;

	api_target_init(&t, "/api/v1/connections");
	api_target_query(&t, "address", cli_option(cli, "address"));
	api_target_query(&t, "port", cli_option(cli, "port"));
	api_target_query(&t, "state", cli_option(cli, "state"));
	return view_pages(cli, &t, "connections", columns, NB(columns), NULL);
}

/* "1.2 MiB of 3 MiB" and the like: two values in one line. */
static void pair(const char *label, const json_t *j, const char *key, const char *between,
		 const char *other, enum view_how how)
{
	char a[VIEW_TEXT_MAX], b[VIEW_TEXT_MAX], text[3 * VIEW_TEXT_MAX];

	(void)snprintf(text, sizeof(text), "%s%s%s", view_text(j, key, how, a), between,
		       view_text(j, other, how, b));
	view_line_text(label, text);
}

static void print_head(const json_t *j)
{
	char text[2 * VIEW_TEXT_MAX], a[VIEW_TEXT_MAX], b[VIEW_TEXT_MAX];

	view_line("Connection", j, "id", VIEW_PLAIN);
	(void)snprintf(text, sizeof(text), "%.64s, opened by %.64s%s", view_string(j, "state", "-"),
		       view_string(j, "opened_by", "-"),
		       view_bool(j, "closed_by_owner") ? ", closed by its owner" : "");
	view_line_text("State", text);
	view_line("Local", j, "local", VIEW_PLAIN);
	view_line("Remote", j, "remote", VIEW_PLAIN);
	view_line("Interface", j, "interface", VIEW_PLAIN);
	view_line("Age", j, "age_ms", VIEW_MS);
	(void)snprintf(text, sizeof(text), "%.64s%s%.64s%s",
		       view_text(j, "session_id", VIEW_PLAIN, a),
		       json_is_string(view_at(j, "session_leg")) ? ", leg to the " : "",
		       view_string(j, "session_leg", ""), "");
	view_line_text("Session", text);
	(void)snprintf(text, sizeof(text), "%.64s in, %.64s out",
		       view_text(j, "bytes_in", VIEW_BYTES, a),
		       view_text(j, "bytes_out", VIEW_BYTES, b));
	view_line_text("Bytes", text);
}

static void print_options(const json_t *j)
{
	const json_t *o = view_at(j, "options");
	char text[VIEW_TEXT_MAX], scale[96] = "";

	if (json_is_integer(view_at(o, "send_window_scale")))
		(void)snprintf(scale, sizeof(scale), ", window scale %u to us, %u to the peer",
			       (unsigned)view_uint(o, "send_window_scale"),
			       (unsigned)view_uint(o, "receive_window_scale"));
	(void)snprintf(text, sizeof(text), "MSS %u (%u with options)%s%s%s",
		       (unsigned)view_uint(o, "mss"), (unsigned)view_uint(o, "segment_max"),
		       view_bool(o, "sack") ? ", SACK" : "",
		       view_bool(o, "timestamps") ? ", timestamps" : "", scale);
	view_line_text("Options", text);
}

static void print_sender(const json_t *s)
{
	printf("\nSending\n");
	pair("  congestion control", s, "congestion", ", ", "recovery", VIEW_PLAIN);
	pair("  cwnd, ssthresh", s, "cwnd", ", ", "ssthresh", VIEW_BYTES);
	pair("  srtt, rttvar", s, "srtt_us", ", ", "rttvar_us", VIEW_US);
	pair("  least RTT, RTO", s, "min_rtt_us", ", ", "rto_us", VIEW_US);
	if (view_uint(s, "rto_backoff") > 0)
		view_line("  RTO doubled, times", s, "rto_backoff", VIEW_PLAIN);
	pair("  unacked, in flight", s, "unacked", ", ", "in_flight", VIEW_BYTES);
	pair("  sacked, lost", s, "sacked", ", ", "lost", VIEW_BYTES);
	view_line("  resent, unanswered", s, "resent", VIEW_BYTES);
	view_line("  retransmissions", s, "retransmits", VIEW_PLAIN);
	pair("  peer's window, ever", s, "window", ", ", "window_max", VIEW_BYTES);
	pair("  queue", s, "queue_bytes", " in segments: ", "queue_segments", VIEW_BYTES);
	if (view_bool(s, "waits_for_buffers"))
		view_line_text("  waits", "for a packet buffer");
	view_line("  last segment, ago", s, "last_sent_ms", VIEW_MS);
}

static void print_receiver(const json_t *r)
{
	printf("\nReceiving\n");
	pair("  our window, limit", r, "window", ", ", "window_limit", VIEW_BYTES);
	view_line("  queue", r, "queue_bytes", VIEW_BYTES);
	view_line("  packets out of order", r, "out_of_order_packets", VIEW_PLAIN);
	view_line("  FIN received", r, "fin_received", VIEW_PLAIN);
	view_line("  last segment, ago", r, "last_received_ms", VIEW_MS);
}

static void print_timer(const char *label, const json_t *t)
{
	char text[2 * VIEW_TEXT_MAX], due[VIEW_TEXT_MAX];
	const char *purpose = view_string(t, "purpose", NULL);

	if (!json_is_integer(view_at(t, "due_ms")))
		(void)snprintf(text, sizeof(text), "-");
	else
		(void)snprintf(text, sizeof(text), "%.64s%sin %.64s",
			       purpose != NULL ? purpose : "", purpose != NULL ? " " : "",
			       view_text(t, "due_ms", VIEW_MS, due));
	view_line_text(label, text);
}

static void print_timers(const json_t *j)
{
	printf("\nTimers\n");
	print_timer("  retransmission", view_at(j, "timers.retransmission"));
	print_timer("  delayed ACK", view_at(j, "timers.ack"));
	print_timer("  life", view_at(j, "timers.life"));
	if (json_is_object(view_at(j, "keepalive")))
		view_line("  keepalive after, s", j, "keepalive.idle_s", VIEW_PLAIN);
}

static int print_ranges(const struct cli *cli, const char *title, const json_t *list)
{
	static const struct view_column range[] = {
		{"BEGIN", "begin", VIEW_PLAIN, TABLE_RIGHT},
		{"END", "end", VIEW_PLAIN, TABLE_RIGHT},
		{"WHAT", "what", VIEW_PLAIN, 0},
	};

	if (json_array_size(list) == 0)
		return CLI_OK;
	printf("\n%s\n", title);
	return view_table(cli, list, range, NB(range));
}

static int print_connection(const struct cli *cli, const json_t *j)
{
	int rc;

	print_head(j);
	if (strcmp(view_string(j, "state", ""), "time-wait") != 0 ||
	    view_uint(j, "options.mss") > 0) {
		print_options(j);
		print_sender(view_at(j, "sender"));
		print_receiver(view_at(j, "receiver"));
	}
	print_timers(j);
	rc = print_ranges(cli, "Bytes in flight, from the first that is not acknowledged",
			  view_at(j, "sender.ranges"));
	if (rc == CLI_OK)
		rc = print_ranges(cli,
				  "Bytes received out of order, from the first that is missing",
				  view_at(j, "receiver.ranges"));
	return rc;
}

int show_connection(struct cli *cli)
{
	struct api_target t;
	json_t *j;
	int rc;

	api_target_init(&t, "/api/v1/connections");
	api_target_segment(&t, cli->arg[0]);
	rc = api_get(cli, t.s, &j);
	if (rc != CLI_OK)
		return rc;
	rc = cli->is_json ? view_json(j) : print_connection(cli, j);
	json_decref(j);
	return rc;
}
