# SPDX-License-Identifier: BSD-3-Clause
"""Send a bounded number of hostile frames through an interface, the same ones for the same seed.

usage: blast.py INTERFACE frames|syns COUNT SEED MAC ADDRESS PORT

frames: random octets, and sound ARP, ICMP, TCP, UDP, fragments and VLAN frames with some octets
changed, cut short or drawn out; in half of them the checksums are made right again afterwards.
syns: connection requests from as many spoofed addresses. Both go to that MAC, address and port.
"""

import random
import socket
import struct
import sys
import time

BURST = 64


def cksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp(src, dst, sport, dport, flags, options=b"", payload=b"", seq=0, ack=0):
    head = struct.pack(
        "!HHIIBBHHH", sport, dport, seq, ack, (5 + len(options) // 4) << 4, flags, 65535, 0, 0
    )
    pseudo = src + dst + struct.pack("!BBH", 0, 6, len(head) + len(options) + len(payload))
    total = cksum(pseudo + head + options + payload)
    return head[:16] + struct.pack("!H", total) + head[18:] + options + payload


def ipv4(src, dst, proto, payload, fragment=0, options=b""):
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x45 + len(options) // 4,
        0,
        20 + len(options) + len(payload),
        1,
        fragment,
        64,
        proto,
        0,
        src,
        dst,
    )
    total = cksum(head + options)
    return head[:10] + struct.pack("!H", total) + head[12:] + options + payload


def repair(frame):
    """Make the checksums of an IPv4 packet right, as far as its lengths make sense."""
    if frame[12:14] != b"\x08\0" or len(frame) < 34:
        return frame
    ip = bytearray(frame[14:])
    hlen = (ip[0] & 15) * 4
    total = min(struct.unpack("!H", ip[2:4])[0], len(ip))
    if hlen < 20 or total < hlen:
        return frame
    ip[10:12] = b"\0\0"
    ip[10:12] = struct.pack("!H", cksum(bytes(ip[:hlen])))
    body = ip[hlen:total]
    if ip[9] == 6 and len(body) >= 20:
        body[16:18] = b"\0\0"
        pseudo = bytes(ip[12:20]) + struct.pack("!BBH", 0, 6, len(body))
        body[16:18] = struct.pack("!H", cksum(pseudo + bytes(body)))
    if ip[9] == 1 and len(body) >= 8:
        body[2:4] = b"\0\0"
        body[2:4] = struct.pack("!H", cksum(bytes(body)))
    ip[hlen:total] = body
    return frame[:14] + bytes(ip)


class Blast:
    family = socket.AF_INET
    bystander = "192.0.2.1"
    repair = staticmethod(repair)

    def __init__(self, seed, mac, address, port):
        self.rng = random.Random(seed)
        self.mac = bytes.fromhex(mac.replace(":", ""))
        self.dst = socket.inet_pton(self.family, address)
        self.port = port

    def sound(self):
        """A frame that there is nothing to say against."""
        r = self.rng
        mac = bytes([2]) + r.randbytes(5)
        src = bytes([192, 0, 2, r.randrange(20, 250)])
        sport = r.randrange(1024, 65536)
        mss = b"\2\4\5\xb4"
        full = mss + b"\4\2\x08\x0a" + r.randbytes(8) + b"\1\3\3\7"
        options = r.choice([b"", mss, full])
        flags = r.choice([0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0, 0x3F])
        payload = r.randbytes(r.choice([0, 1, 99]))
        segment = tcp(src, self.dst, sport, self.port, flags, options, payload)
        kind = r.randrange(8)
        if kind == 0:
            arp = struct.pack("!HHBBH", 1, 0x800, 6, 4, r.randrange(1, 3))
            arp += mac + src + self.mac + self.dst
            return self.mac + mac + b"\x08\x06" + arp
        if kind == 1:
            echo = b"\x08\0\0\0" + r.randbytes(60)
            echo = echo[:2] + struct.pack("!H", cksum(echo)) + echo[4:]
            packet = ipv4(src, self.dst, 1, echo)
        elif kind == 2:
            inner = ipv4(self.dst, src, 6, segment)[:28]
            error = bytes([3, r.randrange(16), 0, 0, 0, 0, 2, 0]) + inner
            error = error[:2] + struct.pack("!H", cksum(error)) + error[4:]
            packet = ipv4(src, self.dst, 1, error)
        elif kind == 3:
            packet = ipv4(src, self.dst, 17, r.randbytes(30))
        elif kind == 4:
            packet = ipv4(src, self.dst, 6, segment, r.choice([0x2000, 0x0004, 0x2005, 0x1FFF]))
        elif kind == 5:
            packet = ipv4(src, self.dst, 6, segment, 0, r.randbytes(4 * r.randrange(1, 11)))
        else:
            packet = ipv4(src, self.dst, 6, segment)
        tag = b"\x81\0" + r.randbytes(2) if r.randrange(16) == 0 else b""
        return self.mac + mac + tag + b"\x08\0" + packet

    def hostile(self):
        r = self.rng
        if r.randrange(8) == 0:
            return r.choice([self.mac, r.randbytes(6)]) + r.randbytes(r.randrange(8, 1500))
        frame = bytearray(self.sound())
        for _ in range(r.randrange(0, 5)):
            frame[r.randrange(12, len(frame))] = r.choice([0, 0xFF, r.randrange(256)])
        cut = r.randrange(8)
        if cut == 0:
            frame = frame[: r.randrange(14, len(frame) + 1)]
        elif cut == 1:
            frame += r.randbytes(r.randrange(1, 200))
        frame = frame[:1514]
        return self.repair(bytes(frame)) if r.randrange(2) else bytes(frame)

    def frame(self):
        bystander = socket.inet_pton(self.family, self.bystander)
        frame = self.hostile()
        # Who claims the bystander's address on a link can cut it off: that is ARP and neighbour
        # discovery, no defect.
        while bystander in frame:
            frame = self.hostile()
        return frame

    def syn(self):
        r = self.rng
        mac = b"\x02\0\0\0\xbb\1"
        src = bytes([10]) + r.randbytes(3)
        sport, seq = r.randrange(1024, 65536), r.getrandbits(32)
        segment = tcp(src, self.dst, sport, self.port, 2, b"\2\4\5\xb4", seq=seq)
        return self.mac + mac + b"\x08\0" + ipv4(src, self.dst, 6, segment)


def main(make_blast):
    interface, kind, count, seed, mac, address, port = sys.argv[1:]
    blast = make_blast(int(seed), mac, address, int(port))
    make = blast.frame if kind == "frames" else blast.syn
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    sent = 0
    for i in range(int(count)):
        try:
            sent += sock.send(make()) > 0
        except OSError:
            pass  # a frame that the kernel itself refuses, or a full queue
        if i % BURST == 0:
            # So that they arrive: a tap's queue drops what is too much at once.
            time.sleep(0.002 if kind == "frames" else 0.006)
    print(f"{sent} sent")


if __name__ == "__main__":
    main(Blast)
