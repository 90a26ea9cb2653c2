#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The TCP engine against the kernel's over a link with a rate, a queue and 40 ms of round trip, as
# bench/wire measures it, in short: what is lost comes again, and each byte is what was sent. How
# fast it is, is not looked at here.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
. "$TOP/bench/wire/wire-lib.sh"
need_root
need ip ethtool jq
MIB=$((${MIB:-2} << 20))
LINK=(--delay-ms 20 --rate 50 --queue-ms 40 --seed "${SEED:-1}")

# did WHAT: the link did it in each direction that has data.
did()
{
	grep -q " $1=[1-9]" "$DIR/linkem.log"
}

both_ways()
{
	step "$1: from the engine" wire_move "$ENGINE" get "$MIB"
	step "$1: to the engine" wire_move "$ENGINE" put "$MIB"
}

wire_up
wire_link "${LINK[@]}"
both_ways "clean"
wire_unlink
wire_link "${LINK[@]}" --loss 2
both_ways "2 % lost"
wire_unlink
step "some were lost" did lost
wire_link "${LINK[@]}" --loss 0.3 --burst 8
both_ways "lost in bursts"
wire_unlink
step "some were lost" did lost
wire_link "${LINK[@]}" --reorder 3 --hold-ms 5 --dup 1
both_ways "late and doubled"
wire_unlink
step "some were late" did late

# RFC 3168: routers mark, nothing is lost, and both ends understand.
speaks_ecn()
{
	wire_move "$ENGINE" "$1" "$MIB" >"$DIR/move" && jq -e .ecn "$DIR/move"
}
in_ns a sysctl -qw net.ipv4.tcp_ecn=1
wire_link "${LINK[@]}" --ce 1
step "ECN: from the engine, marked" speaks_ecn get
step "ECN: to the engine, marked" speaks_ecn put
wire_unlink
step "some were marked" did ce

step "the engine ends" stop engine
counted()
{
	tail -n 1 "$DIR/engine.log" | jq -e ".$1 > 0"
}
for what in retransmits ce_in ece_in; do
	step "it counted $what" counted $what
done
