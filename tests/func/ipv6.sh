#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 300
# Clients and real servers of either family, each with each; and what is decided, written and shown
# of IPv6 is as it is of IPv4. EMS is at [::1].
here=$(dirname "$0")
GATEWAYS_MORE=',
  {"id": 10, "url_map": "^/dead-six/", "url_map_type": "regex", "service": "http",
   "ldb_method": "first-alive", "real_servers": [
   {"id": 1, "address": "2001:db8:2::20", "port": 8099},
   {"id": 2, "address": "198.51.100.20", "port": 8080}]},
  {"id": 11, "url_map": "^/no-six/", "url_map_type": "regex", "service": "http",
   "ldb_method": "first-alive", "real_servers": [
   {"id": 1, "address": "2001:db8:2::66", "port": 8080},
   {"id": 2, "address": "198.51.100.20", "port": 8080}]},
  {"id": 12, "url_map": "^/tls/", "url_map_type": "regex", "service": "https",
   "server_ca": "ems/web-ca.pem", "real_servers": [
   {"id": 1, "address": "2001:db8:2::20", "port": 8443}]},
  {"id": 13, "url_map": "^/tls-host/", "url_map_type": "regex", "service": "https",
   "server_ca": "ems/web-ca.pem", "real_servers": [
   {"id": 1, "address": "2001:db8:2::20", "port": 8443, "http_host": "[2001:DB8:2:0::20]:8443"}]},
  {"id": 15, "url_map": "/vhost/", "virtual_host": "address", "service": "http", "real_servers": [
   {"id": 1, "address": "198.51.100.20", "port": 8080}]},
  {"id": 14, "url_map": "^/tls-other/", "url_map_type": "regex", "service": "https",
   "server_ca": "ems/web-ca.pem", "real_servers": [
   {"id": 1, "address": "2001:db8:2::20", "port": 8444}]}'
VHOSTS='[{"name": "address", "host": "2001:DB8:1:0::10"}]'
PROXIES='"access_proxies": ["ZTNA-webserver", "ZTNA-webserver-6"]'
POLICIES="[
  {\"id\": 15, \"name\": \"one address\", $PROXIES, \"source\": [\"2001:db8:1::66\"],
   \"action\": \"deny\", \"log\": \"all\"},
  {\"id\": 16, \"name\": \"IPv4\", $PROXIES, \"source\": [\"0.0.0.0/0\"],
   \"tags\": {\"any\": [\"FortiAD\", \"Four\"]}, \"action\": \"accept\", \"log\": \"all\"},
  {\"id\": 17, \"name\": \"IPv6\", $PROXIES, \"source\": [\"2001:db8:1::/64\"],
   \"tags\": {\"any\": [\"FortiAD\", \"Low-Risk\"]}, \"action\": \"accept\", \"log\": \"all\"}]"
EXTRA='"timeouts": {"upstream_connect": 3}'
. "$here/ipv6-lib.sh"
need python3

need_root
has_ip6 || skip "the kernel has no IPv6"
certificate real6 2001:db8:2::20
certificate other6 2001:db8:2::21
ipv6_up dead-six no-six vhost
step "EMS is reached by IPv6" grep -q "notifications connected" "$DIR/controlplane.log"
start_backend6()
{
	spawn "tls$1" ip netns exec "$T-server" python3 "$TOP/tests/lib/backend.py" --address \
		2001:db8:2::20 --record "$DIR/record" --cert "$EMS/$2.pem" --key "$EMS/$2.key" "$1"
	wait_for 5 in_ns server bash -c "exec 3<>/dev/tcp/2001:db8:2::20/$1" ||
		fail "the backend does not listen"
}
start_backend6 8443 real6
start_backend6 8444 other6
DEV=$(add_device --name laptop --tag FortiAD)
FOUR=$(add_device --name four --tag Four)
step "EMS told of the devices" wait_for 10 device_is_known "$FOUR"

ping_proxy()
{
	in_ns client ping -6 -c 1 -W 1 2001:db8:1::10
}
step "the address answers pings" wait_for 5 ping_proxy
head -c 3M /dev/urandom >"$DIR/www/random"
same_bytes()
{
	expect_status 200 "$DEV" "$1/random" && cmp "$DIR/body" "$DIR/www/random"
}
step "an IPv4 client, an IPv4 server" same_bytes "$PROXY/four"
step "an IPv4 client, an IPv6 server" same_bytes "$PROXY/six"
step "an IPv6 client, an IPv4 server" same_bytes "$PROXY6/four"
step "an IPv6 client, an IPv6 server" same_bytes "$PROXY6/six"
put()
{
	expect_status 201 "$DEV" -T "$DIR/www/random" "$PROXY6/six/put$1" &&
		cmp "$DIR/www/random" "$DIR/www/put$1"
}
step "and a body the other way" put 1

# nginx tells who connected to it: the data plane's address on that link.
in_turns()
{
	local before i four six
	before=$(wc -l <"$DIR/nginx-access.log")
	for i in {1..10}; do
		expect_status 200 "$DEV" "$PROXY6/mixed/" || return 1
	done
	four=$(tail -n "+$((before + 1))" "$DIR/nginx-access.log" | grep -c '^198.51.100.1 ')
	six=$(tail -n "+$((before + 1))" "$DIR/nginx-access.log" | grep -c '^2001:db8:2::1 ')
	echo "$four $six"
	[ "$four" = 5 ] && [ "$six" = 5 ]
}
step "servers of both families take turns" in_turns
step "a dead one of IPv6 gives way to IPv4" expect_status 200 "$DEV" "$PROXY6/dead-six/"
told_down()
{
	grep -q 'real server is down address=2001:db8:2::20 port=8099' "$DIR/controlplane.log"
}
step "and the operator is told" wait_for 5 told_down
step "one that is no neighbour gives way too" expect_status 200 "$DEV" "$PROXY6/no-six/"

headers()
{
	expect_status 200 "$DEV" "$PROXY6/headers" && cat "$DIR/body" &&
		grep -qF 'host=[2001:db8:1::10]:9043 xff=2001:db8:1::1 ' "$DIR/body"
}
step "the server is told the client's address and Host" headers
# Its gateway is the one that leads to IPv4.
vhost()
{
	expect_status 200 "$DEV" -H "Host: $1" "$PROXY6/vhost/" &&
		tail -n 1 "$DIR/nginx-access.log" | grep "^$2 "
}
step "a virtual host is an address" vhost '[2001:db8:1::10]' 198.51.100.1
step "however it is spelt" vhost '[2001:0DB8:1::0:0010]:9043' 198.51.100.1
step "another address is not" vhost '[2001:db8:1::11]:9043' 2001:db8:2::1
step "nor is what is no address" expect_status 400 "$DEV" -H 'Host: [2001:db8::1::10]' "$PROXY6/"
step "a real server's certificate is for its address" expect_status 200 "$DEV" "$PROXY6/tls/"
step "or for the one in http_host" expect_status 200 "$DEV" "$PROXY6/tls-host/"
step "and not for another" expect_status 502 "$DEV" "$PROXY6/tls-other/"

step "one policy is of IPv4 clients" expect_status 200 "$FOUR" "$PROXY/six/"
step "and lets no IPv6 client in" expect_status 403 "$FOUR" "$PROXY6/six/"
step "code 065 is on the page" grep -q 065 "$DIR/body"
# Deprecated: used when asked for only.
ip -n "$T-client" -6 addr add 2001:db8:1::66/64 dev "$T-w" nodad preferred_lft 0
step "one client is denied by its address" expect_status 403 "$DEV" \
	--interface 2001:db8:1::66 "$PROXY6/"
deny_line()
{
	grep 'action="deny"' "$TRAFFIC" | grep -m 1 "policyid=$1 "
}
step "which is in the record" wait_for 5 deny_line 15
line=$(deny_line 15)
for field in 'srcip=2001:db8:1::66 ' 'dstip=2001:db8:1::10 dstport=9043 ' 'srcintf="wan"'; do
	[[ $line == *"$field"* ]] || fail "the record lacks $field: $line"
done
accept_line()
{
	grep 'action="accept"' "$TRAFFIC" | grep "srcip=$1 " | grep "dstip=$2 "
}
step "so is who was let in" wait_for 5 accept_line 2001:db8:1::1 2001:db8:1::10
step "in either family" wait_for 5 accept_line 192.0.2.1 192.0.2.10
shown()
{
	"$CTL" --socket "$API" show policies >"$DIR/policies"
	cat "$DIR/policies"
	grep -q '2001:db8:1::/64' "$DIR/policies" && grep -q '0.0.0.0/0' "$DIR/policies" &&
		grep -q '2001:db8:1::66/128' "$DIR/policies"
}
step "policies are shown with their sources" shown
explained()
{
	"$CTL" --socket "$API" explain --uid "$FOUR" --service ZTNA-webserver-6 \
		--source 2001:DB8:1:0::1 "$@" >"$DIR/explained" && cat "$DIR/explained"
}
step "what would be decided is explained for an IPv6 client" explained

truncate -s 1G "$DIR/www/big"
spawn get ip netns exec "$T-client" curl -sS --limit-rate 20M --cacert "$EMS/web-ca.pem" \
	--cert "$EMS/devices/$DEV.pem" --key "$EMS/devices/$DEV.key" -o /dev/null "$PROXY6/six/big"
listed()
{
	"$CTL" --socket "$API" show sessions >"$DIR/sessions" &&
		grep -F '[2001:db8:1::1]:' "$DIR/sessions" | grep -qF '[2001:db8:2::20]:8080'
}
step "a download is among the sessions" wait_for 10 listed
cat "$DIR/sessions"
ems tag "$DEV" -FortiAD >/dev/null
cut_off()
{
	! is_alive get
}
step "it is cut when EMS takes the tag" wait_for 5 cut_off
stop get
[ $? -ne 0 ] || fail "curl took a part for the whole"
step "and a new request is denied" expect_status 403 "$DEV" "$PROXY6/"
ems tag "$DEV" +FortiAD >/dev/null
again()
{
	expect_status 200 "$DEV" "$PROXY6/"
}
step "until the tag is back" wait_for 5 again
is_alive dataplane || fail "the data plane ended"

step "both links lose, repeat and reorder" lossy_links --delay-ms 0.3 --loss 2 --dup 1 \
	--reorder 2 --hold-ms 1
add_ip6 client "$T-w-v" 2001:db8:1::1/64 2001:db8:1::10
add_ip6 server "$T-l-v" 2001:db8:2::20/64 2001:db8:2::1
head -c 30M /dev/urandom >"$DIR/www/random"
step "30 MiB down over them" same_bytes "$PROXY6/six"
step "30 MiB up over them" put 2
