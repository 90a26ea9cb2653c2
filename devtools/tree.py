# SPDX-License-Identifier: BSD-3-Clause
"""What the linters share: which files there are, and C text without comments and strings."""

import os
import re
import subprocess
import sys

# Bytes that are meant to be odd, and text that is not ours to reformat.
DATA = re.compile(r"(^|/)(corpus|corpora|golden)/|(^|/)LICENSE$|\.(pem|key|crt|bin|pcap|gz)$")


def root():
    """The top of the tree: where the linter was started, or the git top above it."""
    return os.environ.get("LINT_ROOT", os.getcwd())


def _git_files():
    out = subprocess.run(
        ["git", "-C", root(), "ls-files", "-z", "-co", "--exclude-standard"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return out.stdout.decode().split("\0")[:-1] if out.returncode == 0 else None


def _walked_files():
    found = []
    for folder, folders, names in os.walk(root()):
        folders[:] = [f for f in folders if not f.startswith(("build", ".git"))]
        found += [os.path.relpath(os.path.join(folder, n), root()) for n in names]
    return found


def files(*endings, data=False):
    """Files of the tree (tracked or about to be), those named on the command line when any are."""
    names = sys.argv[1:] or _git_files() or _walked_files()
    names = [n for n in names if os.path.isfile(os.path.join(root(), n))]
    names = [n for n in names if not os.path.islink(os.path.join(root(), n))]
    if not data:
        names = [n for n in names if not DATA.search(n)]
    if endings:
        names = [n for n in names if n.endswith(endings)]
    return sorted(set(names))


def read(name):
    with open(os.path.join(root(), name), encoding="utf-8", errors="replace", newline="") as f:
        return f.read()


def is_binary(name):
    with open(os.path.join(root(), name), "rb") as f:
        return b"\0" in f.read(8192)


def first_line(name):
    with open(os.path.join(root(), name), "rb") as f:
        return f.readline(200).decode("utf-8", "replace")


def is_shell(name):
    return name.endswith(".sh") or re.match(r"#!.*\b(ba|da)?sh\b", first_line(name)) is not None


def is_python(name):
    return name.endswith(".py") or re.match(r"#!.*\bpython3?\b", first_line(name)) is not None


_TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X
)


def code_only(text, keep_includes=True):
    """C text with comments and literals blanked; lines and columns stay where they were."""

    def blank(m):
        s = m.group(0)
        if keep_includes and s[0] == '"':
            line = text[text.rfind("\n", 0, m.start()) + 1 : m.start()]
            if re.match(r"\s*#\s*include\s*$", line):
                return s
        return re.sub(r"[^\n]", " ", s)

    return _TOKEN.sub(blank, text)


def functions(code):
    """(first line, last line) of each function body of <code>, numbered from 1.

    Relies on the brace style that clang-format enforces: a body opens with `{` alone in column 0
    below a line that ends with `)` (or an attribute), and closes with `}` in column 0.
    """
    bodies, start, last = [], None, ""
    for nr, line in enumerate(code.split("\n"), 1):
        if start is None and line.rstrip() == "{" and last.endswith((")", "]", "]]")):
            start = nr
        elif start is not None and line.startswith("}"):
            bodies.append((start, nr))
            start = None
        if line.strip():
            last = line.rstrip()
    return bodies


class Report:
    """Collects file:line messages and turns them into an exit status."""

    def __init__(self):
        self.seen = 0

    def say(self, name, line, text):
        self.seen += 1
        print(f"{name}:{line}: {text}")

    def status(self):
        return 1 if self.seen else 0
