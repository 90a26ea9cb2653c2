# SPDX-License-Identifier: BSD-3-Clause
"""As blast.py, in IPv6.

usage: blast6.py INTERFACE frames|syns COUNT SEED MAC ADDRESS PORT

frames: neighbour discovery, MLD, echo, errors, TCP behind extension headers and in fragments, with
some octets changed, cut short or drawn out; in half of them the checksum is made right again.
syns: connection requests from as many spoofed addresses.
"""

import socket
import struct

import blast

LINK = socket.inet_pton(socket.AF_INET6, "2001:db8:1::")[:8]
ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")


def summed(src, dst, proto, body, at):
    """<body> with its checksum at <at>."""
    body = body[:at] + b"\0\0" + body[at + 2 :]
    total = blast.cksum(src + dst + struct.pack("!II", len(body), proto) + body)
    return body[:at] + struct.pack("!H", total) + body[at + 2 :]


def ipv6(src, dst, proto, payload, hops=64):
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, hops) + src + dst + payload


class Blast6(blast.Blast):
    family = socket.AF_INET6
    bystander = "2001:db8:1::1"

    def tcp(self, src, flags, seq=0, payload=b""):
        head = struct.pack(
            "!HHIIBBHHH", self.rng.randrange(1024, 65536), self.port, seq, 0, 0x60, flags, 9999, 0, 0
        )
        return summed(src, self.dst, 6, head + b"\2\4\5\xa0" + payload, 16)

    def icmp(self, src, dst, kind):
        r = self.rng
        options = bytes([r.choice([1, 2, 3, 5]), r.choice([1, 1, 1, 0, 9])]) + r.randbytes(6)
        if kind in (135, 136):
            body = r.choice([b"\0", b"\x60", b"\xe0"]) + b"\0\0\0"
            body += r.choice([self.dst, src, r.randbytes(16)]) + r.choice([b"", options])
        elif kind < 128:
            inner = ipv6(self.dst, src, 6, self.tcp(src, 0x10)[:20])
            body = struct.pack("!I", r.choice([0, 60, 1280, 1 << 31])) + inner
        else:
            body = r.randbytes(r.choice([4, 12, 40])) + options
        return summed(src, dst, 58, bytes([kind, r.choice([0, 0, 0, 1, 4])]) + b"\0\0" + body, 2)

    def sound(self):
        r = self.rng
        mac = bytes([2]) + r.randbytes(5)
        src = LINK + r.choice([r.randbytes(8), b"\0" * 6 + bytes([1, r.randrange(2, 256)])])
        kind = r.randrange(6)
        if kind < 2:
            what = r.choice([1, 2, 3, 4, 128, 130, 133, 134, 135, 136, 137, 143])
            group = r.choice([ALL_NODES, b"\xff\2" + b"\0" * 9 + b"\1\xff" + self.dst[13:]])
            to = group if what >= 130 and r.randrange(2) else self.dst
            at = b"\x33\x33" + to[12:] if to[0] == 0xFF else self.mac
            hops = r.choice([255, 255, 64]) if what >= 133 else 1
            return at + mac + b"\x86\xdd" + ipv6(src, to, 58, self.icmp(src, to, what), hops)
        flags = r.choice([0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0, 0x3F])
        body = self.tcp(src, flags, payload=r.randbytes(r.choice([0, 1, 99])))
        proto = 6
        for _ in range(r.choice([0, 0, 1, 3, 9, 20])):
            extension = r.choice([0, 43, 44, 51, 60])
            offset = r.choice([0, 1, 8, 9, 0xFFF8])
            if extension == 44:
                body = struct.pack("!BBHI", proto, 0, offset, r.randrange(4)) + body
            else:
                body = bytes([proto, r.choice([0, 0, 0, 1, 255])]) + r.randbytes(6) + body
            proto = extension
        return self.mac + mac + b"\x86\xdd" + ipv6(src, self.dst, proto, body[:1400])

    def repair(self, frame):
        proto = frame[20] if len(frame) > 58 and frame[12:14] == b"\x86\xdd" else 0
        at = {6: 16, 58: 2}.get(proto)
        if at is None or len(frame) < 54 + at + 2:
            return frame
        return frame[:54] + summed(frame[22:38], frame[38:54], proto, frame[54:], at)

    def syn(self):
        r = self.rng
        src = b"\x20\1\x0d\xb8\xff\xff" + r.randbytes(10)
        segment = self.tcp(src, 2, seq=r.getrandbits(32))
        return self.mac + b"\x02\0\0\0\xbb\1" + b"\x86\xdd" + ipv6(src, self.dst, 6, segment)


blast.main(Blast6)
