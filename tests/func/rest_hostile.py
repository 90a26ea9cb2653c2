#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A client that wants harm, see rest_hostile.sh. Speaks bytes, not HTTP, to the unix socket.

Each case says which answers are right: an answer's status, or that the connection is closed without
one. After each an honest client must be answered at once. Then so many requests of random make, from
a seed: any answer will do, but for none, or a 500.
"""
import argparse
import json
import random
import re
import socket
import sys
import time

PATIENCE_S = 8
HONEST_S = 5
MEMORY_KIB = 400000  # a sanitizer's shadow included

args = None


def connect(timeout=PATIENCE_S):
    end = time.monotonic() + timeout
    while True:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        try:
            s.connect(args.socket)
            return s
        except BlockingIOError:  # more wait to be let in than the kernel queues
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def send_all(s, data):
    """False: the other end would not have it all, which is its right."""
    try:
        s.sendall(data)
        return True
    except (BrokenPipeError, ConnectionResetError, socket.timeout):
        return False


def read_answer(s):
    """Status of the first answer with its body whole; None: closed without one; "silent"."""
    data = b""
    while True:
        head, gap, body = data.partition(b"\r\n\r\n")
        if gap:
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
            if length is None or len(body) >= int(length[1]):
                return int(head.split()[1])
        try:
            piece = s.recv(65536)
        except socket.timeout:
            return "silent"
        except ConnectionResetError:
            return None
        if not piece:
            return int(head.split()[1]) if gap else None
        data += piece


def ask(data, timeout=PATIENCE_S):
    with connect(timeout) as s:
        send_all(s, data)
        return read_answer(s)


def request(method, target, body=None, headers=()):
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body or b"")


def is_honest_served():
    began = time.monotonic()
    status = ask(request("GET", "/api/v1/status", headers=["Connection: close"]), HONEST_S)
    if status != 200:
        return f"an honest client got {status} after {time.monotonic() - began:.1f} s"
    return None


def memory_kib():
    with open(f"/proc/{args.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])


GET = "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n"
REFUSED = (400, 403, 404, 405, 411, 413, 414, 417, 431, 501, 505, None)
# name, bytes, right answers
CASES = [
    ("garbage", bytes(range(256)) * 20 + b"\r\n\r\n", REFUSED),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 505, REFUSED + ("silent",)),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9, REFUSED),
    ("no target", b"GET\r\n\r\n", REFUSED + ("silent",)),
    ("no version", b"GET /api/v1/status\r\n\r\n", REFUSED + ("silent", 200)),
    ("unknown method", b"BREW /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("long method", b"G" * 5000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("long target", b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("long query", b"GET /api/v1/devices?uid=" + b"a" * 60000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
     REFUSED),
    ("long header", (GET + "X: " + "a" * 200000 + "\r\n\r\n").encode(), REFUSED),
    ("many headers", (GET + "X: y\r\n" * 20000 + "\r\n").encode(), REFUSED + (200,)),
    ("no colon", (GET + "nonsense\r\n\r\n").encode(), REFUSED + (200, "silent")),
    ("NUL in a header", (GET + "X: a\0b\r\n\r\n").encode(), REFUSED + (200, "silent")),
    ("NUL in the target", b"GET /api/v1/status\0/x HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    ("NUL, encoded", request("GET", "/api/v1/devices/%00"), REFUSED),
    ("dots", request("GET", "/api/v1/../../etc/passwd"), REFUSED),
    ("dots, encoded", request("GET", "/api/v1/devices/%2e%2e%2f%2e%2e%2fetc%2fpasswd"), REFUSED),
    ("overlong dots", request("GET", "/api/v1/devices/%c0%ae%c0%ae%c0%af"), REFUSED),
    ("half an escape", request("GET", "/api/v1/devices/%4"), REFUSED),
    ("a format", request("GET", "/api/v1/devices/%25s%25n%25n%25n"), REFUSED),
    ("an Origin", request("GET", "/api/v1/status", headers=["Origin: http://evil.example"]), (403,)),
    ("negative length", (GET.replace("GET", "POST") + "Content-Length: -1\r\n\r\n").encode(),
     REFUSED + ("silent",)),
    ("wordy length", (GET.replace("GET", "POST") + "Content-Length: ten\r\n\r\n").encode(),
     REFUSED + ("silent",)),
    ("huge length", (GET.replace("GET", "POST") + "Content-Length: 99999999999999999999\r\n\r\n")
     .encode() + b"x" * 100, REFUSED + ("silent",)),
    ("two lengths", b"POST /api/v1/vpn/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
     b"Content-Length: 40\r\n\r\n{}", REFUSED + ("silent",)),
    ("chunked", b"POST /api/v1/vpn/sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
     b"\r\nffffffff\r\n" + b"x" * 5000, REFUSED),
    ("a length and chunks", b"POST /api/v1/vpn/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", REFUSED),
    ("a body of 8 MiB", request("POST", "/api/v1/vpn/sessions", b"x" * (8 << 20)), REFUSED),
    ("a body for GET", request("GET", "/api/v1/status", b"{}" * 1000), REFUSED + (200,)),
    ("a body for DELETE", request("DELETE", "/api/v1/sessions/1", b"{}" * 1000), REFUSED + (409, 503)),
    ("deep JSON", request("POST", "/api/v1/vpn/sessions", b"[" * 60000), (400, 413)),
    ("deep objects", request("POST", "/api/v1/vpn/sessions", b'{"uid":' * 9000), (400, 413)),
    ("not UTF-8", request("POST", "/api/v1/vpn/sessions", b'{"uid":"\xff\xfe"}'), (400,)),
    ("a NUL in JSON", request("POST", "/api/v1/vpn/sessions", b'{"uid":"\\u0000"}'), (400,)),
    ("a key twice", request("POST", "/api/v1/vpn/sessions",
                            b'{"uid":"' + b"0" * 32 + b'","uid":"' + b"1" * 32 +
                            b'","ip":"192.0.2.9","interface":"a","action":"connect"}'), (400,)),
    ("an upgrade to nothing", request("GET", "/api/v1/status", headers=[
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]), REFUSED + (200,)),
    ("an upgrade to h2c", request("GET", "/api/v1/status", headers=[
        "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"]),
     REFUSED + (200,)),
    ("an expectation", request("POST", "/api/v1/vpn/sessions", b"{}", ["Expect: 100-continue"]),
     (100, 400, 417)),
]


def play_case(name, data, right):
    status = ask(data, 3)
    if status not in right:
        return f"{name}: {status}"
    wrong = is_honest_served()
    return f"{name}: {wrong}" if wrong else None


def body_without_end():
    with connect() as s:
        send_all(s, b"POST /api/v1/vpn/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        return is_honest_served()


def crowd():
    """Idle and half-way connections, not quite as many as it takes; who comes then is served."""
    held = []
    try:
        for i in range(150):
            s = connect(2)
            send_all(s, b"GET /api/v1/sta" if i % 2 else b"")
            held.append(s)
        return is_honest_served()
    finally:
        for s in held:
            s.close()


def pipeline():
    with connect() as s:
        send_all(s, request("GET", "/api/v1/status") * 500)
        return None if read_answer(s) == 200 else "no answer"


def cut_short():
    """Ask for much and go away before it is here."""
    for i in range(100):
        with connect() as s:
            send_all(s, request("GET", "/api/v1/openapi.json" if i % 2 else "/api/v1/config"))
    return is_honest_served()


NASTY = [
    "", "0", "-1", "1", "99999999999999999999", "%s%n", "%25s%25n", "../../etc/passwd", "%2e%2e%2f",
    "%00", "%ff%fe", "a" * 300, "'%20OR%201=1--", "%0d%0aX:%20y", "*", "%7B%7D", "true", "NaN",
    "00000000000000000000000000000000", "192.0.2.1", "::1", "%F0%9F%98%80",
]
VALUES = [
    None, True, False, 0, -1, 1, 1 << 62, 1e99, "", "x", "x" * 5000, "%s%n%n", "../../x", "\u202e",
    "a\nb", "\u0001", [], {}, [[]], [None], {"a": {}}, [1] * 500, "connect", "192.0.2.77", "0" * 32,
]
RAW = [
    b"", b"null", b"1", b'"x"', b"[]", b"{}", b"{", b"{}}", b"[" * 3000, b'{"a":1,"a":2}', b"\xff\xfe",
    b'{"\\ud800":1}', b"{" + b" " * 60000 + b"}", b'{"a":1e999}', b"\0",
]
# What must not be done here, well formed: the rest of the test needs them.
SPARED = re.compile(r"^/api/v1/(captures?|debug)")


def keys_of(schema, doc, found):
    """Names of all properties that a body may have."""
    if isinstance(schema, dict):
        ref = schema.get("$ref")
        if ref:
            return keys_of(doc["components"]["schemas"][ref.rsplit("/", 1)[1]], doc, found)
        found.update(schema.get("properties", {}))
        for v in schema.values():
            keys_of(v, doc, found)
    return found


def random_requests(rng, count):
    with open(args.openapi) as f:
        doc = json.load(f)
    rows = []
    for path, item in doc["paths"].items():
        for method, op in item.items():
            if method not in ("get", "post", "put", "patch", "delete") or SPARED.match(path):
                continue
            query = [p["name"] for p in op.get("parameters", []) if p.get("in") == "query"]
            keys = sorted(keys_of(op.get("requestBody", {}), doc, set()))
            rows.append((method.upper(), path, query, keys))
    for _ in range(count):
        method, path, query, keys = rng.choice(rows)
        nasty = lambda _: rng.choice(NASTY + [args.device])
        target = re.sub(r"\{[^}]*\}", nasty, path)
        if query and rng.random() < 0.7:
            picked = [rng.choice(query) for _ in range(rng.randint(1, 3))]
            target += "?" + "&".join(f"{k}={rng.choice(NASTY)}" for k in picked)
        if rng.random() < 0.05:
            method = rng.choice(["GET", "POST", "PUT", "PATCH", "DELETE"])
        body = None
        if method in ("POST", "PUT", "PATCH"):
            body = rng.choice(RAW)
            if keys and rng.random() < 0.7:
                some = rng.sample(keys, rng.randint(1, len(keys)))
                body = json.dumps({k: rng.choice(VALUES) for k in some}).encode()
        # A reload reads the same document again and again: once is enough.
        if path.endswith("/reload") and method == "POST":
            continue
        yield request(method, target.replace(" ", "%20"), body, ["Connection: close"])


def main():
    global args
    parser = argparse.ArgumentParser()
    for name in ("--socket", "--pid", "--device", "--openapi"):
        parser.add_argument(name, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests", type=int, default=1500)
    args = parser.parse_args()

    failed = []
    for case in CASES:
        failed.append(play_case(*case))
    for fn in (body_without_end, crowd, pipeline, cut_short):
        wrong = fn()
        failed.append(f"{fn.__name__}: {wrong}" if wrong else None)
    failed = [f for f in failed if f is not None]
    print(f"{len(CASES) + 4} cases, {len(failed)} failed", flush=True)

    statuses = {}
    for data in random_requests(random.Random(args.seed), args.requests):
        status = ask(data)
        statuses[status] = statuses.get(status, 0) + 1
        # A NUL, encoded or not, may end the connection without a word.
        is_cut = status is None and b"%00" in data.split(b"\r\n")[0]
        if status in (None, "silent", 500) and not is_cut:
            failed.append(f"{status}: {data[:400]!r}")
            if len(failed) > 10:
                break
    print("random requests:", " ".join(f"{n} of {s}" for s, n in sorted(statuses.items(), key=str)))
    wrong = is_honest_served()
    if wrong:
        failed.append(wrong)
    if memory_kib() > MEMORY_KIB:
        failed.append(f"it takes {memory_kib()} KiB")
    for f in failed:
        print(f"not ok: {f}")
    sys.exit(1 if failed else 0)


main()
