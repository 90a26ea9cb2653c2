/* SPDX-License-Identifier: BSD-3-Clause */

/* tagwarden-load: clients and origin of a proxy under test, in one process on the DPDK stack. */

#include "bench/load/load.h"

#include <stdio.h>

int main(void)
{
	fputs("tagwarden-load: no engine yet\n", stderr);
	return 2;
}
