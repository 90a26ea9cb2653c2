#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# With --user nothing of root is left once the ports are open, and packets flow all the same.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool

start_mksnap --if wan 192.0.2.10/24 0 "net_tap0,iface=$T-w"
start_dataplane --user 65534:65534
ns_add client
take_tap "$T-w" client 192.0.2.1/24
step "it answers" in_ns client ping -c 2 -i 0.2 -W 2 192.0.2.10

status=("/proc/${PID[dataplane]}"/task/*/status)
for word in "Uid:65534:65534:65534:65534" "Gid:65534:65534:65534:65534" "Groups:" \
	"CapPrm:0000000000000000" "CapEff:0000000000000000" "NoNewPrivs:1"; do
	# In every thread, not in the main one alone.
	other=$(grep -h "^${word%%:*}:" "${status[@]}" | sed 's/[[:space:]]\+/:/g; s/::*/:/g; s/:$//' |
		grep -cvx "${word%:}")
	[ "$other" -eq 0 ] || fail "${word%%:*} is not $word in $other threads"
	echo "ok: $word"
done

# refused NAME "WORDS" COMMAND...: it does not start, and says why.
refused()
{
	local name=$1 words=$2
	shift 2
	refute "$name" "$@"
	grep -q -- "$words" "$DIR/step.out" || fail "$name: it does not say $words"
}
DP=$BUILD/dataplane/tagwarden-dataplane
refused "a user that is not there" "no such user" "$DP" --shm "$DIR/none" --wait 0 \
	--user no-such-user-here
if ! getent passwd tagwarden-data >/dev/null; then
	refused "the data plane refuses to stay root" "insist with --user root" \
		"$DP" --shm "$DIR/none" --wait 0
fi
CP=$BUILD/controlplane/tagwarden-controlplane
if ! getent passwd tagwarden-control tagwarden >/dev/null; then
	refused "so does the control plane" "insist with --user root" "$CP" --config "$DIR/none"
fi
refused "which tells when it is made to" "staying root" "$CP" --config "$DIR/none" --user root
refused "the data plane does as well" "staying root" "$DP" --shm "$DIR/none" --wait 0 --user root
