#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Stacks are folded, and drawn as XML whatever a symbol's name has in it."""

import os
import sys
import unittest
import xml.dom.minidom

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../../devtools"))
import flamegraph

TEXT = "w 1\n\t ab12 inner+0x1 (/bin/x)\n\t ab13 main (/bin/x)\n\nw 1\n\t ab12 a<b%d\n\t ab13 main\n"


class Flame(unittest.TestCase):
    def test_the_outermost_is_first(self):
        self.assertEqual(flamegraph.fold(TEXT.split("\n")), {("main", "inner"): 1, ("main", "a<b%d"): 1})

    def test_under_a_function_what_called_it_and_other_stacks_are_left_out(self):
        text = "w 1\n\t 1 [unknown] (/lib/libssl.so.3)\n\t 2 pass (/bin/x)\n\t 3 main (/bin/x)\n\nw 1\n\t 3 main (/bin/x)\n"
        self.assertEqual(flamegraph.fold(text.split("\n"), "pass"), {("pass", "[libssl.so.3]"): 1})

    def test_it_is_xml_and_tells_shares(self):
        text = flamegraph.svg(flamegraph.fold(TEXT.split("\n")))
        xml.dom.minidom.parseString(text)
        self.assertIn("main: 2 samples, 100.0 %", text)


if __name__ == "__main__":
    unittest.main()
