# SPDX-License-Identifier: BSD-3-Clause
"""Ping an address through an interface with an 802.1Q tag, where the kernel knows no VLANs.

usage: vlan.py INTERFACE VLAN SOURCE DESTINATION SIZE    exit 0: answered, 1: not
"""

import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 1 << 4


def cksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Link:
    def __init__(self, interface, vlan):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.bind((interface, 0))
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.mac = self.sock.getsockname()[4]
        self.vlan = vlan

    def send(self, dst, ethertype, payload):
        tag = struct.pack("!HH", 0x8100, self.vlan)
        frame = dst + self.mac + tag + struct.pack("!H", ethertype) + payload
        self.sock.send(frame.ljust(64, b"\0"))

    def receive(self, ethertype, seconds):
        """The payload of the next frame of our VLAN and of that type; the kernel takes tags out."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sock.settimeout(max(end - time.monotonic(), 0.01))
            try:
                frame, aux, _, _ = self.sock.recvmsg(2048, 256)
            except socket.timeout:
                break
            vlan = 0
            for level, kind, data in aux:
                if level == SOL_PACKET and kind == PACKET_AUXDATA and len(data) >= 20:
                    status, _, _, _, _, tci = struct.unpack("=IIIHHH", data[:18])
                    if status & TP_STATUS_VLAN_VALID:
                        vlan = tci & 0xFFF
            if frame[:6] == self.mac and vlan == self.vlan:
                if struct.unpack("!H", frame[12:14])[0] == ethertype:
                    return frame[6:12], frame[14:]
        return None, None


def echo(src, dst, size):
    body = bytes(i & 0xFF for i in range(size))
    icmp = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + body
    icmp = icmp[:2] + struct.pack("!H", cksum(icmp)) + icmp[4:]
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, src, dst)
    return head[:10] + struct.pack("!H", cksum(head)) + head[12:] + icmp


def main():
    interface, vlan, src, dst, size = sys.argv[1:]
    src, dst = socket.inet_aton(src), socket.inet_aton(dst)
    link = Link(interface, int(vlan))
    ask = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, link.mac, src, b"\0" * 6, dst)
    link.send(b"\xff" * 6, 0x0806, ask)
    mac, answer = link.receive(0x0806, 2)
    if answer is None or answer[6:8] != b"\0\2" or answer[14:18] != dst:
        sys.exit(1)
    packet = echo(src, dst, int(size))
    link.send(mac, 0x0800, packet)
    _, reply = link.receive(0x0800, 2)
    if reply is None or reply[20] != 0 or reply[28 : len(packet)] != packet[28:]:
        sys.exit(1)


main()
