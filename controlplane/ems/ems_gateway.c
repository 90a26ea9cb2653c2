/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Our interfaces, told to EMS: an endpoint whose gateway has one of these MACs is directly
 * connected. The entry is not known of the field's EMS; an EMS that does not have it is not asked
 * again before its next verification.
 */

#include "common/log/log.h"
#include "ems/ems_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

LOG_TYPE("ems");

#define CHECK_MS 2000u

/* The port of interface <i>, or of one that is a VLAN on the same device. NULL: not running. */
static const struct feedback_port *port_of(const struct cp *cp, unsigned i)
{
	const struct feedback_hdr *fb = cp->shm.feedback;
	const struct config *cfg = cp->config;

	for (uint32_t p = 0; fb != NULL && p < fb->nb_ports && p < FEEDBACK_MAX_PORTS; p++) {
		const uint32_t other = fb->port[p].interface;

		if (other == i ||
		    (other < cfg->nb_interfaces &&
		     strcmp(cfg->interfaces[other].device, cfg->interfaces[i].device) == 0))
			return &fb->port[p];
	}
	return NULL;
}

static void add_interface(const struct cp *cp, unsigned i, json_t *list)
{
	const struct config_interface *f = &cp->config->interfaces[i];
	const struct feedback_port *port = port_of(cp, i);
	const uint8_t *m = port == NULL ? NULL : port->mac;
	char mac[18] = "", ip[IP_ADDR_STRLEN];

	if (m != NULL)
		(void)snprintf(mac, sizeof(mac), "%02x-%02x-%02x-%02x-%02x-%02x", m[0], m[1], m[2],
			       m[3], m[4], m[5]);
	for (unsigned k = 0; k < f->nb_addresses; k++) {
		ip_addr_emit(&f->addresses[k].addr, ip);
		(void)json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "interface",
							    f->name, "ip", ip, "mac", mac, "vdom",
							    cp->config->vdom, "sn",
							    cp->config->gateway_serial));
	}
}

char *ems_gateways_body(const struct cp *cp)
{
	json_t *list = json_array();
	json_t *body;
	char *text;

	for (unsigned i = 0; i < cp->config->nb_interfaces; i++)
		add_interface(cp, i, list);
	body = json_pack("{s:[s],s:o}", "sn_list", cp->config->gateway_serial, "gateway_list",
			 list);
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	return text;
}

void ems_gateways_post(struct cp *cp)
{
	struct ems_conn *c;

	for (unsigned i = 0; (c = ems_conn_at(cp, i)) != NULL; i++) {
		pthread_mutex_lock(&c->mutex);
		c->is_gateways_wanted = true;
		pthread_mutex_unlock(&c->mutex);
		ems_wake(c);
	}
}

static char *body_now(struct ems_conn *c)
{
	char *text;

	cp_lock(c->cp);
	text = ems_gateways_body(c->cp);
	cp_unlock(c->cp);
	return text;
}

/* The data plane starts, stops, and has other ports after a restart: nobody tells us. */
void ems_gateways_check(struct ems_conn *c)
{
	const uint64_t now = loop_now_ms();
	bool is_wanted;
	char *text;

	pthread_mutex_lock(&c->mutex);
	is_wanted = c->is_gateways_wanted;
	c->is_gateways_wanted = false;
	pthread_mutex_unlock(&c->mutex);
	if (is_wanted) {
		ems_make_due(c, STATE_OBJ_GATEWAYS, 0);
		return;
	}
	if (c->gateways == NULL || now < c->gateways_check_ms)
		return;
	c->gateways_check_ms = now + CHECK_MS;
	text = body_now(c);
	if (text != NULL && strcmp(text, c->gateways) != 0)
		ems_make_due(c, STATE_OBJ_GATEWAYS, 0);
	free(text);
}

int ems_gateways_send(struct ems_conn *c)
{
	char *body = body_now(c);
	struct ems_reply r;
	int rc;

	if (body == NULL)
		return -ENOMEM;
	rc = ems_call_reply(c, STATE_OBJ_GATEWAYS, "", body, &r);
	if (rc < 0 && rc != -EOPNOTSUPP) {
		free(body);
		return rc;
	}
	if (rc == 0)
		ems_reply_free(&r);
	else
		LOG(INFO, "EMS takes no list of interfaces ems=%s", c->name);
	free(c->gateways);
	c->gateways = body;
	return 0;
}
