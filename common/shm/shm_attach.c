/* SPDX-License-Identifier: BSD-3-Clause */

/* The data plane's side: attaching to what the control plane made. */

#include "common/shm/shm_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int map_named(const struct shm *shm, const char *name, size_t min_len, size_t map_len,
		     bool is_writer, void **ret)
{
	int fd = openat(shm->dirfd, name, (is_writer ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	int rc = shm_has_len(fd, min_len) ? shm_map(fd, map_len, is_writer, ret) : -EPROTO;
	close(fd);
	return rc;
}

static int attach_files(struct shm *shm)
{
	void *p;
	int rc = map_named(shm, SHM_FILE_RDV, sizeof(struct rdv), sizeof(struct rdv), true, &p);

	if (rc < 0)
		return rc;
	shm->rdv = p;
	int fd = openat(shm->dirfd, SHM_FILE_SNAPSHOT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	shm->snapshot_fd = fd;
	rc = shm_has_len(fd, SNAP_PAGE) ? shm_map_snapshot(shm, fd, false) : -EPROTO;
	if (rc < 0)
		return rc;
	rc = map_named(shm, SHM_FILE_SECRETS, sizeof(struct secrets), sizeof(struct secrets), false,
		       &p);
	if (rc < 0)
		return rc;
	shm->secrets = p;
	return shm_hide_secrets(shm);
}

int shm_attach(struct shm *shm, const char *dir, const char **ret_why)
{
	struct shm s = {.dirfd = -1, .snapshot_fd = -1};
	const char *why = "a file is shorter than its layout";

	s.dirfd = shm_open_dir(dir);
	if (s.dirfd < 0)
		return s.dirfd;
	int rc = attach_files(&s);
	if (rc == 0) {
		why = shm_why_mismatch(&s);
		if (why != NULL)
			rc = -EPROTO;
		else if (!shm_is_one_instance(&s))
			rc = -ENOENT; /* being replaced at this moment */
	}
	if (rc < 0) {
		shm_close(&s);
		if (rc == -EPROTO && ret_why != NULL)
			*ret_why = why;
		return rc;
	}
	*shm = s;
	return 0;
}

bool shm_is_stale(const struct shm *shm, const char *dir)
{
	struct shm s = {.dirfd = -1, .snapshot_fd = -1};
	bool is_stale = false;
	void *p;

	s.dirfd = shm_open_dir(dir);
	if (s.dirfd < 0)
		return false; /* nothing to attach to instead */
	if (map_named(&s, SHM_FILE_RDV, sizeof(struct rdv), sizeof(struct rdv), false, &p) == 0) {
		s.rdv = p;
		is_stale = s.rdv->instance != shm->rdv->instance;
	}
	shm_close(&s);
	return is_stale;
}
