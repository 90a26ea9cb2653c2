# SPDX-License-Identifier: BSD-3-Clause
"""A program on a terminal: keys in, what it shows out.

    t = Terminal(["tagwardenctl"], {"HOME": "/tmp/x"})
    t.until(" # ")
    t.type("show stat\\t")
"""
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

# Moves and erasures, also half of one at the end; what is shown is what is left.
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r|\x1b(\[[0-9;?]*|[()])?$")


class Terminal:
    def __init__(self, argv, environment=None):
        self.seen = b""
        self.at = 0  # in what is shown: everything before was looked at
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # Wide, so that no line is broken.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
            os.environ.update({"TERM": "xterm", **(environment or {})})
            os.execv(argv[0], argv)

    def read(self, seconds):
        """What comes within that time; False at the end."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            got = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += got
        return got != b""

    def shown(self):
        return ESCAPES.sub(b"", self.seen).decode(errors="replace")[self.at :]

    def until(self, text, seconds=10):
        """Wait until <text> is shown after what was looked at before; returns all up to it."""
        end = time.monotonic() + seconds
        while text not in self.shown():
            if time.monotonic() > end or not self.read(0.1):
                raise AssertionError(f"{text!r} is not shown; what is:\n{self.shown()}")
        shown = self.shown()
        end = shown.index(text) + len(text)
        self.at += end
        return shown[:end]

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def end(self, seconds=10):
        """Its exit status, once it has ended by itself."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.read(0.1):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)
