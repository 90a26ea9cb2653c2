/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/capture.h"

#include <rte_mbuf.h>

#include <string.h>
#include <time.h>

#define HEAD_LEN 256u /* what a filter is sure to see in one piece */
#define TAG_AT 12u
#define TAG_LEN 4u
#define TYPE_VLAN 0x8100u

static_assert(sizeof(struct bpf_insn) == sizeof(struct capture_insn));

/* A frame as it is on the wire: a tag that the port takes out or puts in is in its place. */
struct frame {
	const struct rte_mbuf *m;
	bool has_tag; /* not in the buffer */
	uint8_t tag[TAG_LEN];
	uint32_t len;
	uint16_t vlan;
};

bool capture_begin(struct capture *c, const struct rdv_capture *rdv, uint64_t seq)
{
	bool is_ok;

	c->seq = (uint32_t)seq;
	c->port_mask = rdv->port_mask;
	c->vlan = rdv->vlan;
	c->direction = rdv->direction;
	c->snaplen = RTE_MIN(rdv->snaplen, CAPTURE_SNAPLEN_MAX);
	c->nb_insns = rdv->nb_insns;
	is_ok = c->nb_insns <= CAPTURE_INSNS;
	if (is_ok && c->nb_insns > 0) {
		/* The copy is checked: the original may change under us. */
		memcpy(c->insn, rdv->insn, c->nb_insns * sizeof(c->insn[0]));
		is_ok = bpf_validate(c->insn, (int)c->nb_insns);
	}
	for (uint32_t i = 0; i < CAPTURE_PORTS; i++) {
		atomic_store_explicit(&c->state->seen[i], 0, memory_order_relaxed);
		atomic_store_explicit(&c->state->matched[i], 0, memory_order_relaxed);
		atomic_store_explicit(&c->state->dropped[i], 0, memory_order_relaxed);
	}
	return is_ok;
}

static void frame_init(struct frame *f, const struct rte_mbuf *m, bool is_out)
{
	const uint8_t *h = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint64_t mark = is_out ? RTE_MBUF_F_TX_VLAN : RTE_MBUF_F_RX_VLAN_STRIPPED;

	*f = (struct frame){
		.m = m,
		.len = m->pkt_len,
		.has_tag = (m->ol_flags & mark) && m->data_len >= TAG_AT,
	};
	if (f->has_tag) {
		f->tag[0] = TYPE_VLAN >> 8;
		f->tag[1] = TYPE_VLAN & 0xff;
		f->tag[2] = (uint8_t)(m->vlan_tci >> 8);
		f->tag[3] = (uint8_t)m->vlan_tci;
		f->len += TAG_LEN;
		f->vlan = m->vlan_tci & 0xfff;
	} else if (m->data_len >= TAG_AT + TAG_LEN && (h[12] << 8 | h[13]) == (int)TYPE_VLAN) {
		f->vlan = (uint16_t)(h[14] << 8 | h[15]) & 0xfff;
	}
}

/* [off, off + len) of the buffers behind <m>, which hold that much. */
static void copy_buffers(const struct rte_mbuf *m, uint32_t off, uint32_t len, uint8_t *ret)
{
	for (; m != NULL && len > 0; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}

		const uint32_t n = RTE_MIN(len, m->data_len - off);

		memcpy(ret, rte_pktmbuf_mtod_offset(m, const uint8_t *, off), n);
		ret += n;
		len -= n;
		off = 0;
	}
	memset(ret, 0, len); /* a chain that is shorter than it says */
}

static void frame_copy(const struct frame *f, uint32_t len, uint8_t *ret)
{
	const uint32_t before = f->has_tag ? RTE_MIN(len, TAG_AT) : len;

	copy_buffers(f->m, 0, before, ret);
	if (len <= before)
		return;

	const uint32_t tag = RTE_MIN(len - before, TAG_LEN);

	memcpy(ret + before, f->tag, tag);
	copy_buffers(f->m, before, len - before - tag, ret + before + tag);
}

static bool is_wanted(const struct capture *c, const struct frame *f)
{
	const uint8_t *p = rte_pktmbuf_mtod(f->m, const uint8_t *);
	uint32_t len = f->m->data_len;
	uint8_t head[HEAD_LEN];

	if (c->vlan != CAPTURE_ANY_VLAN && c->vlan != f->vlan)
		return false;
	if (c->nb_insns == 0)
		return true;
	if (f->has_tag || (f->m->nb_segs > 1 && len < HEAD_LEN)) {
		len = RTE_MIN(f->len, HEAD_LEN);
		frame_copy(f, len, head);
		p = head;
	}
	return bpf_filter(c->insn, p, f->len, len) != 0;
}

/* Room for <len> bytes in one piece; NULL: the ring is full. */
static struct capture_rec *reserve(struct capture *c, uint32_t len)
{
	/* Pairs with the control plane's release: what is before it was read. */
	const uint64_t used = c->head - atomic_load_explicit(c->tail, memory_order_acquire);
	const uint32_t at = (uint32_t)(c->head % CAPTURE_RING);
	const uint32_t pad = CAPTURE_RING - at < len ? CAPTURE_RING - at : 0;

	/* A tail that cannot be, ahead of us, makes <used> huge: full. */
	if (used > CAPTURE_RING || CAPTURE_RING - used < (uint64_t)pad + len)
		return NULL;
	if (pad > 0) {
		memcpy(c->ring + at, &(uint32_t){pad | CAPTURE_PAD}, sizeof(uint32_t));
		c->head += pad;
	}
	return (struct capture_rec *)(c->ring + c->head % CAPTURE_RING);
}

static void bump(_Atomic(uint64_t) *n)
{
	/* One writer: no need for a locked instruction. */
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void put(struct capture *c, uint32_t port, const struct frame *f, bool is_out, uint64_t ns)
{
	const uint32_t caplen = RTE_MIN(f->len, c->snaplen);
	const uint32_t len = RTE_ALIGN_CEIL((uint32_t)sizeof(struct capture_rec) + caplen, 8u);
	struct capture_rec *r = reserve(c, len);

	if (r == NULL) {
		bump(&c->state->dropped[port]);
		return;
	}
	*r = (struct capture_rec){
		.len = len,
		.seq = c->seq,
		.ts_ns = ns,
		.caplen = caplen,
		.wire_len = f->len,
		.vlan = f->vlan,
		.port = (uint8_t)port,
		.flags = (is_out ? CAPTURE_F_OUT : 0) |
			 (is_out && (f->m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) ? CAPTURE_F_TSO : 0),
	};
	frame_copy(f, caplen, (uint8_t *)(r + 1));
	c->head += len;
}

void capture_burst(struct capture *c, uint32_t port, struct rte_mbuf *const *pkts, uint32_t nb,
		   bool is_out)
{
	struct timespec now;

	if (port >= CAPTURE_PORTS || !(c->port_mask >> port & 1) ||
	    !(c->direction & (is_out ? CAPTURE_OUT : CAPTURE_IN)))
		return;
	/* By the vDSO; one time for the burst is as exact as polling allows. */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	for (uint32_t i = 0; i < nb; i++) {
		struct frame f;

		frame_init(&f, pkts[i], is_out);
		bump(&c->state->seen[port]);
		if (!is_wanted(c, &f))
			continue;
		bump(&c->state->matched[port]);
		put(c, port, &f, is_out, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	}
	/* Pairs with the control plane's acquire: the records before it are whole. */
	atomic_store_explicit(&c->state->head, c->head, memory_order_release);
}
