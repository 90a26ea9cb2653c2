#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The list of own interfaces goes to EMS: at the start, on change, and on demand. An EMS that does not
# know the entry is good without it. And the field's commands about gateways.
. "$(dirname "$0")/ems-lib.sh"
need curl jq

CTL="$BUILD/controlplane/cli/tagwardenctl --socket $API"

start_ems
A=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
wait_for 10 ems_is '.synced and .websocket == "connected"' || fail "EMS is not in sync"

# told JQ-CONDITION: of the list that EMS was told last.
told()
{
	ems gateways --json | jq -e "$1" >/dev/null
}
step "EMS is told the interfaces" wait_for 5 told '.gateways == [{"interface": "wan",
	"ip": "192.0.2.10", "mac": "", "vdom": "root", "sn": "FPXVULTM24000083"}]'
step "the command prints what is sent" eval "$CTL diagnose endpoint fctems json gateway-mac-request |
	jq -e '.sn_list == [\"FPXVULTM24000083\"] and .gateway_list[0].ip == \"192.0.2.10\"'"
sed -i 's|"addresses": \["192.0.2.10/24"\]|"addresses": ["192.0.2.10/24", "2001:db8::10/64"]|' \
	"$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
step "one more address is told" wait_for 10 told '.gateways | map(.ip) == ["192.0.2.10", "2001:db8::10"]'
asked()
{
	ems stats --json | jq -r .requests.gateways
}
before=$(asked)
step "fcnacd 99" $CTL diagnose test application fcnacd 99
more()
{
	[ "$(asked)" -gt "$before" ]
}
step "sends it again" wait_for 5 more

# Who is directly connected is EMS's to say, by the list.
ems set "$A" gateway_mac=02-00-00-00-00-99 >/dev/null
step "a device behind another gateway has no direct route" wait_for 5 device_is "$A" \
	'all(.routes[]; .type != "direct")'

# The VPN cache.
$CTL vpn connect "$A" 3.1.1.1 --interface ipsecvpn_0 >/dev/null || fail "no connect"
$CTL vpn connect "$A" 2001:db8::5 --interface ipsecvpn_0 >/dev/null || fail "no connect"
cat >"$DIR/expected" <<END
Gateway VPN Cache:
0:
  uid: $A
    route#0:
    vdom: root
    intf: ipsecvpn_0
    sn: FPXVULTM24000083
IP: 3.1.1.1
1:
  uid: $A
    route#0:
    vdom: root
    intf: ipsecvpn_0
    sn: FPXVULTM24000083
IP: 2001:db8::5
Gateway IPv4 Cache:
0: root_3.1.1.1: $A
Gateway IPv6 Cache:
0: root_2001:db8::5: $A
END
step "fcnacd 33" eval "$CTL diagnose test application fcnacd 33 | diff $DIR/expected -"
step "a VPN route is told from a direct one" wait_for 5 eval \
	"$CTL diagnose endpoint record list | grep -q 'IP:3.1.1.1, MAC: , VPN: yes'"

# An EMS that does not know the entry.
ems fault http404 --entry gateways >/dev/null
before=$(asked)
$CTL diagnose test application fcnacd 99 >/dev/null
step "an EMS without the entry is asked" wait_for 5 more
step "and is good all the same" ems_is '.connected and .synced'
