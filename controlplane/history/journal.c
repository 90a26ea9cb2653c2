/* SPDX-License-Identifier: BSD-3-Clause */

#include "history/journal.h"

#include "common/base/crc32c.h"
#include "common/log/log.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

LOG_TYPE("history");

#define MAGIC 0x3130545349485754u /* "TWHIST01" */
#define SEGMENT_MAX (4u << 20)
#define CHUNK 65536u
#define CHUNKS_MAX 64u /* that wait for the disk */
#define SEGMENTS_MAX 512u

struct row_hdr {
	uint32_t crc; /* of the rest of the header and the payload */
	uint32_t len; /* of the payload */
	uint64_t time_ms;
	uint8_t type;
	uint8_t unused[7];
};
static_assert(sizeof(struct row_hdr) == 24, "on disk");

struct chunk {
	STAILQ_ENTRY(chunk) link;
	uint64_t segment;
	size_t len;
	uint8_t bytes[CHUNK];
};

struct journal {
	char *dir, *name;
	uint64_t max_bytes;

	/* the appending thread's */
	struct chunk *open;
	uint64_t segment;
	size_t segment_len;

	/* under the mutex */
	pthread_mutex_t mutex;
	pthread_cond_t wake, idle;
	STAILQ_HEAD(, chunk) queue;
	uint32_t nb_queued;
	bool is_writing, is_closing;
	struct journal_stats stats;

	/* the writing thread's */
	pthread_t thread;
	bool has_thread;
	int fd;
	uint64_t fd_segment;
	uint64_t failed_ms; /* when a failure was told last */
};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- files ---- */

static bool path_of(const char *dir, const char *name, uint64_t segment, char *ret, size_t cap)
{
	const int n =
		snprintf(ret, cap, "%s/%s-%016llx.seg", dir, name, (unsigned long long)segment);

	return n > 0 && (size_t)n < cap;
}

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "<name>-0123456789abcdef.seg" */
static bool parse_name(const char *file, const char *name, uint64_t *ret)
{
	const size_t n = strlen(name);
	uint64_t v = 0;

	if (strncmp(file, name, n) != 0 || file[n] != '-' || strlen(file) != n + 21 ||
	    strcmp(file + n + 17, ".seg") != 0)
		return false;
	for (size_t i = n + 1; i < n + 17; i++) {
		if (hex_of(file[i]) < 0)
			return false;
		v = v << 4 | (uint64_t)hex_of(file[i]);
	}
	*ret = v;
	return true;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Numbers of the segments, ascending; those beyond <cap> are not seen. */
static int list(const char *dir, const char *name, uint64_t *ret, uint32_t cap, uint32_t *ret_nb)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	uint32_t nb = 0;

	if (d == NULL)
		return -errno;
	while ((e = readdir(d)) != NULL && nb < cap)
		if (parse_name(e->d_name, name, &ret[nb]))
			nb++;
	closedir(d);
	qsort(ret, nb, sizeof(*ret), compare);
	*ret_nb = nb;
	return 0;
}

/* Remove the oldest until the rest takes what it may. */
static void trim(const struct journal *j)
{
	uint64_t segment[SEGMENTS_MAX * 2], size[SEGMENTS_MAX * 2], total = 0;
	uint32_t nb;
	char path[4096];

	if (list(j->dir, j->name, segment, SEGMENTS_MAX * 2, &nb) < 0)
		return;
	for (uint32_t i = 0; i < nb; i++) {
		struct stat st;

		size[i] = path_of(j->dir, j->name, segment[i], path, sizeof(path)) &&
					  stat(path, &st) == 0
				  ? (uint64_t)st.st_size
				  : 0;
		total += size[i];
	}
	for (uint32_t i = 0; i + 1 < nb; i++) {
		if (total <= j->max_bytes && nb - i <= SEGMENTS_MAX)
			break;
		if (path_of(j->dir, j->name, segment[i], path, sizeof(path)))
			(void)unlink(path);
		total -= size[i];
	}
}

/* ---- the writing thread ---- */

static int write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int open_segment(struct journal *j, uint64_t segment)
{
	const uint64_t magic = MAGIC;
	char path[4096];

	if (j->fd >= 0 && j->fd_segment == segment)
		return 0;
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	trim(j);
	if (!path_of(j->dir, j->name, segment, path, sizeof(path)))
		return -ENAMETOOLONG;
	j->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return -errno;
	j->fd_segment = segment;
	struct stat st;
	if (fstat(j->fd, &st) == 0 && st.st_size == 0)
		return write_all(j->fd, (const uint8_t *)&magic, sizeof(magic));
	return 0;
}

static int write_chunk(struct journal *j, const struct chunk *c)
{
	int rc = open_segment(j, c->segment);
	struct stat st;

	if (rc == 0 && fstat(j->fd, &st) < 0)
		rc = -errno;
	if (rc == 0)
		rc = write_all(j->fd, c->bytes, c->len);
	/* A part of a chunk would hide what comes after it. */
	if (rc < 0 && j->fd >= 0 && ftruncate(j->fd, st.st_size) < 0) {
		close(j->fd);
		j->fd = -1;
	}
	return rc;
}

static void tell(struct journal *j, int rc)
{
	if (rc == 0 || (j->failed_ms != 0 && now_ms() < j->failed_ms + 60000))
		return;
	j->failed_ms = now_ms();
	LOG(ERR, "cannot be written dir=%s error=\"%s\"", j->dir, strerror(-rc));
}

static void *run(void *user)
{
	struct journal *j = user;

	pthread_mutex_lock(&j->mutex);
	for (;;) {
		struct chunk *c = STAILQ_FIRST(&j->queue);

		if (c == NULL) {
			pthread_cond_broadcast(&j->idle);
			if (j->is_closing)
				break;
			pthread_cond_wait(&j->wake, &j->mutex);
			continue;
		}
		STAILQ_REMOVE_HEAD(&j->queue, link);
		j->nb_queued--;
		j->is_writing = true;
		pthread_mutex_unlock(&j->mutex);
		const int rc = write_chunk(j, c);
		tell(j, rc);
		pthread_mutex_lock(&j->mutex);
		j->is_writing = false;
		if (rc < 0)
			j->stats.failures++;
		else
			j->stats.written += c->len;
		free(c);
	}
	pthread_mutex_unlock(&j->mutex);
	return NULL;
}

/* ---- appending ---- */

void journal_flush(struct journal *j)
{
	struct chunk *c = j->open;

	if (c == NULL || c->len == 0)
		return;
	j->open = NULL;
	pthread_mutex_lock(&j->mutex);
	STAILQ_INSERT_TAIL(&j->queue, c, link);
	j->nb_queued++;
	pthread_cond_signal(&j->wake);
	pthread_mutex_unlock(&j->mutex);
}

static void next_segment(struct journal *j)
{
	journal_flush(j);
	j->segment++;
	j->segment_len = sizeof(uint64_t);
}

uint64_t journal_room(struct journal *j, size_t len, unsigned nb)
{
	if (j->segment_len + len + nb * sizeof(struct row_hdr) > SEGMENT_MAX)
		next_segment(j);
	return j->segment;
}

static bool is_full(struct journal *j)
{
	pthread_mutex_lock(&j->mutex);
	const bool is = j->nb_queued >= CHUNKS_MAX;
	pthread_mutex_unlock(&j->mutex);
	return is;
}

static void count(struct journal *j, bool is_kept)
{
	pthread_mutex_lock(&j->mutex);
	if (is_kept)
		j->stats.rows++;
	else
		j->stats.dropped++;
	pthread_mutex_unlock(&j->mutex);
}

static bool make_room(struct journal *j, size_t need)
{
	if (j->open != NULL && j->open->len + need > sizeof(j->open->bytes))
		journal_flush(j);
	if (j->open != NULL)
		return true;
	j->open = is_full(j) ? NULL : malloc(sizeof(*j->open));
	if (j->open == NULL)
		return false;
	j->open->len = 0;
	j->open->segment = j->segment;
	return true;
}

bool journal_append(struct journal *j, uint8_t type, uint64_t time_ms, const void *p, size_t len)
{
	struct row_hdr h = {.len = (uint32_t)len, .time_ms = time_ms, .type = type};
	const size_t need = sizeof(h) + len;

	(void)journal_room(j, len, 1);
	const bool is_kept = len <= JOURNAL_ROW_MAX && make_room(j, need);
	count(j, is_kept);
	if (!is_kept)
		return false;
	uint8_t *at = j->open->bytes + j->open->len;
	memcpy(at, &h, sizeof(h));
	if (len > 0)
		memcpy(at + sizeof(h), p, len);
	h.crc = crc32c(at + sizeof(h.crc), need - sizeof(h.crc));
	memcpy(at, &h, sizeof(h));
	j->open->len += need;
	j->segment_len += need;
	return true;
}

bool journal_sync(struct journal *j, unsigned wait_ms)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
	until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&j->mutex);
	while ((j->nb_queued > 0 || j->is_writing) && rc == 0)
		rc = pthread_cond_timedwait(&j->idle, &j->mutex, &until);
	pthread_mutex_unlock(&j->mutex);
	return rc == 0;
}

void journal_stats(struct journal *j, struct journal_stats *ret)
{
	pthread_mutex_lock(&j->mutex);
	*ret = j->stats;
	pthread_mutex_unlock(&j->mutex);
}

/* ---- life ---- */

struct journal *journal_open(const char *dir, const char *name, uint64_t max_bytes, int *ret_rc)
{
	uint64_t segment[SEGMENTS_MAX * 2];
	struct journal *j = calloc(1, sizeof(*j));
	uint32_t nb = 0;

	*ret_rc = -ENOMEM;
	if (j == NULL)
		return NULL;
	j->fd = -1;
	j->max_bytes = max_bytes;
	j->dir = strdup(dir);
	j->name = strdup(name);
	STAILQ_INIT(&j->queue);
	pthread_mutex_init(&j->mutex, NULL);
	pthread_cond_init(&j->wake, NULL);
	pthread_cond_init(&j->idle, NULL);
	if (j->dir == NULL || j->name == NULL)
		goto close_journal;
	*ret_rc = list(dir, name, segment, SEGMENTS_MAX * 2, &nb);
	if (*ret_rc < 0)
		goto close_journal;
	j->segment = nb > 0 ? segment[nb - 1] + 1 : 1;
	j->segment_len = sizeof(uint64_t);
	*ret_rc = -pthread_create(&j->thread, NULL, run, j);
	if (*ret_rc < 0)
		goto close_journal;
	j->has_thread = true;
	return j;

close_journal:
	journal_close(j);
	return NULL;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->has_thread) {
		journal_flush(j);
		pthread_mutex_lock(&j->mutex);
		j->is_closing = true;
		pthread_cond_signal(&j->wake);
		pthread_mutex_unlock(&j->mutex);
		pthread_join(j->thread, NULL);
	}
	if (j->fd >= 0) {
		(void)fdatasync(j->fd);
		close(j->fd);
	}
	pthread_mutex_destroy(&j->mutex);
	pthread_cond_destroy(&j->wake);
	pthread_cond_destroy(&j->idle);
	free(j->open);
	free(j->dir);
	free(j->name);
	free(j);
}

/* ---- reading ---- */

bool journal_scan_bytes(const uint8_t *p, size_t len, uint64_t segment,
			bool (*fn)(void *user, const struct journal_row *row), void *user,
			bool *ret_go_on)
{
	uint64_t magic;
	size_t at = sizeof(magic);

	*ret_go_on = true;
	if (len < sizeof(magic))
		return false;
	memcpy(&magic, p, sizeof(magic));
	if (magic != MAGIC)
		return false;
	while (len - at >= sizeof(struct row_hdr)) {
		struct row_hdr h;

		memcpy(&h, p + at, sizeof(h));
		if (h.len > JOURNAL_ROW_MAX || len - at - sizeof(h) < h.len ||
		    h.crc != crc32c(p + at + sizeof(h.crc), sizeof(h) - sizeof(h.crc) + h.len))
			return false;
		const struct journal_row row = {segment, h.time_ms, h.type, p + at + sizeof(h),
						h.len};
		if (!fn(user, &row)) {
			*ret_go_on = false;
			return true;
		}
		at += sizeof(h) + h.len;
	}
	return at == len;
}

/* The bytes of a segment; malloc()ed. NULL: gone meanwhile, or no memory. */
static uint8_t *slurp(const char *path, size_t *ret_len)
{
	const size_t cap = SEGMENT_MAX + CHUNK;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *p = fd < 0 ? NULL : malloc(cap);
	size_t len = 0;

	while (p != NULL && len < cap) {
		const ssize_t n = read(fd, p + len, cap - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (fd >= 0)
		close(fd);
	*ret_len = len;
	return p;
}

int journal_scan(const char *dir, const char *name,
		 bool (*fn)(void *user, const struct journal_row *row), void *user,
		 uint32_t *ret_torn)
{
	uint64_t segment[SEGMENTS_MAX * 2];
	uint32_t nb = 0, torn = 0;
	bool go_on = true;
	const int rc = list(dir, name, segment, SEGMENTS_MAX * 2, &nb);

	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < nb && go_on; i++) {
		char path[4096];
		size_t len = 0;
		uint8_t *p = path_of(dir, name, segment[i], path, sizeof(path)) ? slurp(path, &len)
										: NULL;

		if (p != NULL && !journal_scan_bytes(p, len, segment[i], fn, user, &go_on))
			torn++;
		free(p);
	}
	if (ret_torn != NULL)
		*ret_torn = torn;
	return 0;
}
