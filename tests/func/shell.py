# SPDX-License-Identifier: BSD-3-Clause
"""shell.py TAGWARDENCTL HOME UID: the interactive shell on a terminal."""
import os
import pathlib
import stat
import sys

from terminal import Terminal

CTL, HOME, UID = sys.argv[1:4]
PROMPT = "FPXVULTM24000083 # "
HISTORY = pathlib.Path(HOME) / ".local/state/tagwarden/history"


def start(*arguments):
    t = Terminal([CTL, *arguments], {"HOME": HOME})
    return t


def check(words, condition):
    if not condition:
        sys.exit(f"not ok: {words}")
    print(f"ok: {words}")


t = start()
t.until(PROMPT)
check("the prompt is the gateway's name", True)

t.type("show ?")
shown = t.until(PROMPT + "show ")
check("? lists what may follow, with help", "devices that EMS told of" in shown)
t.type("stat\t")
t.until("us ")
t.type("\n")
check("Tab completes a word, Enter runs it", "Devices" in t.until(PROMPT))

t.type("show device \t")
shown = t.until(UID)
check("Tab completes a UID that the server knows", UID in shown)
t.type("\n")
check("and it is the device", "laptop1" in t.until(PROMPT))

t.type("show device ?")
check("? lists UIDs with their hosts", "laptop1" in t.until(PROMPT + "show device "))
t.type("\x15show devices --tag F\t")
t.until("FortiAD")
t.type("\n")
check("Tab completes a tag", UID in t.until(PROMPT))

t.type("diag te app fcn 7 | grep -i ^uid\n")
shown = t.until(PROMPT)
check("grep passes the lines that match", f"UID:     {UID}" in shown and "Cert SN" not in shown)
t.type("show devices | grep -v .\n")
check("grep -v the others", UID not in t.until(PROMPT))

t.type("show nothing\x03")
t.until(PROMPT)
t.type("\n")
check("Ctrl-C cancels the line", "no command" not in t.until(PROMPT))
t.type("show status --watch 1\n")
t.until("Devices")
t.type("\x03")
t.until(PROMPT)
check("Ctrl-C ends a command that goes on, not the shell", True)
t.type("shwo status\n")
check("a typing error has a suggestion", "show status" in t.until(PROMPT))
t.type("show devices --tag 'Low\n")
check("an open quote is told", "quote is not closed" in t.until(PROMPT))
t.type("version --token s3cret\n")
t.until(PROMPT)
t.type("\x1b[A")
check("the last line but the secret comes back", "--tag 'Low" in t.until("'Low"))
t.type("\x15exit\n")
check("exit leaves", t.end() == 0)

lines = HISTORY.read_text().splitlines()
check("history is kept", "diag te app fcn 7 | grep -i ^uid" in lines)
check("without secrets", "s3cret" not in HISTORY.read_text())
check("for its user alone", stat.S_IMODE(os.stat(HISTORY).st_mode) == 0o600)

t = start()
t.until(PROMPT)
t.type("\x1b[A")
t.until("exit")
check("history is there again", True)
t.type("\x15\x04")
check("Ctrl-D leaves", t.end() == 0)

t = start("--socket", HOME + "/nothing.sock")
t.until("tagwarden # ")
t.type("show status\n")
check("without a server it says so and goes on", "no socket" in t.until("tagwarden # "))
t.type("quit\n")
check("quit leaves", t.end() == 0)
