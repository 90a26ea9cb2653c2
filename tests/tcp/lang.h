/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The language of the scenarios, its words: a file becomes lines, a line becomes words, and words
 * become numbers, times and segments. What they mean is play.c's; README.md describes it all.
 */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIN 0x01u
#define SYN 0x02u
#define RST 0x04u
#define PSH 0x08u
#define ACK 0x10u
#define URG 0x20u
#define ECE 0x40u
#define CWR 0x80u

#define MAX_WORDS 40u
#define MAX_OPTS 12u
#define MAX_TEXT 9216u
#define MAX_OPT_LEN 40u

struct line {
	unsigned nr; /* in the file, from 1 */
	bool has_time, is_relative;
	uint64_t time_us;
	unsigned nb;
	char *word[MAX_WORDS];
};

struct script {
	const char *path;
	char *text;  /* the file, cut up; words point into it */
	char *whole; /* the file as it is, for messages */
	struct line *lines;
	unsigned nb;
};

enum opt_kind {
	OPT_MSS,
	OPT_WSCALE,
	OPT_SACK_OK,
	OPT_TS,
	OPT_SACK,
	OPT_NOP,
	OPT_EOL,
	OPT_RAW, /* bytes as they are */
};

struct opt {
	enum opt_kind kind;
	uint32_t value, echo; /* MSS, shift, TSval; TSecr */
	bool any_value, any_echo;
	unsigned nb;
	union {
		struct {
			uint32_t start, end; /* relative */
		} block[4];
		uint8_t raw[MAX_OPT_LEN];
	};
};

/* A segment: one that is to be sent to the stack, one that is expected, or one that came. */
struct segment {
	uint8_t flags;
	uint8_t ecn;       /* low bits of the IP header's traffic class */
	uint32_t seq, ack; /* relative */
	uint32_t len;
	uint16_t wnd, urg;
	unsigned nb_opts;
	struct opt opts[MAX_OPTS];

	/* in a script: what was said of it */
	bool has_wnd, has_urg, has_ecn, has_opts;
	uint32_t step; /* a train: segments of this many bytes; 0: one segment */
	bool bad_sum;
	bool has_doff, has_cut;
	uint8_t doff;      /* header length to lie about, in words */
	uint16_t cut;      /* bytes to take off the packet's end */
	const char *chars; /* the text itself, instead of the pattern */
};

/* Reads and cuts a file. On failure prints why and returns false. Free with script_free(). */
bool script_load(struct script *s, const char *path);
void script_free(struct script *s);
/* Line <nr> as it stands in the file, for messages; at most <cap> bytes with the NUL. */
void script_line_text(const struct script *s, unsigned nr, char *ret, size_t cap);

/* The whole word must fit. */
bool parse_u32(const char *word, uint32_t *ret);
bool parse_time(const char *word, uint64_t *ret_us);
/* FLAGS FROM[:TO[/STEP]] [ack N] ...; NULL, or what is wrong. */
const char *parse_segment(char *const *word, unsigned nb, struct segment *ret);

/* As it would stand in a script. */
void segment_print(const struct segment *g, char *ret, size_t cap);
