/* SPDX-License-Identifier: BSD-3-Clause */

#include "snap/publish.h"

#include "common/log/log.h"
#include "common/shm/rcu.h"
#include "common/snap/snap.h"
#include "config/config.h"
#include "snap/publish_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("snap");

#define CHANGES_PER_CALL 256u
#define TAG_WORDS (SNAP_MAX_TAGS / 64)

uint64_t publish_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- what the builder asks for ---- */

static int on_grow(void *user, uint64_t len)
{
	struct publish *p = user;

	return shm_snapshot_grow(p->shm, len);
}

static uint64_t on_publish(void *user, uint64_t root_off, uint64_t generation)
{
	struct publish *p = user;
	struct rdv *rdv = p->shm->rdv;

	atomic_store_explicit(&rdv->generation, generation, memory_order_relaxed);
	/* Pairs with the workers' acquire: the version is complete before it is named. */
	atomic_store_explicit(&rdv->root_off, root_off, memory_order_release);
	return rcu_start(rdv);
}

static bool on_is_done(void *user, uint64_t token)
{
	struct publish *p = user;

	return rcu_is_done(p->shm->rdv, token);
}

/* ---- life ---- */

/* Take over contact times and EMS ids from the version that is published. */
static void adopt_contacts(struct publish *p, const struct snap_view *v)
{
	const struct snap_ems *ems = snap_arr(v, v->config->ems);

	for (uint32_t i = 0; i < v->config->ems.count && i < SNAP_MAX_EMS; i++) {
		if (ems[i].id >= 1 && ems[i].id <= STATE_MAX_EMS)
			atomic_store(&p->contact_ms[ems[i].id],
				     atomic_load(&p->shm->rdv->ems_contact_ms[i]));
	}
}

static struct snap_build *resume(struct publish *p, uint32_t expected,
				 const struct snap_build_ops *ops)
{
	const uint64_t root_off = atomic_load(&p->shm->rdv->root_off);
	struct snap_view v;
	const char *why = "";

	if (snap_check(p->shm->snapshot, shm_snapshot_len(p->shm), root_off, NULL, &v, &why) < 0) {
		LOG(ERR, "snapshot of the earlier run is damaged: at=%s", why);
		return NULL;
	}
	adopt_contacts(p, &v);
	return snap_build_resume(p->shm->snapshot, p->shm->snapshot_cap, root_off, expected, ops);
}

struct publish *publish_new(struct shm *shm, struct state *st, bool is_resumed)
{
	struct publish *p = calloc(1, sizeof(*p));
	struct state_counts counts;

	if (p == NULL)
		return NULL;
	p->shm = shm;
	p->st = st;
	for (uint32_t i = 0; i <= STATE_MAX_EMS; i++)
		atomic_init(&p->ems_index[i], SNAP_NONE);
	const struct snap_build_ops ops = {on_grow, on_publish, on_is_done, p};
	state_counts(st, &counts);
	if (is_resumed) {
		p->build = resume(p, counts.devices, &ops);
		p->status.is_resumed = p->build != NULL;
	}
	if (p->build == NULL) {
		const struct snap_hdr *hdr = (const struct snap_hdr *)shm->snapshot;
		const uint64_t seed[2] = {hdr->hash_seed[0], hdr->hash_seed[1]};
		/*
		 * A damaged version is given up: without it nobody may decide, so nobody is let in
		 * until the new one is there.
		 */
		atomic_store(&shm->rdv->root_off, 0);
		p->build = snap_build_new(shm->snapshot, shm->snapshot_cap, counts.devices, seed,
					  hdr->instance, &ops);
	}
	if (p->build == NULL || publish_secrets_init(p, p->status.is_resumed) < 0) {
		LOG(ERR, "no memory for the snapshot");
		publish_free(p);
		return NULL;
	}
	atomic_store(&shm->rdv->cp_pid, (uint32_t)getpid());
	publish_tick(p);
	return p;
}

void publish_free(struct publish *p)
{
	if (p == NULL)
		return;
	atomic_store(&p->shm->rdv->cp_pid, 0);
	snap_build_free(p->build);
	free(p->posture);
	free(p);
}

/* ---- devices ---- */

/* The builder's id for tag set <tagset>. */
static int posture_of(struct publish *p, uint32_t tagset, uint32_t *ret)
{
	uint64_t bits[TAG_WORDS] = {};
	uint32_t nb, id;

	if (tagset >= p->cap_postures) {
		uint32_t cap = p->cap_postures > 0 ? p->cap_postures : 256;
		while (cap <= tagset)
			cap *= 2;
		uint32_t *grown = realloc(p->posture, cap * sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		memset(grown + p->cap_postures, 0, (cap - p->cap_postures) * sizeof(*grown));
		p->posture = grown;
		p->cap_postures = cap;
	}
	if (p->posture[tagset] != 0) {
		*ret = p->posture[tagset] - 1;
		return 0;
	}
	const uint16_t *ids = state_tagset(p->st, tagset, &nb);
	for (uint32_t i = 0; i < nb; i++)
		bits[ids[i] / 64] |= 1ull << (ids[i] % 64);
	const int rc = snap_build_posture(p->build, bits, TAG_WORDS, &id);
	if (rc < 0)
		return rc;
	p->posture[tagset] = id + 1;
	*ret = id;
	return 0;
}

static int put_device(struct publish *p, const struct state_device_core *c, uint64_t notified_us)
{
	const uint32_t index = atomic_load_explicit(&p->ems_index[c->ems_id], memory_order_relaxed);
	struct snap_device dev = {
		.uid = c->uid,
		.serial = c->serial,
		.posture = SNAP_NONE,
		.sysinfo_ms = c->sysinfo_ms,
		.tags_ms = c->tags_ms,
		.flags = c->flags,
	};

	if (index == SNAP_NONE) {
		if (snap_build_device_find(p->build, &c->uid) == NULL)
			return 0;
		return snap_build_device_del(p->build, &c->uid, notified_us);
	}
	dev.ems = (uint8_t)index;
	if ((c->flags & SNAP_DEV_HAS_TAGS) != 0 && c->tagset != STATE_NO_TAGSET) {
		const int rc = posture_of(p, c->tagset, &dev.posture);
		if (rc < 0)
			return rc;
	}
	return snap_build_device_put(p->build, &dev, notified_us);
}

static int put_change(struct publish *p, const struct state_change *ch)
{
	struct state_device_core core;

	switch ((enum state_change_kind)ch->kind) {
	case STATE_CHANGE_QUIET:
	case STATE_CHANGE_DECIDE:
		if (!state_core_find(p->st, &ch->uid, &core))
			return 0; /* deleted since; that change comes too */
		return put_device(p, &core, ch->kind == STATE_CHANGE_QUIET ? 0 : ch->notified_us);
	case STATE_CHANGE_DELETED:
		if (snap_build_device_find(p->build, &ch->uid) == NULL)
			return 0;
		return snap_build_device_del(p->build, &ch->uid, ch->notified_us);
	case STATE_CHANGE_TOUCH:
		return snap_build_touch(p->build, &ch->uid, ch->notified_us);
	}
	return 0;
}

static void failed(struct publish *p, const char *what, int rc)
{
	p->status.nb_failures++;
	LOG(ERR, "cannot publish: %s: %s", what, strerror(-rc));
}

int publish_changes(struct publish *p, uint32_t max)
{
	struct state_change ch[CHANGES_PER_CALL];

	while (max > 0) {
		const uint32_t want = max < CHANGES_PER_CALL ? max : CHANGES_PER_CALL;
		const uint32_t n = state_changes_take(p->st, ch, want);
		for (uint32_t i = 0; i < n; i++) {
			const int rc = put_change(p, &ch[i]);
			if (rc < 0 && !p->must_redo_all) {
				/* It must not get lost: all devices are put again, soon. */
				p->must_redo_all = true;
				failed(p, "device", rc);
			}
		}
		if (n < want)
			break;
		max -= n;
	}
	return state_nb_changes(p->st) > 0;
}

/* Put every device of the state: at start, and when the EMS indices moved. */
static int put_all(struct publish *p)
{
	struct state_device_core core;
	uint32_t pos = 0;

	while (state_core_next(p->st, &pos, &core)) {
		const int rc = put_device(p, &core, 0);
		if (rc < 0) {
			p->must_redo_all = true;
			return rc;
		}
	}
	p->must_redo_all = false;
	return 0;
}

/* ---- revoked certificates ---- */

static int put_revoked(struct publish *p)
{
	struct snap_revoked *list = NULL;
	uint32_t total = 0, n = 0, nb;

	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++) {
		(void)state_revoked(p->st, p->ems_id[i], &nb);
		total += nb;
	}
	if (total > 0) {
		list = calloc(total, sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++) {
		const struct cert_serial *serial = state_revoked(p->st, p->ems_id[i], &nb);
		for (uint32_t j = 0; j < nb; j++)
			list[n++] = (struct snap_revoked){.serial = serial[j], .ems = (uint8_t)i};
	}
	const int rc = snap_build_revoked(p->build, list, total);
	free(list);
	return rc;
}

/* ---- configuration ---- */

static int env_tag_id(void *user, const char *name, uint32_t *ret_id)
{
	struct publish *p = user;

	return state_tag_id(p->st, name, strlen(name), ret_id);
}

static int env_key_slot(void *user, struct slice der, uint32_t *ret_slot)
{
	return publish_key_slot(user, der.ptr, der.len, ret_slot);
}

static size_t env_learnt_cas(void *user, unsigned ems_id, const struct slice **ret)
{
	struct publish *p = user;

	*ret = p->cas;
	return state_ca(p->st, ems_id, p->cas);
}

static const char *env_learnt_serial(void *user, unsigned ems_id)
{
	struct publish *p = user;

	if (!state_ems_pin(p->st, ems_id, &p->pin))
		p->pin.serial_number[0] = '\0';
	return p->pin.serial_number;
}

/* Index of EMS <id> in <cfg>'s snapshot. */
static uint32_t index_in(const struct config *cfg, uint32_t id)
{
	const int idx = config_ems_snap_idx(cfg, id);

	return idx < 0 || idx >= (int)SNAP_MAX_EMS ? SNAP_NONE : (uint32_t)idx;
}

/* Take over <cfg>'s EMS indices; true when any moved. */
static bool map_ems(struct publish *p, const struct config *cfg)
{
	bool is_moved = false;

	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++)
		p->ems_id[i] = 0;
	for (uint32_t id = 1; id <= STATE_MAX_EMS; id++) {
		const uint32_t index = index_in(cfg, id);
		if (index != atomic_exchange(&p->ems_index[id], index))
			is_moved = true;
		if (index != SNAP_NONE)
			p->ems_id[index] = id;
	}
	return is_moved;
}

/*
 * The rendezvous names contact times by index: write them where the new version looks.
 *
 * XXX: between the publish and this a worker may take one EMS's time for another's. It is a
 * microsecond, and only when a new document changes the order of the connectors.
 */
static void store_contacts(struct publish *p)
{
	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++) {
		const uint64_t ms =
			p->ems_id[i] == 0 ? 0 : atomic_load(&p->contact_ms[p->ems_id[i]]);
		atomic_store(&p->shm->rdv->ems_contact_ms[i], ms);
	}
}

int publish_config(struct publish *p, const struct config *cfg)
{
	const struct config_env env = {
		.tag_id = env_tag_id,
		.key_slot = env_key_slot,
		.learnt_cas = env_learnt_cas,
		.learnt_serial = env_learnt_serial,
		.user = p,
	};
	void *obj = NULL;
	size_t len;

	publish_keys_begin(p);
	int rc = config_compile(cfg, &env, &obj, &len);
	if (rc == 0)
		rc = snap_build_config(p->build, obj, len);
	free(obj);
	if (rc < 0) {
		publish_keys_abort(p);
		return rc;
	}
	p->cfg = cfg;
	if (map_ems(p, cfg) || p->must_redo_all) {
		rc = put_all(p);
		if (rc < 0)
			failed(p, "devices", rc);
	}
	p->must_redo_revoked = true;
	return 0;
}

/* ---- publishing ---- */

static int complete_draft(struct publish *p)
{
	int rc = 0;

	if (state_ca_changed_take(p->st))
		p->must_compile = p->cfg != NULL;
	if (p->must_compile) {
		rc = publish_config(p, p->cfg);
		if (rc < 0)
			return rc;
		p->must_compile = false;
	}
	if (p->must_redo_all) {
		rc = put_all(p);
		if (rc < 0)
			return rc;
	}
	if (state_revoked_changed_take(p->st))
		p->must_redo_revoked = true;
	if (p->must_redo_revoked) {
		rc = put_revoked(p);
		if (rc < 0)
			return rc;
		p->must_redo_revoked = false;
	}
	return 0;
}

int publish_now(struct publish *p)
{
	const uint64_t begin_us = publish_now_us();
	const uint64_t before = snap_build_generation(p->build);

	int rc = complete_draft(p);
	if (rc == 0)
		rc = snap_build_publish(p->build, begin_us);
	if (rc < 0) {
		failed(p, "version", rc);
		return rc;
	}
	if (snap_build_generation(p->build) == before)
		return 0;
	store_contacts(p);
	publish_keys_commit(p);
	p->status.nb_publishes++;
	p->status.last_publish_us = publish_now_us() - begin_us;
	/* A data plane that starts later has its own time to take a version up. */
	p->spread_generation = p->status.is_dp_alive ? snap_build_generation(p->build) : 0;
	p->spread_from_us = begin_us;
	return 0;
}

void publish_tick(struct publish *p)
{
	atomic_store(&p->shm->rdv->cp_heartbeat_ms, publish_now_us() / 1000);
	publish_dp_tick(p);
	publish_tickets_tick(p);
	publish_keys_tick(p);
	if (p->must_redo_all || p->must_compile)
		(void)publish_now(p);
}

void publish_ems_contact(struct publish *p, uint32_t ems_id, uint64_t contact_ms)
{
	if (ems_id < 1 || ems_id > STATE_MAX_EMS)
		return;
	atomic_store(&p->contact_ms[ems_id], contact_ms);
	const uint32_t index = atomic_load(&p->ems_index[ems_id]);
	if (index != SNAP_NONE)
		atomic_store(&p->shm->rdv->ems_contact_ms[index], contact_ms);
}

bool publish_ems_index(const struct publish *p, uint32_t ems_id, uint32_t *ret_index)
{
	if (ems_id < 1 || ems_id > STATE_MAX_EMS)
		return false;
	*ret_index = atomic_load(&p->ems_index[ems_id]);
	return *ret_index != SNAP_NONE;
}

uint32_t publish_ems_id(const struct publish *p, uint32_t index)
{
	return index < SNAP_MAX_EMS ? p->ems_id[index] : 0;
}

bool publish_view(const struct publish *p, struct snap_view *ret)
{
	const uint64_t root_off = atomic_load(&p->shm->rdv->root_off);
	const uint8_t *base = p->shm->snapshot;

	if (root_off == 0)
		return false;
	/* Our own version: the builder made it, and resuming checked it. */
	const struct snap_root *root = (const struct snap_root *)(base + root_off);
	*ret = (struct snap_view){
		.base = base,
		.len = shm_snapshot_len(p->shm),
		.root = root,
		.device_dir = (const uint64_t *)(base + root->device_dir_off),
		.config = (const struct snap_config *)(base + root->config_off),
		.index = root->index_off == 0 ? NULL
					      : (const struct snap_index *)(base + root->index_off),
	};
	return true;
}
