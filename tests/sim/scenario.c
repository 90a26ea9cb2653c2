/* SPDX-License-Identifier: BSD-3-Clause */

#include "tests/sim/scenario.h"

#include <inttypes.h>

#define SECOND_US UINT64_C(1000000)

/* Mostly small, seldom large: what is interesting is at the beginning and the end. */
static uint64_t draw_size(struct rng *r, uint64_t max)
{
	static const uint64_t limits[] = {0,      1,      100,    2000,   2000,   20000,
					  20000,  60000,  60000,  60000,  200000, 200000,
					  300000, 300000, 300000, 2000000};
	const uint64_t limit = limits[rng_next(r) % 16];
	const uint64_t n = limit == 0 ? 0 : rng_in(r, 1, limit);

	return n < max ? n : max;
}

struct habits scenario_habits(struct rng *r, const struct scenario *sc)
{
	struct habits h = {
		.to_send = draw_size(r, sc->max_bytes),
		.abort_at = UINT64_MAX,
		.stall_at = UINT64_MAX,
		.keepalive_s = rng_one_in(r, 2) ? 60 : 0,
	};

	if (sc->is_bulk) {
		h.to_send = sc->max_bytes;
		return h;
	}
	if (rng_one_in(r, 6))
		h.read_pause_us = (uint32_t)rng_in(r, 100, 5000);
	if (rng_one_in(r, 12)) {
		h.stall_at = rng_in(r, 0, 100000);
		h.stall_us = (uint32_t)rng_in(r, 1000, 40 * SECOND_US);
	}
	if (rng_one_in(r, 8)) {
		h.write_max = (uint32_t)rng_in(r, 1, 3000);
		h.write_pause_us = (uint32_t)rng_in(r, 0, 3000);
		h.to_send = h.to_send < 20000 ? h.to_send : 20000;
	}
	h.corks = rng_one_in(r, 10);
	h.closes_early = rng_one_in(r, 3);
	if (sc->is_rough && rng_one_in(r, 4))
		h.abort_at = rng_in(r, 0, h.to_send + 1000);
	/* Who waits for a peer that is gone finds out by asking alone. */
	if (sc->is_hopeless || sc->is_rough)
		h.keepalive_s = 60;
	return h;
}

static void draw_mtu_steps(struct rng *r, struct path *p, bool is_silent)
{
	static const uint16_t mtus[] = {1500, 1492, 1420, 1400, 1280};

	p->nb_steps = (unsigned)rng_in(r, 1, LINK_MAX_STEPS);
	for (unsigned i = 0; i < p->nb_steps; i++) {
		const uint64_t before = i > 0 ? p->steps[i - 1].at_us : 0;

		p->steps[i].at_us = before + rng_in(r, 1, 20 * p->delay_us + 100000);
		p->steps[i].mtu = mtus[rng_next(r) % 5];
		p->steps[i].is_silent = is_silent || rng_one_in(r, 3);
	}
}

static struct path draw_path(struct rng *r)
{
	static const uint64_t delays[] = {50, 500, 5000, 20000, 100000};
	static const uint32_t losses[] = {0, 0, 0, 1000, 10000, 20000, 50000, 100000};
	struct path p = {
		.delay_us = delays[rng_next(r) % 5],
		.loss_ppm = losses[rng_next(r) % 8],
		.ns_per_byte = rng_one_in(r, 2) ? rng_in(r, 1, 10) : rng_in(r, 80, 2000),
	};

	p.queue_us = rng_in(r, p.delay_us, 4 * p.delay_us) + 20000;
	if (rng_one_in(r, 6)) {
		p.queue_us = 0;
		p.queue_pkts = (uint32_t)rng_in(r, 4, 200);
	} else if (rng_one_in(r, 6)) {
		p.queue_us = 0;
		p.queue_bytes = (uint32_t)rng_in(r, 6000, 300000);
	}
	if (rng_one_in(r, 6)) {
		p.loss_ppm /= 4;
		p.bad_enter_ppm = (uint32_t)rng_in(r, 100, 10000);
		p.bad_leave_ppm = (uint32_t)rng_in(r, 50000, 400000);
		p.bad_loss_ppm = (uint32_t)rng_in(r, 300000, 900000);
	}
	if (rng_one_in(r, 2)) {
		p.reorder_ppm = (uint32_t)rng_in(r, 0, 100000);
		p.reorder_us = rng_in(r, 1, 2 * p.delay_us);
	}
	if (rng_one_in(r, 3))
		p.dup_ppm = (uint32_t)rng_in(r, 0, 50000);
	if (rng_one_in(r, 4))
		p.corrupt_ppm = (uint32_t)rng_in(r, 0, 20000);
	if (rng_one_in(r, 4))
		p.jitter_us = rng_in(r, 1, p.delay_us);
	if (rng_one_in(r, 3))
		p.ce_ppm = (uint32_t)rng_in(r, 0, 200000);
	p.pads = rng_one_in(r, 2);
	p.strips_options = rng_one_in(r, 8);
	return p;
}

static struct tcp_params draw_params(struct rng *r)
{
	static const uint16_t mss[] = {536, 1000, 1460, 1460, 1460, 8960};
	static const uint32_t bufs[] = {4096, 16384, 65536, 262144, 1048576};

	return (struct tcp_params){
		.max_conns = 64,
		.max_listeners = 4,
		.rcv_buf = bufs[rng_next(r) % 5],
		.snd_buf = bufs[rng_next(r) % 5],
		.mss = mss[rng_next(r) % 6],
		.secret = {rng_next(r), rng_next(r)},
		/* One run in eight goes through SYN cookies. */
		.syn_backlog = rng_one_in(r, 8) ? 0 : 16,
		.max_rx_mbufs = 4096,
		.ecn = (enum tcp_ecn)(rng_next(r) % 3),
		.plpmtud = true,
		.congestion = rng_one_in(r, 4) ? TCP_CONGESTION_NEWRENO : TCP_CONGESTION_CUBIC,
	};
}

static void draw_trouble(struct rng *r, struct scenario *sc)
{
	const uint64_t span = 40 * (sc->path[0].delay_us + sc->path[1].delay_us) + 200000;

	switch (rng_next(r) % 16) {
	case 0:
		sc->restart_us = rng_in(r, 1, span);
		sc->restart_side = (unsigned)(rng_next(r) % 2);
		/* Its new timestamps may look old to a TIME-WAIT entry. */
		sc->is_hopeless = true;
		break;
	case 1:
		sc->vanish_us = rng_in(r, 1, span);
		sc->is_hopeless = true;
		break;
	case 2:
		sc->flood_from_us = rng_in(r, 1, span);
		sc->flood_until_us = sc->flood_from_us + rng_in(r, 1000, span);
		sc->flood_gap_us = (uint32_t)rng_in(r, 100, 5000);
		break;
	case 3:
		sc->is_simultaneous = true;
		sc->nb_rounds = 1;
		/* Each SYN tells the other side what to do: stripped, there are two minds. */
		sc->path[0].strips_options = false;
		sc->path[1].strips_options = false;
		break;
	case 4:
		/* Too few connections for what comes. */
		sc->params[1].max_conns = (uint32_t)rng_in(r, 1, 4);
		break;
	case 5:
		sc->path[0].down_from_us = rng_in(r, 1, span);
		sc->path[0].down_until_us = sc->path[0].down_from_us + rng_in(r, 1, 30 * SECOND_US);
		sc->path[1].down_from_us = sc->path[0].down_from_us;
		sc->path[1].down_until_us = sc->path[0].down_until_us;
		break;
	case 6:
	case 7:
		draw_mtu_steps(r, &sc->path[0], false);
		if (rng_one_in(r, 2))
			draw_mtu_steps(r, &sc->path[1], false);
		break;
	case 8:
		/* Few connections may have bytes under way at the same time. */
		sc->params[0].max_flights = (uint32_t)rng_in(r, 1, 4);
		sc->params[1].max_flights = (uint32_t)rng_in(r, 1, 4);
		sc->is_hopeless = true;
		break;
	case 9:
		/* A black hole: what is too big is gone without a word (RFC 4821). */
		draw_mtu_steps(r, &sc->path[rng_next(r) % 2], true);
		sc->is_hopeless = true;
		break;
	default:
		break;
	}
}

/* A run of lost packets so long that giving up is right can come about by chance alone. */
static bool is_path_hopeless(const struct path *p)
{
	return p->loss_ppm >= 50000 || p->bad_enter_ppm != 0 || p->down_until_us != 0;
}

void scenario_from_seed(uint64_t seed, struct scenario *ret)
{
	struct rng r = {seed * UINT64_C(0x2545f4914f6cdd1d) + 1};
	struct scenario sc = {
		.start_us = rng_in(&r, 1, UINT64_C(10000000000)),
		.nb_flows = (uint32_t)rng_in(&r, 1, 4),
		.nb_rounds = rng_one_in(&r, 3) ? (uint32_t)rng_in(&r, 2, 3) : 1,
		.is_rough = rng_one_in(&r, 4),
		.max_bytes = UINT32_MAX,
		.is_v6 = rng_one_in(&r, 3),
		.wrap = rng_one_in(&r, 4) ? (enum scenario_wrap)rng_in(&r, 0, 2) : WRAP_NOTHING,
	};

	for (unsigned i = 0; i < 2; i++) {
		sc.path[i] = draw_path(&r);
		sc.params[i] = draw_params(&r);
		sc.has_drought[i] = rng_one_in(&r, 16);
		if (rng_one_in(&r, 4)) {
			sc.has_tso[i] = true;
			sc.params[i].tx_cksum_offload = true;
			sc.params[i].tso_max = (uint32_t)rng_in(&r, 2000, 65535);
			sc.params[i].tso_max_segs = (uint16_t)rng_in(&r, 2, 64);
		}
	}
	if (rng_one_in(&r, 6)) {
		sc.has_peer = true;
		sc.is_hopeless = true;
		sc.nb_flows = 1;
		sc.nb_rounds = 1;
		sc.path[0].strips_options = sc.path[1].strips_options = false;
	} else {
		draw_trouble(&r, &sc);
	}
	/* Without timestamps TIME-WAIT cannot tell a new SYN after a fast transfer from an old. */
	if (sc.nb_rounds > 1 && (sc.path[0].strips_options || sc.path[1].strips_options))
		sc.is_hopeless = true;
	for (unsigned i = 0; i < 2; i++) {
		/* A connection that waits minutes has time for less. */
		if (is_path_hopeless(&sc.path[i]) || sc.params[i].max_conns < MAX_FLOWS)
			sc.is_hopeless = true;
		if (sc.path[i].loss_ppm >= 50000)
			sc.max_bytes = 100000;
	}
	*ret = sc;
}

void scenario_bulk(uint64_t mib, uint32_t loss_ppm, struct scenario *ret)
{
	const struct path p = {
		.delay_us = 200,
		.loss_ppm = loss_ppm,
		.dup_ppm = loss_ppm / 2,
		.reorder_ppm = loss_ppm,
		.reorder_us = 1000,
		.ns_per_byte = 8,
		.queue_us = 5000,
	};
	struct scenario sc = {
		.start_us = 1,
		.path = {p, p},
		.is_bulk = true,
		.nb_flows = 1,
		.nb_rounds = 1,
		.max_bytes = mib << 20,
	};

	for (unsigned i = 0; i < 2; i++)
		sc.params[i] = (struct tcp_params){
			.max_conns = 16,
			.max_listeners = 1,
			.rcv_buf = 1u << 20,
			.snd_buf = 1u << 20,
			.mss = 1460,
			.secret = {i, 1},
			.syn_backlog = 4,
		};
	*ret = sc;
}

static void print_path(const char *name, const struct path *p)
{
	printf("  %s: delay %" PRIu64 " us, jitter %" PRIu64 ", loss %u ppm, dup %u, reorder %u"
	       " by %" PRIu64 " us, corrupt %u, CE %u, %" PRIu64 " ns/byte\n",
	       name, p->delay_us, p->jitter_us, p->loss_ppm, p->dup_ppm, p->reorder_ppm,
	       p->reorder_us, p->corrupt_ppm, p->ce_ppm, p->ns_per_byte);
	printf("         queue %" PRIu64 " us, %u packets, %u bytes%s%s\n", p->queue_us,
	       p->queue_pkts, p->queue_bytes, p->strips_options ? ", strips options" : "",
	       p->pads ? ", pads" : "");
	if (p->bad_enter_ppm != 0)
		printf("         bursts: in %u ppm, out %u, loss %u\n", p->bad_enter_ppm,
		       p->bad_leave_ppm, p->bad_loss_ppm);
	for (unsigned i = 0; i < p->nb_steps; i++)
		printf("         MTU %u from %.6f s%s\n", p->steps[i].mtu,
		       (double)p->steps[i].at_us / 1e6,
		       p->steps[i].is_silent ? ", a black hole" : "");
	if (p->down_until_us != 0)
		printf("         down from %.6f to %.6f s\n", (double)p->down_from_us / 1e6,
		       (double)p->down_until_us / 1e6);
}

void scenario_print(const struct scenario *sc)
{
	static const char *const wraps[] = {"", ", sequence numbers wrap", ", timestamps wrap"};

	printf("  IPv%d, %u flows, %u rounds%s%s%s%s%s%s\n", sc->is_v6 ? 6 : 4, sc->nb_flows,
	       sc->nb_rounds, wraps[sc->wrap], sc->is_rough ? ", aborts" : "",
	       sc->is_simultaneous ? ", simultaneous open"
	       : sc->has_peer      ? ", a peer that misbehaves"
				   : "",
	       sc->has_drought[0] ? ", droughts at 0" : "",
	       sc->has_drought[1] ? ", droughts at 1" : "", sc->is_hopeless ? ", hopeless" : "");
	if (sc->restart_us != 0)
		printf("  side %u restarts at %.6f s\n", sc->restart_side,
		       (double)sc->restart_us / 1e6);
	if (sc->vanish_us != 0)
		printf("  both vanish at %.6f s\n", (double)sc->vanish_us / 1e6);
	if (sc->flood_gap_us != 0)
		printf("  SYN flood from %.6f to %.6f s, every %u us\n",
		       (double)sc->flood_from_us / 1e6, (double)sc->flood_until_us / 1e6,
		       sc->flood_gap_us);
	for (unsigned i = 0; i < 2; i++) {
		const struct tcp_params *p = &sc->params[i];

		print_path(i == 0 ? "0 -> 1" : "1 -> 0", &sc->path[i]);
		printf("  side %u: mss %u, rcv_buf %u, snd_buf %u, backlog %u, %u connections, "
		       "%u flights, %s, ECN %d%s\n",
		       i, p->mss, p->rcv_buf, p->snd_buf, p->syn_backlog, p->max_conns,
		       p->max_flights,
		       p->congestion == TCP_CONGESTION_NEWRENO ? "NewReno" : "CUBIC", (int)p->ecn,
		       sc->has_tso[i] ? ", TSO" : "");
	}
}
