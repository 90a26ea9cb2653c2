#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""flamegraph.py [--under FUNCTION] < PERF-SCRIPT > SVG: a flame graph of what `perf script -F ip,sym,dso` printed.

Hover for numbers. With --under what has no such frame is left out, and so is what called it.
"""

import argparse
import html
import os
import sys
import zlib

WIDTH, ROW = 1200, 16


def samples(lines):
    """Of each sample its frames, innermost first: (address, name, object)."""
    frames = []
    for line in lines:
        if line[:1] in (" ", "\t") and line.strip():
            address, _, rest = line.strip().partition(" ")
            name, _, dso = rest.strip().rpartition(" (")
            name, dso = (name, dso.rstrip(")")) if name else (dso, "")
            frames.append((address, name.split("+0x")[0], dso))
        elif frames:
            yield frames
            frames = []
    if frames:
        yield frames


def below(frames, under):
    """The frames from the innermost to <under>; none when it is not there."""
    if under is None:
        return frames
    for i, frame in enumerate(frames):
        if frame[1] == under:
            return frames[: i + 1]
    return []


def shown(frame):
    return "[" + os.path.basename(frame[2]) + "]" if frame[1] == "[unknown]" and frame[2] else frame[1]


def fold(lines, under=None):
    """{(outermost, ..., innermost): samples}"""
    stacks = {}
    for frames in samples(lines):
        key = tuple(shown(frame) for frame in reversed(below(frames, under)))
        if key:
            stacks[key] = stacks.get(key, 0) + 1
    return stacks


def tree(stacks):
    """[samples, {name: the same below}]"""
    top = [0, {}]
    for stack, n in stacks.items():
        node = top
        node[0] += n
        for name in stack:
            node = node[1].setdefault(name, [0, {}])
            node[0] += n
    return top


def draw(node, name, x, depth, total, out):
    """Appends (depth, text) of a frame and what is above it."""
    w = WIDTH * node[0] / total
    if w < 0.3:
        return
    text = html.escape(name)
    hue = 20 + zlib.crc32(name.encode()) % 40
    label = html.escape(name[: int(w / 7)]) if w > 30 else ""
    out.append((depth, f'<g><title>{text}: {node[0]} samples, {100 * node[0] / total:.1f} %</title>'
                f'<rect x="{x:.1f}" y="%d" width="{w:.1f}" height="{ROW - 1}" fill="hsl({hue},75%%,65%%)"/>'
                f'<text x="{x + 2:.1f}" y="%d">{label.replace("%", "%%")}</text></g>'.replace(
                    f"{text}: ", text.replace("%", "%%") + ": ").replace(" %</title>", " %%</title>")))
    for child, below in sorted(node[1].items()):
        draw(below, child, x, depth + 1, total, out)
        x += WIDTH * below[0] / total


def svg(stacks):
    top, out = tree(stacks), []
    draw(top, "all", 0, 0, top[0] or 1, out)
    height = (max((d for d, _ in out), default=0) + 1) * ROW
    body = "\n".join(t % (height - (d + 1) * ROW, height - d * ROW - 4) for d, t in out)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'font-family="monospace" font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n'
            f'{body}\n</svg>\n')


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--under")
    sys.stdout.write(svg(fold(sys.stdin, options.parse_args().under)))
