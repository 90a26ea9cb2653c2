/* SPDX-License-Identifier: BSD-3-Clause */

/* Counters by outcome, and histograms: for people here, for Prometheus in metrics.c. */

#include "rest/rest_priv.h"
#include "rest/totals.h"

static void get_counters(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_counter_routes[] = {
	{REST_GET, "/api/v1/counters", get_counters,
	 "what packets, connections and requests ended in; ?all=1 shows zeros too"},
	{0},
};

uint64_t rest_total(const struct shm *shm, enum outcome o)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; shm->feedback != NULL && w < shm->feedback->nb_workers; w++) {
		const struct feedback_worker *fw = shm_feedback_worker(shm, w);

		if (fw != NULL)
			sum += atomic_load_explicit(&fw->counter[o], memory_order_relaxed);
	}
	return sum;
}

void rest_total_histogram(const struct shm *shm, bool is_cut, struct histogram *ret)
{
	*ret = (struct histogram){0};
	for (uint32_t w = 0; shm->feedback != NULL && w < shm->feedback->nb_workers; w++) {
		const struct feedback_worker *fw = shm_feedback_worker(shm, w);
		const struct histogram *h = fw == NULL ? NULL
					    : is_cut   ? &fw->cut_us
						       : &fw->request_us;

		if (h == NULL)
			continue;
		for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
			ret->bucket[i] += h->bucket[i];
		ret->count += h->count;
		ret->sum += h->sum;
		if (h->max > ret->max)
			ret->max = h->max;
	}
}

static json_t *histogram_json(const struct shm *shm, bool is_cut)
{
	struct histogram h;

	rest_total_histogram(shm, is_cut, &h);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "count", (json_int_t)h.count, "mean_us",
			 (json_int_t)(h.count == 0 ? 0 : h.sum / h.count), "p50_us",
			 (json_int_t)histogram_quantile(&h, 500), "p99_us",
			 (json_int_t)histogram_quantile(&h, 990), "p999_us",
			 (json_int_t)histogram_quantile(&h, 999), "max_us", (json_int_t)h.max);
}

static void get_counters(const struct rest_req *req, struct rest_res *res)
{
	const struct shm *shm = &req->cp->shm;
	const bool is_all = rest_query_uint(req, "all", 0, 1) == 1;
	json_t *list = json_array();

	for (unsigned o = 0; o < OUTCOME__COUNT; o++) {
		const uint64_t n = rest_total(shm, (enum outcome)o);

		if (n == 0 && !is_all)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:s,s:s,s:I,s:s}", "name", outcome_name((enum outcome)o),
				  "class", outcome_class_name(outcome_class((enum outcome)o)),
				  "count", (json_int_t)n, "text", outcome_text((enum outcome)o)));
	}
	res->json = json_pack("{s:o,s:o,s:o}", "counters", list, "change_to_cut",
			      histogram_json(shm, true), "request", histogram_json(shm, false));
}
