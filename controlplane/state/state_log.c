/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The main thread's side of the file: noting, committing, making it anew. log_disk.c has the
 * thread that writes, log_load.c reads back.
 *
 *	        too much queued, or a write failed
 *	[LIVE] -----------------------------------> [LOST] frames are dropped
 *	  |  ^                                        |
 *	  |  | renamed over                           | disk caught up, after a pause
 *	  |  +------------------ [COPY] <-------------+
 *	  +----------------------> ^    frames go to both files (from LOST: to the new one)
 *	     mostly garbage             | a write failed, too much queued: back, try again later
 */

#include "common/log/log.h"
#include "state/log_priv.h"

#include <errno.h>
#include <stdlib.h>

LOG_TYPE("state");

#define QUEUE_MAX (64u << 20)     /* bytes that may wait for the disk */
#define COPY_QUEUE_MAX (8u << 20) /* the copy goes on while less than this waits */
#define COPY_STEP 4000u           /* devices per tick */
#define COPY_STEP_BYTES (4u << 20)
#define GARBAGE_MIN (4u << 20) /* a smaller file is not worth the trouble */
#define RETRY_MS 5000u

/* ---- the frame that is being noted ---- */

static bool frame_room(struct frame *f, size_t len)
{
	if (f->len + len <= f->cap)
		return true;
	size_t cap = f->cap > 0 ? f->cap : 4096;
	while (cap < f->len + len)
		cap *= 2;
	uint8_t *bytes = cap <= FRAME_MAX ? realloc(f->bytes, cap) : NULL;
	if (bytes == NULL)
		return false;
	f->bytes = bytes;
	f->cap = cap;
	return true;
}

static void put(struct frame *f, const void *ptr, size_t len)
{
	if (len > 0)
		memcpy(f->bytes + f->len, ptr, len);
	f->len += len;
}

/* Begin a record of <len> bytes; false: it cannot be noted, so the file falls behind. */
static bool note(struct state_log *log, uint8_t type, size_t len)
{
	struct frame *f;

	if (log == NULL)
		return false;
	f = &log->frame;
	if (f->len == 0) {
		if (!frame_room(f, sizeof(struct frame_hdr)))
			goto lost;
		f->len = sizeof(struct frame_hdr);
	}
	if (!frame_room(f, REC_HDR_LEN + len))
		goto lost;
	const uint32_t len32 = (uint32_t)len;
	put(f, &type, 1);
	put(f, &len32, sizeof(len32));
	return true;

lost:
	log->is_frame_lost = true;
	return false;
}

void log_note_str(struct state_log *log, uint32_t id, struct slice s)
{
	if (!note(log, REC_STR, sizeof(id) + s.len))
		return;
	put(&log->frame, &id, sizeof(id));
	put(&log->frame, s.ptr, s.len);
}

void log_note_tag(struct state_log *log, const struct state *st, uint32_t id)
{
	const struct tag *t = &st->tag[id];
	const struct rec_tag r = {id, t->pub.kind, t->pub.ems_id,
				  (uint8_t)strnlen(t->pub.uuid, sizeof(t->pub.uuid)), 0};

	if (!note(log, REC_TAG, sizeof(r) + r.uuid_len + t->name.len))
		return;
	put(&log->frame, &r, sizeof(r));
	put(&log->frame, t->pub.uuid, r.uuid_len);
	put(&log->frame, t->name.ptr, t->name.len);
}

void log_note_device(struct state_log *log, const struct state *st, const struct device *d)
{
	uint32_t nb;

	if (log == NULL)
		return;
	const uint16_t *ids = state_tagset(st, d->tagset, &nb);
	const struct rec_device r = {
		.uid = d->uid,
		.serial = d->serial,
		.sysinfo_ticks = d->sysinfo_ticks,
		.tags_ticks = d->tags_ticks,
		.ems_id = d->ems_id,
		.flags = d->flags,
		.nb_tags = ids == NULL ? REC_NO_TAGS : (uint16_t)nb,
	};
	if (!note(log, REC_DEVICE, sizeof(r) + nb * sizeof(*ids) + d->packed_len))
		return;
	put(&log->frame, &r, sizeof(r));
	put(&log->frame, ids, nb * sizeof(*ids));
	put(&log->frame, d->packed, d->packed_len);
}

void log_note_device_del(struct state_log *log, const struct device_uid *uid)
{
	if (note(log, REC_DEVICE_DEL, sizeof(*uid)))
		put(&log->frame, uid, sizeof(*uid));
}

void log_note_cursor(struct state_log *log, uint32_t ems_id, uint32_t obj,
		     const struct state_cursor *c)
{
	const uint8_t head[2] = {(uint8_t)ems_id, (uint8_t)obj};

	if (!note(log, REC_CURSOR, sizeof(head) + sizeof(*c)))
		return;
	put(&log->frame, head, sizeof(head));
	put(&log->frame, c, sizeof(*c));
	log->is_frame_urgent = true;
}

void log_note_pin(struct state_log *log, uint32_t ems_id, const struct state_ems_pin *pin)
{
	const uint8_t head = (uint8_t)ems_id;

	if (!note(log, REC_PIN, sizeof(head) + sizeof(*pin)))
		return;
	put(&log->frame, &head, sizeof(head));
	put(&log->frame, pin, sizeof(*pin));
	log->is_frame_urgent = true;
}

void log_note_cas(struct state_log *log, uint32_t ems_id, const struct state_ems *e)
{
	const uint8_t head[2] = {(uint8_t)ems_id, (uint8_t)e->nb_cas};
	size_t len = sizeof(head);

	for (uint32_t i = 0; i < e->nb_cas; i++)
		len += sizeof(uint32_t) + e->ca[i].len;
	if (!note(log, REC_CAS, len))
		return;
	put(&log->frame, head, sizeof(head));
	for (uint32_t i = 0; i < e->nb_cas; i++) {
		const uint32_t ca_len = (uint32_t)e->ca[i].len;
		put(&log->frame, &ca_len, sizeof(ca_len));
		put(&log->frame, e->ca[i].ptr, ca_len);
	}
}

void log_note_revoked(struct state_log *log, uint32_t ems_id, const struct state_ems *e)
{
	const uint8_t head = (uint8_t)ems_id;
	const size_t len = e->nb_revoked * sizeof(*e->revoked);

	if (!note(log, REC_REVOKED, sizeof(head) + len))
		return;
	put(&log->frame, &head, sizeof(head));
	put(&log->frame, e->revoked, len);
}

void log_note_vpn(struct state_log *log, const struct state_vpn *vpn, bool is_gone)
{
	const struct rec_vpn r = {
		.uid = vpn->uid,
		.ip = vpn->ip,
		.since_ms = vpn->since_ms,
		.taken = vpn->taken,
		.rejected = vpn->rejected,
	};
	const size_t len = strlen(vpn->interface);

	if (is_gone) {
		if (!note(log, REC_VPN_DEL, sizeof(r.uid) + sizeof(r.ip)))
			return;
		put(&log->frame, &r.uid, sizeof(r.uid));
		put(&log->frame, &r.ip, sizeof(r.ip));
		return;
	}
	if (!note(log, REC_VPN, sizeof(r) + len))
		return;
	put(&log->frame, &r, sizeof(r));
	put(&log->frame, vpn->interface, len);
}

/* ---- committing ---- */

static void become_lost(struct state_log *log, const char *why)
{
	if (!log->is_lost)
		LOG(WARN, "state on disk falls behind and will be made anew: %s", why);
	log->is_lost = true;
	log->is_copying = false;
	log->retry_ms = log_disk_now_ms() + RETRY_MS;
	log_disk_drop_new(&log->disk);
}

/* Hand the noted frame to the disk thread, for the files in <to>. */
static void push_frame(struct state_log *log, unsigned to)
{
	struct frame *f = &log->frame;

	if (f->len > 0 && to != 0) {
		struct frame_hdr h = {.magic = FRAME_MAGIC,
				      .len = (uint32_t)(f->len - sizeof(h)),
				      .seq = ++log->seq};
		memcpy(f->bytes, &h, sizeof(h));
		if (log_disk_push(&log->disk, f->bytes, f->len, to, log->is_frame_urgent) == 0)
			*f = (struct frame){};
		else
			log->is_frame_lost = true;
	}
	f->len = 0;
	log->is_frame_urgent = false;
	if (log->is_frame_lost)
		become_lost(log, "out of memory");
	log->is_frame_lost = false;
}

void state_log_commit(struct state_log *log)
{
	if (log == NULL || (log->frame.len == 0 && !log->is_frame_lost))
		return;
	if (log_disk_queued(&log->disk) > QUEUE_MAX)
		become_lost(log, "the disk is too slow");
	push_frame(log, (log->is_lost ? 0 : LOG_TO_MAIN) | (log->is_copying ? LOG_TO_NEW : 0));
}

/* ---- making the file anew ---- */

static uint64_t live_len(const struct state *st)
{
	return st->counts.packed_bytes +
	       st->counts.devices * (uint64_t)(REC_HDR_LEN + sizeof(struct rec_device) + 16) +
	       st->strs.bytes + st->strs.nb * 16ull + st->nb_tags * 64ull;
}

static void copy_begin(struct state_log *log)
{
	const struct state *st = log->st;
	struct state_vpn vpn;

	log->is_copying = true;
	log->copy_slot = 0;
	log_disk_begin_new(&log->disk);
	for (uint32_t id = 0; id < st->strs.nb; id++)
		log_note_str(log, id, st->strs.str[id]);
	for (uint32_t id = 0; id < st->nb_tags; id++)
		log_note_tag(log, st, id);
	for (uint32_t i = 1; i <= STATE_MAX_EMS; i++) {
		const struct state_ems *e = &st->ems[i];
		if (e->has_pin)
			log_note_pin(log, i, &e->pin);
		if (e->nb_cas > 0)
			log_note_cas(log, i, e);
		if (e->nb_revoked > 0)
			log_note_revoked(log, i, e);
	}
	for (uint32_t pos = 0; state_vpn_next(st, &pos, &vpn);)
		log_note_vpn(log, &vpn, false);
	push_frame(log, LOG_TO_NEW);
}

/* The cursors come last: they stand for all the devices before them. */
static void copy_end(struct state_log *log)
{
	for (uint32_t i = 1; i <= STATE_MAX_EMS; i++) {
		for (uint32_t obj = 0; obj < STATE_OBJ__COUNT; obj++) {
			const struct state_cursor *c = &log->st->ems[i].cursor[obj];
			if (c->updated_after[0] != '\0')
				log_note_cursor(log, i, obj, c);
		}
	}
	push_frame(log, LOG_TO_NEW);
	log_disk_end_new(&log->disk);
	log->is_ending = true;
}

static void copy_step(struct state_log *log)
{
	const struct state *st = log->st;

	if (log_disk_queued(&log->disk) > COPY_QUEUE_MAX)
		return;
	for (uint32_t n = 0; n < COPY_STEP && log->copy_slot < st->nb_slots; n++) {
		const struct device *d = state_slot(st, log->copy_slot++);
		if (d->is_used)
			log_note_device(log, st, d);
		if (log->frame.len > COPY_STEP_BYTES)
			break;
	}
	push_frame(log, LOG_TO_NEW);
	if (log->is_copying && log->copy_slot == st->nb_slots)
		copy_end(log);
}

void state_log_tick(struct state_log *log)
{
	struct log_disk_result r;

	if (log == NULL)
		return;
	state_log_commit(log);
	log_disk_result(&log->disk, &r);
	log->stats.failures += r.nb_failures;
	if (r.is_main_failed || (r.is_new_failed && log->is_copying)) {
		become_lost(log, r.why);
		log->is_ending = false;
		return;
	}
	if (log->is_ending) {
		if (r.is_new_done) {
			log->is_ending = log->is_copying = log->is_lost = false;
			log->stats.compactions++;
		}
		return;
	}
	if (log->is_copying)
		copy_step(log);
	else if (log->is_lost ? log_disk_now_ms() >= log->retry_ms
			      : r.file_len > GARBAGE_MIN && r.file_len > 2 * live_len(log->st))
		copy_begin(log);
}

/* ---- life ---- */

struct state_log *state_log_open(struct state *st, const char *dir, int *ret_rc)
{
	struct state_log *log = calloc(1, sizeof(*log));
	bool is_bad = false;

	if (log == NULL) {
		*ret_rc = -ENOMEM;
		return NULL;
	}
	log->st = st;
	int rc = log_disk_open(&log->disk, dir);
	if (rc < 0)
		goto free_log;
	rc = log_load(st, log->disk.fd, &log->stats, &log->seq, &is_bad);
	if (rc < 0)
		goto close_disk;
	rc = log_disk_start(&log->disk);
	if (rc < 0)
		goto close_disk;
	state_log_set(st, log);
	if (is_bad) {
		LOG(ERR, "state on disk is damaged, loading it in full again: good_frames=%llu",
		    (unsigned long long)log->stats.load_frames);
		for (uint32_t i = 1; i <= STATE_MAX_EMS; i++)
			state_cursors_drop(st, i);
		state_log_commit(log);
	}
	return log;

close_disk:
	log_disk_close(&log->disk);
free_log:
	free(log);
	*ret_rc = rc;
	return NULL;
}

void state_log_sync(struct state_log *log)
{
	if (log == NULL)
		return;
	state_log_commit(log);
	log_disk_sync(&log->disk);
}

void state_log_close(struct state_log *log)
{
	if (log == NULL)
		return;
	state_log_sync(log);
	log_disk_close(&log->disk);
	state_log_set(log->st, NULL);
	free(log->frame.bytes);
	free(log);
}

void state_log_stats(const struct state_log *log, struct state_log_stats *ret)
{
	if (log == NULL) {
		*ret = (struct state_log_stats){};
		return;
	}
	*ret = log->stats;
	log_disk_stats(&log->disk, ret);
	ret->live_len = live_len(log->st);
	ret->is_lost = log->is_lost;
	ret->is_compacting = log->is_copying;
}
