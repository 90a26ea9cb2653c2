#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 120
# Whoever may connect to the API may send what they like: it is refused in words or cut, nobody else
# waits for it, and the control plane goes on.
. "$(dirname "$0")/ems-lib.sh"
need curl jq python3

start_ems
DEV=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
step "it gets in sync" wait_for 10 is_equal_to_ems

python3 "$TOP/tests/func/rest_hostile.py" --socket "$API" --pid "${PID[controlplane]}" --device "$DEV" \
	--openapi "$TOP/docs/api/openapi.json" --seed "${SEED:-1}" --requests "${REQUESTS:-1500}" ||
	fail "see above"
step "the control plane runs" is_alive controlplane
step "the device is as it was" device_is "$DEV" '.tags == ["FortiAD"] and .registered'
one_record_a_line()
{
	! grep -avE '^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z (err|warn|notice|info|debug) [a-z_]+ ' \
		"$DIR/controlplane.log" &&
		! LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]' "$DIR/controlplane.log"
}
step "the log has one record a line" one_record_a_line
stop controlplane
rc=$?
[ $rc -eq 0 ] || fail "it ended with $rc"
echo "ok: it ends in order"
