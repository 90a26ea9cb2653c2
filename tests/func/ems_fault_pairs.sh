#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# Ways in which an EMS can misbehave, each two of them at once: while they last nothing wrong is
# taken over; after they ended the control plane knows what EMS knows, without a restart. So that it
# does not take an hour, control planes with seven connectors each work through the list, and each
# connector has an EMS of its own: one that misbehaves must not disturb its neighbours. PAIRS picks
# one pair ("hang+ws-drop") or a part of them ("3/8", the third eighth).
. "$(dirname "$0")/ems-lib.sh"
need curl jq python3
PLANES=${PLANES:-3}
CONNECTORS=7 # as many as a document may have

# start_emsim NAME SERIAL: its folder is $DIR/NAME.
start_emsim()
{
	mkdir -p "$DIR/$1"
	"$EMSIM" serve --dir "$DIR/$1" --port 0 --serial "$2" >"$DIR/$1.log" 2>&1 || return 1
	PID[$1]=$(cat "$DIR/$1/emsim.pid")
}

# connectors PLANE: the document's list.
connectors()
{
	local i name comma=""
	for ((i = 1; i <= CONNECTORS; i++)); do
		name=ems$1-$i
		cat <<END
$comma{"id": $i, "name": "$name", "server": "127.0.0.1", "https_port": $(cat "$DIR/$name/emsim.port"),
 "verifying_ca": "$name/ems-ca.pem", "certificate": "$name/gateway.pem", "key": "$name/gateway.key",
 "serial_number": "$(serial "$1" "$i")", "out_of_sync_threshold": 10, "call_timeout": 1,
 "ztna_ca": "$name/ztna-ca.pem"}
END
		comma=,
	done
}

# serial PLANE CONNECTOR: as an EMS has it.
serial()
{
	printf 'FCTEMS88230%02d%03d' "$1" "$2"
}

# The simulators first, all at once: they make keys.
for ((p = 1; p <= PLANES; p++)); do
	for ((i = 1; i <= CONNECTORS; i++)); do
		start_emsim "ems$p-$i" "$(serial "$p" "$i")" || fail "emsim does not start"
	done
done
echo "ok: $((PLANES * CONNECTORS)) EMSs run"

user=()
[ "$(id -u)" -ne 0 ] || user=(--user root)
sockets=()
for ((p = 1; p <= PLANES; p++)); do
	cat >"$DIR/tagwarden$p.json" <<END
{"dataplane": {"workers": [1]},
 "interfaces": [{"name": "wan", "device": "net_ring0", "addresses": ["192.0.2.10/24"]}],
 "ems": [$(connectors "$p")],
 "gateway": {"serial_number": "FPXVULTM24000083", "vdom": "root"},
 "api": {"unix": "$DIR/api$p.sock"}}
END
	spawn "controlplane$p" "$BUILD/controlplane/tagwarden-controlplane" \
		--config "$DIR/tagwarden$p.json" --shm "$SHM$p" --state-dir "$DIR/state$p" \
		"${user[@]}" --log-level info
	sockets+=("$DIR/api$p.sock")
done
# lib.sh knows of one.
trap 'rm -rf "$SHM"[0-9]; cleanup' EXIT

began=$SECONDS
if python3 "$TOP/tests/func/ems_fault_pairs.py" --folder "$DIR" --connectors $CONNECTORS \
	--pairs "${PAIRS:-}" "${sockets[@]}"; then
	for ((p = 1; p <= PLANES; p++)); do
		is_alive "controlplane$p" || fail "control plane $p ended"
		stop "controlplane$p" || fail "control plane $p ended with $?"
	done
	echo "ok: it took $((SECONDS - began)) s"
else
	fail "see above"
fi
