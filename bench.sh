#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures everything: the parts alone, Tagwarden beside nginx and HAProxy, and what grows with scale.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 2
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

usage()
{
	cat <<END_OF_TEXT
usage: sudo ./bench.sh [options]
       ./bench.sh show FILE.json [--markdown [--into PAGE]] [--no-plots]
       ./bench.sh diff OLD.json NEW.json [--all]
       ./bench.sh list

Installs what is missing, builds an optimised build of its own (build-bench, -Dbuildtype=release),
runs bench/micro, bench/compare and bench/scale, prints tables, and leaves STAMP.json and plots (SVG).
Under 20 minutes, with --quick a few, the build not counted.

  --quick          few and short samples: to see that it works, not to quote
  --only SUITE     micro, compare or scale; may be repeated
  --no-install     do not install packages
  --no-build       take what is in build-bench (or in \$BUILD)
  --out DIR        where results go (bench/results)
  -h, --help       this text

Exit status: 0; 1 a suite failed, the others' results are there; 2 refused, with the reason.

examples:
  sudo ./bench.sh --quick
  sudo ./bench.sh --only compare --out /tmp/results
  ./bench.sh diff bench/results/OLD.json bench/results/NEW.json
END_OF_TEXT
}

refuse()
{
	echo "bench.sh: $*" >&2
	exit 2
}

case ${1:-} in
show | diff | list) exec python3 bench/report/report.py "$@" ;;
esac
quick="" install=1 do_build=1 out=bench/results suites=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=--quick ;;
	--only)
		[[ ${2:-} =~ ^(micro|compare|scale)$ ]] || refuse "--only wants micro, compare or scale"
		suites+=("$2")
		shift
		;;
	--no-install) install="" ;;
	--no-build) do_build="" ;;
	--out)
		[ -n "${2:-}" ] || refuse "--out wants a folder"
		out=$2
		shift
		;;
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
[ ${#suites[@]} -gt 0 ] || suites=(micro compare scale)
[ "$(id -u)" -eq 0 ] || refuse "namespaces, taps and pinning need root: sudo ./bench.sh"
cores=$(nproc)
[ "$cores" -ge 2 ] || refuse "there is one core, and what is measured needs one of its own"
[ -c /dev/net/tun ] || refuse "there is no /dev/net/tun, which nginx and HAProxy are reached by"
exec 9>/run/lock/tagwarden-bench.lock
flock -n 9 || refuse "another bench.sh runs; two would measure each other"

dir=$(mktemp -d) || exit 2
child=""
at_exit()
{
	if [ -n "$child" ]; then
		kill "$child" 2>/dev/null
		wait "$child" 2>/dev/null
	fi
	rm -rf "$dir"
}
trap at_exit EXIT
trap 'exit 130' INT TERM HUP

say()
{
	printf '[%4ds] %s\n' "$SECONDS" "$*" >&2
}

marks=()
mark()
{
	say "WARNING: $*"
	marks+=(--mark "$*")
}

started=$(date -u +%Y%m%dT%H%M%SZ)
if ! awk -v n="$cores" '{ exit $1 > 0.5 * n }' /proc/loadavg; then
	mark "the machine was busy: load average $(cut -d' ' -f1 /proc/loadavg) on $cores cores"
fi
if [ -n "$install" ]; then
	devtools/install-deps build run bench >&2 || refuse "packages are missing (--no-install goes on without)"
fi
python3 bench/report/report.py machine >"$dir/machine" || exit 1

build=${BUILD:-$PWD/build-bench}
if [ -n "$do_build" ]; then
	build=$PWD/build-bench
	if [ ! -f "$build/build.ninja" ]; then
		say "configure build-bench"
		meson setup "$build" -Dbuildtype=release >"$dir/log" 2>&1 </dev/null || {
			tail -n 30 "$dir/log" >&2
			refuse "meson setup failed"
		}
	fi
	say "build build-bench"
	ninja -C "$build" >"$dir/log" 2>&1 </dev/null || {
		tail -n 30 "$dir/log" >&2
		refuse "the build failed"
	}
fi
[ -x "$build/dataplane/tagwarden-dataplane" ] || refuse "$build has no tagwarden-dataplane; leave out --no-build"
export BUILD=$build

# seconds that a suite should take, and may take
plan()
{
	case $quick$1 in
	micro) echo 180 200 ;;
	compare) echo 600 640 ;;
	scale) echo 300 320 ;;
	--quickmicro) echo 40 45 ;;
	--quickcompare) echo 80 90 ;;
	--quickscale) echo 30 35 ;;
	esac
}

# follow NAME BEGIN PLANNED LATER: a line that is rewritten on a terminal, and what a suite says else.
follow()
{
	local last="" now left
	while kill -0 "$child" 2>/dev/null; do
		sleep 0.5
		now=$(tail -c 400 "$dir/$1.err" | tr '\r' '\n' | tail -n 1)
		left=$(($3 - (SECONDS - $2)))
		left=$(((left > 0 ? left : 0) + $4))
		if [ -t 2 ]; then
			printf '\r\e[K[%4ds] %s, some %d s left: %.90s' "$SECONDS" "$1" "$left" "$now" >&2
		elif [ "$now" != "$last" ]; then
			say "$1, some $left s left: ${now:0:90}"
		fi
		last=$now
	done
	[ ! -t 2 ] || printf '\r\e[K' >&2
}

status=0
collected=()
run_suite()
{
	local name=$1 later=$2 begin=$SECONDS planned limit rc state=ok why=""
	read -r planned limit <<<"$(plan "$name")"
	: >"$dir/$name.rows"
	: >"$dir/$name.err"
	if [ -x "bench/$name/run" ]; then
		timeout -k 20 "$limit" "bench/$name/run" $quick >"$dir/$name.rows" 2>"$dir/$name.err" \
			</dev/null 9>&- &
		child=$!
		follow "$name" "$begin" "$planned" "$later"
		wait "$child"
		rc=$?
		child=""
	else
		rc=127
	fi
	case $rc in
	0) ;;
	2) state=refused ;;
	124 | 137) state=failed why="it took longer than $limit s and was ended" ;;
	127) state=failed why="there is no bench/$name/run" ;;
	*) state=failed why="status $rc" ;;
	esac
	if [ "$state" != ok ]; then
		status=1
		why=${why:-$(tail -n 1 "$dir/$name.err")}
		tail -n 15 "$dir/$name.err" >&2
	fi
	say "$name: $state${why:+: $why}, $((SECONDS - begin)) s"
	collected+=(--suite "$name" "$state" "$((SECONDS - begin))" "$dir/$name.rows" "$why")
}

begun=$SECONDS
for ((i = 0; i < ${#suites[@]}; i++)); do
	later=0
	for s in "${suites[@]:i+1}"; do
		read -r planned _ <<<"$(plan "$s")"
		later=$((later + planned))
	done
	run_suite "${suites[i]}" "$later"
done

mkdir -p "$out" || exit 1
python3 bench/report/report.py collect --machine "$dir/machine" --started "$started" \
	--seconds "$((SECONDS - begun))" --build "$(basename "$build")" $quick "${marks[@]}" \
	"${collected[@]}" --out "$out/$started.json" || status=1
python3 bench/report/report.py show "$out/$started.json" || status=1
[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID:${SUDO_GID:-0}" "$out" "$out/$started"*
echo "results: $out/$started.json"
exit $status
