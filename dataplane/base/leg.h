/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a TCP connection's user pointer points at begins with this, so that the one list of ready
 * connections can be sorted into client sides and server sides.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

enum leg_kind {
	LEG_FRONT,
	LEG_BACK
};

struct leg {
	uint8_t kind; /* enum leg_kind */
};

#define container_of(ptr, type, member) ((type *)((uint8_t *)(ptr)-offsetof(type, member)))
