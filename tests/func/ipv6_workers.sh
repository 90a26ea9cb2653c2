#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# Two workers behind ports of one queue each, IPv6 on both sides: 200 requests at once, each with a
# connection of its own to proxy and server. Both workers serve, also after a restart.
. "$(dirname "$0")/ipv6-lib.sh"
[ "$(nproc)" -ge 2 ] || skip "needs two cores"
WORKERS='[0, 1]'

ipv6_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
head -c 64K /dev/urandom >"$DIR/www/random"
# nginx closes after each, so that every request dials.
sed -i 's/keepalive_requests .*/keepalive_timeout 0;/' "$DIR/nginx.conf"
stop nginx
spawn nginx ip netns exec "$T-server" nginx -c "$DIR/nginx.conf" -e "$DIR/nginx-error.log"
served()
{
	expect_status 200 "$DEV" "$PROXY6/six/"
}
step "one request" wait_for 10 served

for ((i = 0; i < 200; i++)); do
	printf 'url = %s/%s/random?%d\noutput = %s/part.%d\n' "$PROXY6" \
		"$([ $((i % 4)) = 0 ] && echo four || echo six)" "$i" "$DIR" "$i"
	printf 'cacert = %s/web-ca.pem\ncert = %s/devices/%s.pem\nkey = %s/devices/%s.key\n' \
		"$EMS" "$EMS" "$DEV" "$EMS" "$DEV"
	printf 'http1.1\nheader = "Connection: close"\nwrite-out = "%%{http_code}\\n"\nnext\n'
done >"$DIR/curl.all"
sed -i '$d' "$DIR/curl.all"
all_answered()
{
	in_ns client timeout 60 curl -sS --parallel --parallel-immediate --parallel-max 200 \
		-K "$DIR/curl.all" >"$DIR/codes" 2>"$DIR/curl.err"
	[ "$(grep -c '^200$' "$DIR/codes")" -eq 200 ] || {
		sort "$DIR/codes" | uniq -c
		head -n 5 "$DIR/curl.err"
		return 1
	}
}
step "200 requests at once" all_answered
for ((i = 0; i < 200; i++)); do
	cmp -s "$DIR/part.$i" "$DIR/www/random" || fail "answer $i is not what the server sent"
done
echo "ok: each with the server's own bytes"

# Session ids are dealt out in turns: the remainder is the worker.
records()
{
	grep "srcip=2001:db8:1::1 " "$TRAFFIC" | grep -c "sessionid=[0-9]*[$1] "
}
all_recorded()
{
	[ $(($(records 02468) + $(records 13579))) -ge 200 ]
}
step "there are 200 records" wait_for 10 all_recorded
echo "even $(records 02468), odd $(records 13579)"
[ "$(records 02468)" -ge 40 ] && [ "$(records 13579)" -ge 40 ] || fail "one worker did it all"
echo "ok: both workers wrote some"
stop dataplane KILL
start_dataplane
plug
step "a data plane that was killed and started serves again" wait_for 10 served
