/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The secrets file: a slot per private key, and the session-ticket keys.
 *
 * A slot is filled before the version that names it is published and wiped after the grace period
 * of the last one that did:
 *
 *	free --begin, publish_key_slot()--> draft --commit--> live --commit without it--> retired
 *	 ^  ^----------------abort------------|                ^----------same key----------|
 *	 +---------------------------------grace period over, wiped-------------------------+
 */

#include "common/shm/rcu.h"
#include "snap/publish_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static uint64_t real_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- ticket keys ---- */

static int ticket_make(struct secrets_ticket_key *k, uint64_t now_ms)
{
	const ssize_t len = (ssize_t)offsetof(struct secrets_ticket_key, not_before_ms);

	if (getrandom(k, (size_t)len, 0) != len)
		return -EIO;
	k->not_before_ms = now_ms;
	return 0;
}

/* Pairs with the readers' sequence lock: odd while the keys are written. */
static void ticket_write(struct secrets *s, const struct secrets_ticket_key *key)
{
	const uint64_t seq = atomic_load_explicit(&s->ticket_seq, memory_order_relaxed) & ~1ull;

	atomic_store_explicit(&s->ticket_seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy(s->ticket, key, sizeof(s->ticket));
	atomic_store_explicit(&s->ticket_seq, seq + 2, memory_order_release);
}

static void secrets_changed(struct publish *p)
{
	atomic_fetch_add_explicit(&p->shm->rdv->secrets_generation, 1, memory_order_release);
}

static int ticket_rotate(struct publish *p, bool is_keep)
{
	struct secrets *s = p->shm->secrets;
	struct secrets_ticket_key key[SECRETS_TICKET_KEYS] = {};

	const int rc = ticket_make(&key[0], real_ms());
	if (rc < 0)
		return rc;
	if (is_keep)
		memcpy(&key[1], &s->ticket[0], (SECRETS_TICKET_KEYS - 1) * sizeof(key[0]));
	ticket_write(s, key);
	explicit_bzero(key, sizeof(key));
	secrets_changed(p);
	return 0;
}

void publish_tickets_tick(struct publish *p)
{
	const uint64_t made_ms = p->shm->secrets->ticket[0].not_before_ms;
	const uint64_t now_ms = real_ms();

	/* A clock that was set back makes a key look young for long: rotate then too. */
	if (made_ms > now_ms + TICKET_ROTATE_MS || now_ms >= made_ms + TICKET_ROTATE_MS)
		(void)ticket_rotate(p, true);
}

int publish_secrets_init(struct publish *p, bool is_resumed)
{
	struct secrets *s = p->shm->secrets;
	/* Odd: the earlier process died while it wrote them. */
	const bool is_torn = (atomic_load(&s->ticket_seq) & 1) != 0;

	for (uint32_t i = 0; i < SECRETS_SLOTS; i++) {
		if (s->key[i].len > SECRETS_DER_MAX || (!is_resumed && s->key[i].len > 0))
			explicit_bzero(&s->key[i], sizeof(s->key[i]));
		/* The version that is published may name it; the first of ours decides. */
		p->is_live[i] = s->key[i].len > 0;
	}
	if (!is_resumed || is_torn || s->ticket[0].not_before_ms == 0)
		return ticket_rotate(p, false);
	return 0;
}

/* ---- private keys ---- */

static void wipe(struct publish *p, uint32_t slot)
{
	explicit_bzero(&p->shm->secrets->key[slot], sizeof(p->shm->secrets->key[slot]));
}

int publish_key_slot(struct publish *p, const void *der, size_t len, uint32_t *ret_slot)
{
	struct secrets *s = p->shm->secrets;
	uint32_t free_slot = SNAP_NONE;

	if (len == 0 || len > SECRETS_DER_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < SECRETS_SLOTS; i++) {
		if (s->key[i].len == len && memcmp(s->key[i].der, der, len) == 0) {
			p->is_draft[i] = true;
			*ret_slot = i;
			return 0;
		}
		if (s->key[i].len == 0 && free_slot == SNAP_NONE)
			free_slot = i;
	}
	if (free_slot == SNAP_NONE)
		return -ENOSPC;
	memcpy(s->key[free_slot].der, der, len);
	s->key[free_slot].len = (uint32_t)len;
	p->is_draft[free_slot] = true;
	*ret_slot = free_slot;
	return 0;
}

void publish_keys_begin(struct publish *p)
{
	/* An earlier draft that was not published yet is replaced as a whole. */
	publish_keys_abort(p);
}

void publish_keys_abort(struct publish *p)
{
	for (uint32_t i = 0; i < SECRETS_SLOTS; i++) {
		if (p->is_draft[i] && !p->is_live[i] && !p->is_retired[i])
			wipe(p, i);
		p->is_draft[i] = false;
	}
}

static bool has_draft(const struct publish *p)
{
	for (uint32_t i = 0; i < SECRETS_SLOTS; i++) {
		if (p->is_draft[i])
			return true;
	}
	return false;
}

void publish_keys_commit(struct publish *p)
{
	bool is_any = false;

	/* Versions that only devices changed go on naming the same keys. */
	if (!has_draft(p))
		return;
	for (uint32_t i = 0; i < SECRETS_SLOTS; i++) {
		if (p->is_live[i] && !p->is_draft[i]) {
			p->is_retired[i] = true;
			is_any = true;
		} else if (p->is_draft[i]) {
			p->is_retired[i] = false;
		}
		p->is_live[i] = p->is_draft[i];
		p->is_draft[i] = false;
	}
	if (is_any) {
		p->has_retired = true;
		p->retire_token = rcu_start(p->shm->rdv);
	}
	secrets_changed(p);
}

void publish_keys_tick(struct publish *p)
{
	if (!p->has_retired || !rcu_is_done(p->shm->rdv, p->retire_token))
		return;
	p->has_retired = false;
	for (uint32_t i = 0; i < SECRETS_SLOTS; i++) {
		if (!p->is_retired[i])
			continue;
		/* One that the draft took up again waits for the draft's fate. */
		if (p->is_draft[i]) {
			p->has_retired = true;
			continue;
		}
		wipe(p, i);
		p->is_retired[i] = false;
	}
}
