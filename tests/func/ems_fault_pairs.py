#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plays pairs of faults, see ems_fault_pairs.sh: one thread for each connector takes the next pair.

With both faults on, a tag of a known device changes and a device comes. When two calls failed, or
after a while (some pairs hurt nobody), the faults end. Then the control plane must come to know
what EMS knows, and be connected, on both channels, in a bounded time.
"""
import argparse
import http.client
import itertools
import json
import socket
import sys
import threading
import time

FAULT_S = 2.2  # a call that times out, and another after the first back-off
RECOVER_S = 45  # the longest back-off is 30 s; a pair that lasted so short is far from it
SETTLE_S = 60  # the first synchronisation


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path, method, target, body=None):
    conn = UnixConnection(path)
    try:
        conn.request(method, target, json.dumps(body) if body is not None else None)
        reply = conn.getresponse()
        text = reply.read()
    finally:
        conn.close()
    if reply.status >= 300:
        raise RuntimeError(f"{method} {target}: {reply.status} {text[:300]!r}")
    return json.loads(text) if text else None


def bare(tag):
    """A tag without the prefix that says its kind, which either side writes its own way."""
    for kind in ("CLASS", "OUTBREAK", "FABRIC"):
        tag = tag.removeprefix(kind + ":").removeprefix(kind + "_")
    return tag


def line_of(d):
    tags = None if d["tags"] is None else tuple(sorted(map(bare, d["tags"])))
    return (d["client_cert_sn"], d["registered"], d["quarantined"], tags)


class Plane:
    """A control plane, looked at once for all of its connectors."""

    def __init__(self, sock):
        self.sock = sock
        self.ems, self.devices = {}, {}
        self.turn = 0
        self.news = threading.Condition()

    def look(self):
        ems = {e["id"]: e for e in ask(self.sock, "GET", "/api/v1/ems")["ems"]}
        devices, cursor = {}, ""
        while cursor is not None:
            page = ask(self.sock, "GET", f"/api/v1/devices?limit=1000{cursor}")
            for d in page["devices"]:
                devices.setdefault(d["ems_id"], {})[d["uid"]] = line_of(d)
            cursor = page["next_cursor"]
            cursor = None if cursor is None else f"&cursor={cursor}"
        with self.news:
            self.ems, self.devices = ems, devices
            self.turn += 1
            self.news.notify_all()

    def watch(self):
        while True:
            try:
                self.look()
            except (OSError, RuntimeError, http.client.HTTPException) as e:
                with self.news:
                    self.ems, self.devices, self.error = {}, {}, str(e)
                    self.turn += 1
                    self.news.notify_all()
            time.sleep(0.1)

    def wait_for(self, seconds, is_so):
        """Until is_so() of something seen after the call; False when it does not come."""
        end = time.monotonic() + seconds
        with self.news:
            first = self.turn + 2  # the look that is under way began before
            while time.monotonic() < end:
                if self.turn >= first and is_so():
                    return True
                self.news.wait(0.5)
        return False


class Connector:
    def __init__(self, plane, ident, folder):
        self.plane, self.ident = plane, ident
        self.sim = f"{folder}/emsim.sock"
        self.nb = 0
        self.known = self.add("base", ["FortiAD", "CLASS:Low"])
        self.other = self.add("bystander", ["OUTBREAK:Log4j"])

    def add(self, name, tags):
        body = {"hostname": name, "tags": tags, "cert": "good"}
        return ask(self.sim, "POST", "/devices", body)["uid"]

    def at_ems(self):
        devices = ask(self.sim, "GET", "/devices?limit=100000")["devices"]
        return {d["uid"]: line_of(d) for d in devices if not d["deleted"]}

    def status(self):
        return self.plane.ems.get(self.ident, {})

    def here(self):
        return self.plane.devices.get(self.ident, {})

    def is_well(self):
        e = self.status()
        return e.get("connected") and e["synced"] and e["websocket"] == "connected"

    def failures(self):
        return sum(c["failed"] for c in self.status().get("calls", []))

    def is_told(self, before):
        # Once is not enough: the other fault may only strike the attempt after it.
        return self.failures() > before + 1

    def settle(self, seconds):
        want = self.at_ems()
        return self.plane.wait_for(seconds, lambda: self.here() == want and self.is_well())

    def what_is_wrong(self, before, now):
        """A device that is not as EMS says or said, and not kept out."""
        for uid, line in self.here().items():
            is_kept_out = not line[1] or line[3] is None
            if line not in (before.get(uid), now.get(uid)) and not is_kept_out:
                return f"{uid}: {line}, EMS says {now.get(uid)}"
        return None

    def play(self, pair):
        """None, or what went wrong."""
        self.nb += 1
        before = self.at_ems()
        failures = self.failures()
        # An act rather than a state, it comes last: what it cuts, the other may keep away.
        for name in sorted(pair, key=lambda n: n == "ws-drop"):
            ask(self.sim, "POST", "/faults", {"name": name})
        change = "add" if self.nb % 2 else "remove"
        ask(self.sim, "POST", f"/devices/{self.known}/tags", {change: ["Fault"]})
        self.add(f"during{self.nb}", ["FortiAD"])
        now = self.at_ems()
        self.plane.wait_for(FAULT_S, lambda: self.is_told(failures))
        wrong = self.what_is_wrong(before, now)
        ask(self.sim, "POST", "/faults", {"name": "clear"})
        if wrong is not None:
            return f"taken over: {wrong}"
        if not self.settle(RECOVER_S):
            return self.difference()
        return None

    def difference(self):
        want, got, e = self.at_ems(), self.here(), self.status()
        text = [f"not in sync after {RECOVER_S} s"]
        for uid in want.keys() | got.keys():
            if want.get(uid) != got.get(uid):
                text.append(f"  {uid}: EMS {want.get(uid)}, here {got.get(uid)}")
        keys = ("connected", "synced", "websocket", "last_error")
        text.append("  " + json.dumps({k: e.get(k) for k in keys}))
        return "\n".join(text)


def pick(pairs, which):
    if not which:
        return pairs
    if "/" in which:
        part, of = map(int, which.split("/"))
        return pairs[part - 1 :: of]
    return [p for p in pairs if set(p) == set(which.split("+"))]


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--folder", required=True)
    args.add_argument("--connectors", type=int, required=True)
    args.add_argument("--pairs", default="")
    args.add_argument("socket", nargs="+")
    args = args.parse_args()

    planes = [Plane(s) for s in args.socket]
    connectors = [
        Connector(plane, i, f"{args.folder}/ems{p}-{i}")
        for p, plane in enumerate(planes, 1)
        for i in range(1, args.connectors + 1)
    ]
    for plane in planes:
        threading.Thread(target=plane.watch, daemon=True).start()
    for c in connectors:
        if not c.settle(SETTLE_S):
            sys.exit(f"not ok: at first: {c.difference()}")
    print(f"ok: {len(connectors)} connectors are in sync", flush=True)

    faults = [f["name"] for f in ask(connectors[0].sim, "GET", "/faults")]
    pairs = pick(list(itertools.combinations(faults, 2)), args.pairs)
    if not pairs:
        sys.exit(f"no such pair; there are {', '.join(faults)}")
    left, failed, slow = iter(pairs), [], []
    lock = threading.Lock()

    def work(c):
        while True:
            with lock:
                pair = next(left, None)
            if pair is None:
                return
            began = time.monotonic()
            try:
                wrong = c.play(pair)
            except Exception as e:  # a thread that ends silently would count as a success
                wrong = f"{type(e).__name__}: {e}"
            with lock:
                slow.append((time.monotonic() - began, "+".join(pair)))
                if wrong is not None:
                    failed.append(pair)
                    print(f"not ok: {'+'.join(pair)}: {wrong}", flush=True)
            if wrong is not None:
                c.settle(RECOVER_S)

    threads = [threading.Thread(target=work, args=(c,)) for c in connectors]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        sys.exit(f"{len(failed)} of {len(pairs)} pairs failed")
    slow.sort(reverse=True)
    words = ", ".join(f"{name} {s:.1f} s" for s, name in slow[:5])
    print(f"ok: {len(pairs)} pairs; the slowest: {words}")


main()
