/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this EMS knows: devices, the tags that they carry, certificates that it revoked.
 *
 * Sized for a million devices: a device is 80 bytes and what a synthetic one shows (host name,
 * addresses, hardware) is computed from its index; only devices that somebody described or
 * changed own a <struct dev_extra>. Tag sets are interned, as a large fleet has few distinct ones.
 *
 * Changes are found by time. Each kind of report (system info, tags by UID, tag members) has a log
 * in order of (update time, UID). A log entry is live while its time is still the device's own
 * time; a later change of the same device leaves the old entry behind as stale. A client's cursor
 * is looked up by bisection, so a page costs what it holds, wherever in the fleet it starts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	UID_LEN = 16,
	SERIAL_LEN = 20,
	TICKS_PER_S = 10000000, /* update times count in units of 100 ns, as SQL Server does */
};

/* The type number of a tag on the wire. */
enum tag_kind {
	TAG_ZTNA = 1,
	TAG_CLASS = 2,
	TAG_OUTBREAK = 3,
	TAG_FABRIC = 4,
};

struct tag {
	char name[64];
	enum tag_kind kind;
	uint8_t uuid[16];
};

struct tagset {
	uint32_t nb;
	uint32_t *ids; /* ascending */
};

enum {
	DEV_F_REGISTERED = 1u << 0,
	DEV_F_ONLINE = 1u << 1,
	DEV_F_QUARANTINED = 1u << 2,
	DEV_F_ONNET = 1u << 3,
	DEV_F_DELETED = 1u << 4,
	DEV_F_SYNTH = 1u << 5,
	DEV_F_TOUCHED = 1u << 6, /* must be saved: not made again by the synthetic generator */
	DEV_F_VPN_REJECTED = 1u << 7,
};

/* What somebody said about a device; an empty string or 0 means: show the generated value. */
struct dev_extra {
	char hostname[64];
	char user[64];
	uint32_t vpn_ip[2]; /* IPv4, IPv6; told by the gateway */
	uint32_t avatar;    /* which one of the user's pictures */
	char gateway_mac[18];
};

struct dev {
	uint8_t uid[UID_LEN];
	uint8_t serial[SERIAL_LEN]; /* zeros: EMS knows no certificate */
	uint32_t ip;                /* as ip_parse() */
	uint32_t tagset;
	uint32_t flags;
	uint64_t sys_time;
	uint64_t tag_time;
	uint32_t idx;
	uint32_t synth; /* index in the synthetic fleet */
	struct dev_extra *extra;
};

struct log_entry {
	uint64_t time;
	uint32_t dev;
};

struct change_log {
	struct log_entry *e;
	size_t nb;
	size_t cap;
};

enum member_action {
	MEMBER_ADD,
	MEMBER_REMOVE,
};

/* A device's address joined or left a tag. The time is unique, so that time alone is a cursor. */
struct member {
	uint64_t time;
	uint32_t tag;
	uint32_t dev;
	uint32_t ip;
	enum member_action action;
};

struct cursor {
	bool is_set;
	uint64_t time;
	uint8_t id[16]; /* a UID or a tag's UUID */
};

struct store {
	struct dev *devs;
	size_t nb_devs, cap_devs;
	uint32_t *index; /* open addressing by UID; 0 is empty, else device index + 1 */
	size_t index_cap;
	struct tag *tags;
	size_t nb_tags, cap_tags;
	struct tagset *sets; /* set 0 is the empty one */
	size_t nb_sets, cap_sets;
	uint32_t *set_index; /* open addressing by members; 0 is empty, else set + 1 */
	size_t set_index_cap;
	struct change_log sys_log, tag_log;
	struct member *members;
	size_t nb_members, cap_members;
	uint8_t (*revoked)[SERIAL_LEN];
	size_t nb_revoked, cap_revoked;
	uint64_t last_time;
	bool is_replay; /* ticks only count up, without a look at the clock */
	bool is_dirty;  /* something changed that a restart must know */
};

void store_init(struct store *st);
void store_fini(struct store *st);

/* The next update time: now, or one tick after the last one when the clock did not move on. */
uint64_t store_tick(struct store *st);

/* Room for <nb> more devices at once. */
void store_reserve(struct store *st, size_t nb);

/* The device of that UID or NULL; deleted ones are found too. */
struct dev *store_find(struct store *st, const uint8_t uid[static UID_LEN]);

/* Add a device that is not there yet; no log entry is written. The pointer lives until the next. */
struct dev *store_add(struct store *st, const uint8_t uid[static UID_LEN]);

/* The parts of a device that not every device has; made on first use. */
struct dev_extra *store_dev_extra(struct dev *d);

/* Give the device a new update time in the system info or the tag report. */
void store_touch_sys(struct store *st, struct dev *d);
void store_touch_tags(struct store *st, struct dev *d);

/* Bring the logs back into order after entries with old times were appended (at load). */
void store_sort_logs(struct store *st);

/* Append with a given time; (time, UID) must not be smaller than the last entry's. */
void store_log(struct change_log *log, uint64_t time, uint32_t dev);
void store_log_member(struct store *st, const struct dev *d, uint32_t tag, uint32_t ip,
		      enum member_action action);

/*
 * The tag that <spec> names: "FortiAD" or "ZTNA:FortiAD" zero trust, "CLASS:Low" classification,
 * "OUTBREAK:x", "FABRIC:x". Made when new. Returns its id or -EINVAL.
 */
[[nodiscard]] int store_tag(struct store *st, const char *spec);

/* The interned set of these ids, which are sorted in place. */
uint32_t store_tagset(struct store *st, uint32_t *ids, uint32_t nb);
bool store_tagset_has(const struct store *st, uint32_t set, uint32_t tag);

/* Put the tag on the device or take it off. Returns whether that changed anything. */
bool store_dev_tag(struct store *st, struct dev *d, uint32_t tag, bool is_add);

/* Take all tags off. */
void store_dev_untag_all(struct store *st, struct dev *d);

/* Change an address and tell it to the tags' address lists: the device's own or its VPN one. */
void store_dev_set_ip(struct store *st, struct dev *d, uint32_t ip);
void store_dev_set_vpn_ip(struct store *st, struct dev *d, bool is_v6, uint32_t ip);

/* The device's serial becomes zeros and is listed as revoked. */
void store_dev_revoke(struct store *st, struct dev *d);
void store_add_revoked(struct store *st, const uint8_t serial[static SERIAL_LEN]);

/* The first log entry after the cursor. */
size_t store_log_seek(const struct store *st, const struct change_log *log,
		      const struct cursor *cur);
size_t store_member_seek(const struct store *st, const struct cursor *cur);

/* Whether the member entry still says something true about today. */
bool store_member_is_live(const struct store *st, const struct member *m);

const char *tag_kind_prefix(enum tag_kind kind);

/* "2024-07-11 17:57:52.3553944" (UTC) and back. */
enum {
	TIME_TEXT_LEN = 27
};
void time_format(uint64_t ticks, char out[static TIME_TEXT_LEN + 1]);
[[nodiscard]] int time_parse(const char *s, uint64_t *ret_ticks);

/*
 * An address in 32 bits: IPv4 in host byte order, or below 2^24 (which is no host's, RFC 1122
 * 3.2.1.3) the number of an IPv6 address that was parsed before; 0 is none. 0 or -EINVAL.
 */
enum {
	IP_TEXT = 46
};
[[nodiscard]] int ip_parse(const char *s, uint32_t *ret_ip);
void ip_format(uint32_t ip, char out[static IP_TEXT]);
bool ip_is_v6(uint32_t ip);

/* "8-4-4-4-12" text of a UUID, upper case. */
void uuid_format(const uint8_t uuid[static 16], char out[static 37]);
[[nodiscard]] int uuid_parse(const char *s, uint8_t out[static 16]);
void uid_format(const uint8_t uid[static UID_LEN], char out[static 33]);
