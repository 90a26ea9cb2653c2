#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The troubleshooting guide's second scenario, "ZTNA policy mismatch", as docs/troubleshooting.md
# tells it: a tag is missing; log lines, the debug output, the cache and the device as the proxy
# knows it show which, and with the tag the request passes.
. "$(dirname "$0")/stack-lib.sh"

export TAGWARDEN_SOCKET=$API HOME=$DIR/home
unset XDG_STATE_HOME
SN=FCTEMS8823005021
TENANT=00000000000000000000000000000000
# The seed's Example 2: all of two tags, of which the endpoint has one.
# shellcheck disable=SC2034 # stack_up reads it
POLICIES='[{"id": 17, "name": "ZTNA-webserver-allow", "access_proxies": ["ZTNA-webserver"],
  "tags": {"all": ["FortiAD", "Low-Risk"]}, "action": "accept", "log": "all"}]'

passes()
{
	expect_status 200 "$DEV" "$PROXY/"
}

# says PATTERN WORD...: the command succeeds, and a line of its output matches.
says()
{
	local pattern=$1
	shift
	"$CTL" "$@" >"$DIR/out" 2>&1 || { cat "$DIR/out"; return 1; }
	grep -qE -- "$pattern" "$DIR/out" || { cat "$DIR/out"; return 1; }
}

# entry UID: its part of fcnacd 7.
entry()
{
	"$CTL" diagnose test application fcnacd 7 | awk -v uid="$1" '
		/^Entry #/ { mine = 0 }
		/^ - UID: / { mine = $3 == uid }
		mine'
}

stack_up
DEV=$(add_device --name laptop --tag Windows10 --tag FortiAD --tag CLASS:Low)
step "EMS told of the device" wait_for 10 device_is_known "$DEV"

# 2. On the proxy, three commands, and the user tries.
spawn debug bash -c "printf '%s\n' 'diagnose wad debug enable category policy' \
	'diagnose wad debug enable level verbose' 'diagnose debug enable' | exec '$CTL'"
is_listening()
{
	api /api/v1/debug | jq -e '.listeners == 1 and (.wad.category | length) == 1'
}
step "debug output is on" wait_for 5 is_listening
step "the user is refused" expect_status 403 "$DEV" "$PROXY/"
step "the page says 065" grep -q 065 "$DIR/body"
REQUEST=$(grep -oE '[0-9a-f]{32}' "$DIR/body" | head -n 1)
step "the debug output tells how the policies were met" \
	wait_for 5 grep -q "No policy matched!" "$DIR/debug.log"
stop debug

# 1. The logs.
step "log filter" "$CTL" execute log filter field subtype ztna
step "the log has the line" wait_for 5 says '^1 logs found.$' execute log display
line=$(grep '^1: ' "$DIR/out")
for field in 'action="deny"' policyid=0 'clientdevicetags="' FortiAD Windows10 CLASS_Low \
	'msg="Traffic denied because failed to match a policy or proxy-policy"'; do
	[[ $line == *"$field"* ]] || fail "the line lacks $field: $line"
done
[[ $line != *Low-Risk* ]] || fail "Low-Risk: $line"
echo "ok: it names the tags that the endpoint has, Low-Risk not among them"

# 3. The tags, for all endpoints and for one.
entry "$DEV" >"$DIR/entry"
step "fcnacd 7 has the zero trust tags" grep -qE '^idx:[0-9]+, ttdl:1   name:FortiAD$' "$DIR/entry"
step "and the classification" grep -qE '^idx:[0-9]+, ttdl:2   name:Low$' "$DIR/entry"
refute "and no Low-Risk" grep -q Low-Risk "$DIR/entry"
"$CTL" diagnose wad dev query-by uid "$DEV" $SN $TENANT >"$DIR/attrs"
diff <(sort "$DIR/attrs") - <<END || fail "query-by uid"
Attr of type=0, length=83, value(ascii)=$DEV
Attr of type=3, length=58, value(ascii)=CLASS_Low_$SN$TENANT
Attr of type=3, length=61, value(ascii)=ZTNA_FortiAD_$SN$TENANT
Attr of type=3, length=63, value(ascii)=ZTNA_Windows10_$SN$TENANT
Attr of type=4, length=0, value(ascii)=
Attr of type=5, length=40, value(ascii)=$(openssl x509 -noout -serial -in "$EMS/devices/$DEV.pem" | sed 's/^serial=//')
Attr of type=6, length=1, value(ascii)=true
Response termination due to no more data
END
echo "ok: query-by uid shows them with the field's lengths"

# Ours in one command.
step "explain names the tag that is missing" says "Low-Risk" explain "$REQUEST"

# 4. The tag is given in EMS.
ems tag "$DEV" +Low-Risk >/dev/null || fail "emsim tag"
step "with the tag it passes" wait_for 5 passes
step "and fcnacd 7 has it" says '^idx:[0-9]+, ttdl:1   name:Low-Risk$' diagnose test application fcnacd 7
