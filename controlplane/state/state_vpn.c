/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state_vpn.h"

#include "state/state_priv.h"

#include <errno.h>
#include <stdlib.h>

#define VPN_NONE UINT32_MAX

/* Allocated with the first session: most gateways have none. */
struct vpn_slot {
	struct state_vpn pub;
	bool is_used;
	uint32_t next; /* of the bucket's chain, or of the free list */
};

struct state_vpns {
	struct vpn_slot *slot;
	uint32_t *bucket; /* by address; first slot or VPN_NONE */
	uint32_t nb_slots, cap, free_slot, nb;
};

bool state_vpn_is_interface(const char *name)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789_.:@/-";
	const size_t len = strlen(name);

	return len > 0 && len <= STATE_VPN_INTERFACE_MAX && strspn(name, ok) == len;
}

static struct state_vpns *vpns_new(void)
{
	struct state_vpns *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->free_slot = VPN_NONE;
	v->bucket = malloc(STATE_MAX_VPN * sizeof(*v->bucket));
	if (v->bucket == NULL) {
		free(v);
		return NULL;
	}
	for (uint32_t i = 0; i < STATE_MAX_VPN; i++)
		v->bucket[i] = VPN_NONE;
	return v;
}

void state_vpns_free(struct state_vpns *v)
{
	if (v == NULL)
		return;
	free(v->slot);
	free(v->bucket);
	free(v);
}

static uint32_t *bucket_of(const struct state *st, const struct ip_addr *ip)
{
	return &st->vpns->bucket[state_hash(st->seed, ip, sizeof(*ip)) & (STATE_MAX_VPN - 1)];
}

static struct vpn_slot *find(const struct state *st, const struct ip_addr *ip)
{
	if (st->vpns == NULL)
		return NULL;
	for (uint32_t i = *bucket_of(st, ip); i != VPN_NONE; i = st->vpns->slot[i].next) {
		struct vpn_slot *s = &st->vpns->slot[i];

		if (memcmp(&s->pub.ip, ip, sizeof(*ip)) == 0)
			return s;
	}
	return NULL;
}

static int grow(struct state_vpns *v)
{
	const uint32_t cap = v->cap > 0 ? 2 * v->cap : 64;
	struct vpn_slot *slot;

	if (v->nb_slots < v->cap)
		return 0;
	if (v->cap >= STATE_MAX_VPN)
		return -ENOSPC;
	slot = realloc(v->slot, cap * sizeof(*slot));
	if (slot == NULL)
		return -ENOSPC;
	v->slot = slot;
	v->cap = cap;
	return 0;
}

/* A free slot, chained where <ip> belongs. NULL: no room. */
static struct vpn_slot *take(struct state *st, const struct ip_addr *ip)
{
	struct state_vpns *v = st->vpns;
	uint32_t i = v->free_slot;
	uint32_t *head = bucket_of(st, ip);

	if (i != VPN_NONE)
		v->free_slot = v->slot[i].next;
	else if (grow(v) < 0)
		return NULL;
	else
		i = v->nb_slots++;
	v->slot[i] = (struct vpn_slot){.is_used = true, .next = *head};
	*head = i;
	v->nb++;
	return &v->slot[i];
}

int state_vpn_connect(struct state *st, const struct state_vpn *vpn, struct state_vpn *ret_old,
		      bool *ret_was_held)
{
	struct vpn_slot *s;

	*ret_was_held = false;
	if (st->vpns == NULL)
		st->vpns = vpns_new();
	if (st->vpns == NULL)
		return -ENOSPC;
	s = find(st, &vpn->ip);
	if (s != NULL) {
		*ret_old = s->pub;
		*ret_was_held = !device_uid_is_equal(&s->pub.uid, &vpn->uid);
	} else {
		s = take(st, &vpn->ip);
	}
	if (s == NULL)
		return -ENOSPC;
	s->pub = *vpn;
	log_note_vpn(st->log, &s->pub, false);
	return 0;
}

int state_vpn_disconnect(struct state *st, const struct device_uid *uid, const struct ip_addr *ip)
{
	struct vpn_slot *s = find(st, ip);
	struct state_vpns *v = st->vpns;
	uint32_t *at;

	if (s == NULL || !device_uid_is_equal(&s->pub.uid, uid))
		return -ENOENT;
	at = bucket_of(st, ip);
	while (&v->slot[*at] != s)
		at = &v->slot[*at].next;

	const uint32_t i = *at;

	*at = s->next;
	log_note_vpn(st->log, &s->pub, true);
	*s = (struct vpn_slot){.next = v->free_slot};
	v->free_slot = i;
	v->nb--;
	return 0;
}

bool state_vpn_find(const struct state *st, const struct ip_addr *ip, struct state_vpn *ret)
{
	const struct vpn_slot *s = find(st, ip);

	if (s != NULL)
		*ret = s->pub;
	return s != NULL;
}

bool state_vpn_next(const struct state *st, uint32_t *pos, struct state_vpn *ret)
{
	while (st->vpns != NULL && *pos < st->vpns->nb_slots) {
		const struct vpn_slot *s = &st->vpns->slot[(*pos)++];

		if (s->is_used) {
			*ret = s->pub;
			return true;
		}
	}
	return false;
}

uint32_t state_nb_vpn(const struct state *st)
{
	return st->vpns == NULL ? 0 : st->vpns->nb;
}

static bool answer_set(struct state *st, struct vpn_slot *s, uint8_t taken, uint8_t rejected)
{
	if (s->pub.taken == taken && s->pub.rejected == rejected)
		return false;
	s->pub.taken = taken;
	s->pub.rejected = rejected;
	log_note_vpn(st->log, &s->pub, false);
	return true;
}

bool state_vpn_answer(struct state *st, uint32_t ems_id, const struct device_uid *uid,
		      const struct ip_addr *ip, bool is_rejected)
{
	struct vpn_slot *s = find(st, ip);
	const uint8_t bit = (uint8_t)(1u << (ems_id & 7));

	if (s == NULL || !device_uid_is_equal(&s->pub.uid, uid))
		return false;
	if (is_rejected)
		return answer_set(st, s, (uint8_t)(s->pub.taken & ~bit), s->pub.rejected | bit);
	return answer_set(st, s, s->pub.taken | bit, (uint8_t)(s->pub.rejected & ~bit));
}

void state_vpn_forget_ems(struct state *st, uint32_t ems_id)
{
	const uint8_t others = (uint8_t) ~(1u << (ems_id & 7));

	for (uint32_t i = 0; st->vpns != NULL && i < st->vpns->nb_slots; i++) {
		struct vpn_slot *s = &st->vpns->slot[i];

		if (s->is_used)
			(void)answer_set(st, s, s->pub.taken & others, s->pub.rejected & others);
	}
}
