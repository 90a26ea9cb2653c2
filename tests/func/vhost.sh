#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Virtual hosts, API gateways, certificates by SNI, two access proxies, and session tickets.
. "$(dirname "$0")/stack-lib.sh"
need python3

server()
{
	echo "\"service\": \"http\", \"real_servers\": [{\"id\": 1, \"address\": \"198.51.100.20\", \"port\": $1}]"
}
VHOSTS='[{"name": "shop", "host": "*.shop.example", "host_type": "wildcard", "certificate": "shop"},
  {"name": "api", "host": "api.example", "host_type": "exact"}]'
GATEWAYS="[
{\"id\": 1, \"url_map\": \"/\", \"virtual_host\": \"api\", $(server 8082)},
{\"id\": 2, \"url_map\": \"/\", \"virtual_host\": \"shop\", $(server 8083)},
{\"id\": 3, \"url_map\": \"/static/\", $(server 8081)},
{\"id\": 4, \"url_map\": \"/img/*.png\", \"url_map_type\": \"wildcard\", $(server 8082)},
{\"id\": 5, \"url_map\": \"^/v1/users/[0-9]+\$\", \"url_map_type\": \"regex\", $(server 8083)}]"
MORE_CERTIFICATES=', {"name": "shop", "certificate": "ems/shop.pem", "key": "ems/shop.key"}'
MORE_PROXIES=", {\"name\": \"second\", \"interface\": \"wan\", \"address\": \"192.0.2.10\",
  \"port\": 9044, \"certificate\": \"web\", \"client_cert\": true, \"empty_cert_action\": \"block\",
  \"api_gateways\": [{\"id\": 1, \"url_map\": \"/\", $(server 8084)}]}"
POLICIES='[{"id": 17, "name": "first", "access_proxies": ["ZTNA-webserver"],
  "tags": {"any": ["FortiAD"]}, "action": "accept"},
  {"id": 18, "name": "second", "access_proxies": ["second"], "action": "accept"}]'

"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
ems make-server-cert --name shop --host '*.shop.example' >/dev/null || fail "no certificate"
chgrp 64000 "$EMS/shop.key"
stack_up
start_backend backend 8081 8082 8083 8084
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
cases vhost.py "$DEV"

# A session that is resumed is decided anew: by today's tags, not by those of its first handshake.
resume()
{
	printf 'GET /static/ HTTP/1.1\r\nHost: 192.0.2.10\r\nConnection: close\r\n\r\n' |
		in_ns client timeout 10 openssl s_client -connect 192.0.2.10:9043 -quiet -"$1" \
			-cert "$EMS/devices/$DEV.pem" -key "$EMS/devices/$DEV.key" \
			"$2" "$DIR/session.$1" -ign_eof 2>/dev/null
}
for v in tls1_2 tls1_3; do
	step "$v: served" bash -c "grep -q '200 OK' <<<'$(resume $v -sess_out | head -n 1)'"
done
ems tag "$DEV" -FortiAD >/dev/null
denied()
{
	expect_status 403 "$DEV" "$PROXY/static/"
}
step "EMS takes the tag away" wait_for 5 denied
for v in tls1_2 tls1_3; do
	step "$v: the ticket brings no access back" \
		bash -c "grep -q '403 Forbidden' <<<'$(resume $v -sess_in | head -n 1)'"
done
