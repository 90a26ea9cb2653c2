#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each linter lets good text through and catches the one fault it is there for."""

import os
import subprocess
import tempfile
import unittest

DEVTOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "devtools")
HEAD = "/* SPDX-License-Identifier: BSD-3-Clause */\n"


class LintCase(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def write(self, name, text):
        path = os.path.join(self.dir.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def lint(self, check, *files):
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        env.pop("LINT_ROOT", None)
        done = subprocess.run(
            [os.path.join(DEVTOOLS, "check-" + check), *files],
            cwd=self.dir.name,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def assert_clean(self, check):
        rc, out = self.lint(check)
        self.assertEqual((rc, out), (0, ""))

    def assert_refused(self, check, *parts):
        rc, out = self.lint(check)
        self.assertNotEqual(rc, 0, out)
        for part in parts:
            self.assertIn(part, out)


class Text(LintCase):
    def test_licence_on_the_first_line_passes(self):
        self.write("common/a.c", HEAD)
        self.write("devtools/run", "#!/bin/sh\n# SPDX-License-Identifier: BSD-3-Clause\n")
        self.assert_clean("spdx")

    def test_missing_licence_is_refused(self):
        self.write("common/a.c", "int a;\n" + HEAD)
        self.assert_refused("spdx", "common/a.c:1:")

    def test_script_without_licence_is_refused(self):
        self.write("run", "#!/bin/sh\necho\n")
        self.assert_refused("spdx", "run:2:")

    def test_trailing_blank_is_refused(self):
        self.write("a.c", "int a; \n")
        self.assert_refused("space", "a.c:1: blank at the end")

    def test_space_before_tab_is_refused(self):
        self.write("a.c", "int f(int\n  \tb);\n")
        self.assert_refused("space", "a.c:2: space before a tab")

    def test_missing_newline_at_the_end_is_refused(self):
        self.write("a.c", "int a;")
        self.assert_refused("space", "no newline")

    def test_corpus_bytes_are_left_alone(self):
        self.write("tests/fuzz/http/corpus/x", "GET / \r\n")
        self.assert_clean("space")

    def test_fix_me_is_refused(self):
        self.write("a.c", "/* FIX" + "ME: later */\n")
        self.assert_refused("comments", "a.c:1:")

    def test_to_do_needs_an_issue(self):
        self.write("a.c", "/* TO" + "DO: later */\n")
        self.assert_refused("comments", "a.c:1:")

    def test_to_do_with_an_issue_passes(self):
        self.write("a.c", "/* TO" + "DO (#12): later */\n")
        self.assert_clean("comments")

    def test_width_counts_a_tab_as_eight(self):
        self.write("a.c", "\t" + "x" * 92 + "\n")
        self.assert_clean("comments")
        self.write("a.c", "\t" + "x" * 93 + "\n")
        self.assert_refused("comments", "101 columns")


class TestsTest(LintCase):
    HEAD = "| RFC | what | state | test |\n| --- | --- | --- | --- |\n"

    def setUp(self):
        super().setUp()
        self.write("tests/unit/dataplane/tcp/test_tcp_close.c", "static void a_test(void **s)\n")
        self.write("tests/tcp/close/first.tcp", "listen\n")
        self.write("tests/tcp/meson.build", "files('close/first.tcp')\n")

    def test_tests_that_are_there_pass(self):
        cell = "close:a_test, close/first, close/, test_tcp_close.c, tests/tcp/meson.build, sim"
        self.write("dataplane/tcp/FEATURE.md", self.HEAD + f"| 1 | a | yes | {cell} |\n")
        self.assert_clean("tests")

    def test_tests_that_are_not_there_are_refused(self):
        for cell in ("close:b_test", "open:a_test", "close/last", "test_no.c", "tests/tcp/no"):
            self.write("dataplane/tcp/FEATURE.md", self.HEAD + f"| 1 | a | yes | {cell} |\n")
            self.assert_refused("tests", f"FEATURE.md:3: there is no test {cell}")

    def test_claim_without_a_test_is_refused(self):
        self.write("FEATURE.md", self.HEAD + "| 1 | a | yes | |\n| 2 | b | no | |\n")
        self.assert_refused("tests", "FEATURE.md:3: claimed")
        self.assertNotIn(":4:", self.lint("tests")[1])

    def test_scenario_that_nobody_plays_is_refused(self):
        self.write("tests/tcp/close/last.tcp", "listen\n")
        self.assert_refused("tests", "tests/tcp/close/last.tcp:1:")


class LayersTest(LintCase):
    def test_granted_include_passes(self):
        self.write("dataplane/base/pool.h", "#pragma once\n")
        self.write("common/snap/snap.h", "#pragma once\n#include <stdint.h>\n")
        self.write("dataplane/http/h1.c", '#include "base/pool.h"\n#include "common/snap/snap.h"\n')
        self.assert_clean("layers")

    def test_upward_include_is_refused(self):
        self.write("dataplane/worker/worker.h", "#pragma once\n")
        self.write("dataplane/http/h1.c", '\n#include "worker/worker.h"\n')
        self.assert_refused("layers", "dataplane/http/h1.c:2:", "may not include")

    def test_planes_do_not_meet(self):
        self.write("dataplane/base/pool.h", "#pragma once\n")
        self.write("controlplane/snap/builder.c", '#include "dataplane/base/pool.h"\n')
        self.assert_refused("layers", "controlplane/snap/builder.c:1:")

    def test_main_of_a_plane_sees_its_plane_only(self):
        self.write("dataplane/tcp/tcp.h", "#pragma once\n")
        self.write("dataplane/main.c", '#include "tcp/tcp.h"\n')
        self.write("controlplane/main.c", '#include "dataplane/tcp/tcp.h"\n')
        self.assert_refused("layers", "controlplane/main.c:1:")
        self.assertNotIn("dataplane/main.c", self.lint("layers")[1])

    def test_common_does_not_reach_into_a_plane(self):
        self.write("dataplane/base/pool.h", "#pragma once\n")
        self.write("common/snap/snap.c", '#include "dataplane/base/pool.h"\n')
        self.assert_refused("layers", "common/snap/snap.c:1:")

    def test_include_without_path_is_refused(self):
        self.write("dataplane/tcp/tcp.h", "#pragma once\n")
        self.write("dataplane/tcp/tcp.c", '#include "tcp.h"\n')
        self.assert_refused("layers", "is not a path")

    def test_library_in_the_wrong_room_is_refused(self):
        self.write("dataplane/session/session.c", "#include <openssl/ssl.h>\n")
        self.write("dataplane/tls/tls.c", "#include <openssl/ssl.h>\n")
        self.assert_refused("layers", "dataplane/session/session.c:1: <openssl/ssl.h>")
        self.assertNotIn("tls/tls.c", self.lint("layers")[1])

    def test_longest_library_prefix_decides(self):
        self.write("common/shm/rcu.h", "#include <rte_rcu_qsbr.h>\n")
        self.assert_clean("layers")
        self.write("common/shm/rcu.h", "#include <rte_mbuf.h>\n")
        self.assert_refused("layers", "common/shm/rcu.h:1:")

    def test_pure_engine_does_not_drag_in_dpdk(self):
        self.write("common/shm/rcu.h", "#include <rte_rcu_qsbr.h>\n")
        self.write("dataplane/http/h1.c", '#include "common/shm/rcu.h"\n')
        self.assert_refused("layers", "dataplane/http/h1.c:1: must stay free of <rte_*>")

    def test_private_header_stays_in_its_folder(self):
        self.write("dataplane/tcp/tcp_priv.h", "#pragma once\n")
        self.write("dataplane/worker/w.c", '#include "tcp/tcp_priv.h"\n')
        self.write("tests/unit/dataplane/tcp/t.c", '#include "tcp/tcp_priv.h"\n')
        self.assert_refused("layers", "dataplane/worker/w.c:1:", "private")
        self.assertNotIn("tests/", self.lint("layers")[1])

    def test_only_a_test_includes_a_source(self):
        self.write("dataplane/tcp/tcp.c", "int a;\n")
        self.write("tests/unit/t.c", '#include "dataplane/tcp/tcp.c"\n')
        self.assert_clean("layers")
        self.write("dataplane/tcp/b.c", '#include "tcp/tcp.c"\n')
        self.assert_refused("layers", "only a test may include")

    def test_types_header_holds_types_only(self):
        self.write("dataplane/tcp/tcp.h", "#pragma once\n")
        self.write("dataplane/tcp/tcp_types.h", '#include "tcp/tcp.h"\n')
        self.assert_refused("layers", "a _types.h includes only")


class Forbidden(LintCase):
    def body(self, *lines):
        return HEAD + "int f(void)\n{\n" + "".join(f"{line}\n" for line in lines) + "}\n"

    def test_call_of_a_forbidden_function_is_refused(self):
        for call in ("strcpy(a, b);", "n = atoi(s);", "strtoull(s, 0, 10);", "puts(s);"):
            self.write("common/a.c", self.body("\t" + call))
            self.assert_refused("forbidden", "common/a.c:4:")

    def test_word_in_comment_or_string_passes(self):
        self.write("common/a.c", self.body("\t/* no strcpy(a, b) here */", '\tg("atoi(x)");'))
        self.assert_clean("forbidden")

    def test_method_of_the_same_name_passes(self):
        self.write("dataplane/http/a.c", self.body("\tops->read(x);", "\tops.write(x);"))
        self.assert_clean("forbidden")

    def test_folder_decides(self):
        self.write("controlplane/cli/a.c", self.body('\tprintf("x");'))
        self.assert_clean("forbidden")
        self.write("controlplane/rest/a.c", self.body('\tprintf("x");'))
        self.assert_refused("forbidden", "controlplane/rest/a.c:4: printf")

    def test_volatile_is_refused_without_a_call(self):
        self.write("common/a.h", "volatile int a;\n")
        self.assert_refused("forbidden", "common/a.h:1: volatile")

    def test_allow_comment_with_the_token_passes(self):
        self.write("common/a.h", "/* lint: allow volatile: device register */\nvolatile int a;\n")
        self.assert_clean("forbidden")

    def test_conditional_in_a_body_is_refused(self):
        self.write("common/a.c", self.body("#ifdef DEBUG", "\tg();", "#endif"))
        self.assert_refused("forbidden", "common/a.c:4: #if inside a function")

    def test_conditional_around_a_function_passes(self):
        self.write("common/a.c", "#ifdef DEBUG\n" + self.body("\tg();") + "#endif\n")
        self.assert_clean("forbidden")

    def test_goto_goes_forward_only(self):
        self.write("common/a.c", self.body("\tgoto out;", "out:", "\treturn 0;"))
        self.assert_clean("forbidden")
        self.write("common/a.c", self.body("again:", "\tg();", "\tgoto again;"))
        self.assert_refused("forbidden", "goto again goes back to line 4")


class Tools(LintCase):
    def test_badly_formatted_source_is_refused(self):
        with open(os.path.join(DEVTOOLS, "..", ".clang-format"), encoding="utf-8") as f:
            self.write(".clang-format", f.read())
        self.write("a.c", "int f(void)\n{\n\treturn 0;\n}\n")
        self.assert_clean("format")
        self.write("a.c", "int f(void) { return 0; }\n")
        self.assert_refused("format", "a.c:1:")

    def test_misspelt_word_is_refused(self):
        self.write("a.md", "we rec" + "ieves it\n")
        self.assert_refused("spelling", "a.md:1:")

    def test_faulty_script_is_refused(self):
        self.write("a.sh", "#!/bin/sh\nif [ $a = b ]; then\n")
        self.assert_refused("shell", "a.sh:2:")

    def test_document_that_breaks_its_schema_is_refused(self):
        self.write("config/schema/config.json", '{"type": "object", "required": ["ems"]}\n')
        self.write("config/examples/a.json", '{"ems": []}\n')
        self.assert_clean("schema")
        self.write("config/examples/a.json", "{}\n")
        self.assert_refused("schema", "config/examples/a.json:1: $:")

    def test_broken_json_names_the_line(self):
        self.write("config/schema/config.json", '{"type": "object"}\n')
        self.write("config/examples/a.json", '{\n"a":\n}\n')
        self.assert_refused("schema", "config/examples/a.json:3:")

    def test_dead_link_is_refused(self):
        self.write("docs/a.md", "see [b](b.md) and `docs/b.md`\n")
        self.write("docs/b.md", "here\n")
        self.assert_clean("links")
        self.write("docs/a.md", "see [c](c.md)\nand `docs/c.md`\n")
        self.assert_refused("links", "docs/a.md:1: link to c.md", "docs/a.md:2: names docs/c.md")

    def test_header_that_needs_another_is_refused(self):
        self.write("common/a/a.h", "#pragma once\n#include <stdint.h>\nuint8_t f(void);\n")
        self.assert_clean("headers")
        self.write("common/a/a.h", "#pragma once\nuint8_t f(void);\n")
        self.assert_refused("headers", "common/a/a.h:1: does not compile alone with gcc", "clang")

    def test_long_function_is_printed_but_not_refused(self):
        self.write("a.c", "int f(void)\n{\n" + "\tg();\n" * 61 + "}\n")
        rc, out = self.lint("size")
        self.assertEqual(rc, 0)
        self.assertIn("61 f (a.c:2)", out)


class Messages(LintCase):
    def message(self, text):
        return self.lint("commits", "--message", self.write("m", text))[0]

    def test_message_rules(self):
        good = "tcp: retransmit the first hole\n\nSeen with 2 % loss: it waited for the timer.\n"
        self.assertEqual(self.message(good), 0)
        self.assertNotEqual(self.message("Fix things\n\nBody.\n"), 0)
        self.assertNotEqual(self.message("tcp: retransmit.\n\nBody.\n"), 0)
        self.assertNotEqual(self.message("tcp: retransmit\n"), 0)
        self.assertNotEqual(self.message("tcp: " + "x" * 80 + "\n\nBody.\n"), 0)


if __name__ == "__main__":
    unittest.main()
