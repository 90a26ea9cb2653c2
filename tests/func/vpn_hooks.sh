#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The VPN daemons' hooks, each with the environment that its daemon gives it: what comes of a
# session, that values which a client may choose do no harm, and that our failure is not the VPN's.
. "$(dirname "$0")/ems-lib.sh"
need curl jq env

HOOKS=$TOP/config/hooks
start_ems
A=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
wait_for 10 ems_is '.synced and .websocket == "connected"' || fail "EMS is not in sync"

# hook SCRIPT NAME=VALUE...: with nothing else in its environment.
hook()
{
	local script=$1
	shift
	(cd "$DIR" && env -i PATH="$PATH" TAGWARDENCTL="${CTL:-$BUILD/controlplane/cli/tagwardenctl}" \
		TAGWARDEN_SOCKET="$API" TAGWARDEN_HOOKS_CONF="$DIR/hooks.conf" TAGWARDEN_TIMEOUT=2 \
		"$@" timeout 30 "$HOOKS/$script")
}
# sessions_are IP=INTERFACE...: these and no other, all of device A.
sessions_are()
{
	local have
	have=$(api /api/v1/vpn/sessions | jq -r ".sessions[] | select(.uid == \"$A\") |
		.ip + \"=\" + .interface" | sort | xargs)
	[ "$have" = "$*" ] || { echo "have: $have"; return 1; }
	[ "$(api /api/v1/vpn/sessions | jq '.sessions | length')" -eq $# ]
}
is_taken()
{
	[ "$(api "/api/v1/vpn/sessions/$1" | jq -r .state)" = taken ]
}

# strongSwan
swan=(PLUTO_VERSION=1.1 PLUTO_CONNECTION=rw PLUTO_INTERFACE=eth0 PLUTO_REQID=1 PLUTO_ME=192.0.2.1
	PLUTO_MY_ID=vpn.example.net PLUTO_PEER=198.51.100.7 PLUTO_PEER_CLIENT=10.212.134.200/32
	PLUTO_PEER_SOURCEIP=10.212.134.200 PLUTO_PEER_SOURCEIP4_1=10.212.134.200
	PLUTO_PEER_SOURCEIP6_1=2001:db8::200)
step "strongSwan: up" hook strongswan-updown PLUTO_VERB=up-client "${swan[@]}" \
	PLUTO_PEER_ID="C=US, O=Example, CN=$A"
step "its two addresses are told" sessions_are 10.212.134.200=eth0 2001:db8::200=eth0
step "EMS takes them" wait_for 5 is_taken 2001:db8::200
step "other verbs change nothing" hook strongswan-updown PLUTO_VERB=route-client "${swan[@]}" \
	PLUTO_PEER_ID="$A"
step "strongSwan: down" hook strongswan-updown PLUTO_VERB=down-client "${swan[@]}" PLUTO_PEER_ID="$A"
step "both are gone" sessions_are
step "an old one names one address" hook strongswan-updown PLUTO_VERB=up-client \
	PLUTO_INTERFACE=eth0 PLUTO_PEER_SOURCEIP=10.212.134.201 PLUTO_PEER_ID="CN=${A,,}"
step "and the UID may be in lower case" sessions_are 10.212.134.201=eth0
hook strongswan-updown PLUTO_VERB=down-client PLUTO_INTERFACE=eth0 \
	PLUTO_PEER_SOURCEIP=10.212.134.201 PLUTO_PEER_ID="CN=$A" || fail "down"

# OpenVPN
open=(common_name="$A" dev=tun0 ifconfig_pool_remote_ip=10.8.0.6 ifconfig_pool_remote_ip6=2001:db8:8::6
	trusted_ip=198.51.100.7)
step "OpenVPN: client-connect" hook openvpn-client script_type=client-connect "${open[@]}"
step "its two addresses are told" sessions_are 10.8.0.6=tun0 2001:db8:8::6=tun0
step "OpenVPN: client-disconnect" hook openvpn-client script_type=client-disconnect "${open[@]}"
step "both are gone" sessions_are

# ocserv
oc=(USERNAME="$A" GROUPNAME=staff DEVICE=vpns0 IP_REAL=198.51.100.7 IP_REMOTE=10.9.0.6 ID=5)
step "ocserv: connect" hook ocserv-script REASON=connect "${oc[@]}"
step "its address is told" sessions_are 10.9.0.6=vpns0
step "host-update changes nothing" hook ocserv-script REASON=host-update "${oc[@]}"
step "ocserv: disconnect" hook ocserv-script REASON=disconnect "${oc[@]}"
step "it is gone" sessions_are
echo 'TAGWARDEN_INTERFACE=ssl-vpn' >"$DIR/hooks.conf"
step "a setting of the file" hook ocserv-script REASON=connect "${oc[@]}"
step "is used" sessions_are 10.9.0.6=ssl-vpn
hook ocserv-script REASON=disconnect "${oc[@]}" || fail "disconnect"
rm "$DIR/hooks.conf"

# What a client may choose.
bad_names=("" "\$(touch $DIR/harm)" "\`touch $DIR/harm\`" "$A;touch $DIR/harm" "$A
CN=x" "${A}0" "${A:1}" "-$A" "--json" "CN=$A, CN=$A" "O=x, CN=$A, CN=00000000000000000000000000000001"
	"xCN=$A" "CN=$A;id" "' OR 1=1" "*" "$(head -c 60000 /dev/zero | tr '\0' A)")
for name in "${bad_names[@]}"; do
	step "no user of the name ${name:0:40}" hook openvpn-client script_type=client-connect \
		"${open[@]}" common_name="$name"
	step "nor for strongSwan" hook strongswan-updown PLUTO_VERB=up-client "${swan[@]}" \
		PLUTO_PEER_ID="$name"
done
for ip in "\$(touch $DIR/harm)" "10.8.0.6;id" "--help" "10.8.0.6 10.8.0.7" "0.0.0.0" "localhost" \
	"2001:db8:::1" "1.2.3.4.5" "10.8.0.6
10.8.0.7"; do
	step "no address ${ip:0:30}" hook ocserv-script REASON=connect "${oc[@]}" IP_REMOTE="$ip"
done
for dev in "tun 0" "\$(touch $DIR/harm)" "a\"b" "$(head -c 36 /dev/zero | tr '\0' a)"; do
	step "no interface ${dev:0:30}" hook openvpn-client script_type=client-connect "${open[@]}" \
		dev="$dev"
done
step "nothing was told" sessions_are
step "and nothing was run" [ ! -e "$DIR/harm" ]
refute "who wants it so denies such a user" hook openvpn-client script_type=client-connect \
	"${open[@]}" common_name=mallory TAGWARDEN_DENY=yes

# Our failure.
kill -STOP "${PID[controlplane]}"
step "a control plane that hangs denies nobody" hook ocserv-script REASON=connect "${oc[@]}"
refute "unless told to" hook ocserv-script REASON=connect "${oc[@]}" TAGWARDEN_DENY=yes
step "who leaves is never held up" hook ocserv-script REASON=disconnect "${oc[@]}" TAGWARDEN_DENY=yes
kill -CONT "${PID[controlplane]}"
stop controlplane
step "nor does one that is gone" hook openvpn-client script_type=client-connect "${open[@]}"
CTL=/nonexistent/tagwardenctl
step "nor a program that is not there" hook openvpn-client script_type=client-connect "${open[@]}"
