#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""devtools/count-tests counts functions, and never lets a dead program pass."""

import json
import os
import subprocess
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../devtools/count-tests")


def counts(*tests):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        for test in tests:
            f.write(json.dumps({"name": "t", "stderr": "", "returncode": 0, **test}) + "\n")
        f.flush()
        done = subprocess.run(
            f"'{TOOL}' {f.name} 3>&1 >/dev/null", shell=True, stdout=subprocess.PIPE, check=True
        )
    return [int(n) for n in done.stdout.split()]


class Counts(unittest.TestCase):
    def test_functions_of_a_cmocka_program_are_counted(self):
        out = "[==========] Running 3 test(s).\n[  PASSED  ] 3 test(s).\n"
        self.assertEqual(counts({"result": "OK", "stdout": out}), [3, 0, 0])

    def test_several_groups_add_up(self):
        out = "[  PASSED  ] 3 test(s).\n[  PASSED  ] 4 test(s).\n"
        self.assertEqual(counts({"result": "OK", "stdout": out}), [7, 0, 0])

    def test_failures_are_counted(self):
        out = "[  PASSED  ] 2 test(s).\n[  FAILED  ] 1 test(s), listed below:\n[  FAILED  ] a\n"
        self.assertEqual(counts({"result": "FAIL", "stdout": out}), [2, 1, 0])

    def test_program_that_died_counts_as_failed(self):
        self.assertEqual(counts({"result": "FAIL", "stdout": ""}), [0, 1, 0])
        out = "[  PASSED  ] 3 test(s).\n"
        self.assertEqual(counts({"result": "TIMEOUT", "stdout": out}), [3, 1, 0])

    def test_program_without_counts_is_one(self):
        self.assertEqual(counts({"result": "OK", "stdout": "fine"}), [1, 0, 0])

    def test_unittest_is_counted(self):
        out = "Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n"
        self.assertEqual(counts({"result": "FAIL", "stdout": "", "stderr": out}), [3, 2, 0])

    def test_skipped_program_is_one_skipped(self):
        self.assertEqual(counts({"result": "SKIP", "stdout": ""}), [0, 0, 1])


if __name__ == "__main__":
    unittest.main()
