/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The few macros that everyone may use. The clean-up ones are for the control plane, the tools
 * and tests: in the data plane life is never lexical.
 */

#pragma once

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void macros_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void macros_close_file(FILE **f)
{
	if (*f != NULL)
		fclose(*f);
}

static inline void macros_free(void *p)
{
	free(*(void **)p);
}

#define CLEANUP_FD __attribute__((cleanup(macros_close_fd)))
#define CLEANUP_FILE __attribute__((cleanup(macros_close_file)))
#define CLEANUP_FREE __attribute__((cleanup(macros_free)))
