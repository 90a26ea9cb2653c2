#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Users' pictures: fetched by fingerprint, kept over a restart, and only what a fingerprint promises.
. "$(dirname "$0")/ems-lib.sh"
need curl jq sha1sum

start_ems
A=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
wait_for 10 ems_is '.synced and .websocket == "connected"' || fail "EMS is not in sync"

avatar()
{
	api "/api/v1/devices/$1/avatar" -o "$DIR/avatar" -D "$DIR/head"
}
fingerprint()
{
	api "/api/v1/devices/$1" | jq -r '.fields[] | select(.key == "avatar_fingerprint") | .value'
}
is_whole()
{
	avatar "$1" && [ "$(sha1sum <"$DIR/avatar" | cut -c 1-40)" = "$(fingerprint "$1")" ]
}
asked()
{
	ems stats --json | jq -r .requests.avatar
}
step "a picture comes when it is asked for" wait_for 10 is_whole "$A"
step "as a PNG" grep -qi '^content-type: image/png' "$DIR/head"
step "which nobody takes for anything else" grep -qi '^x-content-type-options: nosniff' "$DIR/head"
step "it is on the disk" [ -f "$DIR/state/avatars/$(fingerprint "$A")" ]
before=$(fingerprint "$A")
ems set "$A" avatar=2 >/dev/null
has_changed()
{
	[ "$(fingerprint "$A")" != "$before" ] && [ -f "$DIR/state/avatars/$(fingerprint "$A")" ]
}
step "another one is fetched unasked" wait_for 10 has_changed
refute "an unknown device has none" avatar 00000000000000000000000000000001
refute "a UID is a UID" avatar ..%2f..%2fstate.log

# Kept over a restart, without EMS.
stop controlplane
stop_ems
start_controlplane
step "it is kept over a restart" is_whole "$A"
echo spoilt >"$DIR/state/avatars/$(fingerprint "$A")"
refute "one that was spoilt on the disk is not given" avatar "$A"

start_ems
wait_for 20 ems_is '.connected and .websocket == "connected"' || fail "EMS does not come back"
step "it is fetched again" wait_for 10 is_whole "$A"
rm "$DIR/state/avatars/$(fingerprint "$A")"
ems fault wrong-avatar >/dev/null
avatar "$A"
refused()
{
	api /api/v1/ems | jq -e '.ems[0].last_error | test("fingerprint")' >/dev/null
}
step "a picture that the fingerprint does not fit is refused" wait_for 10 refused
refute "and not given" avatar "$A"
ems fault clear >/dev/null
count=$(asked)
avatar "$A"
sleep 1
step "nor asked for again at once" [ "$(asked)" = "$count" ]
ems notify avatar >/dev/null
step "until EMS tells of pictures" wait_for 10 is_whole "$A"
