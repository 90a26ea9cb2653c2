#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# EMS is told the MAC addresses that the data plane's ports have, once it runs.
. "$(dirname "$0")/stack-lib.sh"
stack_up

# Each interface as "name mac", as the data plane says and as EMS was told.
ports()
{
	api /api/v1/interfaces | jq -r '.interfaces[] | .interface + " " + (.mac | gsub(":"; "-"))' | sort -u
}
told()
{
	ems gateways --json | jq -r '.gateways[] | .interface + " " + .mac' | sort -u
}
is_told()
{
	[ -n "$(ports)" ] && [ "$(ports)" = "$(told)" ]
}
step "EMS knows the MACs of the ports" wait_for 10 is_told
step "which are none of zeros" eval "! told | grep -q '00-00-00-00-00-00'"
MAC=$(told | awk 'NR == 1 { print $2 }')
NAME=$(told | awk 'NR == 1 { print $1 }')
DEV=$(add_device --name laptop1 --tag FortiAD)
ems set "$DEV" gateway_mac="$MAC" >/dev/null
is_direct()
{
	api "/api/v1/devices/$DEV" | jq -es --arg name "$NAME" \
		'length == 1 and any(.[0].routes[]; .type == "direct" and .interface == $name)' >/dev/null
}
step "a device behind one of them is directly connected there" wait_for 5 is_direct
