#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# A fleet is synchronised, then one tag flips, and every worker knows. DEVICES=1000000 is what the
# demo plays; a tenth of that shows the same in a tenth of the time.
. "$(dirname "$0")/stack-lib.sh"
DEVICES=${DEVICES:-100000}

# now_ms: of a clock that does not jump.
now_ms()
{
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0"
}

stack_up
began=$(now_ms)
step "EMS has $DEVICES devices" ems synth "$DEVICES"
step "each worker knows them all" wait_for 240 fleet_in_force "$DEVICES"
echo "first synchronisation: $(($(now_ms) - began)) ms"
step "EMS has nothing left to tell" wait_for 60 fleet_is_quiet
DEV=$(ems uid "$((DEVICES - 1))")
step "one of them gets a certificate" ems cert "$DEV"
step "it is denied" expect_status 403 "$DEV" "$PROXY/"
api /api/v1/status | jq .snapshot.generation >"$DIR/generation"
began=$(now_ms)
ems tag "$DEV" +FortiAD >/dev/null
step "one tag flips: each worker has it" wait_for 10 flip_in_force
echo "from the command line at EMS to every worker: $(($(now_ms) - began)) ms"
step "and lets the device through" expect_status 200 "$DEV" "$PROXY/"
for p in ems controlplane dataplane; do
	memory_of "$p"
done
