#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# A short life of the control plane under valgrind: sync, changes, faults, two reloads, SIGTERM.
. "$(dirname "$0")/ems-lib.sh"
need curl jq valgrind
if ldd "$BUILD/controlplane/tagwarden-controlplane" | grep -q libasan; then
	skip "ASan and valgrind do not go together"
fi

WRAP="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
WRAP+=" --show-leak-kinds=definite --num-callers=20"
# libwebsockets 4.1 loses the TLS context of a client that was connected: 27 KB for each connector
# that a reload replaces.
cat >"$DIR/lws.supp" <<END
{
   lws_client_tls_context
   Memcheck:Leak
   match-leak-kinds: definite
   fun:malloc
   ...
   fun:SSL_CTX_new_ex
   obj:*libwebsockets*
   ...
   fun:lws_create_context
   fun:ems_ws_init
}
END
WRAP+=" --suppressions=$DIR/lws.supp"
START_TIME=40
OUT_OF_SYNC=60
CALL_TIMEOUT=10
start_ems --page-size 20
ems synth 100 >/dev/null
A=$(add_device --name laptop1 --tag FortiAD)
write_config
start_controlplane
step "it gets in sync" wait_for 20 is_equal_to_ems
wait_for 20 ems_is '.websocket == "connected"' || fail "no notifications"
ems tag "$A" +Low-Risk >/dev/null
step "a change comes" wait_for 10 is_equal_to_ems
for f in bad-base64 wrong-types truncate deep-json; do
	ems fault "$f" 1 --entry uid_tags >/dev/null
	ems tag "$A" "+$f" >/dev/null
done
ems delete "$A" >/dev/null
step "faults pass" wait_for 40 is_equal_to_ems
sed -i 's/"call_timeout": 10/"call_timeout": 9/' "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
reloads_are()
{
	[ "$(api /api/v1/status | jq .reloads)" -eq "$1" ]
}
step "it reloads" wait_for 10 reloads_are 1
sed -i 's/"status": "enable"//; s/"id": 1,/"id": 1, "status": "disable",/' "$DIR/tagwarden.json"
kill -HUP "${PID[controlplane]}"
step "and again" wait_for 10 reloads_are 2
sleep 1
stop controlplane
rc=$?
[ $rc -ne 99 ] || fail "valgrind found errors"
[ $rc -eq 0 ] || fail "it ended with $rc"
[ ! -s "$DIR/controlplane.log" ] || ! grep -q '^==' "$DIR/controlplane.log" || fail "valgrind complains"
echo "ok: valgrind found nothing"
