/* SPDX-License-Identifier: BSD-3-Clause */

/* What packets below TLS ended in: counters of TCP, IP, ICMP and neighbours, and TCP's gauges. */

#include "rest/rest_priv.h"

#include <string.h>

static void get_tcp(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_tcp_routes[] = {
	{REST_GET, "/api/v1/tcp", get_tcp,
	 "counters of TCP, IP, ICMP, ARP and ND by outcome, per worker; ?all=1 shows zeros too"},
	{0},
};

#define PREFIXES_MAX 3u

/* Outcomes are grouped by the beginning of their names. */
static const struct {
	const char *name;
	const char *prefix[PREFIXES_MAX];
} groups[] = {
	{"tcp", {"tcp_"}}, {"ip", {"ip_", "ip6_"}},   {"icmp", {"icmp_", "icmp6_", "mld_"}},
	{"arp", {"arp_"}}, {"nd", {"nd_", "neigh_"}}, {"ethernet", {"eth_"}},
};

#define NB_GROUPS (sizeof(groups) / sizeof(groups[0]))

static bool is_in_group(size_t g, enum outcome o)
{
	for (size_t i = 0; i < PREFIXES_MAX; i++) {
		const char *prefix = groups[g].prefix[i];

		if (prefix != NULL && strncmp(outcome_name(o), prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

/* NULL: zero in all workers, and zeros are not wanted. */
static json_t *counter_json(const struct shm *shm, enum outcome o, bool is_all)
{
	json_t *workers = json_array();
	uint64_t sum = 0;

	for (uint32_t w = 0; w < shm->fb_workers; w++) {
		const struct feedback_worker *fw = shm_feedback_worker(shm, w);
		const uint64_t n =
			fw == NULL ? 0
				   : atomic_load_explicit(&fw->counter[o], memory_order_relaxed);

		sum += n;
		json_array_append_new(workers, json_integer((json_int_t)n));
	}
	if (sum == 0 && !is_all) {
		json_decref(workers);
		return NULL;
	}
	return json_pack("{s:s,s:s,s:I,s:o,s:s}", "name", outcome_name(o), "class",
			 outcome_class_name(outcome_class(o)), "count", (json_int_t)sum, "workers",
			 workers, "text", outcome_text(o));
}

static json_t *group_json(const struct shm *shm, size_t g, bool is_all)
{
	json_t *list = json_array();

	for (unsigned o = 0; o < OUTCOME__COUNT; o++) {
		json_t *c = is_in_group(g, (enum outcome)o)
				    ? counter_json(shm, (enum outcome)o, is_all)
				    : NULL;

		if (c != NULL)
			json_array_append_new(list, c);
	}
	return json_pack("{s:s,s:o}", "name", groups[g].name, "counters", list);
}

static json_int_t gauge(const _Atomic(uint64_t) *g)
{
	const uint64_t v = atomic_load_explicit(g, memory_order_relaxed);

	/* JSON's integers are signed here; no gauge is that large unless it is garbage. */
	return v > INT64_MAX ? INT64_MAX : (json_int_t)v;
}

static json_t *gauges_json(const struct shm *shm)
{
	json_t *list = json_array();

	for (uint32_t w = 0; w < shm->fb_workers; w++) {
		const struct feedback_worker *fw = shm_feedback_worker(shm, w);

		if (fw == NULL)
			break;
		json_array_append_new(list, json_pack("{s:i,s:I,s:I,s:I,s:I,s:I}", "worker", (int)w,
						      "connections", gauge(&fw->tcp_conns),
						      "half_open", gauge(&fw->half_open),
						      "time_wait", gauge(&fw->time_wait),
						      "mbufs_queued", gauge(&fw->tcp_mbufs),
						      "mbufs_free", gauge(&fw->mbufs_free)));
	}
	return list;
}

static void get_tcp(const struct rest_req *req, struct rest_res *res)
{
	const struct shm *shm = &req->cp->shm;
	const bool is_all = rest_query_uint(req, "all", 0, 1) == 1;
	json_t *list;

	if (shm->feedback == NULL) {
		rest_problem(res, 503, "The data plane is not running.");
		return;
	}
	list = json_array();
	for (size_t g = 0; g < NB_GROUPS; g++)
		json_array_append_new(list, group_json(shm, g, is_all));
	res->json = json_pack("{s:o,s:o}", "workers", gauges_json(shm), "groups", list);
}
