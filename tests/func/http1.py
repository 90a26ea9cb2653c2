# SPDX-License-Identifier: BSD-3-Clause
"""Cases of http.sh: HTTP/1.1 as clients and servers see it through the proxy."""

import concurrent.futures
import hashlib
import socket
import time

from backend import payload
from rawclient import Client, ask, case, quote, request, requests, run_cases, since, sum_of

MIB = 1 << 20


def reply(head, body="", then=""):
    """A script: read the request, answer with these bytes."""
    return "body;send=" + quote(head + "\r\n\r\n" + body) + then


@case("a hundred requests on one connection")
def keep_alive():
    with Client() as c:
        for i in range(100):
            r = c.ask(f"/k/{i}")
            assert r.status == 200 and r.json()["target"] == f"/k/{i}", r.fields


@case("requests on one connection reuse the server's")
def reuse():
    n = len(requests())
    with Client() as c:
        for _ in range(20):
            assert c.ask("/reuse").status == 200
    assert len({(r["port"], r["connection"]) for r in since(n)}) == 1


@case("pipelined requests are answered in their order")
def pipelining():
    with Client() as c:
        c.send(b"".join(request(f"/p/{i}", body=b"x" * i if i % 3 else None) for i in range(40)))
        for i in range(40):
            r = c.read()
            assert r.json()["target"] == f"/p/{i}"
            assert r.json()["body_len"] == (i if i % 3 else 0)


@case("a head that comes byte by byte")
def dribble():
    with Client() as c:
        c.send(request("/slow"), split=1)
        assert c.read().json()["target"] == "/slow"


@case("HEAD has a length and no body")
def head():
    with Client() as c:
        r = c.ask("/h", method="HEAD", do=reply("HTTP/1.1 200 OK\r\nContent-Length: 12345"))
        assert r.status == 200 and r.field("content-length") == "12345"
        r = c.ask("/h", method="HEAD", do=reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"))
        assert r.status == 200
        assert c.ask("/after").status == 200


@case("204 and 304 have no body, and the connection goes on")
def no_body():
    with Client() as c:
        assert c.ask(do=reply("HTTP/1.1 204 No Content")).status == 204
        r = c.ask(do=reply('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 9'))
        assert r.status == 304 and r.field("etag") == '"x"'
        assert c.ask("/after").json()["target"] == "/after"


@case("a chunked answer, its trailers dropped")
def chunked_down():
    with Client() as c:
        for n, size in ((1, 1), (1000, 7), (MIB, 16384), (3 * MIB + 1, 100000)):
            do = reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", then=f";chunks={n},{size}")
            r = c.ask(do=do)
            assert r.framing == "chunked" and r.sha256() == sum_of(n), n
        trailer = reply(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
            "3\r\nabc\r\n0\r\nX-Evil: 1\r\nServer-Timing: x\r\n\r\n",
        )
        assert c.ask(do=trailer).body == b"abc"
        assert c.ask().status == 200


def send_chunked(c, n, size, split=0, trailers=b""):
    c.send(b"POST /up HTTP/1.1\r\nHost: 192.0.2.10\r\nTransfer-Encoding: chunked\r\n\r\n")
    for at in range(0, n, size):
        piece = payload(at, min(size, n - at))
        c.send(b"%x\r\n%b\r\n" % (len(piece), piece), split=split)
    c.send(b"0\r\n" + trailers + b"\r\n", split=split)
    return c.read()


@case("a chunked body up, its trailers dropped")
def chunked_up():
    with Client() as c:
        for n, size, split in ((5, 1, 1), (1000, 10, 3), (3 * MIB, 60000, 0), (0, 1, 0)):
            r = send_chunked(c, n, size, split)
            assert r.status == 200, (n, r.status, r.body)
            assert r.json()["body_len"] == n and r.json()["body_sha256"] == sum_of(n)
        r = send_chunked(c, 10, 10, trailers=b"X-Forwarded-For: 6.6.6.6\r\nX-T: 1\r\n")
        assert r.json()["body_len"] == 10 and r.json()["trailers"] == []


@case("bodies with a length, up to 64 MiB, up")
def length_up():
    with Client(timeout=60) as c:
        for n in (0, 1, 16383, 16384, 16385, 65536, MIB, 64 * MIB):
            r = c.ask(method="PUT", body=payload(0, n))
            assert r.json()["body_sha256"] == sum_of(n), n


@case("bodies with a length, up to 64 MiB, down")
def length_down():
    with Client(timeout=60) as c:
        for n in (0, 1, 16351, 16352, 16384, 65536, MIB, 64 * MIB):
            r = c.ask(do=reply(f"HTTP/1.1 200 OK\r\nContent-Length: {n}", then=f";fill={n}"))
            assert r.framing == "length" and r.sha256() == sum_of(n), n


@case("an answer that ends with the connection comes chunked")
def until_close():
    with Client() as c:
        for n in (0, 10, 2 * MIB + 3):
            r = c.ask(do=reply("HTTP/1.1 200 OK", then=f";fill={n};close"))
            assert r.framing == "chunked" and r.sha256() == sum_of(n), (n, r.framing)
        r = c.ask(do=reply("HTTP/1.0 200 OK", "old", ";close"))
        assert r.body == b"old"
        assert c.ask().status == 200


@case("an answer cut short by the server is no whole answer")
def truncated():
    for script in (
        reply("HTTP/1.1 200 OK\r\nContent-Length: 1000000", then=";fill=500000;close"),
        reply("HTTP/1.1 200 OK\r\nContent-Length: 1000000", then=";fill=500000;reset"),
        reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "5\r\nabc", ";close"),
        reply("HTTP/1.1 200 OK", "abc", ";sleep=0.2;reset"),
    ):
        with Client() as c:
            c.send(request(do=script))
            try:
                c.read()
            except Exception:
                continue
            raise AssertionError("read as whole: " + script)


@case("an HTTP/1.0 client: no chunks, closed after")
def http10():
    with Client() as c:
        script = reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", then=";chunks=100000,999")
        c.send(request(do=script, version="1.0"))
        r = c.read()
        assert r.framing == "close" and r.sha256() == sum_of(100000)
    with Client() as c:
        c.send(request("/ten", version="1.0"))
        r = c.read()
        assert r.json()["version"] == "HTTP/1.1" and c.is_closed()
    with Client() as c:
        c.send(request("/ten", version="1.0", fields=[("Connection", "keep-alive")]))
        r = c.read()
        assert r.field("connection") == "close" and c.is_closed()


@case("Connection: close is heeded")
def close():
    with Client() as c:
        r = c.ask(fields=[("Connection", "close")])
        assert r.field("connection") == "close" and c.is_closed()
    with Client() as c:  # the server's does not reach the client
        r = c.ask(do=reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close", "ok"))
        assert r.body == b"ok" and r.field("connection") is None
        assert c.ask().status == 200


@case("Expect: 100-continue is answered by the proxy")
def expect():
    n = len(requests())
    with Client() as c:
        c.send(
            "PUT /e HTTP/1.1\r\nHost: 192.0.2.10\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
        assert c.line() == "HTTP/1.1 100 Continue" and c.line() == ""
        c.send("hello")
        r = c.read()
        assert r.json()["body_len"] == 5 and r.interim == []
        assert not [f for f in since(n)[0]["fields"] if f[0].lower() == "expect"]


@case("a refusal does not ask for the body")
def expect_refused():
    with Client() as c:
        c.send(
            "PUT /%2f HTTP/1.1\r\nHost: 192.0.2.10\r\nContent-Length: 5\r\n"
            "Expect: 100-continue\r\n\r\n"
        )
        r = c.read()
        assert r.status == 400 and r.interim == [] and c.is_closed()


@case("103 early hints pass, 100 of the server does not")
def interim():
    hints = "HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n"
    final = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with Client() as c:
        c.send(request(do="body;send=" + quote(hints + hints) + ";sleep=0.1;send=" + quote(final)))
        r = c.read()
        assert r.interim == [103, 103] and r.body == b"ok"
        c.send(request(do="send=" + quote("HTTP/1.1 100 Continue\r\n\r\n" + final)))
        r = c.read()
        assert r.interim == [] and r.body == b"ok"
        c.send(request(do="body;send=" + quote(hints + final), version="1.0"))
        assert c.read().interim == []


@case("an answer before the request's end: the connection is closed after it")
def early():
    final = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    n = len(requests())
    with Client() as c:
        c.send("POST /early HTTP/1.1\r\nHost: 192.0.2.10\r\nContent-Length: 1000000\r\n")
        c.send("X-Do: send=" + quote(final) + ";sleep=1\r\n\r\n" + "x" * 1000)
        r = c.read()
        assert r.status == 403 and r.body == b"no" and r.field("connection") == "close"
        c.send(request("/smuggled"))
        assert c.is_closed()
    assert [x["target"] for x in since(n, 0.3)] == ["/early"]


@case("a server that answers early and resets")
def early_reset():
    final = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    with Client() as c:
        c.send("POST /early HTTP/1.1\r\nHost: 192.0.2.10\r\nContent-Length: 100000000\r\n")
        c.send("X-Do: send=" + quote(final) + ";sleep=0.3;reset\r\n\r\n" + "x" * 1000)
        assert c.read().status == 413
    assert ask().status == 200


@case("a slow reader: back-pressure, then all of it")
def slow_reader():
    n = 24 * MIB
    with Client(rcvbuf=32768, timeout=60) as c:
        c.send(request(do=reply(f"HTTP/1.1 200 OK\r\nContent-Length: {n}", then=f";fill={n}")))
        time.sleep(1.5)
        assert c.read().sha256() == sum_of(n)


@case("a slow server: back-pressure, then all of it")
def slow_server():
    n = 24 * MIB
    with Client(timeout=60) as c:
        r = c.ask(method="PUT", body=payload(0, n), do="sleep=1.5;body;" + reply(
            "HTTP/1.1 200 OK\r\nContent-Length: 2", "ok").removeprefix("body;"))
        assert r.body == b"ok"
    assert requests()[-1]["method"] == "PUT"


@case("200 connections at once")
def parallel():
    def one(i):
        with Client(timeout=60) as c:
            for k in range(3):
                r = c.ask(f"/par/{i}/{k}", method="POST", body=payload(i, 1000 + i))
                assert r.json()["target"] == f"/par/{i}/{k}"
                digest = hashlib.sha256(payload(i, 1000 + i)).hexdigest()
                assert r.json()["body_sha256"] == digest

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        list(pool.map(one, range(200)))


UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
]
SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"


@case("WebSocket: 101, then bytes as they are, both ways")
def websocket():
    with Client() as c:
        do = reply(SWITCHED + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", then=";echo")
        r = c.ask("/ws", fields=UPGRADE, do=do)
        assert r.status == 101 and r.field("upgrade") == "websocket"
        assert r.field("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        for n in (1, 100, 16384, 300000):
            data = payload(0, n)
            c.send(data)
            assert c.take(n) == data
    fields = {k.lower(): v for k, v in requests()[-1]["fields"]}
    assert fields["connection"] == "Upgrade" and fields["upgrade"] == "websocket"


@case("WebSocket: what the server says last still arrives")
def websocket_last():
    with Client() as c:
        r = c.ask("/ws", fields=UPGRADE, do=reply(SWITCHED[:-2], "bye", ";fill=50000;close"))
        assert r.status == 101
        assert c.read_to_end() == b"bye" + payload(0, 50000)


@case("101 that nobody asked for is no answer")
def unasked_101():
    r = ask(do=reply(SWITCHED[:-2]))
    assert r.status == 502
    r = ask(fields=[("Connection", "Upgrade"), ("Upgrade", "h2c")], do=reply(SWITCHED[:-2]))
    assert r.status == 502


@case("a kept-alive connection that the server drops: GET goes out again, POST does not")
def dropped():
    for _ in range(3):
        with Client() as c:
            assert c.ask("/first").status == 200
            assert c.ask("/get", do="drop-if-reused").status == 200
            r = c.ask("/post", method="POST", body=b"x", do="drop-if-reused")
            assert r.status == 502, r.status
    seen = [r["target"] for r in requests()]
    assert seen.count("/post") == 3 and seen.count("/get") == 6


@case("a client that goes away in mid-answer leaves the others alone")
def gone():
    for _ in range(5):
        c = Client()
        c.send(request(do=reply("HTTP/1.1 200 OK\r\nContent-Length: 9000000", then=";fill=9000000")))
        c.take(1000)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        c.close()
        assert ask().status == 200


run_cases()
