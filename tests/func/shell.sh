#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# tagwardenctl alone: the shell on a terminal, lines from a pipe, and the completion of bash.
. "$(dirname "$0")/ems-lib.sh"

need python3 curl jq
export TAGWARDEN_SOCKET=$API HOME=$DIR/home
unset XDG_STATE_HOME
mkdir -p "$HOME"

start_ems
UID1=$(add_device --name laptop1 --user alice --tag FortiAD)
write_config
start_controlplane
step "EMS told of the device" wait_for 10 device_is "$UID1" .online

PYTHONPATH=$TOP/tests/lib PYTHONDONTWRITEBYTECODE=1 python3 "$TOP/tests/func/shell.py" "$CTL" \
	"$HOME" "$UID1" || fail "the shell"

# lines LINE...: each a line of standard input; what is printed is in $DIR/out.
lines()
{
	printf '%s\n' "$@" | "$CTL" >"$DIR/out" 2>&1
}

step "lines from a pipe are commands" lines "# a comment" "" "show devices | grep laptop1" \
	"diag te app fcn 2"
step "the first line's answer" grep -q "^$UID1 .*laptop1" "$DIR/out"
step "the second's" grep -q "^name(id): emstest(1)" "$DIR/out"
refute "a line that fails gives its status" lines "show device xx" "version"
step "and the next runs" grep -q "^tagwarden-controlplane " "$DIR/out"
step "exit ends it" lines "exit" "nonsense"
step "? is help there too" lines "show ?"
step "with a line for each word" grep -q "  devices .*devices that EMS told of" "$DIR/out"

# complete WORD...: what bash would offer for the last one.
complete()
{
	"$CTL" completion bash >"$DIR/completion" && bash -c '
		. "$1"
		shift
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_tagwardenctl
		printf "%s\n" "${COMPREPLY[@]}"' bash "$DIR/completion" "$CTL" "$@" >"$DIR/out"
}

step "bash completes words" complete diagnose test application fcn
step "to what there is" grep -qx fcnacd "$DIR/out"
step "bash completes UIDs" complete show device "${UID1:0:3}"
step "that the server knows" grep -qx "$UID1" "$DIR/out"
