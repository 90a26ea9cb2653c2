#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A million devices: the first synchronisation, then requests at a fixed rate without and with
# 10,000 changes a second at EMS, A B A B. At the end the control plane must know what EMS knows, and
# have pulled everything only once. Prints how far it is, and one line of JSON.
. "$(dirname "$(readlink -f "$0")")/../../tests/func/stack-lib.sh"

usage()
{
	cat <<END
usage: [BUILD=folder] bench/ems/churn.sh [options]

  --devices N       (1000000)
  --changes N       a second (10000)
  --seconds N       of each part (30): half of the parts have changes
  --rounds N        of a part without and one with changes (2)
  --requests N      a second (500)
  --connections N   that they come over (8)
  --notify-ms N     EMS notifies at most once in this time (100)
  --perf FOLDER     profiles of the control plane and the data plane in the parts with changes

With fewer than 4 processors the worker has one of its own, as it should have in production, and all
else shares the other; worker, client and server of the requests come before all else: what is asked
is what the changes cost the data plane, not who gets a processor. The result says so.
END
	exit "$1"
}

DEVICES=1000000 CHANGES=10000 PART_S=30 ROUNDS=2 REQUESTS=500 CONNECTIONS=8 NOTIFY_MS=100 PERF=""
while [ $# -gt 0 ]; do
	case $1 in
	--devices) DEVICES=$2 ;;
	--changes) CHANGES=$2 ;;
	--seconds) PART_S=$2 ;;
	--rounds) ROUNDS=$2 ;;
	--requests) REQUESTS=$2 ;;
	--connections) CONNECTIONS=$2 ;;
	--notify-ms) NOTIFY_MS=$2 ;;
	--perf) PERF=$2 ;;
	--help) usage 0 ;;
	*) usage 2 >&2 ;;
	esac
	shift 2
done

now_ms()
{
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0"
}

say()
{
	echo "[$(($(now_ms) - STARTED)) ms] $*" >&2
}

# cpu_ms PROCESS: user and system time so far.
cpu_ms()
{
	local -a f
	# The name in parentheses may have spaces: fields are counted behind it.
	read -ra f <<<"$(sed 's/.*) //' "/proc/${PID[$1]}/stat")"
	echo $(((f[11] + f[12]) * 1000 / $(getconf CLK_TCK)))
}

# kib PROCESS FIELD: of /proc/PID/status.
kib()
{
	awk -v f="$2:" '$1 == f { print $2 }' "/proc/${PID[$1]}/status"
}

devices_known()
{
	api /api/v1/status | jq -r .snapshot.devices
}

# wait_loud SECONDS WORDS COMMAND...: a line every five seconds.
wait_loud()
{
	local end=$(($(now_ms) + $1 * 1000)) told words=$2
	told=$(now_ms)
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || fail "$words: not in time"
		sleep 0.1
		[ $(($(now_ms) - told)) -lt 5000 ] || {
			told=$(now_ms)
			say "$words: $(devices_known) devices in force, control plane" \
				"$(kib controlplane VmRSS) KiB"
		}
	done
}

full_pulls()
{
	api /api/v1/ems | jq '[.ems[0].calls[] | select(.object == "sysinfo" or
		.object == "uid_tags") | .full_pulls] | max'
}

# Synthetic devices have no pictures: asking for one is no failure of what this is about.
call_failures()
{
	api /api/v1/ems | jq '[.ems[0].calls[] | select(.object != "avatar") | .failed] | add'
}

# load NAME: requests for the length of a part.
load()
{
	in_ns client $LOAD_PRIO "$BUILD/bench/ems/latency" --to 192.0.2.10:9043 --ca "$EMS/web-ca.pem" \
		--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" --rate "$REQUESTS" \
		--connections "$CONNECTIONS" --seconds "$PART_S" --raw "$DIR/times-$1" >"$DIR/load"
}

churn_is_over()
{
	ems churn --json | jq -e '.active | not'
}

profile()
{
	[ -n "$PERF" ] || return 0
	mkdir -p "$PERF"
	for p in controlplane dataplane ems; do
		spawn "perf-$p" perf record -q -g -F 499 -p "${PID[$p]}" -o "$PERF/$p-$1.data" -- \
			sleep $((PART_S - 2))
	done
}

# part NAME CHANGES: one line of JSON into $DIR/parts.
part()
{
	local name=$1 changes=$2 began late=0 caught_up=0 cp all dp sim took
	cp=$(cpu_ms controlplane) all=$cp dp=$(cpu_ms dataplane) sim=$(cpu_ms ems)
	if [ "$changes" -gt 0 ]; then
		ems churn --rate "$changes" --seconds "$PART_S" --notify-ms "$NOTIFY_MS" \
			--seed $((RANDOM + 1)) >/dev/null || fail "no changes"
		profile "$name"
	fi
	began=$(now_ms)
	load "$name" || fail "no requests"
	cp=$(($(cpu_ms controlplane) - cp)) dp=$(($(cpu_ms dataplane) - dp))
	sim=$(($(cpu_ms ems) - sim))
	took=$(($(now_ms) - began))
	if [ "$changes" -gt 0 ]; then
		wait_loud 120 "EMS makes its changes" churn_is_over
		late=$(ems churn --print late_max_ms)
		began=$(now_ms)
		wait_loud 300 "the control plane catches up" fleet_is_quiet
		caught_up=$(($(now_ms) - began))
	fi
	all=$(($(cpu_ms controlplane) - all))
	jq -c --arg name "$name" --argjson changes "$changes" --argjson took "$took" \
		--argjson cp "$cp" --argjson all "$all" --argjson dp "$dp" --argjson sim "$sim" --argjson late "$late" \
		--argjson caught_up "$caught_up" '{part: $name, changes_s: $changes, took_ms: $took,
		cpu_ms: {controlplane: $cp, controlplane_until_caught_up: $all, dataplane: $dp,
		ems: $sim}, ems_late_max_ms: $late,
		caught_up_ms: $caught_up, load: .}' "$DIR/load" >>"$DIR/parts"
	say "$(tail -n 1 "$DIR/parts")"
}

# p99 GLOB-PART: of the times of all parts of that name together, in microseconds.
p99()
{
	cat "$DIR/times-$1"* | sort -n | awk '{ t[NR] = $1 } END { print t[int(NR * 0.99 + 0.5)] }'
}

worker_thread()
{
	local t
	for t in /proc/"${PID[dataplane]}"/task/*; do
		[ "$(cat "$t/comm")" != rte-worker-1 ] || basename "$t"
	done
}

# With few processors all but the worker share one, and who asks and answers comes first there.
place()
{
	local p
	LOAD_PRIO="" PLACEMENT="as the kernel likes"
	[ "$(nproc)" -lt 4 ] || return 0
	PLACEMENT="worker on its own processor, all else on the other"
	LOAD_PRIO="taskset -c 0"
	for p in "${PID[ems]}" "${PID[controlplane]}" $(pgrep -P "${PID[nginx]}") "${PID[nginx]}"; do
		taskset -a -c -p 0 "$p" >/dev/null
	done
	chrt -f 1 true 2>/dev/null || return 0
	LOAD_PRIO="taskset -c 0 chrt -f 1"
	PLACEMENT="$PLACEMENT; worker, client and server at real-time priority"
	for p in $(pgrep -P "${PID[nginx]}") "${PID[nginx]}" $(worker_thread); do
		chrt -f -p 1 "$p"
	done
}

STARTED=$(now_ms)
OUT_OF_SYNC=600
stack_up
place
DEV=$(add_device --name client --tag FortiAD)
wait_for 10 device_is_known "$DEV" || fail "the client's device is unknown"

cp=$(cpu_ms controlplane) sim=$(cpu_ms ems) began=$(now_ms)
ems synth "$DEVICES" >/dev/null || fail "no fleet"
say "EMS has $DEVICES devices"
wait_loud 900 "first synchronisation" fleet_in_force "$DEVICES"
SYNC_MS=$(($(now_ms) - began))
SYNC=$(jq -cn --argjson ms "$SYNC_MS" --argjson cp $(($(cpu_ms controlplane) - cp)) \
	--argjson sim $(($(cpu_ms ems) - sim)) '{ms: $ms, cpu_ms: {controlplane: $cp, ems: $sim}}')
say "first synchronisation: $SYNC"
wait_loud 300 "EMS tells the rest" fleet_is_quiet
FULL=$(full_pulls) FAILED=$(call_failures)
PEAK=$(kib controlplane VmHWM)
say "memory: control plane at most $PEAK KiB"

for ((i = 1; i <= ROUNDS; i++)); do
	part "without-$i" 0
	part "with-$i" "$CHANGES"
done

say "comparing all devices"
WANT=$(ems digest --json | jq -c .)
GOT=$(python3 "$TOP/tests/lib/fleet_digest.py" "$API") || fail "no digest"
A=$(p99 without) B=$(p99 with-)
jq -cs --argjson devices "$DEVICES" --argjson changes "$CHANGES" --argjson sync "$SYNC" \
	--argjson want "$WANT" --argjson got "$GOT" --argjson a "$A" --argjson b "$B" \
	--argjson full $(($(full_pulls) - FULL)) --argjson failed $(($(call_failures) - FAILED)) \
	--argjson peak_sync "$PEAK" --argjson peak "$(kib controlplane VmHWM)" \
	--argjson now "$(kib controlplane VmRSS)" --argjson shm "$(kib controlplane RssShmem)" \
	--argjson sim "$(kib ems VmHWM)" --arg placement "$PLACEMENT" --argjson cpus "$(nproc)" \
	--argjson part_s "$PART_S" --arg load "$(cut -d ' ' -f 1 /proc/loadavg)" '
	(map(select(.changes_s > 0)) | map(.cpu_ms.controlplane_until_caught_up) | add) as $cp |
	(map(select(.changes_s > 0)) | map(.changes_s) | add * $part_s) as $nb |
	{devices: $devices, first_sync: $sync, changes_s: $changes, processors: $cpus,
	 placement: $placement, loadavg: $load,
	 controlplane_kib: {peak_of_first_sync: $peak_sync, peak: $peak, now: $now, of_it_shared: $shm},
	 ems_kib: $sim, parts: ., controlplane_cpu_us_a_change: ($cp * 1000 / $nb | round), p99_us: {without: $a, with: $b, ratio: ($b / $a * 1000 | round / 1000)},
	 is_equal_to_ems: ($want == $got), full_resyncs: $full, calls_failed: $failed}' "$DIR/parts" |
	tee "$DIR/result"
jq -e '.is_equal_to_ems and .full_resyncs == 0' "$DIR/result" >/dev/null || {
	echo "EMS $WANT, control plane $GOT" >&2
	fail "the control plane does not know what EMS knows"
}
