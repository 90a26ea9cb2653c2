/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal/eal_start.h"

#include <rte_eal.h>
#include <rte_errno.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HUGE_DIR "/sys/kernel/mm/hugepages"

void eal_cpus(uint64_t ret_cpus[static EAL_MAX_CPUS / 64])
{
	cpu_set_t set;

	memset(ret_cpus, 0, EAL_MAX_CPUS / 8);
	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (unsigned i = 0; i < EAL_MAX_CPUS && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			ret_cpus[i / 64] |= 1ull << (i % 64);
}

/* The number that <s> begins with, 0 when there is none or it is absurd. */
static uint64_t leading_number(const char *s)
{
	uint64_t n = 0;

	for (; isdigit((unsigned char)*s); s++) {
		if (n > UINT64_MAX / 100)
			return 0;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	return n;
}

static uint64_t free_pages(const char *size)
{
	char path[320], line[32] = "";
	const int n = snprintf(path, sizeof(path), HUGE_DIR "/%s/free_hugepages", size);

	if (n < 0 || (size_t)n >= sizeof(path))
		return 0;

	FILE *f = fopen(path, "re");

	if (f == NULL)
		return 0;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	return leading_number(line);
}

uint64_t eal_free_hugepages_mib(void)
{
	static const char prefix[] = "hugepages-";
	uint64_t kib = 0;
	DIR *d = opendir(HUGE_DIR);

	if (d == NULL)
		return 0;
	for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		if (strncmp(e->d_name, prefix, sizeof(prefix) - 1) == 0)
			kib += leading_number(e->d_name + sizeof(prefix) - 1) *
			       free_pages(e->d_name);
	(void)closedir(d);
	return kib / 1024;
}

/* The value of <key>, which ends in '=', among the device's arguments; empty: not there. */
static struct slice device_arg(struct slice device, const char *key)
{
	const size_t len = strlen(key);
	const uint8_t *end = device.ptr + device.len;
	const uint8_t *p = memmem(device.ptr, device.len, key, len);

	if (p == NULL || p == device.ptr || p[-1] != ',')
		return slice_of(NULL, 0);
	p += len;

	const uint8_t *comma = memchr(p, ',', (size_t)(end - p));

	return slice_of(p, (size_t)((comma == NULL ? end : comma) - p));
}

void eal_clear_socket(struct slice device)
{
	static const char driver[] = "net_memif";
	const struct slice path = device_arg(device, "socket=");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;

	if (device.len < sizeof(driver) || memcmp(device.ptr, driver, sizeof(driver) - 1) != 0 ||
	    !slice_is_equal(device_arg(device, "role="), slice_str("server")) || path.len == 0 ||
	    path.len >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path.ptr, path.len);
	if (lstat(addr.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;

	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 && errno == ECONNREFUSED)
		(void)unlink(addr.sun_path);
	(void)close(fd);
}

int eal_start(struct eal_args *args, const char **ret_why)
{
	/* EAL may reorder its arguments: it works on a copy of the pointers. */
	char *argv[EAL_MAX_ARGS + 1];

	memcpy(argv, args->argv, sizeof(argv));
	if (rte_eal_init(args->argc, argv) >= 0)
		return 0;

	const int rc = rte_errno > 0 ? -rte_errno : -EIO;

	*ret_why =
		rc == -ENOMEM ? "not enough memory: lower dataplane.memory_mib, or free huge pages"
		: rc == -EACCES ? "it lacks permission: start it as root, --user drops that later"
				: "run with --log-level debug to see the library's own messages";
	return rc;
}
