/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VPN sessions: which device holds which address of the VPN's pools, as the VPN daemon told it.
 * Part of struct state (state.h): main thread or holder of the lock, kept on disk with the rest.
 *
 * An address is held by one device at a time, so it names a session. A device may hold several,
 * an IPv4 and an IPv6 one for instance.
 */

#pragma once

#include "common/base/ids.h"
#include "state/state.h"

#define STATE_MAX_VPN 16384u
#define STATE_VPN_INTERFACE_MAX 35u

struct state_vpn {
	struct device_uid uid;
	struct ip_addr ip;
	char interface[STATE_VPN_INTERFACE_MAX + 1];
	uint64_t since_ms; /* CLOCK_REALTIME */
	/* EMSs that took it, and that refuse it, as bits 1 << id; one of none has not answered. */
	uint8_t taken, rejected;
};

/* Can <name> be an interface: letters, digits, and of "_.:@/-"? */
bool state_vpn_is_interface(const char *name);

/*
 * A device came by VPN. A session with the same address is replaced, *<ret_old> says by which
 * device it was held before (<ret_was_held>: it was another one). What EMSs said of the session
 * is forgotten: they are to be asked anew. -ENOSPC.
 */
[[nodiscard]] int state_vpn_connect(struct state *st, const struct state_vpn *vpn,
				    struct state_vpn *ret_old, bool *ret_was_held);
/*
 * It left. -ENOENT: it does not hold this address (any more): the news of an earlier holder's end
 * may come after that of the next one's begin.
 */
[[nodiscard]] int state_vpn_disconnect(struct state *st, const struct device_uid *uid,
				       const struct ip_addr *ip);
bool state_vpn_find(const struct state *st, const struct ip_addr *ip, struct state_vpn *ret);
/* Walk, as state_device_next(). */
bool state_vpn_next(const struct state *st, uint32_t *pos, struct state_vpn *ret);
uint32_t state_nb_vpn(const struct state *st);
/* EMS <ems_id> was told of the session and took it, or rejected it. True: it did not before. */
bool state_vpn_answer(struct state *st, uint32_t ems_id, const struct device_uid *uid,
		      const struct ip_addr *ip, bool is_rejected);
