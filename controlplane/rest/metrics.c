/* SPDX-License-Identifier: BSD-3-Clause */

/* The Prometheus text format, version 0.0.4. */

#include "history/history.h"
#include "logs/logs.h"
#include "rest/rest_priv.h"
#include "rest/totals.h"
#include "snap/publish.h"
#include "state/state.h"

#include <stdio.h>
#include <stdlib.h>

static void put_outcomes(FILE *f, const struct cp *cp)
{
	(void)fprintf(f, "# HELP tagwarden_outcome_total What packets, connections and requests "
			 "ended in.\n# TYPE tagwarden_outcome_total counter\n");
	for (unsigned o = 0; o < OUTCOME__COUNT; o++)
		(void)fprintf(f, "tagwarden_outcome_total{outcome=\"%s\",class=\"%s\"} %llu\n",
			      outcome_name((enum outcome)o),
			      outcome_class_name(outcome_class((enum outcome)o)),
			      (unsigned long long)rest_total(&cp->shm, (enum outcome)o));
}

static void gauge(FILE *f, const char *name, const char *help, uint64_t value)
{
	(void)fprintf(f, "# HELP tagwarden_%s %s\n# TYPE tagwarden_%s gauge\ntagwarden_%s %llu\n",
		      name, help, name, name, (unsigned long long)value);
}

static void counter(FILE *f, const char *name, const char *help, uint64_t value)
{
	(void)fprintf(f, "# HELP tagwarden_%s %s\n# TYPE tagwarden_%s counter\ntagwarden_%s %llu\n",
		      name, help, name, name, (unsigned long long)value);
}

/* Every fourth bound is enough for a picture; the sums are exact. */
static void put_histogram(FILE *f, const struct cp *cp, const char *name, const char *help,
			  bool is_cut)
{
	struct histogram h;
	uint64_t sum = 0;

	rest_total_histogram(&cp->shm, is_cut, &h);
	(void)fprintf(f, "# HELP tagwarden_%s %s\n# TYPE tagwarden_%s histogram\n", name, help,
		      name);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		sum += h.bucket[i];
		if (i % 4 == 3 && i < 200)
			(void)fprintf(f, "tagwarden_%s_bucket{le=\"%.6f\"} %llu\n", name,
				      (double)histogram_bound(i) / 1e6, (unsigned long long)sum);
	}
	(void)fprintf(f, "tagwarden_%s_bucket{le=\"+Inf\"} %llu\ntagwarden_%s_sum %.6f\n", name,
		      (unsigned long long)sum, name, (double)h.sum / 1e6);
	(void)fprintf(f, "tagwarden_%s_count %llu\n", name, (unsigned long long)sum);
}

static void put_ems(FILE *f, const struct cp *cp)
{
	(void)fprintf(f, "# HELP tagwarden_ems_connected Whether the connector is in contact.\n"
			 "# TYPE tagwarden_ems_connected gauge\n");
	for (unsigned id = 1; id <= STATE_MAX_EMS; id++) {
		const struct state_ems_status *e = state_ems_status(cp->state, id);

		if (e->id != 0)
			(void)fprintf(f, "tagwarden_ems_connected{ems_id=\"%u\"} %d\n", id,
				      e->is_connected);
	}
	(void)fprintf(f, "# HELP tagwarden_ems_notifications_total Notifications received.\n"
			 "# TYPE tagwarden_ems_notifications_total counter\n");
	for (unsigned id = 1; id <= STATE_MAX_EMS; id++) {
		const struct state_ems_status *e = state_ems_status(cp->state, id);

		if (e->id != 0)
			(void)fprintf(f, "tagwarden_ems_notifications_total{ems_id=\"%u\"} %llu\n",
				      id, (unsigned long long)e->nb_notifications);
	}
}

struct tcp_sums {
	uint64_t conns, half_open, time_wait, mbufs_free;
};

static struct tcp_sums sum_tcp(const struct cp *cp)
{
	struct tcp_sums s = {0};

	for (uint32_t w = 0; cp->shm.feedback != NULL && w < cp->shm.fb_workers; w++) {
		const struct feedback_worker *fw = shm_feedback_worker(&cp->shm, w);

		if (fw == NULL)
			break;
		s.conns += atomic_load(&fw->tcp_conns);
		s.half_open += atomic_load(&fw->half_open);
		s.time_wait += atomic_load(&fw->time_wait);
		s.mbufs_free += atomic_load(&fw->mbufs_free);
	}
	return s;
}

static void put_tcp(FILE *f, const struct cp *cp)
{
	const struct tcp_sums s = sum_tcp(cp);

	gauge(f, "tcp_connections", "TCP connections, TIME-WAIT aside.", s.conns);
	gauge(f, "tcp_half_open", "Of these, with a handshake under way.", s.half_open);
	gauge(f, "tcp_time_wait", "TCP connections in TIME-WAIT.", s.time_wait);
	gauge(f, "packet_buffers_free", "Packet buffers that nothing holds.", s.mbufs_free);
}

static uint64_t sum_sessions(const struct cp *cp)
{
	uint64_t n = 0;

	for (uint32_t w = 0; cp->shm.feedback != NULL && w < cp->shm.feedback->nb_workers; w++) {
		const struct feedback_worker *fw = shm_feedback_worker(&cp->shm, w);

		n += fw == NULL ? 0 : atomic_load(&fw->sessions);
	}
	return n;
}

char *rest_metrics(struct cp *cp)
{
	struct publish_status ps;
	struct state_counts sc;
	struct logs_counts lc;
	struct history_stats hs;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	publish_status(cp->publish, &ps);
	state_counts(cp->state, &sc);
	logs_counts(cp, &lc);
	history_stats(cp, &hs);
	put_outcomes(f, cp);
	gauge(f, "sessions", "Live client sessions.", sum_sessions(cp));
	put_tcp(f, cp);
	gauge(f, "dataplane_alive", "Whether the data plane runs.", ps.is_dp_alive);
	gauge(f, "devices", "Devices known.", sc.devices);
	gauge(f, "devices_online", "Devices that EMS calls online.", sc.online);
	gauge(f, "snapshot_generation", "Version that is published.", ps.build.generation);
	counter(f, "snapshot_publishes_total", "Versions published.", ps.nb_publishes);
	counter(f, "records_read_total", "Records read from the workers.", cp->records.read);
	counter(f, "records_lost_total", "Records lost in the rings.", cp->records.lost);
	counter(f, "log_lines_total", "Traffic log lines written.", lc.written);
	counter(f, "history_rows_total", "Rows of the history written.", hs.rows);
	counter(f, "history_dropped_total", "Rows that the disk had no time for.", hs.dropped);
	counter(f, "history_failures_total", "Writes of the history that failed.", hs.failures);
	counter(f, "config_reload_failures_total", "Documents refused.", cp->nb_reload_failures);
	put_ems(f, cp);
	put_histogram(f, cp, "change_to_cut_seconds",
		      "From an EMS notification's arrival to the cut of a session.", true);
	put_histogram(f, cp, "request_seconds", "From request to the end of its response.", false);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
