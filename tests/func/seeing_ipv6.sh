#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Connections and packets of IPv6 are seen as those of IPv4 are.
# shellcheck source=tests/func/ipv6-lib.sh
. "$(dirname "$0")/ipv6-lib.sh"
need tcpdump

ctl()
{
	"$CTL" --socket "$API" "$@"
}

ipv6_up
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "it is served" wait_for 10 expect_status 200 "$DEV" "$PROXY6/six/"

spawn six "$CTL" --socket "$API" capture --write "$DIR/six.pcapng" --interface wan --duration 60 \
	ip6 and tcp port 9043
wait_for 5 grep -q ' capture interface=wan' "$DIR/controlplane.log" || fail "no capture"
step "a request" expect_status 200 "$DEV" "$PROXY6/six/"
head -c 16M /dev/urandom >"$DIR/www/big"
spawn slow ip netns exec "$T-client" curl -sS --max-time 60 --limit-rate 1M --cacert \
	"$EMS/web-ca.pem" --cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" \
	-o /dev/null "$PROXY6/six/big"
step "a connection is listed by its address" wait_for 5 bash -c "
	'$CTL' --socket '$API' show connections --address 2001:db8:1::1 --port 9043 --json |
		jq -e '.connections | length > 0 and all(.[]; .local == \"[2001:db8:1::10]:9043\")'"
step "the one to its server by its port, with its interface" bash -c "
	'$CTL' --socket '$API' show connections --address 2001:db8:2::20 --port 8080 --json |
		jq -e '[.connections[] | select(.state == \"established\")][0].interface == \"lan\"'"
refute "none is found by another address" bash -c "
	'$CTL' --socket '$API' show connections --address 2001:db8:1::77 --json |
		jq -e '.connections | length > 0'"
step "IPv6 is counted" bash -c "
	'$CTL' --socket '$API' show tcp --all --json |
		jq -e '.groups[] | select(.name == \"nd\") | .counters | map(.count) | add > 0'"
kill -INT "${PID[six]}"
wait "${PID[six]}" || fail "the capture does not end well"
unset "PID[six]"
step "the request was captured" bash -c "
	tcpdump -n -r '$DIR/six.pcapng' 2>/dev/null | grep -q 'IP6 2001:db8:1::1.* > 2001:db8:1::10.9043'"
is_alive dataplane || fail "the data plane ended"
