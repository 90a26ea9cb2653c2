#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# tagwardenctl against a real control plane and a real (simulated) EMS, without a data plane: every
# command's output, exit statuses, and what hostile names do to a terminal.
# shellcheck source=tests/func/lib.sh
. "$(dirname "$0")/lib.sh"

need python3
EMSIM=$BUILD/tests/emsim/emsim
CTL=$BUILD/controlplane/cli/tagwardenctl
export EMSIM_DIR=$DIR/ems TAGWARDEN_SOCKET=$DIR/api.sock HOME=$DIR/home
unset XDG_STATE_HOME
SN=FCTEMS8823005021
TENANT=00000000000000000000000000000000

# says PATTERN ARGUMENT...: the command succeeds and a line of its output matches.
says()
{
	local pattern=$1
	shift
	"$CTL" "$@" >"$DIR/out" 2>&1 || {
		cat "$DIR/out"
		return 1
	}
	grep -qE -- "$pattern" "$DIR/out" || {
		echo "nothing matches $pattern in:"
		cat "$DIR/out"
		return 1
	}
}

# ends STATUS PATTERN ARGUMENT...: it ends so, and says so.
ends()
{
	local status=$1 pattern=$2 got
	shift 2
	"$CTL" "$@" >"$DIR/out" 2>&1
	got=$?
	[ $got -eq "$status" ] && grep -qE -- "$pattern" "$DIR/out" && return
	echo "exit $got; expected $status and $pattern"
	cat "$DIR/out"
	return 1
}

# json FILTER ARGUMENT...: --json prints JSON of which the Python expression on j is true.
json()
{
	local filter=$1
	shift
	"$CTL" "$@" --json >"$DIR/out" || return 1
	python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
sys.exit(not eval(sys.argv[2]))' "$DIR/out" "$filter" || {
		cat "$DIR/out"
		return 1
	}
}

write_document()
{
	cat >"$DIR/tagwarden.json" <<END
{
  "interfaces": [{"name": "wan", "device": "net_null0", "addresses": ["192.0.2.10/24"]}],
  "ems": [{
    "id": 1, "name": "emstest", "server": "127.0.0.1", "https_port": $(cat "$DIR/ems/emsim.port"),
    "serial_number": "$SN", "verifying_ca": "ems/ems-ca.pem",
    "certificate": "ems/gateway.pem", "key": "ems/gateway.key"
  }],
  "gateway": {"serial_number": "FPXVULTM24000083"},
  "certificates": [{"name": "web", "certificate": "ems/web.pem", "key": "ems/web.key"}],
  "access_proxies": [{
    "name": "intranet", "interface": "wan", "address": "192.0.2.10", "port": 443,
    "certificate": "web", "log_blocked_traffic": true,
    "api_gateways": [{
      "id": 1, "service": "http", "real_servers": [{"id": 1, "address": "192.0.2.20", "port": 80}]
    }]
  }],
  "policies": [{
    "id": 1, "name": "managed", "access_proxies": ["intranet"],
    "tags": {"any": ["FortiAD", "Low-Risk"]}, "action": "accept", "log": "all"
  }],
  "log": {"traffic": {"path": "$DIR/traffic.txt"}},
  "api": {"unix": "$DIR/api.sock"},
  "state": {"directory": "$DIR/state"}
}
END
}

ends 3 "Is tagwarden-controlplane running" show status || fail "a missing socket"
echo "ok: a missing socket is told, with what to do"

spawn emsim "$EMSIM" serve --port 0 --foreground
wait_for 10 test -s "$DIR/ems/emsim.port" || fail "emsim does not run"
wait_for 10 "$EMSIM" list || fail "emsim does not answer"
"$EMSIM" make-server-cert --name web --host 192.0.2.10 >/dev/null || fail "no certificate"
UID1=$("$EMSIM" add --name laptop1 --ip 192.0.2.20 --user alice --tag FortiAD --tag CLASS:Low --print uid)
UID2=$("$EMSIM" add --name $'evil\e[2J\x9bhost' --user $'a\nb' --tag High --print uid)
mkdir -p "$DIR/state" "$SHM"
write_document
AS=()
[ "$(id -u)" -ne 0 ] || AS=(--user root)
spawn controlplane "$BUILD/controlplane/tagwarden-controlplane" --config "$DIR/tagwarden.json" \
	--shm "$SHM" --state-dir "$DIR/state" "${AS[@]}"
wait_for 10 says "synced +yes" show ems || fail "EMS is not in sync"

step "status" says "^Devices +2$" show status
step "status without a data plane says so" says "Data plane +not running" show status
step "EMS with its calls" says "^ *[0-9]+  uid_tags +[1-9]" show ems
step "devices" says "^$UID1  laptop1 .*alice .*online .*FortiAD, CLASS_Low" show devices
step "devices by tag" says "^$UID2 " show devices --tag High
step "no device of that tag" says "^none$" show devices --tag Nobody
step "devices by UID" says "^$UID1 " show devices --uid "${UID1:0:8}"
step "a limit is told" says "There are more" show devices --limit 1
step "one device" says "Host Name +laptop1$" show device "$UID1"
step "one device's tags with age" says "updated +2.* ago\)" show device "$UID1"
step "an unknown device" ends 5 "EMS has not told" show device "${UID1//[0-9]/0}"
step "no UID" ends 1 "32 hex digits" show device xx
step "tags" says "CLASS_Low +classification +1" show tags
step "services" says "real server 1: 192.0.2.20 port 80" show services
step "policies" says "managed +accept +yes +intranet +- +any\(FortiAD, Low-Risk\)" show policies
step "no sessions" says "^none$" show sessions
step "no denials" says "^none$" show denials
step "counters with zeros" says "^ +0  policy_no_tags" show counters --all
step "histogram" says "^change to cut +0" show histogram
step "no interfaces" says "^none$" show interfaces
step "TCP without a data plane" ends 1 "not running" show tcp
step "connections without a data plane" ends 1 "not running" show connections
step "a connection without a data plane" ends 1 "not running" show connection 0.1.1
step "an id that is none" ends 1 "three numbers" show connection 1
step "a port that is none" ends 1 "from 1 to 65535" show connections --port 0
step "capture without a data plane" ends 1 "not running" capture --write "$DIR/c.pcapng" tcp
step "a filter is refused before that" ends 1 "filter is refused" capture --write - "tcp port"
step "a duration out of bounds" ends 2 "up to 3600" capture --write - --duration 9999 tcp
step "no bugs" says "^ +0  bug " show bugs
step "explain an accept" says "^Decision +accept, policy 1" explain --uid "$UID1" --service intranet
step "explain a denial by tags" says "deny, policy 0, code 06[0-9]" explain --uid "$UID2" --service intranet
SERIAL1=$("$CTL" show device "$UID1" | sed -nE 's/^Certificate serial +//p')
step "both serial numbers side by side" \
	says "^  0{38}AA  $SERIAL1  DIFFERENT$" explain --uid "$UID1" --service intranet --serial AA
step "a wrong serial number is code 001" \
	says "code 001" explain --uid "$UID1" --service intranet --serial AA
step "no service of that name" ends 5 "No access proxy" explain --uid "$UID1" --service nix
step "explain asks for a service" ends 2 "--service is missing" explain --uid "$UID1"
step "an unknown request id" ends 5 "traffic log" explain 0123456789abcdef0123456789abcdef
step "kill without a data plane" ends 1 "not running" kill session 5
step "check" says "in order" check "$DIR/tagwarden.json"
step "check standard input" ends 1 "not JSON" check /dev/null
sed 's/"port": 443/"port": 0/' "$DIR/tagwarden.json" >"$DIR/bad.json"
step "check names the place" ends 1 "access_proxies\[0\].port" check "$DIR/bad.json"
step "reload" says "in force" reload
cp "$DIR/tagwarden.json" "$DIR/good.json"
cp "$DIR/bad.json" "$DIR/tagwarden.json"
step "a bad document is refused" ends 1 "access_proxies\[0\].port" reload
step "and what ran goes on" says "refused reloads +1" show status
cp "$DIR/good.json" "$DIR/tagwarden.json"
step "pull" says "Pulling" ems pull
step "vpn" says "EMS is being told" vpn connect "$UID1" 10.9.9.9 --interface vpn0
step "vpn arrives as a route" wait_for 5 says "^10.9.9.9 " show device "$UID1"
step "metrics" says '^tagwarden_devices 2$' metrics
step "metrics are lines of the text format" eval "'$CTL' metrics | awk '
	/^# (HELP|TYPE) tagwarden_[a-z_]+ / { next }
	/^tagwarden_[a-z_]+(\\{[a-z_]+=\"[^\"]*\"(,[a-z_]+=\"[^\"]*\")*\\})? [0-9.]+\$/ { n++; next }
	{ print; bad = 1 }
	END { exit bad || n < 50 }'"
step "version" says "^tagwarden-controlplane " version

step "diagnose endpoint record list" \
	says "^ {16}Client cert SN: $SERIAL1$" diagnose endpoint record list
step "its last line" says \
	"^online records: 2; offline records: 0; quarantined records: 0; out-of-sync records: 0$" \
	diagnose endpoint record list
step "fcnacd 2" says "^name\(id\): emstest\(1\) confirmed: yes$" diagnose test application fcnacd 2
step "fcnacd 5" says "Pulling" diagnose test application fcnacd 5
step "fcnacd 7" says "^idx:[0-9]+, ttdl:2   name:Low$" diagnose test application fcnacd 7
step "fcnacd 8" says "^IP: 192.0.2.20, vfid: 0, uid: $UID1$" diagnose test application fcnacd 8
step "fcnacd 3" ends 2 "^  5  +make all calls" diagnose test application fcnacd 3
step "query-by uid" says "^Attr of type=0, length=83, value\(ascii\)=$UID1$" \
	diagnose wad dev query-by uid "$UID1" $SN $TENANT
step "query-by ipv4" says "^Attr of type=0, length=83, value\(ascii\)=$UID1$" \
	diagnose wad dev query-by ipv4 192.0.2.20
step "query-by an address of nobody" ends 5 "no device has" diagnose wad dev query-by ipv4 192.0.2.99
step "one record by its address" says "^online records: 1; " diagnose endpoint record list 192.0.2.20
step "query-by uid, tag" says "^Attr of type=3, length=58, value\(ascii\)=CLASS_Low_$SN$TENANT$" \
	diagnose wad dev query-by uid "$UID1" $SN $TENANT

for i in 1 2 3; do
	echo "date=2025-01-07 time=10:57:0$i subtype=\"ztna\" action=\"accept\" policyid=$i" >>"$DIR/traffic.txt"
done
echo 'date=2025-01-07 time=10:58:00 subtype="other" action="deny" policyid=0' >>"$DIR/traffic.txt"
step "log filter field" "$CTL" execute log filter field subtype ztna
step "log filter view-lines" "$CTL" execute log filter view-lines 2
step "the filter is kept for the next call" says '^Filter: \(subtype "ztna"\)$' execute log filter dump
step "log display" "$CTL" execute log display
diff - "$DIR/step.out" <<'END' || fail "log display"
3 logs found.
2 logs returned.

1: date=2025-01-07 time=10:57:03 subtype="ztna" action="accept" policyid=3
2: date=2025-01-07 time=10:57:02 subtype="ztna" action="accept" policyid=2
END
step "log display as JSON" json "j['found'] == 3 and j['logs'][0]['fields']['policyid'] == '3'" \
	execute log display
step "log filter start-line" "$CTL" execute log filter start-line 3
step "from the third on" says "^3: .*policyid=1$" execute log display
step "log filter reset" "$CTL" execute log filter reset
step "everything again" says "^4 logs found.$" execute log display
step "another category" ends 5 "only category 0" execute log filter category 1
step "JSON of devices" json "len(j['devices']) == 2" show devices
step "JSON of status" json "j['devices']['total'] == 2" show status
step "JSON of explain" json "j['code'] == 1" explain --uid "$UID1" --service intranet --serial AA
step "JSON of EMS" json "j['ems'][0]['synced']" show ems
step "JSON of no sessions" json "j == {'sessions': []}" show sessions

# What shows something does so as JSON; without a data plane some say that there is none.
while IFS=$'\t' read -r words arguments _; do
	[[ -z $arguments || $arguments == "["* ]] || continue
	case $words in
	show* | "diagnose "*list | "diagnose "*" fcnacd "[2378]* | *dump | *display | version | config\ history) ;;
	*) continue ;;
	esac
	# shellcheck disable=SC2086 # its words
	"$CTL" $words --json >"$DIR/out" 2>"$DIR/err" || { grep -q "not running" "$DIR/err" && continue; }
	step "JSON of $words" python3 -m json.tool "$DIR/out"
done < <("$CTL" --dump-commands)

# Nothing that is printed may steer a terminal, whatever a device calls itself.
is_printable()
{
	! "$CTL" "$@" | LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]'
}
for c in "show devices" "show device $UID2" "show devices --json" "show device $UID2 --json" \
	"diagnose endpoint record list"; do
	# shellcheck disable=SC2086 # words
	step "no control bytes in $c" is_printable $c
done
refute "no private key in any answer" grep -q "PRIVATE" <("$CTL" show services --json; "$CTL" show ems --json)

step "words may be shortened" says "^EMS context status:$" diag test app fcn 2
step "what is ambiguous is told" ends 2 "could be" show c
step "a number of arguments decides" says "^$UID1 " show dev
step "a typing error" ends 2 "tagwardenctl show devices" show devcies
step "help on a level" says "show sessions" show --help
step "help of a command" says "Example: tagwardenctl kill session" kill session --help
chmod 0 "$DIR/api.sock"
if [ "$(id -u)" -ne 0 ]; then
	step "no permission" ends 4 "join the group" show status
fi
stop controlplane || fail "the control plane did not end well"
step "after its end" ends 3 "Is tagwarden-controlplane running" show status
