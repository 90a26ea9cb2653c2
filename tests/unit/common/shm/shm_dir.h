/* SPDX-License-Identifier: BSD-3-Clause */

/* A directory of its own per test program, gone when the test is. */

#pragma once

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char shm_dir[64];

static int shm_dir_setup(void **state)
{
	static const char name[] = "/dev/shm/tagwarden-test-XXXXXX";

	(void)state;
	memcpy(shm_dir, name, sizeof(name));
	/* A name that is free; shm_create() makes the directory. */
	return mkdtemp(shm_dir) == NULL || rmdir(shm_dir) < 0 ? -1 : 0;
}

static int shm_dir_teardown(void **state)
{
	static const char *const name[] = {"snapshot", "rendezvous", "secrets", "feedback"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", shm_dir, name[i]);
		unlink(path);
		snprintf(path, sizeof(path), "%s/%s.new", shm_dir, name[i]);
		unlink(path);
	}
	rmdir(shm_dir);
	return 0;
}
