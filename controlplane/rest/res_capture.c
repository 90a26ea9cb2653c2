/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Packet capture: what is asked for, written down for the workers, and their rings turned into a
 * pcapng stream. The server's thread does it all; there is one capture at a time.
 *
 *	[header] ---> [packets] --- enough, too long, told to, data plane gone ---> [rest]
 *	                                                                               |
 *	                  [end] <--- [statistics] <--- every worker has stopped <------+
 *
 * The workers go on as long as <until_ms> is moved on here; a client that goes away, and a control
 * plane that dies, therefore end the capture. Nothing that comes out of a ring is believed but
 * within its bounds.
 */

#include "common/log/log.h"
#include "config/config.h"
#include "rest/capture_filter.h"
#include "rest/pcapng.h"
#include "rest/rest_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

LOG_TYPE("capture");

static void get_capture(const struct rest_req *req, struct rest_res *res);
static void end_capture(const struct rest_req *req, struct rest_res *res);

const struct rest_route rest_capture_routes[] = {
	{REST_GET, "/api/v1/capture", get_capture,
	 "packets as pcapng, until the end of the connection; ?interface= ?filter= ?direction= "
	 "?snaplen= ?count= ?duration=",
	 true, REST_ROLE_OPERATE},
	{REST_DELETE, "/api/v1/capture", end_capture, "end the capture that runs", true},
	{0},
};

#define INTERFACES_MAX 64u
#define OUT_CAP (256u << 10)
#define LIVE_MS 3000u /* workers stop this long after the last sign of life */
#define BEAT_US 500000u
#define TAKE_UP_MS 1000u
#define DURATION_DEFAULT_S 300u
#define DURATION_MAX_S 3600u

enum phase {
	PHASE_HEADER,
	PHASE_PACKETS,
	PHASE_REST,
	PHASE_STATISTICS,
	PHASE_END,
};

struct capture_interface {
	char name[64], description[96];
	uint32_t port, vlan;
	uint8_t mac[6];
	uint64_t nb; /* packets written */
};

struct capture {
	struct rest_stream stream;
	struct cp *cp;
	enum phase phase;
	bool is_told; /* to end */
	const char *why;
	char filter[1024];
	uint32_t snaplen;
	uint64_t seq, epoch;
	uint32_t nb_workers;
	uint64_t tail[SNAP_MAX_WORKERS];
	uint64_t begin_ns, until_us, beat_us, rest_us;
	uint64_t count, nb; /* packets wanted (0: no limit), and written */
	struct capture_interface interface[INTERFACES_MAX];
	uint32_t nb_interfaces;
	uint64_t seen[CAPTURE_PORTS], matched[CAPTURE_PORTS], dropped[CAPTURE_PORTS];
	uint64_t nb_torn; /* rings that made no sense */
	uint8_t out[OUT_CAP];
	size_t out_len, out_off;
};

static struct capture *running;

static uint64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- telling the workers; under the lock ---- */

static void tell_workers(struct capture *c, uint64_t until_ms)
{
	struct rdv *rdv = c->cp->shm.rdv;

	atomic_store_explicit(&rdv->capture.until_ms, until_ms, memory_order_relaxed);
	c->seq++;
	for (uint32_t w = 0; w < c->nb_workers; w++)
		/* Pairs with the worker's acquire: what is wanted is written. */
		atomic_store_explicit(&rdv->mailbox[w].capture_seq, c->seq, memory_order_release);
}

static struct feedback_worker *worker_of(const struct capture *c, uint32_t w)
{
	/* A data plane that started meanwhile knows nothing of us. */
	return c->cp->shm.feedback_epoch == c->epoch ? shm_feedback_worker(&c->cp->shm, w) : NULL;
}

/* How many workers have not taken up the latest word yet; <ret_refused>: one refused it. */
static uint32_t nb_behind(const struct capture *c, bool *ret_refused)
{
	uint32_t nb = 0;

	*ret_refused = false;
	for (uint32_t w = 0; w < c->nb_workers; w++) {
		const struct feedback_worker *fw = worker_of(c, w);

		if (fw == NULL)
			continue;
		if (atomic_load_explicit(&fw->capture.seq, memory_order_acquire) != c->seq)
			nb++;
		else if (atomic_load_explicit(&fw->capture.is_refused, memory_order_relaxed))
			*ret_refused = true;
	}
	return nb;
}

static void begin(struct capture *c, const struct rdv_capture *want)
{
	struct rdv *rdv = c->cp->shm.rdv;

	c->epoch = c->cp->shm.feedback_epoch;
	c->nb_workers = c->cp->shm.fb_workers;
	for (uint32_t w = 0; w < c->nb_workers; w++) {
		const struct feedback_worker *fw = shm_feedback_worker(&c->cp->shm, w);
		const uint64_t seq = atomic_load(&rdv->mailbox[w].capture_seq);

		c->tail[w] = atomic_load(&fw->capture.head);
		atomic_store_explicit(&rdv->capture_tail[w].tail, c->tail[w], memory_order_release);
		c->seq = seq > c->seq ? seq : c->seq;
	}
	/* until_ms, the first field, is set by tell_workers(). */
	atomic_store_explicit(&rdv->capture.until_ms, 0, memory_order_relaxed);
	memcpy((uint8_t *)&rdv->capture + sizeof(uint64_t),
	       (const uint8_t *)want + sizeof(uint64_t), sizeof(*want) - sizeof(uint64_t));
	tell_workers(c, loop_now_ms() + LIVE_MS);
	c->begin_ns = real_ns();
	c->beat_us = loop_now_us();
}

/* ---- out of the rings; under the lock ---- */

static uint32_t interface_of(const struct capture *c, uint32_t port, uint32_t vlan)
{
	uint32_t best = 0;

	for (uint32_t i = c->nb_interfaces; i-- > 0;) {
		if (c->interface[i].port == port && c->interface[i].vlan == vlan)
			return i;
		if (c->interface[i].port == port)
			best = i;
	}
	return best;
}

/*
 * The record at <at>, of <used> bytes that the worker says it wrote. Its length with padding; 0:
 * it makes no sense.
 */
static uint32_t take_record(struct capture *c, const uint8_t *ring, uint32_t worker, uint64_t used)
{
	const uint32_t at = (uint32_t)(c->tail[worker] % CAPTURE_RING);
	struct capture_rec r = {0};

	/* The ring's end is a multiple of 8 away, but maybe nearer than a record's head. */
	memcpy(&r, ring + at, CAPTURE_RING - at < sizeof(r) ? 8 : sizeof(r));

	const uint32_t len = r.len & ~CAPTURE_PAD;

	if (len < 8 || len % 8 != 0 || len > used || len > CAPTURE_RING - at)
		return 0;
	if (r.len & CAPTURE_PAD)
		return len;
	if (len < sizeof(r) || r.caplen > len - sizeof(r) || r.caplen > CAPTURE_SNAPLEN_MAX ||
	    r.port >= CAPTURE_PORTS)
		return 0;
	if (r.seq != (uint32_t)c->seq && c->phase == PHASE_PACKETS)
		return len; /* of an earlier capture */

	const struct pcapng_packet p = {
		.interface = interface_of(c, r.port, r.vlan),
		.ts_ns = r.ts_ns,
		.data = ring + at + sizeof(r),
		.caplen = r.caplen,
		.wire_len = r.wire_len > r.caplen ? r.wire_len : r.caplen,
		.direction = r.flags & CAPTURE_F_OUT ? PCAPNG_OUT : PCAPNG_IN,
		.queue = worker,
		.comment =
			r.flags & CAPTURE_F_TSO ? "one packet for the port, which cuts it" : NULL,
	};

	c->out_len += pcapng_packet(c->out + c->out_len, OUT_CAP - c->out_len, &p);
	c->interface[p.interface].nb++;
	c->nb++;
	return len;
}

static bool has_room(const struct capture *c)
{
	return (c->count == 0 || c->nb < c->count) &&
	       OUT_CAP - c->out_len >= CAPTURE_SNAPLEN_MAX + PCAPNG_PACKET_EXTRA;
}

static void drain_worker(struct capture *c, uint32_t worker)
{
	const struct feedback_worker *fw = worker_of(c, worker);
	const uint8_t *ring = fw == NULL ? NULL : shm_feedback_ring(&c->cp->shm, worker);

	if (ring == NULL)
		return;

	/* Pairs with the worker's release: the records before it are whole. */
	const uint64_t head = atomic_load_explicit(&fw->capture.head, memory_order_acquire);

	while (head != c->tail[worker] && has_room(c)) {
		const uint64_t used = head - c->tail[worker];
		const uint32_t len = used > CAPTURE_RING ? 0 : take_record(c, ring, worker, used);

		c->nb_torn += len == 0;
		c->tail[worker] = len == 0 ? head : c->tail[worker] + len;
	}
	/* Pairs with the worker's acquire: the room may be written again. */
	atomic_store_explicit(&c->cp->shm.rdv->capture_tail[worker].tail, c->tail[worker],
			      memory_order_release);
}

static void drain(struct capture *c)
{
	for (uint32_t w = 0; w < c->nb_workers; w++)
		drain_worker(c, w);
}

static void read_counters(struct capture *c)
{
	for (uint32_t w = 0; w < c->nb_workers; w++) {
		const struct feedback_worker *fw = worker_of(c, w);

		for (uint32_t p = 0; fw != NULL && p < CAPTURE_PORTS; p++) {
			c->seen[p] += atomic_load(&fw->capture.seen[p]);
			c->matched[p] += atomic_load(&fw->capture.matched[p]);
			c->dropped[p] += atomic_load(&fw->capture.dropped[p]);
		}
	}
}

/* ---- the stream ---- */

static void put_header(struct capture *c)
{
	c->out_len = pcapng_section(c->out, OUT_CAP, "tagwarden", NULL);
	for (uint32_t i = 0; i < c->nb_interfaces; i++) {
		const struct capture_interface *f = &c->interface[i];
		const struct pcapng_interface idb = {
			.name = f->name,
			.description = f->description,
			.filter = c->filter,
			.mac = f->mac,
			.snaplen = c->snaplen,
		};

		c->out_len += pcapng_interface(c->out + c->out_len, OUT_CAP - c->out_len, &idb);
	}
}

/* Drops are counted by port: they go to the first interface on it. */
static void put_statistics(struct capture *c)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < c->nb_interfaces; i++) {
		const uint32_t port = c->interface[i].port;
		const bool is_first = !(done >> port & 1);
		const struct pcapng_statistics isb = {
			.interface = i,
			.begin_ns = c->begin_ns,
			.end_ns = real_ns(),
			.received = is_first ? c->seen[port] : 0,
			.accepted = is_first ? c->matched[port] : c->interface[i].nb,
			.dropped = is_first ? c->dropped[port] : 0,
		};

		done |= 1u << port;
		c->out_len += pcapng_statistics(c->out + c->out_len, OUT_CAP - c->out_len, &isb);
	}
}

static void stop(struct capture *c, const char *why)
{
	c->why = why;
	tell_workers(c, 0);
	c->rest_us = loop_now_us() + TAKE_UP_MS * 1000;
	c->phase = PHASE_REST;
}

/* It is another one, or has not been heard of for long: it was killed. */
static bool is_dataplane_gone(const struct capture *c, uint64_t now_us)
{
	const uint64_t beat_ms =
		atomic_load_explicit(&c->cp->shm.rdv->dp_heartbeat_ms, memory_order_relaxed);

	return c->cp->shm.feedback_epoch != c->epoch || now_us / 1000 > beat_ms + LIVE_MS;
}

static void look_for_end(struct capture *c, uint64_t now_us)
{
	if (c->is_told)
		stop(c, "told to");
	else if (c->count != 0 && c->nb >= c->count)
		stop(c, "count reached");
	else if (now_us >= c->until_us)
		stop(c, "duration over");
	else if (is_dataplane_gone(c, now_us))
		stop(c, "the data plane ended");
}

static void go_on(struct capture *c)
{
	const uint64_t now_us = loop_now_us();
	bool unused;

	switch (c->phase) {
	case PHASE_HEADER:
		put_header(c);
		c->phase = PHASE_PACKETS;
		break;
	case PHASE_PACKETS:
		if (now_us - c->beat_us >= BEAT_US) {
			atomic_store_explicit(&c->cp->shm.rdv->capture.until_ms,
					      now_us / 1000 + LIVE_MS, memory_order_relaxed);
			c->beat_us = now_us;
		}
		drain(c);
		look_for_end(c, now_us);
		break;
	case PHASE_REST: {
		const bool is_done = nb_behind(c, &unused) == 0 || now_us >= c->rest_us;

		drain(c);
		if (is_done && c->out_len == 0)
			c->phase = PHASE_STATISTICS;
		break;
	}
	case PHASE_STATISTICS:
		read_counters(c);
		put_statistics(c);
		c->phase = PHASE_END;
		break;
	case PHASE_END:
		break;
	}
}

static size_t capture_read(void *user, void *buf, size_t cap, bool *ret_is_end)
{
	struct capture *c = user;
	size_t n;

	if (c->out_off == c->out_len) {
		c->out_off = 0;
		c->out_len = 0;
		cp_lock(c->cp);
		go_on(c);
		cp_unlock(c->cp);
	}
	n = c->out_len - c->out_off;
	n = n < cap ? n : cap;
	memcpy(buf, c->out + c->out_off, n);
	c->out_off += n;
	*ret_is_end = c->phase == PHASE_END && c->out_off == c->out_len;
	return n;
}

/* The client does not take what there is: keep the workers at it all the same. */
static void capture_tick(void *user)
{
	struct capture *c = user;
	const uint64_t now_us = loop_now_us();

	if (c->phase > PHASE_PACKETS || now_us >= c->until_us || now_us - c->beat_us < BEAT_US)
		return;
	atomic_store_explicit(&c->cp->shm.rdv->capture.until_ms, now_us / 1000 + LIVE_MS,
			      memory_order_relaxed);
	c->beat_us = now_us;
}

static void capture_close(void *user)
{
	struct capture *c = user;
	uint64_t dropped = 0;

	cp_lock(c->cp);
	if (c->phase <= PHASE_PACKETS)
		stop(c, "the client went away");
	if (c->phase < PHASE_END)
		read_counters(c);
	cp_unlock(c->cp);
	for (uint32_t p = 0; p < CAPTURE_PORTS; p++)
		dropped += c->dropped[p];
	LOG(NOTICE, "capture ended packets=%llu dropped=%llu torn=%llu why=\"%s\"",
	    (unsigned long long)c->nb, (unsigned long long)dropped, (unsigned long long)c->nb_torn,
	    c->why);
	if (running == c)
		running = NULL;
	free(c);
}

static const struct rest_stream_ops capture_ops = {
	.read = capture_read,
	.tick = capture_tick,
	.close = capture_close,
};

/* ---- what is asked for ---- */

static bool add_interface(struct capture *c, const struct config *cfg, uint32_t index)
{
	const struct config_interface *f = &cfg->interfaces[index];
	const struct feedback_hdr *fb = c->cp->shm.feedback;
	struct capture_interface *out = &c->interface[c->nb_interfaces];

	for (uint32_t p = 0; p < fb->nb_ports && p < CAPTURE_PORTS; p++) {
		const uint32_t on = fb->port[p].interface;

		if (on >= cfg->nb_interfaces || c->nb_interfaces == INTERFACES_MAX ||
		    strcmp(cfg->interfaces[on].device, f->device) != 0)
			continue;
		*out = (struct capture_interface){.port = p, .vlan = f->vlan};
		(void)snprintf(out->name, sizeof(out->name), "%.63s", f->name);
		(void)snprintf(out->description, sizeof(out->description), "port %.31s, %.23s",
			       fb->port[p].name, fb->port[p].driver);
		memcpy(out->mac, fb->port[p].mac, sizeof(out->mac));
		c->nb_interfaces++;
		return true;
	}
	return false;
}

/* The interfaces that are meant, and the ports below them. 0, or a status. */
static int choose_interfaces(struct capture *c, const char *name, struct rdv_capture *want)
{
	const struct config *cfg = c->cp->config;
	bool is_known = name[0] == '\0';

	for (uint32_t i = 0; i < cfg->nb_interfaces; i++) {
		if (name[0] != '\0' && strcmp(cfg->interfaces[i].name, name) != 0)
			continue;
		is_known = true;
		if (add_interface(c, cfg, i))
			want->port_mask |= 1u << c->interface[c->nb_interfaces - 1].port;
	}
	want->vlan =
		name[0] != '\0' && c->nb_interfaces == 1 ? c->interface[0].vlan : CAPTURE_ANY_VLAN;
	if (!is_known)
		return 404;
	return c->nb_interfaces == 0 ? 503 : 0;
}

static bool read_direction(const struct rest_req *req, struct rdv_capture *want)
{
	char text[8];

	want->direction = CAPTURE_IN | CAPTURE_OUT;
	if (!rest_has_query(req, "direction"))
		return true;
	if (!rest_query(req, "direction", text, sizeof(text)))
		return false;
	if (strcmp(text, "in") == 0)
		want->direction = CAPTURE_IN;
	else if (strcmp(text, "out") == 0)
		want->direction = CAPTURE_OUT;
	else
		return strcmp(text, "both") == 0;
	return true;
}

/* A number that is there must be one, and within its bounds. */
static bool read_number(const struct rest_req *req, const char *key, uint64_t fallback,
			uint64_t min, uint64_t max, uint64_t *ret)
{
	*ret = fallback;
	if (!rest_has_query(req, key))
		return true;
	*ret = rest_query_uint(req, key, UINT64_MAX, UINT64_MAX);
	return *ret >= min && *ret <= max;
}

static bool read_query(const struct rest_req *req, struct capture *c, struct rdv_capture *want,
		       struct rest_res *res)
{
	uint64_t snaplen, duration_s;
	char why[CAPTURE_WHY_MAX];

	if (!read_direction(req, want)) {
		rest_problem(res, 400, "direction is in, out or both.");
		return false;
	}
	if (!read_number(req, "snaplen", CAPTURE_SNAPLEN_MAX, 1, 1u << 20, &snaplen) ||
	    !read_number(req, "count", 0, 1, INT64_MAX, &c->count) ||
	    !read_number(req, "duration", DURATION_DEFAULT_S, 1, DURATION_MAX_S, &duration_s)) {
		rest_problem(res, 400,
			     "snaplen, count and duration are numbers from 1; duration is seconds, "
			     "3600 at most.");
		return false;
	}
	if (rest_has_query(req, "filter") &&
	    !rest_query(req, "filter", c->filter, sizeof(c->filter))) {
		rest_problem(res, 400, "The filter is not readable, or longer than 1023 bytes.");
		return false;
	}
	c->snaplen = snaplen < CAPTURE_SNAPLEN_MAX ? (uint32_t)snaplen : CAPTURE_SNAPLEN_MAX;
	c->until_us = loop_now_us() + duration_s * 1000000;
	want->snaplen = c->snaplen;
	if (capture_filter_compile(c->filter, c->snaplen, want->insn, &want->nb_insns, why) < 0) {
		rest_problem(res, 400, why);
		return false;
	}
	return true;
}

/* Under the lock. 0, or a status. */
static int choose_and_begin(const struct rest_req *req, struct capture *c, struct rdv_capture *want,
			    const char *name)
{
	int rc;

	if (c->cp->shm.feedback == NULL || atomic_load(&c->cp->shm.rdv->dp_workers) == 0 ||
	    c->cp->config == NULL)
		return 503;
	(void)req;
	rc = choose_interfaces(c, name, want);
	if (rc == 0)
		begin(c, want);
	return rc;
}

/* Every worker must have taken it up: what it would have missed would look like silence. */
static int wait_for_workers(struct capture *c)
{
	const struct timespec pause = {.tv_nsec = 200000};
	const uint64_t until_us = loop_now_us() + TAKE_UP_MS * 1000;
	bool is_refused;
	uint32_t nb;

	do {
		(void)nanosleep(&pause, NULL);
		cp_lock(c->cp);
		nb = nb_behind(c, &is_refused);
		cp_unlock(c->cp);
	} while (nb > 0 && loop_now_us() < until_us);
	if (nb == 0 && !is_refused)
		return 0;
	cp_lock(c->cp);
	tell_workers(c, 0);
	cp_unlock(c->cp);
	return nb > 0 ? 503 : 500;
}

static void tell_status(struct rest_res *res, int status)
{
	rest_problem(res, status,
		     status == 404   ? "No interface of that name. See /api/v1/interfaces."
		     : status == 500 ? "The data plane refuses the filter."
				     : "The data plane is not running, or does not answer.");
}

static void get_capture(const struct rest_req *req, struct rest_res *res)
{
	static struct rdv_capture want; /* the server's thread is the only one */
	char name[64] = "";
	struct capture *c;
	int rc;

	if (running != NULL) {
		rest_problem(res, 409, "A capture is running. DELETE /api/v1/capture ends it.");
		return;
	}
	if (rest_has_query(req, "interface") && !rest_query(req, "interface", name, sizeof(name))) {
		tell_status(res, 404);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL) {
		rest_problem(res, 503, "Memory is short.");
		return;
	}
	c->cp = req->cp;
	c->why = "-";
	memset(&want, 0, sizeof(want));
	if (!read_query(req, c, &want, res)) {
		free(c);
		return;
	}
	cp_lock(c->cp);
	rc = choose_and_begin(req, c, &want, name);
	cp_unlock(c->cp);
	if (rc == 0)
		rc = wait_for_workers(c);
	if (rc != 0) {
		tell_status(res, rc);
		free(c);
		return;
	}
	(void)snprintf(c->stream.words, sizeof(c->stream.words),
		       "capture interface=%.63s filter=\"%.300s\"", name[0] != '\0' ? name : "all",
		       c->filter);
	c->stream.ops = &capture_ops;
	c->stream.user = c;
	c->stream.poll_us = 5000;
	running = c;
	res->status = 200;
	res->content_type = "application/x-pcapng";
	res->stream = &c->stream;
}

static void end_capture(const struct rest_req *req, struct rest_res *res)
{
	(void)req;
	if (running == NULL) {
		rest_problem(res, 404, "No capture is running.");
		return;
	}
	running->is_told = true;
	res->status = 202;
}
