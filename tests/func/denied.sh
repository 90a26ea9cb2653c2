#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a policy does not let through is answered with the field's code, leaves the field's record,
# and sends nothing to the real server.
. "$(dirname "$0")/stack-lib.sh"
# shellcheck disable=SC2034 # stack_up reads it
POLICIES='[{"id": 17, "name": "both", "access_proxies": ["ZTNA-webserver"],
  "tags": {"all": ["FortiAD", "Low-Risk"]}, "action": "accept", "log": "all"}]'

stack_up
DEV=$(add_device --name laptop --tag FortiAD --tag Windows10 --tag CLASS:Low)
WRONG=$(add_device --name clone --tag FortiAD --tag Low-Risk --serial-mismatch)
ZERO=$(add_device --name none --tag FortiAD --tag Low-Risk --all-zero)
step "EMS told of the devices" wait_for 10 device_is_known "$ZERO"
before=$(wc -l <"$DIR/nginx-access.log")

step "a tag is missing: 403" expect_status 403 "$DEV" "$PROXY/secret?token=hunter2"
step "code 065 is on the page" grep -q 065 "$DIR/body"
for word in Low-Risk FortiAD both ZTNA-webserver policy; do
	refute "the page does not tell $word" grep -q -- "$word" "$DIR/body"
done
step "as JSON when asked for" as "$DEV" -H 'Accept: application/json' -o "$DIR/json" "$PROXY/"
step "a denial's response names its id" as "$DEV" -D "$DIR/head" -o "$DIR/body" "$PROXY/"
id=$(tr -d '\r' <"$DIR/head" | sed -n 's/^X-Request-Id: //p')
step "which is the one on the page" grep -q "$id" "$DIR/body"
step "and in the traffic log" wait_for 5 grep -q "requestid=\"$id\"" "$TRAFFIC"
step "with code and request id" jq -e '.code == "065" and (.request_id | length) == 32' "$DIR/json"

deny_line()
{
	grep 'action="deny"' "$TRAFFIC" | grep -m 1 "clientdeviceid=\"$1\""
}
step "a deny record is written" wait_for 5 deny_line "$DEV"
line=$(deny_line "$DEV")
# The seed's Example 2: its fields, in its order.
want="date time eventtime tz logid type subtype level vd srcip srcport srcintf srcintfrole dstcountry
srccountry dstip dstport dstintf dstintfrole sessionid service proxyapptype proto action policyid
policytype trandisp tranip tranport appcat duration vip accessproxy clientdeviceid
clientdevicemanageable clientdeviceems clientdevicetags clientcert emsconnection msg wanin rcvdbyte
wanout lanin sentbyte lanout fctuid crscore craction crlevel"
# And behind them our own: the id that the page and the response named.
want="$want requestid"
got=$(sed 's/="[^"]*"/=/g' <<<"$line" | tr ' ' '\n' | sed 's/=.*//' | tr '\n' ' ')
[ "$(echo $got)" = "$(echo $want)" ] || fail "fields differ: $(echo $got)"
echo "ok: the record has the fields of the seed, in order"
for field in 'policyid=0' 'logid="0005000024"' 'Windows10' \
	'msg="Traffic denied because failed to match a policy or proxy-policy"'; do
	[[ $line == *"$field"* ]] || fail "the record lacks $field: $line"
done

step "a serial number EMS does not have: 403" expect_status 403 "$WRONG" "$PROXY/"
step "code 001" grep -q 001 "$DIR/body"
step "a serial number of zeros at EMS: 403" expect_status 403 "$ZERO" "$PROXY/"
step "code 001" grep -q 001 "$DIR/body"
[ "$(wc -l <"$DIR/nginx-access.log")" = "$before" ] || fail "the real server heard of it"
echo "ok: the real server heard nothing"

ems tag "$DEV" +Low-Risk >/dev/null
passes()
{
	expect_status 200 "$DEV" "$PROXY/"
}
step "with the tag it passes" wait_for 5 passes
