/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Debug output for whoever listens: `diagnose debug enable` and the stream of the API.
 *
 * A source is on while its setting is on and somebody listens; asking costs one relaxed load, and
 * nothing is formatted while it is off. The settings are the server's, as they are an appliance's:
 * every listener sees the same lines. They live in memory and start as off.
 *
 * Any thread may write. A line is formatted and stamped by the caller and copied into the ring of
 * each listener under a mutex that is held for the copy alone; nobody waits for a listener. What
 * a slow one has no room for is lost to that one, and it is told how many lines.
 *
 * Control bytes, and what is not UTF-8, are replaced: a peer whose bytes are shown can neither
 * forge a line nor drive a terminal.
 */

#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum debug_source {
	DEBUG_FCNACD,     /* the talk with EMS */
	DEBUG_WAD_POLICY, /* how requests match policies */
	DEBUG__COUNT,
};

enum debug_level {
	DEBUG_L_ERROR,
	DEBUG_L_INFO,
	DEBUG_L_VERBOSE,
	DEBUG_L__COUNT,
};

struct debug_settings {
	int32_t fcnacd; /* the field's level bits, -1 all; any but 0 shows all there is */
	bool is_wad_policy;
	enum debug_level wad_level;
	bool has_timestamp;
	bool has_large_data; /* payloads are shown, not just their size */
};

#define DEBUG_SUBS_MAX 8u
#define DEBUG_RING_SIZE (1u << 20)     /* per listener */
#define DEBUG_PAYLOAD_MAX (256u << 10) /* of a payload no more is shown */
#define DEBUG_LINE_MAX 4096u

/* Bit per source that is on and heard. */
extern _Atomic(uint32_t) debug_mask;

static inline bool debug_is_on(enum debug_source s)
{
	return (atomic_load_explicit(&debug_mask, memory_order_relaxed) & 1u << s) != 0;
}

/* ---- write: any thread; never blocks on a listener ---- */

/*
 * One line "[<label>] text"; <label> is the field's own "function:line" word, NULL: none. A line
 * feed that four spaces follow stays: the line goes on below.
 */
__attribute__((format(printf, 3, 4))) void debug_line(enum debug_source s, const char *label,
						      const char *fmt, ...);
/* The same without a time even when times are on: it belongs to the line before. */
__attribute__((format(printf, 3, 4))) void debug_more(enum debug_source s, const char *label,
						      const char *fmt, ...);
/* "[<label>] <what>" and below it the payload between """ lines, or only its size. */
void debug_payload(enum debug_source s, const char *label, const char *what, const void *p,
		   size_t len);

/* Would a policy line of this level be shown? */
bool debug_wad_is_on(enum debug_level level);
struct debug_wad_who {
	uint64_t session;
	uint64_t request;
	uint64_t real_us; /* when it happened (CLOCK_REALTIME); 0: now */
};
/* "[I]2023-04-07 11:03:59.155959 [p:PID][s:SESSION][r:REQUEST] <function>  :<line>  text" */
__attribute__((format(printf, 5, 6))) void debug_wad(enum debug_level level,
						     const struct debug_wad_who *who,
						     const char *function, unsigned line,
						     const char *fmt, ...);

/* ---- settings: any thread ---- */

void debug_settings_get(struct debug_settings *ret);
void debug_settings_set(const struct debug_settings *s);
/* As after the start: all off. */
void debug_settings_reset(void);
const char *debug_level_name(enum debug_level level);
/* "error", "info", "verbose". 0 or -EINVAL. */
[[nodiscard]] int debug_level_parse(const char *name, enum debug_level *ret);

/* ---- listen ---- */

struct debug_sub;

/* NULL: there are DEBUG_SUBS_MAX already, or no memory. */
struct debug_sub *debug_sub_new(void);
/*
 * Up to <cap> bytes (at least 64) of what came: lines, of which only one longer than <cap> is cut,
 * between two characters. 0: nothing new. The owner's thread.
 */
size_t debug_sub_read(struct debug_sub *sub, char *buf, size_t cap);
void debug_sub_free(struct debug_sub *sub);
unsigned debug_sub_count(void);
