#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The troubleshooting guide's first scenario, "Invalid ZTNA certificate", as docs/troubleshooting.md
# tells it: the serial number on the endpoint is not EMS's, or EMS's is made of zeros; what each
# command shows, and that enrolling anew mends it.
. "$(dirname "$0")/stack-lib.sh"

export TAGWARDEN_SOCKET=$API HOME=$DIR/home
unset XDG_STATE_HOME

# on_endpoint UID: the serial number of the certificate, as the endpoint's user looks it up.
on_endpoint()
{
	openssl x509 -noout -serial -in "$EMS/devices/$1.pem" | sed 's/^serial=//'
}

# on_proxy UID: what the record list says of it.
on_proxy()
{
	"$CTL" diagnose endpoint record list | awk -v uid="$1" '
		/Client cert SN:/ { sn = $NF }
		/FortiClient UID:/ && $NF == uid { print sn }'
}

denied()
{
	expect_status 403 "$1" "$PROXY/"
}

passes()
{
	expect_status 200 "$1" "$PROXY/"
}

# enrol_anew UID: FortiClient leaves EMS and connects again, which makes a new certificate.
enrol_anew()
{
	ems deregister "$1" && ems set "$1" registered=true online=true && ems cert "$1"
}

has_new_serial()
{
	[ "$(on_proxy "$1")" = "$(on_endpoint "$1")" ]
}

stack_up
WRONG=$(add_device --name laptop1 --user alice --tag FortiAD --serial-mismatch)
ZERO=$(add_device --name laptop2 --user bob --tag FortiAD --all-zero)
step "EMS told of the devices" wait_for 10 device_is_known "$ZERO"

# The user sees the error.
step "the user is refused" denied "$WRONG"
step "the page says Invalid ZTNA Certificate" grep -q "Invalid ZTNA Certificate" "$DIR/body"
step "with the code 001" grep -q "001" "$DIR/body"
REQUEST=$(grep -oE '[0-9a-f]{32}' "$DIR/body" | head -n 1)

# 1. Check the serial number on the endpoint and on the proxy.
[ -n "$(on_proxy "$WRONG")" ] || fail "diagnose endpoint record list does not know $WRONG"
[ "$(on_proxy "$WRONG")" != "$(on_endpoint "$WRONG")" ] || fail "the serial numbers agree"
echo "ok: diagnose endpoint record list shows another serial number than the endpoint's"
"$CTL" diagnose endpoint record list >"$DIR/records"
step "and counts the records" grep -q "^online records: 2; offline records: 0; " "$DIR/records"

# Ours in one command: both serial numbers beside each other, and why.
step "explain knows the page's request id" wait_for 5 "$CTL" explain "$REQUEST"
"$CTL" explain "$REQUEST" >"$DIR/explained" || fail "explain"
step "explain has the endpoint's serial number" grep -q "$(on_endpoint "$WRONG")" "$DIR/explained"
step "and EMS's" grep -q "$(on_proxy "$WRONG")" "$DIR/explained"
step "and the code" grep -q "code 001" "$DIR/explained"
"$CTL" show denials --uid "$WRONG" --mismatch >"$DIR/denials"
step "show denials lists it as a mismatch" grep -q "$REQUEST" "$DIR/denials"

# 2. The serial number on the proxy is made of zeros: EMS signed no certificate for it.
step "the other user is refused as well" denied "$ZERO"
step "with the same code" grep -q "001" "$DIR/body"
[ "$(on_proxy "$ZERO")" = 0000000000000000000000000000000000000000 ] || fail "no zeros"
echo "ok: diagnose endpoint record list shows zeros"
"$CTL" explain --uid "$ZERO" --service ZTNA-webserver >"$DIR/explained"
step "explain says why" grep -q "EMS has issued no ZTNA certificate" "$DIR/explained"
step "and what to do" grep -q "re-register the endpoint" "$DIR/explained"

# 3. Enrol anew.
step "a device enrols anew" enrol_anew "$WRONG"
step "the proxy has the new serial number" wait_for 5 has_new_serial "$WRONG"
step "and lets it through" wait_for 5 passes "$WRONG"
step "so does the other" enrol_anew "$ZERO"
step "and passes" wait_for 5 passes "$ZERO"
