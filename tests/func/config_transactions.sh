#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The configuration as transactions: candidate, validation, difference, commit, a commit that goes
# back by itself, rollback and history; what a kill -9 and an editor do in between.
# shellcheck source=tests/func/ems-lib.sh
. "$(dirname "$0")/ems-lib.sh"

need curl jq python3

FILE=$DIR/tagwarden.json
C=/api/v1/config

# call METHOD PATH [BODY [CURL-ARGUMENT...]]: status in $STATUS, body in $DIR/answer.
call()
{
	local method=$1 path=$2
	local data=()
	[ $# -lt 3 ] || data=(-H "Content-Type: application/json" --data-binary "$3")
	STATUS=$(curl -s --max-time 10 --unix-socket "$API" -X "$method" -o "$DIR/answer" \
		-D "$DIR/head" -w '%{http_code}' "${data[@]}" "${@:4}" "http://localhost$path") || return 1
}

# gives STATUS METHOD PATH [BODY...]
gives()
{
	local wanted=$1
	shift
	call "$@" || return 1
	[ "$STATUS" = "$wanted" ] && return
	echo "$* gave $STATUS, not $wanted:"
	cat "$DIR/answer"
	return 1
}

# has JQ-CONDITION: of the last answer.
has()
{
	jq -es "length == 1 and (.[0] | $1)" "$DIR/answer" >/dev/null && return
	echo "not $1:"
	cat "$DIR/answer"
	return 1
}

etag()
{
	sed -n 's/^etag: *\(.*\)\r$/\1/Ip' "$DIR/head"
}

# vdom of: the file, the running document, the process that decides.
file_vdom()
{
	jq -r .gateway.vdom "$FILE"
}

running_vdom()
{
	api $C | jq -r .gateway.vdom
}

is_vdom()
{
	[ "$(running_vdom)" = "$1" ] && [ "$(file_vdom)" = "$2" ]
}

latest_is()
{
	api "$C/history?limit=1" | jq -es ".[0].versions[0] | $1" >/dev/null
}

export TAGWARDEN_SOCKET=$API

# says PATTERN ARGUMENT...: tagwardenctl succeeds and a line of its output matches.
says()
{
	"$CTL" "${@:2}" >"$DIR/out" 2>&1 && grep -qE -- "$1" "$DIR/out" && return
	echo "no $1 in:"
	cat "$DIR/out"
	return 1
}

start_ems
write_config
chmod 640 "$FILE"
start_controlplane

step "the start is in the history" latest_is '.version == 1 and .kind == "start"'
step "the running document is the file, byte for byte" \
	diff <(curl -s --unix-socket "$API" "http://localhost$C") "$FILE"
step "there is no candidate" gives 404 GET $C/candidate
step "nothing to commit" gives 404 POST $C/commit
step "nothing to confirm" gives 404 POST $C/confirm

# ---- a candidate with an error, and without ----

step "a value is set" gives 200 PUT "$C/candidate?path=policies%5B17%5D" \
	'{"name": "staff", "access_proxies": ["nowhere"], "tags": "FortiAD"}'
step "the candidate is there" has '.candidate.base == 1 and (.candidate.stale | not)'
step "it has an error, which names the policy and not its place" \
	gives 422 POST $C/candidate/validate
step "the error's path is by id" has '.errors[0].path | startswith("policies[17]")'
step "such a candidate is not committed" gives 422 POST $C/commit
step "and nothing has changed" latest_is '.version == 1'
step "the error is mended" gives 200 DELETE "$C/candidate?path=policies%5B17%5D.access_proxies"
step "a merge patch" gives 200 PATCH $C/candidate '{"gateway": {"vdom": "two"}}'
step "it is in order" gives 200 POST $C/candidate/validate
step "the difference" gives 200 GET $C/diff
step "by structure" has '.count == 2 and ([.changes[].path] | sort) ==
	["gateway.vdom", "policies[17]"]'
refute "the file is not touched by a candidate" grep -q two "$FILE"

# ---- on trial ----

step "committed for two seconds" gives 200 POST $C/commit \
	'{"comment": "a try", "confirm_s": 2}'
step "it says until when" has '.kind == "trial" and .confirm_by != null and .comment == "a try"'
step "it runs, and the file is the old one" is_vdom two root
step "status tells it" gives 200 GET /api/v1/status
step "that a confirmation is waited for" has '.config.confirm_left_s >= 0'
step "no second commit meanwhile" gives 200 PATCH $C/candidate '{"gateway": {"vdom": "x"}}'
step "is refused" gives 409 POST $C/commit
step "the candidate is discarded" gives 200 DELETE $C/candidate
step "it goes back by itself" wait_for 10 is_vdom root root
step "and the history says so" wait_for 5 latest_is \
	'.kind == "timed-out" and (.comment | test("version 2 was not confirmed"))'
api /api/v1/audit >"$DIR/answer"
step "and the audit log" has '[.entries[] | select(.what == "config timed-out") | .detail] |
	any(test("back to version 1"))'
step "it is too late to confirm" gives 404 POST $C/confirm

# ---- confirmed ----

gives 200 PATCH $C/candidate '{"gateway": {"vdom": "three"}}'
step "committed for a minute" gives 200 POST $C/commit '{"confirm_s": 60}'
step "confirmed" gives 200 POST $C/confirm
step "for good" has '.kind == "confirmed" and .confirm_by == null'
step "the file has it, too" is_vdom three three
step "with the mode that it had" [ "$(stat -c %a "$FILE")" = 640 ]
step "the history says who" latest_is '(.who | test("uid=")) and .kind == "confirmed"'

# ---- at once, and back ----

gives 200 PUT "$C/candidate?path=gateway.vdom" '"four"'
step "committed at once" gives 200 POST $C/commit '{"comment": "four it is"}'
step "running and file" is_vdom four four
step "what changed is in the answer" has '.summary == "1 change: gateway.vdom"'
step "and in the audit log" gives 200 GET /api/v1/audit
step "in words" has '[.entries[].detail // ""] | any(test("gateway.vdom"))'
step "back to the one before" gives 200 POST $C/rollback
step "it runs" is_vdom three three
step "back to the first" gives 200 POST $C/rollback '{"version": 1}'
step "the file is as it was, byte for byte" is_vdom root root
step "no such version" gives 404 POST $C/rollback '{"version": 4711}'
step "the history in pages" gives 200 GET "$C/history?limit=2"
step "goes on" has '(.versions | length) == 2 and .next_cursor == .versions[1].version'
step "a version with its document" gives 200 GET $C/history/1
step "says all" has '.version == 1 and .document.gateway.vdom == "root"'
step "two versions are compared" gives 200 GET "$C/diff?from=1&to=2"
step "by number" has '.count == 2'

# ---- an editor, a reload ----

gives 200 PATCH $C/candidate '{"gateway": {"vdom": "five"}}'
sed -i 's/"root"/"edited"/' "$FILE"
step "a file edited by hand is not overwritten" gives 409 POST $C/commit
step "it says what to do" has '.detail | test("edited by hand")'
step "the edits are taken up" gives 200 POST /api/v1/reload
step "they run" is_vdom edited edited
step "the candidate is out of date now" gives 409 POST $C/commit
step "unless forced" gives 200 POST $C/commit '{"force": true}'
step "it runs" is_vdom five five

# ---- two at once ----

gives 200 GET $C
running=$(etag)
step "made on what runs" gives 200 PATCH $C/candidate '{"gateway": {"vdom": "a"}}' \
	-H "If-Match: $running"
seen=$(etag)
step "another saw the same, and comes second" gives 412 PATCH $C/candidate \
	'{"gateway": {"vdom": "b"}}' -H "If-Match: $running"
step "the first goes on" gives 200 PATCH $C/candidate '{"gateway": {"vdom": "c"}}' \
	-H "If-Match: $seen"
step "what was changed meanwhile is not committed" gives 412 POST $C/commit '{}' \
	-H "If-Match: $seen"
step "nor discarded" gives 412 DELETE $C/candidate "" -H "If-Match: $seen"
gives 200 GET $C/candidate
step "unless it was seen" gives 200 DELETE $C/candidate "" -H "If-Match: $(etag)"
step "an ETag answers for the document" gives 304 GET $C "" -H "If-None-Match: $running"

# ---- a large document ----

python3 - "$FILE" >"$DIR/large.json" <<'END_OF_SCRIPT'
import json, sys
doc = json.load(open(sys.argv[1]))
doc["policies"] = [{"id": i, "name": f"policy-{i}", "source": [f"10.{i >> 8}.{i & 255}.0/24"]}
                   for i in range(1, 10001)]
print(json.dumps(doc, indent=2))
END_OF_SCRIPT
step "10,000 policies" gives 200 PUT $C/candidate @"$DIR/large.json" --max-time 60
step "one of them is changed" gives 200 PUT "$C/candidate?path=policies%5B7000%5D.name" '"renamed"'
step "committed" gives 200 POST $C/commit "" --max-time 60
step "they run" [ "$(api $C | jq '.policies | length')" = 10000 ]
gives 200 PUT "$C/candidate?path=policies%5B17%5D.name" '"other"'
step "the difference is one line" gives 200 GET $C/diff "" --max-time 60
step "by id" has '.lines == ["  policies[17].name: \"policy-17\" -> \"other\""]'
gives 200 DELETE $C/candidate
step "and back" gives 200 POST $C/rollback "" --max-time 60
step "to what was" is_vdom five five

# ---- killed in between ----

gives 200 PATCH $C/candidate '{"gateway": {"vdom": "six"}}'
gives 200 POST $C/commit '{"confirm_s": 600}'
step "on trial" is_vdom six five
gives 200 PATCH $C/candidate '{"gateway": {"vdom": "seven"}}'
stop controlplane KILL
start_controlplane
step "after a kill the old document is in force" is_vdom five five
step "the history tells why" latest_is \
	'.kind == "start" and (.comment | test("not confirmed before the restart"))'
step "the candidate is still there" gives 200 GET $C/candidate
step "as it was" has '.gateway.vdom == "seven"'
step "discarded" gives 200 DELETE $C/candidate

# ---- bad input ----

step "no JSON" gives 422 PUT $C/candidate '{'
step "no object" gives 422 PUT $C/candidate '[]'
step "no path" gives 422 PUT "$C/candidate?path=a..b" 1
step "nothing there" gives 422 DELETE "$C/candidate?path=policies%5B99%5D"
step "an order with unknown words" gives 400 POST $C/commit '{"confirm": 5}'
step "a negative time" gives 400 POST $C/commit '{"confirm_s": -5}'
step "no such document" gives 422 GET "$C/diff?to=../../etc/passwd"
step "no such version" gives 404 GET $C/history/999
step "no number" gives 400 GET $C/history/1x
head -c 17000000 /dev/zero >"$DIR/zeros"
step "more than a document may have" gives 413 PUT $C/candidate @"$DIR/zeros"
head -c 100000 /dev/zero >"$DIR/zeros"
step "other resources take less" gives 413 POST $C/commit @"$DIR/zeros"
step "still there" is_vdom five five

# ---- the commands ----

step "nothing differs" ends 5 "there is no candidate" config diff
step "set" says "candidate is changed" config set gateway.vdom eight
step "set in JSON" says "candidate is changed" config set "policies[17]" \
	'{"name": "staff", "access_proxies": ["nowhere"], "tags": "FortiAD"}'
step "an error is told with its place" ends 1 'policies\[17\].*nowhere' config validate
step "commit refuses it, too" ends 1 'policies\[17\].*nowhere' config commit
step "unset" says "candidate is changed" config unset "policies[17].access_proxies"
step "what is not there is told" ends 1 'there is: 17' config unset "policies[18]"
step "in order" says "in order" config validate
step "the difference" says '^  gateway.vdom: "five" -> "eight"$' config diff
step "on trial" says "goes back by itself at" config commit --comment "eight it is" --confirmed 10m
step "it says what to do" says "config confirm keeps it" show status
step "confirm" says "is in force" config confirm
step "the file has it" is_vdom eight eight
step "the history" says "confirmed +.*uid=.* +eight it is" config history
step "a file is loaded" says "candidate is changed" config load "$FILE"
step "nothing differs from it" says "No difference" config diff
echo '{"gateway": {"hostname": "h"}}' >"$DIR/patch.json"
step "a patch is merged" says "candidate is changed" config merge "$DIR/patch.json"
step "it is in the difference" says '^\+ gateway.hostname: "h"$' config diff
step "dropped" says "no candidate any more" config discard
step "back" says "is in force" config rollback
step "to the one before" is_vdom five five
step "a version" says '"vdom": "root"' config show 1
step "in JSON" says '"count": [1-9]' config diff 1 running --json
step "a wrong time" ends 2 "takes minutes" config commit --confirmed soon
step "no version" ends 2 "config history" config rollback first
is_alive controlplane || fail "the control plane ended"
