/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inner JSON of the three reports, one page at a time, and how a page moves the cursor.
 */
#pragma once

#include "emsim/buf.h"
#include "emsim/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An interface of the gateway, as it told. */
struct gateway {
	char interface[36];
	char ip[IP_TEXT];
	char mac[18];
	char vdom[36];
	char sn[36];
};

enum {
	GATEWAYS_MAX = 256
};

/* What this EMS is called and whom it answers. */
struct report_ids {
	char serial[32];
	char tenant[33];
	char gateway_sn[32];
	struct gateway *gateways;
	size_t nb_gateways;
};

/* The fields of one system info record that differ between devices, in the order of the wire. */
struct sysinfo {
	const char *uid;
	const char *update_time;
	uint32_t forticlient_id;
	uint32_t flags; /* DEV_F_* */
	const char *fct_sn;
	const char *ip;
	const char *public_ip;
	const char *mac;
	const char *hardware_sn;
	const char *hostname;
	const char *user_name;
	const char *avatar_fingerprint;
	const char *client_cert_sn;
	const char *fgt_sn;
	const char *gateway_mac;
	const char *interface; /* NULL: port1 */
	bool is_indirect;      /* behind no interface of the gateway */
	const char *vpn_ip[2]; /* NULL: no VPN route */
};

/* Append `"UID":{...}` of one record. */
void sysinfo_emit(struct buf *out, const struct sysinfo *si);

/* Where a page starts and how large it may be; the report moves <cur> to its last record. */
struct report_page {
	size_t max;
	bool with_mac;
	struct cursor cur;
	bool is_final; /* out: nothing comes after it */
};

/* Append the JSON of one page. */
void report_sysinfo(struct store *st, const struct report_ids *ids, struct report_page *page,
		    struct buf *out);
void report_uid_tags(struct store *st, struct report_page *page, struct buf *out);
void report_tags(struct store *st, const struct report_ids *ids, struct report_page *page,
		 struct buf *out);

/* The same records for just these devices, whatever the cursor says. */
void report_sysinfo_of(struct store *st, const struct report_ids *ids, struct buf *out,
		       struct dev *const *devs, size_t nb);
void report_uid_tags_of(struct store *st, struct buf *out, struct dev *const *devs, size_t nb);

/* Texts that are computed from a device. */
void dev_hostname(const struct dev *d, char out[static 64]);
void dev_user(const struct dev *d, char out[static 64]);
void dev_mac(const struct dev *d, char out[static 18]);
