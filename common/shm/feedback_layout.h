/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The feedback file: what the data plane tells. The data plane makes it anew at each start and
 * writes it; the control plane maps it read-only and distrusts it (offsets, counts and indices
 * are clamped, rows may tear and are validated).
 *
 *	+--------------+-- per worker: --------------------------------------------------------+
 *	| feedback_hdr | feedback_worker | record[nb_records] | session_row[nb_rows] | capture | ...
 *	+--------------+-----------------------------------------------------------------------+
 */

#pragma once

#include "common/base/ids.h"
#include "common/record/record_layout.h"
#include "common/shm/capture_layout.h"
#include "common/shm/conn_layout.h"
#include "common/snap/snap_layout.h"
#include "common/stats/histogram.h"
#include "common/stats/outcome.h"
#include "common/stats/peaks.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define FEEDBACK_MAGIC 0x4b424446u
#define FEEDBACK_ABI 6u
#define FEEDBACK_MAX_COUNTERS 256u
#define FEEDBACK_MAX_PORTS 8u

/* feedback_port.offloads: what the port does for us. */
#define FEEDBACK_OFFLOAD_TX_CKSUM (1u << 0) /* TCP, both families */
#define FEEDBACK_OFFLOAD_RX_CKSUM (1u << 1)
#define FEEDBACK_OFFLOAD_RSS (1u << 2)
#define FEEDBACK_OFFLOAD_TSO (1u << 3) /* cuts long packets into segments */
#define FEEDBACK_OFFLOAD_VLAN_STRIP (1u << 4)
#define FEEDBACK_OFFLOAD_VLAN_INSERT (1u << 5)
#define FEEDBACK_OFFLOAD_MULTI_SEGS (1u << 6) /* sends packets in several buffers */
#define FEEDBACK_OFFLOAD_SCATTER (1u << 7)    /* receives them so */

static_assert(OUTCOME__COUNT <= FEEDBACK_MAX_COUNTERS, "raise FEEDBACK_MAX_COUNTERS and the ABI");

struct feedback_hdr {
	uint32_t magic;
	uint32_t abi;
	uint64_t file_len;
	uint64_t epoch; /* equals rdv.dp_epoch; written last, release */
	uint32_t nb_workers;
	uint32_t nb_records;  /* per worker, a power of two */
	uint32_t nb_rows;     /* per worker */
	uint32_t nb_counters; /* OUTCOME__COUNT of the writer */
	uint64_t worker_off[SNAP_MAX_WORKERS];
	uint64_t started_ms; /* CLOCK_REALTIME */
	struct feedback_port {
		char name[32];
		char driver[24];
		uint32_t interface; /* index in the config */
		uint32_t nb_rxq, nb_txq;
		uint32_t offloads; /* FEEDBACK_OFFLOAD_*, in use */
		uint8_t mac[6];
		uint16_t mtu;
		uint32_t unused2;
	} port[FEEDBACK_MAX_PORTS];
	uint32_t nb_ports;
	uint32_t hugepages; /* 1: in use */
};

/* Single writer: its worker. Counters are relaxed atomics; 64 bit, never reset. */
struct feedback_worker {
	alignas(64) _Atomic(uint64_t) counter[FEEDBACK_MAX_COUNTERS];
	/* gauges */
	alignas(64) _Atomic(uint64_t) sessions;
	_Atomic(uint64_t) tcp_conns;
	_Atomic(uint64_t) time_wait;
	_Atomic(uint64_t) upstream_idle;
	_Atomic(uint64_t) loops, busy_cycles, idle_cycles;
	_Atomic(uint64_t) mbufs_free;
	_Atomic(uint64_t) half_open; /* connections whose handshake is not complete */
	_Atomic(uint64_t) tcp_mbufs; /* held by TCP's queues */
	/* microseconds from an EMS notification's arrival to the cut, and request latency */
	struct histogram cut_us;
	struct histogram request_us;
	/* microseconds that one pass of the loop took, sleep aside */
	struct peaks pass_us;
	/* microseconds of the worker's own processor time that taking a version took */
	struct peaks adopt_us;
	/* records: [head - nb_records, head) were written; release store after the record */
	alignas(64) _Atomic(uint64_t) head;
	/* what it was asked of its connections */
	struct conn_answer conns;
	/* packets; the ring is CAPTURE_RING bytes behind the session rows */
	struct capture_state capture;
	alignas(64) uint8_t records_follow[0];
};

/*
 * A live session as operators see it. <seq> is a sequence lock: odd while the worker writes; a
 * reader copies, then checks that <seq> was even and is the same.
 */
struct session_row {
	_Atomic(uint64_t) seq;
	uint64_t id;       /* 0: free row */
	uint64_t start_ms; /* CLOCK_REALTIME */
	uint64_t requests;
	uint64_t bytes_in, bytes_out; /* plaintext from and to the client */
	struct ip_addr client;
	struct ip_addr server; /* real server of the latest request */
	struct device_uid uid;
	uint16_t client_port;
	uint16_t server_port;
	uint32_t proxy;     /* index in config <config_generation> */
	uint32_t policy_id; /* of the latest decision */
	uint32_t unused1;
	uint64_t config_generation;
	uint64_t decided_generation;
	uint8_t ems;
	uint8_t has_device;
	uint8_t tls13, resumed;
	uint8_t state; /* 0 handshake, 1 idle, 2 request, 3 upgraded, 4 closing */
	uint8_t unused2[59];
};
static_assert(sizeof(struct session_row) == 192, "crosses processes");
