# SPDX-License-Identifier: BSD-3-Clause
"""Made-up results for the tests of the report: every kind of row, good and bad."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "../../../.."))
sys.path.insert(0, os.path.join(TOP, "bench/report"))
import results
import rows

MACHINE = {
    "cpu": "Paper CPU", "cpu_family_model": "1/2", "cores": 2, "hypervisor": True, "tsc_hz": 2.5e9,
    "l3": "1", "kernel": "6.1", "openssl": "3.0.1", "dpdk": "22.11", "nginx": "1.22",
    "haproxy": "2.6", "memory_mib": 16384, "hugepages_mib": 0, "load": [0.1, 0.1, 0.1],
}


def about(x, width=0.02):
    return [x * (1 - width), x, x * (1 + width)]


def row(suite, case, subject, metric, unit, better, samples, **more):
    return rows.Row(suite, case, subject, metric, unit, better, samples, **more)


def compared():
    each = {
        ("native/keepalive-1k", "cycles/request", "cycles", "less"): (8000, 70000, 56000),
        ("native/handshake-full", "cycles/connection", "cycles", "less"): (500000, 2600000, 3500000),
        ("native/handshake-resumed", "cycles/connection", "cycles", "less"): (450000, 1500000, 1700000),
        ("native/body-1m", "bytes/core-s", "bytes/s", "more"): (2.9e9, 1.2e9, 1.1e9),
    }
    for (case, metric, unit, better), values in each.items():
        for subject, value in zip(("tagwarden", "nginx", "haproxy"), values):
            yield row("compare", case, subject, metric, unit, better, about(value))
    for rate in (5000, 10000, 20000):
        for subject, us in (("tagwarden", 40), ("nginx", 90), ("haproxy", 100)):
            for p, factor in (("p50", 1), ("p99", 4), ("p999", 11)):
                yield row("compare", f"native/latency-1k/{rate}", subject, p, "us", "less",
                          about(us * factor * (1 + rate / 20000)))


def micro():
    for policies in (10, 100, 1000, 10000):
        for devices in (1000, 10000, 100000, 1000000):
            for state, cycles in (("warm", 40), ("cold", 200)):
                yield row("micro", f"decision/{policies}-policies/{devices}-devices/{state}", "tagwarden",
                          "cycles/op", "cycles", "less",
                          about(cycles + policies / 500 + devices / 10000))
    for k in (1, 1000):
        for devices in (1000, 10000, 100000, 1000000):
            yield row("micro", f"publish/{k}-of-{devices}-devices", "tagwarden", "us/op", "us", "less",
                      about(20 + k / 3 + devices / 1e5))
    for connections in (1000, 10000, 100000, 1000000):
        yield row("micro", f"tcp/in/{connections}-connections", "tagwarden", "cycles/segment", "cycles",
                  "less", about(250 + connections / 1e4))
    yield row("micro", "http/head", "tagwarden", "cycles/op", "cycles", "less", [100, 200, 300])


def scale():
    yield row("scale", "cut/100000-sessions", "tagwarden", "notification to cut, p99", "us", "less", about(3000))
    yield row("scale", "cut/100000-sessions", "tagwarden", "bystanders cut", "sessions", "less", [0, 0, 0])
    yield row("scale", "idle-session-memory/100000-sessions", "tagwarden", "resident bytes per session", "bytes", "less", about(18000))
    yield row("scale", "workers/keepalive-1k", "tagwarden", "times one worker", "times", "more",
              [1.85, 1.92, 2.3], note="a | note")
    yield row("scale", "workers/upstream-each", "tagwarden", "times one worker", "times", "more", [1.95],
              errors=2)


def head(**more):
    return {"machine": dict(MACHINE), "commit": "0123456789ab", "quick": False,
            "started": "20260101T000000Z", "seconds": 900, "marks": [],
            "suites": [{"suite": "micro", "status": "ok", "seconds": 170, "rows": 40, "why": ""}], **more}


def every():
    return [*micro(), *compared(), *scale()]


def save(path, found=None, **more):
    results.save(path, head(**more), every() if found is None else found)
    return path


if __name__ == "__main__":
    save(sys.argv[1])
