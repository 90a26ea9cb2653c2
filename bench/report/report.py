#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What bench.sh does with results: collects them, shows them, compares them."""

import argparse
import glob
import json
import os
import sys

import aims
import diff
import model
import plots
import results
import rows
import tables

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
WORDS = {"micro": "Parts alone (micro)", "scale": "Scale", "load": "Load"}
# Between these, docs/performance.md has what --markdown prints.
BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures -->"


def do_machine(_args):
    """The facts, taken before anything of ours makes the machine busy."""
    print(json.dumps(rows.machine(), allow_nan=False))
    return 0


def do_collect(args):
    """Rows of the suites into one file; lines that are no rows are told, and count as a failure."""
    with open(args.machine, encoding="utf-8") as f:
        facts = json.load(f)
    found, suites, status = [], [], 0
    for name, state, seconds, path, why in args.suite or []:
        with open(path, encoding="utf-8", errors="replace") as f:
            got, bad = rows.parse(f)
        for nr, reason in bad:
            print(f"bench.sh: {name}: line {nr} of its output is no row: {reason}", file=sys.stderr)
        if bad and state == "ok":
            state, why = "failed", f"{len(bad)} lines of its output are no rows"
        if not got and state == "ok":
            state, why = "failed", "it printed no row"
        status |= state != "ok"
        found += got
        suites.append({"suite": name, "status": state, "seconds": int(seconds), "rows": len(got),
                       "why": why})
    head = {
        "machine": facts, "commit": rows.commit(TOP), "quick": args.quick, "started": args.started,
        "seconds": args.seconds, "build": args.build, "marks": args.mark or [], "suites": suites,
    }
    results.save(args.out, head, found)
    return status


def head_lines(res, style):
    """Of what run these tables are."""
    kind = "quick run" if res.quick else "run"
    lines = [f"{kind} of {tables.clean(res.started)}, commit {tables.clean(res.commit)}",
             tables.clean(res.machine_line()), tables.clean(res.versions_line())]
    load = res.machine.get("load")
    if isinstance(load, list) and load and rows.is_number(load[0]):
        lines.append(f"load at the start {load[0]:.2f}")
    if res.quick:
        lines.append(style.warn("quick: few and short samples, to see that it works, not to quote"))
    lines += [style.warn("MARKED: " + tables.clean(m)) for m in res.marks]
    if res.suites:
        lines.append(tables.suites_line(res, style))
    return [line for line in lines if line]


def counts(res):
    """How much of it is to be taken with care."""
    noisy = sum(1 for r in res.rows if r.samples and r.noisy)
    errors = sum(1 for r in res.rows if r.errors or not r.samples)
    return f"{len(res.rows)} rows; {noisy} noisy (spread over 10 %), {errors} with errors or no figure"


def sections(res, style):
    """(name, title, text) of each table that has something in it."""
    yield "micro", WORDS["micro"], tables.plain_table(res, "micro", style)
    yield "compare", "Side by side (compare)", tables.compare_table(res, style)
    for suite in ("scale", "load"):
        yield suite, WORDS[suite], tables.plain_table(res, suite, style)
    yield "aims", "What is aimed at", aims.table(res, style)
    yield "model", f"On paper: {model.CORES} cores, {model.LINK_GBPS} Gb/s", model.table(res, style)


def do_show(args):
    res = results.load(args.file)
    style = tables.Style(markdown=args.markdown)
    if args.markdown:
        show_markdown(args, res, style)
        return 0
    for line in head_lines(res, style):
        print(line)
    for _, title, text in sections(res, style):
        if text:
            print(f"\n{tables.title(style, title)}\n\n{text}")
    print("\n" + counts(res))
    if not args.no_plots:
        print_plots(res, args.file)
    return 0


def markdown_parts(res, style, file):
    """What stands between the markers, by name."""
    name = os.path.basename(file)
    parts = {"run": "\n".join("- " + line for line in [f"file: `{name}`", *head_lines(res, style),
                                                       counts(res)])}
    for key, _, text in sections(res, style):
        parts[key] = text or "Nothing of this was measured in that run."
    return parts


def show_markdown(args, res, style):
    parts = markdown_parts(res, style, args.file)
    if not args.into:
        for key, text in parts.items():
            print(f"{BEGIN.format(key)}\n{text}\n{END}\n")
        return
    with open(args.into, encoding="utf-8") as f:
        page = f.read()
    page, filled = fill(page, parts)
    with open(args.into, "w", encoding="utf-8") as f:
        f.write(page)
    print(f"{args.into}: {', '.join(filled) or 'no markers found'}")


def fill(page, parts):
    """<page> with what is between its markers replaced, and the names that were there."""
    filled = []
    for key, text in parts.items():
        before, begin, rest = page.partition(BEGIN.format(key))
        if not begin:
            continue
        _, end, after = rest.partition(END)
        if not end:
            raise results.Refused(f"the marker {BEGIN.format(key)} has no end")
        page = f"{before}{begin}\n{text}\n{end}{after}"
        filled.append(key)
    return page, filled


def print_plots(res, file):
    made, why = plots.make(res, os.path.splitext(file)[0])
    if made:
        print("plots: " + " ".join(made))
    if why:
        print("no plots: " + why)


def do_diff(args):
    old, new = results.load(args.old), results.load(args.new)
    style = tables.Style(markdown=args.markdown)
    for name, r in (("old", old), ("new", new)):
        print(f"{name}: {tables.clean(r.started)}, commit {tables.clean(r.commit)}")
    for why in diff.warnings(old, new):
        print(style.warn("with care: " + tables.clean(why)))
    text, worse = diff.table(style, old, new, args.all)
    print("\n" + text)
    return 1 if worse and args.fail_if_worse else 0


def do_list(args):
    style = tables.Style()
    lines = []
    for path in sorted(p for d in args.dirs for p in glob.glob(os.path.join(d, "*.json"))):
        try:
            res = results.load(path)
        except results.Refused as why:
            lines.append([os.path.relpath(path), "", "", "", "", str(why)])
            continue
        failed = [s.get("suite", "?") for s in res.suites if s.get("status") != "ok"]
        note = [f"failed: {', '.join(failed)}"] if failed else []
        lines.append([os.path.relpath(path), res.started, res.commit or "?",
                      "quick" if res.quick else "full", len(res.rows), "; ".join(note + res.marks)])
    if not lines:
        print("no results yet: sudo ./bench.sh")
        return 0
    print(tables.table(style, ["file", "started", "commit", "kind", "rows", ""], lines, left=4))
    return 0


def arguments():
    p = argparse.ArgumentParser(prog="bench.sh")
    sub = p.add_subparsers(dest="command", required=True)
    sub.add_parser("machine").set_defaults(run=do_machine)
    c = sub.add_parser("collect")
    c.add_argument("--machine", required=True)
    c.add_argument("--started", required=True)
    c.add_argument("--seconds", type=int, required=True)
    c.add_argument("--build", default="")
    c.add_argument("--quick", action="store_true")
    c.add_argument("--mark", action="append")
    c.add_argument("--suite", action="append", nargs=5)
    c.add_argument("--out", required=True)
    c.set_defaults(run=do_collect)
    s = sub.add_parser("show", help="the tables and plots of a file of results")
    s.add_argument("file")
    s.add_argument("--markdown", action="store_true", help="for docs/performance.md")
    s.add_argument("--into", metavar="PAGE", help="with --markdown: between that page's markers")
    s.add_argument("--no-plots", action="store_true")
    s.set_defaults(run=do_show)
    d = sub.add_parser("diff", help="what changed from one file of results to another")
    d.add_argument("old")
    d.add_argument("new")
    d.add_argument("--all", action="store_true", help="also what is within the spread")
    d.add_argument("--markdown", action="store_true")
    d.add_argument("--fail-if-worse", action="store_true", help="exit status 1 then")
    d.set_defaults(run=do_diff)
    ls = sub.add_parser("list", help="the files of results that there are")
    ls.add_argument("dirs", nargs="*", default=[os.path.join(TOP, "bench/results")])
    ls.set_defaults(run=do_list)
    return p


def main():
    args = arguments().parse_args()
    try:
        return args.run(args)
    except results.Refused as why:
        print(f"bench.sh: {why}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
