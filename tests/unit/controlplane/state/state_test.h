/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices for tests of state, publisher and control plane. */

#pragma once

#include "state/state.h"

#include <stdio.h>
#include <string.h>

static inline struct device_uid uid_of(uint32_t n)
{
	struct device_uid uid = {.b = {0x70, 0xa5}};

	for (unsigned i = 0; i < 4; i++)
		uid.b[12 + i] = (uint8_t)(n >> (8 * i));
	return uid;
}

static inline struct cert_serial serial_of(uint32_t n)
{
	struct cert_serial sn = {.b = {0x41, 0x1d}};

	for (unsigned i = 0; i < 4; i++)
		sn.b[16 + i] = (uint8_t)(n >> (8 * i));
	return sn;
}

static inline void field_set(struct state_batch *b, struct state_sysinfo *s, enum state_field f,
			     const char *text)
{
	s->field[f] = state_batch_copy(b, text, strlen(text));
}

/* A registered device that is online, with the strings of the field's seed document. */
static inline struct state_sysinfo *sysinfo_add(struct state_batch *b, uint32_t n)
{
	const struct device_uid uid = uid_of(n);
	char buf[64];

	struct state_sysinfo *s = state_batch_sysinfo(b, &uid);
	s->serial = serial_of(n);
	s->flags = SNAP_DEV_REGISTERED | SNAP_DEV_ONLINE;
	s->update_time = SLICE_LIT("2024-07-11 17:57:52.3553944");
	(void)snprintf(buf, sizeof(buf), "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
	field_set(b, s, STATE_F_IP, buf);
	struct state_route *r = state_batch_route(b, s);
	r->ip = s->field[STATE_F_IP];
	(void)snprintf(buf, sizeof(buf), "00-0c-29-%02x-%02x-%02x", n >> 16 & 255, n >> 8 & 255,
		       n & 255);
	field_set(b, s, STATE_F_MAC, buf);
	r->mac = s->field[STATE_F_MAC];
	r->gateway_sn = SLICE_LIT("FPXVULTM24000083");
	r->interface = SLICE_LIT("port1");
	r->vdom = SLICE_LIT("root");
	r->type = SLICE_LIT("direct");
	(void)snprintf(buf, sizeof(buf), "DESKTOP-%07u", n);
	field_set(b, s, STATE_F_HOST_NAME, buf);
	(void)snprintf(buf, sizeof(buf), "user.name%u", n);
	field_set(b, s, STATE_F_USER, buf);
	(void)snprintf(buf, sizeof(buf), "FCT80008%08u", n);
	field_set(b, s, STATE_F_FCT_SN, buf);
	(void)snprintf(buf, sizeof(buf), "%u", n);
	field_set(b, s, STATE_F_FCT_ID, buf);
	(void)snprintf(buf, sizeof(buf), "207.102.%u.%u", n >> 8 & 255, n & 255);
	field_set(b, s, STATE_F_PUBLIC_IP, buf);
	field_set(b, s, STATE_F_VDOM, "root");
	field_set(b, s, STATE_F_GATEWAY_INTERFACE, "port1");
	field_set(b, s, STATE_F_GATEWAY_MAC, "00-0c-29-2b-2a-76");
	field_set(b, s, STATE_F_GATEWAY_SN, "FPXVULTM24000083");
	field_set(b, s, STATE_F_FCT_VERSION, "7.4.0");
	field_set(b, s, STATE_F_FCT_BUILD, "1658");
	field_set(b, s, STATE_F_AVDB_VERSION, "1.0");
	field_set(b, s, STATE_F_AV_ENGINE_VERSION, "7.26");
	field_set(b, s, STATE_F_APP_SIG_VERSION, "28.825");
	field_set(b, s, STATE_F_VUL_ENGINE_VERSION, "3.2");
	field_set(b, s, STATE_F_OS_TYPE, "WIN64");
	field_set(b, s, STATE_F_OS_VERSION,
		  "Microsoft Windows 10 Professional Edition, 64-bit (build 19045)");
	field_set(b, s, STATE_F_GROUP, "Other Endpoints");
	field_set(b, s, STATE_F_HOST_MODEL, "VMware7,1");
	field_set(b, s, STATE_F_HOST_MANUFACTURER, "VMware, Inc.");
	field_set(b, s, STATE_F_CPU, "Intel(R) Xeon(R) CPU E5-2630 v2 @ 2.60GHz");
	field_set(b, s, STATE_F_MEMORY, "8190");
	for (unsigned f = STATE_F_FEATURE_AV; f <= STATE_F_FEATURE_VPN; f++)
		field_set(b, s, (enum state_field)f, "installed");
	return s;
}

/* The list of tags of device <n>: names ended by NULL; "class:Low" is a classification. */
static inline void tags_add(struct state_batch *b, uint32_t n, const char *const *names)
{
	const struct device_uid uid = uid_of(n);
	uint32_t nb = 0;

	while (names[nb] != NULL)
		nb++;
	struct state_tags *t = state_batch_tags(b, &uid, nb);
	t->update_time = SLICE_LIT("2024-07-11 17:57:41.4774466");
	for (uint32_t i = 0; i < nb; i++) {
		const bool is_class = strncmp(names[i], "class:", 6) == 0;
		t->tag[i].name = slice_str(names[i] + (is_class ? 6 : 0));
		t->tag[i].kind = is_class ? SNAP_TAG_CLASSIFICATION : SNAP_TAG_ZERO_TRUST;
	}
}

#define TAGS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Apply all of <b> and free it. */
static inline void batch_apply(struct state *st, struct state_batch *b)
{
	while (state_batch_apply(st, b, 100) > 0)
		;
	state_batch_free(b);
}
