#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# IPv6 against the kernel through tap ports: neighbour discovery both ways, echo, ICMPv6 errors,
# resets, link-local addresses; what is not for us gets no answer.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool

start_mksnap --if wan 2001:db8::10/64 0 "net_tap0,iface=$T-w" \
	--if lan 2001:db8:1::1/64 0 "net_tap1,iface=$T-l"
start_dataplane
ns_add client
ns_add server
take_tap "$T-w" client 2001:db8::1/64
take_tap "$T-l" server 2001:db8:1::20/64
mac=$(sed -n 's/.*port device=net_tap0.* mac=\([0-9a-f:]*\).*/\1/p' "$DIR/dataplane.log" | head -1)

# The kernel, and we too, try an address for a second before it is used.
step "an address of wan answers" wait_for 8 in_ns client ping -6 -c 1 -W 1 2001:db8::10
step "and goes on to" in_ns client ping -6 -c 3 -i 0.2 -W 2 2001:db8::10
step "an address of lan answers" wait_for 8 in_ns server ping -6 -c 1 -W 1 2001:db8:1::1
step "a packet of full size is answered" in_ns client ping -6 -c 1 -W 2 -s 1452 2001:db8::10
refute "another address does not answer" in_ns client ping -6 -c 1 -W 1 2001:db8::11

neighbour_is()
{
	ip -6 -n "$T-client" neigh show 2001:db8::10 | tee /dev/stderr | grep -qi "lladdr $mac"
}
step "the kernel knows our Ethernet address" neighbour_is

# EUI-64 of our MAC.
IFS=: read -r a b c d e f <<<"$mac"
link=$(printf 'fe80::%02x%s:%sff:fe%s:%s%s' $((0x$a ^ 2)) "$b" "$c" "$d" "$e" "$f")
step "the link-local address answers" in_ns client ping -6 -c 2 -i 0.2 -W 2 "$link%$T-w"

ip -n "$T-client" route add 2001:db8:1::/64 via 2001:db8::10
refute "an address of lan does not answer through wan" in_ns client ping -6 -c 1 -W 1 2001:db8:1::1
refute "it does not forward" in_ns client ping -6 -c 1 -W 1 2001:db8:1::20

closed_port()
{
	in_ns client bash -c 'exec 3<>/dev/tcp/2001:db8::10/9' 2>&1 | grep -q refused
}
step "a closed port answers with a reset" closed_port
closed_udp()
{
	in_ns client python3 - <<-'PY'
		import socket
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		s.settimeout(2)
		s.connect(("2001:db8::10", 9))
		s.send(b"x")
		try:
		    s.recv(1)
		except ConnectionRefusedError:
		    raise SystemExit(0)
		raise SystemExit(1)
	PY
}
step "a UDP port is unreachable" closed_udp

moved()
{
	ip -n "$T-client" link set "$T-w" down
	ip -n "$T-client" link set "$T-w" address 02:00:00:00:00:99
	ip -n "$T-client" link set "$T-w" up
	ip -n "$T-client" addr add 2001:db8::1/64 dev "$T-w" nodad
	wait_for 5 in_ns client ping -6 -c 1 -W 1 2001:db8::10
}
step "a neighbour that moved is found again" moved

stop mksnap KILL
step "it goes on without the control plane" in_ns client ping -6 -c 2 -i 0.2 -W 2 2001:db8::10
step "it ends well on SIGTERM" stop dataplane
