#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A worker that stood still says so: in REST by the seconds asked for, and in show status.
. "$(dirname "$0")/stack-lib.sh"
# A worker that sleeps is not in a pass.
IDLE=poll

# longest SECONDS: of worker 0, in microseconds.
longest()
{
	api "/api/v1/status?seconds=$1" | jq '.dataplane.workers[0].longest_pass_us'
}

stack_up
is_told()
{
	[ "$(longest 60)" -gt 0 ]
}
step "the longest pass is told" wait_for 5 is_told

stand_still()
{
	kill -STOP "${PID[dataplane]}"
	sleep 0.4
	kill -CONT "${PID[dataplane]}"
}
has_stood_still()
{
	[ "$(longest 10)" -ge 300000 ]
}
stand_still
step "a worker that was stopped for 400 ms says so" wait_for 5 has_stood_still
step "show status has it" bash -c "'$CTL' --socket '$API' show status | grep 'LONGEST PASS'"

is_forgotten()
{
	[ "$(longest 1)" -lt 300000 ] && has_stood_still
}
step "a reader of the last second does not see it any more, one of ten does" \
	wait_for 5 is_forgotten
