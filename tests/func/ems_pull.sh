#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A device that no snapshot has is asked for at its first request; revocation ends a live session.
. "$(dirname "$0")/stack-lib.sh"
stack_up

OLD=$(add_device --name laptop1 --tag FortiAD)
wait_for 5 device_is_known "$OLD" || fail "the first device is unknown"
wait_for 5 expect_status 200 "$OLD" "$PROXY/" || fail "the first device is not let in"

# Without notifications only the pull on demand can bring a device before the next poll.
ems fault ws-refuse >/dev/null
ems fault ws-drop 1 >/dev/null
ws_is_gone()
{
	api /api/v1/ems | jq -es '.[0].ems[0].websocket != "connected"' >/dev/null
}
wait_for 5 ws_is_gone || fail "the notifications go on"
sleep 1 # what the loss made due is through
NEW=$(add_device --name laptop2 --tag FortiAD)
refute "a new device is not known yet" device_is_known "$NEW"
step "it is let in at its first request" expect_status 200 "$NEW" "$PROXY/"
step "since it was pulled by then" device_is_known "$NEW"

# A certificate of EMS's own CA for a device that EMS does not have.
GONE=$(add_device --name laptop3 --tag FortiAD)
cp "$EMS/devices/$GONE.pem" "$DIR/gone.pem"
cp "$EMS/devices/$GONE.key" "$DIR/gone.key"
ems delete "$GONE" >/dev/null
cp -n "$DIR/gone.pem" "$EMS/devices/$GONE.pem"
cp -n "$DIR/gone.key" "$EMS/devices/$GONE.key"
is_denied_with()
{
	expect_status 403 "$1" "$PROXY/" && { grep -q "$2" "$DIR/body" || { cat "$DIR/body"; false; }; }
}
step "a device that EMS does not have is denied with 066" is_denied_with "$GONE" 066
ems fault clear >/dev/null
ws_is_back()
{
	api /api/v1/ems | jq -es '.[0].ems[0].websocket == "connected"' >/dev/null
}
step "notifications come back" wait_for 20 ws_is_back

# Revoked while it downloads slowly: the session is cut.
head -c 60000000 /dev/zero >"$DIR/www/big"
chmod 0644 "$DIR/www/big"
as "$NEW" --limit-rate 200k -o /dev/null "$PROXY/big" >"$DIR/download.log" 2>&1 &
PID["download"]=$!
sleep 1
is_alive download || fail "the download does not run"
ems revoke "$NEW" >/dev/null
download_ended()
{
	! is_alive download
}
step "a revoked device's session is cut" wait_for 3 download_ended
wait "${PID[download]}" && fail "the download succeeded"
unset "PID[download]"
is_refused()
{
	! expect_status 200 "$NEW" "$PROXY/"
}
step "and it gets no new one" wait_for 3 is_refused
step "the other device goes on" expect_status 200 "$OLD" "$PROXY/"
ems deregister "$OLD" >/dev/null
is_out()
{
	! expect_status 200 "$OLD" "$PROXY/"
}
step "until it is deregistered" wait_for 3 is_out
