#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""memory.py before|rows: resident memory of the data plane, and what of it is each session's.

By what is mapped: the main thread's heap; anonymous memory, which is DPDK's (packets, connections) and
the workers' own (libssl); the files that it shares with the control plane. State between the calls is in $DIR/memory.json.
"""

import json
import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "report"))
sys.path.insert(0, HERE)

from emsim import Api  # noqa: E402
from rows import emit  # noqa: E402

DIR, SESSIONS = os.environ["DIR"], int(os.environ["SESSIONS"])
PARTS = {
    "heap": "what the main thread allocates",
    "anonymous": "DPDK's memory, and what workers allocate: libssl's objects are among it",
    "shared": "files shared with the control plane",
    "other": "programs and libraries",
}
api = Api(os.environ["API"])


def part_of(name):
    if name == "[heap]":
        return "heap"
    if not name or name.startswith(("[anon", "/memfd", "/anon_hugepage")):
        return "anonymous"
    if name.startswith("/dev/shm"):
        return "shared"
    return "other"


def resident():
    """Bytes by part."""
    sums = dict.fromkeys(PARTS, 0)
    part = "other"
    with open(f"/proc/{os.environ['DP_PID']}/smaps", encoding="utf-8") as f:
        for line in f:
            head = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)", line)
            if head:
                part = part_of(head[1].strip())
            elif line.startswith("Rss:"):
                sums[part] += int(line.split()[1]) * 1024
    return sums


def is_holding():
    with open(f"{DIR}/load.log", encoding="utf-8", errors="replace") as f:
        phases = re.findall(r" s  ([a-z-]+) +open (\d+)", f.read())
    return bool(phases) and phases[-1][0] == "hold"


def before():
    # Pages of the log and of the configuration come with the first second.
    time.sleep(2)
    with open(f"{DIR}/memory.json", "w", encoding="utf-8") as f:
        json.dump(resident(), f)
    if os.path.exists(f"{DIR}/load.log"):
        os.unlink(f"{DIR}/load.log")


def rows():
    end = time.monotonic() + 60 + SESSIONS / 300
    while not is_holding():
        if time.monotonic() > end:
            sys.exit("scale: the generator does not come to hold its connections")
        if not os.path.exists(f"/proc/{os.environ['LOAD_PID']}"):
            sys.exit("scale: the generator has ended")
        time.sleep(0.2)
    time.sleep(3)
    live = api.sessions()
    with open(f"{DIR}/memory.json", encoding="utf-8") as f:
        was = json.load(f)
    now = resident()
    case = f"idle-session-memory/{SESSIONS}-sessions"
    total = sum(now.values()) - sum(was.values())
    note = f"{live} sessions live; resident with them less resident without, divided"
    short = 0 if live >= 0.99 * SESSIONS else SESSIONS - live
    emit("scale", case, "tagwarden", "resident bytes per session", "bytes", "less",
         [total / max(live, 1)], short, note)
    for part, text in PARTS.items():
        emit("scale", case, "tagwarden", f"of them {part}", "bytes", "less",
             [(now[part] - was[part]) / max(live, 1)], 0, text)
    sys.exit(1 if short else 0)


{"before": before, "rows": rows}[sys.argv[1]]()
