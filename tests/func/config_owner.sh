#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Commits by a control plane that is not root: through a link into its own folder, as packaged, and
# refused where the document stands in a folder that it cannot write.
# shellcheck source=tests/func/ems-lib.sh
. "$(dirname "$0")/ems-lib.sh"

need curl jq
[ "$(id -u)" -eq 0 ] || skip "needs root"

WHO=64001:64000
API=$DIR/run/api.sock
export TAGWARDEN_SOCKET=$API

start_as()
{
	spawn controlplane "$BUILD/controlplane/tagwarden-controlplane" --config "$DIR/tagwarden.json" \
		--shm "$SHM" --state-dir "$DIR/state" --user "$WHO" --log-level info
	wait_for 10 api /api/v1/status || fail "the control plane does not answer"
}

start_ems
write_config
chmod 755 "$DIR"
chmod -R a+rX "$EMS"
mkdir -m 700 "$DIR/state"
mv "$DIR/tagwarden.json" "$DIR/state/"
ln -s state/tagwarden.json "$DIR/tagwarden.json"
chmod 640 "$DIR/state/tagwarden.json"
chown "$WHO" "$DIR/state" "$DIR/state/tagwarden.json"
start_as

step "a change" ends 0 "candidate is changed" config set gateway.vdom two
step "is committed through the link" ends 0 "is in force" config commit
step "which is one still" test -L "$DIR/tagwarden.json"
step "the file has it" grep -q '"two"' "$DIR/state/tagwarden.json"
step "with its mode and owner" [ "$(stat -c %a:%u:%g "$DIR/state/tagwarden.json")" = "640:$WHO" ]
step "the history is for nobody else" \
	[ "$(stat -c %a:%u "$DIR/state/config" "$DIR/state/config/2.version" | tr '\n' ' ')" = \
	"700:64001 600:64001 " ]

stop controlplane
rm "$DIR/tagwarden.json"
mv "$DIR/state/tagwarden.json" "$DIR/"
chown 0:0 "$DIR/tagwarden.json"
chmod 644 "$DIR/tagwarden.json"
start_as

step "in a folder of root's" ends 0 "candidate is changed" config set gateway.vdom three
step "a commit is refused, and says why" ends 1 'cannot be replaced: Permission denied.*reload' \
	config commit
step "nothing has changed" [ "$(api /api/v1/config | jq -r .gateway.vdom)" = two ]
refute "neither has the file" grep -q '"three"' "$DIR/tagwarden.json"
step "nothing is left beside it" [ ! -e "$DIR/tagwarden.json.new" ]
step "a trial works" ends 0 "goes back by itself" config commit --confirmed 5
step "it cannot be kept" ends 1 'cannot be replaced' config confirm
step "it can be ended" ends 0 "is in force" config rollback
