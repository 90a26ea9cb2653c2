/* SPDX-License-Identifier: BSD-3-Clause */

#include "debug/debug.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FLAG_TIMESTAMP (1u << 0)
#define FLAG_LARGE_DATA (1u << 1)

struct debug_sub {
	size_t head, len; /* of the ring */
	uint64_t nb_lost; /* lines since the last that found room */
	char ring[DEBUG_RING_SIZE];
};

_Atomic(uint32_t) debug_mask;

/* What a caller needs while it formats; written under <mutex>. */
static _Atomic(uint32_t) flags;
static _Atomic(uint32_t) wad_level;

/* <mutex> guards all below, and every listener's ring. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct debug_settings settings = {.wad_level = DEBUG_L_INFO};
static struct debug_sub *subs[DEBUG_SUBS_MAX];
static unsigned nb_subs;

/* Holder of <mutex>. */
static void renew_mask(void)
{
	uint32_t mask = 0;

	if (nb_subs > 0 && settings.fcnacd != 0)
		mask |= 1u << DEBUG_FCNACD;
	if (nb_subs > 0 && settings.is_wad_policy)
		mask |= 1u << DEBUG_WAD_POLICY;
	atomic_store_explicit(&flags,
			      (settings.has_timestamp ? FLAG_TIMESTAMP : 0) |
				      (settings.has_large_data ? FLAG_LARGE_DATA : 0),
			      memory_order_relaxed);
	atomic_store_explicit(&wad_level, (uint32_t)settings.wad_level, memory_order_relaxed);
	atomic_store_explicit(&debug_mask, mask, memory_order_relaxed);
}

static bool has_flag(uint32_t flag)
{
	return (atomic_load_explicit(&flags, memory_order_relaxed) & flag) != 0;
}

/* ---- clean ---- */

/* Length of the well-formed character at <p> (RFC 3629), 0: none, or a C1 control. */
static size_t utf8_len(const unsigned char *p, size_t len)
{
	const unsigned char c = p[0];
	const size_t n = c < 0x80   ? 1
			 : c < 0xc2 ? 0
			 : c < 0xe0 ? 2
			 : c < 0xf0 ? 3
			 : c < 0xf5 ? 4
				    : 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* C1 controls; overlong forms; surrogates; beyond U+10FFFF. */
	if ((c == 0xc2 && p[1] < 0xa0) || (c == 0xe0 && p[1] < 0xa0) ||
	    (c == 0xed && p[1] >= 0xa0) || (c == 0xf0 && p[1] < 0x90) ||
	    (c == 0xf4 && p[1] >= 0x90))
		return 0;
	return n;
}

static bool is_continued(const char *text, size_t len, size_t at)
{
	return len - at > 4 && memcmp(text + at, "\n    ", 5) == 0;
}

/* Replace what is not text, a byte by a byte. <has_lines>: see debug_line(). */
static void clean(char *text, size_t len, bool has_lines)
{
	for (size_t i = 0; i < len;) {
		const size_t n = utf8_len((const unsigned char *)text + i, len - i);

		if (n == 1 && text[i] == '\n')
			text[i] = has_lines && is_continued(text, len, i) ? '\n' : ' ';
		else if (n == 1 && (text[i] == '\t' || text[i] == '\r'))
			text[i] = ' ';
		else if (n == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
		i += n == 0 ? 1 : n;
	}
}

/* ---- rings ---- */

static void ring_put(struct debug_sub *sub, const char *p, size_t len)
{
	const size_t at = (sub->head + sub->len) % DEBUG_RING_SIZE;
	const size_t first = len < DEBUG_RING_SIZE - at ? len : DEBUG_RING_SIZE - at;

	memcpy(sub->ring + at, p, first);
	memcpy(sub->ring, p + first, len - first);
	sub->len += len;
}

/* Tell of what was lost, if there is room for that and <more> bytes. */
static bool put_lost(struct debug_sub *sub, size_t more)
{
	char text[48];
	const int n =
		snprintf(text, sizeof(text), "%llu lines lost\n", (unsigned long long)sub->nb_lost);

	if (n < 0 || (size_t)n >= sizeof(text) || sub->len + (size_t)n + more > DEBUG_RING_SIZE)
		return false;
	ring_put(sub, text, (size_t)n);
	sub->nb_lost = 0;
	return true;
}

static void sub_put(struct debug_sub *sub, const char *p, size_t len, unsigned nb_lines)
{
	if (sub->len + len > DEBUG_RING_SIZE || (sub->nb_lost > 0 && !put_lost(sub, len))) {
		sub->nb_lost += nb_lines;
		return;
	}
	ring_put(sub, p, len);
}

static void publish(const char *p, size_t len)
{
	unsigned nb_lines = 0;

	for (size_t i = 0; i < len; i++)
		nb_lines += p[i] == '\n';
	pthread_mutex_lock(&mutex);
	for (unsigned i = 0; i < nb_subs; i++)
		sub_put(subs[i], p, len, nb_lines);
	pthread_mutex_unlock(&mutex);
}

/* ---- write ---- */

/* A text that grows in a buffer that does not. */
struct text {
	size_t len, cap;
	char *p;
};

static void text_add(struct text *t, const char *s, size_t len)
{
	const size_t n = len < t->cap - t->len ? len : t->cap - t->len;

	memcpy(t->p + t->len, s, n);
	t->len += n;
}

static void text_vadd(struct text *t, const char *fmt, va_list ap)
{
	const int n = vsnprintf(t->p + t->len, t->cap - t->len, fmt, ap);

	if (n > 0)
		t->len += (size_t)n < t->cap - t->len ? (size_t)n : t->cap - t->len - 1;
}

/* Local time, as the field prints it. */
static void text_add_time(struct text *t, const struct timespec *at)
{
	char text[40];
	struct tm tm;

	if (localtime_r(&at->tv_sec, &tm) != NULL)
		text_add(t, text, strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm));
}

static void text_begin(struct text *t, const char *label, bool has_time)
{
	struct timespec now;

	if (has_time && has_flag(FLAG_TIMESTAMP) && clock_gettime(CLOCK_REALTIME, &now) == 0) {
		text_add_time(t, &now);
		text_add(t, " ", 1);
	}
	if (label == NULL)
		return;
	text_add(t, "[", 1);
	text_add(t, label, strlen(label));
	text_add(t, "] ", 2);
}

static void write_line(const char *label, bool has_time, const char *fmt, va_list ap)
{
	char buf[DEBUG_LINE_MAX + 1];
	struct text t = {.p = buf, .cap = sizeof(buf) - 1};

	text_begin(&t, label, has_time);
	text_vadd(&t, fmt, ap);
	clean(buf, t.len, true);
	buf[t.len] = '\n';
	publish(buf, t.len + 1);
}

void debug_line(enum debug_source s, const char *label, const char *fmt, ...)
{
	va_list ap;

	if (!debug_is_on(s))
		return;
	va_start(ap, fmt);
	write_line(label, true, fmt, ap);
	va_end(ap);
}

void debug_more(enum debug_source s, const char *label, const char *fmt, ...)
{
	va_list ap;

	if (!debug_is_on(s))
		return;
	va_start(ap, fmt);
	write_line(label, false, fmt, ap);
	va_end(ap);
}

static void write_payload(const char *label, const char *what, const char *p, size_t len)
{
	static const char quote[] = "\"\"\"\n";
	const size_t shown = len < DEBUG_PAYLOAD_MAX ? len : DEBUG_PAYLOAD_MAX;
	const size_t cap = shown + strlen(what) + 256;
	struct text t = {.p = malloc(cap), .cap = cap};
	char more[48];

	if (t.p == NULL)
		return;
	text_begin(&t, label, true);
	text_add(&t, what, strlen(what));
	clean(t.p, t.len, false);
	text_add(&t, "\n", 1);
	text_add(&t, quote, sizeof(quote) - 1);

	const size_t at = t.len;

	text_add(&t, p, shown);
	clean(t.p + at, shown, false);
	text_add(&t, "\n", 1);
	text_add(&t, quote, sizeof(quote) - 1);
	if (shown < len) {
		const int n = snprintf(more, sizeof(more), "    %zu bytes more\n", len - shown);

		text_add(&t, more, n > 0 && (size_t)n < sizeof(more) ? (size_t)n : 0);
	}
	publish(t.p, t.len);
	free(t.p);
}

void debug_payload(enum debug_source s, const char *label, const char *what, const void *p,
		   size_t len)
{
	if (!debug_is_on(s))
		return;
	if (has_flag(FLAG_LARGE_DATA))
		write_payload(label, what, p, len);
	else
		debug_line(s, label, "%s %zu bytes", what, len);
}

bool debug_wad_is_on(enum debug_level level)
{
	return debug_is_on(DEBUG_WAD_POLICY) &&
	       (uint32_t)level <= atomic_load_explicit(&wad_level, memory_order_relaxed);
}

void debug_wad(enum debug_level level, const struct debug_wad_who *who, const char *function,
	       unsigned line, const char *fmt, ...)
{
	static const char letter[DEBUG_L__COUNT] = {'E', 'I', 'V'};
	char buf[DEBUG_LINE_MAX + 1], head[192];
	struct text t = {.p = buf, .cap = sizeof(buf) - 1};
	struct timespec at;
	va_list ap;
	int n;

	if (!debug_wad_is_on(level) || clock_gettime(CLOCK_REALTIME, &at) < 0)
		return;
	if (who->real_us != 0)
		at = (struct timespec){.tv_sec = (time_t)(who->real_us / 1000000),
				       .tv_nsec = (long)(who->real_us % 1000000) * 1000};
	text_begin(&t, NULL, true);
	n = snprintf(head, sizeof(head), "[%c]", letter[level]);
	text_add(&t, head, n == 3 ? 3 : 0);
	text_add_time(&t, &at);
	n = snprintf(head, sizeof(head), ".%06ld [p:%d][s:%llu][r:%llu] %-32.64s :%-4u ",
		     at.tv_nsec / 1000, (int)getpid(), (unsigned long long)who->session,
		     (unsigned long long)who->request, function, line);
	text_add(&t, head, n > 0 && (size_t)n < sizeof(head) ? (size_t)n : 0);
	va_start(ap, fmt);
	text_vadd(&t, fmt, ap);
	va_end(ap);
	clean(buf, t.len, true);
	buf[t.len] = '\n';
	publish(buf, t.len + 1);
}

/* ---- settings ---- */

void debug_settings_get(struct debug_settings *ret)
{
	pthread_mutex_lock(&mutex);
	*ret = settings;
	pthread_mutex_unlock(&mutex);
}

void debug_settings_set(const struct debug_settings *s)
{
	pthread_mutex_lock(&mutex);
	settings = *s;
	renew_mask();
	pthread_mutex_unlock(&mutex);
}

void debug_settings_reset(void)
{
	debug_settings_set(&(struct debug_settings){.wad_level = DEBUG_L_INFO});
}

static const char *const level_names[DEBUG_L__COUNT] = {"error", "info", "verbose"};

const char *debug_level_name(enum debug_level level)
{
	return level_names[level];
}

int debug_level_parse(const char *name, enum debug_level *ret)
{
	for (unsigned i = 0; i < DEBUG_L__COUNT; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum debug_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- listen ---- */

struct debug_sub *debug_sub_new(void)
{
	struct debug_sub *sub = malloc(sizeof(*sub));

	if (sub == NULL)
		return NULL;
	sub->head = sub->len = 0;
	sub->nb_lost = 0;
	pthread_mutex_lock(&mutex);
	const bool has_room = nb_subs < DEBUG_SUBS_MAX;

	if (has_room) {
		subs[nb_subs++] = sub;
		renew_mask();
	}
	pthread_mutex_unlock(&mutex);
	if (has_room)
		return sub;
	free(sub);
	return NULL;
}

/* How many of <len> bytes to hand out: up to the end of a line, else of a character. */
static size_t cut(const char *p, size_t len)
{
	size_t n = len;

	while (n > 0 && p[n - 1] != '\n')
		n--;
	if (n > 0)
		return n;
	/* All is well-formed, so that a character that does not end here ends within 3 bytes. */
	for (n = len; n > 0 && ((unsigned char)p[n - 1] & 0xc0) == 0x80;)
		n--;
	return n > 0 && utf8_len((const unsigned char *)p + n - 1, len - n + 1) == 0 ? n - 1 : len;
}

size_t debug_sub_read(struct debug_sub *sub, char *buf, size_t cap)
{
	pthread_mutex_lock(&mutex);
	if (sub->len == 0 && sub->nb_lost > 0)
		(void)put_lost(sub, 0);

	const bool is_all = sub->len <= cap;
	size_t n = is_all ? sub->len : cap;
	const size_t first = n < DEBUG_RING_SIZE - sub->head ? n : DEBUG_RING_SIZE - sub->head;

	memcpy(buf, sub->ring + sub->head, first);
	memcpy(buf + first, sub->ring, n - first);
	if (!is_all)
		n = cut(buf, n);
	sub->head = (sub->head + n) % DEBUG_RING_SIZE;
	sub->len -= n;
	pthread_mutex_unlock(&mutex);
	return n;
}

void debug_sub_free(struct debug_sub *sub)
{
	if (sub == NULL)
		return;
	pthread_mutex_lock(&mutex);
	for (unsigned i = 0; i < nb_subs; i++) {
		if (subs[i] == sub) {
			subs[i] = subs[--nb_subs];
			break;
		}
	}
	renew_mask();
	pthread_mutex_unlock(&mutex);
	free(sub);
}

unsigned debug_sub_count(void)
{
	pthread_mutex_lock(&mutex);
	const unsigned nb = nb_subs;

	pthread_mutex_unlock(&mutex);
	return nb;
}
