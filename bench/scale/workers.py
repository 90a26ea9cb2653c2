#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""workers.py NUMBER CASE: CPU time of the worker threads ($THREADS) for what the generator did.

CPU time is the scheduler's account of the threads, what they spin before they sleep included: their own
busy cycles would hold the time in which others had the core that one of them shares.
"""

import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "report"))

from rows import emit  # noqa: E402

NB, CASE = int(sys.argv[1]), sys.argv[2]
TEXT = {
    "kept": "kept-alive requests",
    "dial": "a connection to the real server dialled for each request",
    "full": "a connection with a full handshake for each request",
    "resumed": "a connection with a resumed session for each request",
}


def sample():
    """Now, and what each thread has used so far, in nanoseconds."""
    ns = []
    for tid in os.environ["THREADS"].split():
        with open(f"/proc/{tid}/schedstat", encoding="utf-8") as f:
            ns.append(int(f.read().split()[0]))
    return time.time(), ns


def is_running():
    try:
        with open(f"/proc/{os.environ['LOAD_PID']}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def at(samples, t):
    """What all threads had used at time <t>, between the two samples around it."""
    for (t0, a), (t1, b) in zip(samples, samples[1:]):
        if t0 <= t <= t1:
            return [x + (y - x) * (t - t0) / (t1 - t0) for x, y in zip(a, b)]
    sys.exit(f"scale: {t:.2f} is not between {samples[0][0]:.2f} and {samples[-1][0]:.2f}")


def main():
    samples = [sample()]
    while is_running():
        time.sleep(0.05)
        samples.append(sample())
    samples.append(sample())
    with open(f"{os.environ['DIR']}/load.json", encoding="utf-8") as f:
        r = json.load(f)
    used = [b - a for a, b in zip(at(samples, r["start"]), at(samples, r["end"]))]
    errors, nb = r["errors_total"], max(r["requests"], 1)
    case = f"workers/{CASE}/{NB}"
    # A second worker shares its core with the generator, and each waits for the other in turns: its
    # time says nothing. bench/micro/path has two workers with a core each.
    if NB == 1:
        emit("scale", case, "tagwarden", "cycles/request", "cycles", "less",
             [sum(used) * r["tsc_hz"] / 1e9 / nb], errors,
             f"{TEXT[CASE]}; CPU time of the worker thread, spinning included")
        emit("scale", case, "tagwarden", "requests/cpu-second", "1/s", "more",
             [nb / (sum(used) / 1e9)], errors, "of the worker")
    if CASE in ("full", "resumed"):
        both = r["handshakes_full"] + r["handshakes_resumed"]
        emit("scale", case, "tagwarden", "share of handshakes resumed", "share", "more",
             [r["handshakes_resumed"] / max(both, 1)], errors,
             "a new connection comes to either worker" if NB > 1 else "")
    if CASE == "dial":
        emit("scale", case, "tagwarden", "connections dialled per request", "connections", "more",
             [r["origin"]["connections"] / nb], errors)


main()
