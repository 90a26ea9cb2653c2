#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# The connector's life without a data plane: many pages, devices that go, VPN users, a CA that is
# learnt, a certificate that changes, a document that changes, and all of a short life under
# valgrind.
. "$(dirname "$0")/ems-lib.sh"
need curl jq openssl

ZTNA_CA=""
OUT_OF_SYNC=30
start_ems --page-size 50
ems synth 3000 --tags-per-device 3 >/dev/null || fail "no fleet"
A=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
step "3001 devices come in pages of 50" wait_for 30 is_equal_to_ems
wait_for 5 ems_is '.websocket == "connected"' || fail "no notifications"

step "the CA is learnt from EMS" wait_for 5 grep -q 'verified ems' "$DIR/controlplane.log"
ems delete "$A" >/dev/null
gone()
{
	! api "/api/v1/devices/$A" >/dev/null
}
step "a deleted device goes" wait_for 5 gone

B=$(add_device --name laptop2 --tag FortiAD --ip 192.0.2.77)
step "a new one comes" wait_for 5 device_is "$B" '.registered'
ems revoke "$B" >/dev/null
step "a revoked one loses its certificate" wait_for 5 device_is "$B" \
	'.client_cert_sn | test("^0*$")'
C=$(add_device --name laptop3 --tag FortiAD)
wait_for 5 device_is "$C" '.registered' || fail "no third device"
ems deregister "$C" >/dev/null
step "a deregistered one is no longer registered" wait_for 5 device_is "$C" '.registered | not'

# VPN users: told to EMS, and told again after EMS was away.
vpn()
{
	api /api/v1/vpn/sessions -X POST -H 'Content-Type: application/json' \
		-d "{\"uid\":\"$B\",\"ip\":\"10.212.134.200\",\"interface\":\"port1\",\"action\":\"$1\"}"
}
vpn_ip_is()
{
	[ "$(ems show "$B" --print vpn_ip)" = "$1" ]
}
step "a VPN user is posted" vpn connect
step "EMS knows it" wait_for 5 vpn_ip_is 10.212.134.200
stop_ems
wait_for 10 ems_is '.connected | not' || fail "it does not notice that EMS is gone"
start_ems --page-size 50
step "EMS comes back" wait_for 20 ems_is '.connected and .websocket == "connected"'
step "the VPN user is still told" vpn_ip_is 10.212.134.200
vpn disconnect || fail "no disconnect"
step "one that left is told too" wait_for 5 vpn_ip_is 0.0.0.0

# EMS lost the cursor: a full pull, after which devices that it no longer has are gone.
stop_ems
jq "del(.devices[]? | select(.uid == \"$C\"))" "$EMS/state.json" >"$DIR/state.json" &&
	cp "$DIR/state.json" "$EMS/state.json"
start_ems --page-size 50
ems fault cursor-gone 2 >/dev/null
api /api/v1/ems/pull -X POST >/dev/null
step "a cursor that is gone leads to a full pull" wait_for 30 is_equal_to_ems

# A certificate that changed is refused when the document says so.
sed -i 's/"call_timeout": 1/"call_timeout": 2, "trust_ca_cn": false/' "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
reloads_are()
{
	[ "$(api /api/v1/status | jq .reloads)" -eq "$1" ]
}
step "a changed document is taken" wait_for 5 reloads_are 1
step "a new connector works" wait_for 20 ems_is '.synced and .connected and .websocket == "connected"'
stop_ems
rm "$EMS/ems.pem" "$EMS/ems.key"
start_ems --page-size 50
step "another certificate of the same CA and CN is refused" wait_for 15 ems_is \
	'.last_error | contains("it changed and trust_ca_cn is off")'
step "and EMS is not connected" wait_for 15 ems_is '.connected | not'
fingerprint=$(openssl x509 -in "$EMS/ems.pem" -noout -sha512 -fingerprint | sed 's/.*=//')
sed -i "s/\"trust_ca_cn\": false/\"fingerprint\": \"$fingerprint\"/" "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
step "named by its fingerprint it is good" wait_for 20 ems_is '.connected and .synced'
sed -i '/verifying_ca/s/"verifying_ca": "[^"]*",//' "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
wait_for 5 reloads_are 3 || fail "no third reload"
step "without a CA the fingerprint is enough" wait_for 20 ems_is \
	'.connected and .synced and .websocket == "connected"'

# Another EMS under the same id: nothing of the first stays.
kill -STOP "${PID[ems]}"
sed -i 's/"serial_number": "FCTEMS8823005021"/"serial_number": "FCTEMS0000000001"/' \
	"$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
wait_for 5 reloads_are 4 || fail "no fourth reload"
is_empty()
{
	[ -z "$(cp_state)" ]
}
step "another EMS under the same id starts from nothing" wait_for 10 is_empty
kill -CONT "${PID[ems]}"
step "the connectors that were replaced ended" is_alive controlplane
stop controlplane || fail "it ended badly"
