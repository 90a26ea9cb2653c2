/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state_priv.h"

#include <errno.h>
#include <stdlib.h>

static bool is_ems(uint32_t ems_id)
{
	return ems_id >= 1 && ems_id <= STATE_MAX_EMS;
}

void state_ems_fini(struct state_ems *e)
{
	for (uint32_t i = 0; i < e->nb_cas; i++)
		free((void *)e->ca[i].ptr);
	free(e->revoked);
	*e = (struct state_ems){};
}

const struct state_ems_status *state_ems_status(const struct state *st, uint32_t ems_id)
{
	return is_ems(ems_id) ? &st->ems[ems_id].status : &st->ems[0].status;
}

void state_ems_status_set(struct state *st, const struct state_ems_status *status)
{
	if (is_ems(status->id))
		st->ems[status->id].status = *status;
}

struct state_cursor state_cursor(const struct state *st, uint32_t ems_id, enum state_obj obj)
{
	if (!is_ems(ems_id) || obj >= STATE_OBJ__COUNT)
		return (struct state_cursor){};
	return st->ems[ems_id].cursor[obj];
}

void state_cursors_drop(struct state *st, uint32_t ems_id)
{
	static const struct state_cursor none;

	if (!is_ems(ems_id))
		return;
	for (uint32_t obj = 0; obj < STATE_OBJ__COUNT; obj++) {
		if (st->ems[ems_id].cursor[obj].updated_after[0] == '\0')
			continue;
		st->ems[ems_id].cursor[obj] = none;
		log_note_cursor(st->log, ems_id, obj, &none);
	}
}

bool state_ems_pin(const struct state *st, uint32_t ems_id, struct state_ems_pin *ret)
{
	if (!is_ems(ems_id) || !st->ems[ems_id].has_pin)
		return false;
	*ret = st->ems[ems_id].pin;
	return true;
}

int state_ems_pin_set(struct state *st, uint32_t ems_id, const struct state_ems_pin *pin)
{
	if (!is_ems(ems_id))
		return -EINVAL;
	st->ems[ems_id].pin = *pin;
	st->ems[ems_id].has_pin = true;
	log_note_pin(st->log, ems_id, pin);
	return 0;
}

static bool is_same_cas(const struct state_ems *e, const struct slice *der, uint32_t nb)
{
	if (e->nb_cas != nb)
		return false;
	for (uint32_t i = 0; i < nb; i++) {
		if (!slice_is_equal(e->ca[i], der[i]))
			return false;
	}
	return true;
}

int state_ca_set(struct state *st, uint32_t ems_id, const struct slice *der, uint32_t nb)
{
	struct slice copy[STATE_MAX_CAS] = {};
	uint32_t n;

	if (!is_ems(ems_id))
		return -EINVAL;
	if (nb > STATE_MAX_CAS)
		return -E2BIG;
	struct state_ems *e = &st->ems[ems_id];
	if (is_same_cas(e, der, nb))
		return 0;
	for (n = 0; n < nb; n++) {
		uint8_t *bytes =
			der[n].len > 0 && der[n].len <= STATE_CA_MAX ? malloc(der[n].len) : NULL;
		if (bytes == NULL)
			goto free_copies;
		memcpy(bytes, der[n].ptr, der[n].len);
		copy[n] = slice_of(bytes, der[n].len);
	}
	for (uint32_t i = 0; i < e->nb_cas; i++)
		free((void *)e->ca[i].ptr);
	memcpy(e->ca, copy, sizeof(copy));
	e->nb_cas = nb;
	st->is_ca_changed = true;
	log_note_cas(st->log, ems_id, e);
	return 0;

free_copies:
	while (n-- > 0)
		free((void *)copy[n].ptr);
	return -E2BIG;
}

uint32_t state_ca(const struct state *st, uint32_t ems_id, struct slice ret[static STATE_MAX_CAS])
{
	if (!is_ems(ems_id))
		return 0;
	memcpy(ret, st->ems[ems_id].ca, sizeof(st->ems[ems_id].ca));
	return st->ems[ems_id].nb_cas;
}

int state_revoked_set(struct state *st, uint32_t ems_id, const struct cert_serial *list,
		      uint32_t nb)
{
	struct cert_serial *copy = NULL;

	if (!is_ems(ems_id))
		return -EINVAL;
	if (nb > STATE_MAX_REVOKED)
		return -E2BIG;
	struct state_ems *e = &st->ems[ems_id];
	if (e->nb_revoked == nb && (nb == 0 || memcmp(e->revoked, list, nb * sizeof(*list)) == 0))
		return 0;
	if (nb > 0) {
		copy = malloc(nb * sizeof(*copy));
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy, list, nb * sizeof(*copy));
	}
	free(e->revoked);
	e->revoked = copy;
	e->nb_revoked = nb;
	st->is_revoked_changed = true;
	log_note_revoked(st->log, ems_id, e);
	return 0;
}

const struct cert_serial *state_revoked(const struct state *st, uint32_t ems_id, uint32_t *ret_nb)
{
	*ret_nb = is_ems(ems_id) ? st->ems[ems_id].nb_revoked : 0;
	return is_ems(ems_id) ? st->ems[ems_id].revoked : NULL;
}

void state_ems_forget(struct state *st, uint32_t ems_id)
{
	const struct state_ems_pin no_pin = {};

	if (!is_ems(ems_id))
		return;
	for (uint32_t slot = 0; slot < st->nb_slots; slot++) {
		const struct device *d = state_slot(st, slot);
		if (d->is_used && d->ems_id == ems_id)
			state_slot_del(st, slot);
	}
	state_vpn_forget_ems(st, ems_id);
	state_tag_lists_drop(st, ems_id);
	state_cursors_drop(st, ems_id);
	(void)state_ca_set(st, ems_id, NULL, 0);
	(void)state_revoked_set(st, ems_id, NULL, 0);
	if (st->ems[ems_id].has_pin)
		log_note_pin(st->log, ems_id, &no_pin);
	state_ems_fini(&st->ems[ems_id]);
}

static bool take_flag(bool *flag)
{
	const bool was = *flag;

	*flag = false;
	return was;
}

void state_ca_touch(struct state *st)
{
	st->is_ca_changed = true;
}

bool state_ca_changed_take(struct state *st)
{
	return take_flag(&st->is_ca_changed);
}

bool state_revoked_changed_take(struct state *st)
{
	return take_flag(&st->is_revoked_changed);
}
