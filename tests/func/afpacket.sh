#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The same over a veth pair with net_af_packet.
. "$(dirname "$0")/lib.sh"
need_root
need ping ethtool

ns_add client
add_veth "$T-w" client "$T-c" 192.0.2.1/24

start_mksnap --if wan 192.0.2.10/24 0 "net_af_packet0,iface=$T-w"
start_dataplane
step "it answers" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
step "a packet of full size" in_ns client ping -c 1 -W 2 -s 1472 -M "do" 192.0.2.10
