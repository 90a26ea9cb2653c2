#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# demo.sh: its options, one scene, what it leaves with --keep, and that nothing stays after --stop
# or after a signal in the middle. The scenes themselves are tests of their own.
. "$(dirname "$0")/stack-lib.sh"
need_root
need_tap
need nginx curl jq ethtool openssl
# Not where a demo is noted that somebody keeps running.
export DEMO_KEPT=$DIR/kept.d
DEMO=("$TOP/demo.sh" --no-install --no-build)

status_of()
{
	local want=$1 got
	shift
	"$@"
	got=$?
	[ $got = "$want" ] || {
		echo "status $got, wanted $want"
		return 1
	}
}

# Whatever is named after the demo that wrote $DIR/$1.out.
leftovers()
{
	local t
	t=$(grep -o -m 1 'tw[0-9]*-client' "$1" | sed 's/-client//')
	[ -n "$t" ] || {
		echo "no demo in $1"
		return 0
	}
	ip netns | grep "$t" || ls -d /tmp/"$t".* /dev/shm/"$t" 2>/dev/null ||
		grep -la "$t" /proc/[0-9]*/cmdline 2>/dev/null
}

step "--help says how" bash -c "'$TOP/demo.sh' --help | grep -q -- --scene"
step "an unknown option is refused" status_of 2 "$TOP/demo.sh" --nonsense
step "a scene that there is not is refused" status_of 2 "$TOP/demo.sh" --scene 9
step "one scene plays" status_of 0 "${DEMO[@]}" --scene 3
cp "$DIR/step.out" "$DIR/played"
step "and says that it did" grep -q '1 of 1 scenes showed' "$DIR/played"
refute "nothing is left of it" leftovers "$DIR/played"

step "--keep leaves it running" status_of 0 "${DEMO[@]}" --scene 3 --keep
cp "$DIR/step.out" "$DIR/kept"
step "with its processes" leftovers "$DIR/kept"
step "--stop ends it" "$TOP/demo.sh" --stop
refute "and nothing is left" leftovers "$DIR/kept"

spawn demo "${DEMO[@]}" --scene 5
wait_for 20 grep -q 'Scene 5' "$DIR/demo.log" || fail "the demo does not start"
stop demo TERM
refute "nothing is left of one that was ended" leftovers "$DIR/demo.log"
