#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 400
# Each way in which an EMS can misbehave, alone: while it lasts nothing crashes, the status says in
# words what is wrong, and nothing wrong is taken over; after it ended the control plane knows what
# EMS knows, without a restart.
. "$(dirname "$0")/ems-lib.sh"
need curl jq

start_ems
A=$(add_device --name laptop1 --tag FortiAD --tag CLASS:Low)
B=$(add_device --name laptop2 --tag OUTBREAK:Log4j --tag FABRIC:IOC)
write_config
start_controlplane
step "it gets in sync" wait_for 10 is_equal_to_ems
wait_for 5 ems_is '.websocket == "connected"' || fail "no notifications"

# What is known of a device is what EMS said before or says now, or the device is kept out.
is_nothing_wrong()
{
	local registered tags line
	cp_state >"$DIR/now" || return 1
	ems_state >"$DIR/want"
	while read -r line; do
		read -r _ _ registered _ tags <<<"$line"
		grep -qxF "$line" "$DIR/want" "$DIR/before" && continue
		[ "$registered" = false ] || [ "$tags" = "?" ] || {
			echo "taken over: $line"
			return 1
		}
	done <"$DIR/now"
}

memory_kib()
{
	awk '/^VmRSS/ { print $2 }' "/proc/${PID[controlplane]}/status"
}

failures()
{
	ems_field '.calls | map(.failed) | add'
}

# has_error REGEX FAILURES: what the connector says is wrong, now; calls fail, more than before.
has_error()
{
	ems_field .last_error | grep -Eq "$1" && [ "$(failures)" -gt "$2" ]
}

n=0
flip=+
# fault NAME REGEX [ARGUMENT...]: with the fault on, a tag changes and a device comes.
fault()
{
	local name=$1 regex=$2 new before words
	shift 2
	n=$((n + 1))
	ems_state >"$DIR/before"
	ems fault "$name" "$@" >/dev/null || fail "no fault $name"
	before=$(failures)
	case $name in
	ws-refuse) ems fault ws-drop 1 >/dev/null ;;&
	ws-*) before=-1 ;; # no call fails
	esac
	ems tag "$A" "${flip}Fault" >/dev/null
	new=$(add_device --name "during$n" --tag FortiAD)
	[ $flip = + ] && flip=- || flip=+
	wait_for 8 has_error "$regex" "$before" || {
		api /api/v1/ems | jq -c '.ems[0]'
		fail "$name: its error is not told"
	}
	words=$(ems_field .last_error)
	is_alive controlplane || fail "$name: the control plane ended"
	is_nothing_wrong || fail "$name: something wrong was taken over"
	[ "$(memory_kib)" -lt 400000 ] || fail "$name: it takes $(memory_kib) KiB"
	ems fault clear >/dev/null
	wait_for 20 is_equal_to_ems || {
		cat "$DIR/diff.log"
		fail "$name: not in sync afterwards"
	}
	wait_for 15 ems_is '.connected and .synced and (.out_of_sync | not)' || fail "$name: not connected"
	device_is "$new" '.registered and .tags == ["FortiAD"]' || fail "$name: the new device is unknown"
	echo "ok: $name: $words"
}

wait_ws()
{
	wait_for 20 ems_is '.websocket == "connected"' || fail "the notifications do not come back"
}

fault http500 'http code 500'
fault http500 'uid_tags: http code 500' --entry uid_tags
fault http500 'tags: http code 500' --entry tags
fault http401 'http code 401'
fault hang 'timed out'
fault slow 'timed out'
fault truncate 'ransferred a partial file|closed|bytes remaining|failure when receiving'
fault bad-length 'timed out|partial file'
fault wrong-unzipped-size 'does not inflate to unzipped_size'
fault zip-bomb 'does not inflate to unzipped_size'
fault zip-bomb-told 'unzipped_size out of range'
fault bad-base64 'bad base64'
fault bad-zlib 'does not inflate'
fault bad-json 'not JSON'
fault deep-json 'nested too deep'
fault bad-inner-json 'not JSON'
fault cursor-gone 'report/fct/'
fault missing-final 'cursor does not advance' --entry uid_tags
fault expired-cert 'certificate: certificate has expired|notifications:'
wait_ws
fault wrong-cn 'certificate: CN is not the configured serial number'
wait_ws
fault ws-refuse 'notifications: '
wait_ws
fault ws-drop 'notifications: '
wait_ws

# Legal, or without an error of a call's: what it is about is elsewhere.
ems fault not-zipped >/dev/null
ems tag "$B" +Plain >/dev/null
step "not-zipped is legal" wait_for 8 is_equal_to_ems
ems fault clear >/dev/null

wait_ws
ems fault ws-garbage >/dev/null
ems tag "$B" +Garbled >/dev/null
step "a garbled notification makes everything due" wait_for 3 is_equal_to_ems
step "and is told" grep -q 'notification is malformed' "$DIR/controlplane.log"
ems fault clear >/dev/null

# Records of wrong types: the devices they are about are kept out, and asked for again.
ems_state >"$DIR/before"
ems fault wrong-types >/dev/null
ems tag "$A" +Odd >/dev/null
is_kept_out()
{
	device_is "$A" '(.registered | not) or .tags == null'
}
step "a record of wrong types keeps its device out" wait_for 8 is_kept_out
step "and nothing else comes of it" is_nothing_wrong
ems fault clear >/dev/null
step "it is read again once it can be" wait_for 20 is_equal_to_ems

# An EMS that answers pings but no pulls is not in contact.
ems fault http500 --entry uid_tags >/dev/null
ems tag "$A" +Late >/dev/null
step "without posture EMS counts as lost" wait_for 16 ems_is .out_of_sync
ems fault clear >/dev/null
step "and is back with it" wait_for 40 ems_is '.out_of_sync | not'
step "all is as EMS says" wait_for 5 is_equal_to_ems

# Without notifications contact goes on by polling, for the shortest threshold too.
ems fault ws-refuse >/dev/null
ems fault ws-drop 1 >/dev/null
sleep 0.5
for _ in {1..24}; do
	sleep 0.5
	age=$(ems_field .last_contact_age_ms)
	[ "$age" -lt 9000 ] || fail "no contact for $age ms without notifications"
done
echo "ok: contact goes on by polling"
ems fault clear >/dev/null
wait_ws
for _ in {1..14}; do
	sleep 0.5
	age=$(ems_field .last_contact_age_ms)
	[ "$age" -lt 8000 ] || fail "no contact for $age ms with notifications"
done
echo "ok: and by pings"

# A stop does not wait for EMS.
sed -i 's/"call_timeout": 1/"call_timeout": 60/' "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
reloaded()
{
	[ "$(api /api/v1/status | jq .reloads)" -eq 1 ] && ems_is '.synced and .websocket == "connected"'
}
step "a changed connector replaces the old one" wait_for 10 reloaded
ems fault hang >/dev/null
ems tag "$A" +Hang >/dev/null
step "a call hangs" wait_for 5 ems_is '.calls | any(.in_flight)'
begin=$(date +%s%N)
stop controlplane
rc=$?
ms=$((($(date +%s%N) - begin) / 1000000))
[ $rc -eq 0 ] || fail "it ended with $rc"
[ $ms -lt 3000 ] || fail "a stop took $ms ms"
echo "ok: a stop during a call that hangs takes $ms ms"
