/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The snapshot file: what the control plane publishes and the data plane decides with.
 * Little endian, offsets in bytes from the start of the mapping, no pointers: the two processes
 * map it at different addresses. Any change to a struct here raises SNAP_ABI.
 *
 *	0          4096                                                        file_len
 *	+----------+------+------+------+------+------+------+------ . . . ------+
 *	| snap_hdr | runs of 4 KiB pages, each run one object                    |
 *	+----------+------+------+------+------+------+------+------ . . . ------+
 *
 *	objects:  snap_root        one page per version; rendezvous names the current one
 *	          device directory uint64_t page offsets, 1 << device_dir_bits of them; 0: empty
 *	          device page      struct snap_device_page, 64 places
 *	          posture rows     one bitset of tags per posture id
 *	          verdict rows     one set of policies per posture id: those whose tags are true
 *	          revoked          sorted struct snap_revoked
 *	          changes          struct snap_change, one run per version
 *	          config           struct snap_config and all it refers to, one run
 *	          index            struct snap_index: the config's policies by what they are for
 *
 * Life of a version: the builder writes new objects into free pages, never into published ones
 * (rows beyond a published count excepted: no published version can name them), then
 * release-stores the root's offset into rendezvous. Objects that the new version does not refer
 * to are reused after a grace period. So a version is immutable while any worker may read it,
 * and publishing k devices of a million writes k pages, one directory and one root.
 *
 * A reader trusts nothing here before snap_check() (snap.h) has passed it.
 */

#pragma once

#include "common/base/ids.h"

#include <assert.h>
#include <stdint.h>

#define SNAP_MAGIC 0x50414e53u /* "SNAP" */
#define SNAP_ROOT_MAGIC 0x544f4f52u
#define SNAP_CONFIG_MAGIC 0x46464f43u
#define SNAP_INDEX_MAGIC 0x58444e49u
#define SNAP_ABI 2u
#define SNAP_PAGE 4096u

#define SNAP_MAX_EMS 8u /* connectors; index 7 is spare */
#define SNAP_MAX_TAGS 4096u
#define SNAP_MAX_EXPRS 16384u
#define SNAP_MAX_POLICIES 65536u
#define SNAP_MAX_DIR_BITS 20u /* 2^20 pages of 64 places: 40 million devices and more */
#define SNAP_MAX_WORKERS 64u
#define SNAP_MAX_KEYS 512u   /* slots of the secrets file */
#define SNAP_NONE UINT32_MAX /* "no such index" */
#define SNAP_HISTORY 64u     /* versions whose change lists a root still names */

struct snap_hdr {
	uint32_t magic; /* SNAP_MAGIC */
	uint32_t abi;   /* SNAP_ABI */
	uint64_t file_len;
	uint64_t instance;     /* random, new each time the file is made anew */
	uint64_t hash_seed[2]; /* SipHash key of the device table */
	uint8_t unused[24];
};
static_assert(sizeof(struct snap_hdr) == 64, "crosses processes");

/* <count> elements that start at byte <off> of the mapping. count 0: off is 0. */
struct snap_ref {
	uint64_t off;
	uint32_t count;
	uint32_t stride; /* bytes from one element to the next */
};
static_assert(sizeof(struct snap_ref) == 16, "crosses processes");

/* ---- devices ---- */

#define SNAP_DEV_REGISTERED (1u << 0)
#define SNAP_DEV_ONLINE (1u << 1)
#define SNAP_DEV_QUARANTINED (1u << 2)
#define SNAP_DEV_ON_NET (1u << 3)
#define SNAP_DEV_HAS_SYSINFO (1u << 4) /* EMS sent its record */
#define SNAP_DEV_HAS_TAGS (1u << 5)    /* EMS sent its tags, if only none: posture is known */
#define SNAP_DEV__KNOWN 0x3fu

/* What a decision needs of a device: one cache line. Cold strings stay in the control plane. */
struct snap_device {
	struct device_uid uid;
	struct cert_serial serial; /* all zero: EMS knows no certificate */
	uint32_t posture;          /* row of the posture and verdict tables; SNAP_NONE: unknown */
	uint64_t sysinfo_ms;       /* CLOCK_REALTIME milliseconds of EMS's last update */
	uint64_t tags_ms;
	uint8_t ems;     /* index into snap_config.ems */
	uint8_t flags;   /* SNAP_DEV_* */
	uint8_t is_used; /* 1: this place of its page is taken; set by the builder */
	uint8_t unused[5];
};
static_assert(sizeof(struct snap_device) == 64, "one cache line");

#define SNAP_DEVICES_PER_PAGE 64u

/*
 * Which page: the top device_dir_bits bits of SipHash-1-3(hash_seed, uid). Within it: the place
 * that the low 6 bits of the same hash say, or the first free one after it, round the end. So most
 * records are found with one cache line, known before any of the page was read; a free place ends
 * the search.
 */
struct snap_device_page {
	struct snap_device dev[SNAP_DEVICES_PER_PAGE];
};
static_assert(sizeof(struct snap_device_page) == SNAP_PAGE, "one page");

/* ---- changes, for sessions that must be decided again ---- */

struct snap_change {
	struct device_uid uid;
	uint64_t notified_us; /* CLOCK_MONOTONIC: EMS's notification arrived; 0 unknown */
};
static_assert(sizeof(struct snap_change) == 24, "crosses processes");

struct snap_changes {
	uint64_t generation;  /* the version that these changes led to */
	struct snap_ref uids; /* struct snap_change */
};
static_assert(sizeof(struct snap_changes) == 24, "crosses processes");

/* A client certificate that its CA withdrew. Sorted by (ems, serial), memcmp order. */
struct snap_revoked {
	struct cert_serial serial;
	uint8_t ems;
	uint8_t unused[3];
};
static_assert(sizeof(struct snap_revoked) == 24, "crosses processes");

/* ---- root ---- */

struct snap_root {
	uint32_t magic; /* SNAP_ROOT_MAGIC */
	uint32_t abi;
	uint64_t generation;        /* +1 per publish, never reused within an instance */
	uint64_t config_generation; /* as in the config object; changes when that does */
	/*
	 * Differs from the previous version's when every session must be decided again (policies,
	 * expressions, revocations, a table rebuilt); equal when <changes> tells all.
	 */
	uint64_t decide_generation;
	uint64_t published_us; /* CLOCK_MONOTONIC */
	uint64_t device_dir_off;
	uint32_t device_dir_bits;
	uint32_t nb_devices;
	struct snap_ref postures; /* stride: bytes of a tag bitset, a multiple of 8 */
	struct snap_ref verdicts; /* stride: bytes of a set of policies, see snap_set_words() */
	struct snap_ref revoked;
	uint64_t config_off; /* struct snap_config */
	uint64_t config_len;
	uint64_t index_off; /* struct snap_index; 0: none, policies are walked one by one */
	uint64_t index_len;
	uint32_t nb_history; /* used entries of <history>, newest first */
	uint32_t crc32c;     /* of this struct with crc32c 0 */
	struct snap_changes history[SNAP_HISTORY];
};
static_assert(sizeof(struct snap_root) <= SNAP_PAGE, "one page");

/* ---- sets of policies, and the index made of them ---- */

/*
 * A set of the configuration's policies: a summary, one bit for each of the words that follow and
 * that is not zero, then one bit for each policy. So the first policy that is in several sets is
 * found without looking at the words where one of them has nothing.
 */
static inline uint32_t snap_set_words(uint32_t nb_policies)
{
	return nb_policies == 0 ? 1 : (nb_policies + 63) / 64;
}

static inline uint32_t snap_set_summary_words(uint32_t nb_policies)
{
	return (snap_set_words(nb_policies) + 63) / 64;
}

/* Both parts, in bytes. */
static inline uint32_t snap_set_bytes(uint32_t nb_policies)
{
	return (snap_set_summary_words(nb_policies) + snap_set_words(nb_policies)) * 8;
}

/*
 * The sets of the index, in this order; after these one for each access proxy, one for each
 * interface and one for any other, and one for each class of sources.
 */
enum snap_index_set {
	SNAP_SET_UNKNOWN, /* decide though tags are unknown: no tags asked for, or deny */
	SNAP_SET_STALE,   /* of these, and of those that may use stale posture */
	SNAP_SET_ASKING,  /* accept, and ask for tags */
	SNAP_SET_STRICT,  /* of these, those that never use stale posture */
	SNAP_SET_DATED,   /* ask for tags, and never use stale posture */
	SNAP_SET_GRACED,  /* ask for tags, and use it for some time */
	SNAP_SET__FIXED
};

/* Addresses from here to the next bound are of the same class: in the same policies' sources. */
struct snap_bound {
	uint64_t hi, lo; /* of the address in its IPv6 or IPv4-mapped form, host order */
	uint32_t cls;
	uint32_t unused;
};
static_assert(sizeof(struct snap_bound) == 24, "crosses processes");

#define SNAP_INDEX_INTERFACES (1u << 0) /* some policy is for certain interfaces */
#define SNAP_INDEX_SOURCES (1u << 1)    /* some policy is for certain sources: there are classes */
/* There would be too many classes: whoever finds a policy looks at its sources himself. */
#define SNAP_INDEX_CHECK_SOURCES (1u << 2)

struct snap_index {
	uint32_t magic; /* SNAP_INDEX_MAGIC */
	uint32_t abi;
	uint32_t nb_policies, nb_proxies, nb_interfaces; /* the config's counts */
	uint32_t nb_classes;
	uint32_t nb_bounds;     /* 0, or the first is address 0 */
	uint32_t flags;         /* SNAP_INDEX_* */
	uint32_t least_grace_s; /* of any policy in SNAP_SET_GRACED */
	uint32_t bounds_off;    /* from this struct's start; they end the object */
				/* sets from here on */
};
static_assert(sizeof(struct snap_index) == 40, "crosses processes");

/* ---- configuration object: offsets below are from its start, see snap_config_* in snap.h ---- */

/* Bytes in the config object, not NUL-terminated. */
struct snap_str {
	uint32_t off;
	uint32_t len;
};

/* <count> elements at <off> of the config object; their type is named beside each use. */
struct snap_arr {
	uint32_t off;
	uint32_t count;
};

struct snap_prefix {
	struct ip_addr addr;
	uint8_t len; /* 0..128, of the IPv6 or IPv4-mapped form (an IPv4 /24 is 120) */
	uint8_t unused[3];
};

struct snap_interface {
	struct snap_str name;      /* "wan" */
	struct snap_str device;    /* DPDK port: PCI address or vdev arguments */
	struct snap_arr addresses; /* struct snap_prefix: own address and prefix length */
	uint16_t vlan;             /* 802.1Q id, 0: untagged */
	uint16_t mtu;
	uint8_t role; /* enum snap_role, for the log */
	uint8_t unused[3];
};

enum snap_role {
	SNAP_ROLE_UNDEFINED,
	SNAP_ROLE_WAN,
	SNAP_ROLE_LAN,
	SNAP_ROLE_DMZ
};

struct snap_route {
	struct snap_prefix prefix;
	struct ip_addr via; /* next hop */
	uint32_t interface; /* index, or SNAP_NONE: the one whose prefix holds <via> */
};

struct snap_ems {
	struct snap_str name;
	struct snap_str serial_number; /* issuer CN of its devices' certificates */
	struct snap_str tenant_id;
	struct snap_arr ca;     /* struct snap_str: DER of the ZTNA CAs, may be none yet */
	uint32_t id;            /* ems-id, 1..7 */
	uint32_t out_of_sync_s; /* posture is usable this long after contact is lost */
};

/* Server certificate. The private key is in the secrets file, slot <key_slot>. */
struct snap_certificate {
	struct snap_str name;
	struct snap_arr chain; /* struct snap_str: DER, leaf first */
	uint32_t key_slot;
	uint32_t unused;
};

enum snap_empty_cert {
	SNAP_EMPTY_BLOCK,
	SNAP_EMPTY_ACCEPT,
	SNAP_EMPTY_ACCEPT_UNMANAGEABLE
};
enum snap_host_type {
	SNAP_HOST_EXACT,
	SNAP_HOST_SUB_STRING,
	SNAP_HOST_WILDCARD
};
enum snap_gateway_service {
	SNAP_GW_HTTP,
	SNAP_GW_HTTPS,
	SNAP_GW_TCP_FORWARDING
};
enum snap_ldb {
	SNAP_LDB_STATIC,
	SNAP_LDB_ROUND_ROBIN,
	SNAP_LDB_WEIGHTED,
	SNAP_LDB_FIRST_ALIVE
};
enum snap_server_status {
	SNAP_SERVER_ACTIVE,
	SNAP_SERVER_STANDBY,
	SNAP_SERVER_DISABLED
};

struct snap_vhost {
	struct snap_str name;
	struct snap_str host; /* lower case */
	uint32_t certificate; /* index, SNAP_NONE: the access proxy's */
	uint8_t host_type;    /* enum snap_host_type */
	uint8_t unused[3];
};

struct snap_real_server {
	uint32_t id;
	struct ip_addr address;
	uint16_t port;
	uint8_t weight;            /* 1..255 */
	uint8_t status;            /* enum snap_server_status */
	struct snap_str http_host; /* Host sent to the server; empty: the client's */
	uint32_t health; /* index of this server's word in the health table; unique per server */
};

struct snap_gateway {
	uint32_t id;
	uint32_t vhost;          /* index into the config's vhosts, SNAP_NONE: any host */
	struct snap_str url_map; /* for people; matching goes by the pattern database */
	uint8_t url_map_type;    /* enum snap_url_map */
	uint8_t service;         /* enum snap_gateway_service */
	uint8_t ldb_method;      /* enum snap_ldb */
	uint8_t verify_cert;     /* https: check the real server's certificate against server_ca */
	struct snap_arr servers; /* struct snap_real_server */
	struct snap_arr server_ca; /* struct snap_str: DER */
	/* https: SNI and name to verify; empty: http_host, else the address */
	struct snap_str server_name;
};

enum snap_url_map {
	SNAP_URL_SUB_STRING,
	SNAP_URL_WILDCARD,
	SNAP_URL_REGEX
};

struct snap_access_proxy {
	struct snap_str name;
	uint32_t interface; /* index */
	struct ip_addr address;
	uint16_t port;
	uint8_t client_cert;       /* ask for a client certificate */
	uint8_t empty_cert_action; /* enum snap_empty_cert */
	uint32_t certificate;      /* index */
	struct snap_arr vhosts;    /* uint32_t: indices into the config's vhosts */
	struct snap_arr gateways;  /* struct snap_gateway, in order of id */
	/*
	 * Hyperscan database, serialized (hs_serialize_database, HS_MODE_BLOCK): pattern id = index
	 * into <gateways>, matched against the normalized path; empty when there are no gateways.
	 * 8-aligned.
	 */
	struct snap_str patterns;
	uint8_t log_blocked; /* log-blocked-traffic */
	uint8_t unused[3];
};

enum snap_action {
	SNAP_DENY,
	SNAP_ACCEPT
};
enum snap_log {
	SNAP_LOG_NONE,
	SNAP_LOG_DENIED,
	SNAP_LOG_ALL
};
/* What a policy with tags does when the device's posture is older than its EMS allows. */
enum snap_stale {
	SNAP_STALE_DENY,
	SNAP_STALE_KEEP_EXISTING,
	SNAP_STALE_ALLOW_FOR
};

struct snap_policy {
	uint32_t id;
	struct snap_str name;
	struct snap_str uuid;       /* 36 characters */
	struct snap_arr proxies;    /* uint32_t: access proxy indices; count 0: all */
	struct snap_arr sources;    /* struct snap_prefix; count 0: all */
	struct snap_arr interfaces; /* uint32_t; count 0: all */
	uint32_t expr;              /* index into exprs, SNAP_NONE: no tags asked for */
	uint32_t stale_s;           /* for SNAP_STALE_ALLOW_FOR: seconds beyond out_of_sync_s */
	uint8_t action;             /* enum snap_action */
	uint8_t log;                /* enum snap_log */
	uint8_t stale;              /* enum snap_stale */
	uint8_t unused;
};

/*
 * Tag expressions are trees, stored flat: an expression is its root node; children are
 * contiguous runs of nodes. Depth is at most SNAP_EXPR_DEPTH. A node that is not a tag has
 * children:
 * "all of nothing" would be true of everyone.
 */
#define SNAP_EXPR_DEPTH 16u
enum snap_node_op {
	SNAP_NODE_TAG,
	SNAP_NODE_ANY,
	SNAP_NODE_ALL,
	SNAP_NODE_NONE
};

struct snap_node {
	uint8_t op; /* enum snap_node_op */
	uint8_t unused[3];
	uint32_t tag;             /* SNAP_NODE_TAG: tag id */
	struct snap_arr children; /* struct snap_node */
};

struct snap_expr {
	struct snap_node root;
};

/* 1..4 as EMS numbers them on the wire. */
enum snap_tag_kind {
	SNAP_TAG_ZERO_TRUST = 1,
	SNAP_TAG_CLASSIFICATION = 2,
	SNAP_TAG_OUTBREAK = 3,
	SNAP_TAG_FABRIC = 4,
};

/*
 * Tags that policies name, by id = bit in a posture row. A tag that no policy names may have an
 * id beyond this array: postures hold its bit, no expression asks for it.
 */
struct snap_tag {
	struct snap_str name; /* as policies write it: "FortiAD", "CLASS_Low" */
};

enum snap_idle {
	SNAP_IDLE_ADAPTIVE,
	SNAP_IDLE_POLL
};
enum snap_hugepages {
	SNAP_HUGE_AUTO,
	SNAP_HUGE_ON,
	SNAP_HUGE_OFF
};

enum snap_offloads {
	SNAP_OFFLOADS_AUTO,
	SNAP_OFFLOADS_NONE
};

struct snap_config {
	uint32_t magic; /* SNAP_CONFIG_MAGIC */
	uint32_t abi;
	uint64_t generation;
	uint64_t len; /* bytes, this header included */

	/* dataplane: fixed at its start; a change needs a restart, see dataplane_fingerprint */
	uint16_t workers[SNAP_MAX_WORKERS]; /* core numbers */
	uint32_t nb_workers;
	uint32_t max_connections; /* per data plane, both legs */
	uint32_t memory_mib;      /* packet and heap memory for EAL */
	uint8_t idle;             /* enum snap_idle */
	uint8_t hugepages;        /* enum snap_hugepages */
	uint8_t offloads;         /* enum snap_offloads */
	uint8_t unused;
	uint64_t dataplane_fingerprint; /* of all that only a restart can change */

	/* time-outs, milliseconds */
	uint32_t handshake_ms, head_ms, idle_ms, upstream_connect_ms, upstream_ms, pull_ms;

	struct snap_str gateway_serial; /* FPXVULTM... */
	struct snap_str vdom;
	struct snap_arr interfaces;   /* struct snap_interface */
	struct snap_arr routes;       /* struct snap_route, longest prefix first */
	struct snap_arr ems;          /* struct snap_ems */
	struct snap_arr certificates; /* struct snap_certificate */
	struct snap_arr vhosts;       /* struct snap_vhost */
	struct snap_arr proxies;      /* struct snap_access_proxy */
	struct snap_arr policies;     /* struct snap_policy, in order of evaluation */
	struct snap_arr exprs;        /* struct snap_expr */
	struct snap_arr tags;         /* struct snap_tag */
	uint32_t nb_health;           /* real servers, all gateways */
	uint32_t unused2;
};
