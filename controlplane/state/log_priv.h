/* SPDX-License-Identifier: BSD-3-Clause */

/* The state's file: format, disk thread, and what the log's files share. */

#pragma once

#include "state/state_priv.h"

#include <pthread.h>
#include <sys/queue.h>

/* ---- format, little endian; see state_log.h ---- */

#define LOG_MAGIC "TWSTATE1"

struct log_hdr {
	char magic[8]; /* LOG_MAGIC: another layout gets another number */
	uint64_t unused;
};
static_assert(sizeof(struct log_hdr) == 16, "on disk");

#define FRAME_MAGIC 0x4d415246u
#define FRAME_MAX (256u << 20)

struct frame_hdr {
	uint32_t magic;
	uint32_t len;    /* bytes of records that follow */
	uint64_t seq;    /* grows from frame to frame; the two files share the count */
	uint32_t crc32c; /* of the records, then of this header with crc32c 0 */
	uint32_t unused;
};
static_assert(sizeof(struct frame_hdr) == 24, "on disk");

/* A record: [type][u32 length][bytes]. */
#define REC_HDR_LEN 5u

enum rec {
	REC_STR = 1,    /* u32 id, bytes: the next shared string */
	REC_TAG,        /* struct rec_tag, uuid, name */
	REC_DEVICE,     /* struct rec_device, tag ids, packed fields: all of the device */
	REC_DEVICE_DEL, /* uid */
	REC_CURSOR,     /* EMS, object, struct state_cursor */
	REC_PIN,        /* EMS, struct state_ems_pin; empty: none */
	REC_CAS,        /* EMS, count, each u32 length and DER */
	REC_REVOKED,    /* EMS, serial numbers */
	REC_VPN = 32,   /* struct rec_vpn, interface */
	REC_VPN_DEL,    /* uid, address */
};

struct rec_tag {
	uint32_t id;
	uint8_t kind;
	uint8_t ems_id;
	uint8_t uuid_len;
	uint8_t unused;
};
static_assert(sizeof(struct rec_tag) == 8, "on disk");

#define REC_NO_TAGS UINT16_MAX

struct rec_device {
	struct device_uid uid;
	struct cert_serial serial;
	uint8_t ems_id;
	uint8_t flags;
	uint16_t nb_tags; /* REC_NO_TAGS: unknown */
	uint64_t sysinfo_ticks, tags_ticks;
};
static_assert(sizeof(struct rec_device) == 56, "on disk");

struct rec_vpn {
	struct device_uid uid;
	struct ip_addr ip;
	uint64_t since_ms;
	uint8_t taken, rejected;
	uint8_t unused[6];
};
static_assert(sizeof(struct rec_vpn) == 48, "on disk");

uint32_t log_frame_crc(struct frame_hdr h, const void *records);

/* ---- the disk thread ---- */

#define LOG_TO_MAIN 1u
#define LOG_TO_NEW 2u

struct log_item;
STAILQ_HEAD(log_items, log_item);

struct log_disk {
	/* set before the thread starts */
	int dirfd, lock_fd;
	pthread_t thread;
	bool is_started;

	/* the thread's */
	int fd, new_fd; /* new_fd -1: none */
	uint64_t synced_ms;
	bool is_dirty;

	/* under <mutex> */
	pthread_mutex_t mutex;
	pthread_cond_t wake, idle;
	struct log_items items;
	size_t queued; /* bytes, the item that is being written included */
	bool is_stopping, is_busy, is_urgent;
	bool is_main_failed, is_new_failed, is_new_done;
	char why[64];
	uint64_t nb_failures, file_len, new_len, frames, bytes, syncs;
};

struct log_disk_result {
	bool is_main_failed, is_new_failed, is_new_done;
	uint64_t nb_failures; /* since the last call */
	uint64_t file_len;
	char why[64];
};

/* Open the directory and the file, made when there is none. -EBUSY: another process has it. */
[[nodiscard]] int log_disk_open(struct log_disk *d, const char *dir);
[[nodiscard]] int log_disk_start(struct log_disk *d);
/* Write what is queued, sync, stop, close. Also after a failed log_disk_start(). */
void log_disk_close(struct log_disk *d);
/* Takes <bytes> over on success. -ENOMEM. */
[[nodiscard]] int log_disk_push(struct log_disk *d, uint8_t *bytes, size_t len, unsigned to,
				bool is_urgent);
void log_disk_begin_new(struct log_disk *d);
void log_disk_end_new(struct log_disk *d);
void log_disk_drop_new(struct log_disk *d);
size_t log_disk_queued(struct log_disk *d);
/* What happened since the last call. */
void log_disk_result(struct log_disk *d, struct log_disk_result *ret);
void log_disk_sync(struct log_disk *d);
void log_disk_stats(const struct log_disk *d, struct state_log_stats *ret);
uint64_t log_disk_now_ms(void);

/*
 * Read <fd> into <st>, cut off what does not count. 0, also for a damaged file (<ret_is_bad>), or
 * -errno of the disk.
 */
[[nodiscard]] int log_load(struct state *st, int fd, struct state_log_stats *stats,
			   uint64_t *ret_seq, bool *ret_is_bad);

/* ---- the log ---- */

struct frame {
	uint8_t *bytes; /* struct frame_hdr first */
	size_t len, cap;
};

struct state_log {
	struct state *st;
	struct log_disk disk;
	struct frame frame;
	bool is_frame_lost;   /* something of it could not be noted */
	bool is_frame_urgent; /* sync soon */
	uint64_t seq;
	bool is_lost, is_copying, is_ending;
	uint32_t copy_slot;
	uint64_t retry_ms;
	struct state_log_stats stats;
};
