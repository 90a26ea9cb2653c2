/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The configuration document as plain structs: read, validated whole, immutable until freed.
 * Every string, array and key belongs to the struct config and dies with it. Any thread may read
 * it; whoever replaces it frees the old one when nobody reads it any more.
 *
 *	bytes --config_json--> JSON --config_schema--> valid, defaults filled in
 *	      --config_read--> structs --config_check--> consistent, files loaded, patterns compiled
 *	      --config_compile--> the configuration object of the snapshot
 */

#pragma once

#include "common/base/ids.h"
#include "common/base/slice.h"
#include "common/shm/feedback_layout.h"
#include "common/snap/snap_layout.h"
#include "config/config_errors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFIG_DOCUMENT_MAX (16u << 20)
#define CONFIG_FILE_MAX (1u << 20) /* a PEM file */
#define CONFIG_CHAIN_MAX 6u        /* certificates in a server's chain */
#define CONFIG_CA_MAX 64u          /* certificates in a CA file */
#define CONFIG_ZTNA_CA_MAX 8u      /* certificates in an EMS's ztna_ca: 7 of them fit a service */
#define CONFIG_FINGERPRINT_LEN 64u /* SHA-512 */
#define CONFIG_API_HASH_LEN 32u    /* SHA-256 */

/* What the data plane's tables hold; more would be left out there without a word. */
#define CONFIG_DEVICES_MAX FEEDBACK_MAX_PORTS
#define CONFIG_ADDRESSES_MAX 256u /* own addresses, all interfaces */
#define CONFIG_SERVERS_MAX 1024u  /* real servers, all gateways */

/* A PEM file of CA certificates. */
struct config_ca {
	const char *path; /* NULL: the document names none */
	struct slice pem;
	struct slice *der;
	unsigned nb_der;
};

/* A certificate with its chain and private key. */
struct config_keypair {
	const char *certificate_path;
	const char *key_path;
	struct slice certificate_pem;
	struct slice key_pem; /* secret: wiped by config_free() */
	struct slice *chain;  /* DER, leaf first */
	unsigned nb_chain;
	struct slice key_der; /* PKCS#8; secret: wiped by config_free() */
};

struct config_dataplane {
	uint16_t workers[SNAP_MAX_WORKERS];
	unsigned nb_workers;
	enum snap_idle idle;
	enum snap_hugepages hugepages;
	enum snap_offloads offloads;
	uint32_t max_connections;
	uint32_t memory_mib; /* as asked for, or derived */
};

struct config_interface {
	const char *name;
	const char *device;
	struct snap_prefix *addresses; /* own address, not masked */
	unsigned nb_addresses;
	uint16_t vlan;
	uint16_t mtu;
	enum snap_role role;
};

struct config_route {
	struct snap_prefix prefix;
	struct ip_addr via;
	const char *interface_name; /* NULL: by the next hop */
	uint32_t interface;         /* index or SNAP_NONE */
};

/* An object of EMS's with another number than the usual one. */
struct config_object_id {
	const char *object;
	unsigned id;
};

struct config_ems {
	unsigned id;
	bool is_enabled;
	const char *name;
	const char *server;
	uint16_t https_port;
	struct config_ca verifying_ca;
	bool has_fingerprint;
	uint8_t fingerprint[CONFIG_FINGERPRINT_LEN]; /* of the server's certificate */
	bool is_trust_ca_cn;
	bool is_confirm; /* an operator confirms the certificate, unless there is a fingerprint */
	struct config_keypair client;
	const char *serial_number; /* empty: the CN of the confirmed certificate */
	const char *tenant_id;     /* empty: as EMS tells */
	struct config_ca ztna_ca;
	bool is_websocket;
	bool is_pull_sysinfo;
	bool is_pull_tags;
	unsigned out_of_sync_s;
	unsigned call_timeout_s;
	struct config_object_id *object_ids;
	unsigned nb_object_ids;
};

struct config_certificate {
	const char *name;
	struct config_keypair pair;
};

struct config_vhost {
	const char *name;
	const char *host; /* lower case */
	enum snap_host_type host_type;
	const char *certificate_name; /* NULL: the access proxy's */
	uint32_t certificate;         /* index or SNAP_NONE */
};

struct config_real_server {
	uint32_t id;
	struct ip_addr address;
	uint16_t port;
	enum snap_server_status status;
	uint8_t weight;
	const char *http_host; /* empty: the client's */
};

struct config_gateway {
	uint32_t id;
	unsigned doc_idx;       /* place in the document, for messages */
	const char *vhost_name; /* NULL: any host */
	uint32_t vhost;         /* index into the access proxy's vhosts, or SNAP_NONE */
	const char *url_map;
	enum snap_url_map url_map_type;
	enum snap_gateway_service service;
	const char *ldb_name;
	enum snap_ldb ldb_method;
	bool is_verify_cert;
	struct config_ca server_ca;
	const char *server_name; /* NULL: the request's host */
	struct config_real_server *servers;
	unsigned nb_servers;
};

struct config_access_proxy {
	const char *name;
	const char *interface_name;
	uint32_t interface;
	struct ip_addr address;
	uint16_t port;
	const char *certificate_name;
	uint32_t certificate;
	bool is_client_cert;
	enum snap_empty_cert empty_cert_action;
	bool is_log_blocked;
	struct config_vhost *vhosts;
	unsigned nb_vhosts;
	struct config_gateway *gateways; /* in order of id */
	unsigned nb_gateways;
	struct slice patterns; /* serialized Hyperscan database, see config_patterns.c */
};

/* A tag expression: a tag, or any/all/none over its children. */
struct config_cond {
	enum snap_node_op op;
	const char *tag; /* SNAP_NODE_TAG */
	struct config_cond *children;
	unsigned nb_children;
};

struct config_policy {
	uint32_t id;
	const char *name;
	char uuid[37];
	bool is_enabled;
	const char **proxy_names;
	uint32_t *proxies;   /* indices */
	unsigned nb_proxies; /* 0: all */
	struct snap_prefix *sources;
	unsigned nb_sources; /* 0: any */
	const char **interface_names;
	uint32_t *interfaces;           /* indices */
	unsigned nb_interfaces;         /* 0: any */
	const struct config_cond *tags; /* NULL: no tags asked for */
	const char *tags_text;          /* the condition as compact JSON: equal text, equal tree */
	enum snap_action action;
	enum snap_log log;
	enum snap_stale stale;
	uint32_t stale_s; /* SNAP_STALE_ALLOW_FOR */
};

/* Seconds. */
struct config_timeouts {
	unsigned handshake, head, idle, upstream_connect, upstream, device_pull;
};

struct config_log {
	const char *traffic_path; /* NULL: no traffic log */
	bool is_json;
	uint64_t max_size; /* bytes, 0: never rotated */
	unsigned keep;
	const char *audit_path; /* NULL: in the state directory */
	uint64_t audit_max_size;
	unsigned audit_keep;
};

/* What a token or certificate may do over the API; each may do what those before it may. */
enum config_role {
	CONFIG_ROLE_READ = 1,
	CONFIG_ROLE_OPERATE,
	CONFIG_ROLE_ADMIN,
};

struct config_api_token {
	const char *name;
	uint8_t sha256[CONFIG_API_HASH_LEN];
	enum config_role role;
	uint64_t expires_s; /* seconds since 1970; 0: never */
};

struct config_api_client {
	const char *cn; /* NULL: by fingerprint */
	bool has_fingerprint;
	uint8_t fingerprint[CONFIG_API_HASH_LEN];
	enum config_role role;
};

struct config_api_tls {
	bool is_on; /* the rest means something */
	struct ip_addr address;
	uint16_t port;
	const char *certificate_name;
	uint32_t certificate; /* index */
	struct config_ca client_ca;
	struct config_api_token *tokens;
	unsigned nb_tokens;
	struct config_api_client *clients;
	unsigned nb_clients;
	struct snap_prefix *allow;
	unsigned nb_allow; /* 0: from anywhere */
};

struct config_api {
	const char *unix_path;
	mode_t mode;
	const char *group; /* NULL: the process's */
	struct config_api_tls tls;
};

struct config {
	const char *path;      /* of the document */
	const char *dir;       /* relative file names start here; no slash at the end */
	struct slice document; /* its bytes, as they were read */

	const char *gateway_serial;
	const char *gateway_hostname; /* never empty */
	const char *vdom;
	struct config_dataplane dataplane;
	struct config_timeouts timeouts;
	struct config_log log;
	struct config_api api;
	const char *state_dir;

	struct config_interface *interfaces;
	unsigned nb_interfaces;
	struct config_route *routes; /* longest prefix first */
	unsigned nb_routes;
	struct config_ems *ems; /* in the document's order */
	unsigned nb_ems;
	struct config_certificate *certificates;
	unsigned nb_certificates;
	struct config_access_proxy *proxies;
	unsigned nb_proxies;
	struct config_policy *policies; /* in order of evaluation, disabled ones included */
	unsigned nb_policies;

	struct config_chunk *chunks; /* all memory of this struct, see config_pool.c */
};

/* Where files come from, so that tests and fuzzing need none. */
struct config_files {
	/*
	 * Read all of <path>, at most <max> bytes, into malloc()ed memory; <ret_mode> gets its
	 * permission bits. 0 or -errno (-EFBIG: larger than <max>).
	 */
	int (*read)(void *user, const char *path, size_t max, uint8_t **ret, size_t *ret_len,
		    mode_t *ret_mode);
	void *user;
};

/*
 * Load the document at <path> with all files it names. NULL when it has errors, which are in
 * <errs>; warnings may be there in either case. Not thread-safe against itself only in that
 * <errs> is the caller's.
 */
struct config *config_load(const char *path, struct config_errors *errs);

/*
 * As config_load(), for the document [ptr, len) that is said to be at <path>. Files are read
 * through <files>. REST validates candidates with it.
 */
struct config *config_parse(const void *ptr, size_t len, const char *path,
			    const struct config_files *files, struct config_errors *errs);
extern const struct config_files config_files_os;
void config_free(struct config *cfg);

/* What the snapshot needs and the document does not hold. */
struct config_env {
	/*
	 * Id of the tag that policies write as <name>, made when it is new. 0, -ENOSPC when
	 * SNAP_MAX_TAGS are in use.
	 */
	int (*tag_id)(void *user, const char *name, uint32_t *ret_id);
	/* Secrets slot that holds the PKCS#8 key <der>, filled when it is new. 0, -ENOSPC. */
	int (*key_slot)(void *user, struct slice der, uint32_t *ret_slot);
	/*
	 * The ZTNA CAs (DER) learnt from the EMS of that id; asked for when the document names
	 * no ztna_ca. Returns how many, the array is valid until the next call. NULL: none.
	 */
	size_t (*learnt_cas)(void *user, unsigned ems_id, const struct slice **ret);
	/*
	 * Serial number learnt from the EMS of that id, "" when there is none yet; asked for when
	 * the document names none. Valid until the next call. NULL: none.
	 */
	const char *(*learnt_serial)(void *user, unsigned ems_id);
	void *user;
};

/*
 * Make the configuration object of <cfg>: a struct snap_config and all that it refers to.
 * Disabled EMS connectors and policies are left out, and interfaces, access proxies and
 * certificates keep their index. The caller frees <ret_obj>. 0, -ENOSPC (tags, expressions or
 * key slots), -ENOMEM, or what the environment's callbacks returned.
 */
[[nodiscard]] int config_compile(const struct config *cfg, const struct config_env *env,
				 void **ret_obj, size_t *ret_len);

/*
 * Hash of the parts of <cfg> that only a restart of the data plane changes: cores, memory,
 * hugepages, offloads, number of connections, devices and MTUs of the interfaces.
 */
uint64_t config_dataplane_fingerprint(const struct config *cfg);

/* Index into the snapshot's ems array of the connector <id>, or -ENOENT (unknown, disabled). */
int config_ems_snap_idx(const struct config *cfg, unsigned id);
