#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers, end to end: sessions spread over both, answers of real servers come back to the
# worker that dialled, a session made by one is resumed by the other.
. "$(dirname "$0")/stack-lib.sh"
need python3
[ "$(nproc)" -ge 2 ] || skip "needs two cores"
WORKERS='[0, 1]'
GATEWAYS='[{"id": 1, "url_map": "/", "service": "http", "ldb_method": "static",
  "real_servers": [{"id": 1, "address": "198.51.100.20", "port": 8081}]}]'

stack_up
start_backend backend 8081
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
cases spread.py "$DEV"

# Ids are dealt to the workers in turns: even ones are of the one, odd ones of the other.
both_workers()
{
	local ids
	ids=$(sed -n 's/.* sessionid=\([0-9]*\).*/\1/p' "$TRAFFIC")
	[ "$(awk '$1 % 2' <<<"$ids" | wc -l)" -ge 20 ] && [ "$(awk '$1 % 2 == 0' <<<"$ids" | wc -l)" -ge 20 ]
}
step "both workers served" wait_for 5 both_workers

ask()
{
	printf 'GET / HTTP/1.1\r\nHost: 192.0.2.10\r\nConnection: close\r\n\r\n' |
		in_ns client timeout 10 openssl s_client -connect 192.0.2.10:9043 "$@" \
			-cert "$EMS/devices/$DEV.pem" -key "$EMS/devices/$DEV.key" -ign_eof 2>&1
}
# The session of a connection is brought to the next; one of TLS 1.3 is good once. Sixteen source ports
# reach both workers but for one time in 30,000.
resumed_everywhere()
{
	local v=$1 i
	ask "-$v" -sess_out "$DIR/session.$v" | grep -q '200 OK' || return 1
	for i in {1..16}; do
		ask "-$v" -sess_in "$DIR/session.$v" -sess_out "$DIR/session.$v" |
			grep -q '^Reused' || return 1
	done
}
step "TLS 1.2 sessions are resumed by either" resumed_everywhere tls1_2
step "TLS 1.3 sessions are resumed by either" resumed_everywhere tls1_3
