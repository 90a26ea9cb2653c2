#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""fleet.py DIR NUMBER TAG: devices with certificates in a running emsim; prints their UIDs."""

import sys

from emsim import Emsim


def main():
    ems = Emsim(sys.argv[1])
    for i in range(int(sys.argv[2])):
        device = ems.post("/devices", {"hostname": f"d{i}", "tags": [sys.argv[3]]})
        print(device["uid"])


main()
