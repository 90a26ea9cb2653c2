#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Each process can be killed at any moment; without EMS access goes on for a while, and then not.
# timeout: 180
. "$(dirname "$0")/stack-lib.sh"
# shellcheck disable=SC2034 # stack_up reads it
OUT_OF_SYNC=10

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
OTHER=$(add_device --name other)
step "EMS told of the devices" wait_for 10 device_is_known "$OTHER"
step "it is served" expect_status 200 "$DEV" "$PROXY/"

stop controlplane KILL
step "without the control plane: traffic goes on" expect_status 200 "$DEV" "$PROXY/"
step "and so does enforcement" expect_status 403 "$OTHER" "$PROXY/"
start_controlplane
step "the control plane comes back and carries on" wait_for 10 ems_is_synced
ems tag "$DEV" -FortiAD >/dev/null
denied()
{
	expect_status 403 "$DEV" "$PROXY/"
}
step "a change is enforced" wait_for 5 denied
ems tag "$DEV" +FortiAD >/dev/null
served()
{
	expect_status 200 "$DEV" "$PROXY/"
}
step "and taken back" wait_for 5 served

stop dataplane KILL
start_dataplane
plug
step "the data plane comes back and serves" wait_for 5 served

stop ems KILL
step "EMS down: access goes on" served
step "until the posture is too old" wait_for 20 denied
start_ems
step "EMS is back: access too" wait_for 40 served
