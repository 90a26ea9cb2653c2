/* SPDX-License-Identifier: BSD-3-Clause */

/* Giving up root once ports and memory are there. */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct privilege {
	uid_t uid;
	gid_t gid;
};

/*
 * "NAME", "NAME:GROUP", "UID" or "UID:GID"; the group defaults to the user's own. -ENOENT: no
 * such user or group (a bare UID needs no entry, its group is then the same number); -EINVAL.
 */
[[nodiscard]] int privilege_parse(const char *s, struct privilege *ret);

/*
 * Before any other thread exists: no privilege can be gained by exec any more
 * (PR_SET_NO_NEW_PRIVS, which a thread has from the one that made it). 0 or -errno.
 */
[[nodiscard]] int privilege_pin(void);

/*
 * Become <p> for good: groups, ids, no capability left, not dumpable (the secrets are mapped). All
 * threads of the process change: glibc sees to that for ids, and the kernel clears a thread's
 * capabilities when its uid leaves 0. 0 or -errno; after a failure the process must end.
 */
[[nodiscard]] int privilege_drop(const struct privilege *p);
/* What can be had without another user: no core dump, no ptrace by our equals. */
[[nodiscard]] int privilege_hide(void);
