# SPDX-License-Identifier: BSD-3-Clause
"""REST over unix sockets: the simulator's and the control plane's."""

import http.client
import json
import socket


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


class Rest:
    """One request a connection: a socket that is kept would be closed under us."""

    def __init__(self, path):
        self._path = path

    def _ask(self, method, path, body):
        c = _UnixConnection(self._path)
        try:
            c.request(method, path, body)
            answer = c.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise OSError(f"{method} {path}: {answer.status} {text[:200]!r}")
            return json.loads(text) if text else None
        finally:
            c.close()

    def get(self, path):
        return self._ask("GET", path, None)

    def post(self, path, body):
        return self._ask("POST", path, json.dumps(body))


class Emsim(Rest):
    def __init__(self, folder):
        super().__init__(f"{folder}/emsim.sock")


class Api(Rest):
    """Tagwarden's control plane."""

    def worker(self, seconds=60):
        return self.get(f"/api/v1/status?seconds={seconds}")["dataplane"]["workers"]

    def sessions(self):
        return sum(w["sessions"] for w in self.worker())

    def longest_pass_us(self, seconds):
        return max(w["longest_pass_us"] for w in self.worker(seconds))

    def longest_adoption_us(self, seconds):
        return max(w["longest_adoption_us"] for w in self.worker(seconds))

    def counters(self):
        """By name; and the histogram of change to cut."""
        j = self.get("/api/v1/counters?all=1")
        return {c["name"]: c["count"] for c in j["counters"]}, j["change_to_cut"]
