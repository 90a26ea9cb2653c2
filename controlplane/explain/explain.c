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
