#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two interfaces on one port, told apart by their 802.1Q tags, and a third without one: on a tap,
# which knows nothing of tags, and on veth with net_af_packet, which takes them out and puts them in
# unless told not to. Frames with tags are made by hand: not every kernel has VLAN interfaces.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool python3

# start DEVICE MKSNAP-ARGUMENT...
start()
{
	local device=$1
	shift
	start_mksnap "$@" --if plain 192.0.2.10/24 0 "$device" --if v7 198.51.100.1/24 7 "$device" \
		--if v4094 203.0.113.1/24 4094 "$device"
	start_dataplane
}

# tagged INTERFACE VLAN SOURCE DESTINATION SIZE
tagged()
{
	in_ns client python3 "$TOP/tests/func/vlan.py" "$@"
}

cases()
{
	step "$1: untagged" in_ns client ping -c 2 -i 0.2 -W 2 192.0.2.10
	step "$1: tag 7" tagged "$2" 7 198.51.100.2 198.51.100.1 56
	step "$1: tag 4094" tagged "$2" 4094 203.0.113.2 203.0.113.1 56
	step "$1: a full packet with a tag" tagged "$2" 7 198.51.100.3 198.51.100.1 1472
	refute "$1: a tag that nobody has" tagged "$2" 9 192.0.2.2 192.0.2.10 56
	refute "$1: an address of another tag" tagged "$2" 7 203.0.113.2 203.0.113.1 56
	stop dataplane
	stop mksnap
	rm -rf "$SHM"
}

ns_add client
start "net_tap0,iface=$T-w"
take_tap "$T-w" client 192.0.2.1/24
cases tap "$T-w"

add_veth "$T-v" client "$T-c" 192.0.2.1/24
start "net_af_packet0,iface=$T-v"
cases "tags by the port" "$T-c"
start "net_af_packet0,iface=$T-v" --offloads none
cases "tags by software" "$T-c"
