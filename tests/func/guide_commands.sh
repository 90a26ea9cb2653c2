#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every command of the field's two troubleshooting documents, word for word: alone on the command
# line, and typed at the shell's prompt. Each succeeds and prints the line that the field's does.
. "$(dirname "$0")/ems-lib.sh"

need python3 curl jq
export TAGWARDEN_SOCKET=$API HOME=$DIR/home
unset XDG_STATE_HOME
mkdir -p "$HOME"

start_ems
DEV=$(add_device --name laptop1 --user alice --tag FortiAD --tag CLASS:Low)
write_config
# A log to display, and what else the commands ask for.
sed -i 's|"gateway": {|"log": {"traffic": {"path": "'"$DIR"'/traffic.txt"}}, &|' "$DIR/tagwarden.json"
echo 'date=2025-03-25 time=14:17:42 subtype="ztna" action="deny" policyid=0' >"$DIR/traffic.txt"
start_controlplane
step "EMS told of the device" wait_for 10 device_is "$DEV" '.online and (.tags | length) == 2'

# What the documents say, in their order, and a line that each prints. UID, SN and TENANT stand for
# what an operator fills in; - where nothing that is printed matters.
cat >"$DIR/guide" <<END
diagnose endpoint record list	^ {16}FortiClient UID: $DEV$
diagnose wad debug enable category policy	-
diagnose wad debug enable level verbose	-
diagnose debug enable	-
diagnose test application fcnacd 7	^UID: {5}$DEV$
diagnose wad dev query-by uid $DEV FCTEMS8823005021 00000000000000000000000000000000	^Attr of type=0, length=83, value\(ascii\)=$DEV$
diagnose debug application fcnacd -1	-
diagnose debug console timestamp enable	-
diagnose endpoint filter show-large-data yes	-
diagnose debug enable	-
diagnose endpoint fctems json gateway-mac-request	FPXVULTM24000083
diagnose test application fcnacd 5	-
diagnose test application fcnacd 99	-
execute log filter field subtype ztna	-
execute log display	^1 logs found\.$
diagnose debug disable	-
diagnose debug reset	-
diagnose test application fcnacd 2	^FortiClient EMS number 1:$
diagnose test application fcnacd 8	^IP-VfID Cache:$
diagnose test application fcnacd 33	^Gateway VPN Cache:$
diagnose wad dev query-by ipv4 192.0.2.1	^Attr of type=0, length=83, value\(ascii\)=$DEV$
diagnose firewall dynamic list	^List all dynamic addresses:$
diagnose endpoint fctems test-connectivity 1	^Connection test was successful
END

# debug enable goes on until it is ended; bash lets no Ctrl-C reach what it runs in the background.
run_debug()
{
	spawn debug "$CTL" diagnose debug enable
	wait_for 5 is_heard || return 1
	stop debug
	return 0
}

is_heard()
{
	api /api/v1/debug | jq -e '.listeners == 1' >/dev/null
}

run_command()
{
	if [ "$1" = "diagnose debug enable" ]; then
		run_debug
		return
	fi
	# shellcheck disable=SC2086 # its words
	"$CTL" $1 >"$DIR/out" 2>&1 || { cat "$DIR/out"; return 1; }
	[ "$2" = - ] || grep -qE -- "$2" "$DIR/out" || { cat "$DIR/out"; return 1; }
}

while IFS=$'\t' read -r command pattern; do
	step "$command" run_command "$command" "$pattern"
done <"$DIR/guide"

# Our own guide names no command that there is not.
is_command()
{
	# shellcheck disable=SC2086 # its words
	"$CTL" $1 --help
}
while read -r command; do
	step "docs/troubleshooting.md: $command" is_command "$command"
done < <(sed -nE 's/^ +# ([a-z]+ .*)$/\1/p' "$TOP/docs/troubleshooting.md" | sort -u)

PYTHONPATH=$TOP/tests/lib PYTHONDONTWRITEBYTECODE=1 python3 - "$CTL" "$DIR/guide" <<'END' ||
import re
import sys

from terminal import Terminal

PROMPT = "FPXVULTM24000083 # "
t = Terminal([sys.argv[1]])
t.until(PROMPT)
for row in open(sys.argv[2]):
    command, pattern = row.rstrip("\n").split("\t")
    t.type(command + "\n")
    # First the line as it is typed, then the next prompt.
    t.until(command.split()[-1])
    shown = t.until(PROMPT)
    refused = re.search(r"^(there is no|usage:|\".*\" is |no answer)", shown, re.M)
    if refused or pattern != "-" and not re.search(pattern, shown.replace("\r", ""), re.M):
        sys.exit(f"not ok: at the prompt: {command}: {shown}")
    print(f"ok: at the prompt: {command}")
t.type("exit\n")
sys.exit(t.end())
END
	fail "the shell"
