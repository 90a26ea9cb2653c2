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
 * Become <p> for good: groups, ids, no capability left, none to be gained (PR_SET_NO_NEW_PRIVS),
 * not dumpable (the secrets are mapped). All threads of the process change: glibc sees to that
 * for ids, so only the calling thread's capabilities matter, which the change of uid from 0
 * clears in each. 0 or -errno; after a failure the process must end.
 */
[[nodiscard]] int privilege_drop(const struct privilege *p);
/* What can be had without another user: no new privileges, no core dump. */
[[nodiscard]] int privilege_harden(void);
