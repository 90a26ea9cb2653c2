#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# As offloads.sh, over IPv6 on both sides: nothing but IPv6 for the card to cut and to sum.
. "$(dirname "$0")/ipv6-lib.sh"
. "$(dirname "$0")/card-lib.sh"

card_is_plugged()
{
	add_ip6 client "$T-w" 2001:db8:1::1/64 2001:db8:1::10
	add_ip6 server "$T-l" 2001:db8:2::20/64 2001:db8:2::1
}

ping_once()
{
	in_ns client ping -6 -c 1 -W 1 "$@" 2001:db8:1::10
}

pings()
{
	step "$1: ping" wait_for 5 ping_once
	step "$1: a packet of full size" ping_once -s 1452 -M "do"
}

ipv6_up
by_port_and_by_software "$PROXY6/six" pings
