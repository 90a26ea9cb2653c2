/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Users' pictures, each a file of its own named by its SHA-1 under <state_dir>/avatars. A record
 * that changed has its picture fetched, and one that somebody asks for; a first pull of a million
 * records fetches none. Fetching has the lowest priority of all.
 */

#include "ems/ems_avatar.h"

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("ems");

#define MISSING_MS 60000u /* until a picture that EMS did not give is asked for again */
#define PAUSE_MS 1000u    /* after one that EMS does not have: a fleet may have none at all */
#define EAGER_MAX 50u     /* records of a page whose pictures are fetched unasked */
#define NAME_LEN (2u * EMS_FINGERPRINT_LEN)

static void name_of(const struct ems_fingerprint *fp, char ret[static NAME_LEN + 1])
{
	static const char digit[] = "0123456789abcdef";

	for (unsigned i = 0; i < EMS_FINGERPRINT_LEN; i++) {
		ret[2 * i] = digit[fp->b[i] >> 4];
		ret[2 * i + 1] = digit[fp->b[i] & 15];
	}
	ret[NAME_LEN] = '\0';
}

/* ---- files ---- */

static int open_dir(const struct cp *cp, bool may_make)
{
	const int parent = cp->state_dir == NULL
				   ? -1
				   : open(cp->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (parent < 0)
		return -ENOENT;
	if (may_make)
		(void)mkdirat(parent, "avatars", 0700);
	fd = openat(parent, "avatars", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	close(parent);
	return fd < 0 ? -ENOENT : fd;
}

static bool is_kept(const struct cp *cp, const struct ems_fingerprint *fp)
{
	char name[NAME_LEN + 1];
	const int dir = open_dir(cp, false);
	bool is_there;

	if (dir < 0)
		return false;
	name_of(fp, name);
	is_there = faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	close(dir);
	return is_there;
}

static int read_all(int fd, uint8_t *ret, size_t len)
{
	while (len > 0) {
		const ssize_t n = read(fd, ret, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		ret += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_file(int dir, const char *name, uint8_t **ret, size_t *ret_len)
{
	const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint8_t *bytes = NULL;
	struct stat sb;
	int rc = -ENOENT;

	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0 &&
	    sb.st_size <= (off_t)EMS_AVATAR_MAX)
		bytes = malloc((size_t)sb.st_size);
	if (bytes != NULL)
		rc = read_all(fd, bytes, (size_t)sb.st_size);
	close(fd);
	if (rc < 0) {
		free(bytes);
		return rc;
	}
	*ret = bytes;
	*ret_len = (size_t)sb.st_size;
	return 0;
}

int ems_avatar_load(const struct cp *cp, const struct ems_fingerprint *fp, uint8_t **ret,
		    size_t *ret_len, const char **ret_type)
{
	char name[NAME_LEN + 1];
	const int dir = open_dir(cp, false);
	int rc;

	if (dir < 0)
		return -ENOENT;
	name_of(fp, name);
	rc = read_file(dir, name, ret, ret_len);
	if (rc == 0) {
		/* The disk is trusted no more than EMS. */
		*ret_type = ems_picture_type(slice_of(*ret, *ret_len));
		if (*ret_type == NULL || !ems_fingerprint_fits(fp, slice_of(*ret, *ret_len))) {
			free(*ret);
			(void)unlinkat(dir, name, 0);
			rc = -ENOENT;
		}
	}
	close(dir);
	return rc;
}

/* Files beyond the limit go, those that came first before the others. */
static void make_room(int dir)
{
	char oldest[NAME_LEN + 1] = "";
	time_t oldest_time = 0;
	unsigned nb = 0;
	const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		struct stat sb;

		if (strlen(e->d_name) != NAME_LEN ||
		    fstatat(dir, e->d_name, &sb, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		nb++;
		if (oldest[0] != '\0' && sb.st_mtime >= oldest_time)
			continue;
		memcpy(oldest, e->d_name, sizeof(oldest));
		oldest_time = sb.st_mtime;
	}
	closedir(d);
	if (nb >= EMS_AVATARS_KEPT)
		(void)unlinkat(dir, oldest, 0);
}

static int write_file(int dir, const char *name, const uint8_t *bytes, size_t len)
{
	/* Connectors may fetch at a time. */
	char tmp[64];
	ssize_t n;
	int fd;

	(void)snprintf(tmp, sizeof(tmp), "tmp.%ld", (long)gettid());
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	n = write(fd, bytes, len);
	if (close(fd) < 0 || n != (ssize_t)len || renameat(dir, tmp, dir, name) < 0) {
		(void)unlinkat(dir, tmp, 0);
		return -EIO;
	}
	return 0;
}

static int keep(struct ems_conn *c, const struct ems_fingerprint *fp, const uint8_t *bytes,
		size_t len)
{
	char name[NAME_LEN + 1];
	const int dir = open_dir(c->cp, true);
	int rc;

	if (dir < 0)
		return dir;
	name_of(fp, name);
	make_room(dir);
	rc = write_file(dir, name, bytes, len);
	close(dir);
	return rc;
}

/* ---- what is wanted ---- */

static void want(struct ems_conn *c, const struct ems_fingerprint *fp)
{
	bool is_there = false;

	pthread_mutex_lock(&c->mutex);
	for (unsigned i = 0; i < c->nb_avatars && !is_there; i++)
		is_there = memcmp(&c->avatar[i], fp, sizeof(*fp)) == 0;
	if (!is_there && c->nb_avatars < EMS_AVATARS_MAX)
		c->avatar[c->nb_avatars++] = *fp;
	pthread_mutex_unlock(&c->mutex);
}

void ems_avatar_want(struct cp *cp, unsigned ems_id, const struct ems_fingerprint *fp)
{
	struct ems_conn *c;

	for (unsigned i = 0; (c = ems_conn_at(cp, i)) != NULL; i++) {
		if (c->id != ems_id)
			continue;
		want(c, fp);
		ems_wake(c);
	}
}

void ems_avatars_changed(struct ems_conn *c, const struct state_batch *b)
{
	struct ems_fingerprint fp;

	if (!ems_has_cap(c, EMS_CAP_CLIENT_AVATARS) || b->is_full)
		return;
	for (uint32_t i = 0; i < b->nb_sysinfo && i < EAGER_MAX; i++)
		if (ems_fingerprint_of(b->sysinfo[i].field[STATE_F_AVATAR], &fp) &&
		    !is_kept(c->cp, &fp))
			want(c, &fp);
}

void ems_avatars_notified(struct ems_conn *c)
{
	c->nb_missing = 0;
	c->obj_retry_at_ms[STATE_OBJ_AVATAR] = 0;
	c->has_no_avatars = false;
}

static bool is_missing(const struct ems_conn *c, const struct ems_fingerprint *fp)
{
	for (unsigned i = 0; i < c->nb_missing; i++)
		if (memcmp(&c->missing[i].fp, fp, sizeof(*fp)) == 0)
			return loop_now_ms() < c->missing[i].until_ms;
	return false;
}

static void note_missing(struct ems_conn *c, const struct ems_fingerprint *fp)
{
	unsigned at = 0;

	/* An entry that is over, a free one, or the one that is over first. */
	for (unsigned i = 0; i < c->nb_missing; i++)
		if (c->missing[i].until_ms < c->missing[at].until_ms)
			at = i;
	if (c->nb_missing < EMS_AVATARS_MAX)
		at = c->nb_missing++;
	c->missing[at].fp = *fp;
	c->missing[at].until_ms = loop_now_ms() + MISSING_MS;
}

/* ---- fetching ---- */

static int fetch(struct ems_conn *c, const struct ems_fingerprint *fp)
{
	char query[EMS_QUERY_MAX], name[NAME_LEN + 1];
	struct ems_reply r;
	uint8_t *bytes;
	size_t len;
	ems_why why;
	int n, rc;

	name_of(fp, name);
	n = snprintf(query, sizeof(query), "sn_list[]=%s&fingerprint=%s", c->gateway_sn, name);
	if (n < 0 || (size_t)n >= sizeof(query))
		return -EINVAL;
	rc = ems_call_reply(c, STATE_OBJ_AVATAR, query, NULL, &r);
	if (rc < 0)
		return rc;
	rc = ems_avatar_decode(r.data, fp, &bytes, &len, &why);
	ems_reply_free(&r);
	if (rc < 0) {
		ems_call_failed(c, STATE_OBJ_AVATAR, why);
		return rc;
	}
	c->status.call[STATE_OBJ_AVATAR].records++;
	rc = keep(c, fp, bytes, len);
	if (rc < 0)
		LOG(WARN, "avatar not kept ems=%s error=%d", c->name, -rc);
	free(bytes);
	return rc;
}

static bool take(struct ems_conn *c, struct ems_fingerprint *ret)
{
	bool is_there;

	pthread_mutex_lock(&c->mutex);
	is_there = c->nb_avatars > 0;
	if (is_there)
		*ret = c->avatar[--c->nb_avatars];
	pthread_mutex_unlock(&c->mutex);
	return is_there;
}

int ems_avatar_step(struct ems_conn *c)
{
	struct ems_fingerprint fp;
	int rc;

	if (c->phase != EMS_LIVE || loop_now_ms() < c->obj_retry_at_ms[STATE_OBJ_AVATAR] ||
	    !take(c, &fp))
		return 0;
	if (c->has_no_avatars || !ems_has_cap(c, EMS_CAP_CLIENT_AVATARS) || is_missing(c, &fp) ||
	    is_kept(c->cp, &fp))
		return 1;
	rc = fetch(c, &fp);
	if (rc == 0) {
		c->obj_failures[STATE_OBJ_AVATAR] = 0;
		return 1;
	}
	note_missing(c, &fp);
	c->has_no_avatars = rc == -EOPNOTSUPP;
	c->obj_retry_at_ms[STATE_OBJ_AVATAR] =
		loop_now_ms() +
		(rc == -ENOENT ? PAUSE_MS : ems_backoff_ms(c->obj_failures[STATE_OBJ_AVATAR]++, 0));
	return rc;
}
