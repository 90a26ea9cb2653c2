#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""rest_auth.py DIR SOCKET PORT OTHER-PORT: what rest_auth.sh asks of the API. Tokens are in the
environment; wrong ones come from a source address each, since guessing is slowed down by address."""

import base64
import concurrent.futures
import hashlib
import json
import os
import shutil
import socket
import ssl
import sys
import threading
import time

DIR, SOCKET = sys.argv[1], sys.argv[2]
PORT, OTHER_PORT = int(sys.argv[3]), int(sys.argv[4])
READ, OPERATE, ADMIN, OLD = (os.environ[n] for n in ("READ", "OPERATE", "ADMIN", "OLD"))
RANK = {"read": 1, "operate": 2, "admin": 3}
nb_sources = 0


def check(what, is_ok, *more):
    if not is_ok:
        sys.exit(f"not ok: {what} {more}")
    print(f"ok: {what}", flush=True)


def context(cert=None):
    c = ssl.create_default_context(cafile=f"{DIR}/ca.pem")
    if cert:
        c.load_cert_chain(f"{DIR}/{cert}.pem", f"{DIR}/{cert}.key")
    return c


PLAIN = context()


def connect(cert=None, source="127.0.0.1", port=None):
    raw = socket.create_connection(("127.0.0.1", port or PORT), 20, (source, 0))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    c = context(cert) if cert else PLAIN
    return c.wrap_socket(raw, server_hostname="localhost")


def connect_unix():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(SOCKET)
    return s


class Answer:
    def __init__(self, f, is_head=False):
        line = f.readline().decode()
        self.status = int(line.split()[1]) if line.startswith("HTTP/1.1 ") else 0
        self.fields, self.body = {}, b""
        while self.status:
            line = f.readline().decode().strip()
            if not line:
                break
            name, value = line.split(":", 1)
            self.fields[name.lower()] = value.strip()
        length = int(self.fields.get("content-length", 0))
        if not is_head and self.status not in (204, 304):
            self.body = f.read(length)
        if self.status >= 400:
            problem = json.loads(self.body or b"{}")
            assert self.fields["content-type"] == "application/problem+json", self.fields
            assert problem["status"] == self.status and problem["title"], problem


def request(method, target, token=None, fields=(), version="1.1"):
    lines = [f"{method} {target} HTTP/{version}", "Host: localhost", *fields]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def ask(data, cert=None, source="127.0.0.1", port=None, is_head=False):
    with connect(cert, source, port) as s:
        s.sendall(data)
        with s.makefile("rb") as f:
            return Answer(f, is_head)


def ask_unix(data):
    with connect_unix() as s:
        s.sendall(data)
        with s.makefile("rb") as f:
            return Answer(f)


def api_status():
    return json.loads(ask_unix(request("GET", "/api/v1/status")).body)["api"]


def new_source():
    global nb_sources
    nb_sources += 1
    return f"127.0.{nb_sources // 250}.{2 + nb_sources % 250}"


def untouched(what, statuses, wanted):
    """Between two looks at the status no other handler may have run."""
    check(what, set(statuses) <= wanted and statuses, set(statuses))


def on_one_connection(requests, cert=None, source="127.0.0.1"):
    """Statuses; a new connection whenever the server closes the old one."""
    got, s, f = [], None, None
    for data in requests:
        if s is None:
            s = connect(cert, source)
            f = s.makefile("rb")
        s.sendall(data)
        a = Answer(f)
        got.append(a.status)
        if a.fields.get("connection") == "close":
            s.close()
            s = None
    if s:
        s.close()
    return got


def concrete(path):
    return path.replace("*", "1")


def every_route(routes):
    methods = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")
    all_pairs = [(m, concrete(p)) for p in sorted({r["path"] for r in routes}) for m in methods]
    upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lies = ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1;proto=https",
            "X-Real-IP: 127.0.0.1", "X-Client-Cert: alice", "X-Original-URL: /api/v1/status",
            "Connection: Authorization", "Cookie: token=" + ADMIN]
    before = api_status()["handled"]
    pairs = [p for p in all_pairs if p[0] != "HEAD"]
    untouched("every route by every method without a token is 401",
              on_one_connection(request(m, p) for m, p in pairs), {401})
    untouched("with headers that claim to be somebody, too",
              on_one_connection(request(m, p, fields=lies) for m, p in pairs), {401})
    untouched("with an upgrade, too",
              on_one_connection(request("GET", p, fields=upgrade) for m, p in pairs if m == "GET"),
              {401})
    untouched("by HTTP/1.0, too",
              on_one_connection(request(m, p, version="1.0", fields=["Connection: keep-alive"])
                                for m, p in pairs), {401})
    untouched("with a token in the query, too",
              on_one_connection(request(m, p + "?access_token=" + ADMIN) for m, p in pairs), {401})
    tricks = []
    for m, p in pairs:
        tricks += [(m, "/" + p), (m, p + "/."), (m, p + "/../status"), (m, "/x/.." + p),
                   (m, p.replace("/v1", "%2fv1")), (m, p.replace("/v1", "/%76%31")),
                   (m, p + ";x=y"), (m, p + "%00"), (m, p + "\\"), (m, "/api/v1/%2e%2e/v1/status"),
                   (m, "http://localhost" + p)]
    tricks = tricks[::41]
    untouched("paths that want to be taken for others are 400 or 401",
              on_one_connection(request(m, p) for m, p in tricks), {400, 401})
    sources = [new_source() for _ in routes]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        wrong = list(pool.map(lambda r, source: ask(request(
            r["method"], concrete(r["path"]), "x" * 64), source=source).status, routes, sources))
    untouched("every route with a wrong token is 401", wrong, {401})
    for role, token in (("read", READ), ("operate", OPERATE)):
        low = [(r["method"], concrete(r["path"])) for r in routes if RANK[r["role"]] > RANK[role]]
        untouched(f"{role} is too little for {len(low)} routes: 403",
                  on_one_connection(request(m, p, token) for m, p in low), {403})
        untouched("with tricks in the path neither is it enough",
                  on_one_connection(request(m, q, token) for m, p in low for q in
                                    ("/" + p, p + ";a", p + "/")[:1 if role == "read" else 3]),
                  {400, 403, 404})
    check("no handler ran for any of these", api_status()["handled"] == before + 1,
          api_status()["handled"] - before)


def credentials():
    reload = request("POST", "/api/v1/reload")
    a = ask(request("GET", "/api/v1/status"))
    check("401 says how to come in", a.fields["www-authenticate"].startswith("Bearer"), a.fields)
    check("a token reads", ask(request("GET", "/api/v1/status", READ)).status == 200)
    check("an expired token does not",
          ask(request("GET", "/api/v1/status", OLD), source=new_source()).status == 401)
    check("an administrator's token reloads", ask(request("POST", "/api/v1/reload", ADMIN)).status == 200)
    check("a client certificate does, too", ask(reload, "alice").status == 200)
    check("one that nobody named does not", ask(reload, "bob").status == 401)
    check("nor a good one with a wrong token",
          ask(request("POST", "/api/v1/reload", "y" * 64), "alice", new_source()).status == 401)
    for cert in ("mallory", "stranger"):
        try:
            status = ask(reload, cert).status
        except (ssl.SSLError, OSError):
            status = 0
        check(f"{cert}'s certificate opens nothing", status == 0, status)
    check("an Origin is refused with a good token",
          ask(request("GET", "/api/v1/status", READ, ["Origin: https://evil.example"])).status == 403)
    try:
        socket.create_connection(("127.0.0.1", PORT), 5, ("127.0.2.1", 0))
        with connect(source="127.0.2.1"):
            status = "in"
    except OSError:
        status = "out"
    check("who comes from elsewhere is not spoken to", status == "out")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3
    try:
        with socket.create_connection(("127.0.0.1", PORT), 5) as s:
            status = old.wrap_socket(s).version()
    except (ssl.SSLError, OSError):
        status = None
    check("TLS 1.1 is not spoken", status is None, status)


def guessing():
    source = "127.0.0.250"
    got = [ask(request("GET", "/api/v1/status", "z" * 64), source=source).status for i in range(13)]
    check("guessing goes on for ten times", got[:10] == [401] * 10 and got[-1] == 429, got)
    check("then not even the right one is looked at",
          ask(request("GET", "/api/v1/status", READ), source=source).status == 429)
    check("others are", ask(request("GET", "/api/v1/status", READ)).status == 200)
    page = json.loads(ask(request("GET", "/api/v1/audit?limit=1000", READ)).body)["entries"]
    told = {(e.get("status"), e["how"]) for e in page}
    check("the audit log tells of all that", {(429, "-"), (401, "-"), (403, "token:reader"),
                                              (200, "token:admin"), (200, "cert:alice")} <= told, told)


def framing():
    host = b"Host: a\r\n"
    auth = b"Authorization: Bearer " + READ.encode() + b"\r\n"
    table = [
        (b"GET /api/v1 HTTP/1.1\r\n" + auth + b"\r\n", 400),
        (b"GET /api/v1 HTTP/1.1\n" + host + auth + b"\r\n", 400),
        (b"GET  /api/v1 HTTP/1.1\r\n" + host + auth + b"\r\n", 400),
        (b"GET /api/v1 HTTP/2.0\r\n" + host + auth + b"\r\n", 505),
        (b"GET /api/v1 HTTP/1.1\r\n" + host + host + auth + b"\r\n", 400),
        (b"GET /api/v1 HTTP/1.1\r\nHost : a\r\n" + auth + b"\r\n", 400),
        (b"GET /api/v1 HTTP/1.1\r\n" + host + b" folded: x\r\n" + auth + b"\r\n", 400),
        (b"GET /api/v1 HTTP/1.1\r\n" + host + b"X: a\x00b\r\n" + auth + b"\r\n", 400),
        (b"GET /api/v1 HTTP/1.1\r\n" + host + auth + auth + b"\r\n", 400),
        (b"POST /api/v1/reload HTTP/1.1\r\n" + host + auth + b"Content-Length: 1\r\n"
         b"Content-Length: 1\r\n\r\nx", 400),
        (b"POST /api/v1/reload HTTP/1.1\r\n" + host + auth + b"Content-Length: +1\r\n\r\nx", 400),
        (b"POST /api/v1/reload HTTP/1.1\r\n" + host + auth + b"Transfer-Encoding: chunked\r\n"
         b"Content-Length: 5\r\n\r\n0\r\n\r\n", 501),
        (b"POST /api/v1/validate HTTP/1.1\r\n" + host + auth.replace(READ.encode(), ADMIN.encode())
         + b"Content-Length: 99999999999\r\n\r\n", 413),
        (b"GET /api/v1 HTTP/1.1\r\n" + host + auth + b"A: b\r\n" * 100 + b"\r\n", 431),
        (b"GET /api/v1 HTTP/1.1\r\n" + host + b"A: " + b"b" * 9000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\n" + host + auth + b"\r\n", 414),
        (b"BREW /api/v1 HTTP/1.1\r\n" + host + auth + b"\r\n", 501),
        (b"PATCH /api/v1/status HTTP/1.1\r\n" + host + auth + b"\r\n", 405),
        (b"\x16\x03\x01\x00\x05hello\r\n\r\n", 400),
    ]
    for data, status in table:
        a = ask(data)
        check(f"{data[:30]!r} is {status}", a.status == status, a.status)
    with connect() as s, s.makefile("rb") as f:
        one = request("GET", "/api/v1/services", READ)
        s.sendall(one + one + request("GET", "/api/v1/nix", READ) + one[:20])
        got = [Answer(f).status for i in range(3)]
        s.sendall(one[20:])
        got.append(Answer(f).status)
    check("requests in one piece are answered in order", got == [200, 200, 404, 200], got)
    with connect() as s, s.makefile("rb") as f:
        body = b'{"interfaces": []}'
        s.sendall(request("POST", "/api/v1/validate", ADMIN,
                          [f"Content-Length: {len(body)}", "Expect: 100-continue"]))
        first = f.readline() + f.readline()
        s.sendall(body[:5])
        s.sendall(body[5:])
        check("a body waits for 100 and may come in pieces",
              first == b"HTTP/1.1 100 Continue\r\n\r\n" and Answer(f).status == 422, first)
    a = ask(request("HEAD", "/api/v1/services", READ), is_head=True)
    check("HEAD has a length and no body", a.status == 200 and int(a.fields["content-length"]) > 0)
    a = ask(request("OPTIONS", "/api/v1/capture", READ))
    check("OPTIONS tells the methods", (a.status, a.fields["allow"]) == (204, "GET, HEAD, DELETE"), a.fields)
    a = ask(request("GET", "/api/v1/policies", READ))
    tag = a.fields["etag"]
    check("what has not changed is 304",
          ask(request("GET", "/api/v1/policies", READ, ["If-None-Match: " + tag])).status == 304)
    doc = json.loads(ask(request("GET", "/api/v1/openapi.json", READ)).body)
    check("the OpenAPI document is served", doc["openapi"].startswith("3.") and
          doc["paths"]["/api/v1/reload"]["post"]["x-role"] == "admin")


class Loris(threading.Thread):
    """Opens what it can from one address and sends a byte now and then."""

    def __init__(self):
        super().__init__(daemon=True)
        self.conns, self.cut, self.start_s = [], [], time.monotonic()
        self.nb_left = 0
        for _ in range(40):
            try:
                s = connect(source="127.0.1.250")
                s.sendall(b"G")
                self.conns.append(s)
            except OSError:
                pass

    def run(self):
        left = list(self.conns)
        data = request("GET", "/api/v1/status", READ) * 2
        for i in range(60):
            for s in list(left):
                try:
                    s.sendall(data[1 + i:2 + i])
                    s.settimeout(0.001)
                    try:
                        s.recv(4096)  # 408, or the end
                        self.cut.append(time.monotonic() - self.start_s)
                        left.remove(s)
                    except (TimeoutError, ssl.SSLWantReadError):
                        pass
                except OSError:
                    self.cut.append(time.monotonic() - self.start_s)
                    left.remove(s)
            if not left:
                break
            time.sleep(0.3)
        self.nb_left = len(left)


def websocket(token, port=None):
    s = connect(port=port)
    s.sendall(request("GET", "/api/v1/debug/stream", token, [
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]))
    f = s.makefile("rb")
    return s, f, Answer(f)


def streams():
    s, f, a = websocket(READ)
    check("a WebSocket is a route like any other", a.status == 403, a.status)
    s, f, a = websocket(OPERATE)
    accept = base64.b64encode(hashlib.sha1(
        b"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    check("an operator gets it", a.status == 101 and a.fields["sec-websocket-accept"] == accept,
          a.status)
    s.sendall(bytes([0x89, 0x84, 1, 2, 3, 4]) + bytes(x ^ y for x, y in zip(b"ping", (1, 2, 3, 4))))
    check("a ping is answered", f.read(6) == b"\x8a\x04ping")
    t, g, a = websocket(OPERATE)
    t.sendall(b"\x81\x05plain")
    check("an unmasked frame ends it", g.read() == b"")
    return s, f


def reload_changes(s, f):
    unix = connect_unix()
    kept = unix.makefile("rb")
    unix.sendall(request("GET", "/api/v1/status"))
    check("a connection on the unix socket", Answer(kept).status == 200)
    shutil.copy(f"{DIR}/moved.json", f"{DIR}/tagwarden.json")
    check("a reload from far away is answered", ask(request("POST", "/api/v1/reload", ADMIN)).status == 200)
    deadline = time.monotonic() + 10
    status = 0
    while status != 200 and time.monotonic() < deadline:
        try:
            status = ask(request("GET", "/api/v1/status", READ), port=OTHER_PORT).status
        except OSError:
            time.sleep(0.1)
    check("the port has moved", status == 200, status)
    try:
        socket.create_connection(("127.0.0.1", PORT), 5)
        status = "open"
    except OSError:
        status = "closed"
    check("the old one is closed", status == "closed")
    check("a token that was taken away is no good", ask(
        request("GET", "/api/v1/status", OPERATE), port=OTHER_PORT, source=new_source()).status == 401)
    s.settimeout(10)
    check("and what it had opened is closed", f.read() == b"")
    unix.sendall(request("GET", "/api/v1/status"))
    check("the unix socket's connection lived through it", Answer(kept).status == 200)


def main():
    loris = Loris()
    loris.start()
    check("one address does not get all connections", len(loris.conns) <= 32, len(loris.conns))
    routes = json.loads(ask_unix(request("GET", "/api/v1")).body)["routes"]
    every_route(routes)
    credentials()
    guessing()
    framing()
    s, f = streams()
    loris.join(30)
    check("who dribbles is cut, all told", loris.cut and loris.nb_left == 0 and max(loris.cut) < 20,
          loris.nb_left, loris.cut[-3:])
    check("and not before its time", min(loris.cut) > 5, min(loris.cut))
    reload_changes(s, f)
    deadline = time.monotonic() + 20
    while api_status()["tls_connections"] > 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    check("nothing is left open", api_status()["tls_connections"] == 0, api_status())


main()
