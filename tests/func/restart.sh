#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Either process can be killed and started again by the same command line; a second data plane is
# refused; shared memory that was made anew ends it with 75.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool

interfaces=(--if wan 192.0.2.10/24 0 "net_tap0,iface=$T-w")
ns_add client
start_mksnap "${interfaces[@]}"
start_dataplane
take_tap "$T-w" client 192.0.2.1/24
step "it answers" in_ns client ping -c 1 -W 2 192.0.2.10
lladdr()
{
	ip -n "$T-client" neigh show 192.0.2.10 | grep -o 'lladdr [^ ]*'
}
before=$(lladdr)

refute "a second data plane is refused" "$BUILD/dataplane/tagwarden-dataplane" --shm "$SHM" --wait 1 \
	--user "$DP_USER"
step "the first goes on" in_ns client ping -c 1 -W 2 192.0.2.10

stop dataplane KILL
start_dataplane
take_tap "$T-w" client 192.0.2.1/24
step "it answers after SIGKILL" in_ns client ping -c 2 -i 0.2 -W 2 192.0.2.10
[ "$(lladdr)" = "$before" ] || fail "its Ethernet address changed: $before, $(lladdr)"
echo "ok: neighbours' caches stay right"

stop mksnap KILL
start_mksnap "${interfaces[@]}"
sleep 0.3
kill -HUP "${PID[mksnap]}"
sleep 0.3
step "it follows a control plane that was started again" \
	in_ns client ping -c 2 -i 0.2 -W 2 192.0.2.10

stop mksnap
rm -rf "$SHM"
start_mksnap "${interfaces[@]}"
gone()
{
	! is_alive dataplane
}
step "it ends when the shared memory is made anew" wait_for 5 gone
stop dataplane
[ $? -eq 75 ] || fail "its exit status does not ask for a restart"
start_dataplane
take_tap "$T-w" client 192.0.2.1/24
step "and runs with the new one" in_ns client ping -c 1 -W 2 192.0.2.10
