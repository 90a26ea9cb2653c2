# SPDX-License-Identifier: BSD-3-Clause
"""Plots of results as SVG, by gnuplot: small multiples, one per question, side by side.

Colours are Okabe and Ito's, which people tell apart however they see colours; each subject has a
mark of its own besides. Text goes to gnuplot through clean() only.
"""

import re
import shutil
import subprocess

import aims
import tables

# subject: colour, point type
LOOKS = {
    "tagwarden": ("#0072B2", 7),
    "nginx": ("#E69F00", 5),
    "haproxy": ("#009E73", 9),
    "libssl": ("#CC79A7", 11),
}
SERIES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")
POINTS = (7, 5, 9, 11, 13, 15, 4)
PANEL = (400, 440)
GNUPLOT_S = 30

HEAD = """set terminal svg size {w},{h} dynamic font 'sans-serif,12' background '#ffffff'
set output {out}
set encoding utf8
set termoption noenhanced
set border 3 lc rgb '#555555'
set tics nomirror out textcolor rgb '#222222'
set grid ytics lc rgb '#dddddd' lw 1
set format y '%.0s%c'
set key bmargin center horizontal samplen 1.5 width 1 maxcols 2 textcolor rgb '#222222'
set multiplot layout 1,{n} title {title} font ',13' margins {left},0.985,0.31,0.80 spacing {gap},0.1
"""


def quoted(text):
    """A gnuplot string."""
    return "'" + tables.clean(text).replace("'", "''") + "'"


def look(subject, i):
    return LOOKS.get(subject, (SERIES[i % len(SERIES)], POINTS[i % len(POINTS)]))


class Panel:
    """One of the multiples: a title, the axes, and either lines or bars."""

    def __init__(self, title, x, y, settings=""):
        self.title, self.x, self.y, self.settings = title, x, y, settings
        self.lines = []  # name, colour, point, [(x, y, low, high)]
        self.bars = []  # name, colour, value, low, high

    def script(self):
        out = [f"set title {quoted(self.title)} font ',12'", f"set xlabel {quoted(self.x)}",
               f"set ylabel {quoted(self.y)} offset 1", self.settings]
        out.append("\n".join(self._bars() if self.bars else self._lines()))
        return "\n".join(out) + "\n"

    def _lines(self):
        data, plots = [], []
        for i, (name, colour, point, points) in enumerate(self.lines):
            data += [f"$d{i} << EOD", *(" ".join(f"{v:.10g}" for v in p) for p in sorted(points)),
                     "EOD"]
            looks = f"lc rgb '{colour}' lw 2 pt {point} ps 0.7"
            plots.append(f"$d{i} using 1:2 with linespoints {looks} title {quoted(name)}")
            plots.append(f"$d{i} using 1:3:(0):($4-$3) with vectors nohead lc rgb '{colour}' lw 1 notitle")
        return data + ["plot " + ", \\\n".join(plots)]

    def _bars(self):
        out, plots = [f"set xrange [0.4:{len(self.bars) + 0.6}]",
                      f"set yrange [0:{max(b[4] for b in self.bars) * 1.22:.10g}]", "unset key",
                      "set boxwidth 0.62"], []
        ticks = ", ".join(f"{quoted(b[0])} {i}" for i, b in enumerate(self.bars, 1))
        out.append(f"set xtics ({ticks})")
        for i, (_, colour, value, low, high) in enumerate(self.bars, 1):
            out += [f"$b{i} << EOD", f"{i} {value:.10g} {low:.10g} {high:.10g}", "EOD"]
            plots.append(f"$b{i} using 1:2 with boxes lc rgb '{colour}' fs solid 0.9 noborder")
            plots.append(f"$b{i} using 1:3:(0):($4-$3) with vectors nohead lc rgb '#222222' lw 1.5")
            out.append(f"set label {i + 1} {quoted(tables.number(value))} at {i},{high:.10g} center "
                       "offset 0,0.7")
        out.append("plot " + ", \\\n".join(plots))
        out += [f"unset label {i + 1}" for i in range(1, len(self.bars) + 1)]
        return out + ["unset xrange", "unset yrange", "set xrange [*:*]", "set yrange [*:*]",
                      "set xtics auto", "set key"]


def script(results, title, panels, out):
    """All of gnuplot's commands for one picture."""
    w, h = PANEL[0] * len(panels), PANEL[1]
    foot = f"{results.machine_line()}; {results.versions_line()}; {results.started}, commit " \
           f"{results.commit}{'; QUICK RUN' if results.quick else ''}"
    head = HEAD.format(w=w, h=h, out=quoted(out), n=len(panels), title='"' + re.sub(r'["\\\\`]', '', tables.clean(title) + '@@' + tables.clean(foot)).replace('@@', '\\n') + '"',
                       left=70 / w, gap=78 / w)
    return head + "\n".join(p.script() for p in panels) + "\nunset multiplot\n"


# ---- latency against rate ----

LATENCY = re.compile(r"(?:.*/)?(latency[^/]*)/(?:rate-)?([0-9.]+)(k?)(?:/.*|-.*)?")
PERCENTILES = (("p50", "median"), ("p99", "99 of 100"), ("p999", "999 of 1,000"))


def latency_panels(results):
    """A panel for each percentile, a line for each subject."""
    points = {}
    for r in results.rows:
        m = LATENCY.fullmatch(r.case)
        p = re.match(r"(?:latency[_ ])?(p50|p999|p99\.9|p99)\b|(?:latency[_ ])?(p50|p999|p99)_", r.metric)
        if not m or not p or not r.samples:
            continue
        key = (p.group(1) or p.group(2)).replace(".", "")
        us = [aims.convert(x, r.unit, "us", results.tsc_hz) for x in (r.median, min(r.samples),
                                                                      max(r.samples))]
        if None in us or min(us) <= 0:
            continue
        rate = float(m.group(2)) * (1000 if m.group(3) else 1)
        points.setdefault(key, {}).setdefault(r.subject, []).append((rate, *us))
    panels = []
    for key, words in PERCENTILES:
        if key not in points:
            continue
        panel = Panel(f"{key}: {words}", "requests a second, open loop", "us from the intended start",
                      "set logscale y 10\nset format x '%.0s%c'\nset xrange [0:*]\nset format y '%.0f'")
        panel.lines = [(s, *look(s, i), p) for i, (s, p) in enumerate(ordered(points[key]))]
        panels.append(panel)
    return panels


def ordered(by_subject):
    """Ours first, then those with a look of their own, then the rest."""
    order = list(LOOKS)
    return sorted(by_subject.items(),
                  key=lambda item: (order.index(item[0]) if item[0] in order else 99, item[0]))


# ---- per core, side by side ----

PER_CORE = (
    ("keepalive-1k", "cycles/request", "kept-alive requests, 1 KiB"),
    ("handshake-full", "cycles/(connection|request)", "new connections, full handshake"),
    ("handshake-resumed", "cycles/(connection|request)", "new connections, resumed"),
    ("body-1m", "bytes/core-s", "1 MiB bodies"),
)


def per_core_panels(results):
    """A panel for each scenario, a bar for each subject: how much a core does in a second."""
    panels = []
    for case, metric, words in PER_CORE:
        by = {r.subject: r for r in results.find("compare", f"(native/)?{case}", ".*", metric)
              if r.median}
        panel = Panel(words, "", "a second of one core's work")
        for i, (subject, r) in enumerate(ordered(by)):
            values = [r.median, max(r.samples), min(r.samples)]
            if r.unit == "cycles":
                if not results.tsc_hz:
                    continue
                values = [results.tsc_hz / v for v in values]
            else:
                values = [aims.convert(v, r.unit, "GB/s", None) for v in values]
                if None in values:
                    continue
                panel.y = "GB a second of one core's work"
                panel.settings = "set format y '%g'"
            panel.bars.append((subject, look(subject, i)[0], values[0], min(values[1:]),
                               max(values[1:])))
        if panel.bars:
            panels.append(panel)
    return panels


# ---- cost against scale ----


def scale_panel(results, found, panel, series, x):
    """Lines of <panel>: rows by the name that <series> gives, at the size that <x> gives."""
    points = {}
    for r in found:
        if not r.samples or r.median <= 0:
            continue
        unit = aims.convert(r.median, r.unit, panel.unit, results.tsc_hz)
        low, high = (aims.convert(v, r.unit, panel.unit, results.tsc_hz)
                     for v in (min(r.samples), max(r.samples)))
        if unit is not None and low > 0:
            points.setdefault(series(r), []).append((x(r), unit, low, high))
    for i, (name, p) in enumerate(sorted(points.items(), key=lambda item: sort_key(item[0]))):
        panel.lines.append((name, SERIES[i % len(SERIES)], POINTS[i % len(POINTS)], p))
    return panel


def sort_key(name):
    """Numbers in a name by their size."""
    return [int(part.replace(",", "")) if part[:1].isdigit() else part
            for part in re.split(r"([0-9][0-9,]*)", name)]


def size_in(case, word):
    """The number before (or after) a word in a case's name: 1000000 of "1000000-devices"."""
    m = re.search(rf"([0-9]+)(k|m)?-{word}|{word}s?-([0-9]+)", case, re.I)
    if not m:
        return None
    n = int(m.group(1) or m.group(3))
    return n * {"k": 1000, "m": 1000000}.get((m.group(2) or "").lower(), 1)


def log_panel(title, x, y, unit):
    panel = Panel(title, x, y, "set logscale x 10\nset format x '%.0s%c'\nset yrange [0:*]\n"
                  "set format y '%g'\nset xrange [*:*]")
    panel.unit = unit
    return panel


def scale_panels(results):
    """Decision by policies and devices, TCP by connections, publish by devices."""
    every = results.rows
    out = []
    for state in ("warm", "cold"):
        found = [r for r in every if r.case.startswith("decision/") and state in r.case
                 and size_in(r.case, "devices?") and size_in(r.case, "policies")
                 and re.fullmatch(r"decision/\d+-policies/\d+-devices/\w+(/last)?", r.case)]
        out.append(scale_panel(
            results, found, log_panel(f"a decision, {state} caches", "devices", "ns", "ns"),
            lambda r: f"{size_in(r.case, 'policies'):,} policies", lambda r: size_in(r.case, "devices?")))
    found = [r for r in every if r.case.startswith("tcp/") and "memory" not in r.case and size_in(r.case, "connections?")
             and r.unit == "cycles"]
    out.append(scale_panel(
        results, found, log_panel("a TCP segment", "connections", "cycles", "cycles"),
        lambda r: re.sub(r"[0-9]+k?-connections?", "", r.case).strip("/").replace("//", "/"),
        lambda r: size_in(r.case, "connections?")))
    found = [r for r in every if r.case.startswith("publish/") and size_in(r.case, "devices")]
    panel = log_panel("publishing changes", "devices", "us until every worker saw it", "us")
    panel.settings = panel.settings.replace("set yrange [0:*]", "set logscale y 10")
    out.append(scale_panel(
        results, found, panel,
        lambda r: re.sub(r"(-of-|/)?[0-9]+[km]?-devices", "", r.case[len("publish/"):]).strip("/") or "publish",
        lambda r: size_in(r.case, "devices")))
    return [p for p in out if p.lines]


PICTURES = (
    ("latency", "Latency against rate: kept-alive requests over mutual TLS, corrected for "
     "coordinated omission", latency_panels),
    ("per-core", "What one core does: mutual TLS proxied to a real server; more is better",
     per_core_panels),
    ("scale", "What it costs as numbers grow; less is better", scale_panels),
)


def trim(path):
    """No blanks at the ends, which gnuplot leaves: the reference run's pictures are in the tree."""
    with open(path, encoding="utf-8") as f:
        text = "\n".join(line.rstrip() for line in f.read().rstrip().split("\n"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + "\n")


def make(results, base):
    """Writes BASE-NAME.svg for each picture that has data: (paths, why there are not more)."""
    if not shutil.which("gnuplot"):
        return [], "there is no gnuplot (apt install gnuplot-nox)"
    made, why = [], []
    for name, title, panels_of in PICTURES:
        panels = panels_of(results)
        if not panels:
            continue
        path = f"{base}-{name}.svg"
        try:
            got = subprocess.run(["gnuplot", "-"], input=script(results, title, panels, path).encode(),
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=GNUPLOT_S,
                                 check=False)
        except subprocess.TimeoutExpired:
            why.append(f"{name}: gnuplot takes too long")
            continue
        if got.returncode:
            why.append(f"{name}: {tables.clean(got.stdout.decode('utf-8', 'replace'))[:300]}")
        else:
            trim(path)
            made.append(path)
    return made, "; ".join(why)
