# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
#
# virtio ports for the product, and the card at their other side (tests/lib/vhost_tap.c), which
# gives each packet to the kernel with what was left to the card. Source it after stack-lib.sh or
# ipv6-lib.sh.
need_tap
need ethtool ping
WAN_DEVICE=net_virtio_user0,path=$DIR/w.sock,queue_size=1024
LAN_DEVICE=net_virtio_user1,path=$DIR/l.sock,queue_size=1024
[ "$(nproc)" -lt 2 ] || WORKERS='[0, 1]'

# The card: the taps live as long as it does, so plug() need not do it again.
cable()
{
	spawn card "$BUILD/tests/lib/vhost_tap" "$DIR/w.sock" "$T-w" "$DIR/l.sock" "$T-l"
	wait_for 10 grep -q ready "$DIR/card.log" || fail "no card"
	card_link "$T-w" client 192.0.2.1/24
	card_link "$T-l" server 198.51.100.20/24
	ip -n "$T-server" route replace default via 198.51.100.1
	card_is_plugged
}

# A test does more to the kernel's ends here.
card_is_plugged()
{
	:
}

# Unlike take_tap(): the kernel's side keeps its offloads, for they are what is tested.
card_link()
{
	ip link set "$1" netns "$T-$2" || fail "cannot move $1"
	ip -n "$T-$2" link set "$1" mtu "${4:-1500}"
	ip -n "$T-$2" addr add "$3" dev "$1"
	ip -n "$T-$2" link set "$1" up
}

plug()
{
	:
}

# ports_have NAME true|false: both, as show interfaces tells; soon, for the planes must meet first.
ports_have()
{
	wait_for 5 ports_say "$@"
}

ports_say()
{
	api /api/v1/interfaces | jq -es --arg n "$1" --argjson v "$2" \
		'.[0].interfaces | length == 2 and all(.[$n] == $v)'
}

# card_saw WORD COMPARISON: the sum over both ports of what the card counted.
card_saw()
{
	awk -v word="$1" -v cmp="$2" '/^port/ {
		for (i = 1; i <= NF; i++) if (split($i, a, "=") == 2 && a[1] == word) n += a[2]
	} END { exit !(cmp == "none" ? n == 0 : n >= cmp) }' "$DIR/card.log"
}

# What the card counted since it was started, and a new one.
new_card()
{
	stop dataplane
	stop card
	cat "$DIR/card.log"
}

# transfers WORDS URL: a request, and 16 MiB both ways.
transfers()
{
	step "$1: a request is answered" wait_for 10 expect_status 200 "$DEV" "$2/"
	step "$1: 16 MiB down" expect_status 200 "$DEV" "$2/random"
	step "$1: they are equal" cmp "$DIR/body" "$DIR/www/random"
	rm -f "$DIR/www/upload"
	step "$1: 16 MiB up" as "$DEV" -T "$DIR/www/random" "$2/upload"
	step "$1: they are equal" cmp "$DIR/www/upload" "$DIR/www/random"
}

# by_port_and_by_software URL CASES: transfers, and the test's own cases, with offloads and without.
by_port_and_by_software()
{
	local what all="tx_checksum rx_checksum tso vlan_strip vlan_insert multi_segment"
	DEV=$(add_device --name laptop --tag FortiAD)
	step "EMS told of the device" wait_for 10 device_is_known "$DEV"
	head -c 16M /dev/urandom >"$DIR/www/random"
	for what in $all; do
		step "by the port: $what" ports_have "$what" true
	done
	"$2" "by the port"
	transfers "by the port" "$1"
	new_card
	step "by the port: segments were cut by the card" card_saw cut 100
	step "by the port: checksums were left to it" card_saw unsummed 100
	step "by the port: and taken on trust from it" card_saw to-guest-unsummed 100

	OFFLOADS=none
	reload || fail "the reload failed"
	: >"$DIR/card.log"
	cable
	start_dataplane
	for what in $all; do
		step "by software: no $what" ports_have "$what" false
	done
	"$2" "by software"
	transfers "by software" "$1"
	new_card
	step "by software: nothing was cut by the card" card_saw cut none
	step "by software: no checksum was left to it" card_saw unsummed none
	step "by software: nor taken from it" card_saw to-guest-unsummed none
}
