#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# The whole product with its clients on a VLAN, on veth through net_af_packet: tags taken out and
# put in by the port, and the same by software. The driver puts tags only into buffers that nobody
# shares; what a send queue still holds must come with its tag as well.
. "$(dirname "$0")/stack-lib.sh"
need_root
need ethtool ping python3
WAN_DEVICE=net_af_packet0,iface=$T-w
LAN_DEVICE=net_af_packet1,iface=$T-l
WAN_VLAN=7
[ "$(nproc)" -lt 2 ] || WORKERS='[0, 1]'

# client --- untagged --- bridge --- tagged --- wan
cable()
{
	ns_add mid
	in_ns mid sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	add_veth "$T-w" mid "$T-t" 0.0.0.0/0
	ip -n "$T-client" link add "$T-c" type veth peer name "$T-u" netns "$T-mid"
	plain_link client "$T-c"
	plain_link mid "$T-u"
	ip -n "$T-client" addr add 192.0.2.1/24 dev "$T-c"
	ip -n "$T-client" link set "$T-c" up
	ip -n "$T-mid" link set "$T-u" up
	spawn bridge ip netns exec "$T-mid" python3 "$TOP/tests/func/vlan_bridge.py" \
		"$T-u" "$T-t" 7
	wait_for 5 grep -q ready "$DIR/bridge.log" || fail "no bridge"
	add_veth "$T-l" server "$T-ls" 198.51.100.20/24
	ip -n "$T-server" route replace default via 198.51.100.1
}

plug()
{
	:
}

ports_say()
{
	api /api/v1/interfaces | jq -es --argjson v "$1" \
		'.[0].interfaces | length == 2 and all(.vlan_strip == $v and .vlan_insert == $v)'
}

transfers()
{
	step "$1: ping" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
	step "$1: a packet of full size" in_ns client ping -c 1 -W 2 -s 1472 -M "do" 192.0.2.10
	step "$1: 4 MiB down" expect_status 200 "$DEV" "$PROXY/random"
	step "$1: they are equal" cmp "$DIR/body" "$DIR/www/random"
	rm -f "$DIR/www/upload"
	step "$1: 4 MiB up" as "$DEV" -T "$DIR/www/random" "$PROXY/upload"
	step "$1: they are equal" cmp "$DIR/www/upload" "$DIR/www/random"
}

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
head -c 4M /dev/urandom >"$DIR/www/random"
step "the port takes tags out and puts them in" wait_for 5 ports_say true
transfers "by the port"
stop dataplane
OFFLOADS=none
reload
start_dataplane
step "software does" wait_for 5 ports_say false
transfers "by software"
