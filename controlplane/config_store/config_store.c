/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/config_store.h"

#include "common/log/log.h"
#include "config/config.h"
#include "config_store/durable.h"
#include "config_store/version_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("config");

#define FOLDER "config"
#define SUFFIX ".version"
#define CANDIDATE "candidate"
#define NUMBER_DIGITS 15u
#define FILES_MAX 10000u /* names that are looked at */
#define FILE_MODE 0600

struct config_store {
	pthread_mutex_t mutex;
	int dirfd;
	/* under <mutex> */
	struct config_version v[CONFIG_STORE_VERSIONS + 1]; /* oldest first; good ones alone */
	size_t nb;
	uint64_t next; /* number of the next version */
};

/* ---- names ---- */

static void name_of(uint64_t number, char ret[static 40])
{
	(void)snprintf(ret, 40, "%llu" SUFFIX, (unsigned long long)number);
}

/* The number of "17.version"; 0: another name. */
static uint64_t number_of(const char *name)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i <= NUMBER_DIGITS && name[i] >= '0' && name[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(name[i] - '0');
	return i > 0 && i <= NUMBER_DIGITS && name[0] != '0' && strcmp(name + i, SUFFIX) == 0 ? n
											      : 0;
}

/* ---- reading ---- */

static int read_up_to(int fd, char *buf, size_t cap, size_t *ret_len)
{
	size_t len = 0;

	while (len < cap) {
		const ssize_t n = read(fd, buf + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

/* Open and look at the head; the file is as long as it says. *<ret_head>: where the document is. */
static int open_version(int dirfd, const char *name, struct config_version *ret, size_t *ret_head)
{
	char head[VERSION_HEAD_MAX];
	size_t len;
	struct stat sb;

	const int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &sb) < 0 ? -errno : read_up_to(fd, head, sizeof(head), &len);
	if (rc == 0)
		rc = version_head_parse(head, len, ret, ret_head);
	if (rc == 0 && (!S_ISREG(sb.st_mode) || ret->len > CONFIG_DOCUMENT_MAX ||
			(uint64_t)sb.st_size != *ret_head + ret->len))
		rc = -EBADMSG;
	if (rc == 0 && lseek(fd, (off_t)*ret_head, SEEK_SET) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int read_version(int dirfd, const char *name, struct config_version *ret_v, char **ret,
			size_t *ret_len)
{
	char sum[CONFIG_SHA256_LEN + 1];
	struct config_version v;
	size_t head, len = 0;

	const int fd = open_version(dirfd, name, &v, &head);
	if (fd < 0)
		return fd;
	char *doc = malloc(v.len + 1);
	int rc = doc == NULL ? -ENOMEM : read_up_to(fd, doc, v.len, &len);
	close(fd);
	if (rc == 0) {
		config_sha256(slice_of(doc, len), sum);
		if (len != v.len || strcmp(sum, v.sha256) != 0)
			rc = -EBADMSG;
	}
	if (rc < 0) {
		free(doc);
		return rc;
	}
	doc[len] = '\0';
	if (ret_v != NULL)
		*ret_v = v;
	*ret = doc;
	*ret_len = len;
	return 0;
}

/* ---- opening ---- */

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Numbers of all versions in the folder, in order. What was never published is removed. */
static int scan(int dirfd, uint64_t **ret, size_t *ret_nb)
{
	const int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t *number = calloc(FILES_MAX, sizeof(*number));
	const struct dirent *e;
	size_t nb = 0;

	if (dir == NULL || number == NULL) {
		const int rc = dir == NULL ? -errno : -ENOMEM;
		if (dir != NULL)
			closedir(dir);
		else if (fd >= 0)
			close(fd);
		free(number);
		return rc;
	}
	while (nb < FILES_MAX && (e = readdir(dir)) != NULL) {
		const size_t len = strlen(e->d_name), tail = sizeof(DURABLE_SUFFIX) - 1;
		const uint64_t n = number_of(e->d_name);
		if (n > 0)
			number[nb++] = n;
		else if (len > tail && strcmp(e->d_name + len - tail, DURABLE_SUFFIX) == 0)
			(void)unlinkat(dirfd, e->d_name, 0);
	}
	closedir(dir);
	qsort(number, nb, sizeof(*number), compare);
	*ret = number;
	*ret_nb = nb;
	return 0;
}

static void remove_version(const struct config_store *st, uint64_t number)
{
	char name[40];

	name_of(number, name);
	(void)unlinkat(st->dirfd, name, 0);
}

static void take_version(struct config_store *st, uint64_t number)
{
	struct config_version v;
	char name[40];
	size_t head;

	name_of(number, name);
	const int fd = open_version(st->dirfd, name, &v, &head);
	if (fd >= 0)
		close(fd);
	if (fd < 0 || v.number != number) {
		LOG(WARN, "left out of the history, damaged: file=%s error=\"%s\"", name,
		    strerror(fd < 0 ? -fd : EBADMSG));
		return;
	}
	st->v[st->nb++] = v;
}

static int load_versions(struct config_store *st)
{
	uint64_t *number = NULL;
	size_t nb = 0;

	const int rc = scan(st->dirfd, &number, &nb);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < nb; i++) {
		if (nb - i > CONFIG_STORE_VERSIONS)
			remove_version(st, number[i]);
		else
			take_version(st, number[i]);
	}
	/* A damaged file's number is not used again either. */
	st->next = nb == 0 ? 1 : number[nb - 1] + 1;
	free(number);
	return 0;
}

static int open_folder(const char *state_dir)
{
	const int top = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (top < 0)
		return -errno;
	if (mkdirat(top, FOLDER, 0700) < 0 && errno != EEXIST)
		rc = -errno;
	if (rc == 0) {
		rc = openat(top, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (rc < 0)
			rc = -errno;
	}
	close(top);
	return rc;
}

struct config_store *config_store_open(const char *state_dir, int *ret_rc)
{
	struct config_store *st = calloc(1, sizeof(*st));

	*ret_rc = -ENOMEM;
	if (st == NULL)
		return NULL;
	pthread_mutex_init(&st->mutex, NULL);
	st->dirfd = open_folder(state_dir);
	*ret_rc = st->dirfd < 0 ? st->dirfd : load_versions(st);
	if (*ret_rc == 0)
		return st;
	config_store_close(st);
	return NULL;
}

void config_store_close(struct config_store *st)
{
	if (st == NULL)
		return;
	if (st->dirfd >= 0)
		close(st->dirfd);
	pthread_mutex_destroy(&st->mutex);
	free(st);
}

/* ---- writing ---- */

/* <v>'s length and sum are set from <document>. */
static int write_file(int dirfd, const char *name, struct config_version *v, struct slice document)
{
	struct durable d;
	size_t len;

	if (document.len > CONFIG_DOCUMENT_MAX)
		return -EFBIG;
	v->len = document.len;
	config_sha256(document, v->sha256);
	char *head = version_head_emit(v, &len);
	if (head == NULL)
		return -ENOMEM;
	const struct slice part[] = {slice_of(head, len), document};
	int rc = durable_prepare(&d, dirfd, name, part, 2, FILE_MODE, (uid_t)-1, (gid_t)-1);
	if (rc == 0)
		rc = durable_publish(&d);
	free(head);
	return rc;
}

static bool is_too_much(const struct config_store *st)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < st->nb; i++)
		bytes += st->v[i].len;
	return st->nb > CONFIG_STORE_VERSIONS || (bytes > CONFIG_STORE_BYTES && st->nb > 2);
}

int config_store_add(struct config_store *st, struct config_version *v, struct slice document)
{
	struct config_version new = *v;
	char name[40];

	pthread_mutex_lock(&st->mutex);
	new.number = st->next;
	name_of(new.number, name);
	const int rc = write_file(st->dirfd, name, &new, document);
	if (rc == 0) {
		st->next++;
		st->v[st->nb++] = new;
		*v = new;
	}
	while (is_too_much(st)) {
		remove_version(st, st->v[0].number);
		memmove(st->v, st->v + 1, --st->nb * sizeof(st->v[0]));
	}
	pthread_mutex_unlock(&st->mutex);
	return rc;
}

/* ---- asking ---- */

int config_store_last(struct config_store *st, struct config_version *ret)
{
	return config_store_list(st, 0, ret, 1) == 1 ? 0 : -ENOENT;
}

size_t config_store_list(struct config_store *st, uint64_t before, struct config_version *ret,
			 size_t cap)
{
	size_t n = 0;

	pthread_mutex_lock(&st->mutex);
	for (size_t i = st->nb; i > 0 && n < cap; i--) {
		if (before == 0 || st->v[i - 1].number < before)
			ret[n++] = st->v[i - 1];
	}
	pthread_mutex_unlock(&st->mutex);
	return n;
}

static int get(struct config_store *st, uint64_t number, struct config_version *ret_v, char **ret,
	       size_t *ret_len)
{
	struct config_version v;
	char name[40];

	name_of(number, name);
	int rc = read_version(st->dirfd, name, &v, ret, ret_len);
	if (rc == 0 && v.number != number) {
		free(*ret);
		rc = -EBADMSG;
	}
	if (rc == 0 && ret_v != NULL)
		*ret_v = v;
	return rc;
}

int config_store_get(struct config_store *st, uint64_t number, struct config_version *ret_v,
		     char **ret, size_t *ret_len)
{
	pthread_mutex_lock(&st->mutex);
	const int rc = get(st, number, ret_v, ret, ret_len);
	pthread_mutex_unlock(&st->mutex);
	return rc;
}

int config_store_at(struct config_store *st, uint64_t time_ms, struct config_version *ret_v,
		    char **ret, size_t *ret_len)
{
	int rc = -ENOENT;

	pthread_mutex_lock(&st->mutex);
	for (size_t i = st->nb; i > 0; i--) {
		/* By number, not by time alone: a clock that was set back misleads no further. */
		if (st->v[i - 1].time_ms > time_ms)
			continue;
		rc = get(st, st->v[i - 1].number, ret_v, ret, ret_len);
		break;
	}
	pthread_mutex_unlock(&st->mutex);
	return rc;
}

/* ---- the candidate ---- */

int config_store_candidate_load(struct config_store *st, struct config_version *ret,
				char **ret_text, size_t *ret_len)
{
	pthread_mutex_lock(&st->mutex);
	const int rc = read_version(st->dirfd, CANDIDATE, ret, ret_text, ret_len);
	pthread_mutex_unlock(&st->mutex);
	return rc;
}

int config_store_candidate_save(struct config_store *st, struct config_version *v,
				struct slice document)
{
	pthread_mutex_lock(&st->mutex);
	const int rc = write_file(st->dirfd, CANDIDATE, v, document);
	pthread_mutex_unlock(&st->mutex);
	return rc;
}

void config_store_candidate_remove(struct config_store *st)
{
	pthread_mutex_lock(&st->mutex);
	(void)unlinkat(st->dirfd, CANDIDATE, 0);
	(void)fsync(st->dirfd);
	pthread_mutex_unlock(&st->mutex);
}
