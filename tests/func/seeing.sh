#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 200
# Seeing what TCP does: counters, connections, one connection during a transfer over links that
# lose and repeat.
. "$(dirname "$0")/stack-lib.sh"
MAX_TIME=100

ctl()
{
	"$CTL" --socket "$API" "$@"
}

# The connection to the client that has bytes under way, as JSON, into $DIR/one.
look()
{
	local id
	id=$(ctl show connections --address 192.0.2.1 --state established --json |
		jq -er '[.connections[] | select(.in_flight > 0)][0].id') || return 1
	ctl show connection "$id" --json >"$DIR/one"
}

# shows JQ-FILTER: some view of the transfer meets it.
shows()
{
	look && jq -e "$1" "$DIR/one"
}

counted()
{
	ctl show tcp --json | jq -e --arg n "$1" '[.groups[].counters[] | select(.name == $n) | .count] | add > 0'
}

stack_up
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "it is served" expect_status 200 "$DEV" "$PROXY/"

# A request can be served before the control plane has the counters' file.
step "the counters are there" wait_for 5 grep -q "attached to the data plane" "$DIR/controlplane.log"
step "show tcp counts what came" counted tcp_segs_in
step "and in words" bash -c "'$CTL' --socket '$API' show tcp | grep -q 'TCP segments received'"
refute "no zeros unless asked for" bash -c "'$CTL' --socket '$API' show tcp | grep -q tcp_paws"
step "--all shows them" bash -c "'$CTL' --socket '$API' show tcp --all | grep -q tcp_paws"

step "both links lose and repeat" lossy_links --delay-ms 10 --loss 3 --dup 1 --rate 20
head -c 64M /dev/urandom >"$DIR/www/big"
spawn transfer ip netns exec "$T-client" curl -sS --max-time 100 --cacert "$EMS/web-ca.pem" \
	--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" -o /dev/null "$PROXY/big"
step "a connection with bytes under way" wait_for 20 look
step "is that of a session" jq -e '.session_id > 0 and .session_leg == "client" and
	.opened_by == "peer" and .interface == "wan"' "$DIR/one"
step "has its options" jq -e '.options | .sack and .timestamps and .mss == 1460 and
	.receive_window_scale > 0' "$DIR/one"
step "retransmits" wait_for 20 shows '.retransmits > 0'
step "shows a hole: what the peer has behind what it lacks" wait_for 20 shows \
	'.sender.ranges | map(.what) | index("sacked") != null and (index("resent") != null or
	 index("lost") != null or index("unanswered") != null)'
step "recovers" wait_for 20 shows '.sender.recovery != "open"'
step "took the delay for what it is" jq -e '.srtt_us > 15000 and .sender.min_rtt_us > 15000 and
	.sender.rto_us >= 200000' "$DIR/one"
step "waits for an answer" wait_for 10 shows '.timers.retransmission |
	.purpose != "none" and .due_ms != null'
step "receives out of order from the server" wait_for 20 bash -c "
	id=\$('$CTL' --socket '$API' show connections --port 8080 --json |
		jq -er '[.connections[] | select(.state == \"established\")][0].id') &&
	'$CTL' --socket '$API' show connection \"\$id\" --json |
		jq -e '.receiver.ranges | length > 0'"
step "the page for people has it too" bash -c "
	id=\$(jq -r .id '$DIR/one')
	'$CTL' --socket '$API' show connection \"\$id\" | grep -q 'retransmissions'"
step "show tcp counts retransmissions" counted tcp_retransmits
stop transfer
stop linkem-client
stop linkem-server

refute "an id that is none" ctl show connection 1.2
refute "one of no connection" ctl show connection 0.4095.77
no_such_session()
{
	ctl kill session 999999999
	[ $? -eq 5 ] && grep -q 'No such session' "$DIR/step.out"
}
step "a session that is not there is not said to end" no_such_session
refute "a state that is none" ctl show connections --state up
step "TIME-WAIT or not, the list ends" ctl show connections --limit 0
is_alive dataplane || fail "the data plane ended"
