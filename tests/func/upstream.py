# SPDX-License-Identifier: BSD-3-Clause
"""Cases of upstream.sh: which real server answers, and what the client sees when none does."""

import collections
import time

from rawclient import Client, ask, case, requests, run_cases, since


def ports(path, n):
    with Client() as c:
        return collections.Counter(c.ask(path).field("x-backend") for _ in range(n))


@case("round-robin takes turns")
def round_robin():
    assert ports("/turns/", 20) == {"8081": 10, "8082": 10}


@case("weights share 3 to 1")
def weighted():
    assert ports("/weighted/", 20) == {"8081": 15, "8082": 5}


@case("first-alive keeps to the first")
def first_alive():
    assert ports("/first/", 6) == {"8081": 6}


@case("a dead server is skipped, the client never sees it")
def one_dead():
    assert ports("/one-dead/", 12) == {"8082": 12}


@case("a standby serves only when no active one is alive")
def standby():
    assert ports("/standby/", 6) == {"8081": 6}
    assert ports("/standby-only/", 6) == {"8082": 6}


@case("both dead: 502, and the connection goes on")
def both_dead():
    with Client() as c:
        for _ in range(3):
            r = c.ask("/both-dead/")
            assert r.status == 502, r.status
            assert b"8099" not in r.body and b"198.51.100" not in r.body
        assert c.ask("/turns/").status == 200


@case("a server that is not there: 504 or 502 after the connect time-out")
def silent_host():
    begin = time.monotonic()
    r = ask("/no-host/")
    took = time.monotonic() - begin
    assert r.status in (502, 504), r.status
    assert took < 8, took


@case("a server that accepts and never answers: 504 after its time-out")
def never_answers():
    n = len(requests())
    begin = time.monotonic()
    with Client() as c:
        r = c.ask("/turns/", do="sleep=30")
        took = time.monotonic() - begin
        assert r.status == 504, r.status
        assert 1.5 < took < 6, took
        assert c.ask("/turns/").status == 200
    assert len(since(n)) == 2, "a request that may have been acted on was sent again"


@case("a server that stops in mid-answer: the connection is cut")
def stalls():
    begin = time.monotonic()
    with Client() as c:
        try:
            c.ask("/turns/", do="body;send=HTTP/1.1%20200%20OK%0d%0aContent-Length:9%0d%0a%0d%0aabc;sleep=30")
        except Exception:
            assert 1.5 < time.monotonic() - begin < 6
            return
    raise AssertionError("taken for whole")


@case("a malformed answer: 502")
def malformed():
    assert ask("/turns/", do="body;send=%00%01%02%03;close").status == 502


@case("a server that closes without an answer: 502, the request not sent twice")
def closes():
    n = len(requests())
    assert ask("/turns/", method="POST", body=b"x", do="close").status == 502
    assert ask("/turns/", method="POST", body=b"x", do="reset").status == 502
    assert len(since(n)) == 2


@case("the server's own Host is sent when it has one")
def http_host():
    r = ask("/own-host/")
    fields = {k.lower(): v for k, v in r.json()["fields"]}
    assert fields["host"] == "inner.example" and fields["x-forwarded-host"] == "192.0.2.10"


@case("a client that stops in mid-request: 408")
def client_stalls():
    with Client() as c:
        c.send("POST /turns/ HTTP/1.1\r\nHost: 192.0.2.10\r\nContent-Length: 10\r\n\r\nabc")
        assert c.read().status == 408


@case("TLS to a real server whose certificate verifies, by name and by address")
def https():
    for path, port in (("/tls-name/", "8443"), ("/tls-address/", "8444")):
        with Client(timeout=60) as c:
            assert c.ask(path).field("x-backend") == port, path
            body = b"0123456789abcdef" * (1 << 18)
            assert c.ask(path, method="PUT", body=body).json()["body_len"] == len(body)
            for _ in range(20):
                assert c.ask(path).status == 200


@case("TLS to a real server of another CA, or of another name: 502, it hears no request")
def https_refused():
    for path in ("/tls-other-ca/", "/tls-other-name/"):
        n = len(requests())
        assert ask(path).status == 502, path
        assert since(n) == []


@case("TLS to a real server, not verified when the operator says so")
def https_unverified():
    r = ask("/tls-unverified/")
    assert r.field("x-backend") == "8443", r.status


@case("a real server that speaks no TLS where it should: 502")
def https_plain():
    assert ask("/tls-plain/").status == 502


@case("bodies through TLS on both sides, chunked and until close")
def https_bodies():
    with Client(timeout=60) as c:
        do = "body;send=HTTP/1.1%20200%20OK%0d%0aTransfer-Encoding:chunked%0d%0a%0d%0a;chunks=3000000,70000"
        assert len(c.ask("/tls-name/", do=do).body) == 3000000
        do = "body;send=HTTP/1.1%20200%20OK%0d%0a%0d%0a;fill=3000000;close"
        try:
            c.ask("/tls-name/", do=do)
        except Exception:
            return  # Python ends a TLS connection without close_notify: that may be an attacker
    raise AssertionError("an end without close_notify was taken for the end of the answer")


run_cases()
