#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The whole product on AF_XDP sockets over two veth pairs: ARP, ping, a request, and bodies larger
# than any queue both ways.
. "$(dirname "$0")/stack-lib.sh"
need_root
need ethtool ping
WAN_DEVICE=net_af_xdp0,iface=$T-w
LAN_DEVICE=net_af_xdp1,iface=$T-l
[ "$(nproc)" -lt 2 ] || WORKERS='[0, 1]'

cable()
{
	add_veth "$T-w" client "$T-wc" 192.0.2.1/24
	add_veth "$T-l" server "$T-ls" 198.51.100.20/24
	ip -n "$T-server" route replace default via 198.51.100.1
}

plug()
{
	:
}

# What the kernel refuses is no fault of ours: try a socket of that family before anything else.
python3 -c 'import socket; socket.socket(44, socket.SOCK_RAW)' 2>/dev/null || skip "no AF_XDP here"

stack_up
step "ARP and ping on wan" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
step "a packet of full size" in_ns client ping -c 1 -W 2 -s 1472 -M "do" 192.0.2.10
step "ARP and ping on lan" in_ns server ping -c 3 -i 0.2 -W 2 198.51.100.1
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "a request is answered" expect_status 200 "$DEV" "$PROXY/"
step "with the server's own bytes" cmp "$DIR/body" "$DIR/www/index.html"
head -c 8M /dev/urandom >"$DIR/www/random"
step "8 MiB down" expect_status 200 "$DEV" "$PROXY/random"
step "they are equal" cmp "$DIR/body" "$DIR/www/random"
step "8 MiB up" as "$DEV" -T "$DIR/www/random" "$PROXY/upload"
step "they are equal" cmp "$DIR/www/upload" "$DIR/www/random"

# Its XDP program stays behind on the links, and must not be in the way.
stop dataplane KILL
start_dataplane
grep -q driver=net_af_xdp "$DIR/dataplane.log" || fail "the driver is not net_af_xdp"
step "after SIGKILL it serves again" expect_status 200 "$DEV" "$PROXY/"
