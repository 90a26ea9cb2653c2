#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# With all sessions live: policies change while requests go on at a fixed rate, then devices lose
# their tag one after the other. bench/scale/run calls this.
IDLE=poll
MAX_CONNECTIONS=$((SESSIONS * 3 / 2 + 4096))
MEMORY_MIB=0
. "$(dirname "$(readlink -f "$0")")/scale-lib.sh"

# Each connection makes a request in the first window: one that made none has nothing to lose.
FIRST_RATE=$((SESSIONS * 5 / 4 / WINDOW + 1))
RATE=${RATE:-2000}
HOLD=$TOP/bench/scale/hold.py

exec 3>&1 1>&2
scale_up
make_devices "$DEVICES" FortiAD
[ "$FLEET" -eq 0 ] || ems synth "$FLEET" >/dev/null || fail "no fleet"
wait_for 60 fleet_in_force $((FLEET + DEVICES)) || fail "EMS's devices are not in force"
RATES=$FIRST_RATE
# Where a lock is waited for, windows pass meanwhile.
for ((i = ${MEASURE_LOCK:+-6} + 0; i < 4; i++)); do
	RATES+=",$RATE"
done
start_load --connections "$SESSIONS" --rate "$RATES" --ramp "$RAMP" --warm-up 1 \
	--duration "$WINDOW" --hold 3600 --timeout 30 --json "$DIR/load.json"
export DIR API EMS SESSIONS CTL LOAD_PID=${PID[load]}
observe python3 "$HOLD" ramp || fail "not all sessions came to be"
observe python3 "$HOLD" reload || fail "a policy could not be changed"
observe python3 "$HOLD" flip || fail "a tag could not be taken off"
stop load || true
python3 "$HOLD" rows >&3 || fail "there were errors"
