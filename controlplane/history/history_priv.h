/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of history/ share: the rows as they are on disk, and the module's own. */

#pragma once

#include "history/history.h"
#include "history/journal.h"

#include <assert.h>

#define CONFIGS 16u /* kept in memory */
#define CHANGES_NAME "changes"
#define DENIALS_NAME "denials"
#define CHANGES_MAX_BYTES (64u << 20)
#define DENIALS_MAX_BYTES (32u << 20)

enum row_type {
	ROW_START = 1, /* struct row_start */
	ROW_STOP,      /* orderly; nothing */
	ROW_SET,       /* struct row_set, names: what a tag set of this segment is */
	ROW_DEVICE,    /* struct row_device: before a change */
	ROW_CONTACT,   /* struct row_contact */
	ROW_BASELINE,  /* struct row_baseline: the first synchronisation of an EMS is complete */
	ROW_LOST,      /* struct row_lost: changes that were not written */
	ROW_CONFIG,    /* struct row_config: in force from now on */
	ROW_DENIAL,    /* struct row_denial, names */
};

struct row_start {
	uint32_t nb_devices;
	uint32_t unused;
};

struct row_set {
	uint32_t set; /* of the state at that time: means something in this segment only */
	uint32_t len; /* of the names that follow, each ended by NUL */
};

#define ROW_DEVICE_KNOWN (1u << 0)
#define ROW_DEVICE_HAS_TAGS (1u << 1)

struct row_device {
	struct device_uid uid;
	struct cert_serial serial;
	uint32_t set;
	uint64_t sysinfo_ms, tags_ms;
	uint8_t ems_id, flags; /* SNAP_DEV_* */
	uint8_t what;          /* ROW_DEVICE_* */
	uint8_t unused[5];
};
static_assert(sizeof(struct row_device) == 64, "on disk");

/*
 * Contact with an EMS: from a row with <is_there> to the next without it, no two words of it were
 * further apart than CONTACT_GAP_MS.
 */
#define CONTACT_GAP_MS 5000u
#define CONTACT_BEAT_MS 60000u /* told anew, should the process end without a word */

struct row_contact {
	uint64_t contact_ms; /* CLOCK_REALTIME of the word itself */
	uint8_t ems_id, is_there;
	uint8_t unused[6];
};

struct row_baseline {
	uint8_t ems_id;
	uint8_t unused[7];
};

struct row_lost {
	uint64_t nb;
};

struct row_config {
	uint64_t hash;
};

#define ROW_DENIAL_ABI 1u

struct row_denial {
	uint32_t abi;
	uint32_t names_len;
	uint64_t config; /* hash; 0: not known */
	uint8_t has_tags;
	uint8_t unused[7];
	struct denial d;
};

struct contact {
	bool is_there;
	uint64_t real_ms, told_ms; /* the last word, and when a row said so */
};

struct history {
	struct cp *cp;
	char dir[4096];                         /* "": nothing is written */
	struct history_config *config[CONFIGS]; /* a ring */
	uint32_t nb_configs;                    /* ever kept */
	struct loop_timer tick;

	struct journal *changes, *denials;
	uint64_t nb_lost;      /* rows that are to be told of */
	uint64_t *set_segment; /* by tag set: the segment that has its names */
	uint32_t cap_sets;
	struct contact contact[STATE_MAX_EMS + 1];
	bool has_baseline[STATE_MAX_EMS + 1];
	bool is_sysinfo_full[STATE_MAX_EMS + 1], is_tags_full[STATE_MAX_EMS + 1];
	uint64_t second; /* of the clock, and denials written in it */
	uint32_t nb_this_second;
};

/* history_disk.c; each does nothing without a directory. */
void history_disk_open(struct history *h);
void history_disk_tick(struct history *h);
void history_disk_config(struct history *h, const struct history_config *c);
void history_disk_close(struct history *h);
/* history_config.c: <dir>/config-<hash>.bin. */
void history_config_save(const char *dir, const struct history_config *c);
struct history_config *history_config_load(const char *dir, uint64_t hash);
