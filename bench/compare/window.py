#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the load generator and accounts for the core of the proxy during its windows.

    window.py --out FILE --core N --pids P[,P...] [--api SOCKET] [--beside P[,P...]]
              [--meta NAME=VALUE]... -- LOAD-COMMAND...

The generator's --json must go to FILE.load. Counters are read some twenty times a second, with the
time, and interpolated at the begin and end that the generator tells of each window; so it need not
wait for us, nor we for it. FILE becomes one JSON object: the generator's, and by window what the
core and the processes did.

Where core time is told by ticks, as on most kernels, an interrupt's share of a process's time is
counted as the process's; busy time of the whole core is what is compared.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
PERIOD = 0.05
# Answering us costs the control plane more than /proc does.
API_PERIOD = 0.2
# Of /proc/stat; what is nice is none of ours, and what is stolen nobody's here.
FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def core_times(core):
    with open("/proc/stat", encoding="ascii") as f:
        for line in f:
            if line.startswith(f"cpu{core} "):
                return [int(x) / TICK for x in line.split()[1:9]]
    raise SystemExit(f"window.py: there is no core {core}")


def tree(pid):
    """The process and its children: a master's workers do the work."""
    pids = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            for child in f.read().split():
                pids += tree(int(child))
    except OSError:
        pass
    return pids


def process_time(pids):
    """utime and stime of them all, in seconds."""
    total = 0.0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / TICK
    return total


def softnet_drops(core):
    """Packets that the kernel dropped because the core's queue was full."""
    with open("/proc/net/softnet_stat", encoding="ascii") as f:
        for i, line in enumerate(f):
            fields = line.split()
            cpu = int(fields[12], 16) if len(fields) > 12 else i
            if cpu == core:
                return int(fields[1], 16)
    return 0


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def worker_cycles(api):
    """Busy and all cycles of the data plane's workers; None when it does not answer."""
    try:
        c = UnixConnection(api)
        c.request("GET", "/api/v1/status")
        workers = json.load(c.getresponse())["dataplane"]["workers"]
        c.close()
        busy = sum(w["busy_cycles"] for w in workers)
        return busy, busy + sum(w["idle_cycles"] for w in workers)
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None


class Sampler(threading.Thread):
    """Reads what there is to read until it is told to end."""

    def __init__(self, args):
        super().__init__(daemon=True)
        self.args, self.must_end = args, threading.Event()
        self.core, self.own, self.beside, self.api = [], [], [], []

    def run(self):
        pids, next_api = [], 0.0
        while not self.must_end.is_set():
            if not self.own or len(self.own) % 20 == 0:
                pids = [p for root in self.args.pids for p in tree(root)]
            now = time.time()
            self.core.append((now, core_times(self.args.core)))
            self.own.append((now, [process_time(pids)]))
            self.beside.append((now, [process_time(self.args.beside)]))
            if self.args.api and now >= next_api:
                next_api = now + API_PERIOD
                before = time.time()
                cycles = worker_cycles(self.args.api)
                if cycles is not None:
                    self.api.append(((before + time.time()) / 2, list(cycles)))
            self.must_end.wait(PERIOD)


def at(samples, when):
    """Every column at that time, between the two samples around it."""
    if not samples or when < samples[0][0] or when > samples[-1][0]:
        return None
    lo, hi = 0, len(samples) - 1
    while hi - lo > 1:
        mid = (lo + hi) // 2
        lo, hi = (mid, hi) if samples[mid][0] <= when else (lo, mid)
    (t0, a), (t1, b) = samples[lo], samples[hi]
    part = (when - t0) / (t1 - t0) if t1 > t0 else 0.0
    return [x + (y - x) * part for x, y in zip(a, b)]


def between(samples, start, end):
    a, b = at(samples, start), at(samples, end)
    return [y - x for x, y in zip(a, b)] if a and b else None


def account(sampler, window):
    start, end = window["start"], window["end"]
    core = between(sampler.core, start, end)
    own = between(sampler.own, start, end)
    beside = between(sampler.beside, start, end)
    cycles = between(sampler.api, start, end)
    return {
        "core": dict(zip(FIELDS, core)) if core else None,
        "process_s": own[0] if own else None,
        "beside_s": beside[0] if beside else None,
        "worker_busy_cycles": cycles[0] if cycles else None,
        "worker_cycles": cycles[1] if cycles else None,
    }


def numbers(text):
    return [int(x) for x in text.split(",") if x]


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--core", type=int, required=True)
    p.add_argument("--pids", type=numbers, required=True)
    p.add_argument("--beside", type=numbers, default=[])
    p.add_argument("--api")
    p.add_argument("--meta", action="append", default=[])
    p.add_argument("command", nargs="+")
    return p.parse_args()


def main():
    args = parse()
    sampler = Sampler(args)
    drops = softnet_drops(args.core)
    load = subprocess.Popen(args.command, stdout=sys.stderr)

    def on_signal(number, _frame):
        load.terminate()
        load.wait()
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    sampler.start()
    status = load.wait()
    sampler.must_end.set()
    sampler.join()
    try:
        with open(args.out + ".load", encoding="utf-8") as f:
            result = json.load(f)
    except (OSError, ValueError) as why:
        print(f"window.py: the load generator left no result: {why}", file=sys.stderr)
        return status or 1
    result.update(dict(m.split("=", 1) for m in args.meta))
    for window in result["windows"]:
        window["account"] = account(sampler, window)
    result["softnet_drops"] = softnet_drops(args.core) - drops
    with open(args.out, "w", encoding="utf-8") as f:
        json.dump(result, f)
    return status


if __name__ == "__main__":
    sys.exit(main())
