/* SPDX-License-Identifier: BSD-3-Clause */

/* The thread that writes and syncs the state's file, so that a slow disk stops nobody else. */

#include "common/base/crc32c.h"
#include "state/log_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAIN_NAME "state.log"
#define NEW_NAME "state.new"
#define LOCK_NAME "state.lock"
#define SYNC_MS 1000u

enum op {
	OP_FRAME,
	OP_BEGIN_NEW,
	OP_END_NEW,
	OP_DROP_NEW
};

struct log_item {
	STAILQ_ENTRY(log_item) link;
	enum op op;
	unsigned to;
	bool is_urgent;
	uint8_t *bytes;
	size_t len;
};

uint64_t log_disk_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint32_t log_frame_crc(struct frame_hdr h, const void *records)
{
	h.crc32c = 0;
	h.unused = crc32c(records, h.len);
	return crc32c(&h, sizeof(h));
}

static int write_all(int fd, const uint8_t *ptr, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, ptr, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		ptr += n;
		len -= (size_t)n;
	}
	return 0;
}

static int open_file(struct log_disk *d, const char *name, int flags)
{
	const int fd =
		openat(d->dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);

	return fd < 0 ? -errno : fd;
}

static int write_hdr(int fd)
{
	const struct log_hdr h = {.magic = LOG_MAGIC};

	return write_all(fd, (const uint8_t *)&h, sizeof(h));
}

int log_disk_open(struct log_disk *d, const char *dir)
{
	struct stat sb;
	int rc;

	*d = (struct log_disk){.fd = -1, .new_fd = -1, .lock_fd = -1};
	STAILQ_INIT(&d->items);
	pthread_mutex_init(&d->mutex, NULL);
	pthread_cond_init(&d->wake, NULL);
	pthread_cond_init(&d->idle, NULL);
	d->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dirfd < 0) {
		rc = -errno;
		goto close_disk;
	}
	d->lock_fd = open_file(d, LOCK_NAME, 0);
	rc = d->lock_fd;
	if (rc < 0)
		goto close_disk;
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		rc = -EBUSY;
		goto close_disk;
	}
	/* A copy that was not finished before the last end is of no use. */
	(void)unlinkat(d->dirfd, NEW_NAME, 0);
	d->fd = open_file(d, MAIN_NAME, O_APPEND);
	rc = d->fd;
	if (rc < 0)
		goto close_disk;
	if (fstat(d->fd, &sb) == 0 && sb.st_size == 0)
		rc = write_hdr(d->fd);
	if (rc < 0)
		goto close_disk;
	return 0;

close_disk:
	log_disk_close(d);
	return rc;
}

/* ---- the thread; called without the mutex but where said ---- */

static void fail(struct log_disk *d, bool *flag, const char *what, int rc)
{
	pthread_mutex_lock(&d->mutex);
	*flag = true;
	d->nb_failures++;
	if (snprintf(d->why, sizeof(d->why), "%s: errno %d", what, -rc) < 0)
		d->why[0] = '\0';
	pthread_mutex_unlock(&d->mutex);
}

static void close_new(struct log_disk *d)
{
	if (d->new_fd < 0)
		return;
	close(d->new_fd);
	d->new_fd = -1;
	(void)unlinkat(d->dirfd, NEW_NAME, 0);
}

static void do_frame(struct log_disk *d, const struct log_item *it)
{
	struct frame_hdr h;
	int rc;

	memcpy(&h, it->bytes, sizeof(h));
	h.crc32c = log_frame_crc(h, it->bytes + sizeof(h));
	memcpy(it->bytes, &h, sizeof(h));
	if ((it->to & LOG_TO_NEW) != 0 && d->new_fd >= 0) {
		rc = write_all(d->new_fd, it->bytes, it->len);
		if (rc < 0) {
			close_new(d);
			fail(d, &d->is_new_failed, "write " NEW_NAME, rc);
		}
		d->new_len += it->len;
	}
	if ((it->to & LOG_TO_MAIN) != 0) {
		/* What a failed write left is no frame: the load cuts it off. */
		rc = write_all(d->fd, it->bytes, it->len);
		if (rc < 0)
			fail(d, &d->is_main_failed, "write " MAIN_NAME, rc);
		d->is_dirty = true;
	}
}

static void do_begin_new(struct log_disk *d)
{
	close_new(d);
	d->new_fd = open_file(d, NEW_NAME, O_APPEND | O_TRUNC);
	int rc = d->new_fd;
	if (rc >= 0)
		rc = write_hdr(d->new_fd);
	d->new_len = sizeof(struct log_hdr);
	if (rc < 0) {
		close_new(d);
		fail(d, &d->is_new_failed, "make " NEW_NAME, rc);
	}
}

static void do_end_new(struct log_disk *d)
{
	if (d->new_fd < 0)
		return;
	if (fdatasync(d->new_fd) < 0 || renameat(d->dirfd, NEW_NAME, d->dirfd, MAIN_NAME) < 0) {
		const int rc = -errno;
		close_new(d);
		fail(d, &d->is_new_failed, "finish " NEW_NAME, rc);
		return;
	}
	(void)fsync(d->dirfd);
	close(d->fd);
	d->fd = d->new_fd;
	d->new_fd = -1;
	pthread_mutex_lock(&d->mutex);
	d->is_new_done = true;
	d->file_len = d->new_len;
	pthread_mutex_unlock(&d->mutex);
}

static void do_item(struct log_disk *d, const struct log_item *it)
{
	switch (it->op) {
	case OP_FRAME:
		do_frame(d, it);
		break;
	case OP_BEGIN_NEW:
		do_begin_new(d);
		break;
	case OP_END_NEW:
		do_end_new(d);
		break;
	case OP_DROP_NEW:
		close_new(d);
		break;
	}
}

static void do_sync(struct log_disk *d)
{
	if (!d->is_dirty)
		return;
	if (fdatasync(d->fd) < 0)
		fail(d, &d->is_main_failed, "sync " MAIN_NAME, -errno);
	d->is_dirty = false;
	d->synced_ms = log_disk_now_ms();
	pthread_mutex_lock(&d->mutex);
	d->syncs++;
	pthread_mutex_unlock(&d->mutex);
}

/* With the mutex. Wait for an item, or until a sync is due. */
static void wait_item(struct log_disk *d)
{
	struct timespec until;

	d->is_busy = false;
	if (!d->is_dirty)
		pthread_cond_broadcast(&d->idle);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 1;
	if (d->is_dirty)
		pthread_cond_timedwait(&d->wake, &d->mutex, &until);
	else
		pthread_cond_wait(&d->wake, &d->mutex);
	d->is_busy = true;
}

static void account(struct log_disk *d, const struct log_item *it)
{
	pthread_mutex_lock(&d->mutex);
	d->queued -= it->len;
	if (it->op == OP_FRAME) {
		d->frames++;
		d->bytes += it->len;
		if ((it->to & LOG_TO_MAIN) != 0)
			d->file_len += it->len;
		if (it->is_urgent)
			d->is_urgent = true;
	}
	pthread_mutex_unlock(&d->mutex);
}

static void *disk_main(void *user)
{
	struct log_disk *d = user;

	pthread_mutex_lock(&d->mutex);
	d->is_busy = true;
	for (;;) {
		struct log_item *it = STAILQ_FIRST(&d->items);
		const bool is_due = d->is_stopping || (it == NULL && d->is_urgent) ||
				    log_disk_now_ms() - d->synced_ms >= SYNC_MS;
		if (it != NULL)
			STAILQ_REMOVE_HEAD(&d->items, link);
		else if (d->is_dirty ? !is_due : !d->is_stopping) {
			wait_item(d);
			continue;
		} else if (!d->is_dirty) {
			break;
		}
		if (it == NULL)
			d->is_urgent = false;
		pthread_mutex_unlock(&d->mutex);
		if (it != NULL) {
			do_item(d, it);
			account(d, it);
			free(it->bytes);
			free(it);
		}
		if (is_due)
			do_sync(d);
		pthread_mutex_lock(&d->mutex);
	}
	pthread_mutex_unlock(&d->mutex);
	return NULL;
}

/* ---- the main thread's side ---- */

int log_disk_start(struct log_disk *d)
{
	struct stat sb;

	if (fstat(d->fd, &sb) == 0)
		d->file_len = (uint64_t)sb.st_size;
	const int rc = pthread_create(&d->thread, NULL, disk_main, d);
	d->is_started = rc == 0;
	return -rc;
}

static int push(struct log_disk *d, struct log_item item)
{
	struct log_item *it = malloc(sizeof(*it));

	if (it == NULL)
		return -ENOMEM;
	*it = item;
	pthread_mutex_lock(&d->mutex);
	STAILQ_INSERT_TAIL(&d->items, it, link);
	d->queued += it->len;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->mutex);
	return 0;
}

int log_disk_push(struct log_disk *d, uint8_t *bytes, size_t len, unsigned to, bool is_urgent)
{
	return push(d, (struct log_item){
			       .op = OP_FRAME,
			       .to = to,
			       .is_urgent = is_urgent,
			       .bytes = bytes,
			       .len = len,
		       });
}

static void push_op(struct log_disk *d, enum op op)
{
	if (push(d, (struct log_item){.op = op}) < 0)
		fail(d, &d->is_new_failed, "queue", -ENOMEM);
}

void log_disk_begin_new(struct log_disk *d)
{
	push_op(d, OP_BEGIN_NEW);
}

void log_disk_end_new(struct log_disk *d)
{
	push_op(d, OP_END_NEW);
}

void log_disk_drop_new(struct log_disk *d)
{
	push_op(d, OP_DROP_NEW);
}

size_t log_disk_queued(struct log_disk *d)
{
	pthread_mutex_lock(&d->mutex);
	const size_t queued = d->queued;
	pthread_mutex_unlock(&d->mutex);
	return queued;
}

void log_disk_result(struct log_disk *d, struct log_disk_result *ret)
{
	pthread_mutex_lock(&d->mutex);
	*ret = (struct log_disk_result){
		.is_main_failed = d->is_main_failed,
		.is_new_failed = d->is_new_failed,
		.is_new_done = d->is_new_done,
		.nb_failures = d->nb_failures,
		.file_len = d->file_len,
	};
	memcpy(ret->why, d->why, sizeof(ret->why));
	d->is_main_failed = d->is_new_failed = d->is_new_done = false;
	d->nb_failures = 0;
	pthread_mutex_unlock(&d->mutex);
}

void log_disk_sync(struct log_disk *d)
{
	if (!d->is_started)
		return;
	pthread_mutex_lock(&d->mutex);
	d->is_urgent = true;
	pthread_cond_signal(&d->wake);
	/* <is_dirty> is the thread's, but it is not busy when this reads it. */
	while (!STAILQ_EMPTY(&d->items) || d->is_busy || d->is_dirty)
		pthread_cond_wait(&d->idle, &d->mutex);
	pthread_mutex_unlock(&d->mutex);
}

void log_disk_stats(const struct log_disk *d, struct state_log_stats *ret)
{
	struct log_disk *w = (struct log_disk *)d; /* for its mutex */

	pthread_mutex_lock(&w->mutex);
	ret->file_len = d->file_len;
	ret->frames = d->frames;
	ret->bytes = d->bytes;
	ret->syncs = d->syncs;
	ret->failures += d->nb_failures;
	pthread_mutex_unlock(&w->mutex);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void log_disk_close(struct log_disk *d)
{
	if (d->is_started) {
		pthread_mutex_lock(&d->mutex);
		d->is_stopping = true;
		pthread_cond_signal(&d->wake);
		pthread_mutex_unlock(&d->mutex);
		pthread_join(d->thread, NULL);
	}
	if (d->dirfd >= 0)
		close_new(d);
	close_fd(&d->fd);
	close_fd(&d->lock_fd);
	close_fd(&d->dirfd);
	pthread_mutex_destroy(&d->mutex);
	pthread_cond_destroy(&d->wake);
	pthread_cond_destroy(&d->idle);
}
