/* SPDX-License-Identifier: BSD-3-Clause */

/* Between the files of config_check(). */

#pragma once

#include "config/config_names.h"
#include "config/config_read.h"

struct checker {
	struct config *cfg;
	struct config_errors *errs;
	struct config_names interfaces, certificates, proxies;
	bool is_oom;
};

#define FAIL(c, path, ...)                                                                         \
	do {                                                                                       \
		struct config_path p_ = (path);                                                    \
		config_error((c)->errs, &p_, __VA_ARGS__);                                         \
	} while (0)

#define WARN(c, path, ...)                                                                         \
	do {                                                                                       \
		struct config_path p_ = (path);                                                    \
		config_warn((c)->errs, &p_, __VA_ARGS__);                                          \
	} while (0)

/* Names of one kind, see config_names.h. */
void config_check_name(struct checker *c, struct config_names *n, const char *name, uint32_t idx,
		       struct config_path path);
uint32_t config_check_resolve(struct checker *c, const struct config_names *n, const char *name,
			      struct config_path path);

/* config_check_net.c: interfaces and routes, and what an address may be. */
void config_check_interfaces(struct checker *c);
/* Afterwards they are sorted, longest prefix first. */
void config_check_routes(struct checker *c);
/* Why no host can have the address <a>; NULL when one can. */
const char *config_check_unusable(const struct ip_addr *a);
/* The interface that has <a> as its own address, or SNAP_NONE. */
uint32_t config_check_owner(const struct config *cfg, const struct ip_addr *a);
/* Is <a> on a link, or behind a route? */
bool config_check_reachable(const struct config *cfg, const struct ip_addr *a);

/* config_check_api.c: where the API listens and whom it knows. */
void config_check_api(struct checker *c);
