# SPDX-License-Identifier: BSD-3-Clause
"""What is aimed at, and what of it a file of results shows.

Each aim names the row that answers it. Whether it is met is said of the median; where the samples
lie on both sides of the aim and are noisy, the machine has not answered.
"""

import tables

TIMES = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
BYTES = {"B": 1.0, "bytes": 1.0, "KiB": 1024.0, "MiB": 1048576.0}
RATES = {"GB/s": 1.0, "bytes/s": 1e-9, "bytes/core-s": 1e-9, "MB/s": 1e-3, "Gb/s": 0.125}


def convert(value, unit, wanted, tsc_hz):
    """<value> in another unit; None where there is no way."""
    if value is None or unit == wanted:
        return value
    if unit == "cycles" and wanted in TIMES:
        return value / tsc_hz * 1e9 / TIMES[wanted] if tsc_hz else None
    if unit in TIMES and wanted == "cycles":
        return value * TIMES[unit] * tsc_hz / 1e9 if tsc_hz else None
    for scale in (TIMES, BYTES, RATES):
        if unit in scale and wanted in scale:
            return value * scale[unit] / scale[wanted]
    return None


class Aim:
    """One line of the table.

    <rows>: (suite, case, subject, metric) as regular expressions, the first that is there counts.
    <below>, <at_least>: in <unit>. <ratio>: at least so many times better than the better of nginx
    and HAProxy. <limit>: rows whose sum is the least (or the most) that there could be; <of_limit>:
    the part of it to reach.
    """

    def __init__(self, what, aim, found, unit, below=None, at_least=None, ratio=None, limit=(),
                 of_limit=None, limit_words=""):
        self.what, self.aim, self.found, self.unit = what, aim, found, unit
        self.below, self.at_least, self.ratio = below, at_least, ratio
        self.limit, self.of_limit, self.limit_words = limit, of_limit, limit_words


def compare(case, metric, subject="tagwarden"):
    return ("compare", f"(native/)?{case}", subject, metric)


def micro(case, metric=".*", subject="tagwarden"):
    return ("micro", case, subject, metric)


def scale(case, metric):
    return ("scale", case, "tagwarden", metric)


AIMS = (
    Aim("kept-alive request, mutual TLS, 1 KiB answer",
        "under 9,000 cycles; at least 6 times fewer than the better of nginx and HAProxy",
        [compare("keepalive-1k", "cycles/request")], "cycles", below=9000, ratio=6,
        limit=[micro("tls/record/read/(256|600|64)"), micro("tls/record/write/10[0-9]+|tls/record/write/1400")],
        limit_words="the two records alone"),
    Aim("connection with a full handshake, client certificate",
        "under 600,000 cycles; at least 3 times as many as the better of the others",
        [compare("handshake-full", "cycles/(connection|request)")], "cycles", below=600000, ratio=3,
        limit=[micro("tls/full-mtls", subject="libssl")], limit_words="libssl's server alone, in memory"),
    Aim("connection with a resumed handshake, identity kept",
        "under 400,000 cycles; at least 3 times as many as the better of the others",
        [compare("handshake-resumed", "cycles/(connection|request)")], "cycles", below=400000, ratio=3,
        limit=[micro("tls/resumed-mtls", subject="libssl")], limit_words="libssl's server alone, in memory"),
    Aim("1 MiB bodies through TLS",
        "at least 70 % of what encryption alone reaches; at least twice the better of the others",
        [compare("body-1m", "bytes/core-s")], "GB/s", ratio=2,
        limit=[micro(".*seal.*16384.*", metric="bytes/s", subject=".*")], of_limit=0.7,
        limit_words="records of 16 KiB written by libssl alone"),
    Aim("decision, 10,000 policies, 1,000,000 devices, cold caches", "under 100 ns",
        [micro("decision/10000-policies/.*1000000-devices/cold/(last|mixed|.*)")], "ns", below=100),
    Aim("the same, warm", "under 25 ns",
        [micro("decision/10000-policies/.*1000000-devices/warm/(last|mixed|.*)")], "ns", below=25),
    Aim("publish one device's change among 1,000,000", "under 1 ms until every worker sees it",
        [micro("publish/1-(of|changes?/)-?1000000-devices")], "ms", below=1),
    Aim("100,000 live sessions: notification to the cut, p99", "under 10 ms",
        [scale("cut/.*", "(notification to cut, )?p99")], "ms", below=10),
    Aim("the same: bystanders cut", "none",
        [scale("cut/.*", ".*bystanders.*")], "sessions", below=0.5),
    Aim("longest stall while all sessions are decided again", "under 1 ms",
        [scale("policy-change/.*", "longest pass of the worker's loop")], "ms", below=1),
    Aim("memory of an idle TLS session", "under 20 KiB",
        [scale("idle-session-memory/100000-.*", "resident bytes per session"),
         scale("idle(-session-memory)?/.*", "(resident bytes per |bytes/)session"),
         compare("idle.*", ".*(bytes|KiB|B)/(session|connection)")], "KiB", below=20),
    Aim("packet of an established flow, forwarded by IP/MAC policy", "under 250 cycles",
        [micro("forward/.*")], "cycles", below=250),
    Aim("start to the first packet, huge pages", "under 1 s", [scale("start/hugepages", ".*")], "s",
        below=1),
    Aim("start to the first packet, none", "under 2 s", [scale("start/no-hugepages", ".*")], "s",
        below=2),
    Aim("two workers, kept-alive requests", "at least 1.9 times one",
        [scale("workers/.*ke(ep|pt).*", ".*(times|speed-?up|against).*")], "times", at_least=1.9),
    Aim("two workers, a new upstream connection for each request", "at least 1.9 times one",
        [scale("workers/(upstream|dial).*", ".*(times|speed-?up|against).*")], "times", at_least=1.9),
    Aim("resumption on the other worker", "every time",
        [scale("workers/resumed/2", "share of handshakes resumed")], "share", at_least=0.999),
)


class Answer:
    """What a file of results says to one aim."""

    def __init__(self, results, aim):
        self.aim = aim
        self.row = next((r for where in aim.found for r in [results.one(*where)] if r), None)
        self.value = self.low = self.high = self.nginx = self.haproxy = self.limit = None
        self.to_limit = None
        self.checks = []
        if self.row is None or self.row.median is None:
            return
        hz = results.tsc_hz
        self.value, self.low, self.high = (
            convert(x, self.row.unit, aim.unit, hz)
            for x in (self.row.median, min(self.row.samples), max(self.row.samples)))
        by = tables.ratios(results, self.row)
        self.nginx, self.haproxy = by.get("nginx"), by.get("haproxy")
        self._find_limit(results, hz)
        self._check(tables.worst_ratio(results, self.row))

    def _find_limit(self, results, hz):
        parts = [results.one(*where) for where in self.aim.limit]
        parts = [convert(r.median, r.unit, self.aim.unit, hz) if r else None for r in parts]
        if parts and all(parts) and self.value:
            self.limit = sum(parts)
            self.to_limit = self.value / self.limit

    def _check(self, ratio):
        a = self.aim
        if self.value is None:
            return
        if a.below is not None:
            self._add(self.value < a.below, self.low < a.below, self.high < a.below)
        if a.at_least is not None:
            self._add(self.value >= a.at_least, self.low >= a.at_least, self.high >= a.at_least)
        if a.of_limit is not None and self.to_limit is not None:
            self._add(*(x / self.limit >= a.of_limit for x in (self.value, self.low, self.high)))
        if a.ratio is not None and ratio is not None:
            self._add(ratio.median >= a.ratio, min(ratio.samples) >= a.ratio,
                      max(ratio.samples) >= a.ratio)

    def _add(self, median, low, high):
        self.checks.append((median, low == high))

    def lacking(self):
        """What the aim speaks of and this run did not measure."""
        if self.value is None:
            return []
        out = ["no limit measured"] if self.aim.of_limit is not None and self.limit is None else []
        if self.aim.ratio is not None and self.nginx is None and self.haproxy is None:
            out.append("no peers measured")
        return out

    def verdict(self):
        if self.row is None or self.row.median is None or not self.checks:
            return "not measured"
        if self.row.errors:
            return "errors"
        if self.row.noisy and not all(agreed for _, agreed in self.checks):
            return "noisy"
        return "met" if all(ok for ok, _ in self.checks) else "not met"


def answers(results):
    return [Answer(results, aim) for aim in AIMS]


def _measured(answer):
    if answer.value is None:
        return "-"
    if answer.aim.unit == "times":
        return tables.times(answer.value)
    return f"{tables.number(answer.value)} {answer.aim.unit}"


def table(results, style):
    """The aims, each with what was measured, ratios and verdict."""
    paint = {"met": style.good, "not met": style.bad, "errors": style.bad, "noisy": style.warn}
    lines = []
    for a in answers(results):
        ratio = ["" if r is None else tables.times(r.median) for r in (a.nginx, a.haproxy)]
        limit = "" if a.limit is None else f"{tables.number(a.limit)} {a.aim.unit}"
        verdict = a.verdict()
        marks = [m for m in tables.marks_of(a.row) if m not in (verdict, "ERRORS")] + a.lacking()
        verdict = ", ".join([paint.get(verdict, style.dim)(verdict)] + marks)
        what = f"{a.aim.what}: {a.aim.aim}" if style.markdown else a.aim.what
        lines.append([what] + ([] if style.markdown else [short(a.aim)]) + [
            _measured(a), *ratio, limit, "" if a.to_limit is None else tables.times(a.to_limit),
            verdict])
    head = ["what, and the aim"] if style.markdown else ["what", "aim"]
    head += ["measured", "to nginx", "to HAProxy", "limit", "to the limit", "verdict"]
    return tables.table(style, head, lines, left=len(head) - 6)


def short(aim):
    """The aim in a few characters."""
    words = []
    if aim.below is not None:
        words.append(f"< {aim.below:,g} {aim.unit}" if aim.below >= 1 else "none")
    if aim.at_least is not None:
        words.append(f">= {aim.at_least:g}")
    if aim.of_limit is not None:
        words.append(f">= {aim.of_limit:.0%} of limit")
    if aim.ratio is not None:
        words.append(f">= {aim.ratio:g}x")
    return ", ".join(words)
