# SPDX-License-Identifier: BSD-3-Clause
"""Cases of vhost.sh: which host, which gateway, which certificate, which tickets."""

import socket
import ssl

from rawclient import PROXY, Client, case, run_cases


def get(c, path="/", host="192.0.2.10"):
    c.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    return c.read()


def names(c):
    return {v for k, v in c.sock.getpeercert().get("subjectAltName", ())}


@case("SNI and Host agree: served, whatever the case and the port")
def agree():
    with Client(sni="a.shop.example") as c:
        for host in ("a.shop.example", "A.Shop.EXAMPLE", "a.shop.example:9043", "a.shop.example."):
            r = get(c, "/", host)
            assert r.status == 200, (host, r.status)


@case("SNI and Host disagree: 421, whatever stands behind either")
def disagree():
    for sni, host in (
        ("a.shop.example", "api.example"),
        ("a.shop.example", "b.shop.example"),
        ("api.example", "a.shop.example"),
        ("a.shop.example", "192.0.2.10"),
    ):
        with Client(sni=sni) as c:
            assert get(c, "/", host).status == 421, (sni, host)


@case("a gateway of a virtual host serves that host alone")
def vhost_gateway():
    with Client(sni="api.example") as c:
        assert get(c, "/x", "api.example").field("x-backend") == "8082"
    with Client(sni="a.shop.example") as c:
        assert get(c, "/x", "a.shop.example").field("x-backend") == "8083"
    with Client() as c:  # without SNI, Host alone decides
        assert get(c, "/x", "api.example").field("x-backend") == "8082"
        assert get(c, "/x", "192.0.2.10").status == 404


@case("url_map: sub-string, wildcard and regex, the first in order")
def url_maps():
    with Client() as c:
        for path, port in (
            ("/static/x.css", "8081"),
            ("/deep/static/x", "8081"),
            ("/img/a/b.png", "8082"),
            ("/v1/users/42", "8083"),
        ):
            assert get(c, path).field("x-backend") == port, path
        for path in ("/img/a/b.gif", "/v1/users/x", "/v1/users/42/more", "/", "/STATIC/x"):
            assert get(c, path).status == 404, path


@case("what is matched is the normalized path")
def normalized():
    with Client() as c:
        assert get(c, "/img/../static/x.css").field("x-backend") == "8081"
        assert get(c, "/%73tatic/x").field("x-backend") == "8081"
        assert get(c, "/x?/static/").status == 404


@case("no gateway: code 021")
def no_gateway():
    with Client() as c:
        r = get(c, "/nowhere")
        assert r.status == 404 and b"021" in r.body


@case("the certificate is chosen by SNI")
def certificates():
    with Client(sni="a.shop.example") as c:
        assert names(c) == {"*.shop.example"}, names(c)
    with Client(sni="api.example") as c:
        assert "*.shop.example" not in names(c)
    with Client() as c:
        assert "192.0.2.10" in names(c)


@case("two access proxies keep apart")
def two_proxies():
    with Client(port=9044) as c:
        assert get(c, "/static/").field("x-backend") == "8084"
    with Client() as c:
        assert get(c, "/static/").field("x-backend") == "8081"


def session_of(version, port=9043):
    with Client(version=version, port=port) as c:
        assert get(c, "/static/").status == 200  # TLS 1.3 sends tickets after the handshake
        return c.sock.session, c.sock.context


def resume(session, ctx, port=9043):
    raw = socket.create_connection((PROXY[0], port), timeout=10)
    sock = ctx.wrap_socket(raw, session=session)
    sock.sendall(b"GET /static/ HTTP/1.1\r\nHost: 192.0.2.10\r\nConnection: close\r\n\r\n")
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return sock.session_reused, data


@case("a session is resumed, in TLS 1.2 and 1.3, and served")
def resumed():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        reused, data = resume(*session_of(version))
        assert reused, version
        assert data.startswith(b"HTTP/1.1 200"), data[:80]


@case("a ticket does not open another access proxy")
def ticket_elsewhere():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        session, ctx = session_of(version)
        reused, data = resume(session, ctx, port=9044)
        assert not reused, version
        assert data.startswith(b"HTTP/1.1 200")


run_cases()
