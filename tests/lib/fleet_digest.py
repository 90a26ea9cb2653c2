#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the control plane knows of a fleet, as one number that `emsim digest` tells as well.

Reads every page of /api/v1/devices over the unix socket in argv[1] and prints
{"devices":N,"digest":"..."}. Of each device are hashed UID, serial number, registered, online,
quarantined and its tags without the prefix of their kind; the sum of the hashes is the digest.
"""
import hashlib
import http.client
import json
import socket
import sys

PAGE = 1000


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)


def hash_of(d):
    # A posture that is not known is no list that is empty.
    tags = ["?"] if d["tags"] is None else [t.removeprefix("CLASS_") for t in d["tags"]]
    line = "\t".join(
        [d["uid"], d["client_cert_sn"]]
        + [str(int(d[flag])) for flag in ("registered", "online", "quarantined")]
        + [",".join(sorted(tags))]
    )
    return int.from_bytes(hashlib.sha256(line.encode()).digest()[:8], sys.byteorder)


def main():
    conn = UnixConnection(sys.argv[1])
    nb, total, cursor = 0, 0, ""
    while True:
        conn.request("GET", f"/api/v1/devices?limit={PAGE}{cursor}")
        reply = conn.getresponse()
        body = reply.read()
        if reply.status != 200:
            sys.exit(f"status {reply.status}: {body[:200]!r}")
        page = json.loads(body)
        for d in page["devices"]:
            total += hash_of(d)
            nb += 1
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    print(json.dumps({"devices": nb, "digest": f"{total % (1 << 64):016x}"}, separators=(",", ":")))


main()
