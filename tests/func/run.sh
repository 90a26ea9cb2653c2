#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs the functional tests of this folder, or those whose name matches a pattern, one after the
# other: `ok NAME`, `not ok NAME` with its output, `skip NAME`. A test may have 120 seconds, or what
# a line `# timeout: SECONDS` in it says.
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

log=$(mktemp) || exit 2
child=""
# The test cleans up after itself when it is told to end.
trap '[ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child"; }; rm -f "$log"' EXIT
trap 'exit 130' INT TERM

failed=""
for t in "$here"/*.sh; do
	name=$(basename "$t" .sh)
	case $name in
	lib | run | *-lib) continue ;;
	esac
	[[ $name == *${1:-}* ]] || continue
	limit=$(sed -n 's/^# timeout: \([0-9]*\)$/\1/p' "$t")
	begin=$SECONDS
	limit=${limit:-120}
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
	case $rc in
	0) echo "ok $name ($((SECONDS - begin)) s)" ;;
	77) echo "skip $name ($(tail -n 1 "$log"))" ;;
	*)
		echo "not ok $name ($((SECONDS - begin)) s, status $rc)"
		sed 's/^/    /' "$log"
		failed+=" $name"
		;;
	esac
done
[ -z "$failed" ] || echo "failed:$failed"
[ -z "$failed" ]
