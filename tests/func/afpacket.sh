#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same over a veth pair with net_af_packet.
. "$(dirname "$0")/lib.sh"
need_root
need ping ethtool

ns_add client
ip link add "$T-w" type veth peer name "$T-c" netns "$T-client" || skip "no veth here"
ethtool -K "$T-w" tx off rx off tso off gso off gro off sg off >/dev/null 2>&1
plain_link client "$T-c"
sysctl -qw "net.ipv6.conf.$T-w.disable_ipv6=1"
ip link set "$T-w" up
ip -n "$T-client" addr add 192.0.2.1/24 dev "$T-c"
ip -n "$T-client" link set "$T-c" up

start_mksnap --if wan 192.0.2.10/24 0 "net_af_packet0,iface=$T-w"
start_dataplane
step "it answers" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
step "a packet of full size" in_ns client ping -c 1 -W 2 -s 1472 -M "do" 192.0.2.10
ip link del "$T-w"
