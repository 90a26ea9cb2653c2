#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two interfaces on one port, told apart by their 802.1Q tags, and a third without one.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool

device=net_tap0,iface=$T-w
start_mksnap --if plain 192.0.2.10/24 0 "$device" --if v7 198.51.100.1/24 7 "$device" \
	--if v4094 203.0.113.1/24 4094 "$device"
start_dataplane
ns_add client
take_tap "$T-w" client 192.0.2.1/24
for id in 7 4094 9; do
	ip -n "$T-client" link add link "$T-w" name "v$id" type vlan id $id || skip "no 802.1Q here"
	ip -n "$T-client" link set "v$id" up
done
ip -n "$T-client" addr add 198.51.100.2/24 dev v7
ip -n "$T-client" addr add 203.0.113.2/24 dev v4094
ip -n "$T-client" addr add 192.0.2.2/24 dev v9

step "untagged" in_ns client ping -c 2 -i 0.2 -W 2 -I 192.0.2.1 192.0.2.10
step "tag 7" in_ns client ping -c 2 -i 0.2 -W 2 198.51.100.1
step "tag 4094" in_ns client ping -c 2 -i 0.2 -W 2 203.0.113.1
step "a full packet with a tag" in_ns client ping -c 1 -W 2 -s 1472 -M "do" 198.51.100.1
refute "a tag that nobody has" in_ns client ping -c 1 -W 1 -I v9 192.0.2.10
