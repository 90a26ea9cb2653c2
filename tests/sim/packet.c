/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/packet.h"

#include <rte_mbuf.h>

#include <inttypes.h>
#include <string.h>

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The sum may be taken in any byte order (RFC 1071 2 (B)); 64 bits never overflow here. */
static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, size_t len)
{
	uint32_t w;
	uint16_t h = 0;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&w, p, 4);
		sum += w;
	}
	if (len >= 2) {
		memcpy(&h, p, 2);
		sum += h;
		p += 2;
		len -= 2;
	}
	if (len == 1) {
		h = 0;
		memcpy(&h, p, 1);
		sum += h;
	}
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* In the order of memory, over everything including a checksum field that is there. */
static uint16_t sum_segment(const uint8_t *ip, uint32_t ip_hdr_len, uint32_t ip_len)
{
	const bool is_v6 = ip[0] >> 4 == 6;
	const uint32_t len = ip_len - ip_hdr_len;
	const uint8_t tail[4] = {0, 6, (uint8_t)(len >> 8), (uint8_t)len};
	uint64_t sum = is_v6 ? sum_bytes(0, ip + 8, 32) : sum_bytes(0, ip + 12, 8);

	sum = sum_bytes(sum, tail, 4);
	return fold(sum_bytes(sum, ip + ip_hdr_len, len));
}

uint16_t pkt_tcp_checksum(const uint8_t *ip, uint32_t ip_hdr_len, uint32_t ip_len)
{
	return (uint16_t)~sum_segment(ip, ip_hdr_len, ip_len);
}

uint16_t pkt_ip4_checksum(const uint8_t *ip, uint32_t ip_hdr_len)
{
	return (uint16_t)~fold(sum_bytes(0, ip, ip_hdr_len));
}

const uint8_t *pkt_bytes(const struct rte_mbuf *m, uint8_t buf[static PKT_MAX_LEN])
{
	return rte_pktmbuf_read(m, 0, m->pkt_len, buf);
}

static const char *parse_ip(const uint8_t *p, uint32_t len, struct pkt *k)
{
	if (len >= 40 && p[0] >> 4 == 6) {
		k->is_v6 = true;
		k->ip_hdr_len = 40;
		k->ip_len = be16(p + 4) + 40u;
		k->ecn = p[1] >> 4 & 3;
		memcpy(k->src.b, p + 8, 16);
		memcpy(k->dst.b, p + 24, 16);
		if (p[6] != 6)
			return "IP: not TCP";
	} else if (len >= 20 && p[0] >> 4 == 4) {
		uint32_t a, b;

		memcpy(&a, p + 12, 4);
		memcpy(&b, p + 16, 4);
		k->src = ip_addr_from_v4(a);
		k->dst = ip_addr_from_v4(b);
		k->ip_hdr_len = (uint16_t)((p[0] & 15) * 4);
		k->ip_len = be16(p + 2);
		k->ecn = p[1] & 3;
		if (k->ip_hdr_len < 20 || k->ip_hdr_len > len)
			return "IP: header length";
		if (fold(sum_bytes(0, p, k->ip_hdr_len)) != 0xffff)
			return "IP: header checksum";
		if (p[9] != 6)
			return "IP: not TCP";
		if ((be16(p + 6) & 0x3fff) != 0)
			return "IP: fragment";
	} else {
		return "IP: version or length";
	}
	if (k->ip_len < k->ip_hdr_len || k->ip_len > len)
		return "IP: length";
	return NULL;
}

static const char *parse_option(const uint8_t *o, uint8_t n, struct pkt *k)
{
	switch (o[0]) {
	case 2:
		if (n != 4)
			return "MSS option";
		k->mss = be16(o + 2);
		break;
	case 3:
		if (n != 3)
			return "window scale option";
		k->wscale = (int8_t)(o[2] > 14 ? 14 : o[2]);
		break;
	case 4:
		k->sack_ok = true;
		break;
	case 5:
		if (n < 10 || (n - 2) % 8 != 0 || n > 34)
			return "SACK option";
		k->nb_sacks = (n - 2u) / 8;
		for (unsigned i = 0; i < k->nb_sacks; i++) {
			k->sacks[i].lo = be32(o + 2 + 8 * i);
			k->sacks[i].hi = be32(o + 6 + 8 * i);
		}
		break;
	case 8:
		if (n != 10)
			return "timestamp option";
		k->has_ts = true;
		k->tsval = be32(o + 2);
		k->tsecr = be32(o + 6);
		break;
	default:
		break;
	}
	return NULL;
}

static const char *parse_options(const uint8_t *o, uint32_t len, struct pkt *k)
{
	while (len > 0) {
		const char *why;

		if (o[0] == 0)
			return NULL;
		if (o[0] == 1) {
			o++;
			len--;
			continue;
		}
		if (len < 2 || o[1] < 2 || o[1] > len)
			return "option length";
		why = parse_option(o, o[1], k);
		if (why != NULL)
			return why;
		len -= o[1];
		o += o[1];
	}
	return NULL;
}

const char *pkt_parse(const uint8_t *p, uint32_t len, struct pkt *ret)
{
	*ret = (struct pkt){.wscale = -1};
	const char *why = parse_ip(p, len, ret);

	if (why != NULL)
		return why;
	const uint8_t *t = p + ret->ip_hdr_len;
	const uint32_t left = ret->ip_len - ret->ip_hdr_len;

	if (left < 20)
		return "TCP header is cut";
	const uint32_t th_len = (t[12] >> 4) * 4u;

	if (sum_segment(p, ret->ip_hdr_len, ret->ip_len) != 0xffff)
		return "checksum";
	if (th_len < 20 || th_len > left)
		return "data offset";
	ret->sport = be16(t);
	ret->dport = be16(t + 2);
	ret->seq = be32(t + 4);
	ret->ack = be32(t + 8);
	ret->flags = t[13];
	ret->wnd = be16(t + 14);
	ret->hdr_len = (uint16_t)(ret->ip_hdr_len + th_len);
	ret->text = t + th_len;
	ret->len = left - th_len;
	return parse_options(t + 20, th_len - 20, ret);
}

void pkt_print(FILE *f, const struct pkt *p, uint32_t seq_base, uint32_t ack_base)
{
	static const char names[] = "FSRPAUEC";
	char flags[9];
	unsigned n = 0;

	for (unsigned i = 0; i < 8; i++) {
		if (p->flags & 1u << i)
			flags[n++] = names[i];
	}
	flags[n] = '\0';
	fprintf(f, "%u>%u %-3s seq %" PRId32 "+%u ack %" PRId32 " wnd %u", p->sport, p->dport,
		flags, (int32_t)(p->seq - seq_base), p->len,
		p->flags & PKT_ACK ? (int32_t)(p->ack - ack_base) : 0, p->wnd);
	if (p->mss != 0)
		fprintf(f, " mss %u", p->mss);
	if (p->wscale >= 0)
		fprintf(f, " ws %d", p->wscale);
	if (p->sack_ok)
		fputs(" sackok", f);
	if (p->has_ts)
		fprintf(f, " ts %u/%u", p->tsval, p->tsecr);
	for (unsigned i = 0; i < p->nb_sacks; i++)
		fprintf(f, " sack %" PRId32 "-%" PRId32, (int32_t)(p->sacks[i].lo - ack_base),
			(int32_t)(p->sacks[i].hi - ack_base));
	if (p->ecn != 0)
		fprintf(f, " ecn %u", p->ecn);
}
