#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs the functional tests of this folder, or those whose name matches a pattern: `ok NAME`,
# `not ok NAME` with its output, `skip NAME`. A test may have 120 seconds, or what a line
# `# timeout: SECONDS` in it says.
#
# One after the other, in two lanes side by side: those with a data plane, and those that have only
# a control plane and an EMS on the loopback (ems-lib.sh), which mostly wait.
set -u
here=$(dirname "$(readlink -f "$0")")
export BUILD=${BUILD:-$here/../../build}

case ${1:-} in
-h | --help)
	cat <<END
usage: [BUILD=folder] [PAUSE=1] tests/func/run.sh [PATTERN]

examples:
  tests/func/run.sh
  BUILD=build-asan tests/func/run.sh ping
END
	exit 0
	;;
esac

dir=$(mktemp -d) || exit 2

# A test cleans up after itself when it is told to end.
end_child()
{
	[ -z "$child" ] || {
		kill "$child" 2>/dev/null
		wait "$child"
	}
}

# lane NAME TEST...: what failed is noted in a file.
lane()
{
	local log=$dir/$1.log t name limit begin rc
	shift
	child=""
	trap end_child EXIT
	trap 'exit 130' INT TERM
	for t in "$@"; do
		name=$(basename "$t" .sh)
		limit=$(sed -n 's/^# timeout: \([0-9]*\)$/\1/p' "$t")
		limit=${limit:-120}
		begin=$SECONDS
		timeout -k 10 "$limit" bash "$t" >"$log" 2>&1 </dev/null &
		child=$!
		# timeout(1) waits for what cannot even be killed, as a process that hangs in the kernel.
		while kill -0 "$child" 2>/dev/null && [ $((SECONDS - begin)) -lt $((limit + 40)) ]; do
			sleep 0.1
		done
		if kill -0 "$child" 2>/dev/null; then
			ps -eo pid,ppid,stat,etimes,wchan:24,args >>"$log"
			rc=199
		else
			wait "$child"
			rc=$?
		fi
		child=""
		# One at a time, so that the two lanes' lines do not mix.
		tell "$name" "$rc" "$((SECONDS - begin)) s" "$log"
	done
}

# tell NAME STATUS TIME LOG
tell()
{
	{
		flock 9
		case $2 in
		0) echo "ok $1 ($3)" ;;
		77) echo "skip $1 ($(tail -n 1 "$4"))" ;;
		*)
			echo "not ok $1 ($3, status $2)"
			sed 's/^/    /' "$4"
			echo "$1" >>"$dir/failed"
			;;
		esac
	} 9>"$dir/lock"
}

stack=() loopback=()
for t in "$here"/*"${1:-}"*.sh; do
	[ -e "$t" ] || continue
	case $(basename "$t" .sh) in
	lib | run | *-lib) ;;
	*) if grep -q '/ems-lib\.sh"' "$t"; then loopback+=("$t"); else stack+=("$t"); fi ;;
	esac
done

lanes=()
end_lanes()
{
	local pid
	for pid in "${lanes[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait
	rm -rf "$dir"
}
trap end_lanes EXIT
trap 'exit 130' INT TERM
(lane stack "${stack[@]}") &
lanes+=($!)
(lane loopback "${loopback[@]}") &
lanes+=($!)
for pid in "${lanes[@]}"; do
	wait "$pid"
done
lanes=()
[ ! -s "$dir/failed" ] || {
	echo "failed: $(paste -sd ' ' "$dir/failed")"
	exit 1
}
