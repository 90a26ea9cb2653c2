# SPDX-License-Identifier: BSD-3-Clause
"""What changed from one file of results to another."""

import rows
import tables


def changed_by(old, new):
    """How many times better <new> is than <old>, and whether that is more than both spreads."""
    ratio = rows.times_better(new.median, old.median, new.better)
    if ratio is None or ratio <= 0:
        return None, False
    size = max(ratio, 1 / ratio) - 1
    return ratio, size > max(old.spread or 0, new.spread or 0)


def verdict(style, old, new, ratio, is_sure):
    if ratio is None:
        return "no figure"
    text = "within the spread" if not is_sure else "better" if ratio > 1 else "WORSE"
    paint = style.dim if not is_sure else style.good if ratio > 1 else style.bad
    notes = ["ERRORS"] if old.errors or new.errors else []
    return ", ".join([paint(text)] + notes)


def table(style, old, new, is_all=False):
    """Changed medians; those within the spread are counted only, unless all are wanted.

    Returns the text and how many got worse for sure.
    """
    before = {r.key: r for r in old.rows}
    after = {r.key: r for r in new.rows}
    lines, within, worse = [], 0, 0
    for key, r in after.items():
        o = before.get(key)
        if o is None:
            continue
        ratio, is_sure = changed_by(o, r)
        worse += is_sure and ratio < 1
        if not is_sure and not is_all:
            within += 1
            continue
        lines.append([r.case, r.subject, r.metric, number_of(o), number_of(r), tables.times(ratio),
                      f"{tables.percent(o.spread)}, {tables.percent(r.spread)}",
                      verdict(style, o, r, ratio, is_sure)])
    lines.sort(key=lambda line: line[:3])
    parts = []
    if lines:
        parts.append(tables.table(style, ["case", "subject", "metric", "old", "new", "times better",
                                          "spreads", ""], lines, left=3))
    counts = [f"{within} within the spread"] if within else []
    for words, gone in (("only in the old", before.keys() - after.keys()),
                        ("only in the new", after.keys() - before.keys())):
        if gone:
            counts.append(f"{len(gone)} {words}")
    parts.append("; ".join(counts) or "nothing else differs")
    return "\n\n".join(parts), worse


def number_of(row):
    return tables.number(row.median)


def warnings(old, new):
    """Why the two may not be comparable."""
    out = []
    for key, words in (("cpu", "processor"), ("cpu_family_model", "processor model"),
                       ("cores", "number of cores"), ("kernel", "kernel"), ("openssl", "OpenSSL"),
                       ("dpdk", "DPDK"), ("nginx", "nginx"), ("haproxy", "HAProxy")):
        a, b = old.machine.get(key), new.machine.get(key)
        if a != b:
            out.append(f"different {words}: {a}, then {b}")
    if old.quick != new.quick:
        out.append("one of them is a --quick run")
    for name, r in (("old", old), ("new", new)):
        out += [f"the {name} run is marked: {m}" for m in r.marks]
    return out
