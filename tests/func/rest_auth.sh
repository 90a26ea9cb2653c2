#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The API over TLS, and who is let in: every route by every method without a token, with a wrong
# one and with too low a role; tricks with paths, versions, upgrades and headers; malformed and slow
# requests beside honest ones; tokens and port changed by a reload.
# shellcheck source=tests/func/ems-lib.sh
. "$(dirname "$0")/ems-lib.sh"
need python3 openssl jq

# certificate NAME CN USAGE CA
certificate()
{
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$DIR/$1.key" \
		-out "$DIR/$1.csr" -subj "/CN=$2" 2>/dev/null
	printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=%s\n' "$3" >"$DIR/$1.ext"
	openssl x509 -req -in "$DIR/$1.csr" -CA "$DIR/$4.pem" -CAkey "$DIR/$4.key" -CAcreateserial \
		-days 2 -extfile "$DIR/$1.ext" -out "$DIR/$1.pem" 2>/dev/null
	chmod 600 "$DIR/$1.key"
}

for ca in ca strange-ca; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-keyout "$DIR/$ca.key" -out "$DIR/$ca.pem" -subj "/CN=$ca" 2>/dev/null
done
certificate server localhost serverAuth ca
certificate alice alice clientAuth ca
certificate bob bob clientAuth ca
certificate mallory alice serverAuth ca
certificate stranger alice clientAuth strange-ca

read -r PORT OTHER_PORT < <(python3 -c '
import socket
s = [socket.create_server(("127.0.0.1", 0)) for i in range(2)]
print(*[x.getsockname()[1] for x in s])')

# write_document PORT MORE-TOKENS
write_document()
{
	cat >"$DIR/tagwarden.json" <<END_OF_DOCUMENT
{
  "interfaces": [{"name": "wan", "device": "net_ring0", "addresses": ["192.0.2.10/24"]}],
  "gateway": {"serial_number": "FPXVULTM24000083"},
  "certificates": [{"name": "api", "certificate": "server.pem", "key": "server.key"}],
  "api": {"unix": "$API", "tls": {
    "address": "127.0.0.1", "port": $1, "certificate": "api", "client_ca": "ca.pem",
    "tokens": [$2
      $READER,
      {"name": "admin", "role": "admin", "sha256": "$(hash_of "$ADMIN")"},
      {"name": "old", "role": "admin", "expires": "2020-01-01T00:00:00Z",
       "sha256": "$(hash_of "$OLD")"}],
    "clients": [{"cn": "alice", "role": "admin"}],
    "allow": ["127.0.0.0/24", "127.0.1.0/24"]}}
}
END_OF_DOCUMENT
}

hash_of()
{
	printf %s "$1" | sha256sum | cut -d " " -f 1
}

"$CTL" token new reader --role read --json >"$DIR/token.json" || fail "token new"
READ=$(jq -r .token "$DIR/token.json")
READER=$(jq -c .entry "$DIR/token.json")
rm "$DIR/token.json"
OPERATE=$(openssl rand -hex 32)
ADMIN=$(openssl rand -hex 32)
OLD=$(openssl rand -hex 32)
operator='{"name": "operator", "role": "operate", "sha256": "'$(hash_of "$OPERATE")'"},'

write_document "$OTHER_PORT" ""
cp "$DIR/tagwarden.json" "$DIR/moved.json"
write_document "$PORT" "$operator"
start_controlplane
export READ OPERATE ADMIN OLD
step "the API over TLS" python3 "$(dirname "$0")/rest_auth.py" "$DIR" "$API" "$PORT" "$OTHER_PORT"
sed -n 's/^/    /p' "$DIR/step.out"
for secret in "$READ" "$OPERATE" "$ADMIN" "$OLD"; do
	refute "no token is in a log" grep -rqF "$secret" "$DIR/controlplane.log" "$DIR/state"
done

# ends STATUS PATTERN ARGUMENT...: tagwardenctl on the port.
ends()
{
	local status=$1 pattern=$2 got
	shift 2
	"$CTL" --server "https://localhost:$OTHER_PORT" "$@" >"$DIR/out" 2>&1
	got=$?
	[ $got -eq "$status" ] && grep -q -- "$pattern" "$DIR/out" && return
	echo "exit $got; expected $status and $pattern"
	cat "$DIR/out"
	return 1
}

# The test has moved the port there.
(umask 077 && printf '%s\n' "$READ" >"$DIR/token" && printf '%s\n' "$OLD" >"$DIR/old-token")
trust=(--cacert "$DIR/ca.pem")
alice=(--cert "$DIR/alice.pem" --key "$DIR/alice.key")
step "tagwardenctl with a token" ends 0 "Data plane" "${trust[@]}" --token-file "$DIR/token" show status
step "its role" ends 4 "does not allow" "${trust[@]}" --token-file "$DIR/token" reload
step "with a certificate" ends 0 "in force" "${trust[@]}" "${alice[@]}" reload
step "with nothing" ends 4 "Show a token" "${trust[@]}" show status
step "with an old token" ends 4 "Show a token" "${trust[@]}" --token-file "$DIR/old-token" show status
step "a server of another CA" ends 3 "not trusted" --cacert "$DIR/strange-ca.pem" show status
step "a server of another name" ends 3 "not trusted" "${trust[@]}" \
	--server "https://127.1:$OTHER_PORT" show status
step "no URL" ends 3 "must be like" --server localhost show status
step "nobody there" ends 3 "refused" "${trust[@]}" --server "https://localhost:$PORT" show status
step "debug output" ends 0 "" "${trust[@]}" "${alice[@]}" diagnose debug info
step "the audit log on the command line" "$CTL" --socket "$API" show audit --limit 1000
grep -q "token:reader .*403" "$DIR/step.out" || fail "show audit does not tell of a refusal"
