/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The stack's arrays. A lookup at a million connections goes to a random place in hundreds of
 * megabytes: with pages of 4 KiB that is a TLB miss and a walk each time, beside the cache miss.
 */

#include "tcp/tcp_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE (UINT64_C(2) << 20)

void *tcp_array_new(size_t nb, size_t size)
{
	if (nb == 0 || size > (SIZE_MAX - HUGE) / nb)
		return NULL;
	const size_t align = nb * size >= HUGE ? HUGE : 64;
	const size_t len = (nb * size + align - 1) & ~(align - 1);
	void *p = aligned_alloc(align, len);

	if (p == NULL)
		return NULL;
	/* Advice: where there are none, small ones will do. */
	if (align == HUGE)
		(void)madvise(p, len, MADV_HUGEPAGE);
	/* Touched now, so that no packet pays for a page. */
	memset(p, 0, len);
	return p;
}
