#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The comparison with nginx and HAProxy runs: a short round of kept-alive requests through all
# three, rows with figures come out, nothing fails, and nothing is left behind. No figure is judged.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need nginx haproxy ethtool jq curl openssl python3 taskset
[ "$(nproc)" -ge 2 ] || skip "needs two cores"
[ -x "$BUILD/bench/load/tagwarden-load" ] || skip "there is no tagwarden-load"

export BUILD
refute "an unknown scenario is refused" "$TOP/bench/compare/run" --scenario nonsense
spawn compare "$TOP/bench/compare/run" --quick --scenario keepalive-1k --seconds 0.5 --devices 3
wait "${PID[compare]}" || fail "bench/compare/run ended with status $?"
unset "PID[compare]"
grep '^{' "$DIR/compare.log" >"$DIR/rows"

# has SUBJECT: figures that are some, of a run without errors.
has()
{
	jq -es --arg s "$1" '[.[] | select(.subject == $s)] | length > 5 and all(.errors == 0) and
		any(.metric == "requests/s" and .median > 0) and
		any(.metric == "cycles/request" and .median > 0)' "$DIR/rows"
}

for subject in tagwarden nginx haproxy; do
	step "rows of $subject, without errors" has $subject
done
step "Tagwarden is set against the better of the others" \
	jq -es 'any(.metric | startswith("cycles/request against "))' "$DIR/rows"
