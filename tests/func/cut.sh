#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A download is running when EMS takes the tag away: that client is cut off, another one is not,
# and the time from the notification to the cut is on record.
# timeout: 180
. "$(dirname "$0")/stack-lib.sh"

stack_up
A=$(add_device --name a --tag FortiAD)
B=$(add_device --name b --tag FortiAD)
step "EMS told of the devices" wait_for 10 device_is_known "$B"
truncate -s 1G "$DIR/www/big"

spawn get-a ip netns exec "$T-client" curl -sS --limit-rate 40M --cacert "$EMS/web-ca.pem" \
	--cert "$EMS/devices/$A.pem" --key "$EMS/devices/$A.key" -o /dev/null "$PROXY/big"
spawn get-b ip netns exec "$T-client" curl -sS --limit-rate 10M --max-time 12 \
	--cacert "$EMS/web-ca.pem" --cert "$EMS/devices/$B.pem" --key "$EMS/devices/$B.key" \
	-o "$DIR/b.out" "$PROXY/big"
two_busy()
{
	[ "$(api /api/v1/sessions | jq '[.sessions[] | select(.state == "request")] | length')" = 2 ]
}
step "two downloads run" wait_for 10 two_busy
sleep 1
ems tag "$A" -FortiAD >/dev/null
cut_off()
{
	! is_alive get-a
}
step "the one without the tag is cut off" wait_for 5 cut_off
stop get-a
[ $? -ne 0 ] || fail "curl took a part for the whole"
is_alive get-b || fail "the bystander was cut off too"
size=$(stat -c %s "$DIR/b.out")
sleep 1
[ "$(stat -c %s "$DIR/b.out")" -gt "$size" ] || fail "the bystander's download stands still"
echo "ok: the bystander's download goes on"
step "the time is in the histogram" bash -c "
	curl -sf --unix-socket $API http://localhost/api/v1/counters | tee $DIR/counters |
	jq -e '.change_to_cut.count == 1 and .change_to_cut.max_us < 1000000'"
jq -c .change_to_cut "$DIR/counters"
refute "a new request is refused too" expect_status 200 "$A" "$PROXY/"
