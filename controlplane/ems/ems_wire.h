/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the connector says to EMS, and the small decisions around it, without network or clock:
 * queries and bodies byte for byte as the field sends them, notifications, waiting times.
 */

#pragma once

#include "ems/ems.h"
#include "state/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMS_QUERY_MAX 3072u

/* Percent-encode as EMS's queries are: everything but letters, digits, '-', '_'. */
size_t ems_encode(const char *s, char *ret, size_t cap);

/*
 * sn_list[]=SN[&updated_after=..&<offset_key>=..][&send_mac=true], in this order. Without a
 * cursor in <cur> the query asks for everything. -EINVAL: does not fit.
 */
[[nodiscard]] int ems_query(const char *sn, const struct state_cursor *cur, const char *offset_key,
			    bool is_send_mac, char *ret, size_t cap);
/* sn_list[]=SN&uid_list[]=UID... for <nb> devices. */
[[nodiscard]] int ems_query_devices(const char *sn, const struct device_uid *uid, unsigned nb,
				    char *ret, size_t cap);

/* The body of gateway_details/vpn, compact, keys in the field's order. free() it; NULL: memory. */
char *ems_vpn_body(const char *sn, const char *vdom, const struct ems_vpn *list, unsigned nb,
		   bool is_snapshot);

/*
 * The objects that a notification's text makes due, as bits 1 << enum state_obj. A text that is
 * none of EMS's makes everything due: something changed, and what it was got lost. false then.
 */
bool ems_notification_parse(const char *text, size_t len, unsigned *ret_objs);

/* How long to wait after <nb_failures> failures in a row: doubling, bounded, <random> jitter. */
#define EMS_BACKOFF_MIN_MS 500u
#define EMS_BACKOFF_MAX_MS 30000u
uint64_t ems_backoff_ms(unsigned nb_failures, uint32_t random);

/*
 * Whether pages go on as they must: to a later time, or to another record of the same time. An
 * EMS that repeats itself and never says final would keep the connector busy for ever.
 */
bool ems_cursor_is_advanced(const struct state_cursor *from, const struct state_cursor *to);
