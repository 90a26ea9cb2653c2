#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers behind ports of one queue each serve 200 requests at once: both of them work, each
# writes its records, none is lost. Then the data plane is killed in the middle of them: the control
# plane gets over readers that died, and what it publishes meanwhile is enforced after the restart.
# timeout: 150
. "$(dirname "$0")/stack-lib.sh"
[ "$(nproc)" -ge 2 ] || skip "needs two cores"
WORKERS='[0, 1]'

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
OTHER=$(add_device --name other)
step "EMS told of the devices" wait_for 10 device_is_known "$OTHER"
head -c 64K /dev/urandom >"$DIR/www/random"

# prepare NUMBER FILE: so many requests, each by a connection of its own, all at the same time.
LOAD=(timeout 60 curl -sS --parallel --parallel-immediate --parallel-max 200)
prepare()
{
	local i
	for ((i = 0; i < $1; i++)); do
		printf 'url = %s/random?%d\noutput = %s/part.%d\n' "$PROXY" "$i" "$DIR" "$i"
		# Settings are each transfer's own.
		printf 'cacert = %s/web-ca.pem\ncert = %s/devices/%s.pem\nkey = %s/devices/%s.key\n' \
			"$EMS" "$EMS" "$DEV" "$EMS" "$DEV"
		printf 'http1.1\nheader = "Connection: close"\nwrite-out = "%%{http_code}\\n"\nnext\n'
	done >"$DIR/curl.$2"
	sed -i '$d' "$DIR/curl.$2"
}
all_answered()
{
	prepare 200 "$1"
	in_ns client "${LOAD[@]}" -K "$DIR/curl.$1" >"$DIR/codes.$1" 2>"$DIR/curl-$1.log"
	[ "$(grep -c '^200$' "$DIR/codes.$1")" -eq 200 ] || {
		sort "$DIR/codes.$1" | uniq -c
		head -n 5 "$DIR/curl-$1.log"
		return 1
	}
}
step "200 requests at once" all_answered first
for ((i = 0; i < 200; i++)); do
	cmp -s "$DIR/part.$i" "$DIR/www/random" || fail "answer $i is not what the server sent"
done
echo "ok: each with the server's own bytes"

# Session ids are dealt out in turns: the remainder is the worker.
records()
{
	grep "clientdeviceid=\"$DEV\"" "$TRAFFIC" | grep -c "sessionid=[0-9]*[$1] "
}
all_recorded()
{
	[ $(($(records 02468) + $(records 13579))) -eq 200 ]
}
step "there are 200 records" wait_for 10 all_recorded
echo "even $(records 02468), odd $(records 13579)"
[ "$(records 02468)" -ge 40 ] && [ "$(records 13579)" -ge 40 ] || fail "one worker did it all"
echo "ok: both workers wrote some"
both_busy()
{
	api /api/v1/status | jq -e '.snapshot.generation as $g | [.dataplane.workers[] |
		select(.busy_cycles > 0 and .generation == $g)] | length == 2'
}
step "both counted their work" wait_for 5 both_busy
total()
{
	api /api/v1/counters | jq --arg n "$1" '[.counters[] | select(.name == $n).count] | add'
}
for name in tls_handshakes http_requests policy_accept record_written; do
	[ "$(total $name)" = 200 ] || fail "$name is $(total $name), not 200"
done
echo "ok: the counters' sums agree"

prepare 200 second
spawn load ip netns exec "$T-client" "${LOAD[@]}" -K "$DIR/curl.second"
some_answers()
{
	[ "$(total http_requests)" -gt 220 ]
}
step "200 more are on their way" wait_for 20 some_answers
stop dataplane KILL
readers_forgotten()
{
	grep -q "its readers are forgotten" "$DIR/controlplane.log"
}
step "the control plane forgets readers that died" wait_for 10 readers_forgotten
generation()
{
	api /api/v1/status | jq .snapshot.generation
}
before=$(generation)
# More versions than it has room for without reusing pages.
for ((i = 0; i < 20; i++)); do
	ems tag "$DEV" -FortiAD >/dev/null
	ems tag "$DEV" +FortiAD >/dev/null
done
ems tag "$DEV" -FortiAD >/dev/null
published()
{
	[ "$(generation)" -gt "$before" ] &&
		api "/api/v1/devices/$DEV" | jq -e '.tags | index("FortiAD") == null'
}
step "and publishes on" wait_for 10 published
start_dataplane
plug
stop load
denied()
{
	expect_status 403 "$DEV" "$PROXY/"
}
step "what was published meanwhile is enforced" wait_for 10 denied
ems tag "$DEV" +FortiAD >/dev/null
step "both workers follow" wait_for 10 both_busy
step "200 requests at once after the restart" wait_for 30 all_answered third
