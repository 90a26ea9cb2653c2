#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# Who an EMS is: nothing is asked of one before an operator confirmed its certificate, once; a
# renewed certificate is taken without an outage where CA and CN are trusted and refused where not;
# the field's commands say what is wrong in the field's words; and what an EMS cannot do is not
# asked of it.
. "$(dirname "$0")/ems-lib.sh"
need curl jq openssl

ctl()
{
	"$BUILD/controlplane/cli/tagwardenctl" --socket "$API" "$@"
}

certificate()
{
	api /api/v1/ems/1/certificate | jq -r "$1"
}

fingerprint()
{
	openssl x509 -in "$EMS/ems.pem" -noout -sha512 -fingerprint | sed 's/.*=//'
}

# posts FINGERPRINT: the HTTP status of a confirmation.
posts()
{
	curl -s -o "$DIR/answer" -w '%{http_code}' --unix-socket "$API" \
		http://localhost/api/v1/ems/1/verify -H 'Content-Type: application/json' \
		-d "{\"fingerprint\":\"$1\"}"
}

is_pinned()
{
	[ "$(certificate .pinned_fingerprint)" = "$(fingerprint)" ]
}

# says TEXT COMMAND...: its output holds the text.
says()
{
	local text=$1
	shift
	"$@" >"$DIR/said" 2>&1
	grep -qF -e "$text" "$DIR/said" || {
		cat "$DIR/said"
		return 1
	}
}

reload()
{
	local before
	before=$(api /api/v1/status | jq .reloads)
	kill -HUP "${PID[controlplane]}"
	wait_for 5 eval '[ "$(api /api/v1/status | jq .reloads)" -gt '"$before"' ]' ||
		fail "the document is not taken"
}

# ---- the first confirmation ----

EMS_EXTRA=', "confirm": true'
start_ems
A=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
step "an EMS that nobody confirmed waits" wait_for 10 ems_is \
	'.verification == "unverified: to be confirmed" and (.connected | not)'
step "its certificate is shown" test "$(certificate .certificate.fingerprint)" = "$(fingerprint)"
step "with its names" test "$(certificate '.certificate.subject + "|" + .certificate.issuer')" = \
	"C = US, O = emsim, OU = EMS, CN = FCTEMS8823005021|C = US, O = emsim, OU = Certificate Authority, CN = EMS server CA"
step "and its chain" test "$(certificate .certificate.chains_to_verifying_ca)" = true
step "nothing was asked of it" test "$(ems stats --json | jq '.requests | add')" -eq 0
step "a test says so" says 'Connection test had an error -3: ' \
	ctl diagnose endpoint fctems test-connectivity 1
step "another fingerprint is refused" test "$(posts "$(fingerprint | tr 0-9 1-90)")" = 409
step "what is none is refused too" test "$(posts 12:34)" = 400
step "n is no" says 'this EMS stays unverified' ctl execute fctems verify 1 <<<n
step "and no answer neither" says 'this EMS stays unverified' ctl execute fctems verify 1 </dev/null
step "still nothing was asked of it" test "$(ems stats --json | jq '.requests | add')" -eq 0
step "y is yes" says 'Certificate successfully configured and verified.' \
	ctl execute fctems verify 1 <<<y
step "the certificate was shown before" grep -qF "Fingerprint: $(fingerprint)" "$DIR/said"
step "and it gets in sync" wait_for 10 is_equal_to_ems
step "the device is known" device_is "$A" '.registered'
step "a test is successful" says 'Connection test was successful:' \
	ctl diagnose endpoint fctems test-connectivity 1
step "an event tells of it" grep -q 'logid="0107045129" type="event" subtype="endpoint"' \
	"$DIR/controlplane.log"
stop controlplane
start_controlplane
step "a restart needs no confirmation" wait_for 10 ems_is '.connected and .verification == "verified"'

# ---- renewals ----

is_in_contact()
{
	ems_is '.verification == "verified" and (.out_of_sync | not) and .synced' &&
		device_is "$A" '.registered and .tags == ["FortiAD"]'
}
wait_for 5 ems_is '.websocket == "connected"' || fail "no notifications"
old=$(fingerprint)
ems renew-cert >/dev/null || fail "no other certificate"
[ "$(fingerprint)" != "$old" ] || fail "the certificate is the same"
for _ in {1..15}; do
	is_in_contact || fail "a renewed certificate is an outage"
	sleep 0.1
done
echo "ok: a renewed certificate is no outage"
step "the pin moves" wait_for 10 is_pinned
step "notifications come back" wait_for 10 ems_is '.websocket == "connected"'
ems tag "$A" +Renewed >/dev/null
step "and changes come in" wait_for 5 device_is "$A" '.tags | contains(["Renewed"])'
ems tag "$A" -Renewed >/dev/null

sed -i 's/"confirm": true/"confirm": true, "trust_ca_cn": false/' "$DIR/tagwarden.json"
reload
wait_for 10 ems_is '.connected and .websocket == "connected"' || fail "not connected without trust"
old=$(fingerprint)
ems renew-cert >/dev/null
step "without trust in CA and CN it is refused" wait_for 15 ems_is \
	'.verification == "changed: to be confirmed" and (.connected | not)'
step "in the field's words" test "$(certificate .detail)" = \
	"Error (-1@_check_verify_ems_ca:759). CMDB error: ems 1 (127.0.0.1) has verifying CN but not CA CN."
step "the pin stays" test "$(certificate .pinned_fingerprint)" = "$old"
step "until it is confirmed" says 'Certificate successfully configured and verified.' \
	ctl execute fctems verify 1 --yes
step "then all goes on" wait_for 10 ems_is '.connected and .synced'
step "with the pin moved" is_pinned

# ---- what goes wrong, in the field's words ----

verify_says()
{
	printf 'Error in requesting EMS fabric connection: %s\nissue in getting capabilities. %s\nError (-1@_get_capabilities:461).\n\nCommand fail. Return code -9999\n' "$1" "$2" >"$DIR/want"
	ctl execute fctems verify 1 --yes >"$DIR/said" 2>"$DIR/said.err"
	[ $? -eq 1 ] && diff "$DIR/want" "$DIR/said"
}
ems fault http500 --entry capabilities >/dev/null
step "an EMS that answers 500" verify_says -5 \
	"EMS server connection failed because the server is not compatible. received https code 500"
ems fault clear >/dev/null
ems fault http401 --entry capabilities >/dev/null
step "one that does not let us in" verify_says -8 "EMS server connection failed. Authentication failed"
ems fault clear >/dev/null
step "it is verified again by itself" wait_for 20 ems_is '.verification == "verified" and .connected'
stop_ems
rm "$EMS"/ems-ca.* "$EMS"/ems.pem "$EMS"/ems.key
cp "$DIR/tagwarden.json" "$DIR/tagwarden.keep"
start_ems
cp "$EMS/ems-ca.pem" "$DIR/other-ca.pem"
step "one of an unknown CA" verify_says -4 "EMS server certificate is not signed by any known CA."
step "which no confirmation changes" test "$(posts "$(fingerprint)")" = 409

# ---- a document that names neither CA nor serial number, and an EMS that can do less ----

stop controlplane
rm -r "$DIR/state"
sed -i -e 's/"verifying_ca": "[^"]*",//' -e 's/"serial_number": "FCTEMS8823005021",//' \
	-e 's/, "confirm": true, "trust_ca_cn": false//' "$DIR/tagwarden.json"
stop_ems
start_ems --without websocket --without common-tags-api
start_controlplane
step "a document without CA and serial number waits too" wait_for 10 ems_is \
	'.verification == "unverified: to be confirmed"'
step "the chain is not said to be good" test \
	"$(certificate .certificate.chains_to_verifying_ca)" = false
step "its fingerprint is confirmed without a command" test "$(posts "$(fingerprint)")" = 202
step "and the serial number learnt" wait_for 10 ems_is \
	'.serial_number == "FCTEMS8823005021" and .synced'
step "no notifications where EMS has none" ems_is '.websocket == "off"'
step "no tags where EMS tells none" device_is "$A" '.registered and .tags == null'
step "nor was it asked for them" test \
	"$(ems stats --json | jq '.requests | .tags + .uid_tags + .ws')" -eq 0
step "and the operator can see why" says 'common-tags-api: no tags are pulled' ctl show ems
ems renew-cert >/dev/null
step "without a CA a renewed certificate is another one" wait_for 20 eval \
	'ctl diagnose endpoint fctems test-connectivity 1 >/dev/null; ems_is ".verification == \"changed: to be confirmed\""'
stop controlplane || fail "it ended badly"
