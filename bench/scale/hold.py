#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Live sessions under changes: what bench/scale/run asks of the stack that it has started.

    hold.py ramp    until all sessions are there
    hold.py reload  a changed policy, again and again, within a window of the generator
    hold.py flip    a device's tag, again and again, while the generator holds its connections
    hold.py rows    what came of it

State between the calls is in $DIR/hold.json. Everything is told by the environment: DIR, API, EMS,
SESSIONS, DEVICES, FLIPS, RELOADS, CTL; and by MEASURE_LOCK, where several share a machine: a file
that is locked while something is timed.
"""

import contextlib
import fcntl
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "report"))
sys.path.insert(0, HERE)

from emsim import Api, Emsim  # noqa: E402
from rows import Row  # noqa: E402

DIR = os.environ["DIR"]
SESSIONS = int(os.environ["SESSIONS"])
STATE = f"{DIR}/hold.json"
TAG = "FortiAD"
api = Api(os.environ["API"])


def say(*words):
    print("scale:", *words, file=sys.stderr, flush=True)


def load_state():
    try:
        with open(STATE, encoding="utf-8") as f:
            return json.load(f)
    except OSError:
        return {}


def save_state(**more):
    state = {**load_state(), **more}
    with open(STATE, "w", encoding="utf-8") as f:
        json.dump(state, f)


def wait_until(what, seconds, is_so, step=0.05):
    """True when it came to be so in time."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            say(f"{what}: not within {seconds} s")
            return False
        time.sleep(step)
    return True


def need(what, seconds, is_so, step=0.05):
    if not wait_until(what, seconds, is_so, step):
        sys.exit(1)


@contextlib.contextmanager
def alone():
    """Nobody else who asks for it measures at the same time."""
    path = os.environ.get("MEASURE_LOCK")
    if not path:
        yield
        return
    with open(path, "a", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def windows_begun():
    """How many windows the generator's progress has come to, and whether it holds."""
    with open(f"{DIR}/load.log", encoding="utf-8", errors="replace") as f:
        phases = re.findall(r" s  ([a-z-]+) +open ", f.read())
    begun = sum(1 for a, b in zip(["", *phases], phases) if b == "window" and a != b)
    return begun, bool(phases) and phases[-1] == "hold"


def count(name):
    return api.counters()[0][name]


# ---- the parts ----


def ramp():
    told = 0.0
    while (n := api.sessions()) < SESSIONS:
        if time.monotonic() - told > 5:
            told = time.monotonic()
            say(f"{n} of {SESSIONS} sessions")
        if not os.path.exists(f"/proc/{os.environ['LOAD_PID']}"):
            say("the generator has ended")
            sys.exit(1)
        time.sleep(0.2)


def is_in_force(generation):
    status = api.get("/api/v1/status")
    return status["snapshot"]["config_generation"] > generation and all(
        w["config_generation"] > generation for w in status["dataplane"]["workers"])


def toggle_policy(i):
    """The document with another policy before the one that decides, or without it."""
    path = f"{DIR}/tagwarden.json"
    with open(path, encoding="utf-8") as f:
        document = json.load(f)
    policies = [p for p in document["policies"] if p["id"] != 99]
    if i % 2 == 0:
        policies.insert(0, {"id": 99, "name": "block-Malware-Detected",
                            "access_proxies": ["ZTNA-webserver"],
                            "tags": {"any": ["Malware-Detected"]}, "action": "deny"})
    document["policies"] = policies
    with open(path, "w", encoding="utf-8") as f:
        json.dump(document, f)


def reload_once(i):
    """Longest pass and adoption (us), and how long until all were decided again (ms)."""
    before, generation = count("session_redecided"), api.get("/api/v1/status")["snapshot"][
        "config_generation"]
    toggle_policy(i)
    subprocess.run([os.environ["CTL"], "--socket", os.environ["API"], "reload"], check=True,
                   stdout=subprocess.DEVNULL)
    need("the changed policy is in force", 10, lambda: is_in_force(generation), 0.005)
    began = time.monotonic()
    need("all are decided again", 20,
         lambda: count("session_redecided") - before >= 0.98 * SESSIONS, 0.002)
    took_ms = (time.monotonic() - began) * 1000
    time.sleep(0.25)
    seconds = int(time.monotonic() - began) + 1
    return api.longest_pass_us(seconds), api.longest_adoption_us(seconds), took_ms


def reloads():
    need("the first window's end", 600, lambda: windows_begun()[0] >= 2)
    with alone():
        first = windows_begun()[0]
        need("the window without changes", 120, lambda: windows_begun()[0] > first)
        time.sleep(3)
        quiet = api.longest_pass_us(2)
        need("the window with changes", 120, lambda: windows_begun()[0] > first + 1)
        passes, adoptions, took = [], [], []
        for i in range(int(os.environ["RELOADS"])):
            us, adoption_us, ms = reload_once(i)
            passes.append(us)
            adoptions.append(adoption_us)
            took.append(ms)
            say(f"policy changed: longest pass {us} us, adoption "
                f"{adoption_us} us, all decided again after {ms:.0f} ms")
            time.sleep(1.5)
    save_state(quiet=quiet, passes=passes, adoptions=adoptions, took=took, window=first)


def flips():
    need("the generator holds its connections", 600, lambda: windows_begun()[1])
    with alone():
        flip_all()


def flip_all():
    time.sleep(0.5)
    ems = Emsim(os.environ["EMS"])
    with open(f"{DIR}/uids", encoding="utf-8") as f:
        uids = f.read().split()
    # Connection i is device i modulo their number.
    each = SESSIONS // len(uids)
    cut, done = count("session_cut"), []
    for i in range(int(os.environ["FLIPS"])):
        uid = uids[i * 37 % len(uids)]
        before = count("session_cut")
        began = time.monotonic_ns()
        ems.post(f"/devices/{uid}/tags", {"remove": [TAG]})
        is_cut = wait_until("the device is cut", 5,
                            lambda b=before: count("session_cut") - b >= each)
        done.append({"uid": uid, "t_ns": began, "is_cut": is_cut})
        ems.post(f"/devices/{uid}/tags", {"add": [TAG]})
        time.sleep(0.3)
    time.sleep(0.5)
    counters, histogram = api.counters()
    save_state(flips=done, cut=counters["session_cut"] - cut, histogram=histogram, each=each)
    say(f"{len(done)} devices lost their tag: {load_state()['cut']} sessions cut")


# ---- what came of it ----


def quantile(values, q):
    s = sorted(values)
    return s[min(len(s) - 1, int(q * len(s)))] if s else None


def emit(case, metric, unit, samples, note="", errors=0, better="less"):
    Row("scale", case, "tagwarden", metric, unit, better, [s for s in samples if s is not None],
        errors, note).emit()


def cut_rows(state, result):
    case = f"cut/{SESSIONS}-sessions"
    flipped = {f["uid"].upper(): f["t_ns"] for f in state["flips"]}
    by_flip, bystanders = {}, 0
    for c in result["cut"]:
        uid = (c["device"] or "").upper()
        if uid in flipped and c["t_ns"] >= flipped[uid]:
            by_flip.setdefault(uid, []).append((c["t_ns"] - flipped[uid]) / 1000)
        else:
            bystanders += 1
    missed = sum(not f["is_cut"] for f in state["flips"])
    wire = [us for v in by_flip.values() for us in v]
    h = state["histogram"]
    note = (f"{state['each']} sessions a device, {len(flipped)} devices; from the notification's "
            "arrival at the control plane to the decision in the worker; the worker's histogram, "
            "12.5 % wide")
    for name in ("p50", "p99", "max"):
        emit(case, f"notification to cut, {name}", "us", [h[f"{name}_us"]], note, missed)
    note = ("from the request to EMS to take the tag off, EMS's own work included, to the FIN or "
            "RST at the client")
    for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
        emit(case, f"change at EMS to the wire, {name}", "us", [quantile(wire, q)], note, missed)
    emit(case, "the last session of a device on the wire", "us", [max(v) for v in by_flip.values()],
         "one sample a device", missed)
    emit(case, "sessions cut", "sessions", [state["cut"]],
         f"expected {state['each'] * len(flipped)}, seen by the clients {len(wire)}", missed,
         "more")
    emit(case, "bystanders cut", "sessions", [bystanders], "sessions of other devices", bystanders)


def window_latency(result, i, name):
    return result["windows"][i]["latency_us"][name]


def reload_rows(state, result):
    case = f"policy-change/{SESSIONS}-sessions"
    emit(case, "longest pass of the worker's loop", "us", state["passes"],
         "of all that a reload with another policy does; nothing is forwarded meanwhile")
    emit(case, "processor time to adopt the policy", "us", state["adoptions"],
         "the part of that pass in which the worker follows the new version, preemption not "
         "included; deciding again is bounded to 100 us a pass")
    emit(case, "longest pass without a change", "us", [state["quiet"]], "of four seconds before")
    emit(case, "until all sessions were decided again", "ms", state["took"])
    for name in ("p50", "p99", "p999", "max"):
        emit(case, f"latency of requests, {name}, while policies change", "us",
             [window_latency(result, state["window"] + 1, name)],
             "from when each was due, generator included")
        emit(case, f"latency of requests, {name}, without changes", "us",
             [window_latency(result, state["window"], name)])


def rows():
    with open(f"{DIR}/load.json", encoding="utf-8") as f:
        result = json.load(f)
    state = load_state()
    if "flips" in state:
        cut_rows(state, result)
    if "passes" in state:
        reload_rows(state, result)
    if result["errors_total"] > 0:
        say(f"the generator had {result['errors_total']} errors:",
            [w["errors"] for w in result["windows"]], result["outside"]["errors"])
        sys.exit(1)


{"ramp": ramp, "reload": reloads, "flip": flips, "rows": rows}[sys.argv[1]]()
