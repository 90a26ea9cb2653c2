/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Files that are either the old one or the new one, whatever happens meanwhile: written beside,
 * flushed, renamed over, and the folder flushed. In two steps, so that all that is likely to
 * fail (no space, no permission) fails before anything else has changed.
 */

#pragma once

#include "common/base/slice.h"

#include <stddef.h>
#include <sys/types.h>

/* What was prepared and not published is named so, and means nothing. */
#define DURABLE_SUFFIX ".new"
#define DURABLE_NAME_MAX 256u

struct durable {
	int dirfd; /* -1: nothing is prepared */
	char name[DURABLE_NAME_MAX], temp[DURABLE_NAME_MAX];
};

/*
 * Write <nb> parts, one after the other, for file <name> of folder <dirfd>, which is duplicated.
 * The file gets <mode>, and owner and group as far as we may give them ((uid_t)-1: ours).
 * 0 or -errno: nothing is left behind then.
 */
[[nodiscard]] int durable_prepare(struct durable *d, int dirfd, const char *name,
				  const struct slice *part, size_t nb, mode_t mode, uid_t uid,
				  gid_t gid);
/* Put it in place. 0 or -errno: the old file is there then, and <d> is dropped. */
[[nodiscard]] int durable_publish(struct durable *d);
/* Nothing happens when nothing is prepared; <d> was prepared once, or is DURABLE_NONE. */
void durable_drop(struct durable *d);
#define DURABLE_NONE ((struct durable){.dirfd = -1})
