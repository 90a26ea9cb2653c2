#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds Tagwarden, starts all of it between two network namespaces, and plays what it is for.
# The stack itself is that of the functional tests, tests/func/stack-lib.sh; here are the scenes.
set -u
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$(readlink -f "$0")")" || exit 2

NB_SCENES=8
KEPT=${DEMO_KEPT:-/run/tagwarden-demo}

usage()
{
	cat <<END
usage: sudo ./demo.sh [options]

Installs what is missing, builds, makes network namespaces, starts emsim, control plane, data plane
and nginx, plays $NB_SCENES scenes and cleans up. Exit status 0: every scene showed what it should.

  --scene N[,N...]  only these scenes
  --keep            leave it running afterwards, and say how to poke at it
  --stop            end what --keep left running, and nothing else
  --no-install      do not install packages
  --no-build        take what is in build/ (or in \$BUILD)
  -h, --help        this text

environment:
  DEVICES=1000000   size of the fleet in scene 8
  MIB=200           size of the bodies in scene 7
  NO_COLOR=1        no colour

examples:
  sudo ./demo.sh
  sudo ./demo.sh --scene 1,5 --keep
  sudo DEVICES=100000 ./demo.sh --scene 8 --no-install
  sudo ./demo.sh --stop

scenes:
$(sed -n 's/^# scene \([0-9]\): /  \1  /p' demo.sh)
END
}

# ---- how it looks ----

BOLD="" DIM="" RED="" GREEN="" CYAN="" OFF=""
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' CYAN=$'\e[36m' OFF=$'\e[0m'
fi
WIDTH=100
[ ! -t 1 ] || WIDTH=$(tput cols 2>/dev/null || echo 100)
[ "$WIDTH" -ge 60 ] && [ "$WIDTH" -le 160 ] || WIDTH=100

# say WORDS: what happens now, and why.
say()
{
	printf '%s\n' "$*" | fold -s -w "$((WIDTH - 4))" | sed 's/^/  /'
}

# stage WORDS: on one line with what comes of it.
stage()
{
	printf '%s[%3ds]%s %s\n' "$DIM" "$SECONDS" "$OFF" "$*"
}

# status WORDS: a line that the next one replaces; only for people who watch.
status()
{
	[ ! -t 1 ] || printf '\r\e[K  %s%s%s' "$DIM" "$*" "$OFF"
}

status_end()
{
	[ ! -t 1 ] || printf '\r\e[K'
}

# typed COMMAND-LINE: as one would type it.
typed()
{
	printf '  %s$ %s%s\n' "$CYAN" "$*" "$OFF"
}

# shown: real output, indented.
shown()
{
	expand | fold -s -w "$((WIDTH - 6))" | sed 's/^/      /'
}

# shown_wide: tables, which are not to be folded.
shown_wide()
{
	sed 's/^/      /'
}

# record LINE WORD...: a traffic log line, folded, with these parts standing out.
record()
{
	local line=$1 word
	shift
	line=$(fold -s -w "$((WIDTH - 6))" <<<"$line")
	for word in "$@"; do
		line=${line//"$word"/$BOLD$word$OFF}
	done
	sed 's/^/      /' <<<"$line"
}

# ---- what is seen is what should be ----

scene_failed=""
# expect "WORDS" COMMAND...: a scene in which one of these fails did not show what it should.
expect()
{
	local words=$1
	shift
	if "$@" >"$DIR/expect.out" 2>&1; then
		printf '  %sok%s   %s\n' "$GREEN" "$OFF" "$words"
	else
		printf '  %sNOT%s  %s\n' "$RED" "$OFF" "$words"
		tail -n 20 "$DIR/expect.out" | shown
		scene_failed=1
	fi
}

is()
{
	[ "$1" = "$2" ] || {
		echo "$1, and should be $2"
		return 1
	}
}

# ask UID CURL-ARGUMENT...: $status, $body and what is printed come of it.
ask()
{
	local uid=$1
	shift
	code=$(as "$uid" -o "$DIR/body" -w '%{http_code}' "$@" 2>"$DIR/ask.err")
	if [ "$code" = 000 ]; then
		shown <"$DIR/ask.err"
	else
		printf '      %sHTTP %s%s\n' "$BOLD" "$code" "$OFF"
	fi
}

ctl()
{
	typed "tagwardenctl $*"
	"$CTL" --socket "$API" "$@" 2>&1 | shown_wide
}

us()
{
	echo "${EPOCHREALTIME/./}"
}

# since US: milliseconds.
since()
{
	echo "$((($(us) - $1) / 1000)) ms"
}

# new_device ARGUMENT...: its UID in $DEV, known to the control plane.
new_device()
{
	DEV=$(add_device "$@") || fail "emsim adds no device"
	wait_for 20 device_is_known "$DEV" || fail "EMS did not tell of device $DEV"
}

# use_laptop: the device of the first scenes is one and the same.
laptop=""
use_laptop()
{
	[ -n "$laptop" ] || {
		new_device --name laptop --tag FortiAD --tag Windows10
		laptop=$DEV
	}
	DEV=$laptop
}

ANY='{"any": ["FortiAD", "Low-Risk"]}'
ALL='{"all": ["FortiAD", "Low-Risk"]}'

# policy TAGS: one policy, in force when this returns.
policy()
{
	[ "$current" != "$1" ] || return 0
	current=$1
	POLICIES='[{"id": 17, "name": "ZTNA-webserver-allow", "access_proxies": ["ZTNA-webserver"'$ALSO6'],
  "tags": '$1', "action": "accept", "log": "all"}]'
	reload || fail "the control plane refuses the policy"
}

# ---- scenes ----

# scene 1: A device with the right tag reaches the server
scene_1()
{
	say "EMS says that device 'laptop' carries the tag FortiAD; policy 17 wants any of FortiAD and" \
		"Low-Risk. curl shows the device's certificate."
	policy "$ANY"
	use_laptop
	typed "curl --cert laptop.pem --key laptop.key $PROXY/"
	ask "$DEV" "$PROXY/"
	shown <"$DIR/body"
	expect "it is let through" is "$code" 200
	expect "the body is nginx's, byte for byte" cmp "$DIR/body" "$DIR/www/index.html"
	accepted()
	{
		line=$(grep "clientdeviceid=\"$DEV\"" "$TRAFFIC" | grep -m 1 'action="accept"')
	}
	wait_for 5 accepted
	say "The traffic log has who, what and why:"
	local fields=('policyid=17' 'policyname="ZTNA-webserver-allow"' "clientdeviceid=\"$DEV\""
		'clientdevicetags="FortiAD/Windows10"' 'clientcert="yes"')
	record "$line" 'action="accept"' "${fields[@]}"
	for f in "${fields[@]}"; do
		expect "the accept record has $f" grep -qF "$f" <<<"$line"
	done
	[ -n "$ALSO6" ] || return 0
	say "The same server for clients of IPv6, though it has no such address itself:"
	typed "curl --cert laptop.pem --key laptop.key $PROXY6/"
	ask "$DEV" "$PROXY6/"
	expect "an IPv6 client is let through" is "$code" 200
	expect "and gets the same from the IPv4 server" cmp "$DIR/body" "$DIR/www/index.html"
	accepted6()
	{
		grep -m 1 'srcip=2001:db8:1::1 ' "$TRAFFIC"
	}
	expect "its record has srcip=2001:db8:1::1" wait_for 5 accepted6
}

# scene 2: The same device, and a policy that wants both tags
scene_2()
{
	say "Policy 17 now wants all of FortiAD and Low-Risk. The document is written anew and reloaded;" \
		"nothing restarts."
	use_laptop
	policy "$ALL"
	typed "curl -H 'Accept: application/json' --cert laptop.pem --key laptop.key $PROXY/"
	ask "$DEV" -H 'Accept: application/json' "$PROXY/"
	jq . "$DIR/body" | shown
	expect "it is denied" is "$code" 403
	expect "with code 065" jq -e '.code == "065"' "$DIR/body"
	expect "the client learns nothing of policies and tags" not grep -qE 'FortiAD|Low-Risk|allow' \
		"$DIR/body"
	denied_record()
	{
		line=$(grep "clientdeviceid=\"$DEV\"" "$TRAFFIC" | grep -m 1 'action="deny"')
	}
	wait_for 5 denied_record
	say "The operator's record says more:"
	local fields=('policyid=0' 'clientdevicetags="FortiAD/Windows10"' "fctuid=\"$DEV\""
		'msg="Traffic denied because failed to match a policy or proxy-policy"')
	record "$line" 'action="deny"' "${fields[@]}"
	for f in "${fields[@]}"; do
		expect "the deny record has $f" grep -qF "$f" <<<"$line"
	done
	ctl explain --uid "$DEV" --service ZTNA-webserver
	policy "$ANY"
}

# scene 3: No client certificate
scene_3()
{
	policy "$ANY"
	say "Without a device certificate there is no session at all: the TLS handshake ends with an alert."
	typed "curl $PROXY/"
	in_ns client curl -sS --max-time 10 --cacert "$EMS/web-ca.pem" "$PROXY/" >"$DIR/out" 2>&1
	shown <"$DIR/out"
	expect "the alert is certificate_required" grep -q 'certificate required' "$DIR/out"
}

# scene 4: A certificate that EMS does not know for this device
scene_4()
{
	policy "$ANY"
	say "The certificate is in order and names a device with the right tags, but its serial number is" \
		"not the one that EMS issued: a copied or outdated identity."
	new_device --name clone --tag FortiAD --tag Low-Risk --serial-mismatch
	typed "curl -H 'Accept: application/json' --cert clone.pem --key clone.key $PROXY/"
	ask "$DEV" -H 'Accept: application/json' "$PROXY/"
	jq . "$DIR/body" | shown
	expect "it is denied" is "$code" 403
	expect "with code 001" jq -e '.code == "001"' "$DIR/body"
	local shown_sn known_sn request
	request=$(jq -r .request_id "$DIR/body")
	ctl explain "$request" | tee "$DIR/ctl.out"
	shown_sn=$(openssl x509 -in "$EMS/devices/$DEV.pem" -noout -serial | sed 's/.*=//')
	known_sn=$(ems show "$DEV" --print client_cert_sn)
	expect "tagwardenctl shows the certificate's serial number beside EMS's" \
		grep -qi "$shown_sn *$known_sn *DIFFERENT" "$DIR/ctl.out"
}

# scene 5: EMS takes the tag away in the middle of a download
scene_5()
{
	local a b at error
	policy "$ANY"
	say "Two devices download 1 GiB each through the same proxy. Then EMS takes the tag from one."
	new_device --name bystander --tag FortiAD
	b=$DEV
	new_device --name victim --tag FortiAD
	a=$DEV
	truncate -s 1G "$DIR/www/big"
	download victim "$a" 40M
	download bystander "$b" 80M
	wait_for 20 two_downloads || fail "the downloads do not start"
	sleep 1
	ctl show sessions
	typed "emsim tag $a -FortiAD"
	at=$(us)
	ems tag "$a" -FortiAD >/dev/null
	expect "the one without the tag is cut off" wait_for 10 is_dead victim
	say "The client saw its end $(since "$at") after the command line at EMS began:"
	stop victim
	error=$?
	shown <"$DIR/victim.log"
	expect "curl knows that this was not all" is "$((error != 0))" 1
	expect "the bystander still runs" is_alive bystander
	status "waiting for the bystander's last byte"
	wait_for 120 is_dead bystander
	status_end
	stop bystander
	expect "and gets all of its 1 GiB" is "$(cat "$DIR/bystander.log")" "200 1073741824"
	say "From the arrival of EMS's notification to the cut on the wire, as the proxy measured it:"
	ctl show histogram
	api /api/v1/counters >"$DIR/counters"
	expect "one cut is in the histogram, well under a second" jq -e \
		'.change_to_cut.count >= 1 and .change_to_cut.max_us < 1000000' "$DIR/counters"
	ask "$a" "$PROXY/"
	expect "a new request of that device is denied" is "$code" 403
	rm -f "$DIR/www/big"
}

# download NAME UID RATE: in the background; NAME.log gets the status and the number of bytes.
download()
{
	spawn "$1" ip netns exec "$T-client" curl -sS --limit-rate "$3" --cacert "$EMS/web-ca.pem" \
		--cert "$EMS/devices/$2.pem" --key "$EMS/devices/$2.key" -o /dev/null \
		-w '%{http_code} %{size_download}\n' "$PROXY/big"
}

two_downloads()
{
	[ "$(api /api/v1/sessions | jq '[.sessions[] | select(.state == "request")] | length')" = 2 ]
}

is_dead()
{
	! is_alive "$1"
}

# codes UID N: the status of N requests, one after the other.
codes()
{
	local i list=""
	for ((i = 0; i < $2; i++)); do
		list+=$(as "$1" -o "$DIR/body" -w '%{http_code} ' "$PROXY/" 2>/dev/null)
		sleep 0.2
	done
	echo "${list% }"
}

has_code()
{
	[ "$(codes "$2" 1)" = "$1" ]
}

# scene 6: Each process is killed, and EMS goes away
scene_6()
{
	local good bad at
	OUT_OF_SYNC=10
	current=""
	policy "$ANY"
	new_device --name bad
	bad=$DEV
	new_device --name good --tag FortiAD
	good=$DEV
	wait_for 10 has_code 200 "$good"

	say "The control plane is killed. What it published stays in shared memory, and the data plane" \
		"decides by that."
	typed "kill -KILL $(basename "$BUILD")/.../tagwarden-controlplane"
	stop controlplane KILL
	expect "the device with the tag is served" is "$(codes "$good" 3)" "200 200 200"
	expect "the device without it is not" is "$(codes "$bad" 3)" "403 403 403"
	at=$(us)
	start_controlplane
	expect "the control plane comes back and is in contact with EMS" wait_for 10 ems_is_synced
	say "That took $(since "$at")."
	ems tag "$good" -FortiAD >/dev/null
	expect "and carries on: a tag that is taken away counts" wait_for 10 has_code 403 "$good"
	ems tag "$good" +FortiAD >/dev/null
	expect "as does one that is given" wait_for 10 has_code 200 "$good"

	say "The data plane is killed, and started again by the same command line."
	stop dataplane KILL
	at=$(us)
	start_dataplane --user "$DP_USER"
	plug
	expect "it serves again" wait_for 10 has_code 200 "$good"
	say "The first answer came $(since "$at") after the start."

	say "EMS is killed. Posture cannot be refreshed: it counts for the out-of-sync threshold," \
		"$OUT_OF_SYNC s here from the last contact, and then nobody is known to be healthy."
	stop ems KILL
	at=$(us)
	expect "at first access goes on" has_code 200 "$good"
	status "waiting for the threshold"
	wait_for 30 has_code 403 "$good"
	status_end
	expect "and then it does not" has_code 403 "$good"
	say "That was $(since "$at") after EMS was lost."
	ctl show ems
	start_ems
	expect "EMS comes back, and so does access" wait_for 60 has_code 200 "$good"
	OUT_OF_SYNC=180
	current=""
	policy "$ANY"
}

# scene 7: Big bodies over bad links
scene_7()
{
	local mib=${MIB:-200} at
	policy "$ANY"
	new_device --name far --tag FortiAD
	say "On both sides of the proxy a link emulator loses 2 % of the frames, repeats 1 % and delivers" \
		"2 % out of order, in both directions. $mib MiB go down and up through it."
	head -c "${mib}M" /dev/urandom >"$DIR/www/random"
	lossy_links --delay-ms 0.3 --loss 2 --dup 1 --reorder 2 --hold-ms 1 || fail "no bad links"
	typed "curl --cert far.pem --key far.key -o random $PROXY/random"
	status "downloading"
	at=$(us)
	MAX_TIME=300 ask "$DEV" "$PROXY/random"
	status_end
	say "That took $(since "$at")."
	expect "the download is answered with 200" is "$code" 200
	mv "$DIR/body" "$DIR/random"
	typed "curl --cert far.pem --key far.key -T random $PROXY/copy"
	status "uploading"
	at=$(us)
	MAX_TIME=300 ask "$DEV" -T "$DIR/random" "$PROXY/copy"
	status_end
	say "That took $(since "$at")."
	expect "the upload is answered with 201" is "$code" 201
	(cd "$DIR" && sha256sum www/random random www/copy) >"$DIR/sums"
	shown <"$DIR/sums"
	expect "server's, client's and uploaded file are the same" \
		is "$(cut -d' ' -f1 "$DIR/sums" | sort | uniq -c | awk '{ print $1 }')" 3
	say "What the links did to it:"
	clean_links
	grep -h '>' "$DIR"/linkem-*.log | sed "s/$T-//g" | shown
	expect "each of them lost, repeated and reordered" not grep -qE ' (lost|dup|late)=0 ' \
		"$DIR"/linkem-*.log
	rm -f "$DIR/www/random" "$DIR/www/copy" "$DIR/random"
}

# scene 8: A million devices
scene_8()
{
	local devices=${DEVICES:-1000000} at p
	policy "$ANY"
	say "EMS gets $devices more devices, with three tags each out of 64. The control plane pulls all" \
		"of them, and publishes each page as it comes."
	typed "emsim synth $devices"
	ems synth "$devices" >/dev/null || fail "emsim makes no fleet"
	at=$(us)
	while ! fleet_in_force "$devices" >/dev/null; do
		[ $(($(us) - at)) -lt 600000000 ] || break
		status "$(fleet_progress)"
		sleep 0.5
	done
	status_end
	expect "each worker knows them all" fleet_in_force "$devices"
	say "${BOLD}First synchronisation: $(since "$at").$OFF"

	DEV=$(ems uid "$((devices - 1))")
	ems cert "$DEV" >/dev/null
	wait_for 20 fleet_is_quiet
	ask "$DEV" "$PROXY/"
	expect "the last of them is denied: it lacks the tag" is "$code" 403
	api /api/v1/status | jq .snapshot.generation >"$DIR/generation"
	typed "emsim tag $DEV +FortiAD"
	at=$(us)
	ems tag "$DEV" +FortiAD >/dev/null
	wait_for 20 flip_in_force
	say "${BOLD}From the command line at EMS to the tag in every worker: $(since "$at").$OFF" \
		"Of that, the proxy's own share:"
	api /api/v1/status | jq -r '.snapshot |
		"publishing the change: \(.last_publish_us) us; until every worker used it: " +
		"\(.last_spread_us) us"' | shown
	ask "$DEV" "$PROXY/"
	expect "it is let through" is "$code" 200
	say "Memory, with $devices devices:"
	{
		printf '%-14s %12s %12s\n' process "own MiB" "shared MiB"
		for p in ems controlplane dataplane; do
			memory_of "$p"
		done
		printf '%-14s %12s %12s\n' "shared memory" "" \
			"$(du -sm --apparent-size "$SHM" | cut -f1)"
	} | shown
}

fleet_progress()
{
	api /api/v1/ems | jq -r '[.ems[0].calls[] | select(.object == "uid_tags" or
		.object == "sysinfo") | "\(.object) \(.records)"] | join(", ")'
}

# ---- start and end ----

build()
{
	local log=build/demo-build.log targets=(dataplane/tagwarden-dataplane
		controlplane/tagwarden-controlplane controlplane/cli/tagwardenctl tests/emsim/emsim
		tests/lib/linkem)
	local was_there=""
	[ ! -d build ] || was_there=1
	mkdir -p build
	if [ ! -f build/build.ninja ]; then
		stage "configure build/"
		meson setup build -Dbuildtype=debugoptimized >"$log" 2>&1 </dev/null || broken "$log"
	fi
	stage "build"
	ninja -C build "${targets[@]}" 2>&1 </dev/null | tee "$log" | progress
	[ "${PIPESTATUS[0]}" -eq 0 ] || broken "$log"
	# Not root's, when root it is for the namespaces only.
	[ -n "$was_there" ] || [ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-0}" build
}

broken()
{
	echo "The build failed; the last lines of $1:"
	tail -n 30 "$1"
	exit 1
}

# Of ninja's "[12/345] ..." lines: a counter for a terminal, every tenth part for a file.
progress()
{
	local line tenth last=-1
	while IFS= read -r line; do
		[[ $line =~ ^\[([0-9]+)/([0-9]+)\]\ (.*) ]] || continue
		tenth=$((BASH_REMATCH[1] * 10 / BASH_REMATCH[2]))
		status "${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}"
		[ -t 1 ] || [ "$tenth" = "$last" ] || echo "  $((tenth * 10)) %"
		last=$tenth
	done
	status_end
}

# What --keep leaves is written down, so that --stop finds it. Not in $DIR, which is not root's.
keep()
{
	local name ns
	mkdir -p "$KEPT"
	chmod 0700 "$KEPT"
	{
		for name in "${!PID[@]}"; do
			echo "pid ${PID[$name]}"
		done
		for ns in "${NAMESPACES[@]}"; do
			echo "ns $ns"
		done
		echo "dir $DIR"
		echo "dir $SHM"
	} >"$KEPT/$T"
	cat <<END

${BOLD}It goes on running.${OFF} In a shell of root:

  cd $TOP; D=$DIR
  alias ctl="$CTL --socket \$D/api.sock"
  alias emsim="$EMSIM"; export EMSIM_DIR=\$D/ems
  client() { ip netns exec $T-client curl --cacert \$D/ems/web-ca.pem \\
    --cert \$D/ems/devices/\$1.pem --key \$D/ems/devices/\$1.key "\${@:2}"; }

  DEV=\$(emsim add --name mine --tag FortiAD --print uid)
  client \$DEV $PROXY/
  emsim tag \$DEV -FortiAD; client \$DEV $PROXY/
  ctl show sessions; ctl show denials; ctl explain --uid \$DEV --service ZTNA-webserver
  ctl show status; ctl show ems; ctl show counters; ctl --help
  vi \$D/tagwarden.json; ctl reload
  tail -f \$D/traffic.log; tail -f \$D/*.log
  emsim fault ws-drop; emsim fault http500 3; emsim --help

To end it: sudo ./demo.sh --stop
END
}

# Only processes that are ours still: a process id may have been given to another one.
stop_kept()
{
	local file t what arg
	for file in "$KEPT"/*; do
		[ -f "$file" ] || continue
		t=$(basename "$file")
		for signal in TERM KILL; do
			while read -r what arg; do
				[ "$what" = pid ] && grep -qsa "$t" "/proc/$arg/cmdline" &&
					kill -$signal "$arg"
			done <"$file"
			sleep 1
		done
		while read -r what arg; do
			case $what in
			ns) ip netns del "$arg" ;;
			dir) [[ $arg == */"$t"* ]] && rm -rf "$arg" ;;
			esac
		done <"$file"
		rm -f "$file"
		echo "ended $t"
	done
}

# Wanted scenes as " 1 3 ", from "1,3".
parse_scenes()
{
	local n
	for n in ${1//,/ }; do
		[[ $n =~ ^[1-9]$ ]] && [ "$n" -le $NB_SCENES ] || {
			echo "demo.sh: there is no scene '$n', only 1 to $NB_SCENES" >&2
			exit 2
		}
		scenes+=" $n "
	done
}

scenes="" is_keep="" install=1 do_build=1
while [ $# -gt 0 ]; do
	case $1 in
	--scene)
		parse_scenes "${2:-none}"
		shift
		;;
	--scene=*) parse_scenes "${1#*=}" ;;
	--keep) is_keep=1 ;;
	--no-install) install="" ;;
	--no-build) do_build="" ;;
	--stop) scenes=stop ;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		usage >&2
		exit 2
		;;
	esac
	shift
done
[ "$(id -u)" -eq 0 ] || {
	echo "demo.sh: network namespaces need root: sudo ./demo.sh" >&2
	exit 1
}
if [ "$scenes" = stop ]; then
	stop_kept
	exit 0
fi
[ -n "$scenes" ] || scenes=$(seq -f ' %g ' $NB_SCENES)

printf '%sTagwarden%s: access by device and posture, through a proxy in user space\n' "$BOLD" "$OFF"
if [ -n "$install" ]; then
	stage "packages"
	devtools/install-deps build run || exit 1
fi
[ -z "$do_build" ] || build
[ -z "$do_build" ] || BUILD=$PWD/build
export BUILD

# shellcheck source=tests/func/stack-lib.sh
. tests/func/stack-lib.sh

is_done=""
at_exit()
{
	local status=$?
	if [ -n "$is_done" ] && [ -n "$is_keep" ]; then
		keep
		exit "$status"
	fi
	status_end
	stage "clean up"
	(exit "$status")
	cleanup
}
trap at_exit EXIT
trap 'exit 130' INT TERM HUP

not()
{
	! "$@"
}

skip()
{
	echo "demo.sh: $*" >&2
	exit 1
}

# The same once more in IPv6, on the client's side.
PROXY6='https://[2001:db8:1::10]:9043'
ALSO6=""
if has_ip6; then
	ALSO6=', "ZTNA-webserver-6"'
	WAN_MORE=', "2001:db8:1::10/64"'
	MORE_CERTIFICATES=', {"name": "web6", "certificate": "ems/web6.pem", "key": "ems/web6.key"}'
	MORE_PROXIES=", {\"name\": \"ZTNA-webserver-6\", \"interface\": \"wan\",
    \"address\": \"2001:db8:1::10\", \"port\": 9043, \"certificate\": \"web6\",
    \"api_gateways\": $GATEWAYS}"
	POLICIES=${POLICIES/'"ZTNA-webserver"]'/'"ZTNA-webserver", "ZTNA-webserver-6"]'}
	certificate web6 2001:db8:1::10
fi

plug()
{
	take_tap "$T-w" client 192.0.2.1/24
	take_tap "$T-l" server 198.51.100.20/24
	ip -n "$T-server" route replace default via 198.51.100.1
	[ -z "$ALSO6" ] || add_ip6 client "$T-w" 2001:db8:1::1/64 2001:db8:1::10
}

stage "start emsim, control plane, data plane, nginx"
current=$ANY
stack_up
cat <<END

  curl in $T-client            data plane (pid ${PID[dataplane]})             nginx in $T-server
  192.0.2.1  ---- tap ----  192.0.2.10:9043  198.51.100.1  ---- tap ----  198.51.100.20:8080
${ALSO6:+  2001:db8:1::1            [2001:db8:1::10]:9043
}                                  | shared memory
                            control plane (pid ${PID[controlplane]})  ---- HTTPS, WSS ----  emsim (pid ${PID[ems]})
END

failed=() played=0
for ((n = 1; n <= NB_SCENES; n++)); do
	[[ $scenes == *" $n "* ]] || continue
	played=$((played + 1))
	printf '\n%s== Scene %d: %s%s\n\n' "$BOLD" "$n" \
		"$(sed -n "s/^# scene $n: //p" demo.sh)" "$OFF"
	scene_failed=""
	"scene_$n"
	[ -z "$scene_failed" ] || failed+=("$n")
done

echo
is_done=1
if [ ${#failed[@]} -gt 0 ]; then
	printf '%s%d of %d scenes did not show what they should: %s%s\n' "$RED" ${#failed[@]} \
		"$played" "${failed[*]}" "$OFF"
	exit 1
fi
printf '%s%d of %d scenes showed what they should%s, in %d s.\n' "$GREEN" "$played" "$played" "$OFF" \
	"$SECONDS"
