#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The control plane is killed in the middle of commits, each time a little later: afterwards the old or
# the new document is in force, whole, the file and the history say the same, and it can be changed.
# shellcheck source=tests/func/ems-lib.sh
. "$(dirname "$0")/ems-lib.sh"

need curl jq sha256sum

FILE=$DIR/tagwarden.json
C=/api/v1/config
OLD=root

patch()
{
	api $C/candidate -X PATCH --data "{\"gateway\": {\"vdom\": \"$1\"}}" >/dev/null
}

vdom()
{
	api $C | jq -r .gateway.vdom
}

# killed_after MS NEW: in the middle of a commit of NEW.
killed_after()
{
	local client now
	patch "$2" || return 1
	api $C/commit -X POST >/dev/null 2>&1 &
	client=$!
	sleep "$(printf '0.%03d' "$1")"
	stop controlplane KILL
	wait $client
	start_controlplane
	now=$(vdom)
	if [ "$now" != "$OLD" ] && [ "$now" != "$2" ]; then
		echo "$now runs, neither $OLD nor $2"
		return 1
	fi
	if [ "$now" = "$2" ]; then
		NEWS=$((NEWS + 1))
	fi
	OLD=$now
	diff "$FILE" <(curl -s --unix-socket "$API" "http://localhost$C") || return 1
	[ "$(sha256sum <"$FILE" | cut -d' ' -f1)" = \
		"$(api "$C/history?limit=1" | jq -r '.versions[0].sha256')" ] || {
		echo "the history does not end with what runs"
		return 1
	}
	[ -z "$(find "$DIR/state/config" -name '*.new')" ] || {
		ls "$DIR/state/config"
		return 1
	}
	api $C/candidate -X DELETE >/dev/null 2>&1
	return 0
}

start_ems
write_config
start_controlplane
NEWS=0
for ms in 0 2 4 6 8 10 12 15 20 30 60; do
	killed_after $ms "v$ms" >"$DIR/step.out" 2>&1 || {
		cat "$DIR/step.out"
		fail "killed after $ms ms"
	}
	echo "ok: killed after $ms ms: $OLD"
done
# Without one of each the times say nothing.
[ $NEWS -gt 0 ] || echo "every commit was lost: this machine is slow"
patch last
step "it can still be changed" api $C/commit -X POST
step "for good" [ "$(vdom)" = last ]
