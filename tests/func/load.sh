#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The load generator against the whole product, both of its links shared memory (net_memif): what it
# counts is what the proxy counted, and neither a run with errors nor one that cannot work looks like
# a result.
. "$(dirname "$0")/stack-lib.sh"
need_root
need jq curl openssl
[ "$(nproc)" -ge 2 ] || skip "needs two cores"
memif()
{
	echo "net_memif$1,role=$2,id=$1,socket-abstract=no,zero-copy=no,socket=$DIR/memif$1.sock"
}
# shellcheck disable=SC2034
WAN_DEVICE=$(memif 0 server) LAN_DEVICE=$(memif 1 server)
LOAD=$BUILD/bench/load/tagwarden-load

"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
ems make-server-cert --name web --host 192.0.2.10 >/dev/null || fail "no server certificate"
start_ems
write_config
own_dir
start_controlplane
start_dataplane
wait_for 20 ems_is_synced || fail "no synchronisation with EMS"
for _ in 1 2 3; do
	DEV=$(add_device --tag FortiAD) || fail "no device"
done
wait_for 10 device_is_known "$DEV" || fail "the device is not known"

# load ARGUMENT...: a short run; its JSON is in $DIR/load.json.
load()
{
	rm -f "$DIR/load.json"
	"$LOAD" --wan "$(memif 0 client)" --lan "$(memif 1 client)" --no-huge --memory 192 \
		--target 192.0.2.10:9043 --client-net 192.0.2.20-192.0.2.29/24 \
		--origin 198.51.100.20:8080 --lan-net 198.51.100.20/24 --certs "$EMS/devices" \
		--json "$DIR/load.json" --ramp 0.1 --warm-up 0.2 --duration 0.5 "$@"
}

# exits STATUS COMMAND...
exits()
{
	local want=$1 got
	shift
	"$@"
	got=$?
	[ "$got" -eq "$want" ] || {
		echo "exit $got, wanted $want"
		return 1
	}
}

# says FILTER: what jq makes of the result is true.
says()
{
	jq -e "$1" "$DIR/load.json" || {
		cat "$DIR/load.json"
		return 1
	}
}

counter()
{
	api /api/v1/counters | jq "[.. | objects | select(.name? == \"$1\") | .count] | add // 0"
}

refused()
{
	exits 2 "$@" 2>&1 | tee "$DIR/refused"
	[ "${PIPESTATUS[0]}" -eq 0 ] && [ -s "$DIR/refused" ]
}

step "no target is refused" refused "$LOAD" --wan x --client-net 192.0.2.1/24
step "a core that is not there is refused" refused load --workers 0,1023
step "more connections than ports is refused" refused load --connections 4000000

before=$(counter http_requests)
step "requests on kept connections" exits 0 load --connections 4
step "are counted without an error" says '.requests > 0 and ([.errors[]] | add) == 0 and .errors_total == 0
	and (.marks | index("errors") | not) and .connections == 0 and .outside.handshakes_full == 4'
step "with latency and rate" says '.latency_us.p50 > 0 and .latency_us.p50 <= .latency_us.p99 and
	.latency_us.p99 <= .latency_us.max and .latency_us.count == .requests and
	.requests_per_s > 0 and .bytes_in > .requests * 1024 and .end > .start and .rate == null'
after=$(counter http_requests)
step "as the proxy and the origin counted them" says "
	(.requests + .outside.requests) as \$n | (.origin.requests + .outside.origin.requests) as \$o |
	($after - $before - \$n) as \$d | \$d >= 0 and \$d <= 4 and \$o >= \$n and \$o - \$n <= 4"

step "each connection makes one request" exits 0 load --connections 2 --requests-per-connection 1
step "with a full handshake" says '.handshakes_full > 0 and .handshakes_resumed == 0 and
	.handshakes_full == .connections and .handshake_us.count == .connections and
	(.requests - .connections | fabs) <= 2 and .errors_total == 0'
before=$(counter tls_resumed)
step "connections that offer a session" exits 0 load --connections 2 --requests-per-connection 1 \
	--handshake resumed
step "are resumed" says '.handshakes_resumed > 0 and .handshakes_full == 0 and .errors_total == 0'
step "as the proxy counted them" [ "$(counter tls_resumed)" -gt "$before" ]

# On a busy machine it catches up, but a closed loop would make tens of thousands.
step "an open loop sends at its rate" exits 0 load --connections 4 --rate 200,400
step "with a window for each rate" says '(.windows | length) == 2 and .windows[1].rate == 400 and
	all(.windows[]; .requests > 0 and .requests < 2000) and .errors_total == 0'
step "large bodies both ways" exits 0 load --connections 2 --response-size 300k --request-size 100k
step "come whole" says '.requests > 0 and .errors_total == 0 and .bytes_in > .requests * 300000 and
	.bytes_out > .requests * 100000'
step "idle connections are held" exits 0 load --connections 1 --idle 20 --hold 0.3
step "and none is cut" says '.open == 21 and (.cut | length) == 0 and .errors_total == 0'

step "a run with errors says so" exits 3 load --connections 2 --host elsewhere.example --sni here.example
step "in its result" says '.errors.http_status > 0 and .errors_total > 0 and .requests == 0 and
	(.marks | index("errors"))'
is_alive dataplane || fail "the data plane ended"
