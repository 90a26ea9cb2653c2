/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All of [s, s + len) as a decimal number. */
static int parse_id(const char *s, size_t len, uint32_t *ret)
{
	uint64_t n = 0;

	if (len == 0 || len > 10)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	/* The last one means "unchanged" to the system calls. */
	if (n >= UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)n;
	return 0;
}

static int parse_user(const char *s, size_t len, struct privilege *p)
{
	char name[64];
	uint32_t id;

	if (parse_id(s, len, &id) == 0) {
		const struct passwd *pw = getpwuid(id);

		p->uid = id;
		p->gid = pw == NULL ? id : pw->pw_gid;
		return 0;
	}
	if (len == 0 || len >= sizeof(name))
		return -EINVAL;
	memcpy(name, s, len);
	name[len] = '\0';

	const struct passwd *pw = getpwnam(name);

	if (pw == NULL)
		return -ENOENT;
	p->uid = pw->pw_uid;
	p->gid = pw->pw_gid;
	return 0;
}

static int parse_group(const char *s, struct privilege *p)
{
	uint32_t id;

	if (parse_id(s, strlen(s), &id) == 0) {
		p->gid = id;
		return 0;
	}

	const struct group *gr = getgrnam(s);

	if (gr == NULL)
		return -ENOENT;
	p->gid = gr->gr_gid;
	return 0;
}

int privilege_parse(const char *s, struct privilege *ret)
{
	const char *colon = strchr(s, ':');
	struct privilege p;
	int rc = parse_user(s, colon == NULL ? strlen(s) : (size_t)(colon - s), &p);

	if (rc == 0 && colon != NULL)
		rc = parse_group(colon + 1, &p);
	if (rc < 0)
		return rc;
	*ret = p;
	return 0;
}

static int clear_capabilities(void)
{
	struct __user_cap_header_struct hdr = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	return syscall(SYS_capset, &hdr, none) != 0 ? -errno : 0;
}

int privilege_pin(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -errno : 0;
}

int privilege_hide(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ? -errno : 0;
}

int privilege_drop(const struct privilege *p)
{
	if (p->uid == 0)
		return -EINVAL;
	if (setgroups(0, NULL) != 0 || setresgid(p->gid, p->gid, p->gid) != 0 ||
	    setresuid(p->uid, p->uid, p->uid) != 0)
		return -errno;

	const int rc = clear_capabilities();

	if (rc < 0)
		return rc;
	/* The way back must be shut; believe it only when seen. */
	if (setresuid(0, 0, 0) == 0)
		return -EPERM;
	return privilege_hide();
}
