#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A real server for tests: it records what arrives, byte by byte, and answers as it is told.

Each connection's bytes go to RECORD/PORT-N.in, and each request that was read from it becomes one
line of JSON in RECORD/requests. What to answer stands in the request itself, in the field X-Do, as
steps separated by ';', their arguments percent-encoded:

    body            read the request's body
    send=BYTES      send them as they are
    fill=N          send N bytes of payload()
    chunks=N,SIZE   send N bytes of payload() in chunks of SIZE, and the last chunk
    sleep=S         seconds
    echo            send back what comes until the client is done
    drop-if-reused  when this connection served a request before: close it, say nothing
    reset, close    end the connection, and with it the script

Without X-Do the body is read and the answer is 200 with the record of the request in JSON.
"""

import argparse
import hashlib
import json
import os
import random
import socket
import ssl
import struct
import threading
import time
import urllib.parse

BLOCK = random.Random(1).randbytes(1048573)  # a prime, so that a shift by any power of two shows


def payload(start, n):
    """<n> bytes of the endless pattern from <start> on."""
    out = bytearray()
    while n > 0:
        at = start % len(BLOCK)
        piece = BLOCK[at : at + n]
        out += piece
        start += len(piece)
        n -= len(piece)
    return bytes(out)


class Ended(Exception):
    pass


class Connection:
    """One client; the thread that serves it."""

    def __init__(self, server, sock, number):
        self.server = server
        self.sock = sock
        self.number = number
        self.nb_requests = 0
        self.buf = bytearray()
        self.record = open(f"{server.args.record}/{server.port}-{number}.in", "wb", buffering=0)

    def more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise Ended
        # Bodies of many megabytes are checked by their sum; the record is for heads.
        if self.record.tell() < 4 << 20:
            self.record.write(data)
        self.buf += data

    def line(self):
        while b"\n" not in self.buf:
            self.more()
        line, _, rest = self.buf.partition(b"\n")
        self.buf = rest
        return bytes(line) + b"\n"

    def take(self, n, digest):
        left = n
        while left > 0:
            if not self.buf:
                self.more()
            piece = self.buf[:left]
            digest.update(piece)
            del self.buf[: len(piece)]
            left -= len(piece)

    def read_head(self):
        lines = [self.line()]
        while lines[-1] != b"\r\n":
            lines.append(self.line())
        method, target, version = lines[0].decode("latin-1").rstrip("\r\n").split(" ", 2)
        fields = []
        for raw in lines[1:-1]:
            name, _, value = raw.decode("latin-1").rstrip("\r\n").partition(":")
            fields.append([name, value.strip(" \t")])
        self.nb_requests += 1
        return {
            "port": self.server.port,
            "connection": self.number,
            "nth": self.nb_requests,
            "method": method,
            "target": target,
            "version": version,
            "fields": fields,
        }

    def read_body(self, head):
        digest = hashlib.sha256()
        names = {n.lower(): v for n, v in head["fields"]}
        head["trailers"] = []
        n = 0
        if names.get("transfer-encoding") == "chunked":
            while size := int(self.line(), 16):
                self.take(size, digest)
                assert self.line() == b"\r\n"
                n += size
            while (trailer := self.line()) != b"\r\n":
                head["trailers"].append(trailer.decode("latin-1"))
        elif "content-length" in names:
            n = int(names["content-length"])
            self.take(n, digest)
        head["body_len"] = n
        head["body_sha256"] = digest.hexdigest()

    def answer(self, head):
        self.read_body(head)
        body = json.dumps(head).encode()
        text = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nX-Backend: {self.server.port}\r\n"
        self.sock.sendall(text.encode() + b"\r\n" + (b"" if head["method"] == "HEAD" else body))

    def send_payload(self, n, chunk):
        at = 0
        while at < n:
            size = min(n - at, chunk or 1 << 18)
            piece = payload(at, size)
            self.sock.sendall(b"%x\r\n%b\r\n" % (size, piece) if chunk else piece)
            at += size
        if chunk:
            self.sock.sendall(b"0\r\n\r\n")

    def echo(self):
        while True:
            if self.buf:
                self.sock.sendall(self.buf)
                self.buf.clear()
            self.more()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Ended

    def step(self, head, verb, arg):
        if verb == "body":
            self.read_body(head)
        elif verb == "send":
            self.sock.sendall(urllib.parse.unquote_to_bytes(arg))
        elif verb == "fill":
            self.send_payload(int(arg), 0)
        elif verb == "chunks":
            n, size = arg.split(",")
            self.send_payload(int(n), int(size))
        elif verb == "sleep":
            time.sleep(float(arg))
        elif verb == "echo":
            self.echo()
        elif verb == "reset":
            self.reset()
        elif verb == "close":
            raise Ended
        elif verb == "drop-if-reused":
            if head["nth"] > 1:
                raise Ended
            self.answer(head)
        else:
            raise ValueError(f"no step {verb}")

    def serve_one(self):
        head = self.read_head()
        script = next((v for n, v in head["fields"] if n.lower() == "x-do"), None)
        self.server.note(head)
        if script is None:
            self.answer(head)
            return
        for step in script.split(";"):
            verb, _, arg = step.partition("=")
            self.step(head, verb, arg)

    def run(self):
        try:
            if self.server.tls:
                self.sock.settimeout(10)
                self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)
                self.sock.settimeout(None)
            while True:
                self.serve_one()
        except (Ended, OSError):
            pass
        except Exception as e:  # what the proxy sent is not a request: the test wants to know
            self.server.note({"error": repr(e), "connection": self.number})
        finally:
            try:
                self.sock.close()
            except OSError:
                pass


class Server:
    def __init__(self, args, port):
        self.args = args
        self.port = port
        self.tls = None
        self.lock = threading.Lock()
        if args.cert:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(args.cert, args.key)
        family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
        self.listener = socket.create_server((args.address, port), family=family, backlog=512)

    def note(self, record):
        with self.lock, open(f"{self.args.record}/requests", "a") as f:
            f.write(json.dumps(record) + "\n")

    def run(self):
        number = 0
        while True:
            sock, _ = self.listener.accept()
            number += 1
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=Connection(self, sock, number).run, daemon=True).start()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--address", default="198.51.100.20")
    p.add_argument("--record", required=True, help="folder for what arrives")
    p.add_argument("--cert", help="serve TLS with this PEM file")
    p.add_argument("--key")
    p.add_argument("port", type=int, nargs="+")
    args = p.parse_args()
    os.makedirs(args.record, exist_ok=True)
    threads = [threading.Thread(target=Server(args, port).run) for port in args.port]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


if __name__ == "__main__":
    main()
