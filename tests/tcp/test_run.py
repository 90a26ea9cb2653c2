#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The runner sees what is wrong with a scenario, says where, and what came instead. RUN is its path."""

import os
import subprocess
import tempfile
import unittest

OPEN = "listen\n0 < S 0 <mss 1000, sackOK>\n> S. 0 ack 1\n0.1 < . 1 ack 1\naccept\n"


class RunTest(unittest.TestCase):
    def play(self, text, *options):
        with tempfile.NamedTemporaryFile("w", suffix=".tcp", encoding="utf-8") as f:
            f.write(text)
            f.flush()
            done = subprocess.run(
                [os.environ["RUN"], *options, f.name],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=60,
            )
            return done.returncode, done.stdout.replace(f.name, "FILE")

    def assert_played(self, text):
        rc, out = self.play(text)
        self.assertEqual(rc, 0, out)
        self.assertIn("ok FILE", out)

    def assert_refused(self, text, *parts):
        rc, out = self.play(text)
        self.assertEqual(rc, 1, out)
        for part in parts:
            self.assertIn(part, out)

    def assert_each_refused(self, before, lines):
        """Each line is a case behind <before>, so that the program starts once."""
        text, at = before, before.count("\n")
        for line, _ in lines:
            text += f'case "a"\n{line}\n'
        rc, out = self.play(text)
        self.assertEqual(rc, 1, out)
        self.assertIn(f"[  FAILED  ] {len(lines)} test(s).", out)
        for i, (line, what) in enumerate(lines):
            message = out.split(f"FILE:{at + 2 * i + 2}: {line}\n")
            self.assertEqual(len(message), 2, out)
            self.assertIn(what, message[1].split("the last that was exchanged")[0])

    def test_example_of_the_readme_is_played(self):
        here = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(here, "README.md"), encoding="utf-8") as f:
            self.assert_played(f.read().split("```\n")[1])

    def test_segment_that_does_not_come(self):
        self.assert_refused(OPEN + "> . 1 ack 1\n", "FILE:6: > . 1 ack 1", "nothing was sent until")

    def test_segment_that_nobody_expects(self):
        self.assert_refused(
            OPEN + "< . 1:11 ack 1\naccept nothing\n", "FILE:7:", "nothing was expected", "> . 1 ack 11"
        )
        self.assert_refused(OPEN + "< . 1:11 ack 1\n", "nothing was expected", "> . 1 ack 11")

    def test_each_field_is_compared(self):
        self.assert_each_refused(
            OPEN + "< . 1:11 ack 1\n",
            (
                ("> F. 1 ack 11", "the flags"),
                ("> . 2 ack 11", "the sequence number"),
                ("> . 1:2 ack 11", "the length"),
                ("> . 1 ack 12", "the acknowledgement"),
                ("> . 1 ack 11 win 7", "the window"),
                ("> . 1 ack 11 urg 7", "the urgent pointer"),
                ("> . 1 ack 11 ecn ce", "the ECN bits"),
                ("> . 1 ack 11 <sack 21:31>", "an option is not there"),
            ),
        )

    def test_options_are_compared(self):
        held = OPEN + "< . 11:21 ack 1\n> . 1 ack 1 "
        self.assert_played(held + "<sack 11:21>\n")
        self.assert_refused(held + "<sack 11:22>\n", "an option's value")
        self.assert_refused(held + "<>\n", "more options than wanted")
        self.assert_refused(held + "\n", "an option that is not wanted")

    def test_time_is_compared(self):
        late = OPEN + "write 10\n> P. 1:11 ack 1\n"
        self.assert_played(late + "0.35 > P. 1:11 ack 1\n")
        self.assert_refused(late + "0.3 > P. 1:11 ack 1\n", "nothing was sent until 0.301")
        self.assert_refused(late + "0.36 > P. 1:11 ack 1\n", "it came early")
        self.assert_refused(late + "0.05 > P. 1:11 ack 1\n", "time does not run backwards")

    def test_peer_is_compared(self):
        self.assert_refused(OPEN + "< . 1:11 ack 1\npeer 2\n> . 1 ack 11\n", "differs in")

    def test_calls_are_checked(self):
        self.assert_each_refused(
            OPEN,
            (
                ("accept", "there is no connection to accept"),
                ("read 1", "only 0 bytes"),
                ("read eof", "expected eof"),
                ("write 70000", "bytes were taken"),
                ("listen", "gave EADDRINUSE"),
                ("unlisten ENOENT", "expected ENOENT"),
                ("expect state closed", "the state is established"),
                ("expect cwnd 1..9", "cwnd is"),
                ("expect conns 0", "conns is 1"),
                ("counter TCP_ACCEPTED 2", "TCP_ACCEPTED is 1"),
                ("events readable", "the events are"),
            ),
        )

    def test_words_that_are_wrong(self):
        self.assert_each_refused(
            OPEN,
            (
                ("acept", "is no word"),
                ("expect colour 1", "nothing that can be looked at"),
                ("counter TCP_NOTHING 1", "is no counter"),
                ("< X 1 ack 1", "begins with its flags"),
                ("< . one ack 1", "FROM:TO"),
                ("< . 1", "goes with the flag"),
                ("< R 1 ack 1", "goes with the flag"),
                ("< . 1 ack 1 wind 5", "is not known"),
                ("< . 1 ack 1 <mss>", "an option is wrong"),
                ("isn peer 5", "comes too late"),
                ("params depth 5", "is no parameter"),
            ),
        )
        self.assert_refused(OPEN + "1.2.3 accept\n", "FILE:6:", "is no time")

    def test_text_that_is_wrong(self):
        self.assert_refused(
            OPEN + '< . 1:4 ack 1 text "abc"\n> . 1 ack 4\nread 3\n', "FILE:8:", "byte 1 is 0x61"
        )

    def test_last_exchanges_are_shown(self):
        rc, out = self.play(OPEN + "read eof\n")
        self.assertEqual(rc, 1)
        self.assertIn("the last that was exchanged:", out)
        self.assertIn("> S. 0 ack 1 win 65535 <mss 1460, sackOK>", out)

    def test_cases_are_alone(self):
        rc, out = self.play(
            OPEN + 'case "one"\nabort\n> R. 1 ack 1\ncase "two"\nread eof\ncase "three"\nread nothing\n'
        )
        self.assertEqual(rc, 1)
        self.assertIn("FILE (2 of 3 cases)", out)
        self.assertIn("[  PASSED  ] 2 test(s).", out)
        self.assertIn("[  FAILED  ] 1 test(s).", out)

    def test_verbose_tells_all(self):
        out = self.play(OPEN, "--verbose")[1]
        self.assertIn("0.100000 < . 1 ack 1", out)
        self.assertIn("0.100000   accept", out)

    def test_file_that_is_not_there(self):
        done = subprocess.run([os.environ["RUN"], "/nowhere.tcp"], capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"/nowhere.tcp: No such file", done.stdout)


if __name__ == "__main__":
    unittest.main()
