#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 120
# A real server whose host is not there: the client hears of it when nobody answered ARP or
# neighbour solicitations, not when TCP has tired of sending SYNs (a minute and more).
here=$(dirname "$0")
GATEWAYS_MORE=',
  {"id": 20, "url_map": "^/dead-four/", "url_map_type": "regex", "service": "http",
   "real_servers": [{"id": 1, "address": "198.51.100.66", "port": 8080}]},
  {"id": 21, "url_map": "^/dead-six/", "url_map_type": "regex", "service": "http",
   "real_servers": [{"id": 1, "address": "2001:db8:2::66", "port": 8080}]}'
EXTRA='"timeouts": {"upstream_connect": 60}'
. "$here/ipv6-lib.sh"

need_root
ipv6_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "a server that is there" wait_for 10 expect_status 200 "$DEV" "$PROXY/four/"
step "one by IPv6" wait_for 10 expect_status 200 "$DEV" "$PROXY/six/"

counted()
{
	api /api/v1/counters | jq -e --arg n "$1" 'any(.counters[]; .name == $n and .count > 0)'
}
# Many times what it takes, and a third of TCP's own patience.
MAX_TIME=20
step "no host of IPv4 answers: bad gateway" expect_status 502 "$DEV" "$PROXY/dead-four/"
step "no host of IPv6 does" expect_status 502 "$DEV" "$PROXY/dead-six/"
step "the reason is counted" counted arp_unresolved
step "by family" counted nd_unresolved
step "others go on being served" expect_status 200 "$DEV" "$PROXY/four/"
