#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Between two routers on each side there is a link of 1280 bytes that neither end knows of: what is
# too big comes back as an ICMP error, of either family, and bodies arrive whole; or it comes in
# fragments. The way to the client is a route by a link-local address.
#
#	client-far --- client-mid ==1280== client --- [data plane] --- server ==1280== ... server-far
MORE_ROUTES=', {"prefix": "::/0", "via": "fe80::1", "interface": "wan"},
  {"prefix": "10.9.2.0/24", "via": "198.51.100.20"},
  {"prefix": "2001:db8:92::/48", "via": "2001:db8:2::20"}'
GATEWAYS_MORE=',
  {"id": 10, "url_map": "^/far-four/", "url_map_type": "regex", "service": "http",
   "real_servers": [{"id": 1, "address": "10.9.2.6", "port": 8081}]},
  {"id": 11, "url_map": "^/far-six/", "url_map_type": "regex", "service": "http",
   "real_servers": [{"id": 1, "address": "2001:db8:92:1::2", "port": 8081}]}'
. "$(dirname "$0")/ipv6-lib.sh"
need python3
[ "$(nproc)" -lt 2 ] || WORKERS='[0, 1]'

# wire NAMESPACE INTERFACE NAMESPACE INTERFACE IPV4-PREFIX FIRST-HOST IPV6-PREFIX MTU
wire()
{
	ip -n "$T-$1" link add name "$2" mtu "$8" type veth peer name "$4" netns "$T-$3" mtu "$8" ||
		skip "no veth here"
	ip -n "$T-$1" addr add "$5.$6/30" dev "$2"
	ip -n "$T-$3" addr add "$5.$(($6 + 1))/30" dev "$4"
	ip -n "$T-$1" -6 addr add "$7::1/64" dev "$2" nodad
	ip -n "$T-$3" -6 addr add "$7::2/64" dev "$4" nodad
	ip -n "$T-$1" link set "$2" up
	ip -n "$T-$3" link set "$4" up
}

# narrow SIDE NUMBER: two routers behind the namespace of that side, then a host.
narrow()
{
	local ns
	ns_add "$1-mid"
	ns_add "$1-far"
	for ns in "$1" "$1-mid"; do
		in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	done
	wire "$1" below "$1-mid" above "10.9.$2" 1 "2001:db8:9$2" 1280
	wire "$1-mid" below "$1-far" above "10.9.$2" 5 "2001:db8:9$2:1" 1500
	ip -n "$T-$1" route add "10.9.$2.4/30" via "10.9.$2.2"
	ip -n "$T-$1" -6 route add "2001:db8:9$2:1::/64" via "2001:db8:9$2::2"
	ip -n "$T-$1-mid" route add default via "10.9.$2.1"
	ip -n "$T-$1-mid" -6 route add default via "2001:db8:9$2::1"
	ip -n "$T-$1-far" route add default via "10.9.$2.5"
	ip -n "$T-$1-far" -6 route add default via "2001:db8:9$2:1::1"
}

ipv6_up
# Routers speak of themselves by link-local addresses.
ip -n "$T-client" -6 addr add fe80::1/64 dev "$T-w" nodad
narrow client 1
narrow server 2
for address in 10.9.2.6 2001:db8:92:1::2; do
	spawn "backend-$address" ip netns exec "$T-server-far" python3 "$TOP/tests/lib/backend.py" \
		--address "$address" --record "$DIR/record" 8081
	wait_for 5 in_ns server-far bash -c "exec 3<>/dev/tcp/$address/8081" ||
		fail "no server at $address"
done
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
head -c 5M /dev/urandom >"$DIR/www/random"
sum=$(sha256sum <"$DIR/www/random" | cut -d ' ' -f 1)
count_of()
{
	api /api/v1/counters | jq --arg n "$1" '[.counters[] | select(.name == $n).count] | add // 0'
}

# The server answers with what it got.
up()
{
	expect_status 200 "$DEV" -T "$DIR/www/random" "$PROXY6/far-$1/x" &&
		[ "$(jq -r .body_sha256 "$DIR/body")" = "$sum" ]
}
step "5 MiB up to a server of IPv4" up four
step "5 MiB up to a server of IPv6" up six

down()
{
	in_ns client-far curl -sS --max-time 60 --cacert "$EMS/web-ca.pem" \
		--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" -o "$DIR/body" \
		"$1/six/random" && cmp "$DIR/body" "$DIR/www/random"
}
step "5 MiB down to a client of IPv4" down "$PROXY"
step "5 MiB down to a client of IPv6" down "$PROXY6"

# Each of the four had to be told, for the handshake said 1500 at both ends.
told()
{
	local ns n=0
	for ns in client server; do
		n=$((n + $(in_ns $ns nstat -asz IcmpOutDestUnreachs | awk '/Icmp/ { print $2 }')))
		n=$((n + $(in_ns $ns nstat -asz Icmp6OutPktTooBigs | awk '/Icmp/ { print $2 }')))
	done
	echo "$n errors sent"
	[ "$n" -ge 4 ]
}
step "the routers had told" told

# Another address of the same host, and a router whose own packets to us go nowhere.
ip -n "$T-client-far" addr add 10.9.3.1/32 dev lo
ip -n "$T-client-mid" route add 10.9.3.1/32 via 10.9.1.6
ip -n "$T-client" route add 10.9.3.1/32 via 10.9.1.2
ip -n "$T-client" rule add dev lo to 192.0.2.10 blackhole
swallowed()
{
	in_ns client-far curl -sS --max-time 60 --interface 10.9.3.1 --cacert "$EMS/web-ca.pem" \
		--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" -o "$DIR/body" \
		"$PROXY/six/random" && cmp "$DIR/body" "$DIR/www/random" &&
		[ "$(count_of tcp_pmtu_black_hole)" -ge 1 ]
}
step "5 MiB down through a router that does not tell" swallowed
ip -n "$T-client" rule del dev lo to 192.0.2.10 blackhole

# Without "don't fragment" the router cuts IPv4 instead of telling. All fragments of a client meet in
# one worker, and connections belong to both.
in_ns client-far sysctl -qw net.ipv4.ip_no_pmtu_disc=1
in_ns client-far ip route flush cache
cut_up()
{
	local i pids=()
	for i in 1 2 3 4 5 6; do
		in_ns client-far curl -sS --max-time 60 --cacert "$EMS/web-ca.pem" \
			--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" -o /dev/null \
			-T "$DIR/www/random" "$PROXY/six/cut$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	for i in 1 2 3 4 5 6; do
		cmp "$DIR/www/cut$i" "$DIR/www/random" || return 1
	done
}
step "six times 5 MiB up, cut into fragments" cut_up
whole()
{
	echo "$(count_of ip_fragments) fragments, $(count_of ip_reassembled) datagrams"
	[ "$(count_of ip_reassembled)" -gt 1000 ]
}
step "they were put together" whole
cat "$DIR/step.out"
# Of IPv6 only the sender makes fragments; the answer fits the link.
ip -n "$T-client" -6 route add 2001:db8:1::10 dev "$T-w" mtu 1280
before=$(count_of ip_reassembled)
step "pings of IPv6 in fragments are answered" in_ns client ping -6 -c 3 -i 0.2 -W 2 -s 1400 \
	2001:db8:1::10
[ "$(count_of ip_reassembled)" -ge $((before + 3)) ] || fail "they were no fragments"
