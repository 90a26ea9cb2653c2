# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154
#
# What bench/compare/run does, in functions; source it after tests/func/stack-lib.sh.
#
#	core 0: tagwarden-load (clients and real server), control plane, emsim, this script
#	core 1: the proxy, and nothing else
#
#	native  nginx, HAProxy: namespace T-proxy with its kernel's TCP; wan and lan are taps with
#	        every offload, whose other ends are tagwarden-load's. Tagwarden: two memif ports.
#	veth    a veth pair for each of wan and lan; tagwarden-load has one end, by AF_PACKET, and
#	        nginx and HAProxy's kernel, or Tagwarden by AF_PACKET, the other.

CORE=1
REST=0
LOAD=${LOAD:-$BUILD/bench/load/tagwarden-load}
RESULTS=$DIR/results
PROXY_AT=192.0.2.10:9043
ORIGIN_AT=198.51.100.20:8080
TAGS_POLICY='"access_proxies": ["ZTNA-webserver"], "tags": {"any": ["FortiAD", "Low-Risk"]}, "action": "accept"'
bad=""

# Refused, with the reason; lib.sh's own would be a test's.
skip()
{
	echo "bench/compare: refused: $*"
	exit 2
}

say()
{
	echo "compare: $*"
}

# ---- before ----

compare_refuse()
{
	[ "$link" = native ] || [ "$link" = veth ] || skip "there is no link $link, but native and veth"
	need_root
	need_tap
	need nginx haproxy ethtool jq curl openssl python3 taskset
	[ "$(nproc)" -ge 2 ] || skip "needs two cores: one for the proxy, one for all else"
	[ -x "$LOAD" ] || skip "there is no $LOAD: build it first"
	[ -x "$EMSIM" ] || skip "there is no $EMSIM: build it first"
	local s
	for s in "${scenarios[@]}"; do
		[[ " ${ALL[*]} " == *" $s "* ]] || skip "there is no scenario $s"
	done
	for s in "${subjects[@]}"; do
		[[ " ${SUBJECTS[*]} " == *" $s "* ]] || skip "there is no subject $s"
	done
}

# Where the kernel shares out processors by session, nice alone says nothing to other sessions.
take_priority()
{
	local own
	own=$(sed -n 's/.* nice //p' /proc/self/autogroup 2>/dev/null)
	[ -n "$own" ] || return 0
	AUTOGROUP=$own
	echo -10 >/proc/self/autogroup
	trap 'give_back_priority; cleanup' EXIT
}

# The session may be somebody's shell.
give_back_priority()
{
	local status=$?
	echo "$AUTOGROUP" >/proc/self/autogroup
	return $status
}

# The fleet: <devices> that have the tag, and one that has not.
make_fleet()
{
	local i
	mkdir -p "$EMS" "$DIR/pool" "$DIR/outsider" "$RESULTS" "$DIR/nginx-tmp"
	"$EMSIM" init --dir "$EMS" >/dev/null || fail "emsim init"
	ems make-server-cert --name web --host 192.0.2.10 >/dev/null || fail "no server certificate"
	start_ems
	for ((i = 0; i < devices; i++)); do
		add_device --tag FortiAD
	done >"$DIR/uids" || fail "no devices"
	outsider=$(add_device --tag Elsewhere) || fail "no device"
	while read -r i; do
		ln -s "$EMS/devices/$i".{pem,key} "$DIR/pool/"
	done <"$DIR/uids"
	ln -s "$EMS/devices/$outsider".{pem,key} "$DIR/outsider/"
	cat "$EMS/web.pem" "$EMS/web.key" >"$DIR/haproxy.pem"
	sed 's/.*/CN=& 1;/' "$DIR/uids" >"$DIR/nginx-devices.map"
	sed 's/.*/& 1/' "$DIR/uids" >"$DIR/haproxy-devices.map"
}

# The kernel at its best with many connections, where the subject's TCP is the kernel's.
tune_kernel()
{
	in_ns proxy sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
		net.core.somaxconn=65535 net.ipv4.tcp_max_syn_backlog=65535 \
		net.ipv4.ip_local_port_range="1024 65535" net.ipv4.tcp_tw_reuse=1 \
		net.ipv4.tcp_no_metrics_save=1 net.ipv4.tcp_slow_start_after_idle=0
	# What is received is handled on the proxy's core, and so is of its cost.
	in_ns proxy sysctl -qw "net.core.rps_default_mask=$(printf %x $((1 << CORE)))" ||
		skip "this kernel cannot tell where packets of new interfaces are handled"
}

# kernel_end INTERFACE ADDRESS/LEN
kernel_end()
{
	ip -n "$T-proxy" addr add "$2" dev "$1"
	ip -n "$T-proxy" link set "$1" up
}

make_taps()
{
	local name end
	for name in wan lan; do
		ip -n "$T-proxy" tuntap add dev $name mode tap vnet_hdr || skip "may not make a tap"
	done
	kernel_end wan 192.0.2.10/24
	kernel_end lan 198.51.100.1/24
	KERNEL_WAN=kernel:wan
	KERNEL_LAN=kernel:lan
	end=socket-abstract=no,bsize=2048,rsize=11
	WAN_DEVICE=net_memif0,role=server,socket=$DIR/w.sock,$end
	LAN_DEVICE=net_memif1,role=server,socket=$DIR/l.sock,$end
	WARDEN_WAN=net_memif0,role=client,socket=$DIR/w.sock,$end
	WARDEN_LAN=net_memif1,role=client,socket=$DIR/l.sock,$end
}

# veth_to INTERFACE: its other end is tagwarden-load's.
veth_to()
{
	plain_link load "$1"
	ip -n "$T-load" link set "$1" up
}

# A pair for each side of the kernel's proxies, and one for each of Tagwarden's.
make_veths()
{
	ns_add load
	in_ns load sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	ip -n "$T-proxy" link add wan type veth peer name kw netns "$T-load" || skip "no veth here"
	ip -n "$T-proxy" link add lan type veth peer name kl netns "$T-load"
	plain_link proxy wan
	plain_link proxy lan
	kernel_end wan 192.0.2.10/24
	kernel_end lan 198.51.100.1/24
	add_veth "$T-w" load tw 192.0.2.1/24
	add_veth "$T-l" load tl 198.51.100.20/24
	# The generator speaks for these addresses, and nobody else.
	in_ns load ip addr flush dev tw
	in_ns load ip addr flush dev tl
	veth_to kw
	veth_to kl
	local i
	for i in "$T-w" "$T-l"; do
		printf %x $((1 << CORE)) >"/sys/class/net/$i/queues/rx-0/rps_cpus"
	done
	KERNEL_WAN=net_af_packet0,iface=kw KERNEL_LAN=net_af_packet1,iface=kl
	WARDEN_WAN=net_af_packet0,iface=tw WARDEN_LAN=net_af_packet1,iface=tl
	WAN_DEVICE=net_af_packet0,iface=$T-w
	LAN_DEVICE=net_af_packet1,iface=$T-l
}

compare_up()
{
	compare_refuse
	take_priority
	taskset -pc $REST $$ >/dev/null
	ns_add proxy
	tune_kernel
	make_fleet
	if [ "$link" = native ]; then make_taps; else make_veths; fi
	own_dir
	IDLE=poll
	WORKERS="[$CORE]"
	HUGEPAGES=off
	! has_huge || HUGEPAGES=on
	MAX_CONNECTIONS=20000 MEMORY_MIB=1024
	is_logged=1
	warden_config
	[[ " ${subjects[*]} " != *" tagwarden "* ]] || {
		start_controlplane
		wait_for 20 ems_is_synced || fail "no synchronisation with EMS"
		wait_for 20 fleet_is_known || fail "the devices do not become known"
	}
	say "link $link, $rounds rounds of $seconds s, $devices devices, core $CORE for the proxy"
}

fleet_is_known()
{
	device_is_known "$outsider" && device_is_known "$(tail -n 1 "$DIR/uids")"
}

# ---- the subjects ----

warden_config()
{
	local log=none
	[ -z "$is_logged" ] || log=all
	POLICIES="[{\"id\": 17, \"name\": \"allow\", $TAGS_POLICY, \"log\": \"$log\"}]"
	write_config
}

# render TEMPLATE FILE NAME=VALUE...
render()
{
	local in=$1 out=$2 pair expressions=()
	shift 2
	for pair in "DIR=$DIR" "EMS=$EMS" "CORE=$CORE" "LISTEN=$PROXY_AT" "ORIGIN=$ORIGIN_AT" "$@"; do
		expressions+=(-e "s|@${pair%%=*}@|${pair#*=}|g")
	done
	sed "${expressions[@]}" "$in" >"$out"
}

is_listening()
{
	in_ns proxy ss -Hltn "sport = :${PROXY_AT#*:}" | grep -q .
}

start_subject_nginx()
{
	local log=off mask
	[ -z "$is_logged" ] || log="$DIR/nginx-access.log traffic buffer=64k flush=1s"
	mask=$(printf '1%0*d' "$CORE" 0)
	render "${nginx_template:-$here/nginx.conf.in}" "$DIR/nginx.conf" "AFFINITY=$mask" "LOG=$log"
	spawn nginx taskset -c $CORE ip netns exec "$T-proxy" nginx -c "$DIR/nginx.conf" \
		-e "$DIR/nginx-error.log"
	wait_for 5 is_listening || fail "nginx does not start"
}

start_subject_haproxy()
{
	local log="# none"
	[ -z "$is_logged" ] || log="log stdout len 1024 format raw local0 info"
	render "${haproxy_template:-$here/haproxy.cfg.in}" "$DIR/haproxy.cfg" "LOG=$log"
	# One session a handshake, not OpenSSL's two, as nginx is told in its own file.
	printf '%s\n' 'openssl_conf = top' '[top]' 'ssl_conf = ssl' '[ssl]' 'system_default = all' \
		'[all]' 'NumTickets = 1' >"$DIR/haproxy-openssl.cnf"
	spawn haproxy env OPENSSL_CONF="$DIR/haproxy-openssl.cnf" taskset -c $CORE ip netns exec "$T-proxy" \
		haproxy -db -f "$DIR/haproxy.cfg"
	wait_for 5 is_listening || fail "HAProxy does not start"
}

start_subject_tagwarden()
{
	warden_config
	"$CTL" --socket "$API" reload >"$DIR/reload.log" 2>&1 || {
		cat "$DIR/reload.log"
		fail "the control plane refused its document"
	}
	taskset -pc 0-$CORE $$ >/dev/null
	start_dataplane
	taskset -pc $REST $$ >/dev/null
	wait_for 10 config_is_in_force || fail "the document does not come into force"
}

stop_subject()
{
	case $1 in
	tagwarden) stop dataplane ;;
	*) stop "$1" ;;
	esac
	# What a killed proxy left in the kernel must not answer the next one's clients.
	in_ns proxy ss -K >/dev/null 2>&1
	return 0
}

# ---- one run ----

# Huge pages, if there are enough for both Tagwarden and the generator.
has_huge()
{
	awk '/^HugePages_Free/ { n = $2 } /^Hugepagesize/ { exit n * $2 < 1572864 }' /proc/meminfo
}

# load_line SUBJECT DEVICES: the generator with its links, into LINE.
load_line()
{
	local wan=$KERNEL_WAN lan=$KERNEL_LAN
	if [ "$1" = tagwarden ]; then
		wan=$WARDEN_WAN lan=$WARDEN_LAN
	fi
	LINE=(taskset -c "$REST")
	case $1:$link in
	tagwarden:native) ;;
	*:native) LINE+=(ip netns exec "$T-proxy") ;;
	*) LINE+=(ip netns exec "$T-load") ;;
	esac
	LINE+=("$LOAD" --wan "$wan" --lan "$lan" --workers "$REST"
		--target "$PROXY_AT" --client-net 192.0.2.101-192.0.2.200/24
		--origin "$ORIGIN_AT" --lan-net "${ORIGIN_AT%:*}/24" --host 192.0.2.10 --quiet)
	[ -z "$2" ] || LINE+=(--certs "$2")
	has_huge || LINE+=(--no-huge)
}

# scenario_options SCENARIO SUBJECT: into OPTIONS.
scenario_options()
{
	OPTIONS=(--warm-up "$WARM_UP" --ramp 0.3 --duration "$seconds" --response-size 1024)
	case $1 in
	keepalive-1k | keepalive-1k-nolog | calibration) OPTIONS+=(--connections 64) ;;
	keepalive-1k-rate) OPTIONS+=(--connections 256 --rate "$COMMON_RATE") ;;
	handshake-full) OPTIONS+=(--connections 32 --requests-per-connection 1 --handshake full) ;;
	handshake-resumed) OPTIONS+=(--connections 32 --requests-per-connection 1 --handshake resumed) ;;
	body-1m) OPTIONS+=(--connections 4 --response-size 1M) ;;
	latency) OPTIONS+=(--connections 256 --rate "$(rates_of "$2")") ;;
	esac
}

# calibrate SCENARIO: rates follow from what each subject takes, measured now where it was not.
calibrate()
{
	local s
	case $1 in
	keepalive-1k-rate | latency) ;;
	*) return 0 ;;
	esac
	for s in "${subjects[@]}"; do
		[ -e "$RESULTS/keepalive-1k.$s.1.json" ] || [ -e "$RESULTS/calibration.$s.0.json" ] ||
			one_run "$s" calibration 0
	done
	COMMON_RATE=${COMMON_RATE:-$(common_rate)}
}

# requests_of SUBJECT: a second, as it was calibrated.
requests_of()
{
	local file=$RESULTS/keepalive-1k.$1.1.json
	[ -e "$file" ] || file=$RESULTS/calibration.$1.0.json
	jq '.windows[0].requests_per_s | floor' "$file"
}

# A rate that is about half of what the slowest takes.
common_rate()
{
	local s n least=""
	for s in "${subjects[@]}"; do
		n=$(requests_of "$s")
		[ -n "$least" ] && [ "$least" -le "$n" ] || least=$n
	done
	echo $((least / 2 / 100 * 100))
}

# rates_of SUBJECT: parts of what it takes, up to nearly all of it.
rates_of()
{
	local n
	n=$(requests_of "$1")
	if [ -n "$quick" ]; then
		echo $((n * 2 / 5)),$((n * 4 / 5)),$((n * 9 / 10))
	else
		echo $((n / 5)),$((n * 2 / 5)),$((n * 3 / 5)),$((n * 4 / 5)),$((n * 9 / 10))
	fi
}

# load_run SUBJECT FILE NAME=VALUE... -- OPTION...: its exit status. The subject runs.
load_run()
{
	local subject=$1 file=$2 meta=() account=() status
	shift 2
	while [ "$1" != -- ]; do
		meta+=(--meta "$1")
		shift
	done
	shift
	case $subject in
	tagwarden) account=(--pids "${PID[dataplane]}" --api "$API" --beside "${PID[controlplane]}") ;;
	*) account=(--pids "${PID[$subject]}") ;;
	esac
	spawn window taskset -c $REST python3 "$here/window.py" --out "$file" --core $CORE \
		"${account[@]}" "${meta[@]}" -- "${LINE[@]}" --json "$file.load" "$@"
	wait "${PID[window]}"
	status=$?
	unset "PID[window]"
	return $status
}

# Several measurements on one machine take turns, when they are told by what file.
take_turn()
{
	[ -z "${BENCH_LOCK:-}" ] || {
		exec 8>"$BENCH_LOCK"
		flock 8
	}
}

end_turn()
{
	[ -z "${BENCH_LOCK:-}" ] || exec 8>&-
}

# one_run SUBJECT SCENARIO ROUND
one_run()
{
	local subject=$1 scenario=$2 round=$3 file=$RESULTS/$2.$1.$3.json status
	calibrate "$scenario"
	scenario_options "$scenario" "$subject"
	is_logged=1
	[[ $scenario != *-nolog ]] || is_logged=""
	start_subject_"$subject"
	load_line "$subject" "$DIR/pool"
	take_turn
	load_run "$subject" "$file" "subject=$subject" "scenario=$scenario" "round=$round" -- "${OPTIONS[@]}"
	status=$?
	end_turn
	stop_subject "$subject"
	case $status in
	0) ;;
	3) bad=1 ;;
	*)
		bad=1
		tail -n 5 "$DIR/window.log"
		say "round $round: $scenario, $subject: the generator ended with status $status"
		return
		;;
	esac
	say "round $round: $scenario, $subject: $(summary "$file")"
}

summary()
{
	jq -r '.windows[-1] | "\(.requests_per_s | floor)/s, p50 \(.latency_us.p50 | floor) us, p99 \(
		.latency_us.p99 | floor) us, errors \([.errors[]] | add) \(.marks | join(", "))"' "$1"
}

# preflight SUBJECT: it is what it claims. Without a certificate, and with that of a device without
# the tag, not one request is answered; with a device's, every one with the whole body.
preflight()
{
	local subject=$1 options=(--connections 1 --warm-up 0 --ramp 0 --duration 0.5 --timeout 1)
	is_logged=1
	start_subject_"$subject"
	load_line "$subject" ""
	load_run "$subject" "$DIR/none.json" -- "${options[@]}"
	refuses_all "$DIR/none.json" || fail "$subject lets in who shows no certificate"
	load_line "$subject" "$DIR/outsider"
	load_run "$subject" "$DIR/outsider.json" -- "${options[@]}"
	refuses_all "$DIR/outsider.json" || fail "$subject lets in a device without the tag"
	has_status "$DIR/outsider.json" || fail "$subject does not tell a device without the tag"
	load_line "$subject" "$DIR/pool"
	load_run "$subject" "$DIR/insider.json" -- "${options[@]}" --connections 4 ||
		fail "$subject does not serve a device that has the tag"
	softirqs_are_where "$subject"
	stop_subject "$subject"
	say "$subject: no certificate, no tag: refused; a device with the tag: served"
}

refuses_all()
{
	jq -e '.windows[0].requests == 0 and .errors_total > 0' "$1" >/dev/null
}

has_status()
{
	jq -e '[.windows[].errors.http_status, .outside.errors.http_status] | add > 0' "$1" >/dev/null
}

# Packets for the kernel's proxies are handled on the proxy's core.
softirqs_are_where()
{
	local mask want
	want=$(printf %x $((1 << CORE)))
	case $1:$link in
	tagwarden:*) return ;;
	esac
	for mask in wan lan; do
		in_ns proxy grep -q "^0*$want\$" "/sys/class/net/$mask/queues/rx-0/rps_cpus" ||
			fail "$mask does not hand its packets to core $CORE"
	done
}
