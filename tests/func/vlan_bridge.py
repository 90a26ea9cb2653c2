# SPDX-License-Identifier: BSD-3-Clause
"""Join an interface without tags and one with an 802.1Q tag, where the kernel knows no VLANs.

usage: vlan_bridge.py UNTAGGED TAGGED VLAN    prints "ready", runs until it is killed
"""

import select
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING = 263, 8, 23
TP_STATUS_VLAN_VALID = 1 << 4


def open_link(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((interface, ETH_P_ALL))
    sock.setblocking(False)
    return sock


def receive(sock):
    """A frame without its tag, and its VLAN; the kernel has taken the tag out of it."""
    frame, aux, _, _ = sock.recvmsg(2048, 256)
    for level, kind, data in aux:
        if level == SOL_PACKET and kind == PACKET_AUXDATA and len(data) >= 18:
            status, _, _, _, _, tci = struct.unpack("=IIIHHH", data[:18])
            if status & TP_STATUS_VLAN_VALID:
                return frame, tci & 0xFFF
    return frame, 0


def forward(source, target, want, tag):
    """What is there now."""
    while True:
        try:
            frame, vlan = receive(source)
        except BlockingIOError:
            return
        if vlan != want:
            continue
        try:
            target.send(frame[:12] + tag + frame[12:])
        except OSError:
            pass  # lost: TCP will send it again


def main():
    plain, tagged = open_link(sys.argv[1]), open_link(sys.argv[2])
    vlan = int(sys.argv[3])
    tag = struct.pack("!HH", 0x8100, vlan)
    print("ready", flush=True)
    while True:
        for sock in select.select([plain, tagged], [], [])[0]:
            if sock is plain:
                forward(plain, tagged, 0, tag)
            else:
                forward(tagged, plain, vlan, b"")


main()
