/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of state/ share. */

#pragma once

#include "state/state.h"
#include "state/state_log.h"
#include "state/state_vpn.h"

#include <assert.h>

#define DEVICES_PER_CHUNK 4096u
#define SLOT_NONE UINT32_MAX
#define TICKS_PER_MS 10000u /* EMS's times have a resolution of 100 ns */

/* ---- shared strings: values of which a fleet has few ---- */

#define STRS_MAX 65536u
#define STRS_MAX_BYTES (8u << 20)

struct strs {
	uint64_t seed[2];
	struct slice *str; /* by id */
	uint32_t nb, cap;
	uint32_t *table; /* id + 1; 0: free; power of two */
	uint32_t table_cap;
	uint64_t bytes;
};

/* Keyed hash of any bytes: an EMS must not be able to make a table slow. */
uint64_t state_hash(const uint64_t seed[static 2], const void *ptr, size_t len);
/* Id of <s>, made when there is none. -ENOSPC: the pool is full, keep the string elsewhere. */
[[nodiscard]] int strs_put(struct strs *p, struct slice s, uint32_t *ret_id, bool *ret_is_new);
void strs_fini(struct strs *p);

/* ---- packed fields ---- */

/*
 * A device's fields and routes in one allocation:
 *	[field]		 [len][bytes]	inline
 *	[field | 0x80]	 [varint id]	shared string
 *	[PACK_ROUTE]	 4 x ref, 2 x ([len][bytes], len 255: as the field IP or MAC)
 *	ref: [varint id + 1], or [0][len][bytes]
 * Decoding trusts nothing: the bytes may come from the disk.
 */
#define PACK_ROUTE 0x7fu
#define PACK_SHARED 0x80u
#define PACK_MAX 24576u
static_assert(STATE_F__COUNT < PACK_ROUTE, "field ids and PACK_ROUTE share a byte");

/* Returns the length, 0 when <s> has nothing. Shared strings may be added to <p>. */
uint32_t state_pack(struct state *st, const struct state_sysinfo *s, uint8_t ret[static PACK_MAX]);
/* false: malformed. <ret> may be NULL to only check. */
bool state_unpack(const struct strs *p, const uint8_t *ptr, uint32_t len, struct state_device *ret);

/* ---- time ---- */

/* "2024-07-11 17:57:52.3553944" in 100 ns since 1970; 0 when it is not a time. */
uint64_t state_time_parse(struct slice s);
struct slice state_time_emit(uint64_t ticks, char ret[static STATE_TIME_STRLEN + 1]);

/* ---- devices ---- */

struct device {
	struct device_uid uid;
	struct cert_serial serial;
	uint32_t tagset;
	uint64_t sysinfo_ticks, tags_ticks;
	uint64_t notified_us;
	uint8_t *packed;
	uint16_t packed_len;
	uint8_t ems_id;
	uint8_t flags;
	uint8_t change;                  /* enum state_change_kind + 1; 0: none is queued */
	uint8_t seen_sysinfo, seen_tags; /* epoch of the full pull that named it last */
	bool is_used;
	uint32_t next_free; /* when not used */
};
static_assert(sizeof(struct device) <= 88, "a million of them");

struct tag {
	struct state_tag pub;
	struct slice name;
	struct tag_list *list[STATE_MAX_EMS + 1]; /* by EMS; NULL: none */
};

/* A set of tag ids, ascending; interned and never freed: a fleet has few. */
#define TAGSETS_MAX (1u << 20)
struct tagset {
	uint16_t *ids;
	uint32_t nb;
};

struct state_ems {
	struct state_ems_status status;
	struct state_cursor cursor[STATE_OBJ__COUNT];
	struct state_ems_pin pin;
	bool has_pin;
	struct slice ca[STATE_MAX_CAS];
	uint32_t nb_cas;
	struct cert_serial *revoked;
	uint32_t nb_revoked;
	uint8_t epoch_sysinfo, epoch_tags; /* of the running or last full pull */
};

struct state {
	uint64_t seed[2];
	struct state_log *log;

	struct device **chunk;
	uint32_t nb_chunks, nb_slots; /* slots ever used */
	uint32_t free_slot;           /* head of the free list, SLOT_NONE */
	uint32_t *table;              /* slot + 1; 0: free, power of two, linear probing */
	uint32_t table_cap;
	struct state_counts counts;
	struct strs strs;

	struct tag *tag; /* SNAP_MAX_TAGS of them */
	uint32_t nb_tags;
	uint16_t *tag_table; /* id + 1 */
	uint32_t nb_addrs;   /* in tags' lists */
	struct tagset *tagset;
	uint32_t nb_tagsets, cap_tagsets;
	uint32_t *tagset_table; /* id + 1, power of two */
	uint32_t tagset_table_cap;

	struct state_ems ems[STATE_MAX_EMS + 1];
	bool is_ca_changed, is_revoked_changed;
	struct state_vpns *vpns; /* NULL: none yet */

	/* changes for the publisher: gone and touched devices by UID, the others by slot */
	struct state_change *gone;
	uint32_t nb_gone, cap_gone, next_gone;
	uint32_t *dirty;
	uint32_t nb_dirty, cap_dirty, next_dirty;

	struct state_observer observer;
	struct state_device_core before; /* of the device that is being changed */
	bool has_before;

	struct state_device scratch_device;
	uint8_t scratch[PACK_MAX];
};

struct device *state_slot(const struct state *st, uint32_t slot);
uint32_t state_slot_find(const struct state *st, const struct device_uid *uid);
/* Find or make. SLOT_NONE: out of memory. */
uint32_t state_slot_get(struct state *st, const struct device_uid *uid, bool *ret_is_new);
void state_slot_del(struct state *st, uint32_t slot);
/* Queue a change; a stronger kind replaces a weaker. */
void state_change_note(struct state *st, uint32_t slot, enum state_change_kind kind,
		       uint64_t notified_us);
void state_gone_note(struct state *st, const struct device_uid *uid, enum state_change_kind kind,
		     uint64_t notified_us);
/* Tell the observer that the device of <st->before>, or <uid> that was not there, changed. */
void state_tell(struct state *st, const struct device_uid *uid, uint8_t ems_id, bool is_full);
/* Keep the counts in step: before (-1) and after (+1) a device changes. */
void state_count(struct state *st, const struct device *d, int sign);
bool state_core_of(const struct device *d, struct state_device_core *ret);
/* Replace a device's packed fields; false when out of memory (the old ones stay). */
bool state_packed_set(struct state *st, struct device *d, const uint8_t *ptr, uint32_t len);

/* ---- tags ---- */

int state_tags_init(struct state *st);
void state_tags_fini(struct state *st);
/* Sorted ids without repetitions. -ENOSPC, -ENOMEM. */
[[nodiscard]] int state_tagset_get(struct state *st, const uint16_t *ids, uint32_t nb,
				   uint32_t *ret_id);
/* Move a device to another set, with the tags' counts. */
void state_tagset_move(struct state *st, struct device *d, uint32_t tagset);
/* As state_tag_id(), from a raw name of EMS. */
[[nodiscard]] int state_tag_of_ems(struct state *st, struct slice raw, uint8_t kind, uint8_t ems_id,
				   uint32_t *ret_id);
void state_tag_define(struct state *st, const struct state_tag_def *def, uint8_t ems_id);
/* Load: the tag with exactly this id. */
[[nodiscard]] int state_tag_load(struct state *st, uint32_t id, struct slice name, uint8_t kind,
				 uint8_t ems_id, struct slice uuid);

/* ---- tags' addresses ---- */

void state_tag_lists_free(struct state *st, struct tag *t);
void state_tag_lists_change(struct state *st, struct tag *t, const struct state_tag_def *def,
			    uint8_t ems_id);
/* A full pull begins, or the EMS is another one: it tells all of its lists anew. */
void state_tag_lists_drop(struct state *st, uint32_t ems_id);

/* ---- EMS ---- */

void state_ems_fini(struct state_ems *e);

/* ---- VPN sessions ---- */

void state_vpns_free(struct state_vpns *v);
/* What EMS <ems_id> said of sessions is forgotten: another one has that id now. */
void state_vpn_forget_ems(struct state *st, uint32_t ems_id);

/* ---- noting for the log; each does nothing without one ---- */

void log_note_str(struct state_log *log, uint32_t id, struct slice s);
void log_note_tag(struct state_log *log, const struct state *st, uint32_t id);
void log_note_device(struct state_log *log, const struct state *st, const struct device *d);
void log_note_device_del(struct state_log *log, const struct device_uid *uid);
void log_note_cursor(struct state_log *log, uint32_t ems_id, uint32_t obj,
		     const struct state_cursor *c);
void log_note_vpn(struct state_log *log, const struct state_vpn *vpn, bool is_gone);
void log_note_pin(struct state_log *log, uint32_t ems_id, const struct state_ems_pin *pin);
void log_note_cas(struct state_log *log, uint32_t ems_id, const struct state_ems *e);
void log_note_revoked(struct state_log *log, uint32_t ems_id, const struct state_ems *e);
