/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The rendezvous file: the one place that both processes write. Every field says who writes it;
 * nobody else may. Little endian, fixed width.
 *
 * Neither side believes the other blindly: the data plane checks the root it is pointed at
 * (snap_check), the control plane clamps indices it reads from the data plane.
 */

#pragma once

#include "common/shm/capture_layout.h"
#include "common/snap/snap_layout.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define RDV_MAGIC 0x56445a52u
#define RDV_ABI 4u
/* Room for rte_rcu_qsbr of SNAP_MAX_WORKERS threads: checked against its real size in rcu.c. */
#define RDV_RCU_SIZE 16384u

/* Written by worker <i> alone. */
struct rdv_worker {
	alignas(64) _Atomic(uint64_t) generation; /* version the worker decides with */
	_Atomic(uint64_t) config_generation;
	_Atomic(uint64_t) heartbeat_ms;       /* CLOCK_MONOTONIC */
	_Atomic(uint64_t) refused_generation; /* newest version that snap_check() refused */
	_Atomic(uint64_t) adopted_us;         /* CLOCK_MONOTONIC, when <generation> was taken up */
};
static_assert(sizeof(struct rdv_worker) == 64, "crosses processes");

/* Written by the control plane alone: how far it has read worker <i>'s record ring. */
struct rdv_consumer {
	alignas(64) _Atomic(uint64_t) tail;
};
static_assert(sizeof(struct rdv_consumer) == 64, "crosses processes");

/*
 * A request to a worker (control plane writes <op>, <arg>, then <seq> with release; the worker
 * answers by storing <done> = seq).
 */
struct rdv_mailbox {
	alignas(64) _Atomic(uint64_t) seq;
	_Atomic(uint64_t) done;
	uint32_t op; /* enum rdv_op */
	uint32_t unused;
	uint64_t arg;
	/* number of what is asked in <inquiry>; here since the worker reads this line anyway */
	_Atomic(uint64_t) inquiry_seq;
	_Atomic(uint64_t) capture_seq; /* number of what <rdv.capture> wants */
};
static_assert(sizeof(struct rdv_mailbox) == 64, "crosses processes");

enum rdv_op {
	RDV_OP_NONE,
	RDV_OP_KILL_SESSION
};

enum rdv_inquiry_op {
	RDV_INQUIRY_NONE,
	RDV_INQUIRY_LIST, /* connections from slot <slot> on that the filter lets through */
	RDV_INQUIRY_ONE,  /* the one of <slot> and <generation>, with its ranges */
};

#define RDV_FILTER_ADDR (1u << 0) /* either end is <addr> */
#define RDV_FILTER_PORT (1u << 1) /* either end's port is <port> */
#define RDV_FILTER_STATE (1u << 2)

/*
 * A question about connections. The control plane writes it, then mailbox.inquiry_seq with
 * release; the worker copies it, and answers in the feedback file: see struct conn_answer.
 */
struct rdv_inquiry {
	alignas(64) uint32_t op; /* enum rdv_inquiry_op */
	uint32_t slot;
	uint32_t generation;
	uint32_t filter; /* RDV_FILTER_* */
	struct ip_addr addr;
	uint16_t port;
	uint8_t state; /* enum conn_state */
	uint8_t unused[29];
};
static_assert(sizeof(struct rdv_inquiry) == 64, "crosses processes");

struct rdv {
	/* set once, by whoever makes the file (the control plane) */
	uint32_t magic;
	uint32_t abi;
	uint64_t instance;

	/* control plane writes, data plane reads */
	alignas(64) _Atomic(uint64_t)
		root_off; /* release/acquire: the published version; 0: none */
	_Atomic(uint64_t) generation;
	_Atomic(uint64_t) cp_heartbeat_ms; /* CLOCK_MONOTONIC */
	_Atomic(uint32_t) cp_pid;
	uint32_t unused1;
	alignas(64) _Atomic(uint64_t) secrets_generation;
	/*
	 * Whose records <consumer> counts: the dp_epoch of the feedback file that the control plane
	 * reads. A worker of another epoch takes its tail as 0 until this is its own.
	 */
	_Atomic(uint64_t) consumer_epoch;
	/*
	 * When each EMS was last known to be in contact (CLOCK_MONOTONIC ms; 0: never). Posture is
	 * usable until out_of_sync_s after it: it stops advancing when EMS is lost and when the
	 * control plane is dead, and both mean the same to a decision.
	 */
	alignas(64) _Atomic(uint64_t) ems_contact_ms[SNAP_MAX_EMS];

	/* data plane's main thread writes, control plane reads */
	alignas(64) _Atomic(uint32_t) dp_pid;
	_Atomic(uint32_t) dp_workers; /* 0: not running */
	_Atomic(uint64_t) dp_heartbeat_ms;
	_Atomic(uint64_t) dp_epoch; /* random, new at each start; equals feedback's */
	_Atomic(uint64_t)
		dp_started_fingerprint; /* snap_config.dataplane_fingerprint it runs with */

	struct rdv_worker worker[SNAP_MAX_WORKERS];
	struct rdv_consumer consumer[SNAP_MAX_WORKERS];
	struct rdv_mailbox mailbox[SNAP_MAX_WORKERS];
	struct rdv_inquiry inquiry[SNAP_MAX_WORKERS];

	/* control plane writes: what to capture, and how far it has read each worker's ring */
	struct rdv_capture capture;
	struct rdv_consumer capture_tail[SNAP_MAX_WORKERS];

	/* rte_rcu_qsbr: workers and control plane, by its own rules; see rcu.h */
	alignas(64) uint8_t rcu[RDV_RCU_SIZE];
};
