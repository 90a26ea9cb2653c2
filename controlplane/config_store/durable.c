/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_store/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, struct slice s)
{
	const uint8_t *p = s.ptr;
	size_t left = s.len;

	while (left > 0) {
		const ssize_t n = write(fd, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

static int fill(int fd, const struct slice *part, size_t nb, mode_t mode, uid_t uid, gid_t gid)
{
	/* Owner before mode: a change of owner clears bits. Only root may give files away. */
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0 &&
	    fchown(fd, (uid_t)-1, gid) < 0 && errno != EPERM)
		return -errno;
	if (fchmod(fd, mode) < 0)
		return -errno;
	for (size_t i = 0; i < nb; i++) {
		const int rc = write_all(fd, part[i]);
		if (rc < 0)
			return rc;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int durable_prepare(struct durable *d, int dirfd, const char *name, const struct slice *part,
		    size_t nb, mode_t mode, uid_t uid, gid_t gid)
{
	*d = DURABLE_NONE;
	if (strlen(name) + sizeof(DURABLE_SUFFIX) > sizeof(d->temp))
		return -ENAMETOOLONG;
	(void)snprintf(d->name, sizeof(d->name), "%s", name);
	(void)snprintf(d->temp, sizeof(d->temp), "%.251s" DURABLE_SUFFIX, name);
	/* Left by one that was killed, or put there by somebody: not followed, not written to. */
	(void)unlinkat(dirfd, d->temp, 0);
	const int fd =
		openat(dirfd, d->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	int rc = fill(fd, part, nb, mode, uid, gid);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0) {
		d->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
		rc = d->dirfd < 0 ? -errno : 0;
	}
	if (rc < 0) {
		(void)unlinkat(dirfd, d->temp, 0);
		d->dirfd = -1;
	}
	return rc;
}

int durable_publish(struct durable *d)
{
	if (renameat(d->dirfd, d->temp, d->dirfd, d->name) < 0) {
		const int rc = -errno;
		durable_drop(d);
		return rc;
	}
	/* It is in place; a folder that cannot be flushed makes it no less so. */
	(void)fsync(d->dirfd);
	close(d->dirfd);
	d->dirfd = -1;
	return 0;
}

void durable_drop(struct durable *d)
{
	if (d->dirfd < 0)
		return;
	(void)unlinkat(d->dirfd, d->temp, 0);
	close(d->dirfd);
	d->dirfd = -1;
}
