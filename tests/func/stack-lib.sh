# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2120
#
# The whole product between a client and a server, for functional tests: source it in place of
# lib.sh. The two namespaces are joined by the data plane alone:
#
#	client 192.0.2.1 --- wan 192.0.2.10 [data plane] lan 198.51.100.1 --- server 198.51.100.20
#
# emsim, control plane and data plane run outside of them. The access proxy is 192.0.2.10:9043.
# shellcheck source=tests/func/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

EMSIM=$BUILD/tests/emsim/emsim
CTL=$BUILD/controlplane/cli/tagwardenctl
API=$DIR/api.sock
EMS=$DIR/ems
TRAFFIC=$DIR/traffic.log
# Not root once they run, nor each other: any ids serve, in one group.
CP_USER=64001:${DP_USER#*:}
# Tests and demo change these before stack_up.
POLICIES=${POLICIES:-'[{"id": 17, "name": "ZTNA-webserver-allow", "access_proxies": ["ZTNA-webserver"],
  "tags": {"any": ["FortiAD", "Low-Risk"]}, "action": "accept", "log": "all"}]'}
WORKERS=${WORKERS:-'[1]'}
IDLE=${IDLE:-adaptive}
MAX_CONNECTIONS=${MAX_CONNECTIONS:-4096}
MEMORY_MIB=${MEMORY_MIB:-512}
# The ports. Other than taps: cable() makes the links before, plug() after the data plane started.
WAN_DEVICE=${WAN_DEVICE:-net_tap0,iface=$T-w}
LAN_DEVICE=${LAN_DEVICE:-net_tap1,iface=$T-l}
WAN_MTU=${WAN_MTU:-1500}
LAN_MTU=${LAN_MTU:-1500}
WAN_VLAN=${WAN_VLAN:-0}
OFFLOADS=${OFFLOADS:-auto}
HUGEPAGES=${HUGEPAGES:-off}
IDLE=${IDLE:-adaptive}
MAX_CONNECTIONS=${MAX_CONNECTIONS:-4096}
MEMORY_MIB=${MEMORY_MIB:-512}
GATEWAYS=${GATEWAYS:-'[{"id": 1, "url_map": "/", "service": "http", "ldb_method": "round-robin",
  "real_servers": [{"id": 1, "address": "198.51.100.20", "port": 8080}]}]'}
VHOSTS=${VHOSTS:-'[]'}
EMPTY_CERT=${EMPTY_CERT:-block}
# More of the kind, each with a comma before it.
MORE_PROXIES=${MORE_PROXIES:-}
MORE_CERTIFICATES=${MORE_CERTIFICATES:-}
EXTRA=${EXTRA:-}
WAN_MORE=${WAN_MORE:-}
LAN_MORE=${LAN_MORE:-}
MORE_ROUTES=${MORE_ROUTES:-}
MORE_LISTEN=${MORE_LISTEN:-} # of nginx, each with a semicolon
EMS_ADDRESS=${EMS_ADDRESS:-127.0.0.1}
OUT_OF_SYNC=${OUT_OF_SYNC:-180}

ems()
{
	local command=$1
	shift
	"$EMSIM" "$command" --dir "$EMS" "$@"
}

start_ems()
{
	mkdir -p "$EMS"
	ems serve --listen "$EMS_ADDRESS" --port "${EMS_PORT:-0}" "$@" >"$DIR/ems.log" 2>&1 || fail "emsim does not start"
	PID[ems]=$(cat "$EMS/emsim.pid")
	EMS_PORT=$(cat "$EMS/emsim.port")
	# A reload reads these as the control plane's user, for it has let go of root.
	chgrp 64000 "$EMS"
	chmod 0750 "$EMS"
	chown 64001 "$EMS"/gateway.key "$EMS"/web.key
	return 0
}

write_config()
{
	cat >"$DIR/tagwarden.json" <<END
{
  "dataplane": {"workers": $WORKERS, "idle": "$IDLE", "hugepages": "$HUGEPAGES",
                "max_connections": $MAX_CONNECTIONS, "memory_mib": $MEMORY_MIB, "offloads": "$OFFLOADS"},
  "interfaces": [
    {"name": "wan", "device": "$WAN_DEVICE", "addresses": ["192.0.2.10/24"$WAN_MORE],
     "vlan": $WAN_VLAN, "mtu": $WAN_MTU, "role": "wan"},
    {"name": "lan", "device": "$LAN_DEVICE", "addresses": ["198.51.100.1/24"$LAN_MORE],
     "mtu": $LAN_MTU, "role": "lan"}
  ],
  "routes": [{"prefix": "0.0.0.0/0", "via": "192.0.2.1"}$MORE_ROUTES],
  "ems": [
    {"id": 1, "name": "emstest", "server": "$EMS_ADDRESS", "https_port": $EMS_PORT,
     "verifying_ca": "ems/ems-ca.pem", "certificate": "ems/gateway.pem", "key": "ems/gateway.key",
     "serial_number": "FCTEMS8823005021", "out_of_sync_threshold": $OUT_OF_SYNC,
     "call_timeout": 5}
  ],
  "gateway": {"serial_number": "FPXVULTM24000083", "vdom": "root"},
  "certificates": [{"name": "web", "certificate": "ems/web.pem", "key": "ems/web.key"}$MORE_CERTIFICATES],
  "access_proxies": [
    {"name": "ZTNA-webserver", "interface": "wan", "address": "192.0.2.10", "port": 9043,
     "certificate": "web", "client_cert": true, "empty_cert_action": "$EMPTY_CERT",
     "virtual_hosts": $VHOSTS, "api_gateways": $GATEWAYS}$MORE_PROXIES
  ],
  "policies": $POLICIES,
  ${EXTRA:+$EXTRA,}
  "log": {"traffic": {"path": "traffic.log", "format": "keyvalue"}},
  "api": {"unix": "$API"}
}
END
}

# The folder is shared by two users of one group: only the control plane writes in it.
own_dir()
{
	mkdir -p "$DIR/state"
	chown 64001:64000 "$DIR" "$DIR/state"
	chmod 0755 "$DIR"
}

start_controlplane()
{
	spawn controlplane "$BUILD/controlplane/tagwarden-controlplane" --config "$DIR/tagwarden.json" \
		--shm "$SHM" --state-dir "$DIR/state" --user "$CP_USER" --log-level info
	wait_for 20 api /api/v1/status || fail "the control plane does not answer"
}

api()
{
	curl -sf --max-time 10 --unix-socket "$API" "http://localhost$1" "${@:2}"
}

ems_is_synced()
{
	api /api/v1/ems | jq -es '.[0].ems[0].synced' >/dev/null
}

start_nginx()
{
	mkdir -p "$DIR/www" "$DIR/nginx"
	echo "hello from the real server" >"$DIR/www/index.html"
	cat >"$DIR/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $DIR/nginx.pid;
error_log $DIR/nginx-error.log;
events { worker_connections 1024; }
http {
  access_log $DIR/nginx-access.log;
  client_body_temp_path $DIR/nginx; proxy_temp_path $DIR/nginx; fastcgi_temp_path $DIR/nginx;
  uwsgi_temp_path $DIR/nginx; scgi_temp_path $DIR/nginx;
  client_max_body_size 0; dav_methods PUT; create_full_put_path on; sendfile on;
  keepalive_requests 1000000;
  server {
    listen 198.51.100.20:8080;
    $MORE_LISTEN
    root $DIR/www;
    location /headers {
      default_type text/plain;
      return 200 "host=\$http_host xff=\$http_x_forwarded_for uid=\$http_x_tagwarden_device_uid ems=\$http_x_tagwarden_ems evil=\$http_x_tagwarden_evil\n";
    }
  }
}
END
	chmod -R 0777 "$DIR/www" "$DIR/nginx"
	spawn nginx ip netns exec "$T-server" nginx -c "$DIR/nginx.conf" -e "$DIR/nginx-error.log"
	wait_for 5 in_ns server curl -sf http://198.51.100.20:8080/ || fail "nginx does not answer"
}

# certificate NAME HOST: before stack_up; by the CA of web.pem, its key for the control plane.
certificate()
{
	"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
	ems make-server-cert --name "$1" --host "$2" >/dev/null || fail "no certificate $1"
	chown 64001 "$EMS/$1.key"
}

has_ip6()
{
	[ -e /proc/net/if_inet6 ]
}

# add_ip6 NAMESPACE INTERFACE ADDRESS/LEN ROUTER: usable at once, for nobody else has it.
add_ip6()
{
	ip -n "$T-$1" -6 addr replace "$3" dev "$2" nodad || fail "cannot set an IPv6 address"
	ip -n "$T-$1" -6 route replace default via "$4" dev "$2" || fail "cannot set a route"
}

cable()
{
	:
}

# The kernel ends of the taps: once at the start, and again when the data plane was restarted,
# since a tap goes with the process that made it.
plug()
{
	take_tap "$T-w" client 192.0.2.1/24
	take_tap "$T-l" server 198.51.100.20/24
	ip -n "$T-server" route replace default via 198.51.100.1
}

# lossy_end INTERFACE NAMESPACE ADDRESS/LEN LINKEM-OPTION...: a link emulator and a veth between the
# tap and its namespace. The veth takes the tap's address and MAC, so that the data plane need not
# learn another one.
lossy_end()
{
	local tap=$1 ns=$2 mac
	mac=$(ip -j -n "$T-$ns" link show "$tap" | jq -r '.[0].address')
	ip -n "$T-$ns" link set "$tap" netns "$T-mid" || return 1
	ip -n "$T-mid" link add "$tap-v" address "$mac" type veth peer name "$tap-p" || return 1
	ip -n "$T-mid" link set "$tap-v" netns "$T-$ns" || return 1
	plain_link mid "$tap"
	plain_link mid "$tap-p"
	plain_link "$ns" "$tap-v"
	ip -n "$T-mid" link set "$tap" up && ip -n "$T-mid" link set "$tap-p" up || return 1
	ip -n "$T-$ns" addr add "$3" dev "$tap-v" && ip -n "$T-$ns" link set "$tap-v" up || return 1
	spawn "linkem-$ns" ip netns exec "$T-mid" "$BUILD/tests/lib/linkem" "${@:4}" "$tap-p" "$tap"
	wait_for 5 grep -q ready "$DIR/linkem-$ns.log"
}

# lossy_links LINKEM-OPTION...: both sides of the data plane.
lossy_links()
{
	ns_add mid
	in_ns mid sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	lossy_end "$T-w" client 192.0.2.1/24 --seed "${SEED:-1}" "$@" &&
		lossy_end "$T-l" server 198.51.100.20/24 --seed "$((${SEED:-1} + 1))" "$@" &&
		ip -n "$T-server" route replace default via 198.51.100.1
}

# clean_links: the taps back in their namespaces, as plug() had left them.
clean_links()
{
	stop linkem-client
	stop linkem-server
	ip -n "$T-client" link del "$T-w-v"
	ip -n "$T-server" link del "$T-l-v"
	ip -n "$T-mid" link set "$T-w" netns "$T-client"
	ip -n "$T-mid" link set "$T-l" netns "$T-server"
	ip -n "$T-client" addr add 192.0.2.1/24 dev "$T-w"
	ip -n "$T-server" addr add 198.51.100.20/24 dev "$T-l"
	ip -n "$T-client" link set "$T-w" up
	ip -n "$T-server" link set "$T-l" up
	ip -n "$T-server" route replace default via 198.51.100.1
}

# reload: the document is written anew from what is set above, and is in force.
reload()
{
	write_config
	"$CTL" --socket "$API" reload >"$DIR/reload.log" 2>&1 && wait_for 5 config_is_in_force
}

config_is_in_force()
{
	api /api/v1/status | jq -e '.snapshot.config_generation as $g |
		all(.dataplane.workers[]; .config_generation >= $g)'
}

# Both reports have come whole, and every worker uses the snapshot that holds <$1> devices.
fleet_in_force()
{
	api /api/v1/ems | jq -e --argjson n "$1" '[.ems[0].calls[] |
		select(.object == "sysinfo" or .object == "uid_tags") | .records] | min >= $n' &&
	api /api/v1/status | jq -e --argjson n "$1" '.snapshot.devices >= $n and
		([.dataplane.workers[].generation] | min) >= .snapshot.generation'
}

# EMS has nothing left to tell.
fleet_is_quiet()
{
	ems_is_synced && api /api/v1/ems | jq -e '[.ems[0].calls[] |
		select(.object == "sysinfo" or .object == "uid_tags" or .object == "tags") |
		.scheduled or .in_flight] | any | not'
}

# A change came after the generation in $DIR/generation, and every worker has it.
flip_in_force()
{
	api /api/v1/status | jq -e --argjson g "$(cat "$DIR/generation")" '
		([.dataplane.workers[].generation] | min) > $g'
}

# memory_of PROCESS: own and shared megabytes.
memory_of()
{
	awk -v what="$1" '/^Rss(Anon|File|Shmem)/ { kb[$1] = $2 }
		END { printf "%-14s %12d %12d\n", what, kb["RssAnon:"] / 1024, kb["RssShmem:"] / 1024 }' \
		"/proc/${PID[$1]}/status"
}

stack_up()
{
	need_root
	need_tap
	need nginx curl jq ethtool openssl
	ns_add client
	ns_add server
	"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
	ems make-server-cert --name web --host 192.0.2.10 >/dev/null || fail "no server certificate"
	start_ems
	write_config
	own_dir
	start_controlplane
	cable
	start_dataplane
	plug
	start_nginx
	wait_for 20 ems_is_synced || fail "no synchronisation with EMS"
}

# add_device ARGUMENT...: its UID; the certificate is in $EMS/devices/UID.pem.
add_device()
{
	ems add --print uid "$@"
}

# as UID CURL-ARGUMENT...: curl with that device's certificate, from the client's side.
as()
{
	local uid=$1
	shift
	in_ns client curl -sS --max-time ${MAX_TIME:-60} --cacert "$EMS/web-ca.pem" \
		--cert "$EMS/devices/$uid.pem" --key "$EMS/devices/$uid.key" "$@"
}

PROXY=https://192.0.2.10:9043

# expect_status CODE UID CURL-ARGUMENT...
expect_status()
{
	local want=$1 got
	shift
	got=$(as "$1" -o "$DIR/body" -w '%{http_code}' "${@:2}") || return 1
	[ "$got" = "$want" ] || {
		echo "status $got, wanted $want"
		cat "$DIR/body"
		return 1
	}
}

device_is_known()
{
	# -s: without input, jq -e would be content.
	api "/api/v1/devices/$1" | jq -es '.[0] | .tags != null and .registered' >/dev/null
}

# start_backend NAME ARGUMENT...: tests/lib/backend.py among the real servers, on the ports told.
start_backend()
{
	local name=$1
	shift
	spawn "$name" ip netns exec "$T-server" python3 "$TOP/tests/lib/backend.py" \
		--record "$DIR/record" "$@"
	wait_for 5 in_ns server bash -c "exec 3<>/dev/tcp/198.51.100.20/${*: -1}" ||
		fail "$name does not listen"
}

# cases FILE UID: the cases of a Python file, from the client's side; see tests/lib/rawclient.py.
cases()
{
	PYTHONPATH=$TOP/tests/lib PROXY_HOST=192.0.2.10 PROXY_PORT=9043 PROXY_CA=$EMS/web-ca.pem \
		CERT_DIR=$EMS/devices DEVICE=$2 RECORD=$DIR/record API=$API PYTHONDONTWRITEBYTECODE=1 \
		ip netns exec "$T-client" python3 "$TOP/tests/func/$1" ${CASES:+"$CASES"} ||
		fail "see above"
	is_alive dataplane || fail "the data plane ended"
}
