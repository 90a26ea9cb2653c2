/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who an EMS is, on disk: its certificate as an operator confirmed it or as it was at the first
 * verification, its serial number and its site. It moves with a renewed certificate that
 * ems_verify.c accepted; another EMS under the same id starts from nothing.
 */

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <stdio.h>
#include <strings.h>

LOG_TYPE("ems");

/* Thread of the connector, or before it starts. Nothing that this EMS told stays. */
static void forget(struct ems_conn *c)
{
	LOG(NOTICE, "another EMS than before, its devices are forgotten ems=%s", c->name);
	state_ems_forget(c->cp->state, c->id);
	for (unsigned i = 0; i < STATE_OBJ__COUNT; i++) {
		c->cursor[i] = (struct state_cursor){0};
		c->is_paging[i] = false;
	}
}

/* A site that was never told is any. */
static bool is_other(const struct state_ems_pin *pin, const char *serial, const char *tenant)
{
	return (serial[0] != '\0' && strcmp(pin->serial_number, serial) != 0) ||
	       (tenant[0] != '\0' && pin->tenant_id[0] != '\0' &&
		strcasecmp(pin->tenant_id, tenant) != 0);
}

/* Holder of the lock, before the thread starts. */
void ems_pin_load(struct ems_conn *c)
{
	struct state_ems_pin pin;
	const bool has_pin = state_ems_pin(c->cp->state, c->id, &pin);

	(void)snprintf(c->serial_number, sizeof(c->serial_number), "%s", c->cfg_serial);
	if (has_pin && is_other(&pin, c->cfg_serial, c->tenant_id)) {
		forget(c);
		if (ems_publish(c) < 0)
			LOG(WARN, "not published ems=%s", c->name);
	} else if (has_pin && c->cfg_serial[0] == '\0') {
		memcpy(c->serial_number, pin.serial_number, sizeof(c->serial_number));
	}
}

void ems_pin_check(struct ems_conn *c)
{
	struct state_ems_pin pin;
	bool is_forgotten = false;

	cp_lock(c->cp);
	if (state_ems_pin(c->cp->state, c->id, &pin))
		is_forgotten = is_other(&pin, c->serial_number, c->status.tenant_id);
	if (is_forgotten)
		forget(c);
	cp_unlock(c->cp);
	if (is_forgotten && ems_publish(c) < 0)
		LOG(WARN, "not published ems=%s", c->name);
}

/* Holder of the lock. */
static void set(struct ems_conn *c, const struct state_ems_pin *pin)
{
	struct state_ems_pin old;
	const bool has_old = state_ems_pin(c->cp->state, c->id, &old);

	if (has_old && memcmp(&old, pin, sizeof(old)) == 0)
		return;
	if (state_ems_pin_set(c->cp->state, c->id, pin) < 0)
		LOG(WARN, "pin not kept ems=%s", c->name);
	/* Then the configuration takes it from here. */
	if (c->cfg_serial[0] == '\0' &&
	    (!has_old || strcmp(old.serial_number, pin->serial_number) != 0))
		state_ca_touch(c->cp->state);
	if (has_old && strcmp(old.serial_number, pin->serial_number) == 0 &&
	    strcmp(old.fingerprint, pin->fingerprint) != 0)
		LOG(NOTICE, "another certificate is pinned ems=%s fingerprint=%s", c->name,
		    pin->fingerprint);
}

void ems_pin_keep(struct ems_conn *c)
{
	struct state_ems_pin now = {0};

	(void)snprintf(now.serial_number, sizeof(now.serial_number), "%s", c->serial_number);
	(void)snprintf(now.tenant_id, sizeof(now.tenant_id), "%s", c->status.tenant_id);
	(void)snprintf(now.fingerprint, sizeof(now.fingerprint), "%s", c->status.fingerprint);
	(void)snprintf(now.ca_cn, sizeof(now.ca_cn), "%s", c->status.ca_cn);
	cp_lock(c->cp);
	set(c, &now);
	cp_unlock(c->cp);
}

/*
 * Only the handshake of a call that went through counts: showing a certificate takes no key. Before
 * the first verification the hello keeps it.
 */
void ems_pin_renew(struct ems_conn *c)
{
	if (c->status.is_verified && strcmp(c->shown, c->status.fingerprint) == 0)
		ems_pin_keep(c);
}

bool ems_pin_confirmed(struct ems_conn *c)
{
	const struct state_ems_cert *cert = &c->status.cert;
	struct state_ems_pin pin = {0}, old;
	bool is_forgotten = false;
	char confirmed[192];

	pthread_mutex_lock(&c->mutex);
	memcpy(confirmed, c->confirmed, sizeof(confirmed));
	c->confirmed[0] = '\0';
	pthread_mutex_unlock(&c->mutex);
	if (confirmed[0] == '\0')
		return false;
	if (strcmp(confirmed, cert->fingerprint) != 0 || cert->cn[0] == '\0' ||
	    (c->ca_len > 0 && !cert->is_chained)) {
		LOG(WARN, "EMS shows another certificate than the confirmed one ems=%s", c->name);
		return false;
	}
	(void)snprintf(pin.serial_number, sizeof(pin.serial_number), "%s", cert->cn);
	(void)snprintf(pin.fingerprint, sizeof(pin.fingerprint), "%s", confirmed);
	ems_cert_ca_cn(cert, pin.ca_cn);
	cp_lock(c->cp);
	if (state_ems_pin(c->cp->state, c->id, &old)) {
		is_forgotten = strcmp(old.serial_number, pin.serial_number) != 0;
		if (is_forgotten)
			forget(c);
		else
			memcpy(pin.tenant_id, old.tenant_id, sizeof(pin.tenant_id));
	}
	set(c, &pin);
	cp_unlock(c->cp);
	if (is_forgotten && ems_publish(c) < 0)
		LOG(WARN, "not published ems=%s", c->name);
	LOG(NOTICE, "certificate confirmed ems=%s fingerprint=%s", c->name, confirmed);
	return true;
}
