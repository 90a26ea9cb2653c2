/* SPDX-License-Identifier: BSD-3-Clause */

/* ECN as the wire shows it (RFC 3168): who has agreed, and who owes an echo. */

#pragma once

#include "tests/sim/packet.h"

struct wire_ecn {
	bool has_asked, has_asked_plainly; /* what its SYNs said */
	bool has_answered;                 /* its SYN-ACK agrees */
	bool got_answer;
	bool owes_echo;
};

/* What is wrong with what <e> sends now; NULL: nothing. */
const char *wire_ecn_sent(struct wire_ecn *e, const struct pkt *p, bool is_resent);
/* <is_taken>: the text cannot have been refused. */
void wire_ecn_arrived(struct wire_ecn *e, const struct pkt *p, bool is_taken);
