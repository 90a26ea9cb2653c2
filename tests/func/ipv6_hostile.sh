#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 180
# As hostile.sh, in IPv6: 20,000 mutated frames of neighbour discovery, ICMPv6, extension headers and
# fragments, then connection requests from spoofed addresses, while a bystander is served.
. "$(dirname "$0")/ipv6-lib.sh"
need python3
SEED=${SEED:-1}
MORE_ROUTES=', {"prefix": "::/0", "via": "2001:db8:1::1"}'

ipv6_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
served()
{
	expect_status 200 "$DEV" "$PROXY6/six/"
}
step "a request is answered" wait_for 5 served
ip -n "$T-client" link set "$T-w" txqueuelen 20000
mac=$(ip -n "$T-client" -6 neigh show 2001:db8:1::10 | sed -n 's/.*lladdr \([^ ]*\).*/\1/p')
[ -n "$mac" ] || fail "the client does not know the proxy's MAC"

# blast NAME KIND COUNT: in the background.
blast()
{
	spawn "$1" ip netns exec "$T-client" python3 -B "$TOP/tests/func/blast6.py" "$T-w" "$2" "$3" \
		"$SEED" "$mac" 2001:db8:1::10 9043
}
counter()
{
	api '/api/v1/counters?all=1' | jq --arg n "$1" '[.counters[] | select(.name == $n).count] | add // 0'
}
received=$(counter rx_packets)
blast frames frames 20000
nb=0
while is_alive frames; do
	served >"$DIR/step.out" 2>&1 || fail "the bystander, request $nb"
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
for name in ip6_malformed ip6_ext_header ip6_option ip6_routing_header ip_fragment ip_not_ours \
	nd_malformed nd_answered nd_redirect tcp_malformed tcp_checksum tcp_no_connection; do
	[ "$(counter $name)" -gt 0 ] || fail "nothing counted as $name"
done
echo "ok: the counters tell what became of them"
step "the bystander is served on" served

blast syns syns 30000
cookies()
{
	[ "$(counter tcp_syn_cookie_sent)" -gt 1000 ]
}
step "a flood of SYNs makes it send cookies" wait_for 20 cookies
opened=$(counter tcp_syn_cookie_ok)
step "a new connection in the midst of it is served" served
step "and others" served
[ "$(counter tcp_syn_cookie_ok)" -gt "$opened" ] || fail "none was opened by a cookie"
echo "ok: opened by cookies"
is_alive dataplane || fail "the data plane died"
