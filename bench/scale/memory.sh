#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What an idle TLS session costs: the data plane's resident memory with and without them, at a tenth
# of the sessions and at all. Each has made a request, so that all it keeps is there. bench/scale/run
# calls this.
IDLE=adaptive
MEMORY_MIB=0
MAX_CONNECTIONS=$((SESSIONS * 3 / 2 + 4096))
. "$(dirname "$(readlink -f "$0")")/scale-lib.sh"

exec 3>&1 1>&2
scale_up
make_devices "$DEVICES" FortiAD
wait_for 60 fleet_in_force "$DEVICES" || fail "EMS's devices are not in force"
export DIR API EMS CTL DP_PID=${PID[dataplane]}
all=$SESSIONS
for SESSIONS in $((all / 10)) "$all"; do
	export SESSIONS
	python3 "$TOP/bench/scale/memory.py" before
	rate=$((SESSIONS / 5 + 1))
	# A handshake costs more than a request: as many a second as one core makes without a queue.
	start_load --connections "$SESSIONS" --rate "$rate" --ramp $((SESSIONS / 2500 + 1)) \
		--warm-up 0 --duration 8 --hold 3600 --timeout 30 --json "$DIR/load.json"
	export LOAD_PID=${PID[load]}
	observe python3 "$TOP/bench/scale/memory.py" rows >&3 || fail "no $SESSIONS idle sessions"
	stop load || echo "scale: the generator had errors" >&2
	# What is left of them is of the first run; the second begins where it is.
	stop dataplane
	rm -f "$DIR"/?.sock
	start_dataplane
	place
	export DP_PID=${PID[dataplane]}
done
