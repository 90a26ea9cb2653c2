#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# IPv6 on links of their own kind, against the kernel: an address that the other end has already is
# not used, and what the network hears of us (net_af_packet on veth; memif has memif.sh).
. "$(dirname "$0")/lib.sh"
need_root
need ping ethtool python3

ns_add client
add_veth "$T-w" client "$T-c" 192.0.2.1/24
add_veth "$T-l" client "$T-d" 198.51.100.1/24
# The first link's address is taken, the second's is free.
ip -n "$T-client" addr add 2001:db8::10/64 dev "$T-c" nodad
ip -n "$T-client" addr add 2001:db8::1/64 dev "$T-c" nodad
ip -n "$T-client" addr add 2001:db8:1::1/64 dev "$T-d" nodad

# What the client's end of a link hears of us, one line each, until it is ended.
cat >"$DIR/listen.py" <<'PY'
import socket, sys

s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
s.bind((sys.argv[1], 0))
while True:
    f, where = s.recvfrom(2048)
    if where[2] == socket.PACKET_OUTGOING:
        continue
    ip, proto, body = f[14:54], f[20], f[54:]
    if proto == 0:
        proto, body = body[0], body[8:]
    if proto == 58:
        a = lambda b: socket.inet_ntop(socket.AF_INET6, b)
        print(body[0], a(ip[8:24]), a(ip[24:40]),
              a(body[8:24]) if body[0] in (135, 136) else "-", flush=True)
PY
spawn taken ip netns exec "$T-client" python3 "$DIR/listen.py" "$T-c"
spawn free ip netns exec "$T-client" python3 "$DIR/listen.py" "$T-d"

start_mksnap --if wan 2001:db8::10/64 0 "net_af_packet0,iface=$T-w" \
	--if lan 2001:db8:1::10/64 0 "net_af_packet1,iface=$T-l"
start_dataplane

heard()
{
	grep -q "$2" "$DIR/$1.log"
}
step "a free address answers" wait_for 8 in_ns client ping -6 -c 1 -W 1 2001:db8:1::10
step "it was tried first" heard free "^135 :: ff02::1:ff00:10 2001:db8:1::10$"
step "and announced" wait_for 3 heard free "^136 2001:db8:1::10 ff02::1 2001:db8:1::10$"
step "its group was reported to switches" heard free "^143 .* ff02::16 -$"
step "a packet of full size" in_ns client ping -6 -c 1 -W 2 -s 1452 2001:db8:1::10

step "a taken address was tried" wait_for 5 heard taken "^135 :: ff02::1:ff00:10 2001:db8::10$"
sleep 2
refute "and is not announced" heard taken "^136 2001:db8::10 "
# The kernel asks for its own address on that link only if it does not have it.
ip -n "$T-client" addr del 2001:db8::10/64 dev "$T-c"
refute "nor used" in_ns client ping -6 -c 1 -W 2 2001:db8::10

link_local()
{
	local addr
	addr=$(sed -n 's/^136 \(fe80::[^ ]*\) ff02::1 .*/\1/p' "$DIR/taken.log" | head -1)
	[ -n "$addr" ] && in_ns client ping -6 -c 1 -W 2 "$addr%$T-c"
}
step "the link-local address of that link is" link_local
step "it ends well on SIGTERM" stop dataplane
