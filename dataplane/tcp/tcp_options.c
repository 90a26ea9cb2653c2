/* SPDX-License-Identifier: BSD-3-Clause */

#include "tcp/tcp_options.h"

#include <errno.h>

enum {
	KIND_END = 0,
	KIND_NOP = 1,
	KIND_MSS = 2,
	KIND_WSCALE = 3,
	KIND_SACK_OK = 4,
	KIND_SACK = 5,
	KIND_TS = 8,
};

#define WSCALE_MAX 14 /* RFC 7323 2.3: larger is to be taken as 14 */

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void parse_sacks(const uint8_t *p, size_t len, struct tcp_opts *o)
{
	o->nb_sacks = 0;
	for (size_t i = 0; i + 8 <= len && o->nb_sacks < TCP_OPT_MAX_SACKS; i += 8)
		o->sacks[o->nb_sacks++] = (struct tcp_range){get32(p + i), get32(p + i + 4)};
}

/* <p> is past kind and length, <len> is what is left of the option. */
static void parse_one(uint8_t kind, const uint8_t *p, size_t len, bool is_syn, struct tcp_opts *o)
{
	switch (kind) {
	case KIND_MSS:
		if (is_syn && len == 2)
			o->mss = (uint16_t)(p[0] << 8 | p[1]);
		break;
	case KIND_WSCALE:
		if (is_syn && len == 1) {
			o->wscale = p[0] > WSCALE_MAX ? WSCALE_MAX : p[0];
			o->flags |= TCP_OPT_F_WSCALE;
		}
		break;
	case KIND_SACK_OK:
		if (is_syn && len == 0)
			o->flags |= TCP_OPT_F_SACK_OK;
		break;
	case KIND_SACK:
		if (!is_syn && len >= 8 && len % 8 == 0)
			parse_sacks(p, len, o);
		break;
	case KIND_TS:
		if (len == 8) {
			o->tsval = get32(p);
			o->tsecr = get32(p + 4);
			o->flags |= TCP_OPT_F_TS;
		}
		break;
	default: /* RFC 9293 3.2: an option that is not known is skipped */
		break;
	}
}

int tcp_options_parse(const uint8_t *p, size_t len, bool is_syn, struct tcp_opts *ret)
{
	struct tcp_opts o = {0};
	size_t i = 0;

	while (i < len && p[i] != KIND_END) {
		if (p[i] == KIND_NOP) {
			i++;
			continue;
		}
		/* The length counts kind and length: below 2 the loop would not advance. */
		if (len - i < 2 || p[i + 1] < 2 || p[i + 1] > len - i)
			return -EINVAL;
		parse_one(p[i], p + i + 2, p[i + 1] - 2u, is_syn, &o);
		i += p[i + 1];
	}
	*ret = o;
	return 0;
}

static size_t emit_sacks(const struct tcp_opts *o, uint8_t *p, size_t room)
{
	unsigned nb = o->nb_sacks;

	if (room < 4 + 8)
		return 0;
	if (nb > (room - 4) / 8)
		nb = (unsigned)((room - 4) / 8);
	p[0] = KIND_NOP;
	p[1] = KIND_NOP;
	p[2] = KIND_SACK;
	p[3] = (uint8_t)(2 + 8 * nb);
	for (unsigned i = 0; i < nb; i++) {
		put32(p + 4 + 8 * i, o->sacks[i].start);
		put32(p + 8 + 8 * i, o->sacks[i].end);
	}
	return 4 + 8 * (size_t)nb;
}

size_t tcp_options_emit(const struct tcp_opts *o, uint8_t buf[static TCP_OPT_MAX_LEN])
{
	uint8_t *p = buf;

	if (o->mss != 0) {
		p[0] = KIND_MSS;
		p[1] = 4;
		p[2] = (uint8_t)(o->mss >> 8);
		p[3] = (uint8_t)o->mss;
		p += 4;
	}
	if (o->flags & TCP_OPT_F_SACK_OK) {
		p[0] = KIND_NOP;
		p[1] = KIND_NOP;
		p[2] = KIND_SACK_OK;
		p[3] = 2;
		p += 4;
	}
	if (o->flags & TCP_OPT_F_TS) {
		p[0] = KIND_NOP;
		p[1] = KIND_NOP;
		p[2] = KIND_TS;
		p[3] = 10;
		put32(p + 4, o->tsval);
		put32(p + 8, o->tsecr);
		p += TCP_OPT_TS_LEN;
	}
	if (o->flags & TCP_OPT_F_WSCALE) {
		p[0] = KIND_NOP;
		p[1] = KIND_WSCALE;
		p[2] = 3;
		p[3] = o->wscale;
		p += 4;
	}
	if (o->nb_sacks > 0)
		p += emit_sacks(o, p, TCP_OPT_MAX_LEN - (size_t)(p - buf));
	return (size_t)(p - buf);
}
