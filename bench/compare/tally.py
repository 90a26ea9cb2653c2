#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Rows from what the runs of bench/compare left: one JSON file of window.py for each.

    tally.py [--link KIND] FOLDER

Exit status 1 when a run had errors; its rows say so.
"""

import argparse
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "report"))
import rows  # noqa: E402

SUBJECT = "tagwarden"
OTHERS = ("nginx", "haproxy")
# All other scenarios keep the core full.
OPEN_LOOP = ("keepalive-1k-rate", "latency")
# Where the busy time of a core that should be full is less than this, the row says so.
FULL = 0.95
# A proxy that keeps the kernel's core full has about all of its time to its own name, interrupts
# included. Where it is less than this part, others were there.
OWN = 0.9
COMPARED = ("requests/s", "cycles/request", "bytes/core-s", "latency p50", "latency p99",
            "latency p999")


def read(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path, encoding="utf-8") as f:
            yield json.load(f)


def busy_seconds(window):
    """Of the core: the proxy's own time, the kernel's for it, its interrupts'."""
    core = window["account"]["core"]
    return core and core["user"] + core["system"] + core["irq"] + core["softirq"]


def busy_cycles(run, window):
    """A worker that polls tells what it was busy with; of the others the core's time says it."""
    account = window["account"]
    if account["worker_busy_cycles"] is not None:
        return account["worker_busy_cycles"]
    busy = busy_seconds(window)
    return None if busy is None else busy * run["tsc_hz"]


def errors_of(window):
    return sum(window["errors"].values())


def notes_of(run, window):
    """What one must know to believe the figures."""
    notes = [m for m in window["marks"] if m != "errors"]
    for name, n in window["errors"].items():
        if n:
            notes.append(f"{n} errors: {name}")
    if run["softnet_drops"]:
        notes.append(f"the kernel dropped {run['softnet_drops']} packets")
    if run["drops"]:
        notes.append(f"the generator dropped {run['drops']} packets")
    core = window["account"]["core"]
    if core and core["steal"] > 0.01 * window["seconds"]:
        notes.append(f"{core['steal'] / window['seconds']:.0%} of the core was stolen")
    if core and core["nice"] > 0.02 * window["seconds"]:
        notes.append(f"{core['nice'] / window['seconds']:.0%} of the core went to others")
    return notes


def metrics(run, window):
    """Name, unit, which way is better, and value of all that one window shows."""
    n, s = window["requests"], window["seconds"]
    account, lat = window["account"], window["latency_us"]
    cycles, busy = busy_cycles(run, window), busy_seconds(window)
    yield "requests/s", "1/s", "more", window["requests_per_s"]
    if cycles is not None and n:
        yield "cycles/request", "cycles", "less", cycles / n
        yield "core busy", "share", "more", cycles / run["tsc_hz"] / s
    if busy and n:
        yield "core time/request", "us", "less", busy * 1e6 / n
    if account["process_s"] is not None and n:
        yield "process time/request", "us", "less", account["process_s"] * 1e6 / n
    if account["beside_s"] and n:
        yield "time beside/request", "us", "less", account["beside_s"] * 1e6 / n
    if run["scenario"] == "body-1m" and cycles:
        yield "bytes/core-s", "bytes/core-s", "more", window["bytes_in"] * run["tsc_hz"] / cycles
    if n:
        yield "bytes/request", "bytes", "less", window["bytes_in"] / n
    for name in ("p50", "p99", "p999"):
        if lat.get(name) is not None and n:
            yield f"latency {name}", "us", "less", lat[name]
    if run["scenario"].startswith("handshake") and window["connections"]:
        hs = window["handshakes_full"] + window["handshakes_resumed"]
        yield "resumed", "share", "more", window["handshakes_resumed"] / hs if hs else 0.0


class Table:
    """Rows by name, in the order in which they came."""

    def __init__(self):
        self.rows, self.notes = {}, {}

    def add(self, case, subject, metric, unit, better, value, errors, notes):
        key = (case, subject, metric)
        if key not in self.rows:
            self.rows[key] = rows.Row("compare", case, subject, metric, unit, better)
            self.notes[key] = []
        row = self.rows[key]
        row.add(value)
        row.errors += errors
        for n in notes:
            if n not in self.notes[key]:
                self.notes[key].append(n)
        row.note = "; ".join(self.notes[key])

    def against(self):
        """Tagwarden's rows against the better of the two others', by medians."""
        for (case, subject, metric), row in list(self.rows.items()):
            if subject != SUBJECT or metric not in COMPARED:
                continue
            others = [self.rows[k] for k in ((case, o, metric) for o in OTHERS) if k in self.rows]
            if not others:
                continue
            pick = min if row.better == "less" else max
            best = pick(others, key=lambda r: r.median)
            ratio = row.against(best)
            ratio.note = "; ".join(n for n in (row.note, best.note) if n)
            yield ratio


def case_of(run, window, link):
    case = f"{link}/{run['scenario']}"
    return case if run["scenario"] != "latency" else f"{case}/{window['rate']:.0f}"


def fill(table, run, link):
    for window in run["windows"]:
        errors, notes = errors_of(window), notes_of(run, window)
        if "account" in window and run["scenario"] not in OPEN_LOOP:
            cycles = busy_cycles(run, window)
            if cycles is not None and cycles / run["tsc_hz"] / window["seconds"] < FULL:
                notes.append("the core was not full")
            own, busy = window["account"]["process_s"], busy_seconds(window)
            if own is not None and busy and own < OWN * busy:
                notes.append(f"{1 - own / busy:.0%} of the busy time was not the proxy's")
        for metric, unit, better, value in metrics(run, window):
            table.add(case_of(run, window, link), run["subject"], metric, unit, better, value,
                      errors, notes)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--link", default="native")
    p.add_argument("folder")
    args = p.parse_args()
    table, errors = Table(), 0
    for run in read(args.folder):
        if run["scenario"] != "calibration":
            fill(table, run, args.link)
            errors += sum(errors_of(w) for w in run["windows"])
    for row in list(table.rows.values()) + list(table.against()):
        row.emit()
    return 1 if errors or not table.rows else 0


if __name__ == "__main__":
    sys.exit(main())
