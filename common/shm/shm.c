/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The control plane's side: making the directory and the files, or taking them over from an
 * earlier run. Each file is made under another name, filled, and renamed into place, so that
 * whoever opens it by its name finds it whole; the three carry one random instance number, so
 * that files of two makings are never mixed.
 */

#include "common/shm/shm.h"

#include "common/shm/rcu.h"
#include "common/shm/shm_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SNAPSHOT_CAP_MIN (1ull << 30) /* a few million devices */

static_assert(SECRETS_SLOTS == SNAP_MAX_KEYS, "snap_check() bounds key_slot by the latter");

int shm_open_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

int shm_random(void *ret, size_t len)
{
	ssize_t n = getrandom(ret, len, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int shm_map(int fd, size_t len, bool is_writer, void **ret)
{
	/* NORESERVE: the snapshot's 64 GiB are address space, the file's pages are the memory. */
	void *p = mmap(NULL, len, is_writer ? PROT_READ | PROT_WRITE : PROT_READ,
		       MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

int shm_map_snapshot(struct shm *shm, int fd, bool is_writer)
{
	size_t cap = SHM_SNAPSHOT_CAP;
	void *p;
	int rc = shm_map(fd, cap, is_writer, &p);

	/* Where address space is short (a limit, valgrind) a smaller file must do. */
	while (rc < 0 && cap > SNAPSHOT_CAP_MIN) {
		cap /= 2;
		rc = shm_map(fd, cap, is_writer, &p);
	}
	if (rc < 0)
		return rc;
	shm->snapshot = p;
	shm->snapshot_cap = cap;
	return 0;
}

int shm_file_new(int dirfd, const char *tmp, const struct shm_owner *o, mode_t mode, size_t len)
{
	if (unlinkat(dirfd, tmp, 0) < 0 && errno != ENOENT)
		return -errno;
	int fd = openat(dirfd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	/* posix_fallocate: out of memory must be an error here, not a SIGBUS at first touch. */
	int rc = -posix_fallocate(fd, 0, (off_t)len);
	if (rc == 0 && geteuid() == 0 && fchown(fd, o->uid, o->gid) < 0)
		rc = -errno;
	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

/*
 * A directory that was there is taken as it is, so that a wrong path does not change the mode of
 * somebody's /tmp; but not one where anybody may replace the files.
 */
static int use_dir(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return (st.st_mode & S_IWOTH) != 0 ? -EPERM : 0;
}

static int own_dir(int fd, const struct shm_owner *o)
{
	if (geteuid() == 0 && fchown(fd, o->uid, o->gid) < 0)
		return -errno;
	/* mkdir's mode went through the umask */
	return fchmod(fd, 0750) < 0 ? -errno : 0;
}

static int make_dir(const char *dir, const struct shm_owner *o)
{
	bool is_new = mkdir(dir, 0750) == 0;

	if (!is_new && errno != EEXIST)
		return -errno;
	int fd = shm_open_dir(dir);
	if (fd < 0)
		return fd;
	int rc = is_new ? own_dir(fd, o) : use_dir(fd);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

/* Read-write maps of the three files as <fd> names them. */
static int map_own_files(struct shm *shm, int snapshot_fd, int rdv_fd, int secrets_fd)
{
	void *p;
	int rc = shm_map_snapshot(shm, snapshot_fd, true);

	if (rc < 0)
		return rc;
	rc = shm_map(rdv_fd, sizeof(struct rdv), true, &p);
	if (rc < 0)
		return rc;
	shm->rdv = p;
	rc = shm_map(secrets_fd, sizeof(struct secrets), true, &p);
	if (rc < 0)
		return rc;
	shm->secrets = p;
	return shm_hide_secrets(shm);
}

int shm_hide_secrets(struct shm *shm)
{
	return madvise(shm->secrets, sizeof(struct secrets), MADV_DONTDUMP) < 0 ? -errno : 0;
}

const char *shm_why_mismatch(const struct shm *shm)
{
	const struct snap_hdr *snap = (const struct snap_hdr *)shm->snapshot;

	if (shm->rdv->magic != RDV_MAGIC || shm->rdv->abi != RDV_ABI)
		return "rendezvous: another magic or ABI";
	if (snap->magic != SNAP_MAGIC || snap->abi != SNAP_ABI)
		return "snapshot: another magic or ABI";
	if (shm->secrets->magic != SECRETS_MAGIC || shm->secrets->abi != SECRETS_ABI)
		return "secrets: another magic or ABI";
	return NULL;
}

bool shm_is_one_instance(const struct shm *shm)
{
	const struct snap_hdr *snap = (const struct snap_hdr *)shm->snapshot;

	return snap->instance == shm->rdv->instance && shm->secrets->instance == snap->instance;
}

bool shm_has_len(int fd, size_t len)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0 &&
	       (size_t)st.st_size >= len;
}

/* Take over the files of an earlier run. 0, or negative when they are not all there and whole. */
static int reuse_files(struct shm *shm)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
	int snapshot_fd = openat(shm->dirfd, SHM_FILE_SNAPSHOT, flags);
	int rdv_fd = openat(shm->dirfd, SHM_FILE_RDV, flags);
	int secrets_fd = openat(shm->dirfd, SHM_FILE_SECRETS, flags);
	int rc = -ENOENT;

	if (snapshot_fd < 0 || rdv_fd < 0 || secrets_fd < 0)
		goto out;
	rc = -EPROTO;
	if (!shm_has_len(snapshot_fd, SNAP_PAGE) || !shm_has_len(rdv_fd, sizeof(struct rdv)) ||
	    !shm_has_len(secrets_fd, sizeof(struct secrets)))
		goto out;
	rc = map_own_files(shm, snapshot_fd, rdv_fd, secrets_fd);
	if (rc == 0 && (shm_why_mismatch(shm) != NULL || !shm_is_one_instance(shm)))
		rc = -EPROTO;
out:
	if (rdv_fd >= 0)
		close(rdv_fd);
	if (secrets_fd >= 0)
		close(secrets_fd);
	if (rc == 0)
		shm->snapshot_fd = snapshot_fd;
	else if (snapshot_fd >= 0)
		close(snapshot_fd);
	return rc;
}

static int fill_files(struct shm *shm)
{
	struct snap_hdr hdr = {.magic = SNAP_MAGIC, .abi = SNAP_ABI, .file_len = SNAP_PAGE};
	int rc = shm_random(&hdr.instance, sizeof(hdr.instance));

	if (rc == 0)
		rc = shm_random(hdr.hash_seed, sizeof(hdr.hash_seed));
	if (rc == 0)
		rc = rcu_init(shm->rdv);
	if (rc < 0)
		return rc;
	memcpy(shm->snapshot, &hdr, sizeof(hdr));
	shm->secrets->instance = hdr.instance;
	shm->secrets->abi = SECRETS_ABI;
	shm->secrets->magic = SECRETS_MAGIC;
	shm->rdv->instance = hdr.instance;
	shm->rdv->abi = RDV_ABI;
	shm->rdv->magic = RDV_MAGIC;
	return 0;
}

static int rename_all(const struct shm *shm)
{
	/* The rendezvous file last: a data plane waits for it. */
	static const char *const name[][2] = {
		{SHM_FILE_SNAPSHOT ".new", SHM_FILE_SNAPSHOT},
		{SHM_FILE_SECRETS ".new", SHM_FILE_SECRETS},
		{SHM_FILE_RDV ".new", SHM_FILE_RDV},
	};

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (renameat(shm->dirfd, name[i][0], shm->dirfd, name[i][1]) < 0)
			return -errno;
	return 0;
}

static int make_files(struct shm *shm, const struct shm_owner *o)
{
	int snapshot_fd = shm_file_new(shm->dirfd, SHM_FILE_SNAPSHOT ".new", o, 0640, SNAP_PAGE);
	int rdv_fd = shm_file_new(shm->dirfd, SHM_FILE_RDV ".new", o, 0660, sizeof(struct rdv));
	int secrets_fd =
		shm_file_new(shm->dirfd, SHM_FILE_SECRETS ".new", o, 0640, sizeof(struct secrets));
	int rc = snapshot_fd < 0 ? snapshot_fd : rdv_fd < 0 ? rdv_fd : secrets_fd;

	if (rc >= 0)
		rc = map_own_files(shm, snapshot_fd, rdv_fd, secrets_fd);
	if (rc >= 0)
		rc = fill_files(shm);
	if (rc >= 0)
		rc = rename_all(shm);
	if (rdv_fd >= 0)
		close(rdv_fd);
	if (secrets_fd >= 0)
		close(secrets_fd);
	if (rc >= 0) {
		shm->snapshot_fd = snapshot_fd;
		return 0;
	}
	if (snapshot_fd >= 0)
		close(snapshot_fd);
	return rc;
}

int shm_create(struct shm *shm, const char *dir, uid_t uid, gid_t gid, bool *ret_resumed)
{
	const struct shm_owner owner = {.uid = uid, .gid = gid};
	struct shm s = {.dirfd = -1, .snapshot_fd = -1};
	bool is_resumed = false;

	s.dirfd = make_dir(dir, &owner);
	if (s.dirfd < 0)
		return s.dirfd;
	int rc = reuse_files(&s);
	if (rc == 0) {
		is_resumed = atomic_load(&s.rdv->root_off) != 0;
	} else {
		shm_unmap(&s);
		rc = make_files(&s, &owner);
	}
	if (rc < 0) {
		shm_close(&s);
		return rc;
	}
	*shm = s;
	*ret_resumed = is_resumed;
	return 0;
}

size_t shm_snapshot_len(const struct shm *shm)
{
	struct stat st;

	if (fstat(shm->snapshot_fd, &st) < 0 || st.st_size < 0)
		return 0;
	return (size_t)st.st_size < shm->snapshot_cap ? (size_t)st.st_size : shm->snapshot_cap;
}

int shm_snapshot_grow(struct shm *shm, uint64_t len)
{
	if (len > shm->snapshot_cap)
		return -ENOSPC;
	return -posix_fallocate(shm->snapshot_fd, 0, (off_t)len);
}

void shm_unmap(struct shm *shm)
{
	if (shm->snapshot != NULL)
		munmap(shm->snapshot, shm->snapshot_cap);
	if (shm->rdv != NULL)
		munmap(shm->rdv, sizeof(struct rdv));
	if (shm->secrets != NULL)
		munmap(shm->secrets, sizeof(struct secrets));
	if (shm->feedback != NULL)
		munmap(shm->feedback, shm->feedback_len);
	shm->snapshot = NULL;
	shm->rdv = NULL;
	shm->secrets = NULL;
	shm->feedback = NULL;
}

void shm_close(struct shm *shm)
{
	shm_unmap(shm);
	if (shm->snapshot_fd >= 0)
		close(shm->snapshot_fd);
	if (shm->dirfd >= 0)
		close(shm->dirfd);
	*shm = (struct shm){.dirfd = -1, .snapshot_fd = -1};
}
