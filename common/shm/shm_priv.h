/* SPDX-License-Identifier: BSD-3-Clause */

/* What the two sides of shm share: file names, opening, mapping. */

#pragma once

#include "common/shm/shm.h"

#define SHM_FILE_SNAPSHOT "snapshot"
#define SHM_FILE_RDV "rendezvous"
#define SHM_FILE_SECRETS "secrets"
#define SHM_FILE_FEEDBACK "feedback"

struct shm_owner {
	uid_t uid;
	gid_t gid;
};

/* File descriptor or -errno. */
int shm_open_dir(const char *dir);
[[nodiscard]] int shm_random(void *ret, size_t len);
[[nodiscard]] int shm_map(int fd, size_t len, bool is_writer, void **ret);
/* Map as much of SHM_SNAPSHOT_CAP as there is address space for. */
[[nodiscard]] int shm_map_snapshot(struct shm *shm, int fd, bool is_writer);
/* A new file of <len> zero bytes under the name <tmp>, open for writing. fd or -errno. */
int shm_file_new(int dirfd, const char *tmp, const struct shm_owner *o, mode_t mode, size_t len);
bool shm_has_len(int fd, size_t len);
[[nodiscard]] int shm_hide_secrets(struct shm *shm);
/* Which of the three mapped files is of another magic or ABI; NULL: none. */
const char *shm_why_mismatch(const struct shm *shm);
bool shm_is_one_instance(const struct shm *shm);
void shm_unmap(struct shm *shm);
