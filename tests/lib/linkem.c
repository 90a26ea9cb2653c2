/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A link that is not perfect: takes the frames of two Ethernet interfaces (veth, tap, anything
 * that AF_PACKET knows) and carries them over to the other one, late, not at all, twice or out of
 * order. What befalls a frame depends on the seed and on its number alone, so that a run can be
 * had again.
 *
 *	interface a  --- loss --- dup --- CE --- rate --- delay, reordering --->  interface b
 *	             <-- loss --- dup --- CE --- rate --- delay, reordering ---
 *
 * The interfaces have no addresses and no offloads (ethtool -K IF tx off tso off gso off gro off):
 * what is taken from one is sent as it is. 802.1Q tags are not carried, since the kernel keeps
 * them beside the frame.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64u
#define FRAME_CAP 9216u
#define LIMIT_MAX (1u << 20)

/* What happens on the way in one direction. */
struct impair {
	uint64_t delay_ns;  /* every frame */
	uint64_t hold_ns;   /* on top of it, a frame that is to come late */
	uint64_t bit_per_s; /* 0: as fast as it goes */
	uint64_t queue_ns;  /* a frame that would wait longer for the wire is dropped; 0: never */
	uint32_t loss;      /* probabilities, of 2^32 */
	uint32_t dup;
	uint32_t reorder;
	uint32_t ce;
	uint32_t burst; /* frames that a loss takes */
	uint32_t limit; /* frames under way */
};

struct frame {
	uint64_t due_ns;
	uint64_t nr; /* among those due at once the first to come goes first */
	uint32_t len;
	uint8_t data[FRAME_CAP];
};

struct counts {
	uint64_t taken, sent, lost, dup, late, ce, overflow, unsent;
};

struct dir {
	const char *from, *to;
	int fd_in, fd_out;
	struct impair impair;
	struct counts n;
	uint64_t rng;
	uint64_t wire_free_ns; /* when the last frame has been put on the wire */
	uint64_t next_nr;
	uint32_t burst_left; /* frames that the last loss takes as well */
	/* binary heap by (due_ns, nr); beyond it in <heap> lie the frames that are free */
	struct frame **heap;
	uint32_t nb;
	uint32_t cap;
};

static bool must_stop;

static void on_signal(int sig)
{
	(void)sig;
	must_stop = true;
}

static void die(const char *what)
{
	fprintf(stderr, "linkem: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* splitmix64 (Vigna, public domain). */
static uint32_t rnd32(struct dir *d)
{
	uint64_t z = (d->rng += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ (z >> 31)) >> 32);
}

/* ---- frames under way ---- */

static bool is_before(const struct frame *a, const struct frame *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->nr < b->nr;
}

static void swap(struct dir *d, uint32_t i, uint32_t k)
{
	struct frame *f = d->heap[i];

	d->heap[i] = d->heap[k];
	d->heap[k] = f;
}

/* The free frame that the next heap_push() adds; NULL when the queue is full. */
static struct frame *free_frame(struct dir *d)
{
	return d->nb < d->cap ? d->heap[d->nb] : NULL;
}

static void heap_push(struct dir *d)
{
	uint32_t i = d->nb++;

	while (i > 0 && is_before(d->heap[i], d->heap[(i - 1) / 2])) {
		swap(d, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

/* The first frame becomes free. */
static void heap_pop(struct dir *d)
{
	uint32_t i = 0;

	swap(d, 0, --d->nb);
	for (;;) {
		uint32_t k = 2 * i + 1;

		if (k + 1 < d->nb && is_before(d->heap[k + 1], d->heap[k]))
			k++;
		if (k >= d->nb || !is_before(d->heap[k], d->heap[i]))
			return;
		swap(d, i, k);
		i = k;
	}
}

/* ---- what befalls a frame ---- */

static void put_under_way(struct dir *d, const uint8_t *data, uint32_t len, uint64_t due_ns)
{
	struct frame *f = free_frame(d);

	if (f == NULL) {
		d->n.overflow++;
		return;
	}
	memcpy(f->data, data, len);
	f->len = len;
	f->due_ns = due_ns;
	f->nr = d->next_nr++;
	heap_push(d);
}

/* RFC 3168 5: what said that it understands is marked, its IPv4 checksum amended (RFC 1624). */
static bool mark_ce(uint8_t *data, uint32_t len)
{
	uint8_t *ip = data + ETH_HLEN;
	const unsigned type = len > ETH_HLEN + 20 ? (unsigned)(data[12] << 8 | data[13]) : 0;

	if (type == ETH_P_IP && (ip[1] & 3) != 0) {
		const uint32_t old = (uint32_t)(ip[0] << 8 | ip[1]), new = old | 3;
		uint32_t sum = (~(uint32_t)(ip[10] << 8 | ip[11]) & 0xffff) + (~old & 0xffff) + new;

		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16));
		ip[1] |= 3;
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
		return true;
	}
	if (type == ETH_P_IPV6 && (ip[1] & 0x30) != 0) {
		ip[1] |= 0x30;
		return true;
	}
	return false;
}

/* Nanoseconds until a frame of <len> is on the wire; false: the queue before it is full. */
static bool pass_wire(struct dir *d, uint32_t len, uint64_t now, uint64_t *ret_due)
{
	const struct impair *im = &d->impair;
	uint64_t due = now;

	if (im->bit_per_s != 0) {
		if (d->wire_free_ns > due)
			due = d->wire_free_ns;
		if (im->queue_ns != 0 && due - now > im->queue_ns)
			return false;
		due += len * UINT64_C(8000000000) / im->bit_per_s;
		d->wire_free_ns = due;
	}
	*ret_due = due;
	return true;
}

static void take(struct dir *d, uint8_t *data, uint32_t len, uint64_t now)
{
	const struct impair *im = &d->impair;
	/* Always four throws, so that the fate of a frame does not depend on those before. */
	const bool is_lost = rnd32(d) < im->loss;
	const bool is_dup = rnd32(d) < im->dup;
	const bool is_late = rnd32(d) < im->reorder;
	const bool is_ce = rnd32(d) < im->ce;
	uint64_t due;

	d->n.taken++;
	if (is_lost)
		d->burst_left = im->burst;
	if (d->burst_left > 0) {
		d->burst_left--;
		d->n.lost++;
		return;
	}
	if (is_ce && mark_ce(data, len))
		d->n.ce++;
	if (!pass_wire(d, len, now, &due)) {
		d->n.overflow++;
		return;
	}
	due += im->delay_ns;
	if (is_dup) {
		d->n.dup++;
		put_under_way(d, data, len, due);
	}
	if (is_late) {
		d->n.late++;
		due += im->hold_ns;
	}
	put_under_way(d, data, len, due);
}

/* One batch, so that the other direction has its turn. */
static void take_batch(struct dir *d)
{
	static uint8_t buf[BATCH][FRAME_CAP];
	struct iovec iov[BATCH];
	struct mmsghdr msg[BATCH] = {0};
	uint64_t now;
	int nb;

	for (uint32_t i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){.iov_base = buf[i], .iov_len = FRAME_CAP};
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	nb = recvmmsg(d->fd_in, msg, BATCH, MSG_DONTWAIT, NULL);
	if (nb < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
		die(d->from);
	now = now_ns();
	for (int i = 0; i < nb; i++)
		take(d, buf[i], msg[i].msg_len, now);
}

static void send_due(struct dir *d, uint64_t now)
{
	while (d->nb > 0 && d->heap[0]->due_ns <= now) {
		const struct frame *f = d->heap[0];

		if (send(d->fd_out, f->data, f->len, MSG_DONTWAIT) == (ssize_t)f->len)
			d->n.sent++;
		else
			d->n.unsent++;
		heap_pop(d);
	}
}

/* ---- start and end ---- */

static int open_port(const char *name)
{
	const int one = 1, bytes = 16 << 20;
	const unsigned index = if_nametoindex(name);
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index,
	};
	struct packet_mreq promisc = {.mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC};
	/* No protocol until it is bound: nothing of other interfaces gets in. */
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (index == 0 || fd < 0)
		die(name);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	/* Else what we send would come back to us as what the kernel sends. */
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) < 0 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(name);
	return fd;
}

static void open_dir(struct dir *d, uint64_t seed)
{
	d->rng = seed;
	d->cap = d->impair.limit;
	d->heap = calloc(d->cap, sizeof(*d->heap));
	for (uint32_t i = 0; d->heap != NULL && i < d->cap; i++) {
		d->heap[i] = malloc(sizeof(**d->heap));
		if (d->heap[i] == NULL)
			die("memory");
	}
	if (d->heap == NULL)
		die("memory");
}

static void close_dir(struct dir *d)
{
	for (uint32_t i = 0; i < d->cap; i++)
		free(d->heap[i]);
	free(d->heap);
}

static void print_dir(const struct dir *d)
{
	const struct counts *n = &d->n;
	struct tpacket_stats st = {0};
	socklen_t len = sizeof(st);

	(void)getsockopt(d->fd_in, SOL_PACKET, PACKET_STATISTICS, &st, &len);
	printf("%s>%s taken=%" PRIu64 " sent=%" PRIu64 " lost=%" PRIu64 " dup=%" PRIu64
	       " late=%" PRIu64 " ce=%" PRIu64 " overflow=%" PRIu64 " unsent=%" PRIu64
	       " missed=%u\n",
	       d->from, d->to, n->taken, n->sent, n->lost, n->dup, n->late, n->ce, n->overflow,
	       n->unsent, st.tp_drops);
}

static void loop(struct dir *dirs)
{
	struct pollfd p[2] = {{.fd = dirs[0].fd_in, .events = POLLIN},
			      {.fd = dirs[1].fd_in, .events = POLLIN}};

	while (!must_stop) {
		uint64_t now = now_ns(), until = now + 1000000000u;
		struct timespec wait;

		for (int i = 0; i < 2; i++) {
			send_due(&dirs[i], now);
			if (dirs[i].nb > 0 && dirs[i].heap[0]->due_ns < until)
				until = dirs[i].heap[0]->due_ns;
		}
		now = now_ns();
		until = until > now ? until - now : 0;
		wait = (struct timespec){.tv_sec = (time_t)(until / 1000000000u),
					 .tv_nsec = (long)(until % 1000000000u)};
		if (ppoll(p, 2, &wait, NULL) < 0 && errno != EINTR)
			die("ppoll");
		for (int i = 0; i < 2; i++) {
			if ((p[i].revents & POLLIN) != 0)
				take_batch(&dirs[i]);
		}
	}
}

/* ---- command line ---- */

static const char usage_text[] =
	"usage: linkem [options] INTERFACE INTERFACE\n"
	"\n"
	"Carries frames between two interfaces until SIGTERM, then prints what it did.\n"
	"A value may be one for both directions, or two: A,B is first to second, and back.\n"
	"\n"
	"  --delay-ms D      every frame, one way (0)\n"
	"  --loss P          percent of frames that get lost (0)\n"
	"  --burst N         frames that each loss takes (1)\n"
	"  --dup P           percent that come twice (0)\n"
	"  --reorder P       percent that come late (0)\n"
	"  --hold-ms D       how much later these are (1)\n"
	"  --ce P            percent of ECN-capable packets that are marked CE (0)\n"
	"  --rate MBIT       megabits in a second (0: no bound)\n"
	"  --queue-ms D      longest wait for the wire, a frame beyond it is dropped (0: no "
	"bound)\n"
	"  --limit N         frames under way, more are dropped (4096)\n"
	"  --seed N          of what is random (1)\n"
	"\n"
	"example:\n"
	"  linkem --delay-ms 1 --loss 2 --reorder 1 --dup 1 --seed 7 veth0 tap0\n";

static void usage(int status)
{
	fputs(usage_text, status == 0 ? stdout : stderr);
	exit(status);
}

/* A number from 0 to <max>, times <scale>; <*s> is moved behind it. */
static uint64_t number(const char **s, double max, double scale)
{
	char *end;
	const double v = strtod(*s, &end);

	if (end == *s || !(v >= 0 && v <= max))
		usage(2);
	*s = end;
	return (uint64_t)(v * scale + 0.5);
}

/* "A" or "A,B" for the two directions. */
static void pair(const char *s, double max, double scale, uint64_t ret[static 2])
{
	ret[0] = number(&s, max, scale);
	ret[1] = ret[0];
	if (*s == ',') {
		s++;
		ret[1] = number(&s, max, scale);
	}
	if (*s != '\0')
		usage(2);
}

static void percent(const char *s, uint64_t ret[static 2])
{
	pair(s, 100, 42949672.95, ret);
}

static void set_option(struct dir *d, int opt, uint64_t *ret_seed)
{
	uint64_t v[2] = {0};

	switch (opt) {
	case 'd':
	case 'h':
	case 'w':
		pair(optarg, 60000, 1e6, v);
		break;
	case 'l':
	case 'u':
	case 'r':
	case 'c':
		percent(optarg, v);
		break;
	case 'b':
		pair(optarg, 1e6, 1e6, v);
		break;
	case 'n':
	case 'q':
		pair(optarg, LIMIT_MAX, 1, v);
		break;
	case 's':
		pair(optarg, 1e15, 1, v);
		*ret_seed = v[0];
		break;
	default:
		usage(opt == 'H' ? 0 : 2);
	}
	for (int i = 0; i < 2; i++) {
		struct impair *im = &d[i].impair;

		im->delay_ns = opt == 'd' ? v[i] : im->delay_ns;
		im->hold_ns = opt == 'h' ? v[i] : im->hold_ns;
		im->loss = opt == 'l' ? (uint32_t)v[i] : im->loss;
		im->dup = opt == 'u' ? (uint32_t)v[i] : im->dup;
		im->reorder = opt == 'r' ? (uint32_t)v[i] : im->reorder;
		im->bit_per_s = opt == 'b' ? v[i] : im->bit_per_s;
		im->queue_ns = opt == 'w' ? v[i] : im->queue_ns;
		im->ce = opt == 'c' ? (uint32_t)v[i] : im->ce;
		im->burst = opt == 'n' ? (uint32_t)v[i] : im->burst;
		im->limit = opt == 'q' ? (uint32_t)v[i] : im->limit;
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"delay-ms", required_argument, NULL, 'd'},
		{"loss", required_argument, NULL, 'l'},
		{"dup", required_argument, NULL, 'u'},
		{"reorder", required_argument, NULL, 'r'},
		{"hold-ms", required_argument, NULL, 'h'},
		{"rate", required_argument, NULL, 'b'},
		{"limit", required_argument, NULL, 'q'},
		{"queue-ms", required_argument, NULL, 'w'},
		{"ce", required_argument, NULL, 'c'},
		{"burst", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'H'},
		{0},
	};
	struct dir dirs[2] = {{.impair = {.hold_ns = 1000000, .limit = 4096, .burst = 1}},
			      {.impair = {.hold_ns = 1000000, .limit = 4096, .burst = 1}}};
	const struct sigaction sa = {.sa_handler = on_signal};
	uint64_t seed = 1;
	int opt, fd[2];

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1)
		set_option(dirs, opt, &seed);
	if (argc - optind != 2)
		usage(2);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	for (int i = 0; i < 2; i++)
		fd[i] = open_port(argv[optind + i]);
	for (int i = 0; i < 2; i++) {
		dirs[i].from = argv[optind + i];
		dirs[i].to = argv[optind + 1 - i];
		dirs[i].fd_in = fd[i];
		dirs[i].fd_out = fd[1 - i];
		open_dir(&dirs[i], seed * 2 + (uint64_t)i);
	}
	puts("ready");
	fflush(stdout);
	loop(dirs);
	for (int i = 0; i < 2; i++) {
		print_dir(&dirs[i]);
		close_dir(&dirs[i]);
	}
	return 0;
}
