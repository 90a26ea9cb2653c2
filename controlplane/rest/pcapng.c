/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Every block: type, total length, body, options, total length again; all in units of 32 bits. The
 * length is known when the block is done, so it is written last, at both ends.
 */

#include "rest/pcapng.h"

#include <stdbool.h>
#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
};

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	IF_MACADDR = 6,
	IF_TSRESOL = 9,
	IF_FILTER = 11,
	EPB_FLAGS = 2,
	EPB_QUEUE = 6,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
	ISB_FILTERACCEPT = 6,
};

#define LINK_ETHERNET 1u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define TSRESOL_NANO 9u

struct block {
	uint8_t *buf;
	size_t cap, len;
	bool is_full;
};

static void put(struct block *b, const void *p, size_t n)
{
	const size_t padded = (n + 3) & ~(size_t)3;

	if (b->is_full || padded > b->cap - b->len) {
		b->is_full = true;
		return;
	}
	memset(b->buf + b->len, 0, padded);
	if (n > 0)
		memcpy(b->buf + b->len, p, n);
	b->len += padded;
}

static void put_u16s(struct block *b, uint16_t lo, uint16_t hi)
{
	const uint8_t w[4] = {(uint8_t)lo, (uint8_t)(lo >> 8), (uint8_t)hi, (uint8_t)(hi >> 8)};

	put(b, w, sizeof(w));
}

static void put_u32(struct block *b, uint32_t v)
{
	put_u16s(b, (uint16_t)v, (uint16_t)(v >> 16));
}

/* The two halves of a time: the higher one first, whatever the byte order. */
static void put_time(struct block *b, uint64_t ns)
{
	put_u32(b, (uint32_t)(ns >> 32));
	put_u32(b, (uint32_t)ns);
}

static void option(struct block *b, uint16_t code, const void *p, size_t len)
{
	put_u16s(b, code, (uint16_t)len);
	put(b, p, len);
}

static void option_text(struct block *b, uint16_t code, const char *text)
{
	if (text != NULL && text[0] != '\0')
		option(b, code, text, strnlen(text, PCAPNG_TEXT_MAX));
}

static void option_u32(struct block *b, uint16_t code, uint32_t v)
{
	put_u16s(b, code, 4);
	put_u32(b, v);
}

static void option_u64(struct block *b, uint16_t code, uint64_t v)
{
	put_u16s(b, code, 8);
	put_u32(b, (uint32_t)v);
	put_u32(b, (uint32_t)(v >> 32));
}

static void option_time(struct block *b, uint16_t code, uint64_t ns)
{
	put_u16s(b, code, 8);
	put_time(b, ns);
}

static struct block begin(uint8_t *buf, size_t cap, uint32_t type)
{
	struct block b = {.buf = buf, .cap = cap};

	put_u32(&b, type);
	put_u32(&b, 0); /* the length, in end() */
	return b;
}

static size_t end(struct block *b)
{
	struct block len = {.buf = b->buf + 4, .cap = 4};

	put_u16s(b, OPT_END, 0);
	put_u32(b, (uint32_t)b->len + 4);
	if (b->is_full)
		return 0;
	put_u32(&len, (uint32_t)b->len);
	return b->len;
}

size_t pcapng_section(uint8_t *buf, size_t cap, const char *application, const char *comment)
{
	struct block b = begin(buf, cap, BLOCK_SECTION);

	put_u32(&b, BYTE_ORDER_MAGIC);
	put_u16s(&b, 1, 0);      /* version 1.0 */
	put_u32(&b, UINT32_MAX); /* the section's length is not known */
	put_u32(&b, UINT32_MAX);
	option_text(&b, SHB_USERAPPL, application);
	option_text(&b, OPT_COMMENT, comment);
	return end(&b);
}

size_t pcapng_interface(uint8_t *buf, size_t cap, const struct pcapng_interface *i)
{
	struct block b = begin(buf, cap, BLOCK_INTERFACE);
	const uint8_t resolution = TSRESOL_NANO;

	put_u16s(&b, LINK_ETHERNET, 0);
	put_u32(&b, i->snaplen);
	option_text(&b, IF_NAME, i->name);
	option_text(&b, IF_DESCRIPTION, i->description);
	if (i->mac != NULL)
		option(&b, IF_MACADDR, i->mac, 6);
	option(&b, IF_TSRESOL, &resolution, 1);
	if (i->filter != NULL && i->filter[0] != '\0') {
		char text[PCAPNG_TEXT_MAX + 1] = {0}; /* begins with 0: a libpcap expression */
		const size_t len = strnlen(i->filter, PCAPNG_TEXT_MAX);

		memcpy(text + 1, i->filter, len);
		option(&b, IF_FILTER, text, len + 1);
	}
	return end(&b);
}

size_t pcapng_packet(uint8_t *buf, size_t cap, const struct pcapng_packet *p)
{
	struct block b = begin(buf, cap, BLOCK_PACKET);

	put_u32(&b, p->interface);
	put_time(&b, p->ts_ns);
	put_u32(&b, p->caplen);
	put_u32(&b, p->wire_len);
	put(&b, p->data, p->caplen);
	option_u32(&b, EPB_FLAGS, (uint32_t)p->direction);
	option_u32(&b, EPB_QUEUE, p->queue);
	if (p->comment != NULL)
		option(&b, OPT_COMMENT, p->comment, strnlen(p->comment, 100));
	return end(&b);
}

size_t pcapng_statistics(uint8_t *buf, size_t cap, const struct pcapng_statistics *s)
{
	struct block b = begin(buf, cap, BLOCK_STATISTICS);

	put_u32(&b, s->interface);
	put_time(&b, s->end_ns);
	option_time(&b, ISB_STARTTIME, s->begin_ns);
	option_time(&b, ISB_ENDTIME, s->end_ns);
	option_u64(&b, ISB_IFRECV, s->received);
	option_u64(&b, ISB_IFDROP, s->dropped);
	option_u64(&b, ISB_FILTERACCEPT, s->accepted);
	return end(&b);
}
