# SPDX-License-Identifier: BSD-3-Clause
"""Cases of abuse.sh: peers that mean no good, while a bystander's requests keep being answered."""

import contextlib
import http.client
import json
import os
import random
import socket
import ssl
import threading
import time

from rawclient import PROXY, Client, arrived, case, context, run_cases

RANDOM = random.Random(7)


def counters():
    c = http.client.HTTPConnection("localhost")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(os.environ["API"])
    c.request("GET", "/api/v1/counters")
    found = json.loads(c.getresponse().read())["counters"]
    return {x["name"]: x["count"] for x in found}


@contextlib.contextmanager
def bystander():
    """Its requests, old connection and new ones by turns; fails when one fails or takes a second."""
    trouble, stop, nb = [], threading.Event(), 0

    def run():
        nonlocal nb
        try:
            with Client() as c:
                while not stop.is_set():
                    begin = time.monotonic()
                    assert c.ask("/bystander").status == 200
                    with Client() as d:
                        assert d.ask("/bystander").status == 200
                    took = time.monotonic() - begin
                    assert took < 2, f"{took} s"
                    nb += 2
                    time.sleep(0.02)
        except Exception as e:
            trouble.append(repr(e))

    t = threading.Thread(target=run)
    t.start()
    try:
        yield
        end = time.monotonic() + 5
        while nb < 6 and not trouble and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        stop.set()
        t.join()
    assert not trouble, trouble
    assert nb >= 6, nb


def raw():
    s = socket.create_connection(PROXY, timeout=5)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def throw(data):
    """Send to the port as it is; whatever comes back must be an end, soon."""
    with raw() as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except ConnectionError:
            pass


class Hello:
    """The bytes of a well-formed ClientHello."""

    def __init__(self):
        out = ssl.MemoryBIO()
        o = context().wrap_bio(ssl.MemoryBIO(), out)
        try:
            o.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self.bytes = out.read()


@case("random bytes, plain HTTP, other protocols: each ends, each is counted")
def garbage():
    before = counters()
    with bystander():
        for _ in range(60):
            throw(RANDOM.randbytes(RANDOM.randrange(1, 3000)))
        throw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        throw(b"SSH-2.0-x\r\n")
        throw(b"\x80\x2e\x01\x03\x01" + bytes(46))
        throw(b"")
        throw(b"\x16\x03\x01\xff\xff" + bytes(100))
        throw(b"\x16\x03\x01\x00\x00" * 1000)
        throw(b"\x15\x03\x03\x00\x02\x02\x28")
        throw(b"\x14\x03\x03\x00\x01\x01" * 500)
    assert counters().get("tls_failed", 0) >= before.get("tls_failed", 0) + 60


@case("a ClientHello with a byte changed, and cut at every place")
def mutations():
    hello = Hello().bytes
    with bystander():
        for at in range(0, len(hello), 3):
            throw(hello[:at] + bytes([hello[at] ^ (1 << RANDOM.randrange(8))]) + hello[at + 1 :])
        for at in range(0, len(hello), 7):
            throw(hello[:at])


@case("handshakes never finished are given up, and counted")
def unfinished():
    before = counters()
    hello = Hello().bytes
    held = []
    with bystander():
        for i in range(60):
            s = raw()
            s.sendall(hello[: len(hello) * (i % 3) // 2])
            held.append(s)
        time.sleep(4)
    after = counters()
    assert after["tls_timeout"] >= before.get("tls_timeout", 0) + 60, after
    for s in held:
        s.close()


def feed(held, times, pause):
    """A byte to each now and then; all are answered 408 in the end."""
    for _ in range(times):
        time.sleep(pause)
        for c in held:
            try:
                c.send("y")
            except OSError:
                pass
    for c in held:
        assert c.read().status == 408
        c.close()


@case("half heads held open are answered 408, and counted")
def half_heads():
    before = counters()
    with bystander():
        held = [Client() for _ in range(40)]
        for c in held:
            c.send("GET / HTTP/1.1\r\nHost: 192.0.2.10\r\nX: ")
        feed(held, 4, 1)
    assert counters()["http_timeout"] >= before.get("http_timeout", 0) + 40


@case("bodies that trickle in are answered 408: no byte buys a whole time-out")
def trickle():
    with bystander():
        held = [Client() for _ in range(10)]
        for c in held:
            c.send("PUT /x HTTP/1.1\r\nHost: 192.0.2.10\r\nContent-Length: 1000\r\n\r\n")
        feed(held, 8, 0.5)


@case("records that do not decrypt end the connection, nothing reaches a server")
def forged_records():
    with bystander():
        for _ in range(20):
            c = Client()
            c.ask("/x")
            fd = c.sock.detach()  # under TLS's feet
            with socket.socket(fileno=fd) as s:
                s.sendall(b"\x17\x03\x03\x00\x40" + RANDOM.randbytes(64))
                s.settimeout(5)
                try:
                    while s.recv(4096):
                        pass
                except ConnectionError:
                    pass


@case("requests without an end: neither answered nor growing")
def endless():
    with bystander():
        with Client() as c:
            try:
                c.send(b"GET / HTTP/1.1\r\nHost: 192.0.2.10\r\n" + b"A: b\r\n" * 200000)
            except OSError:
                pass
            try:
                assert c.read().status == 431
            except OSError:
                pass  # the rest of what was sent had the connection reset


@case("connections opened and reset at once, by the hundred")
def resets():
    with bystander():
        for i in range(300):
            s = raw()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if i % 2:
                s.sendall(b"\x16\x03\x01\x02\x00\x01")
            s.close()


@case("a certificate of nobody's: refused in the handshake, nothing reaches a server")
def no_certificate():
    before = arrived()
    for _ in range(5):
        try:
            with Client(device="") as c:
                c.ask("/nobody")
        except (OSError, ssl.SSLError):
            continue
        raise AssertionError("answered")
    assert arrived() == before


@case("when it is over, nothing is left behind")
def left():
    time.sleep(2.5)
    c = http.client.HTTPConnection("localhost")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(os.environ["API"])
    c.request("GET", "/api/v1/sessions")
    rows = json.loads(c.getresponse().read())["sessions"]
    assert rows == [], rows
    assert counters().get("bug", 0) == 0


run_cases()
