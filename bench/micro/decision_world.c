/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/micro/decision_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tags [0, NB_ASKED) are asked for by policies in between, the rest is noise or for one kind. */
#define NB_ASKED 900u
#define TAG_OF_KIND(kind) (990u + (uint32_t)(kind))
#define TAG_WORDS ((WORLD_TAGS + 63) / 64)

static void must(bool is_ok, const char *what)
{
	if (is_ok)
		return;
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static struct snap_node tag_node(uint32_t tag)
{
	return (struct snap_node){.op = SNAP_NODE_TAG, .tag = tag};
}

/* any(t, all(t, t), all(t, none(t))), the shapes that people write. */
static struct snap_node nested(struct snap_arena *a, struct row_rng *rng)
{
	struct snap_node both[2], less[2], no[1], top[3];

	for (unsigned i = 0; i < 2; i++)
		both[i] = tag_node(row_random_below(rng, NB_ASKED));
	no[0] = tag_node(row_random_below(rng, NB_ASKED));
	less[0] = tag_node(row_random_below(rng, NB_ASKED));
	less[1] = (struct snap_node){.op = SNAP_NODE_NONE,
				     .children = snap_arena_arr(a, no, 1, sizeof(no[0]))};
	top[0] = tag_node(row_random_below(rng, NB_ASKED));
	top[1] = (struct snap_node){.op = SNAP_NODE_ALL,
				    .children = snap_arena_arr(a, both, 2, sizeof(both[0]))};
	top[2] = (struct snap_node){.op = SNAP_NODE_ALL,
				    .children = snap_arena_arr(a, less, 2, sizeof(less[0]))};
	return (struct snap_node){.op = SNAP_NODE_ANY,
				  .children = snap_arena_arr(a, top, 3, sizeof(top[0]))};
}

static struct snap_node one_of(struct snap_arena *a, uint32_t tag)
{
	const struct snap_node n = tag_node(tag);

	return (struct snap_node){.op = SNAP_NODE_ANY,
				  .children = snap_arena_arr(a, &n, 1, sizeof(n))};
}

static void put_proxies(struct snap_arena *a)
{
	struct snap_access_proxy p[WORLD_PROXIES];
	const struct snap_arr old = snap_arena_config(a)->proxies;

	for (uint32_t i = 0; i < WORLD_PROXIES; i++) {
		p[i] = *(struct snap_access_proxy *)snap_arena_at(a, old, 0, sizeof(p[0]));
		p[i].port = (uint16_t)(9000 + i);
	}
	const struct snap_arr arr = snap_arena_arr(a, p, WORLD_PROXIES, sizeof(p[0]));
	snap_arena_config(a)->proxies = arr;
}

/* A policy in the middle of the list. */
static struct snap_policy middle(struct snap_arena *a, struct row_rng *rng, bool is_other)
{
	uint32_t proxies[3];
	const uint32_t nb = is_other ? 1 : 1 + row_random_below(rng, 3);
	struct snap_policy p = {.action = SNAP_ACCEPT, .log = SNAP_LOG_ALL};

	for (uint32_t i = 0; i < nb; i++)
		proxies[i] = is_other ? 1 : row_random_below(rng, WORLD_PROXIES);
	p.proxies = snap_arena_arr(a, proxies, nb, sizeof(proxies[0]));
	if (!is_other && row_random_below(rng, 8) == 0) {
		const struct snap_prefix net = {
			.addr = {{[10] = 0xff, 0xff, 10, (uint8_t)row_random(rng)}}, .len = 112};
		p.sources = snap_arena_arr(a, &net, 1, sizeof(net));
	}
	return p;
}

static struct snap_policy policy_of(struct snap_arena *a, struct row_rng *rng, uint32_t i,
				    uint32_t nb, struct snap_expr *expr, bool is_interleaved)
{
	struct snap_policy p = {.action = SNAP_ACCEPT, .log = SNAP_LOG_ALL};

	if (i == 0) {
		expr->root = one_of(a, TAG_OF_KIND(WORLD_FIRST));
	} else if (i == nb - 1) {
		expr->root = one_of(a, TAG_OF_KIND(WORLD_LAST));
	} else if (i == nb - 2) {
		expr->root = one_of(a, TAG_OF_KIND(WORLD_DENY));
		p.action = SNAP_DENY;
	} else if (is_interleaved && i % 2 == 0) {
		p = middle(a, rng, true);
		expr->root = one_of(a, TAG_OF_KIND(WORLD_NONE));
	} else {
		p = middle(a, rng, false);
		expr->root = nested(a, rng);
	}
	p.id = i + 1;
	p.name = snap_arena_cstr(a, "policy");
	p.uuid = snap_arena_cstr(a, "00000000-0000-0000-0000-000000000000");
	p.expr = i;
	return p;
}

static void put_config(struct world *w, uint32_t nb, bool is_interleaved)
{
	struct row_rng rng = {.s = nb};
	struct snap_arena a;
	struct snap_policy *p = calloc(nb, sizeof(*p));
	struct snap_expr *e = calloc(nb, sizeof(*e));
	struct snap_tag tag[WORLD_TAGS];
	const void *ptr;
	size_t len;

	must(p != NULL && e != NULL, "no memory for policies");
	fixture_config(&w->f, &a, NULL, 0);
	put_proxies(&a);
	for (uint32_t i = 0; i < WORLD_TAGS; i++)
		tag[i].name = snap_arena_cstr(&a, "tag");
	for (uint32_t i = 0; i < nb; i++)
		p[i] = policy_of(&a, &rng, i, nb, &e[i], is_interleaved);
	const struct snap_arr policies = snap_arena_arr(&a, p, nb, sizeof(*p));
	const struct snap_arr exprs = snap_arena_arr(&a, e, nb, sizeof(*e));
	const struct snap_arr tags = snap_arena_arr(&a, tag, WORLD_TAGS, sizeof(tag[0]));
	must(snap_arena_finish(&a, &ptr, &len) == 0, "no memory for the configuration");
	snap_arena_config(&a)->policies = policies;
	snap_arena_config(&a)->exprs = exprs;
	snap_arena_config(&a)->tags = tags;
	must(snap_build_config(w->f.build, ptr, len) == 0, "the configuration is refused");
	snap_arena_fini(&a);
	free(p);
	free(e);
}

static uint32_t posture_of(struct world *w, enum world_kind kind, uint32_t variant)
{
	struct row_rng rng = {.s = 1000 + variant};
	uint64_t bits[TAG_WORDS] = {};
	uint32_t id = 0;

	for (unsigned i = 0; i < 10; i++) {
		/* Only some tags of the kinds but the last are asked for by a policy. */
		const uint32_t tag = kind == WORLD_MIXED ? row_random_below(&rng, NB_ASKED)
							 : NB_ASKED + row_random_below(&rng, 90);
		bits[tag / 64] |= 1ull << (tag % 64);
	}
	if (kind != WORLD_MIXED)
		bits[TAG_OF_KIND(kind) / 64] |= 1ull << (TAG_OF_KIND(kind) % 64);
	must(snap_build_posture(w->f.build, bits, TAG_WORDS, &id) == 0, "no room for tag sets");
	return id;
}

uint32_t world_new_posture(struct world *w, struct row_rng *rng)
{
	return posture_of(w, WORLD_MIXED, 1000000 + (uint32_t)(row_random(rng) >> 40));
}

static void put_device(struct world *w, uint32_t n, uint32_t posture, uint64_t notified_us)
{
	struct snap_device d = fixture_device_of(&w->f, n, NULL);

	d.flags |= SNAP_DEV_HAS_TAGS;
	d.posture = posture;
	must(snap_build_device_put(w->f.build, &d, notified_us) == 0, "no room for devices");
}

void world_change_to(struct world *w, uint32_t n, uint32_t posture)
{
	put_device(w, n, posture, 1);
}

void world_change(struct world *w, uint32_t n, struct row_rng *rng)
{
	const uint32_t groups = w->nb_postures / WORLD__KINDS;

	world_change_to(
		w, n, w->posture[row_random_below(rng, groups) * WORLD__KINDS + n % WORLD__KINDS]);
}

void world_make(struct world *w, uint32_t nb_policies, uint32_t nb_devices, bool is_interleaved)
{
	*w = (struct world){.nb_devices = nb_devices, .nb_postures = WORLD_POSTURES};
	fixture_init_sized(&w->f, nb_devices);
	put_config(w, nb_policies, is_interleaved);
	for (uint32_t i = 0; i < WORLD_POSTURES; i++)
		w->posture[i] = posture_of(w, world_kind_of(i), i);
	for (uint32_t n = 0; n < nb_devices; n++)
		put_device(w, n, w->posture[n % WORLD_POSTURES], 0);
	w->v = fixture_publish(&w->f);
}

void world_free(struct world *w)
{
	fixture_fini(&w->f);
}
