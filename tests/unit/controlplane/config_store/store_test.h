/* SPDX-License-Identifier: BSD-3-Clause */

/* A state folder for a test, and its end. */

#pragma once

#include "config_store/config_store.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char state_dir[64], store_dir[80];

[[maybe_unused]] static int state_setup(void **)
{
	static const char name[] = "/tmp/tagwarden-store-XXXXXX";

	memcpy(state_dir, name, sizeof(name));
	if (mkdtemp(state_dir) == NULL)
		return -1;
	(void)snprintf(store_dir, sizeof(store_dir), "%s/config", state_dir);
	return 0;
}

[[maybe_unused]] static void empty_folder(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), e->d_name, 0);
	if (dir != NULL)
		closedir(dir);
}

[[maybe_unused]] static int state_teardown(void **)
{
	empty_folder(store_dir);
	(void)rmdir(store_dir);
	empty_folder(state_dir);
	return rmdir(state_dir);
}

[[maybe_unused]] static struct config_store *open_store(void)
{
	int rc;
	struct config_store *st = config_store_open(state_dir, &rc);

	assert_non_null(st);
	return st;
}

[[maybe_unused]] static uint64_t add(struct config_store *st, uint64_t time_ms, const char *doc)
{
	struct config_version v = {.time_ms = time_ms, .kind = CONFIG_KIND_COMMIT};

	(void)snprintf(v.who, sizeof(v.who), "uid=%llu", (unsigned long long)time_ms);
	(void)snprintf(v.comment, sizeof(v.comment), "a \"comment\"\nof two lines");
	assert_int_equal(config_store_add(st, &v, slice_str(doc)), 0);
	return v.number;
}
