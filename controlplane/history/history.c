/* SPDX-License-Identifier: BSD-3-Clause */

#include "history/history.h"

#include "common/log/log.h"
#include "history/history_priv.h"
#include "snap/publish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

LOG_TYPE("history");

#define TICK_MS 250u

/* ---- devices ---- */

void history_device_add_tag(struct history_device *d, const char *name)
{
	const size_t n = strlen(name) + 1;

	if (d->names_len + n > sizeof(d->names))
		return;
	memcpy(d->names + d->names_len, name, n);
	d->names_len += (uint32_t)n;
}

void history_device_of(const struct state *st, const struct device_uid *uid,
		       const struct state_device_core *core, struct history_device *ret)
{
	uint32_t nb = 0;

	ret->uid = *uid;
	ret->is_known = core != NULL;
	ret->has_tags = false;
	ret->names_len = 0;
	if (core == NULL)
		return;
	ret->serial = core->serial;
	ret->sysinfo_ms = core->sysinfo_ms;
	ret->tags_ms = core->tags_ms;
	ret->ems_id = core->ems_id;
	ret->flags = core->flags;
	if ((core->flags & SNAP_DEV_HAS_TAGS) == 0 || core->tagset == STATE_NO_TAGSET)
		return;
	ret->has_tags = true;
	const uint16_t *id = state_tagset(st, core->tagset, &nb);
	for (uint32_t i = 0; i < nb; i++) {
		const struct state_tag *tag = state_tag(st, id[i]);

		if (tag != NULL)
			history_device_add_tag(ret, tag->name);
	}
}

/* ---- configurations ---- */

/* Keep the published one when it is a new one. */
static struct history_config *keep_config(struct cp *cp)
{
	struct history *h = cp->history;
	struct snap_view v;

	if (cp->publish == NULL || !publish_view(cp->publish, &v))
		return NULL;
	struct history_config *last = h->config[(h->nb_configs + CONFIGS - 1) % CONFIGS];
	if (last != NULL && last->generation == v.config->generation)
		return last;
	struct history_config *c = history_config_new(v.config, v.root->config_len);
	if (c == NULL)
		return NULL;
	const uint32_t at = h->nb_configs++ % CONFIGS;
	history_config_unref(h->config[at]);
	h->config[at] = c;
	history_disk_config(h, c);
	return c;
}

struct history_config *history_config_now(struct cp *cp)
{
	struct history_config *c = cp->history != NULL ? keep_config(cp) : NULL;

	return c != NULL ? history_config_ref(c) : NULL;
}

struct history_config *history_config_of(struct cp *cp, uint64_t generation)
{
	struct history *h = cp->history;

	if (h == NULL)
		return NULL;
	(void)keep_config(cp);
	for (uint32_t i = 0; i < CONFIGS; i++)
		if (h->config[i] != NULL && h->config[i]->generation == generation)
			return history_config_ref(h->config[i]);
	return NULL;
}

/* ---- life ---- */

static void on_tick(void *user)
{
	struct cp *cp = user;

	(void)keep_config(cp);
	history_disk_tick(cp->history);
	loop_timer_set(cp->loop, &cp->history->tick, TICK_MS, on_tick, cp);
}

static int init(struct cp *cp)
{
	cp->history = calloc(1, sizeof(*cp->history));
	if (cp->history == NULL)
		return -ENOMEM;
	cp->history->cp = cp;
	history_disk_open(cp->history);
	on_tick(cp);
	return 0;
}

static void fini(struct cp *cp)
{
	struct history *h = cp->history;

	if (h == NULL)
		return;
	loop_timer_cancel(cp->loop, &h->tick);
	history_disk_close(h);
	for (uint32_t i = 0; i < CONFIGS; i++)
		history_config_unref(h->config[i]);
	free(h);
	cp->history = NULL;
}

const struct module history_module = {
	.name = "history",
	.init = init,
	.fini = fini,
};
