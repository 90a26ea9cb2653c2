/* SPDX-License-Identifier: BSD-3-Clause */

/* TCP options: pure, no DPDK, fuzzed by tests/fuzz/tcp_options. */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_OPT_F_TS (1u << 0)      /* tsval and tsecr are there (RFC 7323) */
#define TCP_OPT_F_WSCALE (1u << 1)  /* SYN only */
#define TCP_OPT_F_SACK_OK (1u << 2) /* SYN only */

#define TCP_OPT_MAX_SACKS 4
#define TCP_OPT_MAX_LEN 40
#define TCP_OPT_TS_LEN 12 /* with its padding, as it is emitted */

/* Sequence numbers [start, end). */
struct tcp_range {
	uint32_t start;
	uint32_t end;
};

struct tcp_opts {
	uint32_t tsval, tsecr;
	uint16_t mss; /* 0: not there; SYN only */
	uint8_t wscale;
	uint8_t flags;
	uint8_t nb_sacks;
	struct tcp_range sacks[TCP_OPT_MAX_SACKS];
};

/*
 * Parse <len> bytes of options. Unknown ones are skipped; of a repeated one the last counts.
 * Options that belong on a SYN are ignored elsewhere and the other way round. Returns 0, or
 * -EINVAL with <ret> untouched when an option's length does not fit.
 */
[[nodiscard]] int tcp_options_parse(const uint8_t *p, size_t len, bool is_syn,
				    struct tcp_opts *ret);
/*
 * Write <o> into <buf>, padded to a multiple of four; SACK blocks that do not fit are left out.
 * Returns the length.
 */
size_t tcp_options_emit(const struct tcp_opts *o, uint8_t buf[static TCP_OPT_MAX_LEN]);
