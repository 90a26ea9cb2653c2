/* SPDX-License-Identifier: BSD-3-Clause */

#include "verbs.h"

#include <rte_common.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <errno.h>
#include <inttypes.h>

uint32_t number(struct world *w, const struct args *a, unsigned i)
{
	uint32_t v = 0;

	if (i >= a->nb)
		world_fail(w, "'%s' wants a number", a->word[0]);
	if (!parse_u32(a->word[i], &v))
		world_fail(w, "'%s' is no number", a->word[i]);
	return v;
}

void only(struct world *w, const struct args *a, unsigned nb)
{
	if (a->nb != nb)
		world_fail(w, "'%s' wants %u words, and has %u", a->word[0], nb - 1, a->nb - 1);
}

static struct peer *me(struct world *w)
{
	return &w->peers[w->peer];
}

static struct tcp_conn *conn(struct world *w)
{
	if (me(w)->conn == NULL)
		world_fail(w, "there is no connection: it wants accept or connect, and no close");
	return me(w)->conn;
}

/* ---- the owner's calls ---- */

static const struct {
	const char *name;
	int code;
} errors[] = {
	{"none", 0},
	{"EADDRINUSE", -EADDRINUSE},
	{"ECONNREFUSED", -ECONNREFUSED},
	{"ECONNRESET", -ECONNRESET},
	{"EHOSTUNREACH", -EHOSTUNREACH},
	{"ENETUNREACH", -ENETUNREACH},
	{"EINVAL", -EINVAL},
	{"EMSGSIZE", -EMSGSIZE},
	{"ENOENT", -ENOENT},
	{"ENOMEM", -ENOMEM},
	{"ENOSPC", -ENOSPC},
	{"EPROTO", -EPROTO},
	{"ETIMEDOUT", -ETIMEDOUT},
};

static const char *error_name(int code)
{
	for (size_t i = 0; i < RTE_DIM(errors); i++) {
		if (errors[i].code == code)
			return errors[i].name;
	}
	return "some other error";
}

/* A call's last word may be the error that it must give. */
static void check_result(struct world *w, const struct args *a, int got)
{
	const char *want = a->nb > 1 ? a->word[a->nb - 1] : "none";

	if (strcmp(want, error_name(got)) != 0)
		world_fail(w, "'%s' gave %s (%d), expected %s", a->word[0], error_name(got), got,
			   want);
}

static void do_listen(struct world *w, const struct args *a)
{
	struct tcp_tuple t;

	world_tuple(w, w->peer, &t);
	check_result(w, a, tcp_listen(w->st, &t.local, LOCAL_PORT, w));
}

static void do_unlisten(struct world *w, const struct args *a)
{
	struct tcp_tuple t;

	world_tuple(w, w->peer, &t);
	check_result(w, a, tcp_unlisten(w->st, &t.local, LOCAL_PORT));
}

static void do_connect(struct world *w, const struct args *a)
{
	struct tcp_conn *c = NULL;
	struct tcp_tuple t;

	world_tuple(w, w->peer, &t);
	check_result(w, a, tcp_connect(w->st, &t, w->now_us, &c));
	if (c != NULL)
		*me(w) = (struct peer){.conn = c, .isn = me(w)->isn, .written = 1, .read = 1};
}

static void do_accept(struct world *w, const struct args *a)
{
	struct tcp_conn *c = tcp_accept(w->st);

	if (is(a, 1, "nothing")) {
		if (c != NULL)
			world_fail(w, "there is a connection to accept");
		return;
	}
	only(w, a, 1);
	if (c == NULL)
		world_fail(w, "there is no connection to accept");
	const unsigned i = (unsigned)tcp_conn_tuple(c)->remote_port - PEER_PORT;

	if (i >= NB_PEERS || tcp_conn_listener_user(c) != w)
		world_fail(w, "the connection is with a stranger");
	struct peer *p = &w->peers[i];

	if (p->conn != NULL)
		world_fail(w, "this peer has a connection already");
	p->conn = c;
	p->written = 1;
	p->read = 1;
	p->events = 0;
}

static void do_write(struct world *w, const struct args *a)
{
	struct stream *s = tcp_conn_stream(conn(w));
	const uint32_t n = number(w, a, 1);
	const uint32_t want = is(a, 2, "takes") ? number(w, a, 3) : n;
	uint32_t done = 0;

	while (done < n) {
		struct slice_mut room = stream_reserve(s);
		const uint32_t k = (uint32_t)RTE_MIN(room.cap, (size_t)(n - done));

		if (k == 0)
			break;
		for (uint32_t i = 0; i < k; i++)
			room.ptr[i] = pattern(me(w)->written + i);
		stream_commit(s, k);
		me(w)->written += k;
		done += k;
	}
	if (done != want)
		world_fail(w, "%u bytes were taken, expected %u", done, want);
}

static void check_byte(struct world *w, const char *chars, uint32_t i, uint8_t got)
{
	const uint8_t want = chars != NULL ? (uint8_t)chars[i] : pattern(me(w)->read);

	if (got != want)
		world_fail(w, "byte %u is 0x%02x, expected 0x%02x", me(w)->read, got, want);
	me(w)->read++;
}

static void do_read(struct world *w, const struct args *a)
{
	struct stream *s = tcp_conn_stream(conn(w));
	uint32_t n, done = 0;

	if (is(a, 1, "eof") || is(a, 1, "nothing")) {
		if (stream_peek(s).len > 0)
			world_fail(w, "there are bytes to read");
		if (stream_is_eof(s) != is(a, 1, "eof"))
			world_fail(w, "expected %s", a->word[1]);
		return;
	}
	n = number(w, a, 1);
	const char *chars = is(a, 2, "text") && a->nb == 4 ? a->word[3] + 1 : NULL;

	if (chars != NULL && strlen(chars) != n + 1)
		world_fail(w, "the text is not %u bytes", n);
	while (done < n) {
		const struct slice in = stream_peek(s);
		const uint32_t k = (uint32_t)RTE_MIN(in.len, (size_t)(n - done));

		if (k == 0)
			world_fail(w, "only %u bytes are there to be read", done);
		for (uint32_t i = 0; i < k; i++)
			check_byte(w, chars, done + i, in.ptr[i]);
		stream_consume(s, k);
		done += k;
	}
}

static void do_shutdown(struct world *w, const struct args *a)
{
	only(w, a, 1);
	tcp_shutdown(conn(w), w->now_us);
}

static void do_close(struct world *w, const struct args *a)
{
	struct tcp_conn *c = conn(w);

	only(w, a, 1);
	me(w)->conn = NULL;
	tcp_close(c, w->now_us);
}

static void do_abort(struct world *w, const struct args *a)
{
	struct tcp_conn *c = conn(w);

	only(w, a, 1);
	me(w)->conn = NULL;
	tcp_abort(c, w->now_us);
}

static void do_cork(struct world *w, const struct args *a)
{
	only(w, a, 2);
	if (!is(a, 1, "on") && !is(a, 1, "off"))
		world_fail(w, "cork is on or off");
	tcp_conn_set_more(conn(w), is(a, 1, "on"));
}

static void do_keepalive(struct world *w, const struct args *a)
{
	only(w, a, 2);
	tcp_conn_set_keepalive(conn(w), number(w, a, 1));
}

static void do_icmp(struct world *w, const struct args *a)
{
	struct tcp_tuple t;
	uint32_t mtu = 0;
	unsigned i = 2;

	world_tuple(w, w->peer, &t);
	if (is(a, 1, "mtu"))
		mtu = number(w, a, i++);
	else if (!is(a, 1, "unreachable"))
		world_fail(w, "icmp is followed by unreachable, or mtu N");
	if (!is(a, i, "seq") || mtu > UINT16_MAX)
		world_fail(w, "icmp wants the sequence number that it quotes: seq N");
	only(w, a, i + 2);
	tcp_icmp_error(w->st, &t, number(w, a, i + 1) + me(w)->iss, (uint16_t)mtu, w->now_us);
}

/* ---- the harness ---- */

static void do_peer(struct world *w, const struct args *a)
{
	const uint32_t n = number(w, a, 1);

	only(w, a, 2);
	if (n < 1 || n > NB_PEERS)
		world_fail(w, "peers are 1 to %u", NB_PEERS);
	w->peer = n - 1;
}

static void do_hold(struct world *w, const struct args *a)
{
	only(w, a, 1);
	w->is_held = is(a, 0, "hold");
}

static void do_pool(struct world *w, const struct args *a)
{
	only(w, a, 2);
	if (is(a, 1, "back")) {
		while (w->nb_drained > 0)
			rte_pktmbuf_free(w->drained[--w->nb_drained]);
		return;
	}
	const uint32_t left = number(w, a, 1);

	while (rte_mempool_avail_count(w->pool) > left && w->nb_drained < RTE_DIM(w->drained))
		w->drained[w->nb_drained++] = rte_pktmbuf_alloc(w->pool);
}

/* ---- looking ---- */

static void do_events(struct world *w, const struct args *a)
{
	static const char *const names[] = {"connected", "readable", "writable", "sent-all",
					    "error"};
	uint32_t want = 0;

	for (unsigned i = 1; i < a->nb; i++) {
		unsigned k = 0;

		while (k < RTE_DIM(names) && !is(a, i, names[k]))
			k++;
		if (k == RTE_DIM(names) && !is(a, i, "none"))
			world_fail(w, "'%s' is no event", a->word[i]);
		if (k < RTE_DIM(names))
			want |= 1u << k;
	}
	if (me(w)->events != want)
		world_fail(w,
			   "the events are 0x%x, expected 0x%x (bits: connected, readable, "
			   "writable, sent-all, error)",
			   me(w)->events, want);
	me(w)->events = 0;
}

/* N, or N..M. */
static void check_number(struct world *w, const char *name, uint64_t got, const char *want)
{
	char low[16];
	uint32_t from, to;
	const char *dots = strstr(want, "..");
	const size_t n = dots != NULL ? (size_t)(dots - want) : strlen(want);
	bool good = n < sizeof(low);

	if (good) {
		memcpy(low, want, n);
		low[n] = '\0';
		good = parse_u32(low, &from);
		to = from;
		if (good && dots != NULL)
			good = parse_u32(dots + 2, &to);
	}
	if (!good)
		world_fail(w, "'%s' is no number and no range", want);
	if (got < from || got > to)
		world_fail(w, "%s is %" PRIu64 ", expected %s", name, got, want);
}

static void do_counter(struct world *w, const struct args *a)
{
	static const char *const names[OUTCOME__COUNT] = {
#define OUTCOME(name, class, text) #name,
#include "common/stats/outcome.def"
#undef OUTCOME
	};

	only(w, a, 3);
	for (size_t i = 0; i < RTE_DIM(names); i++) {
		if (names[i] == NULL || !is(a, 1, names[i]))
			continue;
		check_number(w, names[i], w->counters[i], a->word[2]);
		return;
	}
	world_fail(w, "'%s' is no counter", a->word[1]);
}

static void check_conn(struct world *w, const char *name, const char *want)
{
	struct tcp_conn *c = conn(w);
	struct tcp_conn_view v;

	tcp_conn_view(c, &v);
	const struct {
		const char *name;
		uint64_t got;
	} numbers[] = {
		{"cwnd", v.cwnd},
		{"ssthresh", v.ssthresh},
		{"srtt", v.srtt_us},
		{"rto", v.rto_us},
		{"snd_wnd", v.snd_wnd},
		{"rcv_wnd", v.rcv_wnd},
		{"mss", v.mss},
		{"bytes_in", v.bytes_in},
		{"bytes_out", v.bytes_out},
		{"retransmits", v.retransmits},
		{"unacked", tcp_conn_unacked(c)},
		{"unread", v.rcvq_bytes},
		{"writable", tcp_conn_writable(c)},
	};

	if (strcmp(name, "state") == 0) {
		if (strcmp(tcp_state_name(v.state), want) != 0)
			world_fail(w, "the state is %s, expected %s", tcp_state_name(v.state),
				   want);
		return;
	}
	if (strcmp(name, "error") == 0) {
		if (strcmp(error_name(tcp_conn_error(c)), want) != 0)
			world_fail(w, "the error is %s, expected %s", error_name(tcp_conn_error(c)),
				   want);
		return;
	}
	for (size_t i = 0; i < RTE_DIM(numbers); i++) {
		if (strcmp(name, numbers[i].name) == 0) {
			check_number(w, name, numbers[i].got, want);
			return;
		}
	}
	world_fail(w, "'%s' is nothing that can be looked at", name);
}

static void do_expect(struct world *w, const struct args *a)
{
	if (a->nb < 3 || a->nb % 2 == 0)
		world_fail(w, "expect wants pairs: NAME VALUE");
	for (unsigned i = 1; i < a->nb; i += 2) {
		const char *want = a->word[i + 1];

		if (is(a, i, "conns"))
			check_number(w, "conns", tcp_stack_nb_conns(w->st), want);
		else if (is(a, i, "timewait"))
			check_number(w, "timewait", tcp_stack_nb_time_wait(w->st), want);
		else if (is(a, i, "mbufs"))
			check_number(w, "mbufs", tcp_stack_nb_mbufs(w->st), want);
		else
			check_conn(w, a->word[i], want);
	}
}

static const struct verb verbs[] = {
	{"listen", do_listen, false},
	{"unlisten", do_unlisten, false},
	{"connect", do_connect, false},
	{"accept", do_accept, false},
	{"write", do_write, false},
	{"read", do_read, false},
	{"shutdown", do_shutdown, false},
	{"close", do_close, false},
	{"abort", do_abort, false},
	{"cork", do_cork, false},
	{"keepalive", do_keepalive, false},
	{"icmp", do_icmp, false},
	{"peer", do_peer, true},
	{"hold", do_hold, false},
	{"release", do_hold, false},
	{"pool", do_pool, false},
	{"events", do_events, true},
	{"counter", do_counter, true},
	{"expect", do_expect, true},
};

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < RTE_DIM(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}
