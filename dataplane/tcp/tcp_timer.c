/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Timers. The retransmission timer serves one purpose at a time, in this order of preference:
 *
 *	REO      RACK waits for the reordering window to pass
 *	TLP      the tail is unanswered
 *	RTO      RFC 6298
 *	PERSIST  nothing in flight, data waits, the window is shut
 *	SYN      our SYN or SYN-ACK is unanswered
 */

#include "tcp/tcp_priv.h"

#include <errno.h>

#define TLP_MIN_US UINT64_C(2000)
#define TLP_ONE_SEG_US UINT64_C(50000)
#define KEEPALIVE_MAX_INTERVAL_S 75u

uint64_t tcp_rto(const struct tcp_conn *c)
{
	const uint64_t rto = (uint64_t)c->rto_us << c->rto_backoff;

	return RTE_MIN(rto, TCP_RTO_MAX_US);
}

static void arm_rtx(struct tcp_conn *c, enum tcp_rtx_mode mode, uint64_t deadline_us)
{
	c->rtx_mode = (uint8_t)mode;
	wheel_arm(&c->st->wheel, &c->f->t_rtx, deadline_us);
}

/* RFC 8985 7.2; 0: no probe now. */
static uint64_t tlp_deadline(const struct tcp_conn *c)
{
	if (!(c->flags & TCP_F_SACK) || (c->flags & TCP_F_TLP_OUT) ||
	    !(c->flags & TCP_F_RTT_VALID) || c->f->rec != TCP_R_OPEN || c->f->sacked > 0 ||
	    c->f->nb_lost_pending > 0)
		return 0;
	uint64_t pto = RTE_MAX(2 * (uint64_t)c->srtt_us, TLP_MIN_US);

	if (c->snd_nxt - c->snd_una <= c->mss)
		pto += TLP_ONE_SEG_US; /* its ACK may be delayed */
	return RTE_MAX(c->last_tx_us, c->f->rto_base_us) + pto;
}

void tcp_timer_rearm_rtx(struct tcp_conn *c, uint64_t now_us)
{
	if (c->snd_una == c->snd_nxt) {
		const struct tcp_seg *g = c->f->snd_next;

		/* Nothing waits, or nothing but a corked tail. */
		if (g == NULL || ((c->flags & TCP_F_MORE) && g->next == NULL &&
				  !(g->flags & TCP_SEG_F_FIN) && g->len < c->seg_cap)) {
			c->rtx_mode = TCP_RTX_NONE;
			wheel_cancel(&c->st->wheel, &c->f->t_rtx);
		} else if (c->rtx_mode != TCP_RTX_PERSIST) {
			c->rto_backoff = 0;
			arm_rtx(c, TCP_RTX_PERSIST, now_us + tcp_rto(c));
		}
		return;
	}
	if (c->rtx_mode == TCP_RTX_PERSIST) {
		/* The window is open again: how long it was shut says nothing about the path. */
		c->rto_backoff = 0;
		c->f->rto_since_us = 0;
	}
	const uint64_t rto = c->f->rto_base_us + tcp_rto(c);
	const uint64_t tlp = tlp_deadline(c);

	if (c->f->reo_deadline_us != 0 && c->f->reo_deadline_us < rto)
		arm_rtx(c, TCP_RTX_REO, c->f->reo_deadline_us);
	else if (tlp != 0 && tlp < rto)
		arm_rtx(c, TCP_RTX_TLP, tlp);
	else
		arm_rtx(c, TCP_RTX_RTO, rto);
}

/* RFC 1122 4.2.3.5: R2 has passed. True: the connection is gone. */
static bool has_given_up(struct tcp_conn *c, uint64_t now_us)
{
	if (c->f->rto_since_us == 0 || now_us - c->f->rto_since_us < TCP_GIVE_UP_US)
		return false;
	tcp_count(c->st, OUTCOME_TCP_TIMEOUT);
	tcp_conn_die(c, -ETIMEDOUT);
	return true;
}

static void fire_syn(struct tcp_conn *c)
{
	if (c->rto_backoff >= TCP_SYN_RETRIES) {
		tcp_count(c->st, OUTCOME_TCP_TIMEOUT);
		tcp_conn_die(c, -ETIMEDOUT);
		return;
	}
	c->rto_backoff++;
	c->retransmits++;
	tcp_count(c->st, OUTCOME_TCP_RETRANSMITS);
	c->flags |= TCP_F_SEND_SYN;
	tcp_conn_want_output(c);
}

static void fire_persist(struct tcp_conn *c, uint64_t now_us)
{
	if (has_given_up(c, now_us))
		return;
	if (c->f->rto_since_us == 0)
		c->f->rto_since_us = now_us;
	if (c->rto_backoff < 16)
		c->rto_backoff++;
	/* A window that is small but not shut is filled now; a shut one is probed. */
	c->flags |= TCP_F_OVERRIDE;
	if (c->snd_wnd == 0)
		c->flags |= TCP_F_PROBE;
	arm_rtx(c, TCP_RTX_PERSIST, now_us + tcp_rto(c));
	tcp_conn_want_output(c);
}

static void fire_rtx(struct tcp_conn *c, uint64_t now_us)
{
	switch (c->rtx_mode) {
	case TCP_RTX_PERSIST:
		fire_persist(c, now_us);
		break;
	case TCP_RTX_REO:
		tcp_recovery_on_reo(c, now_us);
		break;
	case TCP_RTX_TLP:
		tcp_recovery_on_tlp(c, now_us);
		break;
	case TCP_RTX_RTO:
		if (!has_given_up(c, now_us)) {
			tcp_pmtu_on_rto(c, now_us);
			tcp_recovery_on_rto(c, now_us);
		}
		break;
	default:
		break;
	}
}

static void fire_ack(struct tcp_conn *c, uint64_t now_us)
{
	const bool is_syn = c->rtx_mode == TCP_RTX_SYN;

	if (c->flags & TCP_F_MEM_WAIT) {
		c->flags &= ~TCP_F_MEM_WAIT;
		tcp_conn_event(c, TCP_EV_WRITABLE);
		/* A SYN that had left goes on waiting, a little longer. */
		if (is_syn)
			wheel_arm(&c->st->wheel, &c->t_ack, now_us + tcp_rto(c));
	} else if (is_syn) {
		fire_syn(c);
		return;
	}
	if (c->flags & TCP_F_ACK_LATER) {
		c->flags &= ~TCP_F_ACK_LATER;
		c->flags |= TCP_F_ACK_NOW;
	}
	tcp_conn_want_output(c);
}

/* ---- the long timer ---- */

static uint64_t keepalive_interval_us(const struct tcp_conn *c)
{
	const uint32_t s = c->keep_probes == 0 ? c->keep_idle_s
					       : RTE_MIN(c->keep_idle_s, KEEPALIVE_MAX_INTERVAL_S);

	return (uint64_t)s * 1000000;
}

void tcp_timer_arm_life(struct tcp_conn *c, uint64_t now_us)
{
	uint64_t deadline = 0;

	if (c->flags & TCP_F_ORPHAN) {
		const uint64_t idle =
			c->state == TCP_S_FIN_WAIT_2 ? TCP_FIN_WAIT_2_US : TCP_ORPHAN_IDLE_US;

		deadline = RTE_MIN(now_us + idle, c->orphan_us + TCP_ORPHAN_MAX_US);
	} else if (c->keep_idle_s != 0 && c->state >= TCP_S_ESTABLISHED) {
		deadline = now_us + keepalive_interval_us(c);
	}
	if (deadline != 0)
		wheel_arm(&c->st->wheel, &c->t_life, deadline);
	else
		wheel_cancel(&c->st->wheel, &c->t_life);
}

static void fire_life(struct tcp_conn *c, uint64_t now_us)
{
	if (c->flags & TCP_F_ORPHAN) {
		if (c->state != TCP_S_FIN_WAIT_2) {
			tcp_count(c->st, OUTCOME_TCP_TIMEOUT);
			tcp_conn_send_rst(c);
		}
		tcp_conn_die(c, -ETIMEDOUT);
		return;
	}
	if (c->keep_probes == 0) {
		/* Not armed anew with each segment; so look when the last one was. */
		const uint64_t quiet_us = (uint64_t)(tcp_ms(now_us) - c->last_rx_ms) * 1000;
		const uint64_t limit_us = keepalive_interval_us(c);

		if (quiet_us < limit_us) {
			wheel_arm(&c->st->wheel, &c->t_life, now_us + limit_us - quiet_us);
			return;
		}
	}
	if (c->keep_probes >= TCP_KEEPALIVE_PROBES) {
		tcp_count(c->st, OUTCOME_TCP_KEEPALIVE_DEAD);
		tcp_conn_send_rst(c);
		tcp_conn_die(c, -ETIMEDOUT);
		return;
	}
	c->keep_probes++;
	/* Data in flight probes by itself. */
	if (c->snd_una == c->snd_nxt) {
		c->flags |= TCP_F_PROBE;
		tcp_conn_want_output(c);
	}
	tcp_timer_arm_life(c, now_us);
}

static struct tcp_flight *flight_of(struct wheel_timer *t)
{
	return (struct tcp_flight *)(void *)((uint8_t *)t - offsetof(struct tcp_flight, t_rtx));
}

static struct tcp_conn *conn_of(struct wheel_timer *t, size_t offset)
{
	return (struct tcp_conn *)(void *)((uint8_t *)t - offset);
}

void tcp_timer_fire(struct tcp_stack *st, struct wheel_timer *t, uint64_t now_us)
{
	switch (t->kind) {
	case TCP_T_RTX:
		fire_rtx(flight_of(t)->c, now_us);
		break;
	case TCP_T_ACK:
		fire_ack(conn_of(t, offsetof(struct tcp_conn, t_ack)), now_us);
		break;
	case TCP_T_LIFE:
		fire_life(conn_of(t, offsetof(struct tcp_conn, t_life)), now_us);
		break;
	case TCP_T_TIME_WAIT:
		tcp_tw_expire(st, now_us);
		break;
	default:
		break;
	}
}
