/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A batch: what one reply of EMS said, parsed by the connector's thread into memory of its own,
 * then handed to the main thread with cp_post_batch(). Usual life:
 *
 *	struct state_batch *b = state_batch_new(ems_id);
 *	struct state_sysinfo *s = state_batch_sysinfo(b, &uid);
 *	s->flags = SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE;
 *	s->field[STATE_F_HOST_NAME] = state_batch_copy(b, ptr, len);
 *	b->notified_us = ...;
 *	if (cp_post_batch(cp, b) < 0)
 *		state_batch_free(b);
 *
 * Running out of memory is sticky: adders return NULL, copies are empty, and
 * state_batch_is_failed() tells; such a batch must not be posted.
 */

#pragma once

#include "common/base/ids.h"
#include "common/base/slice.h"
#include "common/snap/snap_layout.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_MAX_EMS 7u
#define STATE_TIME_STRLEN 32u /* longest time that is kept; EMS sends 27 characters */
#define STATE_FIELD_MAX 254u  /* longer values are cut */
#define STATE_MAX_ROUTES 8u   /* further ones are not kept */
/* A longer or malformed list makes the device's posture unknown: cutting it could let it in. */
#define STATE_MAX_DEVICE_TAGS 256u
#define STATE_TAG_MAX 120u /* bytes of a raw tag name */

enum state_field {
#define STATE_FIELD(sym, key, label, shared) STATE_F_##sym,
#include "state/state_field.def"
#undef STATE_FIELD
	STATE_F__COUNT,
};

/* One way to the device, from gateway_route_list. */
struct state_route {
	struct slice gateway_sn;
	struct slice interface;
	struct slice vdom;
	struct slice ip;
	struct slice mac;
	struct slice type; /* "direct", "vpn" */
};

/* A sysinfo record: replaces what was known of the device's system, not its tags. */
struct state_sysinfo {
	struct device_uid uid;
	struct cert_serial serial; /* all zero: no certificate */
	bool is_deleted;           /* EMS no longer has it; the rest does not matter */
	uint8_t flags;             /* SNAP_DEV_REGISTERED, ONLINE, QUARANTINED, ON_NET */
	struct slice update_time;  /* "2024-07-11 17:57:52.3553944", UTC */
	struct slice field[STATE_F__COUNT];
	uint32_t nb_routes;
	struct state_route *route; /* room for STATE_MAX_ROUTES, by state_batch_route() */
};

/* A device's complete list of tags. */
struct state_tag_ref {
	struct slice name; /* raw, as EMS sent it: "FortiAD", "Low" */
	uint8_t kind;      /* enum snap_tag_kind; another value refuses the list */
};

struct state_tags {
	struct device_uid uid;
	struct slice update_time;
	uint32_t nb_tags;
	struct state_tag_ref *tag;
};

#define STATE_MAC_LEN 6u
struct state_mac {
	uint8_t b[STATE_MAC_LEN];
};
struct state_range {
	struct ip_addr from, to;
};

enum state_tag_action {
	STATE_TAG_ADD,    /* these addresses joined */
	STATE_TAG_REMOVE, /* these left */
	STATE_TAG_DELETE, /* all left: EMS no longer has the tag */
};

/* What the tags API says of one tag: a change of the lists of those who carry it. */
struct state_tag_def {
	struct slice name; /* raw */
	uint8_t kind;
	uint8_t action;    /* enum state_tag_action */
	struct slice uuid; /* 36 characters */
	uint32_t nb_ips, nb_ranges, nb_macs;
	struct ip_addr *ip;
	struct state_range *range;
	struct state_mac *mac;
};

/* A cursor as EMS gave it; kept and echoed as it is. */
struct state_cursor {
	char updated_after[STATE_TIME_STRLEN + 1];
	char offset[37]; /* uid_offset or tag_uid_offset */
};

struct state_batch {
	/* set by the connector */
	uint8_t ems_id;
	/*
	 * Part of a pull without a cursor. <is_first> and <is_last> mark its first and last page:
	 * after the last one, devices of this EMS that no page of it named are deleted (cursor_obj
	 * STATE_OBJ_SYSINFO) or lose their posture (STATE_OBJ_UID_TAGS).
	 */
	bool is_full, is_first, is_last;
	uint64_t notified_us; /* CLOCK_MONOTONIC of the notification that led here; 0: none */
	/* saved after the data are; obj is enum state_obj */
	bool has_cursor;
	uint8_t cursor_obj;
	struct state_cursor cursor;
	/* when it points to true the batch is dropped: its connector was stopped meanwhile */
	const _Atomic(bool) *is_void;
	/* called on the main thread under the lock when all is applied and published, or when the
	 * batch is dropped at shutdown (<is_applied> false) */
	void (*on_done)(void *user, bool is_applied);
	void *user;

	/* filled by the functions below */
	struct state_sysinfo *sysinfo;
	struct state_tags *tags;
	struct state_tag_def *def;
	struct device_uid *pulled; /* asked for by UID: those that did not come are touched */
	uint32_t nb_sysinfo, nb_tags, nb_def, nb_pulled;
	uint32_t cap_sysinfo, cap_tags, cap_def, cap_pulled;
	bool is_failed;
	struct state_chunk *chunk; /* memory of the copies */

	/* main thread: where applying goes on */
	uint32_t next;
	struct state_batch *link; /* queue of the publisher */
};

/* Any thread; a batch is used by one thread at a time. NULL: out of memory. */
struct state_batch *state_batch_new(uint32_t ems_id);
void state_batch_free(struct state_batch *b);

/* Copy bytes into the batch's memory. */
struct slice state_batch_copy(struct state_batch *b, const void *ptr, size_t len);
/*
 * Append a record, zeroed but for <uid>. The pointer is valid until the next append of its kind.
 * NULL: out of memory.
 */
struct state_sysinfo *state_batch_sysinfo(struct state_batch *b, const struct device_uid *uid);
/* Append a route to <s>, or NULL when it has STATE_MAX_ROUTES. */
struct state_route *state_batch_route(struct state_batch *b, struct state_sysinfo *s);
/* Append a device's tag list with room for <nb> tags; the caller fills all of <tag>. */
struct state_tags *state_batch_tags(struct state_batch *b, const struct device_uid *uid,
				    uint32_t nb);
struct state_tag_def *state_batch_def(struct state_batch *b);
/* Room for <len> bytes in the batch's memory, aligned to 8. NULL: out of memory. */
void *state_batch_room(struct state_batch *b, size_t len);
void state_batch_pulled(struct state_batch *b, const struct device_uid *uid);

static inline bool state_batch_is_failed(const struct state_batch *b)
{
	return b->is_failed;
}
static inline uint32_t state_batch_nb(const struct state_batch *b)
{
	return b->nb_sysinfo + b->nb_tags + b->nb_def + b->nb_pulled;
}
