#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# One worker and two, where other stacks collapse: a connection to the real server dialled for every
# request, and sessions resumed on whichever worker the new connection comes to. With two cores the
# second worker shares its core with the generator, so that neither wall clock nor CPU time says
# anything of two: they are asked whether all is answered and resumed. What a request costs two
# workers that have a core each is told by bench/micro/path. bench/scale/run calls this.
IDLE=adaptive
MEMORY_MIB=0
MAX_CONNECTIONS=16384
. "$(dirname "$(readlink -f "$0")")/scale-lib.sh"

SECONDS_EACH=${QUICK:+2}
SECONDS_EACH=${SECONDS_EACH:-6}

# measure WORKERS CASE ARGUMENT...: CPU time of the workers' threads while the generator runs.
measure()
{
	local nb=$1 name=$2
	shift 2
	rm -f "$DIR/load.json"
	start_load --connections 32 --ramp 0.5 --warm-up 1 --duration "$SECONDS_EACH" \
		--json "$DIR/load.json" "$@"
	export DIR API LOAD_PID=${PID[load]} THREADS
	THREADS=$(worker_threads | tr '\n' ' ')
	observe python3 "$TOP/bench/scale/workers.py" "$nb" "$name" >>"$DIR/rows" || ERRORS=1
	stop load || ERRORS=1
}

exec 3>&1 1>&2
ERRORS=""
WORKERS='[1]'
scale_up
make_devices "$DEVICES" FortiAD
wait_for 60 fleet_in_force "$DEVICES" || fail "EMS's devices are not in force"
for nb in 1 2; do
	[ $nb = 1 ] || {
		stop dataplane
		rm -f "$DIR"/?.sock
		WORKERS='[0, 1]'
		write_config
		"$CTL" --socket "$API" reload >/dev/null || fail "two workers are refused"
		start_dataplane
		place
	}
	measure $nb kept
	measure $nb dial --origin-close
	measure $nb full --requests-per-connection 1 --handshake full
	measure $nb resumed --requests-per-connection 1 --handshake resumed
done
cat "$DIR/rows" >&3
[ -z "$ERRORS" ] || fail "there were errors"
