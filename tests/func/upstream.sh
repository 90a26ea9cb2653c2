#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Choosing a real server, and what the client sees of servers that are dead, mute or wrong.
. "$(dirname "$0")/stack-lib.sh"
need python3

# gateway ID PATH SERVICE METHOD MORE SERVER...: one API gateway; SERVER is PORT and more fields.
gateway()
{
	local id=$1 path=$2 service=$3 method=$4 more=$5 list="" n=0 s
	shift 5
	for s in "$@"; do
		n=$((n + 1))
		list+="${list:+, }{\"id\": $n, \"address\": \"198.51.100.20\", \"port\": $s}"
	done
	echo "{\"id\": $id, \"url_map\": \"$path\", \"service\": \"$service\",
	  \"ldb_method\": \"$method\"$more, \"real_servers\": [$list]}"
}
name=', "server_ca": "ems/web-ca.pem", "server_name": "real.example"'
GATEWAYS="[
$(gateway 1 /turns/ http round-robin '' 8081 8082),
$(gateway 2 /weighted/ http weighted '' '8081, "weight": 3' '8082, "weight": 1'),
$(gateway 3 /first/ http first-alive '' 8081 8082),
$(gateway 4 /one-dead/ http round-robin '' 8098 8082),
$(gateway 5 /standby/ http round-robin '' '8082, "status": "standby"' 8081),
$(gateway 6 /standby-only/ http round-robin '' '8082, "status": "standby"' 8097),
$(gateway 7 /both-dead/ http round-robin '' 8098 8099),
{\"id\": 8, \"url_map\": \"/no-host/\", \"service\": \"http\",
 \"real_servers\": [{\"id\": 1, \"address\": \"198.51.100.66\", \"port\": 8081}]},
$(gateway 9 /own-host/ http static '' '8081, "http_host": "inner.example"'),
$(gateway 10 /tls-name/ https static "$name" 8443),
$(gateway 11 /tls-address/ https static ', "server_ca": "ems/web-ca.pem"' 8444),
$(gateway 12 /tls-other-ca/ https static ', "server_ca": "ems/ems-ca.pem", "server_name": "real.example"' 8443),
$(gateway 13 /tls-other-name/ https static ', "server_ca": "ems/web-ca.pem", "server_name": "other.example"' 8443),
$(gateway 14 /tls-unverified/ https static ', "verify_cert": false' 8443),
$(gateway 15 /tls-plain/ https static "$name" 8080)
]"
EXTRA='"timeouts": {"upstream_connect": 2, "upstream": 2, "idle": 20}'

"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
ems make-server-cert --name real --host real.example >/dev/null || fail "no certificate"
ems make-server-cert --name real-ip --host 198.51.100.20 >/dev/null || fail "no certificate"
stack_up
start_backend backend 8081 8082
start_backend tls --cert "$EMS/real.pem" --key "$EMS/real.key" 8443
start_backend tls-ip --cert "$EMS/real-ip.pem" --key "$EMS/real-ip.key" 8444
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
cases upstream.py "$DEV"

# Both servers of gateway 7 were found dead above; now one of them is started.
told()
{
	grep -q "real server is $1 address=198.51.100.20 port=$2" "$DIR/controlplane.log"
}
step "the operator is told of a dead server" wait_for 5 told down 8098
start_backend late 8098
served()
{
	expect_status 200 "$DEV" "$PROXY/both-dead/x"
}
step "one that is started serves, hold-down or not" wait_for 10 served
step "and the operator is told that it is back" wait_for 5 told back 8098
