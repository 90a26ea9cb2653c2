# SPDX-License-Identifier: BSD-3-Clause
"""Cases of identity.sh: what the real server is told of the client, and by whom."""

import os

from rawclient import Client, case, run_cases

UID = os.environ["DEVICE"]
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil",
    "X-Forwarded-User": "root",
    "Forwarded": "for=6.6.6.6",
    "X-Real-IP": "6.6.6.6",
    "True-Client-IP": "6.6.6.6",
    "X-Tagwarden-Device-UID": "0" * 32,
    "x-tagwarden-ems": "FCTEMS0000000000",
    "X-Tagwarden-User": "root",
    "X-Tagwarden-Evil": "1",
    "X_Tagwarden_Device_UID": "1" * 32,
    "X_Forwarded_For": "6.6.6.6",
    "Client-Cert": ":AAAA:",
    "X-Client-Cert": "AAAA",
    "X-SSL-Client-Verify": "SUCCESS",
    "SSL_CLIENT_S_DN": "CN=root",
    "Remote-User": "root",
    "X-Remote-User": "root",
    "X-Request-Id": "mine",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "Proxy": "http://evil",
    "Proxy-Authorization": "Basic AAAA",
    "Proxy-Connection": "keep-alive",
    "TE": "trailers",
    "Keep-Alive": "timeout=5",
}
ADDED = {
    "x-forwarded-for": "192.0.2.1",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "192.0.2.10",
    "x-tagwarden-device-uid": UID,
    "x-tagwarden-ems": "FCTEMS8823005021",
}


def fields_of(r):
    found = {}
    for name, value in r.json()["fields"]:
        found.setdefault(name.lower(), []).append(value)
    return found


@case("the server is told who came")
def told():
    with Client() as c:
        got = fields_of(c.ask("/who", fields=[("Accept", "x/y"), ("Authorization", "Bearer z")]))
    for name, value in ADDED.items():
        assert [v.upper() for v in got[name]] == [value.upper()], (name, got[name])
    assert len(got["x-request-id"][0]) == 32
    assert got["accept"] == ["x/y"] and got["authorization"] == ["Bearer z"]


@case("what the client forged of that is removed")
def forged():
    with Client() as c:
        got = fields_of(c.ask("/forged", fields=FORGED.items()))
        # and once more with all names in another case, and twice each
        twice = [(n.swapcase(), v) for n, v in FORGED.items()] * 2
        again = fields_of(c.ask("/forged", fields=twice))
    for found in (got, again):
        assert len(found["x-request-id"][0]) == 32
        for name in FORGED:
            want = ADDED.get(name.lower())
            values = found.get(name.lower(), [])
            if want:
                assert [v.upper() for v in values] == [want.upper()], (name, values)
            elif name != "X-Request-Id":
                assert values == [], (name, values)


@case("request ids differ, and are not the client's")
def request_ids():
    with Client() as c:
        ids = {fields_of(c.ask("/id"))["x-request-id"][0] for _ in range(50)}
    assert len(ids) == 50


@case("fields that Connection names go no further")
def connection_names():
    with Client() as c:
        got = fields_of(c.ask("/hop", fields=[("Connection", "foo, Bar"), ("Foo", "1"), ("bar", "2")]))
    assert "foo" not in got and "bar" not in got and "connection" not in got


@case("what a server says of the connection goes no further")
def response_hop_by_hop():
    with Client() as c:
        r = c.ask(
            do="body;send=HTTP/1.1%20200%20OK%0d%0aContent-Length:0%0d%0aKeep-Alive:timeout=5"
            "%0d%0aConnection:keep-alive%0d%0aProxy-Authenticate:x%0d%0aX-Kept:1%0d%0a%0d%0a"
        )
    names = {n.lower() for n, _ in r.fields}
    assert "x-kept" in names
    assert not names & {"keep-alive", "connection", "proxy-authenticate"}, names


run_cases()
