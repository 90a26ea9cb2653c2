#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A WebSocket through the proxy is cut when EMS takes the tag away; another device's is not.
. "$(dirname "$0")/stack-lib.sh"
need python3
GATEWAYS='[{"id": 1, "url_map": "/", "service": "http", "ldb_method": "static",
  "real_servers": [{"id": 1, "address": "198.51.100.20", "port": 8081}]}]'

stack_up
start_backend backend 8081
A=$(add_device --name a --tag FortiAD)
B=$(add_device --name b --tag FortiAD)
step "EMS told of the devices" wait_for 10 device_is_known "$B"

# talk NAME UID: a WebSocket in the background; what became of it is in NAME.log.
talk()
{
	spawn "$1" env PYTHONPATH="$TOP/tests/lib" PYTHONDONTWRITEBYTECODE=1 PROXY_HOST=192.0.2.10 \
		PROXY_PORT=9043 PROXY_CA="$EMS/web-ca.pem" CERT_DIR="$EMS/devices" DEVICE="$2" \
		RECORD="$DIR/record" ip netns exec "$T-client" python3 "$TOP/tests/func/tunnel.py"
}
talk a "$A"
talk b "$B"
step "one is open" wait_for 5 grep -q open "$DIR/a.log"
step "and another" wait_for 5 grep -q open "$DIR/b.log"
two_tunnels()
{
	[ "$(api /api/v1/sessions | jq '[.sessions[] | select(.state == "upgraded")] | length')" = 2 ]
}
step "both are shown as upgraded" wait_for 5 two_tunnels
ems tag "$A" -FortiAD >/dev/null
step "the one without the tag is cut" wait_for 5 grep -q cut "$DIR/a.log"
sleep 1
is_alive b || fail "the bystander was cut too"
refute "the bystander goes on" grep -q -e cut -e mute "$DIR/b.log"
denied()
{
	grep 'action="deny"' "$TRAFFIC" | grep -q "clientdeviceid=\"$A\""
}
step "the cut is on record" wait_for 5 denied
