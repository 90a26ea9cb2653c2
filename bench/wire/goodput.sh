#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Goodput of the engine against that of the kernel's CUBIC, over the same emulated link, one after
# the other: A B A B, each pair with a seed of its own for what the link does. Prints one line of
# JSON a case: the medians, the quartiles and the ratio of the medians.
. "$(dirname "$(readlink -f "$0")")/../../tests/func/lib.sh"
. "$TOP/bench/wire/wire-lib.sh"

usage()
{
	cat <<END
usage: [BUILD=folder] bench/wire/goodput.sh [options] [-- LINKEM-OPTION...]

  --loss P        percent of frames lost, each way (0)
  --dir get|put   who sends: get, the other end (engine or kernel), put, the kernel (get)
  --mib N         bytes of a transfer (8)
  --pairs N       of transfers (5)
  --rate MBIT     of the link (20)
  --rtt-ms D      of the empty link (50); the queue holds as much again
  --seed N        of the first pair (1)
  --engine OPTS   for wire_engine, in one word
  --raw           a line for each transfer as well

examples:
  bench/wire/goodput.sh --loss 1 --mib 4 --pairs 10
  bench/wire/goodput.sh --dir put -- --reorder 2 --hold-ms 5
END
	exit "$1"
}

LOSS=0 DIRECTION=get MIB=8 PAIRS=5 RATE=20 RTT=50 SEED=1 ENGINE_OPTS="" RAW=""
while [ $# -gt 0 ]; do
	case $1 in
	--loss) LOSS=$2 ;;
	--dir) DIRECTION=$2 ;;
	--mib) MIB=$2 ;;
	--pairs) PAIRS=$2 ;;
	--rate) RATE=$2 ;;
	--rtt-ms) RTT=$2 ;;
	--seed) SEED=$2 ;;
	--engine) ENGINE_OPTS=$2 ;;
	--raw)
		RAW=1
		shift
		continue
		;;
	--)
		shift
		break
		;;
	--help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	shift 2
done
need_root
need ip ethtool jq

one()
{
	local who=$1 addr=$2 seed=$3
	shift 3
	wire_link --delay-ms "$HALF" --rate "$RATE" --queue-ms "$RTT" --loss "$LOSS" \
		--seed "$seed" "$@"
	wire_move "$addr" "$DIRECTION" "$BYTES" >"$DIR/move" || fail "$who: the transfer"
	wire_unlink
	jq -c --arg who "$who" --argjson seed "$seed" \
		--argjson lost "$(awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^(lost|overflow)=/)
			{ sub(/.*=/, "", $i); n += $i } } END { print n + 0 }' "$DIR/linkem.log")" \
		'. + {who: $who, seed: $seed, lost: $lost}' "$DIR/move" >>"$DIR/results"
	[ -z "$RAW" ] || tail -n 1 "$DIR/results"
}

HALF=$(jq -n "$RTT / 2")
BYTES=$(jq -n "$MIB * 1048576 | floor")
# shellcheck disable=SC2086 # several words
wire_up $ENGINE_OPTS
for ((i = 0; i < PAIRS; i++)); do
	one linux "$LINUX" $((SEED + i)) "$@"
	one engine "$ENGINE" $((SEED + i)) "$@"
done
stop engine
jq -cs --arg dir "$DIRECTION" --arg extra "$*" --argjson loss "$LOSS" --argjson rate "$RATE" \
	--argjson rtt "$RTT" --arg load "$(cut -d ' ' -f 1 /proc/loadavg)" '
	def at(q): sort | .[((length - 1) * q) | round];
	def of(who): map(select(.who == who));
	def figures: map(.mbit_s) | {median: at(0.5), q1: at(0.25), q3: at(0.75)};
	{dir: $dir, loss: $loss, rate_mbit: $rate, rtt_ms: $rtt, link: $extra, pairs: (length / 2),
	 mib: (.[0].bytes / 1048576), linux: (of("linux") | figures),
	 engine: (of("engine") | figures), lost: {linux: (of("linux") | map(.lost) | at(0.5)),
	 engine: (of("engine") | map(.lost) | at(0.5))}, loadavg: $load} |
	.ratio = (.engine.median / .linux.median * 1000 | round / 1000)' "$DIR/results"
tail -n 1 "$DIR/engine.log" >&2
