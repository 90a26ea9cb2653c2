#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A port that is shared memory between two processes, net_memif, with a peer that comes and goes
# after the data plane has given up root: ARP, echo, a reset, octet by octet.
. "$(dirname "$0")/lib.sh"
need_root

device=net_memif0,role=server,socket-abstract=no,socket=$DIR/memif.sock
start_mksnap --if wan 192.0.2.10/24 0 "$device"
start_dataplane
grep -q driver=net_memif "$DIR/dataplane.log" || fail "the driver is not net_memif"

peer()
{
	timeout 20 "$BUILD/tests/lib/memif_peer" "$DIR/memif.sock" "$1" 192.0.2.10
}
step "a peer's echo requests are answered" peer 192.0.2.1
step "so are another's, when it has gone" peer 192.0.2.2
refute "a peer of another subnet gets no answer" peer 203.0.113.1
step "and the next one does" peer 192.0.2.3

mac()
{
	grep -o 'mac=[^ ]*' "$DIR/dataplane.log" | sort -u | wc -l
}
stop dataplane KILL
start_dataplane
step "after SIGKILL it answers again" peer 192.0.2.1
[ "$(mac)" -eq 1 ] || fail "its Ethernet address changed"
echo "ok: with the same Ethernet address"
step "it ends well on SIGTERM" stop dataplane

# The same in one buffer each, whatever the port takes.
stop mksnap
rm -rf "$SHM"
start_mksnap --offloads none --if wan 192.0.2.10/24 0 "$device"
start_dataplane
step "without offloads it answers as well" peer 192.0.2.1
