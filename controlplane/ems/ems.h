/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The EMS connectors: one thread for each configured EMS, which verifies it, pulls its objects
 * by REST, listens for its notifications, and posts what it learns to the main thread.
 *
 * The protocol: docs/internals/ems.md.
 */

#pragma once

#include "base/cp.h"
#include "state/state_vpn.h"

/* Plugs into main.c's table; sets cp->ems and cp->on_device_pull. */
extern const struct module ems_module;

/* A VPN session for EMS to know of (POST gateway_details/vpn). */
struct ems_vpn {
	struct device_uid uid;
	struct ip_addr ip;
	char interface[STATE_VPN_INTERFACE_MAX + 1];
	bool is_delete;
};

/*
 * Holder of the lock: tell every EMS that a device came or went by VPN. Queued; -ENOSPC when the
 * queue of some connector is full, -ENOENT when there is none.
 */
[[nodiscard]] int ems_vpn_post(struct cp *cp, const struct ems_vpn *vpn);

/*
 * Holder of the lock: an operator trusts the certificate of <fingerprint> (upper case, colons) that
 * EMS <id> shows. -ENOENT: no such connector.
 */
[[nodiscard]] int ems_confirm(struct cp *cp, unsigned id, const char *fingerprint);
/*
 * Holder of the lock: connect to EMS <id> now. What comes of it is in its status when as many
 * tests are done as <ret_nb> says. -ENOENT: no such connector.
 */
[[nodiscard]] int ems_test(struct cp *cp, unsigned id, uint32_t *ret_nb);

/*
 * Holder of the lock: our interfaces with their addresses and MACs, as they are sent to EMS, by
 * which it knows who is directly connected. Compact JSON; free() it. NULL: out of memory.
 */
char *ems_gateways_body(const struct cp *cp);
/* Holder of the lock: send them now (`diagnose test application fcnacd 99`). */
void ems_gateways_post(struct cp *cp);

/* Holder of the lock: make all objects due now (`diagnose test application fcnacd 5`). */
void ems_pull_all(struct cp *cp);
