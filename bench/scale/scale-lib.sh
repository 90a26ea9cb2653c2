# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
#
# Tagwarden between the two ends of tagwarden-load, over shared memory: no namespaces, no kernel
# on the way. Source it after the variables of stack-lib.sh that are to differ were set.
# shellcheck source=tests/func/stack-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tests/func/stack-lib.sh"

# Sessions are held for longer than their requests are apart; records of requests are not the matter.
EXTRA='"timeouts": {"handshake": 60, "head": 300, "idle": 3600}'
POLICIES='[{"id": 17, "name": "ZTNA-webserver-allow", "access_proxies": ["ZTNA-webserver"],
  "tags": {"any": ["FortiAD"]}, "action": "accept", "log": "none"}]'
LOAD=$BUILD/bench/load/tagwarden-load
LOAD_CORE=${LOAD_CORE:-0}

# memif_device NUMBER NAME: shared memory; the data plane is the one that listens.
memif_device()
{
	echo "net_memif$1,role=server,socket-abstract=no,socket=$DIR/$2.sock"
}

# scale_up: EMS, control plane, data plane. Who asks and answers comes before the load.
scale_up()
{
	need_root
	need curl jq python3 taskset chrt
	WAN_DEVICE=$(memif_device 0 w)
	LAN_DEVICE=$(memif_device 1 l)
	"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
	ems make-server-cert --name web --host 192.0.2.10 >/dev/null || fail "no server certificate"
	start_ems
	write_config
	own_dir
	start_controlplane
	start_dataplane
	wait_for 30 ems_is_synced || fail "no synchronisation with EMS"
	place
}

# With few cores the workers have theirs, and all else shares the first: the generator polls there,
# so what has to answer at once must not wait for its slice.
place()
{
	local p
	PLACEMENT="as the kernel likes"
	[ "$(nproc)" -lt 4 ] || return 0
	PLACEMENT="control plane, EMS and generator share a core"
	for p in ems controlplane; do
		taskset -a -c -p "$LOAD_CORE" "${PID[$p]}" >/dev/null
		chrt -a -f -p 1 "${PID[$p]}" 2>/dev/null
	done
	renice -n -15 -p "${PID[dataplane]}" "$(worker_threads)" >/dev/null 2>&1
	return 0
}

worker_threads()
{
	local t
	for t in /proc/"${PID[dataplane]}"/task/*; do
		case $(cat "$t/comm") in
		rte-worker-*) basename "$t" ;;
		esac
	done
}

# start_load ARGUMENT...: the generator, its ends of the links made.
start_load()
{
	spawn load nice -n -15 "$LOAD" --no-huge --workers "$LOAD_CORE" \
		--wan "net_memif0,role=client,socket-abstract=no,socket=$DIR/w.sock" \
		--lan "net_memif1,role=client,socket-abstract=no,socket=$DIR/l.sock" \
		--target 192.0.2.10:9043 --client-net 192.0.2.20-192.0.2.119/24 \
		--origin 198.51.100.20:8080 --certs "$EMS/devices" --progress "$@"
}

# observe COMMAND...: what asks and takes the time must not wait behind those that poll.
observe()
{
	if [ "$(nproc)" -lt 4 ] && chrt -f 1 true 2>/dev/null; then
		taskset -c "$LOAD_CORE" chrt -f 1 "$@"
	else
		"$@"
	fi
}

# make_devices NUMBER TAG: with certificates; their UIDs in $DIR/uids.
make_devices()
{
	observe python3 "$TOP/bench/scale/fleet.py" "$EMS" "$1" "$2" >"$DIR/uids" || fail "no devices"
}
