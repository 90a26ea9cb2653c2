#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The guide's third scenario up to its trace: a VPN connect as debug output shows it, beside the
# field's own trace (tests/golden/vpn_connect.trace): the same calls with the same bytes in their
# requests, line by line.
. "$(dirname "$0")/ems-lib.sh"
need curl jq python3

CTL="$BUILD/controlplane/cli/tagwardenctl --socket $API"
TESTS=$(dirname "$0")
UID_OF_SEED=70A5C5FABBE64A9B98B6DDA3FE8AC794
OUT_OF_SYNC=180 # no pull but those that something leads to
CALL_TIMEOUT=5

start_ems
add_device --name other --tag FortiAD >/dev/null
add_device --name DESKTOP-SNBQJ04 --uid "$UID_OF_SEED" --user guodong --tag Low-Risk >/dev/null
# EMS has told of its tags, and it has none any more.
ems tag "$UID_OF_SEED" -Low-Risk >/dev/null
write_config
start_controlplane
wait_for 10 ems_is '.synced and .websocket == "connected"' || fail "EMS is not in sync"

# It is no longer registered. News of a device have its avatar fetched.
ems set "$UID_OF_SEED" registered=false online=false >/dev/null
has_avatar()
{
	[ -n "$(ls "$DIR"/state/avatars 2>/dev/null)" ]
}
step "its avatar is known" wait_for 5 has_avatar

calls()
{
	api /api/v1/ems | jq '[.ems[0].calls[].ok] | add'
}
is_quiet()
{
	local before
	before=$(calls)
	sleep 0.7
	[ "$(calls)" = "$before" ]
}
wait_for 10 is_quiet || fail "calls go on without a reason"

# The guide's commands, word for word.
step "the talk with EMS" $CTL diagnose debug application fcnacd -1
step "with times" $CTL diagnose debug console timestamp enable
step "with payloads" $CTL diagnose endpoint filter show-large-data yes
spawn debug $CTL diagnose debug enable
listens()
{
	[ "$(api /api/v1/debug | jq .listeners)" = 1 ]
}
wait_for 5 listens || fail "nobody listens"

$CTL vpn connect "$UID_OF_SEED" 10.212.134.200 --interface port1 >/dev/null || fail "no connect"
has()
{
	grep -q -e "$1" "$DIR/debug.log"
}
step "the VPN user's tags are asked for" wait_for 10 has '_update_obj_stats.*Storing (12, emstest, 0)'
step "and the device" wait_for 10 has '_update_obj_stats.*Storing (8, emstest, 0)'
ems notify avatar >/dev/null
step "an avatar's notification comes" wait_for 10 has '"avatar":{"value":true}'

shape()
{
	python3 "$TESTS/trace_shape.py" "$1"
}
shape "$TESTS/../golden/vpn_connect.trace" >"$DIR/want" || fail "the field's trace is not read"
shape "$DIR/debug.log" >"$DIR/got" || fail "the trace is not read"
step "the trace has the field's calls, bytes and lines" diff -u "$DIR/want" "$DIR/got"

# Nothing is written, and nothing shown, once it is off.
step "reset" $CTL diagnose debug reset
lines=$(wc -l <"$DIR/debug.log")
$CTL vpn disconnect "$UID_OF_SEED" 10.212.134.200 --interface port1 >/dev/null
wait_for 5 is_quiet || fail "calls go on without a reason"
step "nothing is shown after a reset" [ "$(wc -l <"$DIR/debug.log")" = "$lines" ]
stop debug
step "a listener that has gone is forgotten" wait_for 5 eval \
	'[ "$(api /api/v1/debug | jq .listeners)" = 0 ]'

# The same stream for whoever has no WebSocket, and an upgrade is a request like any other.
step "a stranger's upgrade is refused" [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 \
	--unix-socket "$API" -H 'Origin: https://x.example' -H 'Connection: Upgrade' \
	-H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
	-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' http://l/api/v1/debug/stream)" = 403 ]
step "what is no stream is not upgraded" [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 \
	--unix-socket "$API" -H 'Connection: Upgrade' -H 'Upgrade: websocket' \
	-H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
	http://l/api/v1/status)" = 400 ]
