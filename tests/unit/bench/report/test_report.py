#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The report on made-up results: tables, differences, Markdown, and what is refused."""

import os
import subprocess
import tempfile
import unittest

import canned

REPORT = os.path.join(canned.TOP, "bench/report/report.py")


def report(*args):
    got = subprocess.run([REPORT, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return got.returncode, got.stdout.decode(), got.stderr.decode()


class Report(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.file = canned.save(os.path.join(self.dir.name, "a.json"))

    def tearDown(self):
        self.dir.cleanup()

    def line_of(self, text, start):
        return next(line for line in text.splitlines() if line.strip().startswith(start))

    def test_aims_are_met_or_not(self):
        _, out, _ = report("show", self.file, "--no-plots")
        self.assertTrue(self.line_of(out, "kept-alive request").endswith("met"))
        self.assertTrue(self.line_of(out, "connection with a resumed").endswith("not met"))
        self.assertTrue(self.line_of(out, "two workers, kept").endswith("noisy"))
        self.assertTrue(self.line_of(out, "two workers, a new").endswith("errors"))
        self.assertTrue(self.line_of(out, "packet of an").endswith("not measured"))

    def test_ratio_is_to_the_better_of_the_others(self):
        _, out, _ = report("show", self.file, "--no-plots")
        self.assertIn("7.00x", self.line_of(out, "native/keepalive-1k"))

    def test_no_colour_without_a_terminal_and_errors_are_told(self):
        _, out, _ = report("show", self.file, "--no-plots")
        self.assertNotIn("\x1b", out)
        self.assertIn("ERRORS", out)

    def test_a_file_does_not_command_the_terminal(self):
        found = [canned.row("micro", "evil\x1b[2J", "tagwarden", "m", "u", "less", [1])]
        path = canned.save(os.path.join(self.dir.name, "b.json"), found)
        _, out, _ = report("show", path, "--no-plots")
        self.assertNotIn("\x1b", out)

    def test_markdown_goes_between_the_markers(self):
        page = os.path.join(self.dir.name, "page.md")
        with open(page, "w", encoding="utf-8") as f:
            f.write("before\n<!-- figures: aims -->\nold\n<!-- end of figures -->\nafter\n")
        status, _, _ = report("show", self.file, "--markdown", "--into", page)
        with open(page, encoding="utf-8") as f:
            text = f.read()
        self.assertEqual(status, 0)
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
        self.assertNotIn("\nold\n", text)
        self.assertIn("| 8,000 cycles |", text)

    def test_diff_tells_what_is_more_than_the_spread(self):
        found = canned.every()
        for r in found:
            if r.case == "native/keepalive-1k" and r.subject == "tagwarden":
                r.samples = [2 * s for s in r.samples]
        new = canned.save(os.path.join(self.dir.name, "new.json"), found)
        status, out, _ = report("diff", self.file, new, "--fail-if-worse")
        self.assertEqual(status, 1)
        self.assertIn("WORSE", self.line_of(out, "native/keepalive-1k"))
        self.assertEqual(out.count("WORSE"), 1)
        self.assertEqual(report("diff", self.file, self.file, "--fail-if-worse")[0], 0)

    def test_what_is_no_file_of_results_is_refused_with_the_reason(self):
        path = os.path.join(self.dir.name, "bad.json")
        for text, why in (("{", "not JSON"), ("{}", "no rows"), ('{"schema": 9, "rows": []}', "schema"),
                          ('{"schema": 1, "rows": [{}]}', "row 0")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            status, _, err = report("show", path)
            self.assertEqual(status, 2)
            self.assertIn(why, err)

    def test_bench_sh_has_help_and_refuses_nonsense(self):
        for args, status in ((["--help"], 0), (["--only", "x"], 2), (["--nonsense"], 2)):
            got = subprocess.run([os.path.join(canned.TOP, "bench.sh"), *args],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            self.assertEqual(got.returncode, status)


if __name__ == "__main__":
    unittest.main()
