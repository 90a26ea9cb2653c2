/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The shared-memory directory and its four files: made by the control plane, attached by the
 * data plane. The kernel enforces who may write: files are owned by their writer, mode 0640 (0660
 * for rendezvous), group shared, and readers open them O_RDONLY.
 *
 *	file         made by          control plane  data plane
 *	snapshot     control plane    rw             ro
 *	rendezvous   control plane    rw             rw
 *	secrets      control plane    rw             ro
 *	feedback     data plane       ro             rw
 */

#pragma once

#include "common/shm/feedback_layout.h"
#include "common/shm/rendezvous_layout.h"
#include "common/shm/secrets_layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SHM_DEFAULT_DIR "/dev/shm/tagwarden"
#define SHM_SNAPSHOT_CAP (64ull << 30) /* address space mapped for the snapshot, file is sparse */

struct shm {
	int dirfd;
	int snapshot_fd; /* to grow the file, and to see its length */
	uint8_t *snapshot;
	size_t snapshot_cap;
	struct rdv *rdv;
	struct secrets *secrets;
	struct feedback_hdr *feedback; /* NULL while there is none */
	size_t feedback_len;
	uint64_t feedback_epoch;
	/* the feedback header's numbers as they were checked: it may change under a reader */
	uint32_t fb_workers, fb_records, fb_rows;
};

/*
 * Control plane: make or reuse the directory and its three files. A file with another magic or
 * ABI is replaced (a new inode, so that an attached old data plane keeps its old one and notices
 * by rdv.instance). <uid>/<gid>: owner of the files when called as root, (uid_t)-1 leaves it. A
 * directory that exists keeps its owner and mode; -EPERM when everybody may write it.
 * Stores true in <ret_resumed> when a published snapshot of this ABI was found. 0 or -errno.
 *
 * A new snapshot file is one page: a struct snap_hdr with the instance and hash seed that
 * snap_build_new() is to be given.
 */
[[nodiscard]] int shm_create(struct shm *shm, const char *dir, uid_t uid, gid_t gid,
			     bool *ret_resumed);
/*
 * Data plane: attach. -ENOENT: the control plane has not made it yet; -EPROTO: another magic or
 * ABI, see <ret_why>.
 */
[[nodiscard]] int shm_attach(struct shm *shm, const char *dir, const char **ret_why);
/* Bytes of the snapshot mapping that exist. Ask after having acquired rdv.root_off. */
size_t shm_snapshot_len(const struct shm *shm);
/* Control plane: make [0, len) of the snapshot exist; struct snap_build_ops.grow. */
[[nodiscard]] int shm_snapshot_grow(struct shm *shm, uint64_t len);
/* Data plane: make the feedback file anew for <nb_workers>. */
[[nodiscard]] int shm_feedback_create(struct shm *shm, uint32_t nb_workers, uint32_t nb_records,
				      uint32_t nb_rows, uid_t uid, gid_t gid);
/*
 * Control plane: map the current feedback file, again when the data plane has made a new one.
 * 0 mapped and unchanged, 1 mapped anew, -ENOENT none, -EPROTO refused. When <rdv> says that
 * the consumer indices count another file's records, they are set to 0.
 */
[[nodiscard]] int shm_feedback_attach(struct shm *shm);
void shm_close(struct shm *shm);

/* The file was replaced under an attached data plane: it must attach again. */
bool shm_is_stale(const struct shm *shm, const char *dir);

/* Checked access; NULL when <worker> or the header's numbers are out of range. */
struct feedback_worker *shm_feedback_worker(const struct shm *shm, uint32_t worker);
struct record *shm_feedback_records(const struct shm *shm, uint32_t worker);
struct session_row *shm_feedback_rows(const struct shm *shm, uint32_t worker);
uint8_t *shm_feedback_ring(const struct shm *shm, uint32_t worker); /* CAPTURE_RING bytes */
