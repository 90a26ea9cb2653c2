/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/churn.h"

#include "emsim/buf.h"

#include <openssl/sha.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NB_CHURN_TAGS = 8,
	/* Behind by more than this many, the loop has its turn in between. */
	BURST_MAX = 5000,
	PICKS_MAX = 64
};

/* xorshift64*, public domain (Vigna). */
static uint64_t next_random(struct churn *ch)
{
	ch->seed ^= ch->seed >> 12;
	ch->seed ^= ch->seed << 25;
	ch->seed ^= ch->seed >> 27;
	return ch->seed * 0x2545f4914f6cdd1du;
}

int churn_begin(struct churn *ch, struct store *st, uint64_t now_ms)
{
	if (ch->rate == 0 || ch->rate > CHURN_RATE_MAX || ch->seed == 0)
		return -EINVAL;
	if (st->nb_devs == 0)
		return -ENOENT;
	for (unsigned i = 0; i < NB_CHURN_TAGS; i++) {
		char spec[32];

		snprintf(spec, sizeof(spec), i % 4 == 3 ? "CLASS:Churn-%u" : "Churn-%u", i);
		ch->tags[i] = (uint32_t)store_tag(st, spec);
	}
	ch->done = 0;
	ch->late_max_ms = 0;
	ch->began_ms = ch->notified_ms = now_ms;
	return 0;
}

/*
 * A device has one tag of its own that comes and goes: any of eight on each would make 256 times
 * as many distinct sets as there are, which no fleet has.
 */
static void change_tags(struct churn *ch, struct store *st, struct dev *d)
{
	const uint32_t tag = ch->tags[d->idx % NB_CHURN_TAGS];

	(void)store_dev_tag(st, d, tag, !store_tagset_has(st, d->tagset, tag));
	store_touch_tags(st, d);
}

static void change_sysinfo(struct churn *ch, struct store *st, struct dev *d)
{
	d->flags ^= next_random(ch) % 8 == 0 ? DEV_F_QUARANTINED : DEV_F_ONLINE;
	store_touch_sys(st, d);
}

/* NULL: chance found none that is there. */
static struct dev *pick(struct churn *ch, struct store *st)
{
	for (unsigned n = 0; n < PICKS_MAX; n++) {
		struct dev *d = &st->devs[next_random(ch) % st->nb_devs];

		/* Those that somebody added are left alone: a test looks at them. */
		if ((d->flags & (DEV_F_DELETED | DEV_F_SYNTH)) == DEV_F_SYNTH)
			return d;
	}
	return NULL;
}

static void change_one(struct churn *ch, struct store *st)
{
	struct dev *d = pick(ch, st);
	const uint64_t now = ch->done++;

	ch->total++;
	if (d == NULL)
		return;
	if (now % 2 == 0)
		change_tags(ch, st, d);
	else
		change_sysinfo(ch, st, d);
	ch->is_hot = true;
}

bool churn_run(struct churn *ch, struct store *st, uint64_t now_ms)
{
	const uint64_t elapsed_ms = now_ms - ch->began_ms;
	uint64_t due = ch->rate * elapsed_ms / 1000;
	unsigned n = 0;

	if (due > ch->wanted)
		due = ch->wanted;
	if (due > ch->done) {
		const uint64_t late_ms = elapsed_ms - ch->done * 1000 / ch->rate;

		if (late_ms > ch->late_max_ms)
			ch->late_max_ms = late_ms;
	}
	while (ch->done < due && n++ < BURST_MAX)
		change_one(ch, st);

	const bool is_over = ch->done >= ch->wanted;

	if (is_over)
		ch->rate = 0;
	if (!ch->is_hot || (!is_over && now_ms - ch->notified_ms < ch->notify_ms))
		return false;
	ch->notified_ms = now_ms;
	ch->is_hot = false;
	return true;
}

/* ---- digest ---- */

static int cmp_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static void put_tags(const struct store *st, const struct dev *d, struct buf *line)
{
	const struct tagset *s = &st->sets[d->tagset];
	const char **names = xcalloc(s->nb + 1, sizeof(*names));

	for (uint32_t i = 0; i < s->nb; i++)
		names[i] = st->tags[s->ids[i]].name;
	qsort(names, s->nb, sizeof(*names), cmp_name);
	for (uint32_t i = 0; i < s->nb; i++) {
		if (i > 0)
			buf_str(line, ",");
		buf_str(line, names[i]);
	}
	free(names);
}

uint64_t churn_digest(const struct store *st, uint64_t *ret_nb)
{
	struct buf line = {0};
	uint64_t sum = 0;

	*ret_nb = 0;
	for (size_t i = 0; i < st->nb_devs; i++) {
		const struct dev *d = &st->devs[i];
		uint8_t hash[SHA256_DIGEST_LENGTH];
		uint64_t word;

		if ((d->flags & DEV_F_DELETED) != 0)
			continue;
		buf_reset(&line);
		buf_hex(&line, d->uid, UID_LEN, true);
		buf_str(&line, "\t");
		buf_hex(&line, d->serial, SERIAL_LEN, true);
		buf_printf(&line, "\t%d\t%d\t%d\t", (d->flags & DEV_F_REGISTERED) != 0,
			   (d->flags & DEV_F_ONLINE) != 0, (d->flags & DEV_F_QUARANTINED) != 0);
		put_tags(st, d, &line);
		SHA256((const uint8_t *)line.p, line.len, hash);
		memcpy(&word, hash, sizeof(word));
		sum += word;
		(*ret_nb)++;
	}
	buf_free(&line);
	return sum;
}
