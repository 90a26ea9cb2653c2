# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For functional tests: source it first. Everything a test makes is named after its process, so
# that tests may run side by side, and is gone when the test ends, however it ends.
#
#	T          prefix for what is named in the kernel, at most 8 characters
#	DIR        a folder of the test's own; logs of what spawn() started are in it
#	SHM        where the planes under test meet
#	BUILD, TOP the build folder and the tree, absolute
#	DP_USER    what the data plane becomes
#
# A test is a script of steps: `step WORDS COMMAND...` runs one and ends the test when it fails.
# Exit 77 means skipped. With PAUSE=1 a failed test waits for Enter before it cleans up.
set -u

TOP=$(readlink -f "$(dirname "${BASH_SOURCE[0]}")/../..")
BUILD=$(readlink -f "${BUILD:-$TOP/build}")
T=tw$$
DIR=$(mktemp -d "/tmp/$T.XXXXXX") || exit 1
SHM=/dev/shm/$T
# Not root once it runs; its group may read what the control plane, or who plays it, shares.
DP_USER=64002:64000
declare -A PID=()
NAMESPACES=()
LINKS=()

skip()
{
	echo "skip: $*"
	exit 77
}

# need COMMAND...: programs without which the test makes no sense.
need()
{
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip "there is no $c"
	done
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	ip netns add "$T-probe" 2>/dev/null || skip "may not make network namespaces"
	ip netns del "$T-probe"
}

need_tap()
{
	[ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
}

fail()
{
	local f
	echo "not ok: $*"
	for f in "$DIR"/*.log; do
		[ -s "$f" ] || continue
		echo "--- $(basename "$f")"
		tail -n 40 "$f"
	done
	if [ -n "${PAUSE:-}" ]; then
		echo "paused: T=$T DIR=$DIR; Enter goes on"
		read -r _ </dev/tty
	fi
	exit 1
}

# step "WORDS" COMMAND...: the command must succeed.
step()
{
	local words=$1
	shift
	"$@" >"$DIR/step.out" 2>&1 || {
		cat "$DIR/step.out"
		fail "$words"
	}
	echo "ok: $words"
}

# refute "WORDS" COMMAND...: the command must fail.
refute()
{
	local words=$1
	shift
	if "$@" >"$DIR/step.out" 2>&1; then
		cat "$DIR/step.out"
		fail "$words"
	fi
	echo "ok: $words"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for()
{
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# spawn NAME COMMAND...: in the background, its output in $DIR/NAME.log, its id in ${PID[NAME]}.
spawn()
{
	local name=$1
	shift
	"$@" >>"$DIR/$name.log" 2>&1 </dev/null &
	PID[$name]=$!
}

is_alive()
{
	kill -0 "${PID[$1]}" 2>/dev/null
}

# stop NAME [SIGNAL]: end it and wait; returns its exit status.
stop()
{
	local pid=${PID[$1]}
	unset "PID[$1]"
	kill -"${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# ns_add NAME: a network namespace of the test's own, loopback up.
ns_add()
{
	ip netns add "$T-$1" || fail "cannot make a namespace"
	NAMESPACES+=("$T-$1")
	ip -n "$T-$1" link set lo up
}

# in_ns NAME COMMAND...
in_ns()
{
	local ns=$T-$1
	shift
	ip netns exec "$ns" "$@"
}

# plain_link NAMESPACE INTERFACE: no offload that hands us half-done checksums or giant frames.
plain_link()
{
	in_ns "$1" ethtool -K "$2" tx off rx off tso off gso off gro off sg off >/dev/null 2>&1
	return 0
}

# take_tap INTERFACE NAMESPACE ADDRESS/LEN: the kernel's end of a tap port, once it is there.
take_tap()
{
	wait_for 10 ip link show "$1" || fail "the data plane made no $1"
	ip link set "$1" netns "$T-$2" || fail "cannot move $1"
	plain_link "$2" "$1"
	ip -n "$T-$2" addr add "$3" dev "$1" || fail "cannot set an address"
	ip -n "$T-$2" link set "$1" up || fail "cannot set $1 up"
}

# add_veth OUTER NAMESPACE INNER ADDRESS/LEN: a link whose outer end is a port of the data plane.
add_veth()
{
	ip link add "$1" type veth peer name "$3" netns "$T-$2" || skip "no veth here"
	ethtool -K "$1" tx off rx off tso off gso off gro off sg off >/dev/null 2>&1
	plain_link "$2" "$3"
	# The kernel should not speak on a link that is not its own.
	sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"
	ip link set "$1" up
	ip -n "$T-$2" addr add "$4" dev "$3"
	ip -n "$T-$2" link set "$3" up
	LINKS+=("$1")
}

# start_dataplane ARGUMENT...: and wait until its workers run.
start_dataplane()
{
	# A line of this start, not of one before it.
	local lines
	lines=$(grep -c ' running ' "$DIR/dataplane.log" 2>/dev/null)
	spawn dataplane "$BUILD/dataplane/tagwarden-dataplane" --shm "$SHM" --wait 20 \
		--user "$DP_USER" "$@"
	wait_for 20 dataplane_is_up "${lines:-0}" || fail "the data plane does not run"
	is_alive dataplane || fail "the data plane ended"
}

dataplane_is_up()
{
	# Nothing to wait for any more when it ended; start_dataplane() looks.
	! is_alive dataplane || [ "$(grep -c ' running ' "$DIR/dataplane.log")" -gt "$1" ]
}

# start_mksnap ARGUMENT...: a stand-in for the control plane, see tests/lib/mksnap.c.
start_mksnap()
{
	spawn mksnap "$BUILD/tests/lib/mksnap" --shm "$SHM" --group "${DP_USER#*:}" "$@"
	wait_for 5 test -e "$SHM/rendezvous" || fail "no shared memory"
}

cleanup()
{
	local status=$? pid ns link
	trap - EXIT INT TERM
	for pid in "${PID[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${PID[@]}"; do
		for _ in {1..40}; do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.05
		done
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	for link in "${LINKS[@]}"; do
		ip link del "$link" 2>/dev/null
	done
	for ns in "${NAMESPACES[@]}"; do
		ip netns del "$ns" 2>/dev/null
	done
	rm -rf "$DIR" "$SHM"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
# run.sh ends a test that takes too long: say what its processes said.
trap 'fail "told to end, at: $BASH_COMMAND"' TERM
