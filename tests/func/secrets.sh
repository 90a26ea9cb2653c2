#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a running product leaves lying about: neither process has anything of root in any thread, nor
# can be looked into by its equals; private keys and ticket keys are in the secrets file and in no
# other, nor in a log, on disk, or in any answer of the REST interface.
. "$(dirname "$0")/stack-lib.sh"
need python3

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
OTHER=$(add_device --name other)
step "EMS told of the devices" wait_for 10 device_is_known "$OTHER"
step "a request is answered" expect_status 200 "$DEV" "$PROXY/"
step "another is denied" expect_status 403 "$OTHER" "$PROXY/"

# nothing_of_root NAME UID GID
nothing_of_root()
{
	local word other status=("/proc/${PID[$1]}"/task/*/status)
	for word in "Uid:$2:$2:$2:$2" "Gid:$3:$3:$3:$3" "Groups:" "CapInh:0000000000000000" \
		"CapPrm:0000000000000000" "CapEff:0000000000000000" "CapAmb:0000000000000000" \
		"NoNewPrivs:1"; do
		other=$(grep -h "^${word%%:*}:" "${status[@]}" |
			sed 's/[[:space:]]\+/:/g; s/::*/:/g; s/:$//' | grep -cvx "${word%:}")
		[ "$other" -eq 0 ] || fail "$1: ${word%%:*} is not $word in $other threads"
	done
	# proc(5): what belongs to a process that is not dumpable belongs to root.
	[ "$(stat -c %u "/proc/${PID[$1]}/mem")" -eq 0 ] || fail "$1 is dumpable"
	echo "ok: $1 has nothing of root, ${#status[@]} threads"
}
nothing_of_root controlplane "${CP_USER%:*}" "${CP_USER#*:}"
nothing_of_root dataplane "${DP_USER%:*}" "${DP_USER#*:}"

peek()
{
	setpriv --reuid "${2%:*}" --regid "${2#*:}" --clear-groups head -c 1 "/proc/${PID[$1]}/maps"
}
if command -v setpriv >/dev/null; then
	refute "its own user cannot look into the control plane" peek controlplane "$CP_USER"
	refute "nor into the data plane" peek dataplane "$DP_USER"
	refute "the data plane cannot write the snapshot" setpriv --reuid "${DP_USER%:*}" \
		--regid "${DP_USER#*:}" --clear-groups bash -c "echo >>$SHM/snapshot"
	refute "nor the secrets" setpriv --reuid "${DP_USER%:*}" \
		--regid "${DP_USER#*:}" --clear-groups bash -c "echo >>$SHM/secrets"
	refute "others cannot read the secrets" setpriv --reuid 65534 --regid 65534 \
		--clear-groups cat "$SHM/secrets"
fi

record()
{
	[ "$(wc -l <"$TRAFFIC")" -ge 2 ]
}
step "records are written" wait_for 5 record
nb=0
for path in $(api /api/v1 | jq -r '.routes[] | select(.method == "GET").path'); do
	path=${path/'*'/$DEV}
	curl -s --max-time 10 --unix-socket "$API" "http://localhost$path?all=1&device=$DEV&uid=$DEV" \
		>"$DIR/rest-$nb"
	nb=$((nb + 1))
done
[ $nb -ge 10 ] || fail "only $nb answers of REST"
files=("$SHM"/snapshot "$SHM"/rendezvous "$SHM"/feedback "$DIR"/rest-* "$DIR"/*.log)
mapfile -t -O ${#files[@]} files < <(find "$DIR/state" -type f)
step "keys are nowhere else" python3 "$TOP/tests/func/secrets.py" "$SHM/secrets" \
	"$EMS/web.key" "$EMS/gateway.key" -- "${files[@]}"
cat "$DIR/step.out"
