/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The other end of both legs, in one TCP stack: clients that ask over mutual TLS, and the origin
 * that answers. The rig carries packets between it and the proxy; nothing here is measured.
 */

#pragma once

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>

struct peer;
struct rte_mbuf;
struct rte_mempool;

struct peer_params {
	struct rte_mempool *pool;
	uint32_t nb_conns;          /* clients */
	uint32_t response_size;     /* of the body */
	uint32_t requests_per_conn; /* 0: for ever */
	bool is_origin_closing;     /* the origin ends its connection with each answer */
	bool is_resuming;           /* a client's next connection offers its last session */
	/* The client certificate of client <n>. */
	void (*use_device)(const void *user, SSL *ssl, uint32_t n);
	const void *user;
};

struct peer_stats {
	uint64_t requests; /* answered whole */
	uint64_t bytes;    /* of bodies */
	uint64_t connections, resumed;
	uint64_t errors;
};

/* NULL: out of memory. */
struct peer *peer_new(const struct peer_params *p);
void peer_free(struct peer *p);

/* <m> begins at its IP header. */
void peer_input(struct peer *p, struct rte_mbuf *m, uint64_t now_us);
/* Clients and origin do what they can; packets of theirs then wait. */
void peer_run(struct peer *p, uint64_t now_us);
uint16_t peer_output(struct peer *p, struct rte_mbuf **ret, uint16_t cap, uint64_t now_us);
const struct peer_stats *peer_stats(const struct peer *p);
