#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A transfer beside connection requests from spoofed addresses, as fast as the port takes them, and
# the same transfer without them, in turn. Between the two ends is a plain veth: the generator and
# the kernel's end have one core, the engine the other. Prints one line of JSON.
. "$(dirname "$(readlink -f "$0")")/../../tests/func/lib.sh"
. "$TOP/bench/wire/wire-lib.sh"

case ${1:-} in
-h | --help)
	cat <<END
usage: [BUILD=folder] [PAIRS=3] [SECS=4] [MBIT=100] [DIRECTION=get|put] bench/wire/synflood.sh

example:
  DIRECTION=put bench/wire/synflood.sh
END
	exit 0
	;;
esac
PAIRS=${PAIRS:-3} SECS=${SECS:-4} MBIT=${MBIT:-100} DIRECTION=${DIRECTION:-get}
need_root
need ip ethtool jq taskset
[ "$(nproc)" -ge 2 ] || skip "one core"

# A queue as long as a port's, about a thousand small frames.
wire_direct_up --port-kib "${PORT_KIB:-1024}"
taskset -a -p -c 1 "${PID[engine]}" >/dev/null
mac=$(ip -j -n "$T-b" link show wire-b | jq -r '.[0].address')
bytes=$((MBIT * SECS * 125000))
met=0 asked=0
transfer()
{
	wire_move "$ENGINE" "$DIRECTION" "$bytes" "$MBIT" >"$DIR/move" || fail "$1: the transfer"
	jq -c --arg who "$1" '. + {who: $who}' "$DIR/move" >>"$DIR/results"
}
for ((i = 0; i < PAIRS; i++)); do
	transfer alone
	spawn synblast ip netns exec "$T-a" taskset -c 0 "$WIRE/synblast" wire-a "$mac" \
		"$ENGINE" $WIRE_PORT $((SECS + 2))
	sleep 0.3
	spawn transfer transfer flooded
	# New connections meanwhile, each a thousand bytes.
	for _ in 1 2 3 4 5; do
		asked=$((asked + 1))
		wire_move "$ENGINE" get 1000 >"$DIR/small" 2>&1 && met=$((met + 1))
		jq -r .seconds "$DIR/small" >>"$DIR/opened"
		sleep 0.2
	done
	wait "${PID[transfer]}" || fail "flooded: the transfer"
	unset "PID[transfer]"
	wait "${PID[synblast]}"
	unset "PID[synblast]"
done
stop engine
jq -cs --arg dir "$DIRECTION" --argjson asked $asked --argjson met $met --argjson mbit "$MBIT" \
	--slurpfile syn "$DIR/synblast.log" --slurpfile opened "$DIR/opened" \
	--argjson engine "$(tail -n 1 "$DIR/engine.log")" '
	def median: sort | .[((length - 1) / 2) | round];
	def of(who): map(select(.who == who).mbit_s) | median;
	{dir: $dir, asked_mbit: $mbit, alone: of("alone"), flooded: of("flooded"),
	 ratio: (of("flooded") / of("alone") * 1000 | round / 1000),
	 syns_per_s: ($syn | map(.per_s) | median), cookies: $engine.cookies,
	 connections: $asked, opened: $met, open_median_s: ($opened | median)}' "$DIR/results"
