#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 20,000 random and mutated frames while a bystander's requests go on; then 50,000 connection
# requests from spoofed addresses during a transfer, and a new connection in the middle of them.
# timeout: 180
. "$(dirname "$0")/stack-lib.sh"
need python3
SEED=${SEED:-1}

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "a request is answered" expect_status 200 "$DEV" "$PROXY/"
# A machine that is busy elsewhere for a moment must not lose what the test is about.
ip -n "$T-client" link set "$T-w" txqueuelen 20000
mac=$(ip -n "$T-client" neigh show 192.0.2.10 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')

# blast NAME KIND COUNT: in the background.
blast()
{
	spawn "$1" ip netns exec "$T-client" python3 -B "$TOP/tests/func/blast.py" "$T-w" "$2" "$3" \
		"$SEED" "$mac" 192.0.2.10 9043
}
counter()
{
	api '/api/v1/counters?all=1' | jq --arg n "$1" '[.counters[] | select(.name == $n).count] | add'
}
received=$(counter rx_packets)
blast frames frames 20000
nb=0
while is_alive frames; do
	expect_status 200 "$DEV" "$PROXY/" >"$DIR/step.out" 2>&1 || fail "the bystander, request $nb"
	nb=$((nb + 1))
done
stop frames
[ $nb -ge 3 ] || fail "only $nb requests were made meanwhile"
echo "ok: $nb requests of a bystander were answered meanwhile (SEED=$SEED)"
cat "$DIR/frames.log"
arrived()
{
	[ $(($(counter rx_packets) - received)) -ge 15000 ]
}
step "most of them arrived" wait_for 5 arrived
is_alive dataplane || fail "the data plane died"
for name in eth_not_ours eth_type_unknown eth_vlan_unknown arp_malformed ip_malformed ip_checksum \
	ip_not_ours ip_fragment ip_proto_unknown ip_spoofed icmp_malformed tcp_malformed \
	tcp_checksum tcp_no_connection; do
	[ "$(counter $name)" -gt 0 ] || fail "nothing counted as $name"
done
echo "ok: the counters tell what became of them"

head -c 48M /dev/urandom >"$DIR/www/random"
spawn transfer ip netns exec "$T-client" curl -sS --max-time 60 --limit-rate 8M \
	--cacert "$EMS/web-ca.pem" --cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" \
	-o "$DIR/transfer.out" "$PROXY/random"
running()
{
	[ -s "$DIR/transfer.out" ]
}
step "a transfer runs" wait_for 10 running
blast syns syns 50000
cookies()
{
	[ "$(counter tcp_syn_cookie_sent)" -gt 1000 ]
}
step "a flood of SYNs makes it send cookies" wait_for 20 cookies
opened=$(counter tcp_syn_cookie_ok)
step "a new connection in the midst of it is served" expect_status 200 "$DEV" "$PROXY/"
step "and others" expect_status 200 "$DEV" "$PROXY/"
[ "$(counter tcp_syn_cookie_ok)" -gt "$opened" ] || fail "none was opened by a cookie"
echo "ok: opened by cookies"
ended()
{
	! is_alive transfer
}
step "the transfer ends" wait_for 60 ended
step "with success" stop transfer
step "what came is what the server has" cmp "$DIR/transfer.out" "$DIR/www/random"
is_alive dataplane || fail "the data plane died"
