/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of the TCP engine share: the objects, and who provides which part. */

#pragma once

#include "base/wheel.h"
#include "common/stats/outcome.h"
#include "tcp/tcp.h"
#include "tcp/tcp_options.h"

#include <rte_mbuf.h>

#include <sys/queue.h>

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_URG 0x20u
#define TCP_ECE 0x40u
#define TCP_CWR 0x80u

/* The ECN field of either IP header, RFC 3168 5. */
#define TCP_IP_ECT0 2u
#define TCP_IP_CE 3u

#define TCP_IP4_HDR_LEN 20u
#define TCP_IP6_HDR_LEN 40u
#define TCP_HOP_LIMIT 64u
#define TCP_HDR_LEN 20u
#define TCP_MIN_MSS 536u       /* a smaller MSS option is read as this */
#define TCP_INIT_CWND_SEGS 10u /* RFC 6928 */
#define TCP_INIT_CWND_BYTES 14600u
#define TCP_MAX_CWND (64u << 20)
#define TCP_INIT_RCV_WND 65535u
#define TCP_MIN_SNDQ (128u << 10)
#define TCP_SCARCE_SNDQ (64u << 10) /* while send queues hold most of the pool */
#define TCP_SCARCE_RCV_WND 16384u   /* while receive queues hold too many buffers */

#define TCP_RTO_INIT_US UINT64_C(1000000)
#define TCP_RTO_MIN_US UINT64_C(200000)
#define TCP_RTO_MAX_US UINT64_C(60000000)
#define TCP_DELACK_MAX_US UINT64_C(40000)
#define TCP_MEM_RETRY_US UINT64_C(10000)
#define TCP_TIME_WAIT_US UINT64_C(60000000) /* 2 MSL, MSL being 30 s as everywhere */
#define TCP_FIN_WAIT_2_US UINT64_C(60000000)
#define TCP_ORPHAN_IDLE_US UINT64_C(120000000)
#define TCP_ORPHAN_MAX_US UINT64_C(600000000)
#define TCP_GIVE_UP_US UINT64_C(120000000) /* R2, RFC 1122 4.2.3.5 */
#define TCP_SYN_RETRIES 5u
#define TCP_KEEPALIVE_PROBES 5u
#define TCP_DUPTHRESH 3u
#define TCP_NB_RTX_RING 16u
#define TCP_CTL_RING 512u /* power of two */
#define TCP_MAX_LISTENERS 256u

/* Sequence arithmetic, RFC 9293 3.4. Unsigned wrap is the point. */
static inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline bool seq_leq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}

static inline bool seq_gt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static inline bool seq_geq(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) >= 0;
}

static inline uint32_t seq_max(uint32_t a, uint32_t b)
{
	return seq_gt(a, b) ? a : b;
}

/* Of what we send: no options, no extension headers. */
static inline uint32_t tcp_ip_hdr_len(const struct tcp_tuple *t)
{
	return ip_addr_is_v4(&t->local) ? TCP_IP4_HDR_LEN : TCP_IP6_HDR_LEN;
}

/* RFC 6928 2: ten segments, but of jumbo frames no more bytes than of common ones, or two. */
static inline uint32_t tcp_init_cwnd(uint32_t mss)
{
	return RTE_MIN(TCP_INIT_CWND_SEGS * mss, RTE_MAX(2 * mss, TCP_INIT_CWND_BYTES));
}

/* ---- a segment on its way in ---- */

struct tcp_segin {
	struct rte_mbuf *m; /* headers are still in front; NULL once a queue owns it */
	struct tcp_tuple tuple;
	uint32_t hash;
	uint32_t seq, ack;
	uint32_t len;     /* bytes of text */
	uint32_t hdr_len; /* IP and TCP header, what to strip */
	uint16_t wnd;     /* as on the wire */
	uint8_t flags;
	uint8_t ecn; /* of the IP header */
	struct tcp_opts opts;
};

static inline uint32_t segin_end(const struct tcp_segin *s)
{
	return s->seq + s->len + ((s->flags & TCP_FIN) != 0) + ((s->flags & TCP_SYN) != 0);
}

/* ---- the send queue: one mbuf, one segment ---- */

#define TCP_SEG_F_SENT (1u << 0)
#define TCP_SEG_F_FIN (1u << 1)    /* takes one sequence number after its bytes */
#define TCP_SEG_F_SACKED (1u << 2) /* the peer has it */
#define TCP_SEG_F_LOST (1u << 3)   /* deemed lost */
#define TCP_SEG_F_RTX (1u << 4)    /* a retransmission of it is in flight */
#define TCP_SEG_F_EVER_RTX (1u << 5)
#define TCP_SEG_F_TIMED (1u << 6) /* on the list in order of transmission */

/*
 * Lives at the start of its mbuf's buffer; headers are written right before the payload:
 *
 *	0          64                    TCP_SEG_PAYLOAD_OFF
 *	+----------+-- room for headers --+-- payload ------------+
 *	| tcp_seg  |     Eth  IP  TCP opts| at most seg_cap bytes |
 *	+----------+----------------------+-----------------------+
 *
 * The mbuf itself is what is given to the port, with one more reference, so neither sending nor
 * resending copies payload. While a reference is out its header must not change: a resend then
 * copies (rare: the port still holds the last one).
 */
struct tcp_seg {
	struct tcp_seg *next;
	TAILQ_ENTRY(tcp_seg) timed;
	struct rte_mbuf *m;
	struct tcp_seg *skip; /* the next stop, when this is one: tcp_sndq_find() */
	uint64_t tx_us;       /* last transmission */
	uint32_t seq;
	uint16_t len;
	uint16_t off; /* of the payload, from buf_addr */
	uint8_t flags;
	uint8_t nb_tx;
};
static_assert(sizeof(struct tcp_seg) <= 64, "shares the buffer with header room");

#define TCP_SEG_PAYLOAD_OFF 192u

static inline uint32_t seg_seq_len(const struct tcp_seg *g)
{
	return g->len + ((g->flags & TCP_SEG_F_FIN) != 0);
}

static inline uint32_t seg_end(const struct tcp_seg *g)
{
	return g->seq + seg_seq_len(g);
}

/* ---- congestion control ---- */

struct tcp_cubic {
	double w_est;      /* segments; grows by less than a float could tell */
	float k;           /* seconds until w_max is reached again */
	float w_max;       /* segments */
	float cwnd_prior;  /* segments: before the last reduction */
	uint32_t epoch_ms; /* 0: no epoch */
};

/* RFC 9406; tcp_hystart.c. 0: not known, or not yet. */
struct tcp_hystart {
	uint32_t round_end; /* sequence number */
	uint32_t last_min_us, cur_min_us;
	uint32_t css_base_us;
	uint8_t nb_samples, css_rounds;
};

struct tcp_cc_ops {
	const char *name;
	void (*init)(struct tcp_conn *c);
	/* <acked> bytes were delivered while not in recovery; grow cwnd. */
	void (*on_ack)(struct tcp_conn *c, uint32_t acked, uint64_t now_us);
	/* Loss: returns the new ssthresh. */
	uint32_t (*on_loss)(struct tcp_conn *c, uint64_t now_us);
	/* A mark instead of a loss, RFC 8511: the same. */
	uint32_t (*on_mark)(struct tcp_conn *c, uint64_t now_us);
	void (*on_rto)(struct tcp_conn *c);
};

extern const struct tcp_cc_ops tcp_cc_newreno;
extern const struct tcp_cc_ops tcp_cc_cubic;

/* ---- the connection ---- */

enum tcp_timer_kind {
	TCP_T_RTX,       /* one of enum tcp_rtx_mode; in the flight */
	TCP_T_ACK,       /* delayed ACK; retry after a pool was empty; our SYN's timeout */
	TCP_T_LIFE,      /* keepalive, or the bound on a closed connection */
	TCP_T_TIME_WAIT, /* the stack's own */
};

enum tcp_rtx_mode {
	TCP_RTX_NONE,
	TCP_RTX_RTO,
	TCP_RTX_TLP,
	TCP_RTX_REO,
	TCP_RTX_PERSIST,
	TCP_RTX_SYN,
};

enum tcp_recovery_state {
	TCP_R_OPEN,
	TCP_R_RECOVERY, /* fast recovery: PRR */
	TCP_R_LOSS,     /* after a timeout: slow start */
};

/* RFC 5682: was the timeout needless? */
enum tcp_frto_state {
	TCP_FRTO_NONE,
	TCP_FRTO_WAIT, /* for the first ACK after the timeout */
	TCP_FRTO_NEW,  /* it moved on: new data leaves in place of what is marked lost */
};

#define TCP_F_PASSIVE (1u << 0)
#define TCP_F_ORPHAN (1u << 1)      /* tcp_close() was called */
#define TCP_F_TS (1u << 2)          /* timestamps agreed */
#define TCP_F_SACK (1u << 3)        /* SACK agreed */
#define TCP_F_WSCALE (1u << 4)      /* window scaling agreed */
#define TCP_F_ACK_NOW (1u << 5)     /* an ACK is owed at the next output */
#define TCP_F_ACK_LATER (1u << 6)   /* an ACK is owed when the timer fires */
#define TCP_F_SEND_SYN (1u << 7)    /* SYN or SYN-ACK is owed */
#define TCP_F_FIN_QUEUED (1u << 8)  /* shutdown was called; nothing can be committed */
#define TCP_F_FIN_RCVD (1u << 9)    /* rcv_nxt is past the peer's FIN */
#define TCP_F_FIN_WANTED (1u << 10) /* no buffer for the FIN yet */
#define TCP_F_MORE (1u << 11)       /* cork */
#define TCP_F_LOW (1u << 12)        /* send queue is over half full: say when it drains */
#define TCP_F_MEM_WAIT (1u << 13)   /* the pool was empty: say when to try again */
#define TCP_F_PATH_LOW (1u << 14)   /* mss is less than mss_max, which is on a colder line */
#define TCP_F_TLP_OUT (1u << 15)    /* a loss probe is unanswered */
#define TCP_F_TLP_RTX (1u << 16)    /* ... and it was a retransmission */
#define TCP_F_REORDERING (1u << 17) /* seen on this connection */
#define TCP_F_PROBE (1u << 18)      /* a window or keepalive probe is owed */
#define TCP_F_IN_OUTQ (1u << 19)
#define TCP_F_IN_READYQ (1u << 20)
#define TCP_F_IN_ACCEPTQ (1u << 21)
#define TCP_F_FORCE (1u << 22)    /* send the next lost or new segment whatever cwnd says */
#define TCP_F_OVERRIDE (1u << 23) /* fill a small window now (sender's SWS override) */
#define TCP_F_DSACK (1u << 24)    /* rcv_dsack is owed */
#define TCP_F_RTT_VALID (1u << 25)
#define TCP_F_TS_RECENT (1u << 26) /* ts_recent is set */
#define TCP_F_HALF_OPEN (1u << 27) /* counted in nb_half_open */
#define TCP_F_DEAD (1u << 28)      /* out of the table; only the owner's close remains */
#define TCP_F_OWNED (1u << 29)     /* connect or accept gave it out, no close yet */
#define TCP_F_ECN (1u << 30)       /* asked for, or agreed: tcp_ecn.c */
#define TCP_F_ECE (1u << 31)       /* ACKs say that a mark came */

/*
 * What matters only while bytes are in the send queue, or wait out of order. From a pool
 * (tcp_flight.c): taken with the first such byte, given back when the connection is quiet, so that
 * an idle connection does not pay for it. A connection without one points to a constant that is
 * all zero: reading needs no test, and a write to it is a bug that ends the process at once.
 */
struct tcp_flight {
	struct tcp_conn *c; /* NULL: free */
	struct tcp_flight *next_free;

	/* send queue: [head .. snd_next) is in flight, [snd_next .. tail] waits */
	struct tcp_seg *sndq_head, *sndq_tail, *snd_next, *snd_spare;
	struct tcp_seg *rtx_hint;              /* no lost segment to resend is before this one */
	struct tcp_seg *sack_hint;             /* where the last SACK block ended */
	struct tcp_seg *stop_head, *stop_tail; /* every so many segments: tcp_sndq_find() */
	uint32_t stop_gap;
	TAILQ_HEAD(, tcp_seg) timed;
	uint32_t sndq_bytes;
	uint32_t sndq_segs;
	/* of what is in flight, in sequence numbers */
	uint32_t sacked, lost, rtx;
	uint32_t nb_lost_pending; /* segments: lost, and not resent since */

	/* the retransmission timer: one of enum tcp_rtx_mode; see tcp_conn.t_ack for SYNs */
	struct wheel_timer t_rtx;
	uint64_t rto_base_us;  /* when the timeout was last restarted */
	uint64_t rto_since_us; /* first of the timeouts without progress; 0: none */

	/* recovery */
	uint8_t rec; /* enum tcp_recovery_state */
	uint8_t dupacks;
	bool undo_armed;
	uint8_t rtx_ring_pos;
	uint8_t reo_mult, reo_persist; /* RFC 8985 6.2 */
	bool has_history;              /* resent or lost something: worth keeping */
	uint8_t frto;                  /* enum tcp_frto_state */
	uint8_t nb_rcv_sacks, nb_seen;
	uint32_t high_seq; /* recovery ends when this is acknowledged */
	uint32_t fack;     /* highest sequence number known to have arrived */
	uint32_t prior_cwnd, prior_ssthresh;
	uint32_t undo_rtx; /* resends of this episode not yet known to be needless */
	uint32_t undo_ts;  /* TSval of the first resend of this episode; see undo_armed */
	uint32_t prr_delivered, prr_out, prr_start;
	struct tcp_range seen[TCP_OPT_MAX_SACKS]; /* SACK blocks that have been taken in */
	uint32_t rtx_ring[TCP_NB_RTX_RING];       /* sequence numbers of the last resends */
	uint64_t rack_tx_us;
	uint32_t rack_end, rack_rtt_us;
	uint32_t reo_round_end; /* the window adapts once per round trip */
	uint32_t tlp_end;
	uint64_t reo_deadline_us; /* 0: none */
	uint32_t probe_seq;       /* of the segment that is larger than the path is known to take */
	uint16_t probe_mss;       /* 0: there is none */
	struct tcp_cubic cubic, prior_cubic; /* prior_*: what undo() goes back to */
	struct tcp_hystart hystart;
	uint32_t ecn_high; /* what a mark says is news again when this is acknowledged */
	bool ecn_reduced;  /* ecn_high is set */
	bool ecn_cwr;      /* the next new data says CWR */
	/*
	 * Without SACK each duplicate ACK says that one segment has left (RFC 5681 3.2), as long as
	 * there were any to leave: the path, or the peer, makes more.
	 */
	uint8_t dup_segs;

	/* received out of order: by rx_next() */
	struct rte_mbuf *ooo_head, *ooo_last; /* ooo_last: where the last one went in */
	uint32_t nb_ooo;
	struct tcp_range rcv_sacks[TCP_OPT_MAX_SACKS]; /* newest first */
};
static_assert(sizeof(struct tcp_flight) <= 488, "see TCP_IDLE_MAX");

/* A place in one of the stack's lists, by connection id; 0: none. */
struct tcp_link {
	uint32_t prev, next;
};

enum tcp_link_kind {
	TCP_L_OUT, /* outq; the free list */
	/* One of: half_open (while TCP_F_HALF_OPEN), acceptq, readyq (only when owned). */
	TCP_L_EVENT,
	TCP_L__COUNT,
};

struct tcp_list {
	uint32_t head, tail;
};

/* In the order of use: a lookup needs the first line, a segment in order the first three. */
struct tcp_conn {
	/* first: the owner finds the connection from it */
	struct stream stream;
	struct tcp_tuple tuple;
	uint32_t flags; /* TCP_F_* */
	uint8_t state;  /* enum tcp_state */
	uint8_t rtx_mode;
	uint8_t rto_backoff;
	uint8_t quick_acks;
	uint8_t snd_wscale, rcv_wscale;
	uint8_t events; /* TCP_EV_* */
	uint8_t keep_probes;
	struct tcp_flight *f; /* never NULL: see there */

	/* RFC 9293 3.3.1; the ISS is snd_una until our SYN is acknowledged, the IRS rcv_nxt - 1 */
	struct tcp_stack *st;               /* NULL: free */
	uint32_t snd_una, snd_nxt, snd_end; /* snd_end: after the last byte, or FIN, queued */
	uint32_t snd_wnd, snd_wl1, max_snd_wnd;
	uint32_t rcv_nxt;
	uint32_t rcv_adv;   /* right edge that the peer knows */
	uint32_t rcv_acked; /* last ACK sent */
	uint32_t rcv_limit; /* what the window may be now; grows to params.rcv_buf */
	uint32_t rcvq_bytes;
	uint16_t rcv_mss; /* largest text seen: what "a full segment" is in the other direction */
	uint16_t seg_cap; /* payload that fits, with options */
	struct rte_mbuf *rcvq_tail;

	struct rte_mbuf *rcvq_head; /* in order by mbuf->next */
	struct wheel_timer t_ack;   /* delayed ACK; retry when a pool was empty; our SYN */
	struct tcp_link link[TCP_L__COUNT];
	uint32_t ts_recent, ts_recent_s; /* RFC 7323; when, in seconds */
	uint32_t ts_off;
	uint32_t last_rx_ms;

	uint64_t bytes_in, bytes_out;
	uint32_t cwnd, ssthresh;
	uint32_t mss; /* without options */
	/* RFC 6298, in microseconds */
	uint32_t srtt_us, rttvar_us, rto_us, min_rtt_us;
	uint32_t min_rtt_at_s;
	uint64_t last_tx_us;
	/* receive window growth */
	uint32_t drs_bytes, drs_since_us;

	union {
		void *user;         /* the listener's until the owner has set its own */
		uint64_t orphan_us; /* when tcp_close() was called; nobody asks for the user then */
	};
	struct wheel_timer t_life; /* keepalive, or the bound on a closed connection */
	struct tcp_range rcv_dsack;
	uint32_t hash;
	uint32_t retransmits;
	uint32_t chal_ms;  /* when the second began that chal_left is for */
	uint8_t chal_left; /* challenge ACKs left in this second */
	bool has_user;     /* user is the owner's */
	uint16_t keep_idle_s;
	int16_t error;
	uint16_t mss_max; /* what the peer and our interface take; mss is less where a path is */
};
static_assert(sizeof(struct tcp_conn) == 320, "five cache lines");

/*
 * What tells one use of a slot from the next, for tcp_view.c. Beside the connections, not in them:
 * written when one is made, and read by nobody but operators.
 */
struct tcp_birth {
	uint32_t generation;
	uint32_t opened_ds; /* tenths of a second */
};

/* ---- TIME-WAIT, compact ---- */

struct tcp_tw {
	struct tcp_tuple tuple;
	uint32_t hash;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t ts_recent, ts_off;
	uint32_t prev, next; /* list in order of expiry; 0: none */
	uint32_t expire_ms;
	uint16_t wnd;
	bool has_ts;
};
static_assert(sizeof(struct tcp_tw) == 72, "there are as many as connections");

/* ---- the table of four-tuples ---- */

/*
 * One cache line: the lookup touches this one and then the connection's own, unless two tuples
 * share all 32 bits of the hash that are kept (tags) or the bucket overflows.
 */
struct tcp_bucket {
	uint32_t tag[7];
	uint32_t id[7]; /* 0: empty. Connections from 1, TIME-WAIT entries from tw_base */
	uint32_t more;  /* overflow bucket, 0: none */
	uint32_t pad;
};
static_assert(sizeof(struct tcp_bucket) == 64, "a cache line");

struct tcp_table {
	struct tcp_bucket *buckets; /* the overflow ones follow */
	size_t bytes;
	uint32_t nb; /* buckets that a hash can choose */
	uint32_t free_overflow;
};

/* Interfaces whose MTU is not what params.mss says. */
#define TCP_MAX_MTUS 256u
struct tcp_local_mtu {
	struct ip_addr addr;
	uint16_t mtu;
};

/* What a path takes; see tcp_pmtu.c. */
#define TCP_PMTU_SLOTS 1024u
struct tcp_pmtu {
	struct ip_addr remote;
	uint32_t until_s; /* larger ones are not tried before */
	uint16_t mtu;     /* 0: an empty place */
	uint16_t failed;  /* a probe of this size was lost; 0: none yet */
};

struct tcp_listener {
	struct ip_addr addr;
	uint16_t port; /* 0: free slot */
	void *user;
};

struct tcp_stack {
	struct tcp_params p;
	uint64_t now_us; /* of the last call that said */
	uint64_t *counters;
	struct wheel wheel;
	struct tcp_table table;
	struct tcp_conn *conns;   /* index = id - 1 */
	struct tcp_birth *births; /* the same index */
	uint32_t free_conns;      /* id of the first, by link[TCP_L_OUT].next; 0: none */
	uint32_t nb_conns, nb_half_open;
	const struct tcp_cc_ops *cc;
	struct tcp_flight *flights;
	struct tcp_flight *free_flights;
	uint32_t nb_flights, nb_flights_used, flight_hand;
	struct tcp_tw *tws; /* index = id - tw_base */
	uint32_t tw_base, tw_cap, nb_tw;
	uint32_t tw_head, tw_tail, tw_free; /* index + 1 */
	struct wheel_timer t_tw;
	struct tcp_listener listeners[TCP_MAX_LISTENERS];
	uint32_t nb_listeners; /* slots in use are below this */
	struct tcp_list outq, readyq, acceptq, half_open;
	/* replies that belong to no connection: resets, SYN cookies, ACKs from TIME-WAIT */
	struct rte_mbuf *ctl[TCP_CTL_RING];
	uint32_t ctl_head, ctl_tail;
	uint32_t nb_rx_mbufs, nb_tx_mbufs;
	struct tcp_local_mtu mtus[TCP_MAX_MTUS];
	uint32_t nb_mtus;
	struct tcp_pmtu pmtus[TCP_PMTU_SLOTS];
	uint64_t cookie_until_us; /* ACKs are checked for cookies until then */
	uint16_t max_payload;     /* what fits into a buffer of the pool */
	uint8_t rcv_wscale;
	uint64_t own_counters[OUTCOME__COUNT]; /* when the caller gave none */
};

static inline void tcp_count(struct tcp_stack *st, enum outcome o)
{
	st->counters[o]++;
}

/* Receive queues hold so much that windows must not grow. */
static inline bool tcp_is_rx_scarce(const struct tcp_stack *st)
{
	return st->p.max_rx_mbufs != 0 && st->nb_rx_mbufs > st->p.max_rx_mbufs / 2;
}

/* Clocks for what needs no more than that; they wrap. */
static inline uint32_t tcp_ms(uint64_t now_us)
{
	return (uint32_t)(now_us / 1000);
}

static inline uint32_t tcp_s(uint64_t now_us)
{
	return (uint32_t)(now_us / 1000000);
}

/* ---- tcp_pmtu.c ---- */
/* What our MTU leaves for a segment from t->local. */
uint32_t tcp_mss_of(const struct tcp_stack *st, const struct tcp_tuple *t);
/* Both MSS are known, or only ours yet. */
void tcp_conn_set_mss(struct tcp_conn *c, uint32_t peer_mss);
/* The largest IP packet that is sent. */
uint32_t tcp_conn_mtu(const struct tcp_conn *c);
/* An ICMP error says so of what is in flight. */
void tcp_pmtu_too_big(struct tcp_conn *c, uint32_t seq, uint16_t mtu, uint64_t now_us);
/* The first segment has timed out; before its resend. */
void tcp_pmtu_on_rto(struct tcp_conn *c, uint64_t now_us);
/* Make the next new segment a probe, if it is time. */
void tcp_pmtu_try_probe(struct tcp_conn *c, uint64_t now_us);
/* The segment at <seq> is to be resent, and is cut; it may be the probe. */
void tcp_pmtu_probe_lost(struct tcp_conn *c, uint32_t seq, uint64_t now_us);
/* snd_una has moved. */
void tcp_pmtu_acked(struct tcp_conn *c, uint64_t now_us);
/* What <g>, not sent yet, may have; a probe may have all that it has. */
static inline uint32_t tcp_seg_limit(const struct tcp_conn *c, const struct tcp_seg *g)
{
	return c->f->probe_mss != 0 && g->seq == c->f->probe_seq ? g->len : c->seg_cap;
}

/* ---- tcp_mem.c ---- */
/* Zeroed, in huge pages where it is large and the kernel has them; freed by free(). */
void *tcp_array_new(size_t nb, size_t size);

/* ---- tcp_flight.c ---- */

/*
 * The stack's memory for one idle connection, all in: its struct and birth, its TIME-WAIT entry,
 * its share of the table (half a bucket and two sevenths of an overflow bucket) and of the flights.
 */
#define TCP_IDLE_MAX 512u
#define TCP_FLIGHT_SHARE 10u
static_assert(sizeof(struct tcp_conn) + sizeof(struct tcp_birth) + sizeof(struct tcp_tw) + 64 / 2 +
			      64 * 2 / 7 + 1 + sizeof(struct tcp_flight) / TCP_FLIGHT_SHARE <=
		      TCP_IDLE_MAX,
	      "an idle connection has become dear");

extern const struct tcp_flight tcp_no_flight;
[[nodiscard]] int tcp_flights_init(struct tcp_stack *st);
static inline bool tcp_has_flight(const struct tcp_conn *c)
{
	return c->f != &tcp_no_flight;
}
/* Have one, or false: the pool is empty, which is counted. */
[[nodiscard]] bool tcp_flight_need(struct tcp_conn *c);
/* Give it back if nothing is queued and nothing is worth remembering. */
void tcp_flight_settle(struct tcp_conn *c);
/* Give it back; its queues are empty. */
void tcp_flight_drop(struct tcp_conn *c);

/* ---- tcp_list.c ---- */
void tcp_list_append(struct tcp_list *l, struct tcp_conn *c, enum tcp_link_kind kind);
void tcp_list_remove(struct tcp_list *l, struct tcp_conn *c, enum tcp_link_kind kind);
static inline struct tcp_conn *tcp_list_first(const struct tcp_stack *st, const struct tcp_list *l)
{
	return l->head != 0 ? &st->conns[l->head - 1] : NULL;
}

static inline struct tcp_conn *tcp_list_next(const struct tcp_conn *c, enum tcp_link_kind kind)
{
	return c->link[kind].next != 0 ? &c->st->conns[c->link[kind].next - 1] : NULL;
}

/* ---- tcp_stack.c ---- */
struct tcp_conn *tcp_conn_alloc(struct tcp_stack *st, const struct tcp_tuple *tuple, uint32_t hash);
void tcp_conn_free(struct tcp_conn *c); /* out of every list, queues emptied */
const struct tcp_listener *tcp_listener_find(const struct tcp_stack *st, const struct ip_addr *addr,
					     uint16_t port);

/* ---- tcp_conn.c ---- */
void tcp_conn_event(struct tcp_conn *c, uint32_t events);
void tcp_conn_set_state(struct tcp_conn *c, enum tcp_state s);
void tcp_conn_want_output(struct tcp_conn *c);
/* Embryonic connections in SYN_RCVD: counted, and on a list of their own. */
void tcp_conn_enter_half_open(struct tcp_conn *c);
void tcp_conn_leave_half_open(struct tcp_conn *c);
/* Both SYNs are known: cwnd, caps, timers. */
void tcp_conn_established(struct tcp_conn *c, uint64_t now_us);
/* The connection is over with <error>: out of the table; freed when nobody owns it. */
void tcp_conn_die(struct tcp_conn *c, int error);
/* Send RST now, from ctl. */
void tcp_conn_send_rst(struct tcp_conn *c);
/* Into TIME-WAIT; <c> may be gone after. */
void tcp_conn_time_wait(struct tcp_conn *c, uint64_t now_us);
void tcp_conn_start_fin(struct tcp_conn *c);

/* ---- tcp_table.c ---- */
[[nodiscard]] int tcp_table_init(struct tcp_table *t, uint32_t nb_entries);
void tcp_table_fini(struct tcp_table *t);
uint32_t tcp_tuple_hash(const struct tcp_stack *st, const struct tcp_tuple *t);
/* 0: not there. */
uint32_t tcp_table_find(const struct tcp_stack *st, const struct tcp_tuple *t, uint32_t hash);
/* Ask for memory that tcp_table_find() will want soon, and then for what it finds. */
void tcp_table_prefetch_bucket(const struct tcp_stack *st, uint32_t hash);
const void *tcp_table_prefetch_entry(const struct tcp_stack *st, uint32_t hash);
void tcp_table_insert(struct tcp_stack *st, uint32_t hash, uint32_t id);
void tcp_table_remove(struct tcp_stack *st, uint32_t hash, uint32_t id);
static inline uint32_t tcp_conn_id(const struct tcp_conn *c)
{
	return (uint32_t)(c - c->st->conns) + 1;
}

/* ---- tcp_isn.c, tcp_syncookie.c ---- */
uint32_t tcp_isn(const struct tcp_stack *st, const struct tcp_tuple *t, uint64_t now_us);
uint32_t tcp_ts_offset(const struct tcp_stack *st, const struct tcp_tuple *t);
static inline uint32_t tcp_ts_clock(uint64_t now_us)
{
	return (uint32_t)(now_us / 1000);
}
void tcp_syncookie_send(struct tcp_stack *st, const struct tcp_segin *s, uint64_t now_us);
/* What the cookie in <s>->ack remembers of the SYN; false when it is none of ours. */
bool tcp_syncookie_check(const struct tcp_stack *st, const struct tcp_segin *s, uint64_t now_us,
			 struct tcp_opts *ret_syn, bool *ret_has_ecn);

/* ---- tcp_timewait.c ---- */
void tcp_tw_add(struct tcp_stack *st, const struct tcp_tw *w, uint64_t now_us);
void tcp_tw_expire(struct tcp_stack *st, uint64_t now_us);
/* Our SYN may take over the tuple: true, with the entry gone and its last numbers. */
bool tcp_tw_reuse(struct tcp_stack *st, uint32_t id, uint64_t now_us, uint32_t *ret_min_iss);
/* A SYN may take over the tuple (RFC 6191): true, with the entry gone and its last numbers. */
bool tcp_tw_input(struct tcp_stack *st, uint32_t id, struct tcp_segin *s, uint64_t now_us,
		  uint32_t *ret_min_iss);

/* ---- tcp_input.c ---- */
void tcp_syn_accept(struct tcp_stack *st, struct tcp_segin *s, const struct tcp_listener *l,
		    uint32_t min_iss, uint64_t now_us);
uint32_t tcp_rcv_wnd(const struct tcp_conn *c);

/* ---- tcp_synsent.c ---- */
void tcp_syn_sent_input(struct tcp_conn *c, struct tcp_segin *s, uint64_t now_us);
void tcp_apply_syn_opts(struct tcp_conn *c, const struct tcp_opts *o, uint64_t now_us);

/* ---- tcp_ack.c ---- */
/* False when the segment is to be dropped, or the connection is gone. */
bool tcp_ack_input(struct tcp_conn *c, const struct tcp_segin *s, uint64_t now_us);
void tcp_challenge_ack(struct tcp_conn *c, uint64_t now_us);
void tcp_rtt_sample(struct tcp_conn *c, uint32_t rtt_us, uint64_t now_us);

/* ---- tcp_recovery.c ---- */
struct tcp_acked {
	uint32_t delivered; /* bytes newly known to have arrived */
	uint32_t cum;       /* of these, by advance of snd_una */
	uint32_t dup;       /* beside these, by a duplicate ACK without SACK */
	uint32_t prior_pipe;
	uint32_t fack; /* what becomes the connection's when all blocks are taken in */
	bool has_rtt;
	bool rtx_acked;      /* a resent segment was acknowledged cumulatively */
	bool orig_acked;     /* one from before high_seq arrived that was never resent */
	bool dsack_spurious; /* a resend of ours was needless */
	bool dsack;
	bool marked; /* it echoes a router's mark */
	uint32_t rtt_us;
};
uint32_t tcp_pipe(const struct tcp_conn *c);
/*
 * Before anything is sent: what has been found lost since a duplicate ACK has not left as well, and
 * must not make room for more than cwnd. Only without SACK, with bytes in flight.
 */
void tcp_pipe_settle(struct tcp_conn *c);
void tcp_seg_set_flags(struct tcp_conn *c, struct tcp_seg *g, uint32_t set, uint32_t clear);
void tcp_sack_mark(struct tcp_conn *c, const struct tcp_segin *s, struct tcp_acked *a,
		   uint64_t now_us);
/* <g> has arrived: RACK's clock. */
void tcp_rack_advance(struct tcp_conn *c, const struct tcp_seg *g, uint64_t now_us);
/* After every ACK: find losses, move between states, set cwnd. */
void tcp_recovery_on_ack(struct tcp_conn *c, const struct tcp_segin *s, struct tcp_acked *a,
			 bool is_dup, uint64_t now_us);
void tcp_recovery_on_reo(struct tcp_conn *c, uint64_t now_us);
void tcp_recovery_on_tlp(struct tcp_conn *c, uint64_t now_us);
void tcp_recovery_on_rto(struct tcp_conn *c, uint64_t now_us);
void tcp_recovery_sent(struct tcp_conn *c, struct tcp_seg *g, bool is_rtx, uint64_t now_us);

/* ---- tcp_hystart.c ---- */
/* A round trip that was measured while cwnd < ssthresh. */
void tcp_hystart_sample(struct tcp_conn *c, uint32_t rtt_us);
/* <acked> bytes were delivered while cwnd < ssthresh: grow cwnd. */
void tcp_slow_start(struct tcp_conn *c, uint32_t acked);

/* ---- tcp_ecn.c ---- */
/* What a SYN or SYN-ACK that is about to leave says besides. */
uint8_t tcp_ecn_syn_flags(struct tcp_conn *c);
/* A SYN asks, and we are to agree. */
bool tcp_ecn_is_offered(const struct tcp_stack *st, const struct tcp_segin *s);
/* The answer to our SYN. */
void tcp_ecn_syn_ack_input(struct tcp_conn *c, const struct tcp_segin *s);
/* A segment with text in the window. */
void tcp_ecn_text_input(struct tcp_conn *c, const struct tcp_segin *s);
/* An acceptable ACK that says <delivered> bytes are new to the peer; snd_una moved already. */
void tcp_ecn_ack_input(struct tcp_conn *c, const struct tcp_segin *s, uint32_t delivered,
		       uint64_t now_us);
/* The window has shrunk because of a mark within the last round trip. */
bool tcp_ecn_is_reduced(const struct tcp_conn *c);
/* What new data that is about to leave says besides. */
uint8_t tcp_ecn_data_flags(struct tcp_conn *c);

/* ---- tcp_timer.c ---- */
void tcp_timer_fire(struct tcp_stack *st, struct wheel_timer *t, uint64_t now_us);
void tcp_timer_rearm_rtx(struct tcp_conn *c, uint64_t now_us);
void tcp_timer_arm_life(struct tcp_conn *c, uint64_t now_us);
uint64_t tcp_rto(const struct tcp_conn *c);

/* ---- tcp_sndq.c ---- */
/* Bytes that the send queue may hold now; params.snd_buf at most. */
uint32_t tcp_snd_limit(const struct tcp_conn *c);
extern const struct stream_ops tcp_stream_ops;
void tcp_sndq_free(struct tcp_conn *c);
/* The segment in flight that <seq> is in, or the next one; NULL when there is none. */
struct tcp_seg *tcp_sndq_find(const struct tcp_conn *c, uint32_t seq);
/* Free the segments up to snd_una, which has just moved. */
void tcp_sndq_drop_head(struct tcp_conn *c);
/* Cut <g> after <len> bytes; -ENOMEM. */
[[nodiscard]] int tcp_sndq_split(struct tcp_conn *c, struct tcp_seg *g, uint16_t len);
/* At most <n> bytes, and a FIN behind the last, from the segment after <g> to <g>'s end. */
void tcp_sndq_pull(struct tcp_conn *c, struct tcp_seg *g, uint32_t n);
/* A FIN at the end of the queue; -ENOMEM. */
[[nodiscard]] int tcp_sndq_fin(struct tcp_conn *c);

/* ---- tcp_reasm.c ---- */
void tcp_rcvq_free(struct tcp_conn *c);
void tcp_ooo_free(struct tcp_conn *c);
/* To walk what is out of order, from c->f->ooo_head on: the next one, and its sequence numbers. */
const struct rte_mbuf *tcp_ooo_next(const struct rte_mbuf *m);
void tcp_ooo_span(const struct rte_mbuf *m, uint32_t *ret_begin, uint32_t *ret_end);
/* Take the text of <s>, trimmed to the window: queue it in order or out of order. */
void tcp_rcv_text(struct tcp_conn *c, struct tcp_segin *s, uint64_t now_us);
struct slice tcp_rcvq_peek(struct tcp_conn *c);
void tcp_rcvq_consume(struct tcp_conn *c, size_t n);

/* ---- tcp_tso.c ---- */
/* How many segments the packet that <first> begins may have; 1: it goes alone. */
uint32_t tcp_tso_segs(const struct tcp_conn *c, const struct tcp_seg *first);
/* May <g> follow <prev> in one packet? */
bool tcp_tso_can_join(const struct tcp_conn *c, const struct tcp_seg *prev,
		      const struct tcp_seg *g);
/* Add <g>'s text to <packet>, whose last mbuf is <*tail>. */
void tcp_tso_join(struct rte_mbuf *packet, struct rte_mbuf **tail, const struct tcp_seg *g);
/* <packet>, which has its headers, is to be cut every <segsz> bytes. */
void tcp_tso_mark(struct rte_mbuf *packet, uint16_t segsz);

/* ---- tcp_output.c ---- */
struct tcp_hdr_fields {
	uint32_t seq, ack;
	uint16_t wnd;
	uint8_t flags;
	uint8_t ecn; /* of the IP header */
	const struct tcp_opts *opts;
};
/* IP and TCP header in front of <m>'s data, checksums included. */
void tcp_emit_headers(const struct tcp_stack *st, const struct tcp_tuple *t, struct rte_mbuf *m,
		      const struct tcp_hdr_fields *h);
/* Queue a segment that belongs to no connection. */
void tcp_ctl_send(struct tcp_stack *st, const struct tcp_tuple *t, const struct tcp_hdr_fields *h);
/* RFC 9293 3.10.7.1: the reset that answers <s>; nothing for a reset. */
void tcp_reply_rst(struct tcp_stack *st, const struct tcp_segin *s);
/* Is there anything that tcp_output() would send? */
bool tcp_conn_has_output(const struct tcp_conn *c);
