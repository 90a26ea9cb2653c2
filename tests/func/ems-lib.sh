# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A control plane and an EMS on the loopback, without a data plane: source it in place of lib.sh.
# Needs no root.
# shellcheck source=tests/func/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

EMSIM=$BUILD/tests/emsim/emsim
CTL=$BUILD/controlplane/cli/tagwardenctl
API=$DIR/api.sock
EMS=$DIR/ems
# Tests change these before write_config.
OUT_OF_SYNC=10
CALL_TIMEOUT=1
EMS_EXTRA=""
ZTNA_CA=', "ztna_ca": "ems/ztna-ca.pem"'

ems()
{
	local command=$1
	shift
	"$EMSIM" "$command" --dir "$EMS" "$@"
}

# start_ems SERVE-ARGUMENT...: on the port of before, when there was one.
start_ems()
{
	mkdir -p "$EMS"
	ems serve --port "${EMS_PORT:-0}" "$@" >"$DIR/ems.log" 2>&1 || fail "emsim does not start"
	PID[ems]=$(cat "$EMS/emsim.pid")
	EMS_PORT=$(cat "$EMS/emsim.port")
}

stop_ems()
{
	kill "${PID[ems]}"
	for _ in {1..100}; do
		case $(cat "/proc/${PID[ems]}/stat" 2>/dev/null) in
		"" | *") Z "*) break ;;
		esac
		sleep 0.05
	done
	unset "PID[ems]"
}

write_config()
{
	cat >"$DIR/tagwarden.json" <<END_OF_DOCUMENT
{
  "dataplane": {"workers": [1]},
  "interfaces": [{"name": "wan", "device": "net_ring0", "addresses": ["192.0.2.10/24"]}],
  "ems": [
    {"id": 1, "name": "emstest", "server": "127.0.0.1", "https_port": $EMS_PORT,
     "verifying_ca": "ems/ems-ca.pem", "certificate": "ems/gateway.pem", "key": "ems/gateway.key",
     "serial_number": "FCTEMS8823005021", "out_of_sync_threshold": $OUT_OF_SYNC,
     "call_timeout": $CALL_TIMEOUT $ZTNA_CA $EMS_EXTRA}
  ],
  "gateway": {"serial_number": "FPXVULTM24000083", "vdom": "root"},
  "api": {"unix": "$API"}
}
END_OF_DOCUMENT
}

# start_controlplane: WRAP is a program to run it under, in words.
start_controlplane()
{
	local user=()
	[ "$(id -u)" -ne 0 ] || user=(--user root)
	# shellcheck disable=SC2086
	spawn controlplane ${WRAP:-} "$BUILD/controlplane/tagwarden-controlplane" \
		--config "$DIR/tagwarden.json" --shm "$SHM" --state-dir "$DIR/state" \
		"${user[@]}" --log-level info
	wait_for "${START_TIME:-10}" api /api/v1/status || fail "the control plane does not answer"
}

api()
{
	curl -sf --max-time 10 --unix-socket "$API" "http://localhost$1" "${@:2}"
}

# ems_field JQ-FILTER: of the connector's status.
ems_field()
{
	api /api/v1/ems | jq -r ".ems[0]$1"
}

# ems_is JQ-CONDITION. -s: without input, jq -e would be content.
ems_is()
{
	api /api/v1/ems | jq -es ".[0].ems[0] | $1" >/dev/null
}

# device_is UID JQ-CONDITION
device_is()
{
	api "/api/v1/devices/$1" | jq -es "length == 1 and (.[0] | $2)" >/dev/null
}

# add_device ARGUMENT...: its UID.
add_device()
{
	ems add --print uid "$@"
}

# Every device as one line "UID serial registered quarantined tags", sorted.
ems_state()
{
	ems list --json --limit 100000 | jq -r '.devices[] | select(.deleted | not) |
		[.uid, .client_cert_sn, .registered, .quarantined,
		 (.tags | map(sub("^(?<kind>CLASS|OUTBREAK|FABRIC):"; .kind + "_")) | sort
		  | join(","))] | @tsv' | sort
}

cp_state()
{
	local cursor="" page
	while :; do
		page=$(api "/api/v1/devices?limit=1000$cursor") || return 1
		jq -r '.devices[] | [.uid, .client_cert_sn, .registered, .quarantined,
			((.tags // ["?"]) | sort | join(","))] | @tsv' <<<"$page"
		cursor=$(jq -r '.next_cursor // empty' <<<"$page")
		[ -n "$cursor" ] || return 0
		cursor="&cursor=$cursor"
	done
}

is_equal_to_ems()
{
	diff <(ems_state) <(cp_state | sort) >"$DIR/diff.log"
}

# ends STATUS PATTERN ARGUMENT...: tagwardenctl ends so, and says so.
ends()
{
	local got
	"$CTL" "${@:3}" >"$DIR/out" 2>&1
	got=$?
	[ $got -eq "$1" ] && grep -qE -- "$2" "$DIR/out" && return
	echo "exit $got, not $1, or no $2 in:"
	cat "$DIR/out"
	return 1
}
