/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The feedback file. Its reader trusts none of its numbers: they are read once, checked, and kept
 * in struct shm; where a worker's part lies is computed from them, not read.
 *
 * XXX: a data plane that truncates the file while it is mapped kills its reader by SIGBUS. It
 * closes its descriptor after mapping, so only a process that may open the file anew could.
 */

#include "common/shm/shm_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FEEDBACK_MAX_RECORDS (1u << 20)
#define FEEDBACK_MAX_ROWS (1u << 22)

static size_t align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static size_t worker_size(uint32_t nb_records, uint32_t nb_rows)
{
	return align64(sizeof(struct feedback_worker) + nb_records * sizeof(struct record) +
		       nb_rows * sizeof(struct session_row) + CAPTURE_RING);
}

static size_t worker_off(uint32_t nb_records, uint32_t nb_rows, uint32_t worker)
{
	return align64(sizeof(struct feedback_hdr)) + worker * worker_size(nb_records, nb_rows);
}

static bool is_shape_ok(uint32_t nb_workers, uint32_t nb_records, uint32_t nb_rows)
{
	return nb_workers > 0 && nb_workers <= SNAP_MAX_WORKERS && nb_records > 0 &&
	       nb_records <= FEEDBACK_MAX_RECORDS && (nb_records & (nb_records - 1)) == 0 &&
	       nb_rows <= FEEDBACK_MAX_ROWS;
}

static void forget(struct shm *shm)
{
	if (shm->feedback != NULL)
		munmap(shm->feedback, shm->feedback_len);
	shm->feedback = NULL;
	shm->feedback_len = 0;
	shm->feedback_epoch = 0;
	shm->fb_workers = 0;
}

/* Captured packets are nobody's business in a core dump; whole pages within each ring. */
static void hide_rings(const struct shm *shm)
{
	const uintptr_t page = 4096;

	for (uint32_t i = 0; i < shm->fb_workers; i++) {
		const uintptr_t begin = (uintptr_t)shm_feedback_ring(shm, i);
		const uintptr_t from = (begin + page - 1) & ~(page - 1);
		const uintptr_t to = (begin + CAPTURE_RING) & ~(page - 1);

		(void)madvise((void *)from, to - from, MADV_DONTDUMP);
	}
}

static void adopt(struct shm *shm, struct feedback_hdr *hdr, size_t len, uint64_t epoch)
{
	forget(shm);
	shm->feedback = hdr;
	shm->feedback_len = len;
	shm->feedback_epoch = epoch;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int shm_feedback_create(struct shm *shm, uint32_t nb_workers, uint32_t nb_records, uint32_t nb_rows,
			uid_t uid, gid_t gid)
{
	static const char tmp[] = SHM_FILE_FEEDBACK ".new";
	const struct shm_owner owner = {.uid = uid, .gid = gid};
	uint64_t epoch = 0;
	void *p;

	if (!is_shape_ok(nb_workers, nb_records, nb_rows))
		return -EINVAL;
	int rc = shm_random(&epoch, sizeof(epoch));
	if (rc < 0)
		return rc;
	epoch |= 1; /* never 0, which means none */
	size_t len = worker_off(nb_records, nb_rows, nb_workers);
	int fd = shm_file_new(shm->dirfd, tmp, &owner, 0640, len);
	if (fd < 0)
		return fd;
	rc = shm_map(fd, len, true, &p);
	close(fd);
	if (rc < 0)
		return rc;
	struct feedback_hdr *hdr = p;
	*hdr = (struct feedback_hdr){
		.magic = FEEDBACK_MAGIC,
		.abi = FEEDBACK_ABI,
		.file_len = len,
		.epoch = epoch,
		.nb_workers = nb_workers,
		.nb_records = nb_records,
		.nb_rows = nb_rows,
		.nb_counters = OUTCOME__COUNT,
		.started_ms = now_ms(),
	};
	for (uint32_t i = 0; i < nb_workers; i++)
		hdr->worker_off[i] = worker_off(nb_records, nb_rows, i);
	if (renameat(shm->dirfd, tmp, shm->dirfd, SHM_FILE_FEEDBACK) < 0) {
		rc = -errno;
		munmap(p, len);
		return rc;
	}
	adopt(shm, hdr, len, epoch);
	shm->fb_workers = nb_workers;
	shm->fb_records = nb_records;
	shm->fb_rows = nb_rows;
	hide_rings(shm);
	atomic_store_explicit(&shm->rdv->dp_epoch, epoch, memory_order_release);
	return 0;
}

/* Check <hdr> of <len> bytes and take its numbers; the mapping is the caller's on failure. */
static int check_and_adopt(struct shm *shm, struct feedback_hdr *hdr, size_t len, uint64_t epoch)
{
	struct feedback_hdr h;

	memcpy(&h, hdr, sizeof(h));
	if (h.magic != FEEDBACK_MAGIC || h.abi != FEEDBACK_ABI || h.file_len != len ||
	    !is_shape_ok(h.nb_workers, h.nb_records, h.nb_rows) ||
	    worker_off(h.nb_records, h.nb_rows, h.nb_workers) != len)
		return -EPROTO;
	if (h.epoch != epoch)
		return -ENOENT; /* not yet the file that the rendezvous speaks of */
	adopt(shm, hdr, len, epoch);
	shm->fb_workers = h.nb_workers;
	shm->fb_records = h.nb_records;
	shm->fb_rows = h.nb_rows;
	hide_rings(shm);
	return 1;
}

static void claim_consumers(struct shm *shm)
{
	struct rdv *rdv = shm->rdv;

	if (atomic_load(&rdv->consumer_epoch) == shm->feedback_epoch)
		return;
	for (uint32_t i = 0; i < SNAP_MAX_WORKERS; i++)
		atomic_store(&rdv->consumer[i].tail, 0);
	atomic_store_explicit(&rdv->consumer_epoch, shm->feedback_epoch, memory_order_release);
}

int shm_feedback_attach(struct shm *shm)
{
	uint64_t epoch = atomic_load_explicit(&shm->rdv->dp_epoch, memory_order_acquire);
	struct stat st;
	void *p;

	if (epoch == 0)
		return -ENOENT;
	if (shm->feedback != NULL && epoch == shm->feedback_epoch)
		return 0;
	int fd = openat(shm->dirfd, SHM_FILE_FEEDBACK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) < 0 ? -errno : 0;
	size_t len = rc == 0 && st.st_size > 0 ? (size_t)st.st_size : 0;
	if (rc == 0 && (!S_ISREG(st.st_mode) || len < sizeof(struct feedback_hdr)))
		rc = -EPROTO;
	if (rc == 0)
		rc = shm_map(fd, len, false, &p);
	close(fd);
	if (rc < 0)
		return rc;
	rc = check_and_adopt(shm, p, len, epoch);
	if (rc < 0)
		munmap(p, len);
	else
		claim_consumers(shm);
	return rc;
}

struct feedback_worker *shm_feedback_worker(const struct shm *shm, uint32_t worker)
{
	if (shm->feedback == NULL || worker >= shm->fb_workers)
		return NULL;
	return (struct feedback_worker *)((uint8_t *)shm->feedback +
					  worker_off(shm->fb_records, shm->fb_rows, worker));
}

struct record *shm_feedback_records(const struct shm *shm, uint32_t worker)
{
	struct feedback_worker *fw = shm_feedback_worker(shm, worker);

	return fw == NULL ? NULL : (struct record *)(fw + 1);
}

struct session_row *shm_feedback_rows(const struct shm *shm, uint32_t worker)
{
	struct record *r = shm_feedback_records(shm, worker);

	return r == NULL ? NULL : (struct session_row *)(r + shm->fb_records);
}

uint8_t *shm_feedback_ring(const struct shm *shm, uint32_t worker)
{
	struct session_row *r = shm_feedback_rows(shm, worker);

	return r == NULL ? NULL : (uint8_t *)(r + shm->fb_rows);
}
