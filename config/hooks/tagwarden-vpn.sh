# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh
#
# What the VPN daemons' hooks share: they source it. Everything that a daemon passes on may come
# from a client, so that nothing of it is used before it was checked, and nothing is evaluated.
#
# Settings, from the environment or from $TAGWARDEN_HOOKS_CONF (/etc/tagwarden/vpn-hooks.conf):
#
#	TAGWARDENCTL       the program (tagwardenctl)
#	TAGWARDEN_SOCKET   the control plane's socket (tagwardenctl's default)
#	TAGWARDEN_TIMEOUT  seconds that one call may take (3)
#	TAGWARDEN_DENY     "yes": a user whose connect cannot be told is not let in (no)
#	TAGWARDEN_QUIET    "yes": say nothing on stderr; syslog hears of failures in any case

TAGWARDEN_HOOKS_CONF=${TAGWARDEN_HOOKS_CONF:-/etc/tagwarden/vpn-hooks.conf}
if [ -r "$TAGWARDEN_HOOKS_CONF" ]; then
	# shellcheck source=/dev/null
	. "$TAGWARDEN_HOOKS_CONF"
fi
TAGWARDENCTL=${TAGWARDENCTL:-tagwardenctl}
TAGWARDEN_TIMEOUT=${TAGWARDEN_TIMEOUT:-3}
tw_status=0

# tw_log TEXT: only texts of our own, never a client's.
tw_log()
{
	[ "${TAGWARDEN_QUIET:-no}" = yes ] || echo "tagwarden-vpn: $1" >&2
	if command -v logger >/dev/null 2>&1; then
		logger -t tagwarden-vpn -p daemon.warning -- "$1" >/dev/null 2>&1 || :
	fi
}

# tw_is_made_of CHARACTERS MAX TEXT: is TEXT not empty, no longer than MAX, and of these only?
# CHARACTERS is what stands between the brackets of a pattern.
tw_is_made_of()
{
	[ -n "$3" ] && [ "${#3}" -le "$2" ] || return 1
	case $3 in
	*[!$1]*) return 1 ;;
	esac
}

tw_is_uid()
{
	[ "${#1}" -eq 32 ] && tw_is_made_of 0123456789abcdefABCDEF 32 "$1"
}

# The control plane decides what an address is; here it is kept from being anything else.
tw_is_ip()
{
	tw_is_made_of 0123456789abcdefABCDEF.: 45 "$1"
}

tw_is_interface()
{
	tw_is_made_of 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.:@/- 35 "$1"
}

# tw_uid_of_name NAME: the UID that a peer's name is, or that is its one CN, in $tw_uid. A name
# with two CNs says nothing: one of them may be the text of another attribute.
tw_uid_of_name()
{
	tw_uid=$1
	tw_is_uid "$tw_uid" && return 0
	case $1 in
	*CN=*CN=*) return 1 ;;
	CN=* | *[,/\ ]CN=*) ;;
	*) return 1 ;;
	esac
	tw_uid=${1#*CN=}
	tw_uid=${tw_uid%%[,/]*}
	tw_is_uid "$tw_uid"
}

# tw_failed TEXT: tell it; whether the user is let in all the same is the administrator's choice.
tw_failed()
{
	tw_log "$1"
	[ "${TAGWARDEN_DENY:-no}" = yes ] && tw_status=1
	return 0
}

# tw_tell connect|disconnect UID IP INTERFACE: all checked before.
tw_tell()
{
	tw_word=$1 tw_told_uid=$2 tw_told_ip=$3 tw_told_interface=$4
	set -- --timeout "$TAGWARDEN_TIMEOUT"
	[ -z "${TAGWARDEN_SOCKET:-}" ] || set -- "$@" --socket "$TAGWARDEN_SOCKET"
	"$TAGWARDENCTL" "$@" vpn "$tw_word" "$tw_told_uid" "$tw_told_ip" \
		--interface "$tw_told_interface" </dev/null >/dev/null 2>&1 ||
		tw_failed "$tw_word of $tw_told_uid at $tw_told_ip could not be told"
}

# tw_session connect|disconnect NAME INTERFACE IP...: one user with all addresses, empty ones
# left out.
tw_session()
{
	tw_action=$1 tw_name=$2 tw_interface=$3
	shift 3
	if ! tw_uid_of_name "$tw_name"; then
		tw_failed "a user's name is no device's UID; nothing told"
		return
	fi
	if ! tw_is_interface "$tw_interface"; then
		tw_failed "the interface's name cannot be used; nothing told"
		return
	fi
	tw_nb=0
	for tw_ip in "$@"; do
		[ -n "$tw_ip" ] || continue
		tw_nb=$((tw_nb + 1))
		if tw_is_ip "$tw_ip"; then
			tw_tell "$tw_action" "$tw_uid" "$tw_ip" "$tw_interface"
		else
			tw_failed "an address cannot be read; it is not told"
		fi
	done
	[ "$tw_nb" -gt 0 ] || tw_failed "there is no address; nothing told"
}

# tw_end: the hook's exit status. A user who leaves is never held up.
tw_end()
{
	[ "${tw_action:-}" = disconnect ] && exit 0
	exit "$tw_status"
}
