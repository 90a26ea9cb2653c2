/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A port whose other side is an interface of this machine's kernel (tap), as a good network card
 * would be to it: checksums, segmentation and large receive are done for it. For the proxies whose
 * TCP is the kernel's; net_tap would make it do all that in software, and send a signal for every
 * packet.
 *
 * It is a port of net_null, which has no packets of its own, with callbacks at both ends of it.
 */

#pragma once

#include "io/io.h"

#define KERNEL_PORT_PREFIX "kernel:"

/* The interface behind "kernel:", or NULL when <device> is another kind. */
const char *kernel_port_of(const char *device);

/*
 * Wire port <index> of <io> to the kernel's interface <name>, which is made when it is not there.
 * After io_open(), before the stack is made: it changes what the port offers. One worker.
 */
[[nodiscard]] int kernel_port_open(struct io *io, uint32_t index, const char *name,
				   const char **ret_why);
