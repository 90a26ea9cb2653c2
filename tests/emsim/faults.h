/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults on request. Each is off, on for so many replies, or on until switched off, for one entry
 * or for all; any number of them at a time.
 */
#pragma once

#include "emsim/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*	symbol                 name                    what it does */
#define FAULT_LIST(F)                                                                              \
	F(HTTP500, "http500", "answer 500 and an error envelope")                                  \
	F(HTTP404, "http404", "answer 404 and an error envelope, as an EMS without the entry")     \
	F(HTTP401, "http401", "answer 401 and an error envelope")                                  \
	F(HANG, "hang", "read the request and never answer")                                       \
	F(SLOW, "slow", "send the answer a few bytes at a time")                                   \
	F(TRUNCATE, "truncate", "send half of the body and close the connection")                  \
	F(BAD_LENGTH, "bad-length", "announce more body than comes, keep the connection open")     \
	F(WRONG_SIZE, "wrong-unzipped-size", "tell half of the true unzipped_size")                \
	F(NOT_ZIPPED, "not-zipped", "send data as plain JSON with is_zipped false")                \
	F(ZIP_BOMB, "zip-bomb", "1 GiB in a small payload, unzipped_size lies")                    \
	F(ZIP_BOMB_TOLD, "zip-bomb-told", "1 GiB in a small payload, unzipped_size is true")       \
	F(BAD_BASE64, "bad-base64", "characters in data that are not base64")                      \
	F(BAD_ZLIB, "bad-zlib", "a corrupted zlib stream")                                         \
	F(WRONG_TYPES, "wrong-types", "numbers for strings, arrays for objects")                   \
	F(BAD_JSON, "bad-json", "the reply's JSON ends early")                                     \
	F(BAD_INNER_JSON, "bad-inner-json", "the unzipped JSON ends early")                        \
	F(DEEP_JSON, "deep-json", "100000 nested arrays")                                          \
	F(WS_DROP, "ws-drop", "close the WebSocket connections")                                   \
	F(WS_REFUSE, "ws-refuse", "refuse the WebSocket upgrade with 503")                         \
	F(WS_GARBAGE, "ws-garbage", "notifications are not JSON")                                  \
	F(EXPIRED_CERT, "expired-cert", "present an expired server certificate")                   \
	F(WRONG_CN, "wrong-cn", "present a server certificate of another EMS")                     \
	F(CURSOR_GONE, "cursor-gone", "retval -410 to a request that carries a cursor")            \
	F(MISSING_FINAL, "missing-final", "is_final never true, the cursor never moves")           \
	F(WRONG_AVATAR, "wrong-avatar", "send a picture that is not what the fingerprint says")    \
	F(VPN_SILENT, "vpn-silent", "take VPN users and notify nobody")

/*	symbol        name */
#define ENTRY_LIST(E)                                                                              \
	E(SERIAL_NUMBER, "serial_number")                                                          \
	E(CAPABILITIES, "capabilities")                                                            \
	E(CA, "ca")                                                                                \
	E(SYSINFO, "sysinfo")                                                                      \
	E(UID_TAGS, "uid_tags")                                                                    \
	E(TAGS, "tags")                                                                            \
	E(VPN, "vpn")                                                                              \
	E(GATEWAYS, "gateways")                                                                    \
	E(AVATAR, "avatar")                                                                        \
	E(WS, "ws")                                                                                \
	E(TLS, "tls")                                                                              \
	E(OTHER, "other")

enum fault {
#define F(sym, name, what) FAULT_##sym,
	FAULT_LIST(F)
#undef F
	FAULT__COUNT
};

enum entry {
#define E(sym, name) ENTRY_##sym,
	ENTRY_LIST(E)
#undef E
	ENTRY__COUNT
};

enum {
	FAULT_FOREVER = -1
};

/* Faults that were asked for without an entry share one count between all entries. */
enum {
	ENTRY_SLOT_ALL = ENTRY__COUNT,
	ENTRY_SLOTS = ENTRY__COUNT + 1
};

struct faults {
	int64_t left[FAULT__COUNT][ENTRY_SLOTS];
	uint64_t hits[FAULT__COUNT];
};

/* Whether the fault strikes now; uses up one of a counted fault. */
[[nodiscard]] bool fault_take(struct faults *f, enum fault which, enum entry entry);

/* The same, for a fault that was asked for on just this entry. */
[[nodiscard]] bool fault_take_own(struct faults *f, enum fault which, enum entry entry);

/*
 * <count> replies, FAULT_FOREVER or 0 for off; <entry> NULL or "all" is every entry;
 * switching a fault off for all switches it off for each.
 * 0 or -ENOENT for an unknown fault or entry. The name "clear" switches all off.
 */
[[nodiscard]] int fault_set(struct faults *f, const char *name, const char *entry, int64_t count);

/* Append the JSON array of all faults and where they are on. */
void fault_list_json(const struct faults *f, struct buf *out);

const char *entry_name(enum entry entry);
