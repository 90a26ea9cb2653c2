#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Rows of results: what follows from samples, and what is refused."""

import io
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../../bench/report"))
import rows


def row(*samples, subject="tagwarden", metric="cycles/request", better="less", **more):
    return rows.Row("compare", "keepalive-1k", subject, metric, "cycles", better, samples, **more)


class Statistics(unittest.TestCase):
    def test_the_median_is_in_the_middle_whatever_the_order(self):
        self.assertEqual(rows.median([9, 1, 5]), 5)
        self.assertEqual(rows.median([4, 1, 3, 100]), 3.5)
        self.assertIsNone(rows.median([]))

    def test_spread_is_a_part_of_the_median(self):
        self.assertAlmostEqual(rows.spread([95, 100, 110]), 0.15)
        self.assertEqual(rows.spread([7]), 0)
        self.assertEqual(rows.spread([0, 0, 0]), 0)
        self.assertIsNone(rows.spread([-1, 0, 1]))

    def test_more_than_a_tenth_is_noise(self):
        self.assertFalse(rows.is_noisy([95, 100, 105]))
        self.assertTrue(rows.is_noisy([94, 100, 105]))
        self.assertTrue(rows.is_noisy([]))
        self.assertTrue(rows.is_noisy([-1, 0, 1]))

    def test_a_ratio_above_one_is_better_both_ways(self):
        self.assertEqual(rows.times_better(10, 60, "less"), 6)
        self.assertEqual(rows.times_better(60, 10, "more"), 6)
        self.assertIsNone(rows.times_better(0, 60, "less"))
        self.assertIsNone(rows.times_better(None, 60, "less"))


class Rows(unittest.TestCase):
    def test_an_emitted_row_is_one_line_with_all_that_follows(self):
        out = io.StringIO()
        row(95.0, 100.0, 112.5, note="a note").emit(out)
        self.assertEqual(out.getvalue().count("\n"), 1)
        self.assertEqual(json.loads(out.getvalue()), {
            "suite": "compare", "case": "keepalive-1k", "subject": "tagwarden",
            "metric": "cycles/request", "unit": "cycles", "better": "less",
            "samples": [95, 100, 112.5], "median": 100, "min": 95, "max": 112.5, "spread": 0.175,
            "noisy": True, "errors": 0, "note": "a note"})

    def test_a_row_without_samples_is_a_row(self):
        out = row(errors=3).as_dict()
        self.assertIsNone(out["median"])
        self.assertTrue(out["noisy"])

    def test_what_was_emitted_is_read_back(self):
        out = io.StringIO()
        row(1, 2, 3, errors=1).emit(out)
        got, bad = rows.parse(out.getvalue().splitlines())
        self.assertEqual(bad, [])
        self.assertEqual(got[0].as_dict(), row(1, 2, 3, errors=1).as_dict())

    def test_alternating_samples_are_compared_pair_by_pair(self):
        # The machine got slower by half in the second round; of the ratio nothing is to be seen.
        ratio = row(10, 15, 10).against(row(60, 90, 60, subject="nginx"))
        self.assertEqual(ratio.samples, [6, 6, 6])
        self.assertEqual(ratio.metric, "cycles/request against nginx")
        self.assertEqual(ratio.better, "more")
        self.assertFalse(ratio.noisy)

    def test_without_pairs_the_medians_are_compared(self):
        self.assertEqual(row(10, 11, 12).against(row(66, subject="nginx")).samples, [6])

    def test_errors_of_both_sides_stay_with_the_ratio(self):
        self.assertEqual(row(1, errors=2).against(row(1, subject="nginx", errors=3)).errors, 5)

    def test_different_metrics_are_not_compared(self):
        with self.assertRaises(ValueError):
            row(1).against(row(1, metric="requests/s"))

    def test_better_is_less_or_more(self):
        with self.assertRaises(ValueError):
            row(1, better="up")


class Parse(unittest.TestCase):
    def test_what_is_no_row_is_told_with_its_line(self):
        good = json.dumps(row(1).as_dict())
        missing = json.dumps({k: v for k, v in row(1).as_dict().items() if k != "subject"})
        text = json.dumps({**row(1).as_dict(), "samples": ["1"]})
        got, bad = rows.parse([good, "not JSON", "", "[1]", missing, text, good])
        self.assertEqual(len(got), 2)
        self.assertEqual([nr for nr, _ in bad], [2, 4, 5, 6])
        self.assertIn("subject", bad[2][1])

    def test_numbers_that_are_none_are_refused(self):
        line = json.dumps(row(1).as_dict()).replace("[1]", "[NaN]")
        self.assertEqual(rows.parse([line])[0], [])

    def test_what_a_file_claims_of_its_samples_is_not_believed(self):
        got, _ = rows.parse([json.dumps({**row(1, 2, 3).as_dict(), "median": 77, "noisy": False})])
        self.assertEqual(got[0].median, 2)
        self.assertTrue(got[0].noisy)


class Machine(unittest.TestCase):
    def test_facts_are_there_and_are_json(self):
        facts = json.loads(json.dumps(rows.machine(), allow_nan=False))
        self.assertGreater(facts["cores"], 0)
        self.assertGreater(facts["memory_mib"], 0)
        self.assertEqual(len(facts["load"]), 3)
        self.assertTrue(facts["kernel"])

    def test_no_tree_has_no_commit(self):
        self.assertIsNone(rows.commit("/proc"))


if __name__ == "__main__":
    unittest.main()
