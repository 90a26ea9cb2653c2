/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What one decision costs.
 *
 *	warm     sixteen devices in turn: all that is read is in the first-level caches or close
 *	cold     random devices of the whole fleet, so that device and tag set come from where a
 *	         fleet of this size lies; at a million devices that is memory, behind a TLB miss
 *	ahead    cold, but what the device's record needs is asked for some decisions before, as
 *	         callers do that know early whom they will decide on
 *	flushed  every line of the configuration, of the tag set's row and of the device's page is
 *	         taken out of all caches before each decision
 *
 * Each sample is the median of many batches, so that an interrupt falls on one of them only. Every
 * decision is checked for how it has to end.
 */

#include "bench/micro/decision_world.h"
#include "common/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256u
#define MAX_BATCHES 400u
#define WARM_DEVICES 16u
#define AHEAD 8u

enum heat {
	HEAT_WARM,
	HEAT_COLD,
	HEAT_AHEAD,
	HEAT_FLUSHED,
};
static const char *const heat_name[] = {"warm", "cold", "ahead", "flushed"};
static const char *const kind_name[] = {"first", "last", "none", "deny", "mixed"};
#define KIND_UNKNOWN WORLD__KINDS /* a device that EMS has not told of */

struct bench {
	const struct row_options *opt;
	struct world w;
	uint32_t nb_policies;
	const char *shape;
	struct row_rng rng;
	struct policy_now now;
	struct policy_facts facts[BATCH];
	struct policy_verdict ret[BATCH];
};

static uint64_t choose(struct bench *b, enum heat heat, unsigned kind, uint32_t i)
{
	const uint32_t groups = b->w.nb_devices / WORLD__KINDS;
	const uint32_t g = heat == HEAT_WARM ? i % WARM_DEVICES : row_random_below(&b->rng, groups);

	if (kind == KIND_UNKNOWN)
		return (1ull << 40) + g;
	return (uint64_t)g * WORLD__KINDS + kind;
}

static void fill_facts(struct bench *b, enum heat heat, unsigned kind)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		const uint64_t n = choose(b, heat, kind, i);

		b->facts[i] = (struct policy_facts){
			.source = ip_addr_from_v4(0x050200c0u),
			.cert = POLICY_CERT_VERIFIED,
			.uid = fixture_uid(n),
			.serial = fixture_serial(n),
		};
	}
}

static bool is_right(const struct bench *b, unsigned kind, const struct policy_verdict *r)
{
	switch (kind) {
	case WORLD_FIRST:
		return r->is_accept && r->policy == 0;
	case WORLD_LAST:
		return r->is_accept && r->policy == b->nb_policies - 1;
	case WORLD_NONE:
		return !r->is_accept && r->policy == SNAP_NONE && r->code == 65;
	case WORLD_DENY:
		return !r->is_accept && r->policy == b->nb_policies - 2;
	case KIND_UNKNOWN:
		return !r->is_accept && r->code == 66;
	default:
		return r->is_accept || r->code == 65;
	}
}

static void flush(const void *p, size_t len)
{
	const uint8_t *q = p;

	for (size_t i = 0; i < len; i += 64)
		_mm_clflush(q + i);
}

static void flush_for(const struct bench *b, uint64_t n)
{
	const struct snap_view *v = &b->w.v;
	const struct device_uid uid = fixture_uid(n);
	const struct snap_device *d = snap_device_find(v, &uid);
	const uintptr_t page = (uintptr_t)d & ~(uintptr_t)(SNAP_PAGE - 1);
	const uint64_t hash = snap_device_hash(((const struct snap_hdr *)v->base)->hash_seed, &uid);

	flush(v->config, v->root->config_len);
	flush(v->base + v->root->verdicts.off + (size_t)d->posture * v->root->verdicts.stride,
	      v->root->verdicts.stride);
	flush(v->root, sizeof(*v->root));
	flush(v->base, sizeof(struct snap_hdr));
	flush(&v->device_dir[hash >> (64 - v->root->device_dir_bits)], 1);
	flush((const void *)page, SNAP_PAGE);
	_mm_mfence();
}

static double batch(struct bench *b, enum heat heat)
{
	const uint64_t t = row_clock_begin();

	for (uint32_t i = 0; i < BATCH; i++) {
		if (heat == HEAT_AHEAD && i + AHEAD < BATCH)
			snap_device_prefetch(&b->w.v, &b->facts[i + AHEAD].uid);
		policy_decide(&b->w.v, &b->facts[i], &b->now, &b->ret[i], NULL);
	}
	return (double)(row_clock_end() - t) / BATCH;
}

static double nothing(void)
{
	double least = 1e9;

	for (unsigned i = 0; i < 1000; i++) {
		const uint64_t t = row_clock_begin();
		const double took = (double)(row_clock_end() - t);

		least = took < least ? took : least;
	}
	return least;
}

/* One by one: the clock's own time is taken off. */
static double batch_flushed(struct bench *b, unsigned kind)
{
	const double clock = nothing();
	double sum = 0;
	enum {
		NB = 16
	};

	for (uint32_t i = 0; i < NB; i++) {
		const uint64_t n = choose(b, HEAT_FLUSHED, kind, i);

		b->facts[0].uid = fixture_uid(n);
		b->facts[0].serial = fixture_serial(n);
		flush_for(b, n);
		const uint64_t t = row_clock_begin();
		policy_decide(&b->w.v, &b->facts[0], &b->now, &b->ret[i], NULL);
		sum += (double)(row_clock_end() - t) - clock;
	}
	for (uint32_t i = NB; i < BATCH; i++)
		b->ret[i] = b->ret[0];
	return sum / NB;
}

static int by_value(const void *x, const void *y)
{
	const double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static double sample(struct bench *b, enum heat heat, unsigned kind, unsigned nb, uint64_t *errors)
{
	static double cost[MAX_BATCHES];

	for (unsigned n = 0; n < nb; n++) {
		fill_facts(b, heat, kind);
		cost[n] = heat == HEAT_FLUSHED ? batch_flushed(b, kind) : batch(b, heat);
		for (uint32_t i = 0; i < BATCH; i++)
			*errors += !is_right(b, kind, &b->ret[i]);
	}
	qsort(cost, nb, sizeof(cost[0]), by_value);
	return cost[nb / 2];
}

static bool measure(struct bench *b, enum heat heat, unsigned kind)
{
	struct row r;
	const unsigned nb = heat == HEAT_FLUSHED ? 4 : b->opt->is_quick ? 40 : MAX_BATCHES;
	char devices[16];

	(void)snprintf(devices, sizeof(devices), "%u", b->w.nb_devices);
	row_begin(&r, "cycles/op", "decision/%u-policies%s/%s-devices/%s/%s", b->nb_policies,
		  b->shape, devices, heat_name[heat],
		  kind == KIND_UNKNOWN ? "unknown" : kind_name[kind]);
	if (!row_is_wanted(b->opt, r.name))
		return true;
	(void)sample(b, heat, kind, nb, &r.nb_errors);
	for (unsigned i = 0; i < row_rounds(b->opt, 9); i++)
		row_sample(&r, sample(b, heat, kind, nb, &r.nb_errors));
	row_note(&r, "TSC at %.3f GHz", row_tsc_hz() / 1e9);
	return row_end(&r);
}

static bool run_world(struct bench *b, uint32_t nb_policies, uint32_t nb_devices, const char *shape)
{
	const bool is_big = nb_devices == 1000000;
	bool is_ok = true;

	b->nb_policies = nb_policies;
	b->shape = shape;
	fprintf(stderr, "decision: %u policies%s, %u devices\n", nb_policies, shape, nb_devices);
	world_make(&b->w, nb_policies, nb_devices, shape[0] != '\0');
	for (unsigned kind = 0; kind <= KIND_UNKNOWN; kind++) {
		is_ok &= measure(b, HEAT_WARM, kind);
		is_ok &= measure(b, HEAT_COLD, kind);
		if (is_big)
			is_ok &= measure(b, HEAT_AHEAD, kind);
	}
	is_ok &= measure(b, HEAT_FLUSHED, WORLD_MIXED);
	world_free(&b->w);
	return is_ok;
}

int main(int argc, char **argv)
{
	static const struct {
		uint32_t policies, devices;
		const char *shape;
	} worlds[] = {
		{10000, 1000000, ""},
		{10, 100000, ""},
		{100, 100000, ""},
		{1000, 100000, ""},
		{10000, 1000, ""},
		{10000, 100000, ""},
		{10000, 100000, "-interleaved"},
	};
	static struct bench b;
	struct row_options opt;
	bool is_ok = true;

	row_options_parse(&opt, argc, argv);
	b.opt = &opt;
	b.rng.s = 42;
	b.now.now_ms = 1000000;
	b.now.ems_contact_ms[0] = b.now.now_ms - 1000;
	for (unsigned i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++) {
		if (opt.is_quick && i > 1)
			break;
		is_ok &= run_world(&b, worlds[i].policies, worlds[i].devices, worlds[i].shape);
	}
	return is_ok ? 0 : 1;
}
