#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 100
# One client address, one connection after the other, each with one request: the kernel dials the
# TCP engine over a TUN device, and either side closes first. Where the engine does, the client has
# fewer ports than connections, so that each is used again while the engine's TIME-WAIT of its last
# use goes on. N=200000 runs as many.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need_root
need_tap
need ip

N=${N:-20000}

# engine NAME NUMBER ARGUMENT...: a TUN device twNUMBER, the kernel is 10.99.NUMBER.1 on it.
engine()
{
	local name=$1 n=$2
	shift 2
	spawn "$name" ip netns exec "$T-k" timeout -k 1 600 "$BUILD/tests/func/tcp_tun" \
		--tun "tw$n" --local "10.99.$n.2" --listen 7 --conns 65536 "$@"
	wait_for 10 grep -q ready "$DIR/$name.log" || fail "$name does not start"
	in_ns k ip addr add "10.99.$n.1/24" dev "tw$n"
	in_ns k ip link set "tw$n" up
}

# churn WORDS ARGUMENT...
churn()
{
	local words=$1
	shift
	step "$words" in_ns k "$BUILD/tests/func/tcp_churn" "$@"
	sed 's/^/    /' "$DIR/step.out"
}

engine_ends_clean()
{
	local pid=${PID[$1]}
	unset "PID[$1]"
	kill "$pid"
	wait "$pid" || { cat "$DIR/$1.log"; return 1; }
	cat "$DIR/$1.log"
}

ns_add k
# Both are what such a client needs on Linux: ports, and its own TIME-WAIT taken over.
in_ns k sysctl -qw net.ipv4.ip_local_port_range="1024 65535" net.ipv4.tcp_tw_reuse=1

engine first 1
churn "the client closes first" 10.99.1.2 7 "$N" 64 client
step "all buffers are back" engine_ends_clean first
in_ns k sysctl -qw net.ipv4.ip_local_port_range="40000 43999"
engine second 2 --once
churn "the engine closes first, and ports come again" 10.99.2.2 7 "$N" 64 server
step "all buffers are back" engine_ends_clean second
