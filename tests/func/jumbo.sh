#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# Jumbo frames: 9000 towards the clients and 1500 towards the servers, so that each connection has
# segments of its own size; first on a virtio port, which scatters what it receives over buffers of
# 2 KiB, then on veth by af_packet, which does not.
. "$(dirname "$0")/stack-lib.sh"
need_root
need_tap
need ethtool ping tcpdump
WAN_DEVICE=net_virtio_user0,path=$DIR/w.sock,queue_size=1024
LAN_DEVICE=net_virtio_user1,path=$DIR/l.sock,queue_size=1024
WAN_MTU=9000

# The wan side's kernel offers segments of 8960 bytes and cuts none of its own.
virtio_cable()
{
	spawn card "$BUILD/tests/lib/vhost_tap" "$DIR/w.sock" "$T-w" "$DIR/l.sock" "$T-l"
	wait_for 10 grep -q ready "$DIR/card.log" || fail "no card"
	jumbo_tap "$T-w" client 192.0.2.1/24 9000
	jumbo_tap "$T-l" server 198.51.100.20/24 1500
	ip -n "$T-server" route replace default via 198.51.100.1
}

jumbo_tap()
{
	ip link set "$1" netns "$T-$2" || fail "cannot move $1"
	plain_link "$2" "$1"
	ip -n "$T-$2" link set "$1" mtu "$4"
	ip -n "$T-$2" addr add "$3" dev "$1"
	ip -n "$T-$2" link set "$1" up
}

veth_cable()
{
	add_veth "$T-w" client "$T-wc" 192.0.2.1/24
	add_veth "$T-l" server "$T-ls" 198.51.100.20/24
	ip link set "$T-w" mtu 9000
	ip -n "$T-client" link set "$T-wc" mtu 9000
	ip -n "$T-server" route replace default via 198.51.100.1
}

cable()
{
	virtio_cable
}

plug()
{
	:
}

# see NAME NAMESPACE INTERFACE FILTER: from now on; seen NAME tells whether such a packet came.
see()
{
	spawn "$1" ip netns exec "$T-$2" tcpdump -n -c 1 --immediate-mode -s 64 -i "$3" "tcp and $4"
	wait_for 5 grep -q "listening on" "$DIR/$1.log" || fail "tcpdump does not listen"
}

seen()
{
	wait_for 2 grep -q "1 packet captured" "$DIR/$1.log"
}

transfers()
{
	step "$1: a ping of 9000 bytes" in_ns client ping -c 1 -W 2 -s 8972 -M "do" 192.0.2.10
	step "$1: 8 MiB down" expect_status 200 "$DEV" "$PROXY/random"
	step "$1: they are equal" cmp "$DIR/body" "$DIR/www/random"
	rm -f "$DIR/www/upload"
	step "$1: 8 MiB up" as "$DEV" -T "$DIR/www/random" "$PROXY/upload"
	step "$1: they are equal" cmp "$DIR/www/upload" "$DIR/www/random"
}

# The Ethernet header is in these lengths.
watched_by_tcpdump()
{
	see to-client client "$T-wc" "src host 192.0.2.10 and len = 9014"
	see from-client client "$T-wc" "src host 192.0.2.1 and len = 9014"
	see to-server server "$T-ls" "src host 198.51.100.1 and len = 1514"
	see too-long server "$T-ls" "src host 198.51.100.1 and greater 1515"
	transfers veth
	step "veth: ours to the client have 9000 bytes" seen to-client
	step "veth: the client's to us have 9000 bytes" seen from-client
	step "veth: ours to the server have 1500 bytes" seen to-server
	refute "veth: and no more" seen too-long
}

# 52 bytes are headers with timestamps.
watched_by_card()
{
	transfers virtio
	stop dataplane
	stop card
	step "virtio: ours to the client have 9000 bytes" \
		grep -q "^port 0: .* segment=8948 .* to-guest-longest=9014$" "$DIR/card.log"
	step "virtio: ours to the server have 1500 bytes" \
		grep -q "^port 1: .* segment=1448 .* to-guest-longest=1514$" "$DIR/card.log"
}

scatters()
{
	api /api/v1/interfaces | jq -es --argjson v "$1" \
		'.[0].interfaces | .[0].scatter == $v and .[0].mtu == 9000 and .[1].mtu == 1500'
}

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
head -c 8M /dev/urandom >"$DIR/www/random"
step "virtio: frames are scattered" wait_for 5 scatters true
watched_by_card

rm -f "$DIR/w.sock" "$DIR/l.sock"
WAN_DEVICE=net_af_packet0,iface=$T-w,framesz=9216,blocksz=36864,framecnt=512
LAN_DEVICE=net_af_packet1,iface=$T-l
veth_cable
reload
start_dataplane
step "veth: frames are not scattered" wait_for 5 scatters false
watched_by_tcpdump

# A port that cannot says so, and carries what it can.
stop dataplane
WAN_DEVICE=net_af_packet0,iface=$T-w
reload
start_dataplane
step "small frames: the data plane tells" \
	grep -q "carries no larger packets device=net_af_packet0 mtu=1964 wanted=9000" "$DIR/dataplane.log"
step "small frames: 8 MiB down all the same" expect_status 200 "$DEV" "$PROXY/random"
step "small frames: they are equal" cmp "$DIR/body" "$DIR/www/random"
