/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/wire_ecn.h"

#include <stddef.h>

#define SETUP (PKT_ECE | PKT_CWR)

static bool has_agreed(const struct wire_ecn *e)
{
	return e->has_answered || (e->has_asked && !e->has_asked_plainly && e->got_answer);
}

const char *wire_ecn_sent(struct wire_ecn *e, const struct pkt *p, bool is_resent)
{
	if (p->ecn == PKT_ECN_CE || p->ecn == 1)
		return "a codepoint that is not ECT(0)";
	if (p->ecn != 0 && ((p->flags & (PKT_SYN | PKT_RST)) || p->len == 0))
		return "ECT on what is no data";
	if (p->ecn != 0 && is_resent)
		return "ECT on what is resent";
	if ((p->flags & (PKT_SYN | PKT_ACK)) == PKT_SYN) {
		if ((p->flags & SETUP) == SETUP)
			e->has_asked = true;
		else
			e->has_asked_plainly = true;
		return (p->flags & SETUP) == PKT_ECE ? "ECE alone on a SYN" : NULL;
	}
	if (p->flags & PKT_SYN) {
		e->has_answered = (p->flags & SETUP) == PKT_ECE;
		return p->flags & PKT_CWR ? "CWR on a SYN-ACK" : NULL;
	}
	if (p->flags & PKT_RST)
		return NULL;
	if ((p->ecn != 0 || (p->flags & SETUP)) && !has_agreed(e))
		return "ECN without agreement";
	if (e->owes_echo && !(p->flags & PKT_ECE))
		return "no echo of a mark";
	return NULL;
}

void wire_ecn_arrived(struct wire_ecn *e, const struct pkt *p, bool is_taken)
{
	if (p->flags & PKT_SYN) {
		if (p->flags & PKT_ACK)
			e->got_answer |= (p->flags & SETUP) == PKT_ECE;
		return;
	}
	if (p->flags & PKT_CWR)
		e->owes_echo = false;
	if (is_taken && p->len > 0 && p->ecn == PKT_ECN_CE && has_agreed(e))
		e->owes_echo = true;
}
