# SPDX-License-Identifier: BSD-3-Clause
"""How it would scale to many cores and a fast network, on paper, from one file of results.

Nothing of this was measured beyond the two cores that there were: each line is a formula with
measured figures put into it, and assumptions that are named. docs/performance.md argues them.
"""

import aims
import tables

CORES = 32
LINK_GBPS = 100
# What is assumed, and not measured; each with where it comes from.
ASSUMED = {
    "miss": (90e-9, "s", "a load that misses every cache, on a server of two to four memory channels"),
    "transfer": (60e-9, "s", "a line that another core has just written"),
    "dram": (200e9, "bytes/s", "eight channels of DDR5-4800 at two thirds of 307 GB/s"),
    "pcie": (200e9 / 8, "bytes/s", "PCIe 4.0 x16 of 252 Gb/s, one fifth lost to descriptors"),
}
ANSWER = 1024  # bytes of body in the kept-alive scenario
HEADS = 160  # bytes of each HTTP head, about
FRAME = 90  # bytes a frame takes on the wire besides TCP's payload: preamble, Ethernet, IP, TCP, gap
RECORD = 22  # bytes a TLS 1.3 record adds
LINE = 64


def wire_bytes_out():
    """Bytes that one kept-alive request puts on the wire in the direction away from the proxy:
    the answer to the client, the request to the server."""
    answer = ANSWER + HEADS + RECORD + FRAME
    request = HEADS + FRAME
    return answer + request


class Line:
    """A bound: its name, the formula in words, the figures in it, and what comes out (in <unit>)."""

    def __init__(self, name, formula, figures, value, unit):
        self.name, self.formula, self.figures = name, formula, figures
        self.value, self.unit = value, unit


def _median(results, *where):
    row = results.one(*where)
    return row.median if row else None


def serial_share(speedup):
    """Amdahl's serial part from what two workers reach: S(2) = 2 / (1 + s)."""
    return max(2 / speedup - 1, 0.0) if speedup else None


def speedup_at(n, share):
    return n / (1 + share * (n - 1))


def _cores(results, hz, what, case, metric):
    cycles = _median(results, *aims.compare(case, metric))
    if not cycles:
        return None
    two = next((r.median for r in results.rows if r.suite == "scale" and r.unit == "times"
                and r.case.startswith("workers/") and ("keep" in r.case or "kept" in r.case) and r.median), None)
    share = serial_share(two)
    figures = f"{tables.number(cycles)} cycles each, {hz / 1e9:.2f} GHz"
    formula = f"{CORES} x Hz / cycles"
    value = hz / cycles * CORES
    if share is not None:
        value = hz / cycles * speedup_at(CORES, share)
        formula = f"Hz / cycles x N / (1 + s (N - 1)), s = 2 / S(2) - 1, N = {CORES}"
        figures += f", S(2) = {two:.2f}, s = {share:.3f}"
    return Line(f"cores: {what}", formula, figures, value, "/s")


def _network():
    out = wire_bytes_out()
    return [
        Line("network: kept-alive requests",
             f"{LINK_GBPS} Gb/s / bytes sent a request, both sides on one port",
             f"{out} bytes: answer {ANSWER} + head {HEADS} + record {RECORD} + frame {FRAME}, "
             f"request {HEADS} + {FRAME}", LINK_GBPS * 1e9 / 8 / out, "/s"),
        Line("PCIe: kept-alive requests", "bytes/s / (bytes sent a request + 4 frames x 64 B)",
             f"{ASSUMED['pcie'][0] / 1e9:.0f} GB/s", ASSUMED["pcie"][0] / (out + 4 * LINE), "/s"),
    ]


def _memory():
    # In and out of two connections, each byte written once and read once, if nothing stays in L3.
    each = 2 * 2 * (ANSWER + 2 * HEADS)
    return Line("memory: kept-alive requests", "bytes/s / bytes a request, if no buffer stays in L3",
                f"{ASSUMED['dram'][0] / 1e9:.0f} GB/s, 4 x {ANSWER + 2 * HEADS} bytes",
                ASSUMED["dram"][0] / each, "/s")


def _decision(results, hz):
    cold = _median(results, *aims.micro("decision/10000-policies/.*1000000-devices/cold.*"))
    warm = _median(results, *aims.micro("decision/10000-policies/.*1000000-devices/warm.*"))
    if not cold or not warm:
        return []
    misses = (cold - warm) / hz / ASSUMED["miss"][0]
    return [
        Line("decision: cache misses", "(cold - warm) / time of a miss",
             f"{tables.number(cold)} and {tables.number(warm)} cycles, "
             f"{ASSUMED['miss'][0] * 1e9:.0f} ns", misses, "misses"),
        Line("decision: memory, all cold", "bytes/s / (misses x 64 B)",
             f"{ASSUMED['dram'][0] / 1e9:.0f} GB/s", ASSUMED["dram"][0] / max(misses, 1) / LINE, "/s"),
    ]


def _publish(results, hz):
    row = results.one(*aims.micro("publish/1-(of|changes?/)-?1000000-devices"))
    if row is None or row.median is None:
        return []
    us = aims.convert(row.median, row.unit, "us", hz)
    if not us:
        return []
    spread = ASSUMED["transfer"][0] * 1e6 * CORES
    return [Line("control plane: changes", "1 / (publish + N x time of a line)",
                 f"{tables.number(us)} us, {CORES} x {ASSUMED['transfer'][0] * 1e9:.0f} ns",
                 1e6 / (us + spread), "/s")]


def lines(results):
    """Every bound for which the file has the figures."""
    hz = results.tsc_hz
    if not hz:
        return []
    out = [
        _cores(results, hz, "kept-alive requests", "keepalive-1k", "cycles/request"),
        _cores(results, hz, "full handshakes", "handshake-full", "cycles/(connection|request)"),
        _cores(results, hz, "resumed handshakes", "handshake-resumed", "cycles/(connection|request)"),
    ]
    out = [line for line in out if line]
    if not out:
        return []
    return out + _network() + [_memory()] + _decision(results, hz) + _publish(results, hz)


def table(results, style):
    """The bounds, and which of them holds first for kept-alive requests."""
    found = lines(results)
    if not found:
        return ""
    text = tables.table(style, ["bound", "formula", "figures", "value"], [
        [line.name, line.formula, line.figures, f"{tables.number(line.value)} {line.unit}"]
        for line in found], left=3)
    kept = [line for line in found if line.name.endswith("kept-alive requests")]
    first = min(kept, key=lambda line: line.value)
    assumed = "; ".join(f"{why}: {value:g} {unit}" for value, unit, why in ASSUMED.values())
    return (f"{text}\n\nFor {CORES} cores and {LINK_GBPS} Gb/s the first bound for kept-alive requests "
            f"is \"{first.name}\", {tables.number(first.value)} a second.\nAssumed, not measured: "
            f"{assumed}.")
