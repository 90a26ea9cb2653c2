#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# selftest.sh EMSIM: exercises the simulator on the loopback with curl and a small WebSocket client.
# Needs no root and no network; everything lies in a fresh folder that goes away at the end.
set -u

emsim=$1
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d /tmp/emsim-selftest.XXXXXX)
failed=0
nb=0

stop() {
	if [ -s "$dir/emsim.pid" ]; then
		kill "$(cat "$dir/emsim.pid")" 2>/dev/null
	fi
}
trap 'stop; rm -rf "$dir"' EXIT

stop_and_wait() {
	local pid
	pid=$(cat "$dir/emsim.pid")
	stop
	for _ in $(seq 100); do
		# Over means gone, or a zombie that its new parent has not reaped yet.
		case $(cat "/proc/$pid/stat" 2>/dev/null) in
		"" | *") Z "*) return 0 ;;
		esac
		sleep 0.05
	done
	echo "the server does not end"
	return 1
}

start() { # with pages of ten
	"$emsim" serve --dir "$dir" --port 0 --page-size 10 >/dev/null || exit 1
	port=$(cat "$dir/emsim.port")
}

# check NAME COMMAND...: the command's status decides.
check() {
	local name=$1
	shift
	nb=$((nb + 1))
	if "$@" >"$dir/out" 2>&1; then
		return
	fi
	failed=$((failed + 1))
	echo "FAILED: $name"
	head -n 12 "$dir/out" | cut -c 1-400 | sed 's/^/    /'
}

get() {
	curl -sS -g --max-time "${timeout:-5}" --cacert "$dir/ems-ca.pem" \
		--cert "$dir/gateway.pem" --key "$dir/gateway.key" \
		"https://127.0.0.1:$port/api/v1/$1" "${@:2}"
}

ctl() {
	local command=$1
	shift
	"$emsim" "$command" --dir "$dir" "$@"
}

status() {
	get "$1" -o /dev/null -w '%{http_code}' "${@:2}"
}

# The exit status of curl for an entry.
curl_rc() {
	get "$1" >/dev/null 2>&1
	echo $?
}

# What the data of a reply unzips to.
unzipped() {
	get "$1" | python3 -c '
import base64, json, sys, zlib
d = json.load(sys.stdin)["data"]
text = zlib.decompress(base64.b64decode(d["data"], validate=True))
assert len(text) == d["unzipped_size"], (len(text), d["unzipped_size"])
print(text.decode())'
}

# How many records all pages of a report hold together.
count_pages() {
	python3 - "$dir" "$port" "$1" <<'PY'
import base64, http.client, json, ssl, sys, zlib
from urllib.parse import quote
folder, port, entry = sys.argv[1:]
tls = ssl.create_default_context(cafile=folder + "/ems-ca.pem")
tls.load_cert_chain(folder + "/gateway.pem", folder + "/gateway.key")
http = http.client.HTTPSConnection("127.0.0.1", int(port), context=tls)
cursor, seen, final = "", set(), False
while not final:
    http.request("GET", f"/api/v1/report/fct/{entry}?sn_list[]=FPXVULTM24000083{cursor}")
    d = json.loads(http.getresponse().read())["data"]
    inner = json.loads(zlib.decompress(base64.b64decode(d["data"])))
    records = inner.get("uid_tag_lists", inner)
    assert not seen & records.keys() and len(records) <= 10
    seen |= records.keys()
    cursor = f"&updated_after={quote(d['updated_after'])}&uid_offset={d['uid_offset']}"
    final = d["is_final"]
print(len(seen))
PY
}

is() {
	if [ "$1" != "$2" ]; then
		echo "got:  $1"
		echo "want: $2"
		return 1
	fi
}

has() {
	case "$1" in
	*"$2"*) ;;
	*)
		echo "got:  $1"
		echo "want: ...$2..."
		return 1
		;;
	esac
}

lacks() {
	! has "$1" "$2" >/dev/null
}

# The first value of a key in printed JSON, which has one key on a line.
field() {
	sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | head -n 1
}

sn='sn_list[]=FPXVULTM24000083'

start
dev=$(ctl add --name laptop1 --ip 192.0.2.20 --user guodong --tag FortiAD --tag CLASS:Low --json)
uid=$(echo "$dev" | field uid)

rest_tests() {
	check "the serial number is told" has "$(get system/serial_number)" '"data": "FCTEMS8823005021"'
	check "capabilities name the tenant" has "$(get system/capabilities)" '"tenant_id": "0000'
	check "no client certificate, no answer" is \
		"$(curl -s --max-time 5 --cacert "$dir/ems-ca.pem" \
			"https://127.0.0.1:$port/api/v1/system/serial_number" || echo refused)" refused
	check "an unknown entry is 404" is "$(status nope)" 404
	check "a report without sn_list is 400" is "$(status report/fct/tags)" 400
	check "a wrong method is 405" is "$(status system/serial_number -d x)" 405
	check "system info carries the device" has "$(unzipped "report/fct/sysinfo?$sn")" \
		'"hostname":"laptop1"'
	check "tags by uid carry type numbers" has "$(unzipped "report/fct/uid_tags?$sn")" \
		'[{"name":"FortiAD","type":1},{"name":"Low","type":2}]'
	check "tags carry addresses" has "$(unzipped "report/fct/tags?$sn&send_mac=true")" \
		'"action":"add","ip_list":["192.0.2.20"],"mac_list":["02-'
	check "one device on demand" has \
		"$(unzipped "report/fct/uid_tags?$sn&uid_list[]=$uid")" "\"$uid\":"
	check "an unknown device on demand is an empty list" is \
		"$(unzipped "report/fct/uid_tags?$sn&uid_list[]=00000000000000000000000000000001")" \
		'{"uid_tag_lists":{}}'
	check "the gateway tells a VPN address" has "$(get fgt/gateway_details/vpn -d \
		"{\"sn_list\":[\"F\"],\"uid_list\":[{\"uid\":\"$uid\",\"ip\":\"10.212.134.200\",\"is_delete\":false},{\"uid\":\"00\",\"ip\":\"1.2.3.4\"}],\"is_snapshot\":false}")" \
		'"data": {"rejected_uid_list": ["00"]}'
	check "the VPN address is in the tags" has "$(unzipped "report/fct/tags?$sn")" \
		'"ip_list":["192.0.2.20","10.212.134.200"]'
	get fgt/gateway_details/vpn -d '{"uid_list":[],"is_snapshot":true}' >/dev/null
	check "an empty VPN snapshot forgets it" is \
		"$(ctl show "$uid" --print vpn_ip)" 0.0.0.0
}

cert_tests() {
	local pem=$dir/devices/$uid.pem serial u
	serial=$(echo "$dev" | field client_cert_sn)
	check "a device certificate verifies for clientAuth" openssl verify -purpose sslclient \
		-CAfile "$dir/ztna-ca.pem" "$pem"
	check "its serial is the recorded one" is "$(openssl x509 -in "$pem" -noout -serial)" \
		"serial=$serial"
	check "the issuer's CN is the EMS serial" is "$(openssl x509 -in "$pem" -noout -issuer)" \
		"issuer=CN = FCTEMS8823005021"
	check "the subject's CN is the UID" is "$(openssl x509 -in "$pem" -noout -subject)" \
		"subject=CN = $uid"
	for kind in expired wrong-issuer self-signed; do
		u=$(ctl add --"$kind" --print uid)
		check "--$kind does not verify" is "$(openssl verify -purpose sslclient -CAfile \
			"$dir/ztna-ca.pem" "$dir/devices/$u.pem" >/dev/null 2>&1 || echo no)" no
	done
	u=$(ctl add --no-eku --print uid)
	check "--no-eku has no extended key usage" lacks \
		"$(openssl x509 -in "$dir/devices/$u.pem" -noout -text)" "Extended Key Usage"
	dev=$(ctl add --serial-mismatch --json)
	u=$(echo "$dev" | field uid)
	check "--serial-mismatch records another serial" lacks \
		"$(openssl x509 -in "$dir/devices/$u.pem" -noout -serial)" \
		"$(echo "$dev" | field client_cert_sn)"
	check "--all-zero records zeros" is "$(ctl add --all-zero --print client_cert_sn)" \
		0000000000000000000000000000000000000000
	ctl revoke "$uid" >/dev/null
	check "a revoked serial is listed" has "$(get ztna/ca)" "\"revoked\": [\"$serial\"]"
	check "key files are private" is "$(stat -c %a "$dir/devices/$uid.key")" 600
	check "the admin socket is private" is "$(stat -c %a "$dir/emsim.sock")" 600
	ctl make-server-cert --name web --host www.example.net >/dev/null
	check "a server certificate for a proxy verifies" openssl verify -CAfile "$dir/web-ca.pem" \
		-verify_hostname www.example.net "$dir/web.pem"
}

ws_tests() {
	local ws
	python3 "$here/ws_listen.py" "$dir" "$port" 4 >"$dir/ws" 2>&1 &
	ws=$!
	for _ in $(seq 50); do
		grep -q registered "$dir/ws" && [ "$(ctl stats --print ws_clients)" = 1 ] && break
		sleep 0.05
	done
	sleep 0.1
	ctl tag "$uid" +OUTBREAK:Log4j -FortiAD >/dev/null
	ctl set "$uid" online=false >/dev/null
	ctl revoke "$uid" >/dev/null
	wait "$ws"
	check "notifications come in the captured bytes, once a command" is "$(cat "$dir/ws")" \
		'registered
{"message_type":"notification","message_body":{"notify": {"tags":{"value":true}}}}
{"message_type":"notification","message_body":{"notify": {"sysinfo":{"value":true}}}}
{"message_type":"notification","message_body":{"notify": {"sysinfo":{"value":true}}}}
{"message_type":"notification","message_body":{"notify": {"ztna_ca":{"value":true}}}}'
	check "tags changed" has "$(unzipped "report/fct/uid_tags?$sn&uid_list[]=$uid")" \
		'[{"name":"Low","type":2},{"name":"Log4j","type":3}]'
	python3 "$here/ws_listen.py" "$dir" "$port" 4 >"$dir/ws" 2>&1 &
	ws=$!
	for _ in $(seq 50); do
		[ "$(ctl stats --print ws_clients)" = 1 ] && break
		sleep 0.05
	done
	ctl fault ws-drop >/dev/null
	wait "$ws"
	check "ws-drop cuts the WebSocket" has "$(cat "$dir/ws")" closed
	ctl fault ws-refuse 1
	check "ws-refuse answers 503" has "$(python3 "$here/ws_listen.py" "$dir" "$port" 1)" 503
}

fault_tests() {
	local e="report/fct/sysinfo?$sn"
	ctl fault http500 1
	check "http500" is "$(status "$e")" 500
	check "a counted fault is over" is "$(status "$e")" 200
	ctl fault http401 --entry tags
	check "http401 on its entry" is "$(status "report/fct/tags?$sn")" 401
	check "and on no other" is "$(status "$e")" 200
	ctl fault clear
	ctl fault hang 1
	check "hang" is "$(timeout=0.4 curl_rc "$e")" 28
	ctl fault hang 1 --entry tls
	check "hang in the handshake" is "$(timeout=0.4 curl_rc "$e")" 28
	ctl fault slow 1
	check "slow" is "$(timeout=0.4 curl_rc "$e")" 28
	ctl fault truncate 1
	check "truncate" is "$(curl_rc "$e")" 18
	ctl fault bad-length 1
	check "bad-length" is "$(timeout=0.4 curl_rc "$e")" 28
	for name in wrong-unzipped-size bad-base64 bad-zlib bad-json; do
		ctl fault "$name" 1 --entry sysinfo
		check "$name" is "$(unzipped "$e" >/dev/null 2>&1 && echo accepted)" ""
	done
	ctl fault bad-inner-json 1 --entry sysinfo
	check "bad-inner-json" is \
		"$(unzipped "$e" | python3 -m json.tool >/dev/null 2>&1 && echo accepted)" ""
	ctl fault wrong-types 1 --entry sysinfo
	check "wrong-types" has "$(unzipped "$e")" '"hostname":12345'
	ctl fault deep-json 1 --entry sysinfo
	check "deep-json" has "$(unzipped "$e")" '[[[[[[[['
	ctl fault not-zipped 1 --entry sysinfo
	check "not-zipped" has "$(get "$e")" '"is_zipped": false'
	ctl fault zip-bomb 1 --entry sysinfo
	check "zip-bomb is small" test "$(get "$e" | wc -c)" -lt 3000000
	ctl fault zip-bomb-told 1 --entry sysinfo
	check "zip-bomb-told says so" has "$(get "$e" | tail -c 60)" '"unzipped_size": 1073741824'
	ctl fault missing-final 2
	check "missing-final" has "$(get "$e")" '"is_final": false'
	ctl fault cursor-gone
	check "cursor-gone strikes a cursor" has \
		"$(get "$e&updated_after=2024-07-11%2017%3A57%3A41%2E4614463&uid_offset=$uid")" '-410'
	check "and not a first pull" has "$(get "$e")" '"retval": 1'
	ctl fault clear
	ctl fault expired-cert 1
	check "expired-cert" is "$(curl_rc "$e")" 60
	ctl fault wrong-cn 1
	check "wrong-cn" has "$(get "$e" -v 2>&1)" 'CN=FCTEMS0000000000'
	ctl fault http500 1 --entry sysinfo
	ctl fault truncate 1 --entry sysinfo
	check "two faults at a time" is "$(get "$e" -w '%{http_code}' -o /dev/null 2>/dev/null)" 500
}

# What a gateway tells, and what it may ask for besides the reports.
gateway_tests() {
	local uid e=fgt/gateway_details fp
	uid=$(ctl add --name vpn1 --tag FortiAD --print uid)
	check "a VPN user's IPv6 address is taken" has "$(get "$e/vpn" -d "{\"uid_list\":[
		{\"uid\":\"$uid\",\"ip\":\"2001:db8::5\",\"is_delete\":false}]}")" '"rejected_uid_list": []'
	check "and kept" is "$(ctl show "$uid" --print vpn_ip6)" 2001:db8::5
	ctl vpn-reject "$uid" >/dev/null
	check "one that is to be rejected is" has "$(get "$e/vpn" -d "{\"uid_list\":[
		{\"uid\":\"$uid\",\"ip\":\"10.1.1.1\",\"is_delete\":false}]}")" "[\"$uid\"]"
	check "and its address is not taken" is "$(ctl show "$uid" --print vpn_ip)" 0.0.0.0
	ctl vpn-reject "$uid" off >/dev/null
	check "a snapshot forgets who is not in it" has "$(get "$e/vpn" -d \
		'{"uid_list":[],"is_snapshot":true}')" '"retval": 1'
	check "IPv6 too" is "$(ctl show "$uid" --print vpn_ip6)" 0.0.0.0
	check "interfaces are taken" has "$(get "$e/mac" -d '{"gateway_list":[{"interface":"wan",
		"ip":"192.0.2.1","mac":"02-00-00-00-00-01","vdom":"root","sn":"SN"}]}')" '"retval": 1'
	check "and shown" has "$(ctl gateways)" 02-00-00-00-00-01
	ctl set "$uid" gateway_mac=02-00-00-00-00-01 avatar=3 >/dev/null
	get "report/fct/sysinfo?$sn&uid_list[]=$uid" >"$dir/reply"
	fp=$(python3 -c '
import base64, json, sys, zlib
d = json.load(open(sys.argv[1]))["data"]
print(json.loads(zlib.decompress(base64.b64decode(d["data"])))[sys.argv[2]]["avatar_fingerprint"])' \
		"$dir/reply" "$uid")
	get "report/fct/avatar?$sn&fingerprint=$fp" >"$dir/reply"
	check "a picture fits its fingerprint" is "$(python3 -c '
import base64, hashlib, json, sys
print(hashlib.sha1(base64.b64decode(json.load(open(sys.argv[1]))["data"]["content"])).hexdigest())' \
		"$dir/reply")" "$fp"
	check "there is no other" has "$(get "report/fct/avatar?$sn&fingerprint=$(printf \
		%040d 0)")" '"retval": -404'
	ctl fault http404 1 --entry avatar
	check "http404" is "$(get "report/fct/avatar?fingerprint=$fp" -w '%{http_code}' -o \
		/dev/null)" 404
}

# All that EMS knows in one number; the order of tags means nothing.
digest() {
	ctl list --json | python3 -c '
import hashlib, json, sys
devices = json.load(sys.stdin)["devices"]
for d in devices:
    d["tags"].sort()
text = json.dumps(sorted(devices, key=lambda d: d["uid"]), sort_keys=True)
print(len(devices), hashlib.sha256(text.encode()).hexdigest())'
}

restart_tests() {
	local before
	ctl synth 95 --tags-per-device 2 >/dev/null
	check "every synthetic device is paged once" is "$(count_pages sysinfo)" \
		"$(ctl list --print total)"
	check "in the tags too" is "$(count_pages uid_tags)" "$(ctl list --print total)"
	check "the uid of a synthetic device is known" has "$(ctl show "$(ctl uid 94)")" SYNTH-0000094
	ctl tag "$(ctl uid 7)" +FortiAD >/dev/null
	before=$(digest)
	check "a second server in the same folder is refused" is \
		"$("$emsim" serve --dir "$dir" --port 0 2>&1)" \
		"emsim: cannot start: Address already in use"
	stop_and_wait
	start
	check "a restarted EMS knows what it knew" is "$(digest)" "$before"
	check "and pages as before" is "$(count_pages sysinfo)" "$(ctl list --print total)"
}

rest_tests
cert_tests
ws_tests
fault_tests
gateway_tests
restart_tests
check "SIGTERM ends it" stop_and_wait
check "its log is empty, of sanitizers' reports too" is "$(cat "$dir/emsim.log")" ""
echo "$((nb - failed)) passed, $failed failed"
[ "$failed" = 0 ]
