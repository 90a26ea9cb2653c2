#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# Big bodies both ways over links that lose, repeat and reorder on both sides: all of it arrives.
. "$(dirname "$0")/stack-lib.sh"
MIB=${MIB:-200}
MAX_TIME=120

stack_up
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
step "it is served" expect_status 200 "$DEV" "$PROXY/"
step "both links lose, repeat and reorder" lossy_links --delay-ms "${DELAY_MS:-0.3}" \
	--loss 2 --dup 1 --reorder 2 --hold-ms 1
head -c "${MIB}M" /dev/urandom >"$DIR/www/big"
began=$SECONDS
step "$MIB MiB down" expect_status 200 "$DEV" "$PROXY/big"
step "as the server has them" cmp "$DIR/www/big" "$DIR/body"
echo "down: $((SECONDS - began)) s"
began=$SECONDS
mv "$DIR/body" "$DIR/up"
step "$MIB MiB up" expect_status 201 "$DEV" -T "$DIR/up" "$PROXY/copy"
step "as the client has them" cmp "$DIR/up" "$DIR/www/copy"
echo "up: $((SECONDS - began)) s"
stop linkem-client
stop linkem-server
for log in "$DIR"/linkem-*.log; do
	cat "$log"
	for what in lost dup late; do
		! grep -q " $what=0 " "$log" || fail "$log: $what is 0"
	done
done
echo "ok: the links were as bad as they were said to be"
