#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Print the notifications of an emsim: ws_listen.py DIR PORT COUNT [TOPIC ...].

Ends with status 0 after COUNT messages, 1 when the connection ends or nothing comes for 5 s.
Only the standard library is used, so RFC 6455 is spelt out here as far as it is needed.
"""

import base64
import json
import os
import socket
import ssl
import struct
import sys


def connect(folder, port):
    tls = ssl.create_default_context(cafile=f"{folder}/ems-ca.pem")
    tls.load_cert_chain(f"{folder}/gateway.pem", f"{folder}/gateway.key")
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    sock = tls.wrap_socket(raw, server_hostname="localhost")
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        (
            "GET /api/v1/ws/notifications HTTP/1.1\r\nHost: localhost\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
    )
    return sock, sock.makefile("rb")


def send(sock, opcode, payload):
    mask = os.urandom(4)
    head = bytes([0x80 | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    else:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
    sock.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))


def receive(stream):
    head = stream.read(2)
    if len(head) < 2:
        return None, b""
    size = head[1] & 127
    if size == 126:
        size = struct.unpack(">H", stream.read(2))[0]
    return head[0] & 15, stream.read(size)


def main():
    folder, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    topics = sys.argv[4:] or ["sysinfo", "tags", "avatar", "ztna_ca"]
    sock, stream = connect(folder, port)
    status = stream.readline().decode().strip()
    if " 101 " not in status:
        print(status)
        return 1
    while stream.readline() != b"\r\n":
        pass
    register = {"sn": "FPXVULTM24000083", "topics": topics}
    send(sock, 1, json.dumps({"message_type": "register", "message_body": register}).encode())
    print("registered", flush=True)
    while count > 0:
        opcode, payload = receive(stream)
        if opcode is None or opcode == 8:
            print("closed", flush=True)
            return 1
        if opcode == 9:
            send(sock, 10, payload)
        if opcode == 1:
            print(payload.decode(), flush=True)
            count -= 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ssl.SSLError) as error:
        print(f"failed: {error}")
        sys.exit(1)
