/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/trace.h"

#include <inttypes.h>
#include <string.h>

#define PCAP_MAGIC 0xa1b2c3d4u
#define PCAP_LINKTYPE_RAW 101u

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 32;
}

void trace_init(struct trace *t, uint64_t start_us)
{
	t->hash = 0;
	t->nb = 0;
	t->start_us = start_us;
}

static void print_event(const struct trace *t, const struct trace_event *e)
{
	static const char *const words[] = {
		[TRACE_SENT] = "sent",       [TRACE_ARRIVED] = "arrived",
		[TRACE_LOST] = "lost",       [TRACE_QUEUE_FULL] = "queue full",
		[TRACE_TOO_BIG] = "too big", [TRACE_OUTAGE] = "outage",
		[TRACE_REFUSED] = "refused", [TRACE_ICMP] = "ICMP",
		[TRACE_NOTE] = "*",
	};

	printf("  %12.6f %s %-10s ", (double)(e->at_us - t->start_us) / 1e6,
	       e->side == 0 ? "0->1" : "1->0", words[e->what]);
	if (e->flow >= 0)
		printf("flow %d ", e->flow);
	if (e->note != NULL)
		printf("%s ", e->note);
	if (e->what != TRACE_NOTE)
		pkt_print(stdout, &e->pkt, e->base[e->side], e->base[!e->side]);
	if (e->mtu != 0)
		printf(" (MTU %u)", e->mtu);
	putchar('\n');
}

void trace_add(struct trace *t, const struct trace_event *e)
{
	t->ring[t->nb++ % TRACE_RING] = *e;
	t->hash = mix(t->hash, e->at_us << 8 | (uint64_t)e->what << 4 | e->side);
	if (t->is_loud)
		print_event(t, e);
}

void trace_note(struct trace *t, uint64_t at_us, int flow, unsigned side, const char *note)
{
	trace_add(t, &(struct trace_event){
			     .at_us = at_us,
			     .what = TRACE_NOTE,
			     .side = (uint8_t)side,
			     .flow = (int8_t)flow,
			     .note = note,
		     });
}

void trace_bytes(struct trace *t, uint64_t at_us, unsigned at_side, const uint8_t *p, uint32_t len)
{
	uint64_t h = t->hash, v = 0;
	uint32_t i;

	for (i = 0; i + 8 <= len; i += 8) {
		memcpy(&v, p + i, 8);
		h = mix(h, v);
	}
	v = 0;
	memcpy(&v, p + i, len - i);
	t->hash = mix(h, v ^ (uint64_t)len << 56);
	if (t->pcap == NULL || at_side != 0)
		return;
	const uint32_t hdr[4] = {(uint32_t)(at_us / 1000000), (uint32_t)(at_us % 1000000), len,
				 len};

	(void)fwrite(hdr, sizeof(hdr), 1, t->pcap);
	(void)fwrite(p, len, 1, t->pcap);
}

void trace_dump(const struct trace *t, int flow, unsigned max)
{
	const uint64_t oldest = t->nb > TRACE_RING ? t->nb - TRACE_RING : 0;
	uint64_t i = t->nb;
	unsigned n = 0;

	while (i > oldest && n < max) {
		i--;
		if (flow < 0 || t->ring[i % TRACE_RING].flow == flow)
			n++;
	}
	for (; i < t->nb; i++) {
		if (flow < 0 || t->ring[i % TRACE_RING].flow == flow)
			print_event(t, &t->ring[i % TRACE_RING]);
	}
}

FILE *trace_pcap_open(const char *path)
{
	static const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, sigfigs, snaplen, linktype;
	} head = {PCAP_MAGIC, 2, 4, 0, 0, 262144, PCAP_LINKTYPE_RAW};
	FILE *f = fopen(path, "we");

	if (f != NULL)
		(void)fwrite(&head, sizeof(head), 1, f);
	return f;
}
