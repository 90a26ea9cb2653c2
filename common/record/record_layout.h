/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a worker leaves as evidence: one fixed-size record per request, denial, failed handshake
 * or server state change. The data plane fills numbers; names are the control plane's to look up
 * in the configuration <config_generation>.
 */

#pragma once

#include "common/base/ids.h"

#include <assert.h>
#include <stdint.h>

enum record_kind {
	RECORD_NONE,
	RECORD_TRAFFIC,     /* a request ended, or a handshake or request was denied */
	RECORD_DEVICE_PULL, /* <uid> of <ems> is unknown: ask EMS for it */
	RECORD_HEALTH,      /* real server <server> went down (outcome) or came up */
	RECORD__COUNT,
};

#define RECORD_F_CLIENT_CERT (1u << 0) /* the client showed a certificate */
#define RECORD_F_HAS_DEVICE (1u << 1)  /* <uid> is meaningful */
#define RECORD_F_CUT (1u << 2)         /* ended because the decision changed */
#define RECORD_F_ACCEPT (1u << 3)
#define RECORD_F_EMS_ONLINE (1u << 4) /* EMS was in contact when it was decided */
#define RECORD_F_RESUMED (1u << 5)
#define RECORD_F_POSTURE (1u << 6) /* <posture> is meaningful */
#define RECORD_F_LOG (1u << 7)     /* policy or access proxy ask for a traffic log line */

struct record {
	uint8_t kind;     /* enum record_kind */
	uint8_t ems;      /* index in the configuration */
	uint16_t flags;   /* RECORD_F_* */
	uint16_t outcome; /* enum outcome */
	uint16_t code;    /* reason code 1..67 shown to the client, 0: none */
	uint64_t time_us; /* CLOCK_REALTIME at the end */
	uint64_t duration_us;
	uint64_t session_id;
	uint8_t request_id[16];
	uint64_t config_generation;
	uint64_t generation; /* snapshot version that decided */
	struct device_uid uid;
	struct cert_serial cert_serial; /* as shown by the client */
	uint32_t posture;
	struct ip_addr client, vip, server;
	uint16_t client_port, vip_port, server_port;
	uint16_t http_status;
	uint32_t interface;      /* index: where the client came in */
	uint32_t back_interface; /* index: towards the server, SNAP_NONE */
	uint32_t proxy;          /* index */
	uint32_t policy;         /* index, SNAP_NONE: implicit deny */
	uint32_t policy_id;      /* 0: implicit deny */
	uint32_t gateway_id;
	uint32_t server_id;
	uint32_t unused1;
	/* bytes on each leg: client to proxy, proxy to client; proxy to server, server to proxy */
	uint64_t client_in, client_out, server_out, server_in;
	uint8_t unused2[32];
};
static_assert(sizeof(struct record) == 256, "crosses processes");
