#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the project and passes its tests. The last line is `N passed, N failed[, N skipped]`.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 2

usage()
{
	cat <<END
usage: sudo ./test.sh [options]

Installs what is missing, builds twice (optimised; with ASan and UBSan), runs the unit, simulated,
golden and fuzz-corpus tests in both, then the functional tests in network namespaces.

  --unit             no functional tests; needs no root once the packages are there
  --func [PATTERN]   only the functional tests (of which the name matches PATTERN)
  --no-install       do not install packages
  -h, --help         this text

examples:
  sudo ./test.sh
  ./test.sh --unit --no-install
  sudo ./test.sh --func tls
END
}

install=1 unit=1 func=1 pattern=""
while [ $# -gt 0 ]; do
	case $1 in
	--unit) func="" ;;
	--func)
		unit=""
		case ${2:-} in
		"" | -*) ;;
		*)
			pattern=$2
			shift
			;;
		esac
		;;
	--no-install) install="" ;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift
done

passed=0 failed=0 skipped=0
log=$(mktemp) || exit 2
child=""
# Ctrl-C ends the stage that runs; the functional tests clean up their namespaces themselves.
trap '[ -z "$child" ] || kill "$child" 2>/dev/null; rm -f "$log"' EXIT
trap 'exit 130' INT TERM

say()
{
	printf '[%4ds] %s\n' "$SECONDS" "$*"
}

finish()
{
	local tail=""
	[ "$skipped" -eq 0 ] || tail=", $skipped skipped"
	echo "$passed passed, $failed failed$tail"
	[ "$failed" -eq 0 ]
	exit
}

broken()
{
	say "$1; its last lines:"
	tail -n 60 "$log"
	failed=$((failed + 1))
	finish
}

# build DIR MESON-OPTION...: configures once, then builds. A folder that is there keeps its options.
build()
{
	local dir=$1
	shift
	if [ ! -f "$dir/build.ninja" ]; then
		say "configure $dir"
		meson setup "$dir" "$@" >"$log" 2>&1 </dev/null || broken "meson setup $dir failed"
	fi
	say "build $dir"
	ninja -C "$dir" >"$log" 2>&1 </dev/null || broken "building $dir failed"
}

# suites DIR MESON-TEST-OPTION...: runs what meson knows, prints and counts what came of it.
suites()
{
	local dir=$1 counts
	shift
	say "tests of $dir"
	rm -f "$dir/meson-logs/testlog.json"
	meson test -C "$dir" --no-rebuild "$@" >"$log" 2>&1 </dev/null
	counts=$(devtools/count-tests "$dir/meson-logs/testlog.json" 3>&1 >&2) || broken "meson test failed"
	read -r p f s <<<"$counts"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	say "tests of $dir: $p passed, $f failed, $s skipped"
}

functional()
{
	local rc p f s
	if [ ! -x tests/func/run.sh ]; then
		say "there are no functional tests"
		return
	fi
	say "functional tests${pattern:+ matching $pattern}"
	# In the background and waited for, so that a signal is handled at once.
	BUILD=$PWD/build tests/func/run.sh ${pattern:+"$pattern"} > >(tee "$log") 2>&1 </dev/null &
	child=$!
	wait "$child"
	rc=$?
	child=""
	sleep 0.2
	p=$(grep -c '^ok ' "$log")
	f=$(grep -c '^not ok ' "$log")
	s=$(grep -c '^skip ' "$log")
	if [ $rc -ne 0 ] && [ "$f" -eq 0 ]; then
		say "tests/func/run.sh ended with status $rc and named no failed test"
		f=1
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	say "functional tests: $p passed, $f failed, $s skipped"
}

if [ -n "$install" ]; then
	devtools/install-deps || {
		failed=1
		finish
	}
fi
# Halts on the first finding, and says where; leaks are findings.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}

build build --werror -Dbuildtype=debugoptimized
if [ -n "$unit" ]; then
	suites build --no-suite func
	# Warnings stay warnings here: gcc sees things under a sanitizer that are not so.
	build build-asan -Dbuildtype=debug -Db_sanitize=address,undefined
	suites build-asan --no-suite func --no-suite lint -t 4
fi
[ -z "$func" ] || functional
finish
