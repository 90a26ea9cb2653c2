# SPDX-License-Identifier: BSD-3-Clause
"""Cases of spread.sh: two workers serve, each with server connections of its own."""

import concurrent.futures
import http.client
import json
import os
import socket

from backend import payload
from rawclient import Client, ask, case, run_cases, sum_of


def counters():
    c = http.client.HTTPConnection("localhost")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(os.environ["API"])
    c.request("GET", "/api/v1/counters")
    return {x["name"]: x["count"] for x in json.loads(c.getresponse().read())["counters"]}


@case("120 connections, each dials anew: every answer finds its way back")
def dial():
    before = counters()

    def one(i):
        r = ask(f"/w/{i}", do="body;send=HTTP/1.1%20200%20OK%0d%0aContent-Length:5%0d%0aConnection:close%0d%0a%0d%0ahello;close")
        assert r.status == 200 and r.body == b"hello"

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(120)))
    after = counters()
    assert after["upstream_connects"] - before.get("upstream_connects", 0) == 120


@case("large bodies both ways on both workers")
def bodies():
    def one(i):
        n = 2000000 + i
        with Client(timeout=60) as c:
            assert c.ask(method="PUT", body=payload(0, n)).json()["body_sha256"] == sum_of(n)
            r = c.ask(do=f"body;send=HTTP/1.1%20200%20OK%0d%0aContent-Length:{n}%0d%0a%0d%0a;fill={n}")
            assert r.sha256() == sum_of(n)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(16)))


run_cases()
