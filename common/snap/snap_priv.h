/* SPDX-License-Identifier: BSD-3-Clause */

/* Shared by reader, check and builder. */

#pragma once

#include "common/snap/snap_layout.h"

#include <stddef.h>
#include <stdint.h>

static inline uint32_t snap_dir_index(uint64_t hash, uint32_t dir_bits)
{
	return dir_bits == 0 ? 0 : (uint32_t)(hash >> (64 - dir_bits));
}

/* The place of the page where the search for what has <hash> begins. */
static inline uint32_t snap_page_home(uint64_t hash)
{
	return (uint32_t)(hash % SNAP_DEVICES_PER_PAGE);
}

/* Place of <uid>, whose hash is <hash>, or -1. <page> was checked. */
int snap_page_find(const struct snap_device_page *page, uint64_t hash,
		   const struct device_uid *uid);

/* Of the root with crc32c taken as 0. */
uint32_t snap_root_crc(const struct snap_root *root);

/* Words of a bitset of <nb_bits>; at least one, so that a stride is never 0. */
static inline uint32_t snap_nb_words(uint32_t nb_bits)
{
	return nb_bits == 0 ? 1 : (nb_bits + 63) / 64;
}
