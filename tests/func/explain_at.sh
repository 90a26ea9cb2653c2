#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What would have been decided then? Devices, contacts with EMS and configurations as of a time, over
# a restart and a kill of the control plane.
. "$(dirname "$0")/ems-lib.sh"


# with_policies JSON: the document of ems-lib.sh with a service and these policies.
with_policies()
{
	write_config
	jq --argjson p "$1" '. + {
		certificates: [{name: "web", certificate: "ems/web.pem", key: "ems/web.key"}],
		access_proxies: [{name: "intranet", interface: "wan", address: "192.0.2.10", port: 9043,
			certificate: "web", client_cert: true, empty_cert_action: "block",
			api_gateways: [{id: 1, url_map: "/", service: "http",
				real_servers: [{id: 1, address: "198.51.100.20", port: 8080}]}]}],
		policies: $p}' "$DIR/tagwarden.json" >"$DIR/new.json" &&
		mv "$DIR/new.json" "$DIR/tagwarden.json"
}

ctl()
{
	"$CTL" --socket "$API" "$@"
}

# decision UID [OPTION...]: "accept 1" or "deny 65".
decision()
{
	ctl --json explain --uid "$1" --service intranet "${@:2}" | jq -r '"\(.action) \(.policy_id)"'
}

# was UID TIME WANTED
was()
{
	local got
	got=$(decision "$1" --at "$2") || return 1
	[ "$got" = "$3" ] || {
		echo "as of $2: $got, wanted $3"
		ctl explain --uid "$1" --service intranet --at "$2"
		return 1
	}
}

is_now()
{
	[ "$(decision "$1")" = "$2" ]
}

# A moment that no change has: between what was and what comes.
moment()
{
	sleep 0.15
	date -u +%Y-%m-%dT%H:%M:%S.%3NZ
	sleep 0.15
}

"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
ems make-server-cert --name web --host 192.0.2.10 >/dev/null || fail "no certificate"
start_ems
DEV=$(add_device --name laptop --tag FortiAD)
ALLOW='[{"id": 1, "name": "staff", "access_proxies": ["intranet"], "tags": {"any": ["FortiAD"]},
  "action": "accept"}]'
with_policies "$ALLOW"
before=$(moment)
start_controlplane
step "the device came" wait_for 10 is_now "$DEV" "accept 1"
t1=$(moment)
ems tag "$DEV" -FortiAD >/dev/null
step "it lost its tag" wait_for 5 is_now "$DEV" "deny 0"
t2=$(moment)
ems tag "$DEV" +FortiAD >/dev/null
step "and has it again" wait_for 5 is_now "$DEV" "accept 1"

step "as of then it had it" was "$DEV" "$t1" "accept 1"
step "and then not" was "$DEV" "$t2" "deny 0"
step "told with the change that would have done it" \
	eval 'ctl explain --uid "$DEV" --service intranet --at "$t2" |
		grep -q "tag FortiAD on the device would let policy 1 accept"'
nothing_known()
{
	ctl explain --uid "$DEV" --service intranet --at "$1" 2>&1 | grep -q "Nothing is known"
}
step "before it ran nothing is known, and it says so" nothing_known "$before"

# Another configuration: what was decided under the old one stays what it was.
t3=$(moment)
with_policies '[{"id": 9, "name": "nobody", "access_proxies": ["intranet"], "action": "deny"}]'
step "another configuration" ctl reload
step "denies now" wait_for 5 is_now "$DEV" "deny 9"
step "and accepted then" was "$DEV" "$t3" "accept 1"

t4=$(moment)
stop controlplane
start_controlplane
step "after a restart: what was, before it" was "$DEV" "$t3" "accept 1"
step "and the tag that was lost for a while" was "$DEV" "$t2" "deny 0"
step "under the later configuration" was "$DEV" "$t4" "deny 9"
sleep 0.5
stop controlplane KILL
start_controlplane
step "after a kill too" was "$DEV" "$t2" "deny 0"
step "which it says" eval 'ctl explain --uid "$DEV" --service intranet --at "$t2" |
	grep -q "ended without a word"'
step "local time and ago are times too" eval 'ctl explain --uid "$DEV" --service intranet \
	--at "$(date +"%Y-%m-%d %H:%M:%S")" >/dev/null && ctl explain --uid "$DEV" \
	--service intranet --at=-0s >/dev/null'
refute "a time that has not come" ctl explain --uid "$DEV" --service intranet --at 2999-01-01T00:00:00Z
refute "no time" ctl explain --uid "$DEV" --service intranet --at yesterday
