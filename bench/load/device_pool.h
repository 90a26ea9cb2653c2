/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The devices that clients play: certificates and keys from a folder, decoded once, because one
 * decode costs as much as two signatures. Each worker opens a pool of its own: the reference
 * counts inside would otherwise travel between cores at each handshake.
 */

#pragma once

#include <openssl/x509.h>

#include <stddef.h>
#include <stdint.h>

#define LOAD_DEVICE_NAME 64u

struct load_device {
	char name[LOAD_DEVICE_NAME]; /* the file's, without .pem: with emsim, the device's UID */
	X509 *cert;
	EVP_PKEY *key;
	STACK_OF(X509) * chain; /* what follows in the .pem; NULL: nothing does */
};

struct load_pool {
	struct load_device *device; /* by name */
	uint32_t nb;
};

/*
 * Read all pairs NAME.pem and NAME.key of <dir>, as `emsim add` and OpenSSL write them. A .pem
 * without a .key is not a device and left out. Negative errno with the reason in <why>; -ENOENT:
 * no folder, or no pair in it; -EINVAL: a pair that cannot be read or does not match.
 */
[[nodiscard]] int load_pool_open(struct load_pool *pool, const char *dir, char *why,
				 size_t why_cap);
void load_pool_close(struct load_pool *pool);
