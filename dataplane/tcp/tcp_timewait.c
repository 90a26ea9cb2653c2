/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TIME-WAIT in entries of 72 bytes. All wait equally long, so a list in order of arrival is in
 * order of expiry and one timer serves them all. When they run out the oldest one goes early:
 * it has waited longest.
 */

#include "tcp/tcp_priv.h"

#define EXPIRE_BURST 256u
#define EXPIRE_PAUSE_US 300u
#define REUSE_AFTER_US UINT64_C(1000000)

static struct tcp_tw *tw_at(struct tcp_stack *st, uint32_t n)
{
	return &st->tws[n - 1];
}

static void list_append(struct tcp_stack *st, uint32_t n)
{
	struct tcp_tw *w = tw_at(st, n);

	w->next = 0;
	w->prev = st->tw_tail;
	if (st->tw_tail != 0)
		tw_at(st, st->tw_tail)->next = n;
	else
		st->tw_head = n;
	st->tw_tail = n;
}

static void list_remove(struct tcp_stack *st, uint32_t n)
{
	struct tcp_tw *w = tw_at(st, n);

	if (w->prev != 0)
		tw_at(st, w->prev)->next = w->next;
	else
		st->tw_head = w->next;
	if (w->next != 0)
		tw_at(st, w->next)->prev = w->prev;
	else
		st->tw_tail = w->prev;
}

static void tw_remove(struct tcp_stack *st, uint32_t n)
{
	list_remove(st, n);
	tcp_table_remove(st, tw_at(st, n)->hash, st->tw_base + n - 1);
	tw_at(st, n)->next = st->tw_free;
	st->tw_free = n;
	st->nb_tw--;
}

/* Never longer than a wait is, so that a wrapping clock will do. */
static uint64_t left_us(const struct tcp_tw *w, uint64_t now_us)
{
	const int32_t ms = (int32_t)(w->expire_ms - tcp_ms(now_us));

	return ms > 0 ? (uint64_t)ms * 1000 : 0;
}

static void rearm(struct tcp_stack *st, uint64_t now_us)
{
	if (st->tw_head != 0)
		wheel_arm(&st->wheel, &st->t_tw, now_us + left_us(tw_at(st, st->tw_head), now_us));
	else
		wheel_cancel(&st->wheel, &st->t_tw);
}

void tcp_tw_add(struct tcp_stack *st, const struct tcp_tw *w, uint64_t now_us)
{
	if (st->tw_free == 0) {
		tcp_count(st, OUTCOME_TCP_TIME_WAIT_CUT);
		tw_remove(st, st->tw_head);
	}
	const uint32_t n = st->tw_free;

	st->tw_free = tw_at(st, n)->next;
	*tw_at(st, n) = *w;
	tw_at(st, n)->expire_ms = tcp_ms(now_us + TCP_TIME_WAIT_US);
	list_append(st, n);
	tcp_table_insert(st, w->hash, st->tw_base + n - 1);
	st->nb_tw++;
	rearm(st, now_us);
}

void tcp_tw_expire(struct tcp_stack *st, uint64_t now_us)
{
	unsigned n = 0;

	while (st->tw_head != 0 && left_us(tw_at(st, st->tw_head), now_us) == 0) {
		if (n++ == EXPIRE_BURST) {
			/* They all closed at once: the rest of them later, packets wait. */
			wheel_arm(&st->wheel, &st->t_tw, now_us + EXPIRE_PAUSE_US);
			return;
		}
		tw_remove(st, st->tw_head);
	}
	rearm(st, now_us);
}

static void tw_ack(struct tcp_stack *st, const struct tcp_tw *w, uint64_t now_us)
{
	struct tcp_opts o = {0};

	if (w->has_ts) {
		o.flags = TCP_OPT_F_TS;
		o.tsval = tcp_ts_clock(now_us) + w->ts_off;
		o.tsecr = w->ts_recent;
	}
	tcp_ctl_send(st, &w->tuple,
		     &(struct tcp_hdr_fields){
			     .seq = w->snd_nxt,
			     .ack = w->rcv_nxt,
			     .wnd = w->wnd,
			     .flags = TCP_ACK,
			     .opts = &o,
		     });
}

/* RFC 6191 2: a SYN that is certainly newer than anything of the old incarnation. */
static bool syn_is_newer(const struct tcp_tw *w, const struct tcp_segin *s)
{
	if (w->has_ts && (s->opts.flags & TCP_OPT_F_TS)) {
		if (s->opts.tsval != w->ts_recent)
			return seq_gt(s->opts.tsval, w->ts_recent);
	}
	return seq_gt(s->seq, w->rcv_nxt);
}

/*
 * For our own SYN, as RFC 6191 has it for the peer's, and as Linux does: with timestamps the peer
 * refuses what is left of the old incarnation (PAWS), and ours have moved on once a second has
 * passed. Without them the wait must be served.
 */
bool tcp_tw_reuse(struct tcp_stack *st, uint32_t id, uint64_t now_us, uint32_t *ret_min_iss)
{
	const uint32_t n = id - st->tw_base + 1;
	const struct tcp_tw *w = tw_at(st, n);

	if (!w->has_ts || left_us(w, now_us) + REUSE_AFTER_US > TCP_TIME_WAIT_US)
		return false;
	*ret_min_iss = w->snd_nxt + TCP_INIT_RCV_WND + 2;
	tcp_count(st, OUTCOME_TCP_TIME_WAIT_REUSED);
	tw_remove(st, n);
	rearm(st, now_us);
	return true;
}

bool tcp_tw_input(struct tcp_stack *st, uint32_t id, struct tcp_segin *s, uint64_t now_us,
		  uint32_t *ret_min_iss)
{
	const uint32_t n = id - st->tw_base + 1;
	struct tcp_tw *w = tw_at(st, n);

	/* RFC 1337 3: a reset does not end TIME-WAIT. */
	if (s->flags & TCP_RST)
		return false;
	if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && syn_is_newer(w, s)) {
		*ret_min_iss = w->snd_nxt + TCP_INIT_RCV_WND + 2;
		tcp_count(st, OUTCOME_TCP_TIME_WAIT_REUSED);
		tw_remove(st, n);
		rearm(st, now_us);
		return true;
	}
	/*
	 * RFC 9293 3.10.7.4: the peer's FIN again restarts the wait, and is acknowledged. A pure
	 * acknowledgement needs no answer: two sides in TIME-WAIT would never stop.
	 */
	if (s->len > 0 || (s->flags & (TCP_FIN | TCP_SYN))) {
		if ((s->flags & TCP_FIN) && segin_end(s) == w->rcv_nxt) {
			list_remove(st, n);
			w->expire_ms = tcp_ms(now_us + TCP_TIME_WAIT_US);
			list_append(st, n);
			rearm(st, now_us);
		}
		tw_ack(st, w, now_us);
	}
	return false;
}
