#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Tags of all four kinds, and the lists of addresses of those who carry them: changes add up, also
# after the control plane was away, and they are shown in the field's format.
. "$(dirname "$0")/ems-lib.sh"
need curl jq

CTL="$BUILD/controlplane/cli/tagwardenctl --socket $API"

start_ems
A=$(add_device --name laptop1 --ip 10.0.1.2 --tag FortiAD --tag CLASS:Low --tag OUTBREAK:Log4j \
	--tag FABRIC:IOC --tag 'a "quoted" name')
B=$(add_device --name laptop2 --ip 2001:db8::2 --tag FortiAD --tag CLASS_Low)
write_config
start_controlplane
wait_for 10 ems_is '.synced and .websocket == "connected"' || fail "EMS is not in sync"

step "each kind has its name" device_is "$A" \
	'(.tags | sort) == ["CLASS_Low", "FABRIC_IOC", "FortiAD", "OUTBREAK_Log4j", "a \"quoted\" name"]'
step "a zero trust tag is no classification by its name" device_is "$B" \
	'(.tags | sort) == ["FortiAD", "ZTNA_CLASS_Low"]'

# members OBJECT
members()
{
	api /api/v1/addresses/members -G --data-urlencode "name=$1" | jq -r '.members | join(" ")'
}
has()
{
	[ "$(members "$1")" = "$2" ]
}
step "addresses come" wait_for 5 has EMS1_ZTNA_FortiAD "10.0.1.2 2001:db8::2"
step "of the classification" has EMS1_CLASS_Low 10.0.1.2
step "of the outbreak alert" has EMS1_OUTBREAK_Log4j 10.0.1.2
step "of the fabric tag" has EMS1_FABRIC_IOC 10.0.1.2
step "of one that is named like a classification" has EMS1_ZTNA_CLASS_Low 2001:db8::2
step "of one with quotes in its name" has 'EMS1_ZTNA_a "quoted" name' 10.0.1.2
refute "there is no other" api "/api/v1/addresses/members?name=EMS2_ZTNA_FortiAD"
refute "a name is needed" api /api/v1/addresses/members

list()
{
	$CTL diagnose firewall dynamic list >"$DIR/list"
}
step "the field's command lists them" list
cat >"$DIR/expected" <<'END'
CMDB name: EMS1_ZTNA_FortiAD
TAG name: FortiAD
EMS1_ZTNA_FortiAD: ID()
        ADDR(10.0.1.2)
        ADDR(2001:db8::2)
END
is_listed()
{
	head -n 1 "$DIR/list" | grep -qx 'List all dynamic addresses:' &&
		sed 's/ID([0-9]*)/ID()/' "$DIR/list" | grep -A 4 -x 'CMDB name: EMS1_ZTNA_FortiAD' |
			diff "$DIR/expected" -
}
step "as it does" is_listed
step "with its totals" grep -qx 'Total IP dynamic addresses: 7.' "$DIR/list"
step "and those of MACs" grep -qx 'Total MAC dynamic addresses: 7.' "$DIR/list"
mac=$(api "/api/v1/devices/$A" | jq -r '.fields[] | select(.label == "MAC Address") | .value' |
	tr - :)
step "with their colons" grep -qx "        MAC($mac)" "$DIR/list"
step "as JSON too" eval "$CTL --json diagnose firewall dynamic list |
	jq -e 'any(.[]; .name == \"MAC_EMS1_ZTNA_FortiAD\" and (.members | length) == 2)'"

# Changes.
C=$(add_device --name laptop3 --ip 10.0.1.3 --tag FortiAD)
step "one more joins" wait_for 5 has EMS1_ZTNA_FortiAD "10.0.1.2 10.0.1.3 2001:db8::2"
ems tag "$A" -FortiAD >/dev/null
step "one leaves, the others stay" wait_for 5 has EMS1_ZTNA_FortiAD "10.0.1.3 2001:db8::2"
ems set "$C" ip=10.0.1.4 >/dev/null
step "one moves" wait_for 5 has EMS1_ZTNA_FortiAD "10.0.1.4 2001:db8::2"
step "its MAC stays" wait_for 5 eval \
	"[ \"\$(members MAC_EMS1_ZTNA_FortiAD | wc -w)\" = 2 ]"
stop controlplane
ems tag "$B" -FortiAD >/dev/null
start_controlplane
step "after a restart the lists are whole" wait_for 10 has EMS1_ZTNA_FortiAD 10.0.1.4
step "of all tags" wait_for 5 has EMS1_CLASS_Low 10.0.1.2
ems delete "$C" >/dev/null
step "the last one leaves" wait_for 5 has EMS1_ZTNA_FortiAD ""
