#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# VPN sessions: told to EMS, taken or rejected, told again after EMS or the control plane was away;
# their addresses arrive as routes, also when EMS notifies nobody.
. "$(dirname "$0")/ems-lib.sh"
need curl jq

CTL="$BUILD/controlplane/cli/tagwardenctl --socket $API"

start_ems
A=$(add_device --name laptop1 --tag FortiAD)
B=$(add_device --name laptop2 --tag FortiAD)
write_config
start_controlplane
wait_for 10 ems_is '.synced and .websocket == "connected"' || fail "EMS is not in sync"

# vpn connect|disconnect UID IP
vpn()
{
	$CTL vpn "$1" "$2" "$3" --interface port1
}
state_is()
{
	[ "$(api "/api/v1/vpn/sessions/$1" | jq -r .state)" = "$2" ]
}
has_route()
{
	device_is "$1" "any(.routes[]; .ip == \"$2\" and .type == \"vpn\")"
}
has_no_route()
{
	device_is "$1" "all(.routes[]; .type != \"vpn\")"
}
asked()
{
	ems stats --json | jq -r .requests.sysinfo
}

vpn connect "$A" 10.212.134.200 >/dev/null || fail "no connect"
step "EMS takes a VPN user" wait_for 5 state_is 10.212.134.200 taken
step "its address arrives as a route" wait_for 5 has_route "$A" 10.212.134.200
vpn connect "$A" 2001:db8:0:0::200 >/dev/null || fail "no connect with IPv6"
step "so does one of IPv6" wait_for 5 has_route "$A" 2001:db8::200
step "both are kept" has_route "$A" 10.212.134.200
step "the command shows them" eval "$CTL show vpn | grep -Eq '^2001:db8::200 +$A +port1 +taken'"

# Who has this address?
who_has()
{
	[ "$(api "/api/v1/devices?$1" | jq -r '.devices | map(.uid) | join(" ")')" = "$2" ]
}
step "a device is found by its VPN address" who_has ip=10.212.134.200 "$A"
step "by one of IPv6, however it is written" who_has ip=2001:DB8:0::0200 "$A"
mac=$(api "/api/v1/devices/$A" | jq -r '.fields[] | select(.key == "mac") | .value')
step "by its MAC address" who_has "mac=$(tr - : <<<"$mac")" "$A"
step "nobody has another one" who_has ip=10.212.134.1 ""
step "nor what is no address" who_has ip=x ""

# Bad input.
for bad in "x 10.1.1.1" "${A}0 10.1.1.1" "$A 10.1.1" "$A 0.0.0.0" "$A ff02::1" "$A 224.0.0.1"; do
	# shellcheck disable=SC2086
	refute "refused: $bad" vpn connect $bad
done
refute "an interface is a plain name" $CTL vpn connect "$A" 10.1.1.1 --interface 'a"b'
refute "nobody holds another address" api /api/v1/vpn/sessions/10.1.1.1

# One that EMS does not want is not told again by itself.
ems vpn-reject "$B" >/dev/null
vpn connect "$B" 10.212.134.201 >/dev/null
step "EMS rejects one" wait_for 5 state_is 10.212.134.201 rejected
ems vpn-reject "$B" off >/dev/null
stop_ems
wait_for 10 ems_is '.connected | not' || fail "it does not notice that EMS is gone"
stop controlplane
start_controlplane
step "sessions survive a restart" eval "[ \$(api /api/v1/vpn/sessions | jq '.sessions | length') = 3 ]"
# EMS comes back and has forgotten them all: the snapshot tells it anew.
jq '(.devices[] | .vpn_ip) = "0.0.0.0" | (.devices[] | .vpn_ip6) = "0.0.0.0"' \
	"$EMS/state.json" >"$DIR/state.json" && cp "$DIR/state.json" "$EMS/state.json"
start_ems
step "EMS comes back" wait_for 20 ems_is '.synced and .websocket == "connected"'
knows()
{
	[ "$(ems show "$1" --print "$2")" = "$3" ]
}
step "all sessions are told anew" wait_for 5 knows "$A" vpn_ip 10.212.134.200
step "of both kinds" knows "$A" vpn_ip6 2001:db8::200
step "but not the rejected one" knows "$B" vpn_ip 0.0.0.0
step "which is still shown so" state_is 10.212.134.201 rejected
vpn connect "$B" 10.212.134.201 >/dev/null
step "the daemon tells it anew and EMS takes it" wait_for 5 state_is 10.212.134.201 taken
step "and knows it" wait_for 5 knows "$B" vpn_ip 10.212.134.201

# EMS notifies nobody: devices are asked for.
ems fault vpn-silent >/dev/null
before=$(asked)
vpn disconnect "$A" 2001:db8::200 >/dev/null
vpn disconnect "$A" 10.212.134.200 >/dev/null
step "without a notification the device is asked for" wait_for 10 has_no_route "$A"
step "by a pull of its own" [ "$(asked)" -gt "$before" ]
ems fault clear >/dev/null

# An address that another device gets is no longer the first one's.
vpn connect "$A" 10.212.134.201 >/dev/null
step "an address goes to another device" wait_for 5 knows "$A" vpn_ip 10.212.134.201
step "the first holder loses it" wait_for 5 knows "$B" vpn_ip 0.0.0.0
vpn disconnect "$B" 10.212.134.201 >/dev/null
step "news of its end come late and change nothing" state_is 10.212.134.201 taken
step "a session can be deleted" api /api/v1/vpn/sessions/10.212.134.201 -X DELETE
step "and EMS is told" wait_for 5 knows "$A" vpn_ip 0.0.0.0
refute "it is gone" api /api/v1/vpn/sessions/10.212.134.201
step "nothing else is left" eval "$CTL show vpn | grep -q none"
