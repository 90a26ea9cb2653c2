/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What no EMS in its senses sends, one kind at a time: names that want to be a terminal's commands,
 * a log's lines or a format, answers without end, frames that are none. Beside the faults, which
 * combine: these are not what may happen, but what somebody may try.
 */
#pragma once

#include "emsim/buf.h"
#include "emsim/faults.h"

#include <stdbool.h>

/*	symbol         name            what */
#define HOSTILE_LIST(H)                                                                            \
	H(OFF, "off", "no more of it")                                                             \
	H(NAMES, "names", "naughty names of devices, users and tags, and UIDs that are none")      \
	H(NUL, "nul", "a name with a NUL inside")                                                  \
	H(UTF8, "utf8", "a name that is not UTF-8")                                                \
	H(SURROGATE, "surrogate", "a name with half of a surrogate pair")                          \
	H(MESSAGE, "message", "reports fail with a naughty message")                               \
	H(REDIRECT, "redirect", "every answer redirects to itself")                                \
	H(HEADERS, "headers", "64 MiB of header lines")                                            \
	H(WS_FRAGMENTS, "ws-fragments", "notifications in three fragments (legal)")                \
	H(WS_BINARY, "ws-binary", "notifications in binary frames")                                \
	H(WS_OVERSIZE, "ws-oversize", "notifications of a megabyte")                               \
	H(WS_FLOOD, "ws-flood", "100,000 continuations behind each notification's first piece")

enum hostile {
#define H(sym, name, what) HOSTILE_##sym,
	HOSTILE_LIST(H)
#undef H
	HOSTILE__COUNT
};

/* The kind of that name, or -ENOENT. */
[[nodiscard]] int hostile_parse(const char *name);

/* In place of a report's inner JSON. */
void hostile_inner(enum hostile kind, enum entry entry, struct buf *inner);

/* In place of an answer, head included; false: answer as ever. */
bool hostile_answer(enum hostile kind, enum entry entry, const char *path, struct buf *out);

/* In place of a notification's frame; false: send it as ever. */
bool hostile_frame(enum hostile kind, const char *text, size_t len, struct buf *out);
