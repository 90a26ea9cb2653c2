# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# An emulated wire with the kernel at one end, and the kernel and the engine side by side at the
# other: source it after tests/func/lib.sh.
#
#	namespace a                    namespace m                      namespace b
#	kernel 10.78.0.1 -- wire-a -- link-a (linkem) link-b -- wire-b -- kernel 10.78.0.2
#	                                                           `----- engine 10.78.0.3
#
# Both of b send and receive by the same interface, so that what is compared differs in nothing but
# the TCP.

WIRE=$BUILD/bench/wire
LINUX=10.78.0.2 ENGINE=10.78.0.3 WIRE_PORT=7001

plain_ns()
{
	ns_add "$1"
	# What one transfer learns must not help the next.
	in_ns "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1 net.ipv4.tcp_no_metrics_save=1 \
		net.ipv4.ip_forward=0
}

# Addresses, neighbours and servers, once wire-a and wire-b are there.
wire_ends()
{
	local ns mac
	for ns in a b; do
		plain_link $ns wire-$ns
		ip -n "$T-$ns" link set dev wire-$ns up
	done
	ip -n "$T-a" addr add 10.78.0.1/24 dev wire-a
	ip -n "$T-b" addr add "$LINUX/24" dev wire-b
	mac=$(ip -j -n "$T-b" link show wire-b | jq -r '.[0].address')
	ip -n "$T-a" neigh replace "$ENGINE" lladdr "$mac" dev wire-a nud permanent
	spawn linux ip netns exec "$T-b" "$WIRE/wire_peer" serve $WIRE_PORT
	spawn engine ip netns exec "$T-b" "$WIRE/wire_engine" --if wire-b --local "$ENGINE" \
		--port $WIRE_PORT "$@"
	wait_for 10 grep -q ready "$DIR/linux.log" || fail "the kernel's server does not start"
	wait_for 10 grep -q ready "$DIR/engine.log" || fail "the engine does not start"
}

# wire_up ENGINE-OPTION...
wire_up()
{
	local ns
	plain_ns a
	plain_ns m
	plain_ns b
	for ns in a b; do
		ip -n "$T-m" link add name link-$ns type veth peer name wire-$ns netns "$T-$ns" ||
			skip "no veth here"
		plain_link m link-$ns
		ip -n "$T-m" link set dev link-$ns up
	done
	wire_ends "$@"
}

# wire_direct_up ENGINE-OPTION...: nothing between the two.
wire_direct_up()
{
	plain_ns a
	plain_ns b
	ip -n "$T-a" link add name wire-a type veth peer name wire-b netns "$T-b" ||
		skip "no veth here"
	wire_ends "$@"
}

# wire_link LINKEM-OPTION...: what lies between the two, anew; wire_unlink() takes it away and leaves
# its counts in $DIR/linkem.log.
wire_link()
{
	rm -f "$DIR/linkem.log"
	spawn linkem ip netns exec "$T-m" "$BUILD/tests/lib/linkem" "$@" link-a link-b
	wait_for 5 grep -q ready "$DIR/linkem.log" || fail "no linkem"
}

wire_unlink()
{
	stop linkem
}

# wire_move ADDRESS get|put BYTES [MBIT]: one transfer seen from a; a line of JSON.
wire_move()
{
	in_ns a timeout -k 1 "${WIRE_LIMIT:-120}" "$WIRE/wire_peer" "$2" "$1" $WIRE_PORT "${@:3}"
}
