#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers behind ports of one queue each: packets are handed over, every worker resolves.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool
[ "$(nproc)" -ge 2 ] || skip "needs two cores"

start_mksnap --workers 0,1 --if wan 192.0.2.10/24 0 "net_tap0,iface=$T-w" \
	--if lan 198.51.100.1/24 0 "net_tap1,iface=$T-l"
start_dataplane
ns_add client
ns_add server
take_tap "$T-w" client 192.0.2.1/24
take_tap "$T-l" server 198.51.100.20/24
step "wan, owned by the first" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
step "lan, owned by the second" in_ns server ping -c 3 -i 0.2 -W 2 198.51.100.1

# 40 ports: by chance alone both workers get some; each must find the way back by itself.
closed_ports()
{
	in_ns client bash -c 'for p in {9000..9039}; do
		timeout 3 bash -c "exec 3<>/dev/tcp/192.0.2.10/$p" 2>&1 | grep -q refused || exit 1
	done'
}
step "both workers answer connections" closed_ports
