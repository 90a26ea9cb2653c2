#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A device that EMS tags reaches the real server, and leaves an accept record.
. "$(dirname "$0")/stack-lib.sh"

stack_up
DEV=$(add_device --name laptop --tag FortiAD --tag CLASS:Low) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "its request is answered" expect_status 200 "$DEV" "$PROXY/"
step "with the server's own bytes" cmp "$DIR/body" "$DIR/www/index.html"
record()
{
	grep "clientdeviceid=\"$DEV\"" "$TRAFFIC" | grep -q 'action="accept" policyid=17'
}
step "an accept record is written" wait_for 5 record
line=$(grep "clientdeviceid=\"$DEV\"" "$TRAFFIC" | head -n 1)
for field in 'policyname="ZTNA-webserver-allow"' 'clientdevicetags="' 'FortiAD' 'CLASS_Low' \
	'clientcert="yes"' 'emsconnection="online"' 'srcip=192.0.2.1 ' 'dstport=9043' \
	'vip="ZTNA-webserver"' "fctuid=\"$DEV\"" 'clientdeviceems="FCTEMS8823005021"'; do
	[[ $line == *"$field"* ]] || fail "the record lacks $field: $line"
done
echo "ok: the record says who, what and why"
step "no client certificate: the alert is certificate_required" bash -c "
	! ip netns exec $T-client curl -sS --max-time 10 --cacert $EMS/web-ca.pem $PROXY/ 2>&1 |
	tee $DIR/alert; grep -q 'certificate required' $DIR/alert"
