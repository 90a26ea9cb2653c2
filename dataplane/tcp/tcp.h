/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP (RFC 9293) as a pure engine. All state is in a struct tcp_stack: time and randomness are
 * arguments, segments in and out are mbufs, and there is no global, port, lcore or clock behind
 * it, so that two stacks can be run against each other in one process.
 *
 * One thread owns a stack and everything reached through it. Nothing here blocks.
 *
 * Packets cross the boundary as IPv4 or IPv6 packets: mbuf data starts at the IP header, l2_len is
 * 0. The receive side has checked the IP header (version, length, checksum, destination) and, for
 * IPv6, set l3_len to the length of the header and its extension headers; the engine checks TCP's
 * own header and checksum, unless the mbuf says RTE_MBUF_F_RX_L4_CKSUM_GOOD or _NONE. Emitted
 * packets are complete, checksums included unless the stack was made with offload; the caller
 * finds the next hop and prepends Ethernet (there is headroom).
 */

#pragma once

#include "base/stream.h"
#include "common/base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;
struct tcp_stack;
struct tcp_conn;

/* RFC 9293 3.3.2. */
enum tcp_state {
	TCP_S_CLOSED,
	TCP_S_LISTEN,
	TCP_S_SYN_SENT,
	TCP_S_SYN_RCVD,
	TCP_S_ESTABLISHED,
	TCP_S_FIN_WAIT_1,
	TCP_S_FIN_WAIT_2,
	TCP_S_CLOSE_WAIT,
	TCP_S_CLOSING,
	TCP_S_LAST_ACK,
	TCP_S_TIME_WAIT,
	TCP_S__COUNT,
};

/* What has happened on a connection since it was last taken from the ready list. */
#define TCP_EV_CONNECTED (1u << 0) /* our connect() succeeded */
#define TCP_EV_READABLE (1u << 1)  /* new bytes, or the peer's FIN, wait in the receive queue */
#define TCP_EV_WRITABLE (1u << 2)  /* the send queue had been full and has room again */
#define TCP_EV_SENT_ALL (1u << 3)  /* everything committed has been acknowledged */
#define TCP_EV_ERROR (1u << 4)     /* dead: see tcp_conn_error(); only tcp_close() remains */

enum tcp_congestion {
	TCP_CONGESTION_CUBIC, /* RFC 9438 */
	TCP_CONGESTION_NEWRENO,
};

enum tcp_ecn {
	TCP_ECN_ACCEPT, /* when the peer asks */
	TCP_ECN_ASK,    /* and ask ourselves */
	TCP_ECN_OFF,
};

struct tcp_params {
	struct rte_mempool *pool; /* for emitted segments; single consumer */
	uint32_t max_conns;       /* pool of connections, allocated at once */
	/*
	 * Connections that may have bytes under way (sent and unacknowledged, to be sent, or
	 * received out of order) at the same time; 0: a tenth of max_conns, 512 at least.
	 * Others wait as they do for a buffer.
	 */
	uint32_t max_flights;
	uint32_t max_listeners; /* at most 256 */
	uint32_t rcv_buf;       /* bytes, upper bound of the receive window per connection */
	uint32_t snd_buf;       /* bytes, upper bound of unacknowledged + unsent per connection;
				   twice the congestion window, 128 KiB at least, below that */
	uint16_t mss;           /* MTU - 40 (IPv6 takes 20 off), unless tcp_set_mtu() says else */
	enum tcp_congestion congestion;
	enum tcp_ecn ecn;      /* RFC 3168 */
	bool plpmtud;          /* find black holes of large packets, probe upward (RFC 4821) */
	bool tx_cksum_offload; /* leave TCP and IPv4 checksums to the port (sets ol_flags, lens) */
	/*
	 * The port cuts long packets (RTE_MBUF_F_TX_TCP_SEG): IP packets of up to <tso_max> bytes,
	 * 65535 at most, and <tso_max_segs> segments leave as chains of mbufs. 0: it does not.
	 * Needs tx_cksum_offload.
	 */
	uint32_t tso_max;
	uint16_t tso_max_segs;
	uint64_t secret[2];   /* random: ISN (RFC 6528), SYN cookies, table hash */
	uint32_t syn_backlog; /* half-open connections above which SYN cookies are sent */
	/* Bounded memory for all receive queues together, in mbufs; 0 = no bound. */
	uint32_t max_rx_mbufs;
	/*
	 * Segments, drops and refusals are counted here by enum outcome, single writer. May be
	 * NULL. See common/stats/outcome.def, rows TCP_*.
	 */
	uint64_t *counters;
};

struct tcp_tuple {
	struct ip_addr local;
	struct ip_addr remote;
	uint16_t local_port; /* host order */
	uint16_t remote_port;
};

/* What `show connection` prints. */
struct tcp_conn_view {
	struct tcp_tuple tuple;
	enum tcp_state state;
	uint32_t cwnd, ssthresh; /* bytes */
	uint32_t srtt_us, rttvar_us, rto_us;
	uint32_t snd_wnd, rcv_wnd;
	uint32_t mss, mtu; /* mtu: the largest IP packet that is sent */
	uint64_t bytes_in, bytes_out;
	uint32_t retransmits;
	uint32_t sndq_bytes, rcvq_bytes;
};

/* Make. NULL means out of memory; ret freed by tcp_stack_free(), which frees all connections. */
struct tcp_stack *tcp_stack_new(const struct tcp_params *params);
void tcp_stack_free(struct tcp_stack *st);

/*
 * Listen on <addr>:<port>. Connections accepted there carry <user> (see
 * tcp_conn_listener_user()). -EADDRINUSE, -ENOSPC.
 */
[[nodiscard]] int tcp_listen(struct tcp_stack *st, const struct ip_addr *addr, uint16_t port,
			     void *user);
/*
 * Stop listening: accepted connections live on, what has not been accepted is reset. -ENOENT when
 * nothing listens there.
 */
int tcp_unlisten(struct tcp_stack *st, const struct ip_addr *addr, uint16_t port);

/*
 * The MTU of the interface that has <local>: connections made from there from now on keep to it.
 * -ENOSPC when too many differ from params.mss. tcp_forget_mtus() begins anew.
 */
[[nodiscard]] int tcp_set_mtu(struct tcp_stack *st, const struct ip_addr *local, uint16_t mtu);
void tcp_forget_mtus(struct tcp_stack *st);

/*
 * Open towards tuple->remote. The caller chooses the local port (so that replies hash to this
 * worker); -EADDRINUSE when the four-tuple is taken, by TIME-WAIT too in its first second and
 * wherever there are no timestamps; -ENOMEM when no connection is free. The SYN leaves with the
 * next tcp_output().
 */
[[nodiscard]] int tcp_connect(struct tcp_stack *st, const struct tcp_tuple *tuple, uint64_t now_us,
			      struct tcp_conn **ret_conn);

/* Packets in: takes ownership of <m> in every case. */
void tcp_input(struct tcp_stack *st, struct rte_mbuf *m, uint64_t now_us);
/* The same for <nb> of them, which is cheaper: the memory of one is fetched beside the others'. */
void tcp_input_burst(struct tcp_stack *st, struct rte_mbuf *const *pkts, uint16_t nb,
		     uint64_t now_us);
/*
 * An ICMP error (RFC 5927) that quotes <tuple> and <seq>, already length-checked. <mtu> is 0, or
 * the next-hop MTU of a "fragmentation needed". Ignored unless <seq> is in the send window.
 */
void tcp_icmp_error(struct tcp_stack *st, const struct tcp_tuple *tuple, uint32_t seq, uint16_t mtu,
		    uint64_t now_us);
/* Run timers that are due. */
void tcp_tick(struct tcp_stack *st, uint64_t now_us);
/*
 * Packets out: up to <cap> segments that may leave now, in order; the caller owns them. Returns
 * how many; call again until it returns less than <cap>.
 */
uint16_t tcp_output(struct tcp_stack *st, struct rte_mbuf **ret_pkts, uint16_t cap,
		    uint64_t now_us);
/*
 * When the next timer is due, UINT64_MAX for none. For the worker's idle sleep and the simulator.
 */
uint64_t tcp_next_deadline(const struct tcp_stack *st);

/*
 * Upward flow. tcp_accept() returns a connection that completed its handshake on any listener,
 * or NULL. tcp_ready() returns a connection with events and stores (and clears) them in
 * <ret_events>, or NULL. A connection is never on the list twice; events merge.
 */
struct tcp_conn *tcp_accept(struct tcp_stack *st);
struct tcp_conn *tcp_ready(struct tcp_stack *st, uint32_t *ret_events);
/* The one that tcp_ready() would return now, if only to fetch its owner's memory; or NULL. */
const struct tcp_conn *tcp_ready_next(const struct tcp_stack *st);

/* The owner's pointer, NULL at first. */
void tcp_conn_set_user(struct tcp_conn *c, void *user);
void *tcp_conn_user(const struct tcp_conn *c);
/* Of an accepted connection, until the owner sets its own. */
void *tcp_conn_listener_user(const struct tcp_conn *c);
const struct tcp_tuple *tcp_conn_tuple(const struct tcp_conn *c);
enum tcp_state tcp_conn_state(const struct tcp_conn *c);
/* 0, or why the connection died: -ECONNRESET, -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH. */
int tcp_conn_error(const struct tcp_conn *c);
void tcp_conn_view(const struct tcp_conn *c, struct tcp_conn_view *ret);
const char *tcp_state_name(enum tcp_state s);

/*
 * The byte queues, as a stream: peek/consume read in order bytes (zero copy, out of the receive
 * queue's mbufs); reserve/commit append to the send queue (room in mbufs of the pool, so a TLS
 * record is encrypted straight into packets-to-be). Consuming opens the window: an update is
 * sent when it is worth it (RFC 9293 3.8.6.2.2).
 */
struct stream *tcp_conn_stream(struct tcp_conn *c);
/* Bytes that may be committed now without exceeding snd_buf. */
size_t tcp_conn_writable(const struct tcp_conn *c);
/* Bytes committed and not yet acknowledged. */
size_t tcp_conn_unacked(const struct tcp_conn *c);
/*
 * While true (cork), a last short segment waits for more; setting false sends it. Nagle is
 * always off: the caller batches.
 */
void tcp_conn_set_more(struct tcp_conn *c, bool more);
/* Keepalive probes after <idle_s> seconds of silence (RFC 1122 4.2.3.6); 0 switches them off. */
void tcp_conn_set_keepalive(struct tcp_conn *c, uint32_t idle_s);

/* FIN after what is queued; reading goes on. */
void tcp_shutdown(struct tcp_conn *c, uint64_t now_us);
/*
 * The owner lets go: <c> must not be used again. Queued bytes and FIN are still delivered in the
 * background (bounded by a timer); unread received bytes make it a reset (RFC 9293 3.6.1).
 */
void tcp_close(struct tcp_conn *c, uint64_t now_us);
/* RST now; <c> must not be used again. */
void tcp_abort(struct tcp_conn *c, uint64_t now_us);

/* Connections in any state but TIME-WAIT and LISTEN; and TIME-WAIT entries. */
uint32_t tcp_stack_nb_conns(const struct tcp_stack *st);
uint32_t tcp_stack_nb_time_wait(const struct tcp_stack *st);
/* Passive ones whose handshake is not complete. */
uint32_t tcp_stack_nb_half_open(const struct tcp_stack *st);
/* Connections that have bytes under way, or a history that is kept until its place is wanted. */
uint32_t tcp_stack_nb_flights(const struct tcp_stack *st);
/* All memory that tcp_stack_new() took, mbufs apart: it never takes more. */
size_t tcp_stack_bytes(const struct tcp_stack *st);
/* mbufs held by receive and send queues, for leak checks. */
uint32_t tcp_stack_nb_mbufs(const struct tcp_stack *st);
