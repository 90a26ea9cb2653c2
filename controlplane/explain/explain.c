/* SPDX-License-Identifier: BSD-3-Clause */

#include "explain/explain.h"

#include "snap/publish.h"

#include <stdlib.h>
#include <string.h>

struct explain_moment *explain_moment_new(void)
{
	return calloc(1, sizeof(struct explain_moment));
}

void explain_moment_free(struct explain_moment *m)
{
	if (m == NULL)
		return;
	history_config_unref(m->config);
	free(m);
}

uint32_t explain_proxy_find(const struct snap_config *config, struct slice name)
{
	const struct snap_access_proxy *ap = explain_arr(config, config->proxies);

	for (uint32_t i = 0; i < config->proxies.count; i++)
		if (slice_is_equal(explain_str(config, ap[i].name), name))
			return i;
	return SNAP_NONE;
}

uint32_t explain_ems_find(const struct snap_config *config, uint32_t id)
{
	const struct snap_ems *e = explain_arr(config, config->ems);

	for (uint32_t i = 0; i < config->ems.count; i++)
		if (e[i].id == id)
			return i;
	return SNAP_NONE;
}

bool explain_is_policy(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_POLICY_ACCEPT:
	case OUTCOME_ZTNA_CERT_INVALID:
	case OUTCOME_ZTNA_CERT_SERIAL_UNKNOWN:
	case OUTCOME_ZTNA_CERT_EMPTY:
	case OUTCOME_ZTNA_CERT_EMPTY_MANAGEABLE:
	case OUTCOME_POLICY_NO_MATCH:
	case OUTCOME_POLICY_DENY:
	case OUTCOME_ZTNA_CERT_REVOKED:
	case OUTCOME_POLICY_DENY_TAGS:
	case OUTCOME_POLICY_NO_TAGS:
	case OUTCOME_ZTNA_NO_DEVICE:
	case OUTCOME_ZTNA_DEVICE_OFFLINE:
	case OUTCOME_ZTNA_POSTURE_STALE:
	case OUTCOME_ZTNA_QUARANTINED:
		return true;
	default:
		return false;
	}
}

/* ---- gathering ---- */

bool explain_now(struct cp *cp, struct explain_moment *m)
{
	m->config = history_config_now(cp);
	if (m->config == NULL)
		return false;
	m->real_ms = loop_real_ms();
	explain_contacts_now(cp, m);
	return true;
}

void explain_device_now(struct cp *cp, struct explain_moment *m)
{
	struct state_device_core core;
	const bool is_known = state_core_find(cp->state, &m->c.facts.uid, &core);

	history_device_of(cp->state, &m->c.facts.uid, is_known ? &core : NULL, &m->dev);
}

void explain_contacts_now(struct cp *cp, struct explain_moment *m)
{
	const uint64_t now_ms = loop_now_ms(), real_ms = loop_real_ms();
	const struct snap_config *config = m->config->config;

	m->c.now = (struct policy_now){.now_ms = m->real_ms};
	for (uint32_t i = 0; i < config->ems.count && i < SNAP_MAX_EMS; i++) {
		const uint64_t at =
			atomic_load_explicit(&cp->shm.rdv->ems_contact_ms[i], memory_order_relaxed);

		if (at != 0)
			m->c.now.ems_contact_ms[i] = real_ms - (now_ms - at);
	}
}

void explain_revoked_now(struct cp *cp, struct explain_moment *m)
{
	struct snap_view v;

	if (!publish_view(cp->publish, &v))
		return;
	m->c.is_revoked = m->c.facts.cert == POLICY_CERT_VERIFIED &&
			  snap_is_revoked(&v, m->c.facts.ems, &m->c.facts.serial);
	const uint32_t ems =
		m->dev.is_known ? explain_ems_find(v.config, m->dev.ems_id) : SNAP_NONE;
	m->c.is_record_revoked =
		ems < SNAP_MAX_EMS && snap_is_revoked(&v, (uint8_t)ems, &m->dev.serial);
}

/* ---- evidence ---- */

static void note_contacts(const struct cp *cp, struct denial *d)
{
	const uint64_t now_ms = loop_now_ms(), real_ms = loop_real_ms();

	for (uint32_t i = 0; i < SNAP_MAX_EMS; i++) {
		const uint64_t at =
			atomic_load_explicit(&cp->shm.rdv->ems_contact_ms[i], memory_order_relaxed);

		d->contact_ms[i] = at != 0 ? real_ms - (now_ms - at) : 0;
	}
}

static void note_revoked(const struct cp *cp, struct denial *d)
{
	struct snap_view v;
	uint32_t ems;

	if (!publish_view(cp->publish, &v))
		return;
	d->is_revoked = snap_is_revoked(&v, d->r.ems, &d->r.cert_serial);
	d->is_record_revoked = d->is_known && publish_ems_index(cp->publish, d->dev.ems_id, &ems) &&
			       snap_is_revoked(&v, (uint8_t)ems, &d->dev.serial);
}

void explain_note(struct cp *cp, const struct record *r, struct denial *ret)
{
	*ret = (struct denial){.r = *r};
	if (r->flags & RECORD_F_HAS_DEVICE) {
		ret->is_known = state_core_find(cp->state, &r->uid, &ret->dev);
		note_revoked(cp, ret);
	}
	note_contacts(cp, ret);
}

/* The tags of the posture that decided: rows of a snapshot are never changed. */
static void take_posture(struct cp *cp, const struct record *r, struct history_device *dev)
{
	struct snap_view v;

	dev->has_tags = false;
	dev->names_len = 0;
	if ((r->flags & RECORD_F_POSTURE) == 0 || !publish_view(cp->publish, &v) ||
	    r->posture >= v.root->postures.count)
		return;
	dev->has_tags = true;
	for (uint32_t i = 0; i < state_nb_tags(cp->state); i++)
		if (snap_posture_has(&v, r->posture, i))
			history_device_add_tag(dev, state_tag(cp->state, i)->name);
}

void explain_device_then(struct cp *cp, const struct denial *d, struct history_device *ret)
{
	history_device_of(cp->state, &d->r.uid, d->is_known ? &d->dev : NULL, ret);
	if (explain_is_decided(&d->r))
		take_posture(cp, &d->r, ret);
}

void explain_then_facts(const struct denial *d, struct explain_moment *m)
{
	const struct record *r = &d->r;

	m->is_past = true;
	m->real_ms = r->time_us / 1000;
	m->c.facts = (struct policy_facts){
		.source = r->client,
		.interface = r->interface,
		.proxy = r->proxy,
		.cert = r->flags & RECORD_F_HAS_DEVICE ? POLICY_CERT_VERIFIED : POLICY_CERT_NONE,
		.ems = r->ems,
		.is_existing = (r->flags & RECORD_F_CUT) != 0,
		.is_pulled = true,
		.uid = r->uid,
		.serial = r->cert_serial,
	};
	m->c.now.now_ms = m->real_ms;
	memcpy(m->c.now.ems_contact_ms, d->contact_ms, sizeof(d->contact_ms));
	m->c.is_revoked = d->is_revoked;
	m->c.is_record_revoked = d->is_record_revoked;
}

bool explain_then(struct cp *cp, const struct denial *d, struct explain_moment *m)
{
	m->config = history_config_of(cp, d->r.config_generation);
	if (m->config == NULL)
		return false;
	explain_then_facts(d, m);
	if (m->c.facts.cert == POLICY_CERT_VERIFIED)
		explain_device_then(cp, d, &m->dev);
	return m->c.facts.proxy < m->config->config->proxies.count;
}

/* ---- on the copy ---- */

static bool dev_has_tag(const struct history_device *dev, struct slice name)
{
	for (uint32_t i = 0; i < dev->names_len;) {
		const size_t n = strnlen(dev->names + i, dev->names_len - i);

		if (slice_is_equal(slice_of(dev->names + i, n), name))
			return true;
		i += (uint32_t)n + 1;
	}
	return false;
}

void explain_settle(struct explain_moment *m)
{
	const struct snap_config *config = m->config->config;
	const struct snap_tag *tag = explain_arr(config, config->tags);
	const struct history_device *dev = &m->dev;
	const uint32_t ems = explain_ems_find(config, dev->ems_id);

	/* As the publisher does: a device of an EMS that the configuration lacks is none. */
	m->c.has_device = dev->is_known && ems != SNAP_NONE;
	m->c.has_tags = m->c.has_device && dev->has_tags;
	memset(m->c.tags, 0, sizeof(m->c.tags));
	m->c.device = (struct snap_device){
		.uid = dev->uid,
		.serial = dev->serial,
		.sysinfo_ms = dev->sysinfo_ms,
		.tags_ms = dev->tags_ms,
		.ems = ems == SNAP_NONE ? 0 : (uint8_t)ems,
		.flags = dev->flags,
	};
	for (uint32_t i = 0; m->c.has_tags && i < config->tags.count && i < SNAP_MAX_TAGS; i++)
		if (tag[i].name.len > 0 && dev_has_tag(dev, explain_str(config, tag[i].name)))
			policy_case_flip_tag(&m->c, i);
}

void explain_contacts_by_id(struct explain_moment *m, const uint64_t at_ms[STATE_MAX_EMS + 1])
{
	const struct snap_config *config = m->config->config;
	const struct snap_ems *e = explain_arr(config, config->ems);

	m->c.now = (struct policy_now){.now_ms = m->real_ms};
	for (uint32_t i = 0; i < config->ems.count && i < SNAP_MAX_EMS; i++)
		if (e[i].id <= STATE_MAX_EMS)
			m->c.now.ems_contact_ms[i] = at_ms[e[i].id];
}
