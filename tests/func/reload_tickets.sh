#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Sessions are resumed across a change of policies, which decides on them all the same, and not
# across one of what their TLS service is made from.
. "$(dirname "$0")/stack-lib.sh"

# talk OPTION...: a request by s_client; what both said.
talk()
{
	(
		printf 'GET / HTTP/1.1\r\nHost: 192.0.2.10:9043\r\nConnection: close\r\n\r\n'
		sleep 0.3
	) | in_ns client timeout 10 openssl s_client -connect 192.0.2.10:9043 -ign_eof \
		-cert "$EMS/devices/$DEV.pem" -key "$EMS/devices/$DEV.key" -CAfile "$EMS/web-ca.pem" \
		"$@" >"$DIR/talk" 2>&1
}
session_is_given()
{
	talk "-$1" -sess_out "$DIR/session" && grep -q 'HTTP/1.1 200' "$DIR/talk"
}
# resumes VERSION STATUS: by the session that was given last, as one of TLS 1.3 is good once.
resumes()
{
	talk "-$1" -sess_in "$DIR/session" -sess_out "$DIR/session"
	cat "$DIR/talk"
	grep -q '^Reused, ' "$DIR/talk" && grep -q "HTTP/1.1 $2" "$DIR/talk"
}
starts_anew()
{
	talk "-$1" -sess_in "$DIR/session"
	cat "$DIR/talk"
	grep -q '^New, ' "$DIR/talk" && grep -q "HTTP/1.1 200" "$DIR/talk"
}

stack_up
DEV=$(add_device --name laptop --tag FortiAD)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
ACCEPT=$POLICIES
DENY=${POLICIES/'"any": ["FortiAD"'/'"any": ["Nobody"'}
for version in tls1_3 tls1_2; do
	step "$version: a session is given" session_is_given $version
	step "$version: and resumed" resumes $version 200
	POLICIES=$DENY
	step "$version: a policy that does not let the device in" reload
	step "$version: it is resumed and refused" resumes $version 403
	POLICIES=$ACCEPT
	step "$version: the policy of before" reload
	step "$version: it is resumed and served" resumes $version 200
	rm "$EMS/web.pem" "$EMS/web.key"
	ems make-server-cert --name web --host 192.0.2.10 >/dev/null || fail "no certificate"
	chown 64001 "$EMS/web.key"
	step "$version: another certificate for the access proxy" reload
	step "$version: it is not resumed any more" starts_anew $version
done
