#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# IPv6 comes and goes by a reload, and connections of IPv4 do not notice; an address that another
# host of the link has already is not taken.
. "$(dirname "$0")/stack-lib.sh"
need_root
has_ip6 || skip "the kernel has no IPv6"
certificate web6 2001:db8:1::10
stack_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
add_ip6 client "$T-w" 2001:db8:1::1/64 2001:db8:1::10
truncate -s 1G "$DIR/www/big"
spawn get ip netns exec "$T-client" curl -sS --limit-rate 5M --cacert "$EMS/web-ca.pem" \
	--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" -o /dev/null "$PROXY/big"
busy()
{
	api /api/v1/sessions | jq -e '[.sessions[] | select(.state == "request")] | length == 1'
}
step "a client of IPv4 downloads" wait_for 10 busy

PROXY6='https://[2001:db8:1::10]:9043'
refute "there is no IPv6 yet" as "$DEV" --connect-timeout 2 "$PROXY6/"
six_by()
{
	WAN_MORE=", \"$1/64\""
	MORE_CERTIFICATES=', {"name": "web6", "certificate": "ems/web6.pem", "key": "ems/web6.key"}'
	MORE_PROXIES=", {\"name\": \"six\", \"interface\": \"wan\", \"address\": \"$1\", \"port\": 9043,
	  \"certificate\": \"web6\", \"api_gateways\": $GATEWAYS}"
	POLICIES='[{"id": 17, "name": "allow", "action": "accept", "tags": "FortiAD"}]'
	reload
}
served()
{
	expect_status 200 "$DEV" --connect-timeout 2 "$PROXY6/"
}
step "an IPv6 address is added" six_by 2001:db8:1::10
step "and serves" wait_for 10 served
step "and answers pings" in_ns client ping -6 -c 1 -W 2 2001:db8:1::10

# The client's own: whoever asks for it first has it.
step "then it becomes one that the client has" six_by 2001:db8:1::1
told()
{
	api /api/v1/counters | jq -e '[.counters[] | select(.name == "nd_duplicate").count] | add > 0'
}
step "the conflict is counted" wait_for 10 told
step "the client keeps it" in_ns client ping -6 -c 1 -W 2 2001:db8:1::1
refute "the address before is gone" as "$DEV" --connect-timeout 2 "$PROXY6/"

step "back to what it was" six_by 2001:db8:1::10
step "it serves again" wait_for 10 served
WAN_MORE="" MORE_PROXIES=""
step "and is taken away" reload
refute "for good" as "$DEV" --connect-timeout 2 "$PROXY6/"
is_alive get || fail "the download of IPv4 ended"
step "the client of IPv4 downloads on" busy
