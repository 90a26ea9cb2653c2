# SPDX-License-Identifier: BSD-3-Clause
"""A WebSocket that talks until it is cut: prints `open`, then what ended it."""

import sys
import time

from backend import payload
from rawclient import Client, quote

FIELDS = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

with Client(timeout=5) as c:
    r = c.ask("/ws", fields=FIELDS, do="body;send=" + quote(SWITCH) + ";echo")
    assert r.status == 101, r.status
    print("open", flush=True)
    try:
        while True:
            c.send(payload(0, 500))
            assert c.take(500) == payload(0, 500)
            time.sleep(0.02)
    except TimeoutError:
        print("mute", flush=True)
        sys.exit(1)
    except Exception as e:
        print("cut", type(e).__name__, flush=True)
