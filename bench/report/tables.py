# SPDX-License-Identifier: BSD-3-Clause
"""Tables of results: for a terminal with colours, for a pipe without, and as Markdown."""

import os
import re
import sys

import rows

# Bytes of a file of results must not command the reader's terminal, nor break a table.
UNSAFE = re.compile(r"[^ -~\u00a1-\uffff]")


class Style:
    """Colours on a terminal only, and only when nobody forbids them."""

    def __init__(self, out=sys.stdout, markdown=False):
        self.markdown = markdown
        self.colour = not markdown and out.isatty() and not os.environ.get("NO_COLOR")

    def _in(self, code, text):
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def bold(self, text):
        return self._in(1, text)

    def dim(self, text):
        return self._in(2, text)

    def good(self, text):
        return self._in(32, text)

    def bad(self, text):
        return self._in(31, text)

    def warn(self, text):
        return self._in(33, text)


def clean(text):
    return UNSAFE.sub("?", str(text))


def number(x):
    """Three digits that matter, thousands apart."""
    if x is None:
        return "-"
    if x == 0:
        return "0"
    size = abs(x)
    if size >= 99.95:
        return f"{x:,.0f}"
    if size >= 9.995:
        return f"{x:.1f}"
    if size >= 0.9995:
        return f"{x:.2f}"
    return f"{x:.3g}"


def times(x):
    return "-" if x is None else f"{x:.2f}x" if abs(x) < 10 else f"{x:.1f}x"


def percent(x):
    return "-" if x is None else f"{100 * x:.0f} %"


def duration_ns(ns):
    """A time as one says it."""
    for limit, unit in ((1e3, "ns"), (1e6, "us"), (1e9, "ms")):
        if abs(ns) < limit:
            return f"{number(ns / limit * 1e3)} {unit}"
    return f"{number(ns / 1e9)} s"


def marks_of(*some):
    """What has to be said beside a figure that comes of these rows."""
    some = [r for r in some if r is not None]
    marks = []
    if any(r.errors for r in some):
        marks.append("ERRORS")
    if any(r.samples and r.noisy for r in some):
        marks.append("noisy")
    if any(not r.samples for r in some):
        marks.append("no figure")
    return marks


def width(text):
    return len(re.sub("\x1b\\[[0-9]*m", "", text))


def table(style, head, lines, left=1):
    """Text of a table: the first <left> columns and the last to the left, the others to the right."""
    lines = [[clean_cell(c) for c in line] for line in lines]
    if style.markdown:
        rule = ["---" if i < left or i == len(head) - 1 else "---:" for i in range(len(head))]
        return "\n".join("| " + " | ".join(str(c).replace("|", "\\|") for c in line) + " |"
                         for line in [head, rule, *lines])
    widths = [max(width(c) for c in column) for column in zip(head, *lines)]

    def row(cells, paint=str):
        out = []
        for i, (c, w) in enumerate(zip(cells, widths)):
            pad = " " * (w - width(c))
            out.append(paint(c) + pad if i < left or i == len(cells) - 1 else pad + paint(c))
        return "  " + "  ".join(out).rstrip()

    return "\n".join([row(head, style.bold), *(row(line) for line in lines)])


def clean_cell(cell):
    """As clean(), but for the colours that we put there ourselves."""
    parts = re.split("(\x1b\\[[0-9]{1,2}m)", str(cell))
    return "".join(p if i % 2 else clean(p) for i, p in enumerate(parts))


def title(style, text):
    return f"### {text}\n" if style.markdown else style.bold(text)


def mark_cell(style, marks):
    return ", ".join(style.bad(m) if m == "ERRORS" else style.warn(m) for m in marks)


def cycles_as_time(row, value, tsc_hz):
    """The same in time where it is in cycles, else empty."""
    if value is None or row.unit != "cycles" or not tsc_hz:
        return ""
    return duration_ns(value / tsc_hz * 1e9)


def plain_table(results, suite, style):
    """Each row of a suite on its own line: for micro, scale and load."""
    lines = []
    some = [r for r in results.rows if r.suite == suite]
    subjects = {r.subject for r in some}
    for r in some:
        line = [r.case] + ([r.subject] if len(subjects) > 1 else [])
        line += [r.metric, number(r.median), cycles_as_time(r, r.median, results.tsc_hz),
                 percent(r.spread)]
        note = "; ".join([m for m in [mark_cell(style, marks_of(r)), clean(r.note)] if m])
        lines.append(line + [note])
    if not lines:
        return ""
    head = ["case"] + (["subject"] if len(subjects) > 1 else [])
    return table(style, head + ["metric", "median", "time", "spread", ""], lines, left=len(head) + 1)


def ratios(results, row):
    """For a row of tagwarden: {subject: row that says how many times better} of each other one."""
    return {
        other.subject: row.against(other)
        for other in results.rows
        if (other.suite, other.case, other.metric) == (row.suite, row.case, row.metric)
        and other.subject != row.subject and other.better == row.better
    }


def worst_ratio(results, row):
    """That to the best of nginx and HAProxy, or None where neither was measured."""
    found = [r for s, r in ratios(results, row).items()
             if s in ("nginx", "haproxy") and r.median is not None]
    return min(found, key=lambda r: r.median, default=None)


def compare_table(results, style):
    """Scenario by subject, and how many times better than the better of the others."""
    some = [r for r in results.rows if r.suite == "compare"]
    subjects = [s for s in ("tagwarden", "nginx", "haproxy") if any(r.subject == s for r in some)]
    subjects += sorted({r.subject for r in some} - set(subjects))
    cells, order = {}, []
    for r in some:
        at = (r.case, r.metric)
        if at not in cells:
            order.append(at)
        cells.setdefault(at, {})[r.subject] = r
    lines, last = [], None
    for at in order:
        by = cells[at]
        ours = by.get("tagwarden")
        ratio = worst_ratio(results, ours) if ours else None
        line = ["" if at[0] == last and not style.markdown else at[0], at[1]]
        line += [number(by[s].median) if s in by else "" for s in subjects]
        line += [times(ratio.median) if ratio else "", mark_cell(style, marks_of(*by.values()))]
        lines.append(line)
        last = at[0]
    if not lines:
        return ""
    return table(style, ["case", "metric", *subjects, "to the better", ""], lines, left=2)


def suites_line(results, style):
    """How the suites fared; what did not work is named."""
    words = []
    for s in results.suites:
        text = f"{clean(s.get('suite'))} {clean(s.get('status'))}"
        if rows.is_number(s.get("seconds")):
            text += f" ({s['seconds']:.0f} s)"
        if s.get("why"):
            text += f": {clean(s['why'])}"
        words.append(text if s.get("status") == "ok" else style.bad(text))
    return ", ".join(words)
