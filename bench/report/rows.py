# SPDX-License-Identifier: BSD-3-Clause
"""Rows of results: the one format that every suite of bench/ prints, and the facts of the machine.

A row is one line of JSON on stdout: what was measured, of whom, the samples, and what follows from
them. C programs print the same through bench/micro/row.h.

    row = Row("compare", "keepalive-1k", "nginx", "cycles/request", "cycles", "less")
    row.add(52100.0)
    row.add(51800.0)
    row.emit()
"""

import ctypes
import json
import mmap
import os
import platform
import re
import subprocess
import sys
import time

SCHEMA = 1
SUITES = ("micro", "compare", "scale", "load")
# Samples of one thing that differ by more than this part of their median are marked.
NOISE = 0.10


def median(samples):
    """The middle one, or the mean of the two in the middle; None of nothing."""
    s = sorted(samples)
    if not s:
        return None
    half = len(s) // 2
    return s[half] if len(s) % 2 else (s[half - 1] + s[half]) / 2


def spread(samples):
    """From the least to the greatest, as a part of the median; None where that says nothing."""
    middle = median(samples)
    if middle is None:
        return None
    if max(samples) == min(samples):
        return 0.0
    return (max(samples) - min(samples)) / abs(middle) if middle else None


def is_noisy(samples):
    """Whether the samples differ too much to argue with."""
    s = spread(samples)
    return s is None or s > NOISE


def times_better(value, other, better):
    """How many times better <value> is than <other>: above 1 is better, whichever way that is."""
    if value is None or other is None:
        return None
    over, under = (other, value) if better == "less" else (value, other)
    return over / under if under else None


def _plain(x):
    """At most six digits after the point, and none where there is nothing to say with them."""
    if isinstance(x, float):
        return int(x) if x.is_integer() and abs(x) < 1 << 53 else round(x, 6)
    return x


class Row:
    """One thing measured of one subject: <suite>, <case>, <subject>, <metric> name it."""

    def __init__(self, suite, case, subject, metric, unit, better, samples=(), errors=0, note=""):
        if better not in ("less", "more"):
            raise ValueError(f"better is less or more, not {better!r}")
        self.suite, self.case, self.subject = suite, case, subject
        self.metric, self.unit, self.better = metric, unit, better
        self.samples = list(samples)
        self.errors, self.note = errors, note

    @property
    def key(self):
        return (self.suite, self.case, self.subject, self.metric)

    @property
    def median(self):
        return median(self.samples)

    @property
    def spread(self):
        return spread(self.samples)

    @property
    def noisy(self):
        return is_noisy(self.samples)

    def add(self, sample):
        self.samples.append(sample)
        return self

    def against(self, other):
        """The row that says how many times better this one's subject is than <other>'s.

        Samples are taken pair by pair where there are as many of each, since alternating runs are
        made to be compared so; else it is one ratio of the medians.
        """
        if (self.metric, self.better) != (other.metric, other.better):
            raise ValueError(f"{self.metric} is not compared with {other.metric}")
        if len(self.samples) == len(other.samples):
            pairs = list(zip(self.samples, other.samples))
        else:
            pairs = [(self.median, other.median)]
        ratios = [times_better(a, b, self.better) for a, b in pairs]
        row = Row(self.suite, self.case, self.subject, f"{self.metric} against {other.subject}",
                  "times", "more", [r for r in ratios if r is not None])
        row.errors = self.errors + other.errors
        return row

    def as_dict(self):
        return {
            "suite": self.suite,
            "case": self.case,
            "subject": self.subject,
            "metric": self.metric,
            "unit": self.unit,
            "better": self.better,
            "samples": [_plain(s) for s in self.samples],
            "median": _plain(self.median),
            "min": _plain(min(self.samples, default=None)),
            "max": _plain(max(self.samples, default=None)),
            "spread": _plain(self.spread),
            "noisy": self.noisy,
            "errors": self.errors,
            "note": self.note,
        }

    def emit(self, out=None):
        """Prints the row as its line of JSON, at once."""
        print(json.dumps(self.as_dict(), allow_nan=False), file=out or sys.stdout, flush=True)


def emit(suite, case, subject, metric, unit, better, samples, errors=0, note=""):
    """Prints a row whose samples are all there."""
    Row(suite, case, subject, metric, unit, better, samples, errors, note).emit()


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool) and x == x and abs(x) != float("inf")


def from_dict(d):
    """A row of a file or of a suite's output. What follows from the samples is computed anew.

    Raises ValueError with the reason when it is no row.
    """
    if not isinstance(d, dict):
        raise ValueError("is not an object")
    for name in ("suite", "case", "subject", "metric", "unit", "better"):
        if not isinstance(d.get(name), str) or not d[name]:
            raise ValueError(f"has no {name}")
    samples = d.get("samples")
    if not isinstance(samples, list) or not all(is_number(s) for s in samples):
        raise ValueError("samples are not a list of numbers")
    errors, note = d.get("errors", 0), d.get("note", "")
    if not is_number(errors) or not isinstance(note, str):
        raise ValueError("errors are not a number, or the note is no text")
    return Row(d["suite"], d["case"], d["subject"], d["metric"], d["unit"], d["better"], samples,
               errors, note)


def parse(lines):
    """Rows of a suite's output, and of each line that is none (line number, reason)."""
    rows, bad = [], []
    for nr, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(from_dict(json.loads(line)))
        except ValueError as why:
            bad.append((nr, str(why)))
    return rows, bad


# ---- the machine ----


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def _said(*command):
    """What a command says, on whichever of its two ways; empty where there is none."""
    try:
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20,
                             check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return out.stdout.decode("utf-8", "replace") if out.returncode == 0 else ""


def _found(pattern, text):
    m = re.search(pattern, text, re.M)
    return m.group(1).strip() if m else None


def tsc_hz(seconds=0.1):
    """Ticks of the time stamp counter in a second, measured; None where there is none to read."""
    if platform.machine() != "x86_64":
        return None
    # rdtsc; shl rdx, 32; or rax, rdx; ret
    code = b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3"
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None
    page.write(code)
    hold = ctypes.c_char.from_buffer(page)
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(hold))
    rdtsc()
    t0, c0 = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW), rdtsc()
    time.sleep(seconds)
    t1, c1 = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW), rdtsc()
    return round((c1 - c0) * 1e9 / (t1 - t0), -4)


def machine():
    """The facts of this machine that a figure means nothing without."""
    cpuinfo, meminfo = _read("/proc/cpuinfo"), _read("/proc/meminfo")
    pages, page_kib = _found(r"^HugePages_Total:\s*(\d+)", meminfo), _found(
        r"^Hugepagesize:\s*(\d+)", meminfo)
    return {
        "cpu": _found(r"^model name\s*:\s*(.*)$", cpuinfo) or platform.machine(),
        "cpu_family_model": "/".join(
            _found(rf"^{name}\s*:\s*(\d+)$", cpuinfo) or "?" for name in ("cpu family", "model")),
        "cores": len(os.sched_getaffinity(0)),
        "hypervisor": " hypervisor" in cpuinfo,
        "tsc_hz": tsc_hz(),
        "l3": _said("getconf", "LEVEL3_CACHE_SIZE").strip() or None,
        "kernel": platform.release(),
        "openssl": _found(r"^OpenSSL (\S+)", _said("openssl", "version")),
        "dpdk": _said("pkg-config", "--modversion", "libdpdk").strip() or None,
        "nginx": _found(r"nginx/(\S+)", _said("/usr/sbin/nginx", "-v")),
        "haproxy": _found(r"version (\S+)", _said("/usr/sbin/haproxy", "-v")),
        "memory_mib": int(_found(r"^MemTotal:\s*(\d+)", meminfo) or 0) // 1024,
        "hugepages_mib": int(pages or 0) * int(page_kib or 0) // 1024,
        "load": list(os.getloadavg()),
    }


def commit(top):
    """The commit of the tree, with "+" behind it when there are changes that are not committed."""
    head = _said("git", "-C", top, "rev-parse", "--short=12", "HEAD").strip()
    if not head:
        return None
    return head + ("+" if _said("git", "-C", top, "status", "--porcelain").strip() else "")
