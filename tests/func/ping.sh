#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# ARP and ICMP echo from a namespace through a tap port; what is not for us gets no answer.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool

start_mksnap --if wan 192.0.2.10/24 0 "net_tap0,iface=$T-w" \
	--if lan 198.51.100.1/24 0 "net_tap1,iface=$T-l"
start_dataplane
ns_add client
ns_add server
take_tap "$T-w" client 192.0.2.1/24
take_tap "$T-l" server 198.51.100.20/24

step "an address of wan answers" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
step "an address of lan answers" in_ns server ping -c 3 -i 0.2 -W 2 198.51.100.1
step "a packet of full size is answered" in_ns client ping -c 1 -W 2 -s 1472 -M "do" 192.0.2.10
step "a packet of one byte is answered" in_ns client ping -c 1 -W 2 -s 1 192.0.2.10
refute "another address does not answer" in_ns client ping -c 1 -W 1 192.0.2.11

ip -n "$T-client" route add 198.51.100.0/24 via 192.0.2.10
refute "an address of lan does not answer through wan" in_ns client ping -c 1 -W 1 198.51.100.1
refute "it does not forward" in_ns client ping -c 1 -W 1 198.51.100.20
ip -n "$T-client" addr add 198.51.100.99/24 dev "$T-w"
refute "lan's subnet is no source on wan" in_ns client ping -c 1 -W 1 -I 198.51.100.99 192.0.2.10

closed_port()
{
	in_ns client bash -c 'exec 3<>/dev/tcp/192.0.2.10/9' 2>&1 | grep -q refused
}
step "a closed port answers with a reset" closed_port

stop mksnap KILL
step "it goes on without the control plane" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
step "it ends well on SIGTERM" stop dataplane
