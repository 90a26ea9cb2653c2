# SPDX-License-Identifier: BSD-3-Clause
"""A TLS client for tests that sends what it is told, byte by byte, and reads answers strictly.

Where things are comes from the environment, see cases() in tests/func/stack-lib.sh:

    PROXY_HOST PROXY_PORT PROXY_CA   the access proxy, and the CA of its certificate
    CERT_DIR DEVICE                  DEVICE.pem and DEVICE.key in CERT_DIR
    RECORD                           where tests/lib/backend.py writes what arrives
"""

import glob
import hashlib
import json
import os
import socket
import ssl
import sys
import time
import traceback
import urllib.parse

from backend import payload

PROXY = (os.environ["PROXY_HOST"], int(os.environ["PROXY_PORT"]))
RECORD = os.environ["RECORD"]


class Closed(Exception):
    """The peer closed where an answer should be."""


class Response:
    def __init__(self):
        self.status = 0
        self.version = ""
        self.fields = []
        self.body = b""
        self.framing = "none"
        self.interim = []  # statuses of 1xx before it

    def field(self, name):
        found = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(found) <= 1, f"{name} came {len(found)} times"
        return found[0] if found else None

    def json(self):
        return json.loads(self.body)

    def sha256(self):
        return hashlib.sha256(self.body).hexdigest()


def context(device=None, version=None):
    ctx = ssl.create_default_context(cafile=os.environ["PROXY_CA"])
    ctx.check_hostname = False
    device = os.environ["DEVICE"] if device is None else device
    if device:
        stem = os.path.join(os.environ["CERT_DIR"], device)
        ctx.load_cert_chain(stem + ".pem", stem + ".key")
    if version:
        ctx.minimum_version = ctx.maximum_version = version
    return ctx


class Client:
    """One connection. <sni> None sends none."""

    def __init__(self, device=None, sni=None, version=None, port=None, timeout=20, rcvbuf=None):
        raw = socket.socket()
        if rcvbuf:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        raw.settimeout(timeout)
        raw.connect((PROXY[0], port or PROXY[1]))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context(device, version).wrap_socket(raw, server_hostname=sni)
        self.buf = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data, split=0, pause=0.0):
        """All of <data>; with <split>, in records of that many bytes."""
        if isinstance(data, str):
            data = data.encode("latin-1")
        for at in range(0, len(data), split or max(len(data), 1)):
            self.sock.sendall(data[at : at + (split or len(data))])
            if pause:
                time.sleep(pause)

    def more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise Closed
        self.buf += data

    def line(self):
        while b"\r\n" not in self.buf:
            self.more()
        line, _, rest = self.buf.partition(b"\r\n")
        self.buf = rest
        assert b"\n" not in line and b"\r" not in line
        return line.decode("latin-1")

    def take(self, n):
        while len(self.buf) < n:
            self.more()
        data = bytes(self.buf[:n])
        del self.buf[:n]
        return data

    def read_to_end(self):
        """Everything until the peer's close; ConnectionError when it was no decent close."""
        try:
            while True:
                self.more()
        except Closed:
            pass
        data = bytes(self.buf)
        self.buf.clear()
        return data

    def read_head(self, r):
        first = self.line()
        r.version, status = first.split(" ")[:2]
        r.status = int(status)
        r.fields = []
        while text := self.line():
            name, _, value = text.partition(":")
            r.fields.append((name, value.strip()))

    def read_chunks(self, r):
        body = bytearray()
        while size := int(self.line(), 16):
            body += self.take(size)
            assert self.line() == ""
        assert self.line() == "", "a trailer"
        r.body = bytes(body)

    def read(self, method="GET"):
        r = Response()
        self.read_head(r)
        while r.status < 200 and r.status != 101:
            r.interim.append(r.status)
            self.read_head(r)
        length, encoding = r.field("content-length"), r.field("transfer-encoding")
        assert length is None or encoding is None
        if method == "HEAD" or r.status in (101, 204, 304):
            return r
        if encoding is not None:
            assert encoding == "chunked"
            r.framing = "chunked"
            self.read_chunks(r)
        elif length is not None:
            r.framing = "length"
            r.body = self.take(int(length))
        else:
            r.framing = "close"
            r.body = self.read_to_end()
        return r

    def ask(self, target="/", method="GET", fields=(), body=None, do=None, **kw):
        """A well-formed request, and its answer."""
        self.send(request(target, method, fields, body, do), **kw)
        return self.read(method)

    def is_closed(self):
        """Does the peer close now, with nothing more to say?"""
        try:
            return self.read_to_end() == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


def quote(data):
    return urllib.parse.quote_from_bytes(data.encode("latin-1") if isinstance(data, str) else data)


def request(target="/", method="GET", fields=(), body=None, do=None, version="1.1"):
    head = [f"{method} {target} HTTP/{version}", "Host: 192.0.2.10"]
    head += [f"{n}: {v}" for n, v in fields]
    if do is not None:
        head.append("X-Do: " + do)
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + (body or b"")


def ask(target="/", **kw):
    """One request on a connection of its own."""
    with Client() as c:
        return c.ask(target, **kw)


# ---- what arrived at the real servers ----


def arrived():
    """Total bytes that reached any recording server."""
    return sum(os.path.getsize(f) for f in glob.glob(RECORD + "/*.in"))


def requests():
    """All requests that real servers read so far."""
    try:
        with open(RECORD + "/requests") as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def since(n, wait=0.0):
    time.sleep(wait)
    return requests()[n:]


def sum_of(n):
    """SHA-256 of backend.payload(0, n)."""
    digest = hashlib.sha256()
    for at in range(0, n, 1 << 20):
        digest.update(payload(at, min(1 << 20, n - at)))
    return digest.hexdigest()


# ---- cases ----

CASES = []


def case(words):
    """Register a function as one step of the test; it fails by an exception."""

    def register(f):
        CASES.append((words, f))
        return f

    return register


def run_cases():
    """Run those whose words contain the first argument, all without one; exit 1 when one failed."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    failed = 0
    for words, f in CASES:
        if wanted not in words:
            continue
        try:
            f()
            print(f"ok: {words}", flush=True)
        except Exception:
            failed += 1
            print(f"not ok: {words}", flush=True)
            traceback.print_exc()
            sys.stderr.flush()
    sys.exit(1 if failed else 0)
