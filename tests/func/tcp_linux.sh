#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 100
# The TCP engine against the kernel's TCP, nothing but a TUN device between: the kernel dials and
# the engine dials, over a clean path and over one that loses, repeats and reorders in both
# directions. Everything must come back as it was sent.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
need_root
need_tap
need ip socat python3

MIB=${MIB:-16}
BAD=(--loss 20000 --dup 10000 --reorder 20000 --hold-us 1000)

# A server that never stops reading for long: socat's own echo (PIPE) blocks on a full pipe.
cat >"$DIR/echo.py" <<'END'
import asyncio, sys
async def serve(r, w):
    while data := await r.read(65536):
        w.write(data)
        await w.drain()
    w.close()
async def main():
    s = await asyncio.start_server(serve, "0.0.0.0", int(sys.argv[1]))
    print("ready", flush=True)
    await s.serve_forever()
asyncio.run(main())
END

# engine NAME NUMBER ARGUMENT...: a TUN device twNUMBER, the kernel is 10.99.NUMBER.1 on it.
engine()
{
	local name=$1 n=$2
	shift 2
	spawn "$name" ip netns exec "$T-k" timeout -k 1 60 "$BUILD/tests/func/tcp_tun" \
		--tun "tw$n" --local "10.99.$n.2" "$@"
	wait_for 10 grep -q ready "$DIR/$name.log" || fail "$name does not start"
	in_ns k ip addr add "10.99.$n.1/24" dev "tw$n"
	in_ns k ip link set "tw$n" up
}

kernel_dials()
{
	local n=$1
	in_ns k timeout -k 1 60 socat -t 60 - "TCP:10.99.$n.2:7" <"$DIR/in" >"$DIR/out" &&
		cmp "$DIR/in" "$DIR/out"
}

engine_done()
{
	local pid=${PID[$1]}
	unset "PID[$1]"
	wait "$pid" || { cat "$DIR/$1.log"; return 1; }
}

ns_add k
head -c "${MIB}M" /dev/urandom >"$DIR/in"
spawn kernel ip netns exec "$T-k" python3 "$DIR/echo.py" 9
wait_for 10 grep -q ready "$DIR/kernel.log" || fail "the kernel's server does not start"

engine clean 1 --listen 7
step "the kernel dials, clean path: $MIB MiB come back" kernel_dials 1
engine lossy 2 --listen 7 "${BAD[@]}"
step "the kernel dials, lossy path: $MIB MiB come back" kernel_dials 2
engine small 3 --listen 7 --rcv-buf 8192 "${BAD[@]}"
step "the kernel dials, lossy path, an 8 KiB window" kernel_dials 3

engine dial-clean 4 --connect 10.99.4.1:9 --mib "$MIB"
step "the engine dials, clean path: $MIB MiB come back" engine_done dial-clean
engine dial-lossy 5 --connect 10.99.5.1:9 --mib "$MIB" "${BAD[@]}"
step "the engine dials, lossy path: $MIB MiB come back" engine_done dial-lossy
engine dial-plain 6 --connect 10.99.6.1:9 --mib 4 "${BAD[@]}"
step "two at once do not mind each other" engine_done dial-plain

in_ns k sysctl -qw net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0 net.ipv4.tcp_window_scaling=0
step "the kernel dials without SACK, timestamps and scaling" kernel_dials 1
engine bare 7 --connect 10.99.7.1:9 --mib 4 "${BAD[@]}"
step "the engine dials a kernel without options, lossy path" engine_done bare

for e in clean lossy small; do
	step "$e: every buffer is back" stop "$e"
done
