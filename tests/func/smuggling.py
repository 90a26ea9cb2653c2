# SPDX-License-Identifier: BSD-3-Clause
"""Cases of smuggling.sh: what two parsers could read differently.

Each is either refused, with a status of the 400 class (or 501, 505), the connection closed, and not
a byte sent to a real server; or it is one request there, with the head that is expected.
"""

import time

from rawclient import Client, arrived, case, requests, run_cases, since

H = "Host: 192.0.2.10\r\n"
# Behind each attack: if it is ever read as a request, the proxy and we disagree on where one ends.
NEXT = "GET /smuggled HTTP/1.1\r\n" + H + "\r\n"

REFUSED = {
    "CL and TE": "POST / HTTP/1.1\r\n" + H + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "TE and CL": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n",
    "two CLs that differ": "POST / HTTP/1.1\r\n" + H + "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "two CLs that are equal": "POST / HTTP/1.1\r\n" + H + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of CLs": "POST / HTTP/1.1\r\n" + H + "Content-Length: 1, 1\r\n\r\nx",
    "CL with a plus": "POST / HTTP/1.1\r\n" + H + "Content-Length: +1\r\n\r\nx",
    "CL below zero": "POST / HTTP/1.1\r\n" + H + "Content-Length: -1\r\n\r\n",
    "CL in hex": "POST / HTTP/1.1\r\n" + H + "Content-Length: 0x1\r\n\r\nx",
    "CL with a letter": "POST / HTTP/1.1\r\n" + H + "Content-Length: 1x\r\n\r\nx",
    "CL empty": "POST / HTTP/1.1\r\n" + H + "Content-Length:\r\n\r\n",
    "CL of 2^64": "POST / HTTP/1.1\r\n" + H + "Content-Length: 18446744073709551616\r\n\r\n",
    "CL of 2^64 + 1": "POST / HTTP/1.1\r\n" + H + "Content-Length: 18446744073709551617\r\n\r\nx",
    "CL of 2^63": "POST / HTTP/1.1\r\n" + H + "Content-Length: 9223372036854775808\r\n\r\n",
    "TE identity": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: identity\r\n\r\n",
    "TE identity, chunked": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "TE gzip, chunked": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE chunked, identity": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "TE twice": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE xchunked": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "TE with a vertical tab": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "TE quoted": 'POST / HTTP/1.1\r\n' + H + 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "TE in HTTP/1.0": "POST / HTTP/1.0\r\n" + H + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "tab before the colon": "POST / HTTP/1.1\r\n" + H + "Content-Length\t: 1\r\n\r\nx",
    "obs-fold": "POST / HTTP/1.1\r\n" + H + "X: a\r\n Transfer-Encoding: chunked\r\n\r\n",
    "a fold in TE": "POST / HTTP/1.1\r\n" + H + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a fold before all fields": "POST / HTTP/1.1\r\n X: y\r\n" + H + "\r\n",
    "bare LF ends": "GET / HTTP/1.1\nHost: 192.0.2.10\n\n",
    "bare LF after one field": "GET / HTTP/1.1\r\n" + H + "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare CR in a value": "GET / HTTP/1.1\r\n" + H + "X: y\rTransfer-Encoding: chunked\r\n\r\n",
    "bare CR ends the head": "GET / HTTP/1.1\r\n" + H + "\r\rGET / HTTP/1.1\r\n",
    "NUL in a value": "GET / HTTP/1.1\r\n" + H + "X: a\0b\r\n\r\n",
    "NUL in a name": "GET / HTTP/1.1\r\n" + H + "X\0Y: a\r\n\r\n",
    "NUL in the target": "GET /\0 HTTP/1.1\r\n" + H + "\r\n",
    "an empty name": "GET / HTTP/1.1\r\n" + H + ": x\r\n\r\n",
    "a line without colon": "GET / HTTP/1.1\r\n" + H + "Transfer-Encoding\r\n\r\n",
    "a name with a bracket": "GET / HTTP/1.1\r\n" + H + "X[1]: y\r\n\r\n",
    "a name in latin-1": "GET / HTTP/1.1\r\n" + H + "X\xe9: y\r\n\r\n",
    "no Host": "GET / HTTP/1.1\r\n\r\n",
    "two Hosts": "GET / HTTP/1.1\r\n" + H + H + "\r\n",
    "two Hosts that differ": "GET / HTTP/1.1\r\n" + H + "Host: evil\r\n\r\n",
    "Host with a comma": "GET / HTTP/1.1\r\nHost: 192.0.2.10, evil\r\n\r\n",
    "Host with a user": "GET / HTTP/1.1\r\nHost: a@192.0.2.10\r\n\r\n",
    "Host with a path": "GET / HTTP/1.1\r\nHost: 192.0.2.10/x\r\n\r\n",
    "Host with a space": "GET / HTTP/1.1\r\nHost: 192.0.2.10 evil\r\n\r\n",
    "absolute-form of another host": "GET http://evil/ HTTP/1.1\r\n" + H + "\r\n",
    "absolute-form with a user": "GET http://a@192.0.2.10/ HTTP/1.1\r\n" + H + "\r\n",
    "absolute-form of another scheme": "GET ftp://192.0.2.10/ HTTP/1.1\r\n" + H + "\r\n",
    "a target without slash": "GET x HTTP/1.1\r\n" + H + "\r\n",
    "a target with a space": "GET /a b HTTP/1.1\r\n" + H + "\r\n",
    "a target with a tab": "GET /a\tb HTTP/1.1\r\n" + H + "\r\n",
    "a target with a fragment": "GET /a#b HTTP/1.1\r\n" + H + "\r\n",
    "two blanks": "GET  / HTTP/1.1\r\n" + H + "\r\n",
    "an empty line first": "\r\nGET / HTTP/1.1\r\n" + H + "\r\n",
    "HTTP/0.9": "GET /\r\n",
    "HTTP/1.2": "GET / HTTP/1.2\r\n" + H + "\r\n",
    "HTTP/2.0": "GET / HTTP/2.0\r\n" + H + "\r\n",
    "HTTP/1.10": "GET / HTTP/1.10\r\n" + H + "\r\n",
    "the HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": "CONNECT 192.0.2.10:80 HTTP/1.1\r\n" + H + "\r\n",
    "TRACE": "TRACE / HTTP/1.1\r\n" + H + "\r\n",
    "an escaped slash": "GET /a%2fb HTTP/1.1\r\n" + H + "\r\n",
    "an escaped slash, upper case": "GET /a%2Fb HTTP/1.1\r\n" + H + "\r\n",
    "an escaped backslash": "GET /a%5cb HTTP/1.1\r\n" + H + "\r\n",
    "a backslash": "GET /a\\b HTTP/1.1\r\n" + H + "\r\n",
    "an escaped NUL": "GET /a%00b HTTP/1.1\r\n" + H + "\r\n",
    "an escaped CR LF": "GET /a%0d%0aX:y HTTP/1.1\r\n" + H + "\r\n",
    "half an escape": "GET /a%2 HTTP/1.1\r\n" + H + "\r\n",
    "an overlong slash": "GET /a%c0%afb HTTP/1.1\r\n" + H + "\r\n",
    "a path parameter": "GET /a;/../b HTTP/1.1\r\n" + H + "\r\n",
    "Connection names an identity field": "GET / HTTP/1.1\r\n" + H + "Connection: X-Tagwarden-Device-UID\r\n\r\n",
    "Connection names X-Forwarded-For": "GET / HTTP/1.1\r\n" + H + "Connection: close, X-Forwarded-For\r\n\r\n",
    "Connection names Host": "GET / HTTP/1.1\r\n" + H + "Connection: Host\r\n\r\n",
    "Connection names Authorization": "GET / HTTP/1.1\r\n" + H + "Connection: keep-alive, Authorization\r\n\r\n",
    "an expectation nobody knows": "GET / HTTP/1.1\r\n" + H + "Expect: 200-maybe\r\n\r\n",
    "101 fields": "GET / HTTP/1.1\r\n" + H + "X: y\r\n" * 101 + "\r\n",
    "a head of 17 KiB": "GET / HTTP/1.1\r\n" + H + "X: " + "y" * 17000 + "\r\n\r\n",
    "a path of 9 KiB": "GET /" + "a" * 9000 + " HTTP/1.1\r\n" + H + "\r\n",
}

# These begin as one good request: its head may reach the server, what follows may not be a request.
BAD_BODY = {
    "a chunk size of 2^64": "10000000000000000\r\n",
    "a chunk size of 16 digits": "0000000000000001\r\n",
    "a chunk size with a plus": "+1\r\nx\r\n0\r\n\r\n",
    "a chunk size with 0x": "0x1\r\nx\r\n0\r\n\r\n",
    "a chunk size with a blank": "1 \r\nx\r\n0\r\n\r\n",
    "an empty chunk size": "\r\nx\r\n0\r\n\r\n",
    "a chunk extension": "1;a=b\r\nx\r\n0\r\n\r\n",
    "a chunk extension with LF": "1;\nx\r\n0\r\n\r\n",
    "a chunk that ends by LF": "1\nx\n0\n\n",
    "a chunk longer than it says": "1\r\nxy\r\n0\r\n\r\n",
    "a chunk without its end": "1\r\nx0\r\n\r\n",
    "a trailer with a blank in its name": "0\r\nX Y: z\r\n\r\n",
    "a folded trailer": "0\r\nX: y\r\n z\r\n\r\n",
    "a trailer with NUL": "0\r\nX: \0\r\n\r\n",
}

# target as sent -> target at the server
ONE = {
    "/a/../b": "/b",
    "/a/./b": "/a/b",
    "/../../etc/passwd": "/etc/passwd",
    "//a///b": "/a/b",
    "/a/%2e%2e/b": "/b",
    "/a/.%2E/b/": "/b/",
    "/%61%62": "/ab",
    "/a%20b%e4": "/a%20b%E4",
    "/a?x=/../%2f;//": "/a?x=/../%2f;//",
    "http://192.0.2.10/abs": "/abs",
    "https://192.0.2.10": "/",
    "/a%3bb": "/a%3Bb",
    "/a|b": "/a%7Cb",
}


def check_refused(name, attack):
    before, n = arrived(), len(requests())
    with Client() as c:
        c.send(attack + NEXT)
        r = c.read()
        assert 400 <= r.status < 500 or r.status in (501, 505), (name, r.status)
        assert r.field("connection") == "close", name
        try:
            rest = c.read_to_end()
        except ConnectionError:
            rest = b""
        assert rest == b"", (name, rest)
    assert arrived() == before, (name, since(n))


@case(f"{len(REFUSED)} ambiguous heads: refused, closed, nothing at the server")
def refused():
    wrong = []
    for name, attack in REFUSED.items():
        try:
            check_refused(name, attack)
        except Exception as e:
            wrong.append((name, repr(e)))
    assert not wrong, "\n".join(map(str, wrong))


@case("the same in pieces of one byte, and of three")
def refused_split():
    for split in (1, 3):
        for name in ("CL and TE", "bare LF ends", "obs-fold", "TE twice", "NUL in a value"):
            before = arrived()
            with Client() as c:
                try:
                    c.send(REFUSED[name] + NEXT, split=split)
                except ConnectionError:
                    pass  # refused before all of it was sent
                assert 400 <= c.read().status <= 501, name
            assert arrived() == before, name


@case(f"{len(BAD_BODY)} ambiguous bodies: no second request, no whole first one")
def bad_bodies():
    for name, body in BAD_BODY.items():
        n = len(requests())
        with Client() as c:
            c.send("POST /body HTTP/1.1\r\n" + H + "Transfer-Encoding: chunked\r\n\r\n")
            c.send(body + NEXT)
            try:
                r = c.read()
                assert r.status == 400, (name, r.status)
                assert c.is_closed(), name
            except (ConnectionError, EOFError):
                pass
        seen = since(n, 0.05)
        assert [r.get("target") for r in seen] in ([], ["/body"]), (name, seen)


@case("one request in, one request out, where the framing is sound")
def one_for_one():
    n = len(requests())
    with Client() as c:
        for i in range(50):
            inner = f"GET /smuggled/{i} HTTP/1.1\r\n{H}\r\n".encode()
            assert c.ask(f"/cl/{i}", method="POST", body=inner).json()["body_len"] == len(inner)
            c.send(f"POST /te/{i} HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n")
            c.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner))
            assert c.read().json()["body_len"] == len(inner)
    want = [t for i in range(50) for t in (f"/cl/{i}", f"/te/{i}")]
    assert [r["target"] for r in since(n)] == want


@case("a path is normalized once, and that is what the server gets")
def paths():
    with Client() as c:
        for sent, want in ONE.items():
            r = c.ask(sent)
            assert r.status == 200, (sent, r.status)
            assert r.json()["target"] == want, (sent, r.json()["target"])


@case("a body on GET stays that request's body")
def fat_get():
    n = len(requests())
    with Client() as c:
        assert c.ask("/fat", body=NEXT.encode()).json()["body_len"] == len(NEXT)
        assert c.ask("/lean").json()["body_len"] == 0
    assert [r["target"] for r in since(n)] == ["/fat", "/lean"]


@case("a server that answers twice does not answer the next request")
def response_splitting():
    two = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
    do = "body;send=" + (two + two.replace("\r\n\r\n1", "\r\n\r\n2")).replace("\r", "%0d").replace(
        "\n", "%0a"
    ).replace(" ", "%20")
    with Client() as c:
        assert c.ask(do=do).body == b"1"
        time.sleep(0.1)
        assert c.ask("/second").json()["target"] == "/second"


@case("malformed answers are no answers")
def bad_responses():
    for head in (
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip",
        "HTTP/1.1 200 OK\nX: y",
        "HTTP/1.1 200 OK\r\nX : y",
        "HTTP/1.1 200 OK\r\nX: a\r\n b",
        "HTTP/1.1 2000 OK",
        "HTTP/2 200",
        "ICY 200 OK",
        "nonsense",
        "HTTP/1.1 200 OK\r\nX: " + "y" * 17000,
    ):
        text = head + "\r\n\r\n"
        do = "body;send=" + "".join(
            f"%{ord(ch):02x}" if ch in "\r\n ;%" else ch for ch in text[:200]
        )
        if len(text) > 200:
            do += ";fill=20000;close"
        with Client() as c:
            r = c.ask(do=do)
            assert r.status == 502, (head[:60], r.status)


run_cases()
