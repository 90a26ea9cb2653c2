#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Huge pages: "on" refuses to start without, "auto" goes on with one warning, and both take them
# when there are some. The machine's number of them is put back.
. "$(dirname "$0")/lib.sh"
need_root
need_tap
need ping ethtool flock
NR=/proc/sys/vm/nr_hugepages
size_kib=$(sed -n 's/^Hugepagesize: *\([0-9]*\) kB$/\1/p' /proc/meminfo)
[ -w $NR ] && [ -n "$size_kib" ] || skip "no huge pages here"
# One test at a time may change the machine's number.
exec 8>/run/lock/tagwarden-hugepages && flock -w 60 8 || skip "another test has the huge pages"

ns_add client
before=$(cat $NR)
put_back()
{
	local status=$?
	echo "$before" >$NR
	# cleanup() takes its status from here.
	(exit "$status")
	cleanup
}
trap put_back EXIT

free_mib()
{
	echo $(($(sed -n 's/^HugePages_Free: *\([0-9]*\)$/\1/p' /proc/meminfo) * size_kib / 1024))
}

# publish MODE MEMORY-MIB: a control plane that asks for that.
publish()
{
	start_mksnap --hugepages "$1" --memory "$2" --if wan 192.0.2.10/24 0 "net_tap0,iface=$T-w"
	wait_for 5 [ -e "$SHM/snapshot" ]
}

unpublish()
{
	stop mksnap
	rm -rf "$SHM"
	rm -f "$DIR/dataplane.log"
}

answers()
{
	take_tap "$T-w" client 192.0.2.1/24
	in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
}

# More than are free, whatever else runs here.
too_much=$(($(free_mib) + 256))
publish on $too_much
refute "\"on\" without enough of them does not start" "$BUILD/dataplane/tagwarden-dataplane" \
	--shm "$SHM" --wait 5 --user "$DP_USER"
grep -q "not enough free huge pages free_mib=[0-9]* needed_mib=$too_much" "$DIR/step.out" ||
	fail "it does not say how many there are"
echo "ok: and says how many there are"
unpublish

if [ $too_much -lt 1024 ]; then
	publish auto $too_much
	start_dataplane
	step "\"auto\" goes on without" answers
	[ "$(grep -c "without huge pages" "$DIR/dataplane.log")" -eq 1 ] || fail "not one warning"
	[ "$(grep -c ' warn ' "$DIR/dataplane.log")" -eq 1 ] || fail "more than one warning"
	echo "ok: with one warning"
	stop dataplane
	unpublish
fi

echo $((before + 256 * 1024 / size_kib)) >$NR 2>/dev/null
[ "$(free_mib)" -ge 256 ] || skip "cannot have 256 MiB of huge pages; the rest passed"
for mode in on auto; do
	publish $mode 160
	start_dataplane
	step "\"$mode\" takes them" grep -q "running .*hugepages=yes" "$DIR/dataplane.log"
	step "and packets flow" answers
	[ "$(free_mib)" -lt 128 ] || fail "none of them is in use"
	! grep -q ' warn ' "$DIR/dataplane.log" || fail "it warns"
	stop dataplane KILL
	step "SIGKILL gives them back" wait_for 5 bash -c "
		[ \$(sed -n 's/^HugePages_Free: *//p' /proc/meminfo) -ge $((256 * 1024 / size_kib)) ]"
	unpublish
done
