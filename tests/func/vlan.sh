#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two interfaces on one port, told apart by their 802.1Q tags, and a third without one. Frames with
# tags are made by hand: not every kernel has VLAN interfaces.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool python3

device=net_tap0,iface=$T-w
start_mksnap --if plain 192.0.2.10/24 0 "$device" --if v7 198.51.100.1/24 7 "$device" \
	--if v4094 203.0.113.1/24 4094 "$device"
start_dataplane
ns_add client
take_tap "$T-w" client 192.0.2.1/24

tagged()
{
	in_ns client python3 "$TOP/tests/func/vlan.py" "$T-w" "$@"
}
step "untagged" in_ns client ping -c 2 -i 0.2 -W 2 192.0.2.10
step "tag 7" tagged 7 198.51.100.2 198.51.100.1 56
step "tag 4094" tagged 4094 203.0.113.2 203.0.113.1 56
step "a full packet with a tag" tagged 7 198.51.100.3 198.51.100.1 1472
refute "a tag that nobody has" tagged 9 192.0.2.2 192.0.2.10 56
refute "an address of another tag" tagged 7 203.0.113.2 203.0.113.1 56
