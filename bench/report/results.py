# SPDX-License-Identifier: BSD-3-Clause
"""Files of results: what bench.sh writes of one run, read back with care, and found in.

    {"schema": 1, "machine": {...}, "commit": "...", "quick": false, "started": "...Z",
     "seconds": 1034, "marks": ["..."],
     "suites": [{"suite": "micro", "status": "ok", "seconds": 160, "why": ""}],
     "rows": [...]}
"""

import json
import os
import re

import rows

# Larger than any run's results by far; a file of somebody else is not read into memory whole.
MAX_BYTES = 32 << 20


class Refused(Exception):
    """A file that is no file of results, with the reason."""


RECORD = 16384


def two_workers(found):
    """What two workers do in a second against one, each on a core of its own, from the cycles that
    a request takes of all of them. Only where the file does not say it itself."""
    cycles = {r.case: r for r in found if r.metric == "cycles/request"}
    known = {r.case for r in found if r.unit == "times"}
    for case, two in cycles.items():
        name = re.sub(r"^path/(.*)/two-workers$", r"\1", case)
        alone = cycles.get(f"path/{name}")
        case = f"workers/{name}"
        if alone in (None, two) or case in known or not two.median or not alone.median:
            continue
        yield rows.Row("scale", case, two.subject, "times one worker", "times", "more",
                       [2 * alone.median / two.median], alone.errors + two.errors,
                       "2 x cycles of one / cycles of two" + (", noisy" if alone.noisy or two.noisy
                                                               else ""))


def ceiling(found, hz):
    """What a core encrypts and does nothing else, in records of the largest size."""
    for r in found:
        if hz and r.case == f"tls/record/write/{RECORD}" and all(r.samples):
            yield rows.Row("micro", f"seal/{RECORD}", r.subject, "bytes/s", "bytes/s", "more",
                           [RECORD * hz / s for s in r.samples], r.errors, "from the cycles of a record")


class Results:
    """One run: facts of the machine, how the suites fared, and the rows."""

    def __init__(self, head, found):
        self.machine = head.get("machine") or {}
        self.commit = head.get("commit")
        self.quick = bool(head.get("quick"))
        self.started = head.get("started") or "?"
        self.seconds = head.get("seconds")
        self.marks = [m for m in head.get("marks") or [] if isinstance(m, str)]
        self.suites = [s for s in head.get("suites") or [] if isinstance(s, dict)]
        self.rows = found + list(two_workers(found)) + list(ceiling(found, self.tsc_hz))

    @property
    def tsc_hz(self):
        hz = self.machine.get("tsc_hz")
        return hz if rows.is_number(hz) and hz > 0 else None

    def find(self, suite, case, subject, metric):
        """Rows by regular expressions that match all of a name; the suite by its name."""
        return [
            r for r in self.rows
            if r.suite == suite and re.fullmatch(case, r.case) and re.fullmatch(subject, r.subject)
            and re.fullmatch(metric, r.metric)
        ]

    def one(self, suite, case, subject, metric):
        """The first of what is found, or None."""
        found = self.find(suite, case, subject, metric)
        return found[0] if found else None

    def machine_line(self):
        """The machine in one line, as it stands above tables and plots."""
        m = self.machine
        words = [str(m.get("cpu") or "unknown processor")]
        if m.get("cpu_family_model"):
            words[0] += f" (family/model {m['cpu_family_model']})"
        words.append(f"{m.get('cores', '?')} cores" + (" of a virtual machine" if m.get("hypervisor")
                                                       else ""))
        if self.tsc_hz:
            words.append(f"TSC {self.tsc_hz / 1e9:.3f} GHz")
        if m.get("memory_mib"):
            words.append(f"{m['memory_mib'] / 1024:.0f} GiB")
        words.append(f"Linux {m.get('kernel', '?')}")
        return ", ".join(words)

    def versions_line(self):
        m = self.machine
        return ", ".join(f"{name} {m[key]}" for name, key in (
            ("OpenSSL", "openssl"), ("DPDK", "dpdk"), ("nginx", "nginx"), ("HAProxy", "haproxy"))
                         if m.get(key))


def load(path):
    """Reads a file of results; raises Refused with the reason when it is none."""
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise Refused(f"{path}: larger than any file of results")
        with open(path, encoding="utf-8") as f:
            head = json.load(f)
    except OSError as why:
        raise Refused(f"{path}: {why.strerror}") from why
    except ValueError as why:
        raise Refused(f"{path}: is not JSON: {why}") from why
    if not isinstance(head, dict) or not isinstance(head.get("rows"), list):
        raise Refused(f"{path}: is no file of results: it has no rows")
    if head.get("schema") != rows.SCHEMA:
        raise Refused(f"{path}: has schema {head.get('schema')!r}, and {rows.SCHEMA} is what is known")
    if not isinstance(head.get("machine") or {}, dict):
        raise Refused(f"{path}: machine is no object")
    found = []
    for nr, d in enumerate(head["rows"]):
        try:
            found.append(rows.from_dict(d))
        except ValueError as why:
            raise Refused(f"{path}: row {nr} {why}") from why
    return Results(head, found)


def save(path, head, found):
    """Writes a file of results whole or not at all."""
    out = {"schema": rows.SCHEMA, **head, "rows": [r.as_dict() for r in found]}
    body = json.dumps({k: v for k, v in out.items() if k != "rows"}, indent=1, allow_nan=False)
    lines = ",\n  ".join(json.dumps(d, allow_nan=False) for d in out["rows"])
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(body.rstrip("}\n") + ',\n "rows": [\n  ' + lines + "\n ]\n}\n")
    os.replace(path + ".new", path)
