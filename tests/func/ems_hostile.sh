#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 120
# An EMS that wants harm: whatever names it gives, no output obeys them and no log line is of its
# making; answers and frames without end are cut short; and when it behaves again all is as it says.
. "$(dirname "$0")/ems-lib.sh"
need curl jq python3
NAUGHTY=14 # devices that `emsim hostile names` tells of, beside UIDs that are none

start_ems
GOOD=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
step "it gets in sync" wait_for 10 is_equal_to_ems
wait_for 5 ems_is '.websocket == "connected"' || fail "no notifications"

hostile()
{
	ems hostile "$1" >/dev/null || fail "no such kind: $1"
}

memory_kib()
{
	awk '/^VmHWM/ { print $2 }' "/proc/${PID[controlplane]}/status"
}

ctl()
{
	"$CTL" --socket "$API" "$@"
}

# What is in force is what EMS said, notifications included, and one more change comes through.
is_back()
{
	is_alive controlplane || fail "the control plane ended"
	hostile off
	ems tag "$GOOD" "+Again$RANDOM" >/dev/null
	wait_for 30 device_is "$GOOD" '.tags | any(startswith("Again"))' &&
		wait_for 30 ems_is '.connected and .synced and .websocket == "connected"' &&
		ems tag "$GOOD" "+Then" >/dev/null &&
		wait_for 30 device_is "$GOOD" '.tags | any(. == "Then")' &&
		ems tag "$GOOD" "-Then" >/dev/null
}

# Bytes that a terminal or a reader of lines would obey, but for the ends of lines.
has_control()
{
	LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae\x8e\x8f]' "$1"
}

# clean_output WORDS COMMAND...: it may fail, but must not speak to the terminal.
clean_output()
{
	local words=$1
	shift
	"$@" >"$DIR/out" 2>&1
	[ $? -lt 126 ] || fail "$words: it crashed"
	! has_control "$DIR/out" || {
		cat -v "$DIR/out" | head -40
		fail "$words: control bytes"
	}
	! grep -q '^2026-01-01T00:00:00.000Z err ems forged' "$DIR/out" || fail "$words: a forged line"
	echo "ok: $words"
}

# ---- names ----

hostile names
names_are_in()
{
	[ "$(api '/api/v1/devices?limit=1000' | jq '.devices | length')" -eq $((NAUGHTY + 1)) ] &&
		device_is "$(printf '%032X' $((0xbad0000 + 12)))" '.tags != null and .hostname != ""'
}
step "devices of naughty names come in, and no UIDs that are none" wait_for 10 names_are_in
LONG=$(printf '%032X' $((0xbad0000 + 13)))
step "a tag's name of 10 KB makes a posture unknown" device_is "$LONG" '.tags == null'
step "another device is as it was" device_is "$GOOD" '.tags == ["FortiAD"] and .registered'
step "a format is a name like others" wait_for 5 device_is \
	"$(printf '%032X' $((0xbad0000 + 2)))" '.hostname == "%s%n%x%p%99999d%hhn"'
step "so is a path" device_is "$(printf '%032X' $((0xbad0000 + 3)))" \
	'.hostname == "../../../../../../etc/passwd"'

one_record_a_line()
{
	grep -avE '^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z (err|warn|notice|info|debug) [a-z_]+ ' \
		"$DIR/controlplane.log" >"$DIR/strange" || true
	grep -a 'Z err ems forged' "$DIR/controlplane.log" | grep -av '\\n\|\\x0a\|?' >>"$DIR/strange"
	if [ -s "$DIR/strange" ] || has_control "$DIR/controlplane.log"; then
		cat -v "$DIR/strange"
		return 1
	fi
}
step "the log has one record a line and no control bytes" one_record_a_line

for i in $(seq 0 $((NAUGHTY - 1))); do
	clean_output "show device, name $i" ctl show device "$(printf '%032X' $((0xbad0000 + i)))"
done
clean_output "show devices" ctl show devices
[ "$(grep -c BAD00 "$DIR/out")" -eq "$NAUGHTY" ] || fail "not one line for each device"
clean_output "show devices --json" ctl show devices --json
clean_output "show tags" ctl show tags
clean_output "show ems" ctl show ems
clean_output "diagnose endpoint record list" ctl diagnose endpoint record list
clean_output "diagnose test application fcnacd 7" ctl diagnose test application fcnacd 7
clean_output "diagnose firewall dynamic list" ctl diagnose firewall dynamic list
clean_output "show devices by a naughty tag" ctl show devices "tag=%s%n%x%p%99999d%hhn"
clean_output "metrics by the command line" ctl metrics

for path in /api/v1/devices?limit=1000 /api/v1/tags /api/v1/ems "/api/v1/devices/$LONG"; do
	api "$path" >"$DIR/out" || fail "no $path"
	jq -e . "$DIR/out" >/dev/null || fail "$path is no JSON"
	! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f]' "$DIR/out" || fail "$path has control bytes"
	echo "ok: $path is JSON"
done
api /metrics >"$DIR/metrics" || fail "no metrics"
metrics_are_well_formed()
{
	! grep -avE '^(# (HELP|TYPE) [a-z_]+ .*|[a-z_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? [-+0-9.e]+)$' \
		"$DIR/metrics"
}
step "metrics are well formed" metrics_are_well_formed
refute "and none is forged" grep -q 'up 666' "$DIR/metrics"

# What is on disk is loaded again.
stop controlplane || fail "it ended with $?"
start_controlplane
step "a restart reads the names back" names_are_in
hostile off
for i in $(seq 0 $((NAUGHTY - 1))); do
	ems add --uid "$(printf '%032X' $((0xbad0000 + i)))" --name tame --tag Tame >/dev/null ||
		fail "cannot tame"
done
is_tame()
{
	api '/api/v1/devices?limit=1000' | jq -es '.[0].devices | map(select(.tags == ["Tame"])) |
		length == '$NAUGHTY >/dev/null
}
step "they are tame again" wait_for 20 is_tame
step "and all is as EMS says" wait_for 20 is_equal_to_ems

# ---- text that is none ----

# A name is a device's own to choose: one of these must not keep a page of others out.
for kind in nul utf8 surrogate; do
	hostile $kind
	is_mended()
	{
		device_is "$(printf '%032X' $((0xbad0000)))" '.tags != null and .registered and
			([.hostname, .user, .tags[0]] | all(contains("?")))'
	}
	step "$kind: the page is read, with marks for what cannot be" wait_for 10 is_mended
	clean_output "$kind: show devices" ctl show devices
	hostile off
	for i in $(seq 0 $((NAUGHTY - 1))); do
		uid=$(printf '%032X' $((0xbad0000 + i)))
		ems tag "$uid" "+$kind" >/dev/null
		ems set "$uid" "hostname=tame" >/dev/null
	done
	step "$kind: afterwards all is as EMS says" wait_for 20 is_equal_to_ems
done

hostile message
failed_with_message()
{
	ems_field .last_error | grep -q 'reports/fct\|report/fct' &&
		grep -q 'n%x%p%99999d%hhn' "$DIR/controlplane.log"
}
step "message: it is told" wait_for 10 failed_with_message
clean_output "message: show ems" ctl show ems
step "message: the log has one record a line" one_record_a_line
step "message: afterwards it goes on" is_back

# ---- answers without end ----

hostile redirect
step "redirect: it is not followed" wait_for 10 ems_is '.last_error | contains("302")'
step "redirect: afterwards it goes on" is_back
hostile headers
headers_are_refused()
{
	ems_is '.calls | any(.last_error | test("header"; "i"))'
}
step "headers: they are refused" wait_for 10 headers_are_refused
step "headers: afterwards it goes on" is_back

# ---- frames ----

hostile ws-fragments
before=$(ems_field .notifications)
ems tag "$GOOD" +Pieces >/dev/null
notified()
{
	[ "$(ems_field .notifications)" -gt "$before" ] && device_is "$GOOD" '.tags | any(. == "Pieces")'
}
step "ws-fragments: legal, and understood" wait_for 5 notified
for kind in ws-binary ws-oversize ws-flood; do
	hostile $kind
	step "$kind: the WebSocket is given up" wait_for 10 grep -q "notifications lost" \
		"$DIR/controlplane.log"
	ems tag "$GOOD" "+$kind" >/dev/null
	step "$kind: changes come all the same" wait_for 30 device_is "$GOOD" \
		".tags | any(. == \"$kind\")"
	step "$kind: afterwards it goes on" is_back
	: >"$DIR/controlplane.log"
done
kib=$(memory_kib)
[ "$kib" -lt 200000 ] || fail "it took $kib KiB"
echo "ok: it took $kib KiB at most"
step "all is as EMS says" wait_for 10 is_equal_to_ems
