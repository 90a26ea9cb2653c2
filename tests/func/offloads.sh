#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# timeout: 150
# The whole product on virtio ports, whose other side gives each packet to the kernel with what was
# left to the card: checksums and segmentation by the port, and then the same cases by software.
. "$(dirname "$0")/stack-lib.sh"
. "$(dirname "$0")/card-lib.sh"
need_root

pings()
{
	step "$1: ping" in_ns client ping -c 3 -i 0.2 -W 2 192.0.2.10
	step "$1: a packet of full size" in_ns client ping -c 1 -W 2 -s 1472 -M "do" 192.0.2.10
}

stack_up
by_port_and_by_software "$PROXY" pings
