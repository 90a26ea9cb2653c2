/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/schedule.h"

static uint64_t cycles(double seconds, uint64_t hz)
{
	return seconds <= 0 ? 0 : (uint64_t)(seconds * (double)hz);
}

void schedule_init(struct schedule *s, const struct load_options *opt, uint64_t hz)
{
	*s = (struct schedule){
		.hz = hz,
		.ramp = cycles(opt->ramp_s, hz),
		.warm_up = cycles(opt->warm_up_s, hz),
		.window = cycles(opt->duration_s, hz),
		.hold = cycles(opt->hold_s, hz),
		.nb_windows = opt->nb_rates > 0 ? opt->nb_rates : 1,
	};
}

static void enter(struct schedule *s, enum load_phase phase, uint64_t length, uint64_t now)
{
	s->phase = phase;
	s->began = now;
	s->ends = now + length;
}

void schedule_begin(struct schedule *s, uint64_t now)
{
	s->window_idx = 0;
	enter(s, LOAD_P_RAMP, s->ramp, now);
}

static void next(struct schedule *s, uint64_t now)
{
	switch (s->phase) {
	case LOAD_P_ANSWER:
		schedule_begin(s, now);
		break;
	case LOAD_P_RAMP:
		enter(s, LOAD_P_WARM_UP, s->warm_up, now);
		break;
	case LOAD_P_WARM_UP:
		enter(s, LOAD_P_WINDOW, s->window, now);
		break;
	case LOAD_P_WINDOW:
		if (s->window_idx + 1 < s->nb_windows) {
			s->window_idx++;
			enter(s, LOAD_P_WARM_UP, s->warm_up, now);
		} else {
			enter(s, LOAD_P_HOLD, s->hold, now);
		}
		break;
	case LOAD_P_HOLD:
	case LOAD_P_END:
		enter(s, LOAD_P_END, 0, now);
		break;
	}
}

bool schedule_advance(struct schedule *s, uint64_t now, bool is_ramped, bool must_stop)
{
	if (s->phase == LOAD_P_END)
		return false;
	if (must_stop) {
		enter(s, LOAD_P_END, 0, now);
		return true;
	}
	if (now < s->ends || (s->phase == LOAD_P_RAMP && !is_ramped))
		return false;
	next(s, now);
	return true;
}

uint64_t schedule_ramp_due(const struct schedule *s, uint32_t i, uint32_t nb)
{
	return s->began + (uint64_t)((double)s->ramp * i / (nb == 0 ? 1 : nb));
}

void pacer_start(struct pacer *p, double rate, uint64_t hz, double share, uint64_t now)
{
	p->period = (double)hz / rate;
	p->base = now + (uint64_t)(share * p->period);
	p->k = 0;
	p->due = p->base;
}

void pacer_stop(struct pacer *p)
{
	p->due = UINT64_MAX;
}

uint64_t pacer_backlog(const struct pacer *p, uint64_t now)
{
	if (p->due > now)
		return 0;
	return (uint64_t)((double)(now - p->base) / p->period) + 1 - p->k;
}
