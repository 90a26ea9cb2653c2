#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A new document takes effect as a whole and on live sessions; one with errors changes nothing.
# timeout: 180
. "$(dirname "$0")/stack-lib.sh"

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "it is served" expect_status 200 "$DEV" "$PROXY/"
truncate -s 1G "$DIR/www/big"
ctl()
{
	"$CTL" --socket "$API" "$@"
}

cp "$DIR/tagwarden.json" "$DIR/good.json"
sed -i 's/"url_map": "\/"/"url_map": "(", "url_map_type": "regex"/' "$DIR/tagwarden.json"
refute "a document with an error is refused" ctl reload
cp "$DIR/step.out" "$DIR/why"
step "with the place of the error" grep -F 'access_proxies[0].api_gateways[0].url_map' "$DIR/why"
step "and nothing has changed" expect_status 200 "$DEV" "$PROXY/"

spawn download ip netns exec "$T-client" curl -sS --limit-rate 20M --cacert "$EMS/web-ca.pem" \
	--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" -o /dev/null "$PROXY/big"
busy()
{
	[ "$(api /api/v1/sessions | jq '[.sessions[] | select(.state == "request")] | length')" = 1 ]
}
step "a download runs" wait_for 10 busy
cp "$DIR/good.json" "$DIR/tagwarden.json"
step "the same document again" ctl reload
sleep 0.5
step "does not touch it" is_alive download
sed -i 's/"any": \["FortiAD", "Low-Risk"\]/"all": ["FortiAD", "Low-Risk"]/' "$DIR/tagwarden.json"
step "a stricter policy" ctl reload
cut_off()
{
	! is_alive download
}
step "cuts it off" wait_for 5 cut_off
refused()
{
	expect_status 403 "$DEV" "$PROXY/"
}
step "and refuses the next request" wait_for 5 refused
cp "$DIR/good.json" "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
served()
{
	expect_status 200 "$DEV" "$PROXY/"
}
step "SIGHUP brings the old policy back" wait_for 5 served
