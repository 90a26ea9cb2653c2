#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 120
# Seven EMSs at once, two of them sites of one: all get in sync, each owns its devices, one that
# dies is out of contact alone and comes back, and a site is told from another by its tenant id.
. "$(dirname "$0")/ems-lib.sh"
need curl jq

SITE_A=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
SITE_B=BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB
SITE_NAME=localhost
declare -A PORT=() DEVICE=()

# The sixth and the seventh are one EMS with two sites.
serial()
{
	[ "$1" -lt 7 ] && echo "FCTEMS000000000$1" || echo FCTEMS0000000006
}

tenant()
{
	case $1 in
	6) echo $SITE_A ;;
	7) echo $SITE_B ;;
	*) echo 00000000000000000000000000000000 ;;
	esac
}

at()
{
	local id=$1 command=$2
	shift 2
	"$EMSIM" "$command" --dir "$DIR/ems$id" "$@"
}

start_one()
{
	local id=$1 name=()
	mkdir -p "$DIR/ems$id"
	# The seventh answers under the name of its site alone.
	[ "$id" -ne 7 ] || name=(--site "$SITE_NAME")
	at "$id" serve "${name[@]}" --port "${PORT[$id]:-0}" --serial "$(serial "$id")" \
		--tenant "$(tenant "$id")" >"$DIR/ems$id.log" 2>&1 || fail "emsim $id does not start"
	PID["ems$id"]=$(cat "$DIR/ems$id/emsim.pid")
	PORT[$id]=$(cat "$DIR/ems$id/emsim.port")
}

entry()
{
	local id=$1 site="" ids=""
	[ "$id" -ne 2 ] || ids=', "object_ids": {"tags": 11, "uid_tags": 12}'
	[ "$id" -lt 6 ] || site="\"tenant_id\": \"$(tenant "$id")\","
	cat <<END_OF_ENTRY
    {"id": $id, "name": "ems$id", "server": "$([ "$id" -eq 7 ] && echo localhost || echo 127.0.0.1)", "https_port": ${PORT[$id]},
     "verifying_ca": "ems$id/ems-ca.pem", "certificate": "ems$id/gateway.pem",
     "key": "ems$id/gateway.key", "serial_number": "$(serial "$id")", $site
     "out_of_sync_threshold": 10, "call_timeout": 1$ids}
END_OF_ENTRY
}

# one ID JQ-CONDITION
one()
{
	api /api/v1/ems | jq -es "length == 1 and (.[0].ems[] | select(.id == $1) | $2)" >/dev/null
}

# all JQ-CONDITION
all()
{
	api /api/v1/ems | jq -es "length == 1 and (.[0].ems | length == 7 and all($1))" >/dev/null
}

for id in {1..7}; do
	start_one "$id"
	at "$id" synth 50 --seed "$id" --tags-per-device 2 >/dev/null || fail "no fleet"
	DEVICE[$id]=$(at "$id" add --name "laptop$id" --tag FortiAD --print uid)
done
cat >"$DIR/tagwarden.json" <<END_OF_DOCUMENT
{
  "dataplane": {"workers": [1]},
  "interfaces": [{"name": "wan", "device": "net_ring0", "addresses": ["192.0.2.10/24"]}],
  "ems": [
$(for id in {1..7}; do
	entry "$id"
	[ "$id" -eq 7 ] || echo ,
done)
  ],
  "gateway": {"serial_number": "FPXVULTM24000083", "vdom": "root"},
  "api": {"unix": "$API"}
}
END_OF_DOCUMENT
start_controlplane
step "seven EMSs get in sync" wait_for 20 all '.synced and .connected and .verification == "verified"'
step "with notifications from each" wait_for 10 all '.websocket == "connected"'
# As the field's command prints it.
fcnacd_2()
{
	local id
	echo "EMS context status:"
	for id in {1..7}; do
		printf '%s\n' "FortiClient EMS number $id:" "name(id): ems$id($id) confirmed: yes" \
			"is global: true" "interface vdom: root" \
			"fetched-serial-number: $(serial "$id")" \
			"fetched-tenant-id: $(tenant "$id")" "user-data:" \
			"verified capabilities: true" "verified identity: true" \
			"interface-selection-method: 0" "verify-peer-method: 4" \
			"ztna-public-key:(nil)" "Websocket status: connected, oif: 0"
	done
}
ctl()
{
	"$BUILD/controlplane/cli/tagwardenctl" --socket "$API" "$@"
}
objects_are()
{
	diff <(ctl show ems objects "$1" | sed -n 's/^obj-id: \([0-9]*\), .*entry: "\(.*\)"/\1 \2/p' |
		grep 'report/fct/.*tags') <(printf '%s\n' "$2 api/v1/report/fct/tags" \
		"$3 api/v1/report/fct/uid_tags")
}
step "fcnacd 2 shows each" diff <(fcnacd_2) <(ctl diagnose test application fcnacd 2)
step "objects have the usual numbers" objects_are 1 12 13
step "or those of the document" objects_are 2 11 12

for id in {1..7}; do
	device_is "${DEVICE[$id]}" ".ems_id == $id and .registered and .tags == [\"FortiAD\"]" ||
		fail "the device of EMS $id is not its own"
done
echo "ok: each owns its devices"
step "all devices are there" test "$(api /api/v1/status | jq .snapshot.devices)" -eq 357
step "each site has its tenant id" test \
	"$(api /api/v1/ems | jq -r '[.ems[5, 6].tenant_id] | join(" ")')" = "$SITE_A $SITE_B"

# The site that has a device registered speaks for it, and no other one.
BOTH=${DEVICE[6]}
at 7 add --uid "$BOTH" --name impostor --tag Other >/dev/null || fail "no second registration"
at 7 tag "${DEVICE[7]}" +Later >/dev/null
step "site B is heard" wait_for 5 device_is "${DEVICE[7]}" '.tags | contains(["Later"])'
step "but not about a device of site A" device_is "$BOTH" '.ems_id == 6 and .tags == ["FortiAD"]'
at 6 deregister "$BOTH" >/dev/null
wait_for 5 device_is "$BOTH" '.registered | not' || fail "it is still registered at site A"
at 7 set "$BOTH" hostname=moved >/dev/null
at 7 tag "$BOTH" +Moved >/dev/null
step "once A let it go it is B's" wait_for 5 device_is "$BOTH" \
	'.ems_id == 7 and .registered and (.tags | contains(["Moved"]))'

# One dies.
kill -KILL "${PID["ems3"]}"
step "one that is dead gets out of contact" wait_for 20 one 3 '.out_of_sync and (.connected | not)'
step "and none of the others" test \
	"$(api /api/v1/ems | jq '[.ems[] | select(.out_of_sync or (.connected | not)) | .id] == [3]')" = true
at 5 tag "${DEVICE[5]}" +Meanwhile >/dev/null
step "they go on" wait_for 5 device_is "${DEVICE[5]}" '.tags | contains(["Meanwhile"])'
start_one 3
step "it comes back" wait_for 40 one 3 '.connected and .synced and (.out_of_sync | not)'
at 3 tag "${DEVICE[3]}" +Back >/dev/null
step "with what changes" wait_for 10 device_is "${DEVICE[3]}" '.tags | contains(["Back"])'

# An EMS of another site than the configured one is refused.
sed -i "s/$SITE_B/CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC/" "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
step "a wrong tenant is refused" wait_for 10 one 7 \
	'.verification == "failed" and (.last_error | contains("tenant id is not the configured one"))'
is_gone()
{
	! api "/api/v1/devices/${DEVICE[7]}" >/dev/null
}
step "and what it told is gone" wait_for 5 is_gone
kill "${PID["ems7"]}"
wait_for 5 eval '! is_alive ems7' || fail "emsim 7 does not end"
sed -i "s/CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC/$SITE_B/" "$DIR/tagwarden.json"
SITE_NAME="site-b.example"
start_one 7
kill -HUP "${PID[controlplane]}"
step "so is the name of another site" wait_for 10 one 7 '.verification == "failed" and
	(.last_error | contains("http code 403. Certificate user does not have access to global."))'
stop controlplane || fail "it ended badly"
