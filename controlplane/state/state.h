/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the control plane knows of the fleet: devices by UID, the registry of tags, and for each
 * EMS its status, cursors, identity, ZTNA CAs and revoked certificates. The main thread owns it
 * under cp_lock; batches (state_batch.h) are filled by other threads before they are posted.
 *
 * An EMS is named by its configured id, 1..STATE_MAX_EMS, everywhere here: indices into the
 * configuration change with the document.
 *
 * A device belongs to the EMS that has it registered. Another EMS's word about it is refused and
 * counted until the owner deletes or deregisters it: one EMS must not be able to speak for the
 * devices of another.
 *
 * On disk: state_log.h. Everything but the status is kept; cursors only after the data that they
 * cover.
 */

#pragma once

#include "common/base/ids.h"
#include "common/base/slice.h"
#include "common/snap/snap_layout.h"
#include "state/state_batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state;
struct state_log;

/* Make an empty state. NULL: out of memory. */
struct state *state_new(void);
void state_free(struct state *st);

/* ---- devices ---- */

/* One device as it is read; slices and arrays are the state's, valid while the lock is held. */
struct state_device {
	struct device_uid uid;
	struct cert_serial serial;
	uint32_t slot;   /* stable while the device exists; for paging */
	uint32_t tagset; /* STATE_NO_TAGSET: tags unknown */
	uint8_t ems_id;
	uint8_t flags;                        /* SNAP_DEV_* */
	uint64_t sysinfo_ms, tags_ms;         /* CLOCK_REALTIME of EMS's last updates */
	struct slice sysinfo_time, tags_time; /* UTC, with EMS's 7 digits */
	struct slice field[STATE_F__COUNT];
	uint32_t nb_routes;
	struct state_route route[STATE_MAX_ROUTES];
	char times[2][STATE_TIME_STRLEN + 1]; /* backs the two time slices */
};

#define STATE_NO_TAGSET UINT32_MAX

/* Only what a decision needs, cheap; false: no such device. */
struct state_device_core {
	struct device_uid uid;
	struct cert_serial serial;
	uint32_t tagset;
	uint8_t ems_id;
	uint8_t flags;
	uint64_t sysinfo_ms, tags_ms;
};

bool state_device_find(const struct state *st, const struct device_uid *uid,
		       struct state_device *ret);
bool state_core_find(const struct state *st, const struct device_uid *uid,
		     struct state_device_core *ret);
/*
 * Walk: start with *<pos> 0; each call stores the next device and where to go on. false: no more.
 * The position may be kept across unlocking: devices that come and go meanwhile may be missed,
 * none is seen twice.
 */
bool state_device_next(const struct state *st, uint32_t *pos, struct state_device *ret);
bool state_core_next(const struct state *st, uint32_t *pos, struct state_device_core *ret);

/* Label for people, and the key in EMS's sysinfo record. */
const char *state_field_label(enum state_field f);
const char *state_field_key(enum state_field f);

struct state_counts {
	uint32_t devices, online, registered, quarantined, with_tags;
	uint32_t per_ems[STATE_MAX_EMS + 1];
	uint64_t applied, unchanged, deleted; /* records of batches */
	uint64_t refused_owner;               /* word of an EMS that does not own the device */
	uint64_t refused_tags; /* tags beyond SNAP_MAX_TAGS or sets beyond the limit */
	uint64_t refused_memory;
	uint64_t shared_strings, shared_bytes, packed_bytes;
	uint32_t tagsets;
};
void state_counts(const struct state *st, struct state_counts *ret);

/* ---- tags ---- */

struct state_tag {
	/*
	 * As policies write it: "FortiAD"; other kinds with a prefix: "CLASS_Low",
	 * "OUTBREAK_Log4j", "FABRIC_IOC". A zero trust tag that begins so has "ZTNA_" before it.
	 */
	const char *name;
	uint8_t kind;        /* enum snap_tag_kind; 0: only a policy has named it yet */
	uint8_t ems_id;      /* that told of it first, 0: none */
	char uuid[37];       /* "": not told */
	uint32_t nb_devices; /* that carry it now */
};

/* Id of the tag that policies call <name>; made when there is none. -ENOSPC: SNAP_MAX_TAGS. */
[[nodiscard]] int state_tag_id(struct state *st, const char *name, size_t len, uint32_t *ret_id);
/* NULL: no such id. Ids are 0..state_nb_tags() - 1. */
const struct state_tag *state_tag(const struct state *st, uint32_t id);
uint32_t state_nb_tags(const struct state *st);
/* Ids of a tag set, ascending. */
const uint16_t *state_tagset(const struct state *st, uint32_t tagset, uint32_t *ret_nb);
uint32_t state_nb_tagsets(const struct state *st);
/* The name without what tells the kind: as EMS has it. */
const char *state_tag_plain(const struct state_tag *t);

/* The addresses of those who carry a tag, as one EMS's tags API told them; state_addrs.c. */
#define STATE_MAX_LIST 65536u    /* of one list; further ones are not kept */
#define STATE_MAX_RANGES 1024u   /* of one list */
#define STATE_MAX_ADDRS 1048576u /* of all lists */
struct state_tag_list {
	uint32_t nb_ips, nb_ranges, nb_macs;
	bool is_cut; /* there were more */
};
/* False: this EMS told nothing of the tag's addresses. */
bool state_tag_list(const struct state *st, uint32_t id, uint32_t ems_id,
		    struct state_tag_list *ret);
/*
 * Copies in ascending order, ranges before single addresses; free() <ret>, which is NULL when
 * there are none. -ENOMEM.
 */
[[nodiscard]] int state_tag_ips(const struct state *st, uint32_t id, uint32_t ems_id,
				struct state_range **ret, uint32_t *ret_nb);
[[nodiscard]] int state_tag_macs(const struct state *st, uint32_t id, uint32_t ems_id,
				 struct state_mac **ret, uint32_t *ret_nb);

/* ---- EMS ---- */

#define STATE_ERR_STRLEN 160

enum state_ws {
	STATE_WS_OFF,
	STATE_WS_CONNECTING,
	STATE_WS_CONNECTED,
	STATE_WS_LOST
};

/* Objects that are pulled, in the order of enum; their ids on display are the connector's. */
enum state_obj {
	STATE_OBJ_SERIAL_NUMBER,
	STATE_OBJ_CAPABILITIES,
	STATE_OBJ_ZTNA_CA,
	STATE_OBJ_SYSINFO,
	STATE_OBJ_TAGS,
	STATE_OBJ_UID_TAGS,
	STATE_OBJ_VPN,
	STATE_OBJ_GATEWAYS,
	STATE_OBJ_AVATAR,
	STATE_OBJ__COUNT,
};

/* Statistics of one API object's calls. */
struct state_call_stats {
	uint64_t ok, failed, timeouts;
	uint64_t bytes_in;
	uint64_t records;
	uint64_t full_pulls;               /* pulls that began without a cursor */
	uint64_t last_ok_ms, last_fail_ms; /* CLOCK_REALTIME */
	uint64_t next_ms;                  /* the same: when it is polled, 0 not */
	uint64_t retry_ms;                 /* the same: no call before, 0 no back-off */
	uint32_t last_us;                  /* duration of the last call */
	int32_t last_http;
	bool is_scheduled, is_in_flight;
	char last_error[STATE_ERR_STRLEN];
};

/* How far an EMS is verified. */
enum state_verify {
	STATE_VERIFY_UNKNOWN,    /* not contacted yet */
	STATE_VERIFY_TO_CONFIRM, /* an operator has to confirm its certificate */
	STATE_VERIFY_CHANGED,    /* it shows another certificate than the one that is pinned */
	STATE_VERIFY_FAILED,     /* certificate, authentication or identity are refused */
	STATE_VERIFY_OK,
};

/* The certificate that an EMS showed last, whether or not it was good. */
struct state_ems_cert {
	uint64_t seen_ms; /* CLOCK_REALTIME; 0: none was seen */
	int64_t not_before_s, not_after_s;
	char subject[256], issuer[400]; /* one line each */
	char cn[33];
	char serial[41];       /* hex */
	char fingerprint[192]; /* SHA-512, upper case, colons */
	bool is_chained;       /* to a CA of verifying_ca */
	char chain_error[80];  /* why not */
};

/* What came of the last connection test. */
struct state_ems_test {
	uint32_t nb; /* tests done */
	int32_t code;
	char text[160];
	uint64_t done_ms; /* CLOCK_REALTIME */
};

/* A connector's status: filled by it, posted whole (cp_post_ems_status), read by REST. */
struct state_ems_status {
	uint8_t id;
	bool is_connected; /* the last call succeeded */
	bool is_verified;  /* certificate, serial number and capabilities are in order */
	bool is_synced;    /* a first full pull of sysinfo and uid_tags is complete */
	uint8_t ws;        /* enum state_ws */
	char serial_number[33];
	char tenant_id[33];
	char capabilities[512];    /* separated by spaces */
	char ca_cn[512];           /* issuer DN and subject CN of EMS's certificate */
	char fingerprint[192];     /* SHA-512, upper case, colons */
	uint64_t contact_ms;       /* CLOCK_MONOTONIC: last known to be in contact, 0 never */
	uint64_t contact_real_ms;  /* the same in CLOCK_REALTIME */
	uint64_t notified_real_ms; /* last notification */
	uint64_t nb_notifications, nb_ws_connects, nb_ws_lost;
	char last_error[STATE_ERR_STRLEN];
	uint64_t last_error_ms; /* CLOCK_REALTIME */
	uint64_t retry_ms;      /* the same: verification waits until then, 0 not */
	uint8_t verify;         /* enum state_verify */
	struct state_ems_cert cert;
	struct state_ems_test test;
	struct state_call_stats call[STATE_OBJ__COUNT];
};

/* Never NULL for 1..STATE_MAX_EMS; all zero before the connector spoke. */
const struct state_ems_status *state_ems_status(const struct state *st, uint32_t ems_id);
void state_ems_status_set(struct state *st, const struct state_ems_status *status);

/* Where the next pull of <obj> goes on; "" "" when there is no cursor. */
struct state_cursor state_cursor(const struct state *st, uint32_t ems_id, enum state_obj obj);
/* Forget the cursors of <ems_id>: the next pull is a full one. */
void state_cursors_drop(struct state *st, uint32_t ems_id);

/*
 * Who an EMS is, as an operator confirmed or as it proved at its first verification; kept so that
 * a change is noticed. On disk as it is: new members at its end, see load_pin().
 */
struct state_ems_pin {
	char serial_number[33];
	char tenant_id[33];    /* "": confirmed and not verified yet */
	char fingerprint[192]; /* SHA-512, upper case, colons */
	char ca_cn[512];       /* issuer DN and subject CN; "": of a time when it was not kept */
};
bool state_ems_pin(const struct state *st, uint32_t ems_id, struct state_ems_pin *ret);
[[nodiscard]] int state_ems_pin_set(struct state *st, uint32_t ems_id,
				    const struct state_ems_pin *pin);

/*
 * ZTNA CAs learnt from EMS, DER. Setting the same list again is no change. Setting another one
 * makes the publisher compile the configuration anew. -ENOMEM, -E2BIG.
 */
#define STATE_MAX_CAS 16u
#define STATE_CA_MAX 16384u
[[nodiscard]] int state_ca_set(struct state *st, uint32_t ems_id, const struct slice *der,
			       uint32_t nb);
uint32_t state_ca(const struct state *st, uint32_t ems_id, struct slice ret[static STATE_MAX_CAS]);
/* What the configuration takes from an EMS has changed: have it compiled anew. */
void state_ca_touch(struct state *st);

/* Serial numbers that EMS withdrew: the whole list. -ENOMEM, -E2BIG. */
#define STATE_MAX_REVOKED 1000000u
[[nodiscard]] int state_revoked_set(struct state *st, uint32_t ems_id,
				    const struct cert_serial *list, uint32_t nb);
const struct cert_serial *state_revoked(const struct state *st, uint32_t ems_id, uint32_t *ret_nb);

/* An EMS that the configuration no longer has: forget its devices and everything of it. */
void state_ems_forget(struct state *st, uint32_t ems_id);

/* ---- applying batches; main thread ---- */

/*
 * Apply at most <max> records of <b>, from where the last call stopped. Returns 1 when there is
 * more, 0 when the batch is through (then its cursors are taken too).
 */
int state_batch_apply(struct state *st, struct state_batch *b, uint32_t max);

/* ---- for the history ---- */

/*
 * Told of each change that may turn a decision: what the device was before, NULL when there was
 * none. <is_full>: it came in a full pull. <on_full_end>: a full pull of <obj> was complete. Main
 * thread.
 */
struct state_observer {
	void (*on_change)(void *user, const struct device_uid *uid,
			  const struct state_device_core *before, uint8_t ems_id, bool is_full);
	void (*on_full_end)(void *user, uint8_t ems_id, enum state_obj obj);
	void *user;
};
/* <o> is copied; NULL: nobody any more. */
void state_observe(struct state *st, const struct state_observer *o);

/* ---- for the publisher ---- */

enum state_change_kind {
	STATE_CHANGE_QUIET, /* only times changed: no session needs to hear of it */
	STATE_CHANGE_DECIDE,
	STATE_CHANGE_DELETED,
	STATE_CHANGE_TOUCH, /* EMS was asked for the device and does not have it */
};

struct state_change {
	struct device_uid uid;
	uint64_t notified_us; /* CLOCK_MONOTONIC, never 0 but for QUIET */
	uint8_t kind;         /* enum state_change_kind */
};

/* Take up to <cap> changes since the last call; one per device. */
uint32_t state_changes_take(struct state *st, struct state_change *ret, uint32_t cap);
uint32_t state_nb_changes(const struct state *st);
/* True once after CAs changed; after a revoked list changed. */
bool state_ca_changed_take(struct state *st);
bool state_revoked_changed_take(struct state *st);

/* ---- persistence ---- */

/* Changes go to <log> from now on; NULL stops that. Called by state_log.c. */
void state_log_set(struct state *st, struct state_log *log);
