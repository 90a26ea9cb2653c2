# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
#
# The product with both families on both sides: source it in place of stack-lib.sh. Besides what is
# there, in IPv6, and with an EMS at [::1]:
#
#	client 2001:db8:1::1 --- wan 2001:db8:1::10 [data plane] lan 2001:db8:2::1 --- server ::20
#
# The same gateways behind $PROXY and $PROXY6: /four/ and /six/ lead to the server's address of that
# family, /mixed/ to both in turns; a test adds its own by GATEWAYS_MORE, each with a comma before.
WAN_MORE=', "2001:db8:1::10/64"'
LAN_MORE=', "2001:db8:2::1/64"'
MORE_LISTEN='listen [2001:db8:2::20]:8080;'
EMS_ADDRESS=${EMS_ADDRESS:-::1}
PROXY6='https://[2001:db8:1::10]:9043'
PROXIES='"access_proxies": ["ZTNA-webserver", "ZTNA-webserver-6"]'
POLICIES=${POLICIES:-"[{\"id\": 17, \"name\": \"allow\", $PROXIES,
  \"tags\": {\"any\": [\"FortiAD\", \"Low-Risk\"]}, \"action\": \"accept\", \"log\": \"all\"}]"}
FOUR='{"id": 4, "address": "198.51.100.20", "port": 8080}'
SIX='{"id": 6, "address": "2001:db8:2::20", "port": 8080}'
GATEWAYS="[
  {\"id\": 1, \"url_map\": \"^/four/\", \"url_map_type\": \"regex\", \"service\": \"http\",
   \"real_servers\": [$FOUR]},
  {\"id\": 2, \"url_map\": \"^/six/\", \"url_map_type\": \"regex\", \"service\": \"http\",
   \"real_servers\": [$SIX]},
  {\"id\": 3, \"url_map\": \"^/mixed/\", \"url_map_type\": \"regex\", \"service\": \"http\",
   \"ldb_method\": \"round-robin\", \"real_servers\": [$FOUR, $SIX]}
  ${GATEWAYS_MORE:-},
  {\"id\": 99, \"url_map\": \"/\", \"service\": \"http\", \"real_servers\": [$SIX]}]"
VHOSTS=${VHOSTS:-'[]'}
MORE_CERTIFICATES=', {"name": "web6", "certificate": "ems/web6.pem", "key": "ems/web6.key"}'
MORE_PROXIES=", {\"name\": \"ZTNA-webserver-6\", \"interface\": \"wan\",
  \"address\": \"2001:db8:1::10\", \"port\": 9043, \"certificate\": \"web6\",
  \"virtual_hosts\": $VHOSTS, \"api_gateways\": $GATEWAYS}"
# shellcheck source=tests/func/stack-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/stack-lib.sh"

plug()
{
	take_tap "$T-w" client 192.0.2.1/24
	take_tap "$T-l" server 198.51.100.20/24
	ip -n "$T-server" route replace default via 198.51.100.1
	add_ip6 client "$T-w" 2001:db8:1::1/64 2001:db8:1::10
	add_ip6 server "$T-l" 2001:db8:2::20/64 2001:db8:2::1
}

# ipv6_up PATH...: and what else begins the path of a file of nginx's.
ipv6_up()
{
	local name
	need_root
	has_ip6 || skip "the kernel has no IPv6"
	certificate web6 2001:db8:1::10
	stack_up
	# Its addresses are tentative for a second (RFC 4862 5.4), in which it neither answers by them
	# nor connects from them.
	wait_for 10 in_ns client ping -6 -c 1 -W 1 2001:db8:1::10 || fail "wan does not answer to IPv6"
	wait_for 10 in_ns server ping -6 -c 1 -W 1 2001:db8:2::1 || fail "lan does not answer to IPv6"
	for name in four six mixed "$@"; do
		ln -sfn . "$DIR/www/$name"
	done
}
