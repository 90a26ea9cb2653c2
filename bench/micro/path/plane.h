/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The control plane of the rig, without its process: certificates made on the spot, a
 * configuration document compiled as the product compiles it, devices that carry the tag which the
 * last policy asks for, all published in a shared-memory directory of its own. What cannot fail
 * here ends the program.
 */

#pragma once

#include "common/shm/shm.h"

#include <openssl/ssl.h>

#include <stdint.h>

struct plane;

struct plane_params {
	uint32_t nb_devices;  /* 1 at least */
	uint32_t nb_policies; /* 1 at least; the last one lets in */
	uint32_t max_connections;
	uint32_t memory_mib;
	uint32_t nb_workers;
	const char *wan, *lan; /* device strings */
};

struct plane *plane_new(const struct plane_params *p);
void plane_free(struct plane *p);

/* To attach to as the data plane does. */
const char *plane_dir(const struct plane *p);
/* Make <ctx> speak for device <n> modulo their number. */
void plane_use_device(const struct plane *p, SSL *ssl, uint32_t n);
/* EMS answers at <now_ms>, records are read, as the control plane would. Returns how many. */
uint64_t plane_tick(struct plane *p, uint64_t now_ms);
