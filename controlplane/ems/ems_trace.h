/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The talk with EMS as `diagnose debug application fcnacd` shows it: the field's own lines, word
 * for word, so that what its operators know how to read is what they see. Each function costs a
 * load while nobody listens. Connector's thread, but for ems_trace_vpn().
 *
 * No key and no certificate of ours is among the arguments, and none must ever be.
 */

#pragma once

#include "ems/ems_priv.h"

/* Holder of the lock: <vpn> is queued for <c>. */
void ems_trace_vpn(const struct ems_conn *c, const struct ems_vpn *vpn);

/*
 * A call: what goes out; what came of the handshake and of the transfer; and, when the next call
 * starts or the thread's step is over, that it was completed. A failure in between is told by
 * ems_trace_failed(), and completes it too.
 */
void ems_trace_submit(struct ems_conn *c, enum state_obj obj, const char *query, const char *json);
void ems_trace_answer(struct ems_conn *c, enum state_obj obj, bool is_transferred,
		      const struct ems_answer *a);
void ems_trace_failed(struct ems_conn *c, enum state_obj obj, const char *what);
void ems_trace_complete(struct ems_conn *c);
/* Nobody will take the answer. */
void ems_trace_forget(struct ems_conn *c, enum state_obj obj);

/* A page's content, and the records of <b> that came with it: those from the given ones on. */
void ems_trace_unzipped(const json_t *data, const json_t *content);
void ems_trace_records(struct ems_conn *c, const struct state_batch *b, uint32_t first_sysinfo,
		       uint32_t first_tags);

/* Notifications: a frame or a piece of it, a text, an object that it makes due. */
void ems_trace_frame(bool is_text, bool is_final, size_t len);
void ems_trace_text(const char *text, size_t len);
void ems_trace_update(const struct ems_conn *c, enum state_obj obj);
