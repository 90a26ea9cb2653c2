/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of history/ share. */

#pragma once

#include "history/history.h"

#define CONFIGS 16u /* kept in memory */

struct history {
	struct history_config *config[CONFIGS]; /* a ring */
	uint32_t nb_configs;                    /* ever kept */
	struct loop_timer tick;
};
