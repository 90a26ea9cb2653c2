#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""flamegraph.py < PERF-SCRIPT > SVG: a flame graph of what `perf script` printed; hover for numbers."""

import html
import sys
import zlib

WIDTH, ROW = 1200, 16


def fold(lines):
    """{(outermost, ..., innermost): samples}"""
    stacks, frames = {}, []
    for line in list(lines) + [""]:
        if line[:1] in " \t" and line.strip():
            word = line.split(None, 1)[-1].rsplit(" (", 1)[0].strip()
            frames.append(word.split("+0x")[0])
        elif frames:
            key = tuple(reversed(frames))
            stacks[key] = stacks.get(key, 0) + 1
            frames = []
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
            f'font-family="monospace" font-size="11">\n{body}\n</svg>\n')


if __name__ == "__main__":
    sys.stdout.write(svg(fold(sys.stdin)))
