/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every document that was in force, on disk: which, from when, and by whom. A version is one file
 * of folder <state>/config, 17.version, never changed once it is there:
 *
 *	tagwarden-config 1 <SHA-256 of the next line>
 *	{"version": 17, "time_ms": ..., "kind": "commit", "who": "uid=0", "comment": "", ...}
 *	the document, byte for byte; its length and SHA-256 are in the line above
 *
 * A file that does not fit its sums is left out with a warning; the others are as good as ever.
 * The newest CONFIG_STORE_VERSIONS are kept, and fewer when they are large. Any thread may call;
 * a mutex of the store's own is held while files are read and written, so call without cp_lock.
 */

#pragma once

#include "common/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_STORE_VERSIONS 100u
#define CONFIG_STORE_BYTES (256u << 20) /* of all documents; the two newest are always kept */
#define CONFIG_WHO_MAX 192u
#define CONFIG_COMMENT_MAX 256u
#define CONFIG_SHA256_LEN 64u /* hexadecimal digits */

/* How a document came into force. */
enum config_kind {
	CONFIG_KIND_START,     /* the process started with it */
	CONFIG_KIND_RELOAD,    /* the file was read anew */
	CONFIG_KIND_COMMIT,    /* a candidate became the running document */
	CONFIG_KIND_TRIAL,     /* the same, until it is confirmed */
	CONFIG_KIND_CONFIRMED, /* the trial became permanent */
	CONFIG_KIND_TIMED_OUT, /* nobody confirmed: the document of before */
	CONFIG_KIND_ROLLBACK,  /* an earlier version, asked for */
	CONFIG_KIND__COUNT
};

struct config_version {
	uint64_t number;  /* from 1, never used twice */
	uint64_t time_ms; /* CLOCK_REALTIME */
	enum config_kind kind;
	uint64_t len; /* of the document */
	char sha256[CONFIG_SHA256_LEN + 1];
	char who[CONFIG_WHO_MAX];
	char comment[CONFIG_COMMENT_MAX];
};

/* The words of the API: "commit", "timed-out". */
const char *config_kind_name(enum config_kind kind);

/* Lower-case hexadecimal SHA-256 of <s>. */
void config_sha256(struct slice s, char ret[static CONFIG_SHA256_LEN + 1]);

struct config_store;

/* Make or find the folder below <state_dir> and read what is there. NULL: see *<ret_rc>. */
struct config_store *config_store_open(const char *state_dir, int *ret_rc);
void config_store_close(struct config_store *st);

/*
 * Add a version of <document>: <v> has time, kind, who and comment, and gets number, length and
 * sum. It is on disk when this returns 0; -errno: nothing was added.
 */
[[nodiscard]] int config_store_add(struct config_store *st, struct config_version *v,
				   struct slice document);

/* The newest; -ENOENT: there is none. */
[[nodiscard]] int config_store_last(struct config_store *st, struct config_version *ret);
/*
 * Versions with numbers below <before> (0: all), newest first, into <ret>: at most <cap>. Returns
 * how many.
 */
size_t config_store_list(struct config_store *st, uint64_t before, struct config_version *ret,
			 size_t cap);
/*
 * Version <number> with its document (free() it; NUL after its bytes), checked against its sum.
 * <ret_v> may be NULL. -ENOENT: not kept; -EBADMSG: the file is damaged; other -errno of reading.
 */
[[nodiscard]] int config_store_get(struct config_store *st, uint64_t number,
				   struct config_version *ret_v, char **ret, size_t *ret_len);
/*
 * The version that was in force at <time_ms> (CLOCK_REALTIME), as config_store_get(): the newest
 * that is not younger. -ENOENT: before all that are kept.
 */
[[nodiscard]] int config_store_at(struct config_store *st, uint64_t time_ms,
				  struct config_version *ret_v, char **ret, size_t *ret_len);

/* ---- one more file of the same kind: the candidate ---- */

/* -ENOENT: there is none. */
[[nodiscard]] int config_store_candidate_load(struct config_store *st, struct config_version *ret,
					      char **ret_text, size_t *ret_len);
/* <v>->number is the version that the candidate was made from. */
[[nodiscard]] int config_store_candidate_save(struct config_store *st, struct config_version *v,
					      struct slice document);
void config_store_candidate_remove(struct config_store *st);
