/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The page a client sees instead of what it asked for: code, request id, remediation text.
 * Never a policy, a tag or anything of the inside.
 */

#pragma once

#include "http/h1.h"

struct block_page {
	uint16_t status;   /* HTTP status: 403, 421, 502, 504, 400 ... */
	uint16_t code;     /* reason code 1..67; 0: none (a plain error page) */
	const char *title; /* static texts, escaped by the writer */
	const char *message;
	struct slice request_id;  /* 32 hex digits */
	struct slice host;        /* what the client asked for; escaped */
	struct slice device_uid;  /* the client's own; empty: none */
	struct slice cert_serial; /* as the client showed it; empty: none */
	int64_t time_s;           /* wall clock, printed as UTC */
	bool is_json;             /* see block_page_wants_json() */
	bool is_head;             /* HEAD: no body */
	bool is_keep_alive;
};

/* Accept prefers application/json (or a +json type) to text/html. */
bool block_page_wants_json(const struct h1_head *head);
/* The whole response, head and body. Sets w->is_full when it does not fit (4 KiB is enough). */
void block_page_write(struct h1_writer *w, const struct block_page *page);
const char *h1_status_reason(uint16_t status);
