/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>

/* Written by the handler, read by whoever waits, of the same thread. */
static _Atomic(bool) is_set;

static void on_signal(int)
{
	atomic_store_explicit(&is_set, true, memory_order_relaxed);
}

void interrupt_catch(void)
{
	/* Without SA_RESTART: what waits is woken. */
	struct sigaction sa = {.sa_handler = on_signal};

	sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGINT, &sa, NULL);
	/* A command may have taken it, as capture does; here it ends us. */
	(void)signal(SIGTERM, SIG_DFL);
}

bool interrupt_is_set(void)
{
	return atomic_load_explicit(&is_set, memory_order_relaxed);
}

void interrupt_clear(void)
{
	atomic_store_explicit(&is_set, false, memory_order_relaxed);
}
