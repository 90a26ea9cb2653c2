#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The answer in one command: a denial is explained by its id, as it was decided, with the smallest
# change that would have allowed it; also when things are different by now.
. "$(dirname "$0")/stack-lib.sh"
# shellcheck disable=SC2034 # stack_up reads it
POLICIES='[{"id": 5, "name": "infected", "access_proxies": ["ZTNA-webserver"],
  "tags": {"any": ["Infected"]}, "action": "deny", "log": "all"},
 {"id": 17, "name": "both", "access_proxies": ["ZTNA-webserver"],
  "tags": {"all": ["FortiAD", {"any": ["Low-Risk", "Trusted"]}]}, "action": "accept", "log": "all"}]'

stack_up
DEV=$(add_device --name laptop --tag FortiAD --tag Windows10)
WRONG=$(add_device --name clone --tag FortiAD --tag Low-Risk --serial-mismatch)
ZERO=$(add_device --name none --tag FortiAD --tag Low-Risk --all-zero)
BAD=$(add_device --name ill --tag FortiAD --tag Low-Risk --tag Infected)
step "EMS told of the devices" wait_for 10 device_is_known "$BAD"

# denied UID: a request that is denied; its id.
denied()
{
	as "$1" -o "$DIR/body" -D "$DIR/head" "$PROXY/" || return 1
	tr -d '\r' <"$DIR/head" | sed -n 's/^X-Request-Id: //p'
}

is_kept()
{
	api "/api/v1/decisions/$1" >/dev/null
}

# explains ID PATTERN: a line of the explanation. Evidence is read some milliseconds later.
explains()
{
	wait_for 5 is_kept "$1" || return 1
	"$CTL" --socket "$API" explain "$1" >"$DIR/explained" || return 1
	grep -qE "$2" "$DIR/explained" || {
		cat "$DIR/explained"
		return 1
	}
}

id=$(denied "$DEV")
[ ${#id} -eq 32 ] || fail "the response names no id: $(cat "$DIR/head")"
step "what was decided" explains "$id" '^Decision +denied, policy 0, code 065, HTTP 403'
step "the rule tree: a policy that was asked" grep -qE '^  policy 17 "both" \(accept\): does not match' "$DIR/explained"
step "a tag that is there, with age and source" grep -qE '^      FortiAD +true +told [0-9]+ s before by emstest' "$DIR/explained"
step "a tag that is not, in its branch" grep -qE '^        Low-Risk +false' "$DIR/explained"
step "the branch" grep -qE '^      any +false' "$DIR/explained"
step "the same serial number on both sides" grep -qE '^  [0-9A-F]{40} +[0-9A-F]{40} +same$' "$DIR/explained"
step "the smallest change" grep -q 'tag Low-Risk on the device would let policy 17 accept' "$DIR/explained"
step "now it is the same" grep -q '^Now: deny, policy 0, code 065' "$DIR/explained"

ems tag "$DEV" +Low-Risk >/dev/null
passes()
{
	expect_status 200 "$DEV" "$PROXY/"
}
step "with the tag it passes" wait_for 5 passes
step "the denial is told as it was" explains "$id" '^        Low-Risk +false'
step "beside what would be now" grep -q '^Now: accept, policy 17, code 000' "$DIR/explained"

id=$(denied "$WRONG")
step "two serial numbers" explains "$id" '^  [0-9A-F]{40} +[0-9A-F]{40} +DIFFERENT$'
step "EMS's is the one to have" grep -qE "serial number must be [0-9A-F]{40}: re-register" "$DIR/explained"
id=$(denied "$ZERO")
step "zeros at EMS" explains "$id" 'DIFFERENT: EMS has issued no ZTNA certificate$'
id=$(denied "$BAD")
step "a deny policy that comes first" explains "$id" 'tag Infected gone from the device would let policy 17 accept'
step "may be passed as well" grep -q 'or: policy 17 moved above policy 5, which denies first' "$DIR/explained"

# What was accepted has an id and a story as well; so has what no policy was asked about.
passes || fail "it does not pass"
accepted()
{
	sed -n '/action="accept"/s/.*requestid="\([0-9a-f]*\)".*/\1/p' "$TRAFFIC" | tail -n 1
}
wait_for 5 test -n "$(accepted)" || fail "no accept in the log"
step "an accept is explained by the log's id" explains "$(accepted)" '^Decision +accepted, policy 17, code 000'
step "with the policy that accepted" grep -qE '^  policy 17 "both" \(accept\): accepts' "$DIR/explained"
id_of_refused()
{
	as "$DEV" -o "$DIR/body" -D "$DIR/head" -H 'Host: a b' "$PROXY/"
	tr -d '\r' <"$DIR/head" | sed -n 's/^X-Request-Id: //p'
}
step "a malformed request" explains "$(id_of_refused)" '^Decision +refused, policy 0, code 000, HTTP 400'

# A handshake that fails shows no page, but has an id as well.
in_ns client curl -s --max-time 5 --cacert "$EMS/web-ca.pem" "$PROXY/" >/dev/null
handshake_id()
{
	api "/api/v1/denials?limit=1" | jq -r '.denials[0] | select(.code == 2) | .request_id'
}
has_handshake()
{
	[ -n "$(handshake_id)" ]
}
step "a client without a certificate is a denial" wait_for 5 has_handshake
step "which has an id" explains "$(handshake_id)" '^Decision +denied, policy 0, code 002'
step "and says what would help" grep -q "must show the certificate of a registered device" "$DIR/explained"

# Without a request: the same tree.
"$CTL" --socket "$API" explain --uid "$BAD" --service ZTNA-webserver >"$DIR/asked"
step "asked without traffic" grep -qE '^Decision +deny, policy 5, code 064' "$DIR/asked"
step "as JSON" eval '"$CTL" --socket "$API" --json explain "$id" |
	jq -e ".then.would_allow[0].changes[0].kind == \"remove-tag\""'

# The client is told none of it.
for word in Infected FortiAD both ZTNA-webserver; do
	refute "the page does not tell $word" grep -q -- "$word" "$DIR/body"
	refute "nor does the head tell $word" grep -qi -- "$word" "$DIR/head"
done

# How requests meet their policies, live, in the field's shapes; nothing while nobody asks.
start_debug()
{
	api /api/v1/debug -X PUT --data '{"wad": {"category": ["policy"], "level": "verbose"}}' >/dev/null || return 1
	spawn stream curl -sN --unix-socket "$API" http://localhost/api/v1/debug/stream
	wait_for 5 is_heard
}
is_heard()
{
	api /api/v1/debug | jq -es '.[0].listeners == 1'
}
traced()
{
	grep -qE "$1" "$DIR/stream.log"
}
HEAD='^\[[IV]\]20[0-9-]{8} [0-9:]{8}\.[0-9]{6} \[p:[0-9]+\]\[s:[0-9]+\]\[r:[0-9]+\] '
step "debug output is on" start_debug
id=$(denied "$BAD")
step "the request" wait_for 5 traced "${HEAD}wad_http_client_read_req +:[0-9]+ +Received request from client: 192\.0\.2\.1:[0-9]+ id=$id"
step "its API gateway" traced "wad_vs_proxy_match_gwy .*6:ZTNA-webserver: (Matched gwy\(1\) type\(http\)|no gwy)"
step "its device" traced "wad_ztna_dev_check .*Device check: uid=$BAD cert-sn=[0-9A-F]{40}"
step "EMS's serial number" traced "Device check: ems-sn=[0-9A-F]{40} same"
step "its tags" traced "wad_ztna_dev_get_tags .*tag=Infected told=[0-9]+s before ems-id=1"
step "the start of the policies" traced "wad_http_req_check_policy .*starting policy matching\(vs_pol=1\): 192\.0\.2\.1:[0-9]+->192\.0\.2\.10:9043"
step "each policy" traced "policy-id=5 action=deny tags any\(Infected=true\)=true: matched"
step "the one that decided" traced "wad_http_req_policy_set .*match pid=[0-9]+ policy-id=5 vd=0 in_if=1, out_if="
step "the result" traced "request is denied code=064: denied by matched tags"
passes || fail "it does not pass"
step "and of one that passes" wait_for 5 traced "policy-id=17 action=accept tags all\(FortiAD=true, any\(Low-Risk=true, Trusted=false\)=true\)=true: matched"
step "its real server" wait_for 5 traced "Found server: 198\.51\.100\.20:8080"
step "accepted" wait_for 5 traced "request is accepted by policy-id=17"
ems tag "$DEV" -Low-Risk >/dev/null
step "the tag is gone" wait_for 5 expect_status 403 "$DEV" "$PROXY/"
step "and of one that none matched" wait_for 5 traced "No policy matched!"
