/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little endian, times in nanoseconds. Pure:
 * each call writes one block into a buffer and returns its length, 0 when it does not fit.
 *
 *	section header | interface description ... | enhanced packet ... | interface statistics ...
 *
 * Interfaces are numbered in the order in which they are described.
 */

#pragma once

#include <stddef.h>
#include <stdint.h>

#define PCAPNG_TEXT_MAX 1024u    /* of an option; what is longer is cut */
#define PCAPNG_PACKET_EXTRA 192u /* what a packet's block has beside its bytes, at most */

enum pcapng_direction {
	PCAPNG_IN = 1,
	PCAPNG_OUT = 2,
};

struct pcapng_interface {
	const char *name, *description;
	const char *filter; /* NULL: none */
	const uint8_t *mac; /* NULL: none; 6 bytes */
	uint32_t snaplen;
};

struct pcapng_packet {
	uint32_t interface;
	uint64_t ts_ns; /* since 1970 */
	const uint8_t *data;
	uint32_t caplen, wire_len;
	enum pcapng_direction direction;
	uint32_t queue;
	const char *comment; /* NULL: none; at most 100 bytes */
};

struct pcapng_statistics {
	uint32_t interface;
	uint64_t begin_ns, end_ns;
	uint64_t received, accepted, dropped; /* seen, passed by the filter, lost of these */
};

size_t pcapng_section(uint8_t *buf, size_t cap, const char *application, const char *comment);
size_t pcapng_interface(uint8_t *buf, size_t cap, const struct pcapng_interface *i);
size_t pcapng_packet(uint8_t *buf, size_t cap, const struct pcapng_packet *p);
size_t pcapng_statistics(uint8_t *buf, size_t cap, const struct pcapng_statistics *s);
