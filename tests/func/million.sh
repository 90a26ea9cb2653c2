#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 240
# A fleet of DEVICES: all of it is synchronised, then one tag flips, and every worker knows.
. "$(dirname "$0")/stack-lib.sh"
DEVICES=${DEVICES:-1000000}

# now_ms: of a clock that does not jump.
now_ms()
{
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0"
}

# Both reports have come whole, and every worker uses the snapshot that holds all devices.
all_in_force()
{
	api /api/v1/ems | jq -e --argjson n "$1" '[.ems[0].calls[] |
		select(.object == "sysinfo" or .object == "uid_tags") | .records] | min >= $n' &&
	api /api/v1/status | jq -e --argjson n "$1" '.snapshot.devices >= $n and
		([.dataplane.workers[].generation] | min) >= .snapshot.generation'
}

memory_of()
{
	awk -v what="$1" '/^Rss(Anon|Shmem)/ { a[$1] = int($2 / 1024) }
		END { print what, "anon", a["RssAnon:"], "MiB, shared", a["RssShmem:"], "MiB" }' \
		"/proc/${PID[$1]}/status"
}

stack_up
began=$(now_ms)
step "EMS has $DEVICES devices" ems synth "$DEVICES"
step "each worker has them all" wait_for 180 all_in_force "$DEVICES"
echo "first sync: $(($(now_ms) - began)) ms"
for p in ems controlplane dataplane; do
	memory_of "$p"
	cat /proc/${PID[$p]}/stat | cut -d' ' -f14,15
done
DEV=$(ems uid "$((DEVICES - 1))")
step "one of them gets a certificate" ems cert "$DEV"
step "it is denied" expect_status 403 "$DEV" "$PROXY/"
began=$(now_ms)
step "one tag flips" ems tag "$DEV" +FortiAD
passes()
{
	expect_status 200 "$DEV" "$PROXY/"
}
step "it passes" wait_for 10 passes
echo "from the flip to the first request that passes: $(($(now_ms) - began)) ms"
for p in ems controlplane dataplane; do
	memory_of "$p"
done
du -shc "$SHM"/*
api /api/v1/status | jq -c .snapshot
api /api/v1/ems | jq -c '.ems[0].calls[] | {object, ok, failed, records, bytes, last_us}'
