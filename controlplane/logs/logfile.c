/* SPDX-License-Identifier: BSD-3-Clause */

/* Appending and rotating. */

#include "logs/logfile.h"

#include "base/loop.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("logs");

static void open_file(struct logfile *f)
{
	struct stat st;

	f->fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (f->fd < 0) {
		LOG(ERR, "%s cannot be opened path=%s error=\"%s\"", f->what, f->path,
		    strerror(errno));
		return;
	}
	f->size = fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void rotate(struct logfile *f)
{
	close(f->fd);
	for (unsigned i = f->keep; i > 0; i--) {
		char from[PATH_MAX + 12], to[PATH_MAX + 12];

		(void)snprintf(to, sizeof(to), "%s.%u", f->path, i);
		if (i == 1)
			(void)snprintf(from, sizeof(from), "%s", f->path);
		else
			(void)snprintf(from, sizeof(from), "%s.%u", f->path, i - 1);
		(void)rename(from, to);
	}
	if (f->keep == 0)
		(void)unlink(f->path);
	f->nb_rotated++;
	open_file(f);
}

static void write_failed(struct logfile *f, int err)
{
	const uint64_t now = loop_now_ms();

	f->nb_failed++;
	if (f->last_error_ms != 0 && now < f->last_error_ms + 60000)
		return;
	f->last_error_ms = now;
	LOG(ERR, "%s cannot be written path=%s error=\"%s\"", f->what, f->path, strerror(err));
}

void logfile_open(struct logfile *f, const char *what, const char *path, uint64_t max_size,
		  unsigned keep)
{
	logfile_close(f);
	f->what = what;
	f->max_size = max_size;
	f->keep = keep;
	(void)snprintf(f->path, sizeof(f->path), "%s", path == NULL ? "" : path);
	if (f->path[0] != '\0')
		open_file(f);
}

bool logfile_write(struct logfile *f, const void *ptr, size_t len)
{
	size_t done = 0;

	/* Again at each write: a full or missing disk may be back. */
	if (f->fd < 0 && f->path[0] != '\0')
		open_file(f);
	while (f->fd >= 0 && done < len) {
		const ssize_t n = write(f->fd, (const char *)ptr + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			write_failed(f, errno);
			break;
		}
		done += (size_t)n;
	}
	f->size += done;
	if (f->fd >= 0 && f->max_size != 0 && f->size >= f->max_size)
		rotate(f);
	return done == len;
}

void logfile_close(struct logfile *f)
{
	if (f->what != NULL && f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}
