#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# Packet capture: what a filter names and nothing else, as others saw it; refused filters; the ends
# of a capture.
. "$(dirname "$0")/stack-lib.sh"
need tcpdump

ctl()
{
	"$CTL" --socket "$API" "$@"
}

# capture NAME ARGUMENT...: in the background, into $DIR/NAME.pcapng.
capture()
{
	local name=$1 before
	shift
	before=$(grep -c ' capture interface=' "$DIR/controlplane.log")
	spawn "$name" "$CTL" --socket "$API" capture --write "$DIR/$name.pcapng" "$@"
	wait_for 5 has_begun "$before" || fail "capture $name does not begin"
}

has_begun()
{
	[ "$(grep -c ' capture interface=' "$DIR/controlplane.log")" -gt "$1" ]
}

has_ended()
{
	[ "$(grep -c ' capture ended ' "$DIR/controlplane.log")" -ge "$1" ]
}

# The packets of a file, in the words of tcpdump, without times.
packets()
{
	tcpdump -n -S -t -r "$@" 2>/dev/null | sort
}

# ended NAME: it ends well, and says how many packets there are.
ended()
{
	local pid=${PID[$1]}
	unset "PID[$1]"
	wait "$pid" || return 1
	grep -q "^$(packets "$DIR/$1.pcapng" | wc -l) packets captured, 0 dropped$" "$DIR/$1.log"
}

stop_capture()
{
	local pid=${PID[$1]}
	kill -INT "$pid"
	ended "$1"
}

same_as_tcpdump()
{
	packets "$DIR/$1.pcapng" >"$DIR/ours"
	packets "$DIR/$1.pcap" >"$DIR/theirs"
	[ -s "$DIR/ours" ] && diff "$DIR/ours" "$DIR/theirs"
}

stack_up
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "it is served" expect_status 200 "$DEV" "$PROXY/"

# tcpdump has a socket of its own only once it says so.
spawn wan-tcpdump ip netns exec "$T-client" tcpdump -U --immediate-mode -n \
	-i "$T-w" -w "$DIR/wan.pcap" \
	"tcp port 9043"
wait_for 5 grep -q "listening on" "$DIR/wan-tcpdump.log" || fail "no tcpdump"
capture wan --interface wan tcp port 9043
step "a request" expect_status 200 "$DEV" "$PROXY/"
in_ns client ping -q -c 2 -i 0.2 192.0.2.10 >/dev/null || fail "no ping"
sleep 0.5
step "Ctrl-C ends it, with a summary" stop_capture wan
stop wan-tcpdump INT
step "it has what tcpdump saw on the other side, no more and no less" same_as_tcpdump wan
refute "the echo requests were not asked for" bash -c \
	"tcpdump -n -r '$DIR/wan.pcapng' icmp 2>/dev/null | grep -q ICMP"
step "nobody else may read it" [ "$(stat -c %a "$DIR/wan.pcapng")" = 600 ]

if command -v tshark >/dev/null; then
	fields()
	{
		tshark -r "$DIR/$1.pcapng" -T fields "${@:2}" 2>/dev/null
	}
	step "tshark opens it: both directions, the interface by name" bash -c "
		tshark -r '$DIR/wan.pcapng' -T fields -e frame.interface_name -e frame.packet_flags_direction \
			2>/dev/null | sort -u | sed 's/0x0*//' >'$DIR/fields'
		printf 'wan\t1\nwan\t2\n' | diff - '$DIR/fields'"
	step "and finds a TLS handshake" bash -c "
		tshark -r '$DIR/wan.pcapng' -d tcp.port==9043,tls -Y tls.handshake.type==1 2>/dev/null |
			grep -q 'Client Hello'"
	step "nothing in it is malformed" bash -c "
		! tshark -r '$DIR/wan.pcapng' -Y _ws.malformed 2>/dev/null | grep -q ."
fi

capture in --direction in --interface lan tcp and src host 198.51.100.20
step "a request" expect_status 200 "$DEV" "$PROXY/"
sleep 0.3
step "one direction ends" stop_capture in
step "and has the server's packets alone" bash -c "
	tcpdump -n -r '$DIR/in.pcapng' 2>/dev/null >'$DIR/text' && [ -s '$DIR/text' ] &&
	! grep -v '198.51.100.20.8080 > ' '$DIR/text'"

capture some --count 5 --snaplen 60
step "a request" expect_status 200 "$DEV" "$PROXY/"
step "after --count packets it ends by itself" ended some
step "there are five, of 60 bytes at most" bash -c "
	[ \$(tcpdump -n -r '$DIR/some.pcapng' 2>/dev/null | wc -l) = 5 ]"
capture short --duration 1
step "after --duration too" ended short

step "to a pipe" bash -c "
	'$CTL' --socket '$API' capture --write - --duration 2 icmp 2>'$DIR/pipe.log' |
		tcpdump -n -r - 2>/dev/null >'$DIR/piped' &
	sleep 0.7; ip netns exec '$T-client' ping -q -c 2 -i 0.2 192.0.2.10 >/dev/null; wait
	[ \$(grep -c 'ICMP echo' '$DIR/piped') = 4 ]"

# refused FILTER TEXT: with that text among the reasons.
refused()
{
	local out
	out=$(ctl capture --write "$DIR/no.pcapng" --duration 1 "$1" 2>&1) && return 1
	grep -q "$2" <<<"$out" || { echo "$out"; return 1; }
}

step "a filter that is no filter" refused "tcp port" "The filter is refused: "
step "a word that is none" refused "tcp prot 443" '"prot"'
step "a name is not looked up" refused "host www.example.com" "not looked up"
step "an interface that is none" bash -c \
	"'$CTL' --socket '$API' capture --interface nix --write '$DIR/no.pcapng' 2>&1 | grep -q 'No interface'"

capture first --duration 60
step "a second one at a time is refused" bash -c \
	"'$CTL' --socket '$API' capture --write '$DIR/no.pcapng' 2>&1 | grep -q 'A capture is running'"
n=$(grep -c ' capture ended ' "$DIR/controlplane.log")
stop first KILL
step "a client that is killed ends it" wait_for 5 has_ended $((n + 1))
grep -q 'why="the client went away"' "$DIR/controlplane.log" || fail "for another reason"
capture again --count 1
step "a request" expect_status 200 "$DEV" "$PROXY/"
step "and the next one runs" ended again

# A reader that stands still while much goes on: traffic does not wait for it, and what it misses is
# counted.
head -c 64M /dev/urandom >"$DIR/www/big"
n=$(grep -c ' capture interface=' "$DIR/controlplane.log")
spawn slow bash -c "'$CTL' --socket '$API' capture --write - 2>'$DIR/slow.err' | {
	until [ -e '$DIR/go' ]; do sleep 0.1; done; cat >'$DIR/slow.pcapng'; }"
wait_for 5 has_begun "$n" || fail "the slow one does not begin"
step "64 MiB past a reader that stands still" expect_status 200 "$DEV" "$PROXY/big"
step "whole" cmp "$DIR/www/big" "$DIR/body"
touch "$DIR/go"
step "DELETE ends a capture" api /api/v1/capture -X DELETE
wait "${PID[slow]}"
unset "PID[slow]"
step "it says how many it has, and that many were dropped" bash -c "
	n=\$(tcpdump -n -r '$DIR/slow.pcapng' 2>/dev/null | wc -l) && [ \$n -gt 0 ] &&
	grep -qE \"^\$n packets captured, [1-9][0-9]* dropped\$\" '$DIR/slow.err'"

capture orphan --duration 60
stop controlplane KILL
unset "PID[orphan]"
start_controlplane
sleep 3.5
step "a control plane that was killed: the workers stopped, another capture begins" \
	ctl capture --write "$DIR/after.pcapng" --duration 1
capture widow --duration 60
stop dataplane KILL
step "a data plane that is killed ends it" wait_for 10 grep -q 'why="the data plane ended"' \
	"$DIR/controlplane.log"
wait "${PID[widow]}" || fail "its client did not end well"
unset "PID[widow]"
start_dataplane
plug
step "the next data plane serves" wait_for 10 expect_status 200 "$DEV" "$PROXY/"
capture next --count 2 tcp
step "a request" expect_status 200 "$DEV" "$PROXY/"
step "and captures" ended next
step "who captured is in the log" bash -c \
	"grep -q 'capture interface=wan filter=\"tcp port 9043\" uid=0 pid=' '$DIR/controlplane.log'"
is_alive dataplane || fail "the data plane ended"
