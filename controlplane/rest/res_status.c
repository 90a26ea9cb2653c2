/* SPDX-License-Identifier: BSD-3-Clause */

/* What runs, and how well: /api/v1, /api/v1/status, /metrics. */

#include "config/config.h"
#include "rest/config_answer.h"
#include "rest/rest_priv.h"
#include "snap/publish.h"
#include "state/state.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void get_index(const struct rest_req *req, struct rest_res *res);
static void get_status(const struct rest_req *req, struct rest_res *res);
static void get_interfaces(const struct rest_req *req, struct rest_res *res);
static void get_metrics(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_status_routes[] = {
	{REST_GET, "/api/v1", get_index, "this list"},
	{REST_GET, "/api/v1/status", get_status,
	 "processes, snapshot, workers; ?seconds= for longest_pass_us and longest_adoption_us"},
	{REST_GET, "/api/v1/interfaces", get_interfaces, "ports with driver, MAC and offloads"},
	{REST_GET, "/metrics", get_metrics, "all counters in the Prometheus text format"},
	{0},
};

static json_t *route_json(const struct rest_route *r)
{
	return json_pack("{s:s,s:s,s:s,s:s}", "method", rest_method_name(r->method), "path",
			 r->path, "role", rest_role_name(rest_route_role(r)), "summary",
			 r->summary);
}

static void get_index(const struct rest_req *req, struct rest_res *res)
{
	json_t *list = json_array();

	(void)req;
	for (const struct rest_route *const *t = rest_tables; *t != NULL; t++)
		for (const struct rest_route *r = *t; r->path != NULL; r++)
			json_array_append_new(list, route_json(r));
	res->json = json_pack("{s:o}", "routes", list);
}

/* Of this second and the <seconds> before it. */
static json_t *peak_json(const struct peaks *p, uint32_t seconds)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);

	const uint64_t now_us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;

	return json_integer(peaks_max(p, now_us, seconds));
}

static json_t *workers(const struct publish_status *ps, const struct shm *shm, uint32_t seconds)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < ps->nb_workers && i < SNAP_MAX_WORKERS; i++) {
		const struct publish_worker *w = &ps->worker[i];
		const struct feedback_worker *fw = shm_feedback_worker(shm, i);
		json_t *j = json_pack("{s:i,s:I,s:I,s:I}", "worker", (int)i, "generation",
				      (json_int_t)w->generation, "config_generation",
				      (json_int_t)w->config_generation, "refused_generation",
				      (json_int_t)w->refused_generation);

		if (fw != NULL) {
			json_object_set_new(j, "sessions",
					    json_integer((json_int_t)atomic_load(&fw->sessions)));
			json_object_set_new(j, "tcp_connections",
					    json_integer((json_int_t)atomic_load(&fw->tcp_conns)));
			json_object_set_new(j, "time_wait",
					    json_integer((json_int_t)atomic_load(&fw->time_wait)));
			json_object_set_new(
				j, "upstream_idle",
				json_integer((json_int_t)atomic_load(&fw->upstream_idle)));
			json_object_set_new(
				j, "busy_cycles",
				json_integer((json_int_t)atomic_load(&fw->busy_cycles)));
			json_object_set_new(
				j, "idle_cycles",
				json_integer((json_int_t)atomic_load(&fw->idle_cycles)));
			json_object_set_new(j, "longest_pass_us", peak_json(&fw->pass_us, seconds));
			json_object_set_new(j, "longest_adoption_us",
					    peak_json(&fw->adopt_us, seconds));
			json_object_set_new(j, "mbufs_free",
					    json_integer((json_int_t)atomic_load(&fw->mbufs_free)));
		}
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *snapshot_json(const struct publish_status *ps)
{
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:b}", "generation",
			 (json_int_t)ps->build.generation, "config_generation",
			 (json_int_t)ps->config_generation, "publishes",
			 (json_int_t)ps->nb_publishes, "failures", (json_int_t)ps->nb_failures,
			 "last_publish_us", (json_int_t)ps->last_publish_us, "last_spread_us",
			 (json_int_t)ps->last_spread_us, "pages_used",
			 (json_int_t)ps->build.pages_used, "pages_free",
			 (json_int_t)ps->build.pages_free, "pages_waiting",
			 (json_int_t)ps->build.pages_waiting, "devices", (int)ps->build.nb_devices,
			 "postures", (int)ps->build.nb_postures, "resumed", ps->is_resumed);
}

static json_t *api_json(const struct cp *cp)
{
	struct rest_counts n;

	rest_server_counts(cp, &n);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i}", "requests",
			 (json_int_t)n.requests, "handled", (json_int_t)rest_nb_handled(),
			 "malformed", (json_int_t)n.refused, "unauthorized",
			 (json_int_t)n.unauthorized, "forbidden", (json_int_t)n.forbidden,
			 "limited", (json_int_t)n.limited, "late", (json_int_t)n.late, "full",
			 (json_int_t)n.full, "connections", (int)n.conns, "tls_connections",
			 (int)n.conns_tls);
}

static void get_status(const struct rest_req *req, struct rest_res *res)
{
	struct cp *cp = req->cp;
	struct publish_status ps;
	struct state_counts sc;
	json_t *dp;

	publish_status(cp->publish, &ps);
	state_counts(cp->state, &sc);
	dp = json_pack("{s:b,s:i,s:b,s:o}", "alive", ps.is_dp_alive, "pid", (int)ps.dp_pid,
		       "restart_needed", ps.is_dp_restart_needed, "workers",
		       workers(&ps, &cp->shm, (uint32_t)rest_query_uint(req, "seconds", 60, 60)));
	if (cp->shm.feedback != NULL) {
		json_object_set_new(dp, "hugepages", json_boolean(cp->shm.feedback->hugepages));
		json_object_set_new(dp, "started", rest_time_ms(cp->shm.feedback->started_ms));
	}
	res->json = json_pack(
		"{s:s,s:o,s:I,s:I,s:o,s:o,s:o,s:{s:i,s:i,s:i,s:i,s:i,s:i}}", "version",
		TAGWARDEN_VERSION, "started", rest_time_ms(cp->started_ms), "reloads",
		(json_int_t)cp->nb_reloads, "reload_failures", (json_int_t)cp->nb_reload_failures,
		"reloaded", rest_time_ms(cp->reloaded_ms), "dataplane", dp, "snapshot",
		snapshot_json(&ps), "devices", "total", (int)sc.devices, "online", (int)sc.online,
		"registered", (int)sc.registered, "quarantined", (int)sc.quarantined, "with_tags",
		(int)sc.with_tags, "tagsets", (int)sc.tagsets);
	json_object_set_new(res->json, "gateway",
			    json_pack("{s:o,s:o}", "serial_number",
				      rest_cstr(cp->config->gateway_serial), "vdom",
				      rest_cstr(cp->config->vdom)));
	json_object_set_new(res->json, "config", config_answer_state(cp));
	json_object_set_new(res->json, "api", api_json(cp));
	json_object_set_new(res->json, "records",
			    json_pack("{s:I,s:I,s:I}", "read", (json_int_t)cp->records.read, "lost",
				      (json_int_t)cp->records.lost, "pulls",
				      (json_int_t)cp->records.pulls));
}

static json_t *port_json(const struct cp *cp, const struct feedback_port *p)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} offload[] = {
		{FEEDBACK_OFFLOAD_TX_CKSUM, "tx_checksum"},
		{FEEDBACK_OFFLOAD_RX_CKSUM, "rx_checksum"},
		{FEEDBACK_OFFLOAD_TSO, "tso"},
		{FEEDBACK_OFFLOAD_VLAN_STRIP, "vlan_strip"},
		{FEEDBACK_OFFLOAD_VLAN_INSERT, "vlan_insert"},
		{FEEDBACK_OFFLOAD_MULTI_SEGS, "multi_segment"},
		{FEEDBACK_OFFLOAD_SCATTER, "scatter"},
		{FEEDBACK_OFFLOAD_RSS, "rss"},
	};
	char mac[18];

	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1],
		       p->mac[2], p->mac[3], p->mac[4], p->mac[5]);
	json_t *j = json_pack(
		"{s:o,s:o,s:o,s:s,s:i,s:i,s:i}", "interface",
		p->interface < cp->config->nb_interfaces
			? rest_cstr(cp->config->interfaces[p->interface].name)
			: json_null(),
		"port", rest_string(p->name, strnlen(p->name, sizeof(p->name))), "driver",
		rest_string(p->driver, strnlen(p->driver, sizeof(p->driver))), "mac", mac,
		"rx_queues", (int)p->nb_rxq, "tx_queues", (int)p->nb_txq, "mtu", (int)p->mtu);
	for (size_t i = 0; i < sizeof(offload) / sizeof(offload[0]); i++)
		json_object_set_new(j, offload[i].name,
				    json_boolean((p->offloads & offload[i].bit) != 0));
	return j;
}

static void get_interfaces(const struct rest_req *req, struct rest_res *res)
{
	const struct feedback_hdr *fb = req->cp->shm.feedback;
	json_t *list = json_array();

	for (uint32_t i = 0; fb != NULL && i < fb->nb_ports && i < FEEDBACK_MAX_PORTS; i++)
		json_array_append_new(list, port_json(req->cp, &fb->port[i]));
	res->json = json_pack("{s:o}", "interfaces", list);
}

static void get_metrics(const struct rest_req *req, struct rest_res *res)
{
	res->text = rest_metrics(req->cp);
	res->content_type = "text/plain; version=0.0.4";
}
