#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Garbage, half handshakes and half requests: a bystander never notices, and each leaves a count.
. "$(dirname "$0")/stack-lib.sh"
need python3
GATEWAYS='[{"id": 1, "url_map": "/", "service": "http", "ldb_method": "static",
  "real_servers": [{"id": 1, "address": "198.51.100.20", "port": 8081}]}]'

EXTRA='"timeouts": {"handshake": 3, "head": 3, "idle": 20, "upstream": 3}'

stack_up
start_backend backend 8081
DEV=$(add_device --name laptop --tag FortiAD) || fail "no device"
step "EMS told of the device" wait_for 10 device_is_known "$DEV"
cases abuse.py "$DEV"
