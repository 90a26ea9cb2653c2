/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP connections as a worker shows them to the control plane when it is asked: see struct
 * rdv_inquiry for the question, struct conn_answer for where the answer is. Fixed width, no
 * pointer. The control plane distrusts every field: it clamps counts and knows no meaning for a
 * number that is out of its enum.
 */

#pragma once

#include "common/base/ids.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define CONN_ROWS 128u  /* per answer */
#define CONN_RANGES 48u /* each way, of one connection */
#define CONN_NOT_ARMED UINT32_MAX
#define CONN_LAST UINT32_MAX /* conn_answer.next: every slot was looked at */

/* Numbered as the engine's enum tcp_state; RFC 9293 3.3.2. */
enum conn_state {
	CONN_S_CLOSED,
	CONN_S_LISTEN,
	CONN_S_SYN_SENT,
	CONN_S_SYN_RCVD,
	CONN_S_ESTABLISHED,
	CONN_S_FIN_WAIT_1,
	CONN_S_FIN_WAIT_2,
	CONN_S_CLOSE_WAIT,
	CONN_S_CLOSING,
	CONN_S_LAST_ACK,
	CONN_S_TIME_WAIT,
	CONN_S__COUNT,
};

enum conn_recovery {
	CONN_R_OPEN,
	CONN_R_RECOVERY, /* fast recovery */
	CONN_R_LOSS,     /* after a timeout */
	CONN_R__COUNT,
};

/* What the retransmission timer is armed for. */
enum conn_rtx {
	CONN_RTX_NONE,
	CONN_RTX_RTO,
	CONN_RTX_TLP,
	CONN_RTX_REO,
	CONN_RTX_PERSIST,
	CONN_RTX_SYN,
	CONN_RTX__COUNT,
};

#define CONN_F_PASSIVE (1u << 0) /* the peer opened it */
#define CONN_F_ORPHAN (1u << 1)  /* its owner closed it; the rest is delivered */
#define CONN_F_TS (1u << 2)      /* options agreed */
#define CONN_F_SACK (1u << 3)
#define CONN_F_WSCALE (1u << 4)
#define CONN_F_KEEPALIVE (1u << 5)
#define CONN_F_CORKED (1u << 6)
#define CONN_F_FIN_QUEUED (1u << 7)
#define CONN_F_FIN_RCVD (1u << 8)
#define CONN_F_REORDERING (1u << 9)
#define CONN_F_MEM_WAIT (1u << 10)     /* no buffer when it wanted one */
#define CONN_F_SESSION_BACK (1u << 11) /* <session>'s leg to the real server */

struct conn_row {
	uint32_t slot; /* in the worker's tables; with <generation> it names the connection */
	uint32_t generation;
	struct ip_addr local, remote;
	uint16_t local_port, remote_port;
	uint8_t state;    /* enum conn_state */
	uint8_t recovery; /* enum conn_recovery */
	uint8_t rtx_mode; /* enum conn_rtx */
	uint8_t rto_backoff;
	uint32_t flags;     /* CONN_F_* */
	uint32_t interface; /* index in the worker's configuration; SNAP_NONE */
	uint64_t config_generation;
	uint64_t session; /* 0: none */
	uint64_t bytes_in, bytes_out;
	uint32_t age_ds;                     /* tenths of a second; wraps after 13 years */
	uint32_t rx_ms, tx_ms;               /* since the last segment, either way */
	uint32_t cwnd, ssthresh, prior_cwnd; /* bytes */
	uint32_t srtt_us, rttvar_us, rto_us, min_rtt_us;
	/* bytes: sent and unacknowledged, and of these: sacked, deemed lost, sent again since */
	uint32_t unacked, sacked, lost, resent;
	uint32_t in_flight;   /* the estimate that cwnd limits (RFC 6675's pipe) */
	uint32_t retransmits; /* segments, ever */
	uint32_t snd_wnd, max_snd_wnd, rcv_wnd, rcv_limit;
	uint32_t mss, seg_cap; /* without and with the options of each segment */
	uint32_t sndq_bytes, sndq_segs, rcvq_bytes, nb_ooo;
	uint32_t rtx_due_ms, ack_due_ms, life_due_ms; /* CONN_NOT_ARMED */
	uint32_t keep_idle_s;
	uint8_t keep_probes;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t unused[5];
	char congestion[12]; /* of the algorithm; not terminated when it is that long */
	uint32_t unused2;
};
static_assert(sizeof(struct conn_row) == 232, "crosses processes");

enum conn_range_kind {
	CONN_RANGE_SACKED, /* the peer has it, beyond a hole */
	CONN_RANGE_LOST,   /* deemed lost, to be sent again */
	CONN_RANGE_RESENT, /* lost, sent again, unanswered */
	CONN_RANGE_WAITS,  /* sent, unanswered */
	CONN_RANGE_OOO,    /* received beyond a hole */
	CONN_RANGE__COUNT,
};

/* Offsets in bytes from the first unacknowledged byte, or of CONN_RANGE_OOO from what is next. */
struct conn_range {
	uint32_t begin, end;
	uint32_t kind; /* enum conn_range_kind */
};

/*
 * In the feedback file, one per worker. The worker fills it, then stores <answered> = the
 * inquiry's number with release; it does not touch it again before the next inquiry, and the
 * control plane asks no next one before it has read. So there is no lock and nothing tears.
 */
struct conn_answer {
	alignas(64) _Atomic(uint64_t) answered;
	uint32_t next; /* slot to go on with; CONN_LAST */
	uint32_t nb_rows, nb_ranges;
	uint32_t unused;
	struct conn_range range[2 * CONN_RANGES];
	alignas(64) struct conn_row row[CONN_ROWS];
};
