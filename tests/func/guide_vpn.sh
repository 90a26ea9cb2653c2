#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The troubleshooting guide's third scenario, "Security posture tag information missing", as
# docs/troubleshooting.md tells it: a VPN user's address is on no tag's list, because EMS does not
# take the user; the trace says so, and the lists fill once EMS does.
. "$(dirname "$0")/ems-lib.sh"

need curl jq
export TAGWARDEN_SOCKET=$API HOME=$DIR/home
unset XDG_STATE_HOME
SN=FPXVULTM24000083
IP=10.212.134.200

# says PATTERN WORD...: the command succeeds, and a line of its output matches.
says()
{
	local pattern=$1
	shift
	"$CTL" "$@" >"$DIR/out" 2>&1 || { cat "$DIR/out"; return 1; }
	grep -qE -- "$pattern" "$DIR/out" || { cat "$DIR/out"; return 1; }
}

# told PATTERN: a line of the trace matches.
told()
{
	grep -qE -- "$1" "$DIR/trace.log"
}

is_listening()
{
	api /api/v1/debug | jq -e '.listeners == 1 and .fcnacd == -1 and .show_large_data'
}

# connect: what the VPN daemon's hook does.
connect()
{
	"$CTL" vpn connect "$DEV" $IP --interface port1
}

start_ems
DEV=$(add_device --name laptop1 --user alice --tag FortiAD --tag CLASS:Low)
write_config
start_controlplane
wait_for 10 ems_is '.synced and .websocket == "connected"' || fail "EMS is not in sync"
# Something in EMS keeps it from taking the user, such as a licence that ran out.
ems vpn-reject "$DEV" >/dev/null || fail "emsim vpn-reject"

# On the proxy, before the endpoint connects.
spawn trace bash -c "printf '%s\n' 'diagnose debug application fcnacd -1' \
	'diagnose debug console timestamp enable' 'diagnose endpoint filter show-large-data yes' \
	'diagnose debug enable' | exec '$CTL'"
step "debug output is on" wait_for 5 is_listening

step "the endpoint connects" connect
BODY="{\"sn_list\":[\"$SN\"],\"uid_list\":[{\"uid\":\"$DEV\",\"ip\":\"$IP\",\"is_delete\":false,\"vdom\":\"root\",\"interface\":\"port1\",\"sn\":\"$SN\"}],\"is_snapshot\":false}"
DATE='^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}'
step "the trace has the call to EMS" \
	wait_for 5 told "\[ec_ez_worker_prep_data_url:98\] request \(${#BODY}\):"
step "with its body" grep -qxF "$BODY" "$DIR/trace.log"
step "with the time" told "$DATE \[ec_ez_worker_process:368\] Processing call for obj-id: 7, "
step "EMS rejects the user, says its reply" wait_for 5 told "\"rejected_uid_list\": \[\"$DEV\"\]"
step "show vpn says so, too" wait_for 5 says "^$IP .*rejected" show vpn
refute "the address is on no tag's list" says "ADDR\($IP\)" diagnose firewall dynamic list
refute "nor in the route cache" says "^IP: $IP" diagnose test application fcnacd 8

# It is mended in EMS, and the endpoint connects again.
ems vpn-reject "$DEV" off >/dev/null || fail "emsim vpn-reject off"
"$CTL" vpn disconnect "$DEV" $IP >/dev/null
step "the endpoint connects again" connect
step "EMS takes the user" wait_for 5 says "^$IP .*taken" show vpn
step "and notifies" wait_for 5 told 'WebSocket Recv\(86\): .*"sysinfo"'
for object in "8:report/fct/sysinfo" "12:report/fct/tags" "13:report/fct/uid_tags"; do
	step "which makes the proxy ask for ${object#*:}" wait_for 5 told \
		"Processing call for obj-id: ${object%%:*}, entry: \"api/v1/${object#*:}\""
done
step "the address is on the list of its tag" wait_for 5 says "ADDR\($IP\)" diagnose firewall dynamic list
grep -B3 "ADDR($IP)" "$DIR/out" | grep -q "EMS1_ZTNA_FortiAD" || fail "another tag: $(cat "$DIR/out")"
echo "ok: FortiAD"
step "in the route cache" wait_for 5 says "^IP: $IP, vfid: 0, uid: $DEV$" diagnose test application fcnacd 8
step "and in the VPN cache" says "^IP: $IP$" diagnose test application fcnacd 33

# Other useful commands.
step "the gateway's interfaces as EMS is told" says "$SN" diagnose endpoint fctems json gateway-mac-request
step "they are sent on demand" "$CTL" diagnose test application fcnacd 99
step "and every call is made on demand" "$CTL" diagnose test application fcnacd 5
