/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/report.h"

#include "emsim/avatar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_str(struct buf *out, const char *key, const char *value)
{
	buf_str(out, key);
	buf_json(out, value);
}

static void put_bool(struct buf *out, const char *key, bool value)
{
	buf_str(out, key);
	buf_str(out, value ? "true" : "false");
}

static void put_route(struct buf *out, const char *ip, const char *mac, const char *type)
{
	put_str(out, "{\"ip\":", ip);
	put_str(out, ",\"mac\":", mac);
	put_str(out, ",\"route_type\":", type);
	buf_str(out, "}");
}

static void put_gateway(struct buf *out, const struct sysinfo *si)
{
	const char *interface = si->interface != NULL ? si->interface : "port1";
	bool is_next = !si->is_indirect;

	put_str(out, ",\"fgt_sn\":", si->fgt_sn);
	put_str(out, ",\"gateway_interface\":", interface);
	buf_str(out, ",\"vdom\":\"root\"");
	put_str(out, ",\"gateway_mac\":", si->gateway_mac);
	put_str(out, ",\"gateway_route_list\":[{\"gateway_info\":{\"fgt_sn\":", si->fgt_sn);
	put_str(out, ",\"interface\":", interface);
	buf_str(out, ",\"vdom\":\"root\"},\"route_info\":[");
	if (is_next)
		put_route(out, si->ip, si->mac, "direct");
	for (unsigned i = 0; i < 2; i++) {
		if (si->vpn_ip[i] == NULL)
			continue;
		buf_str(out, is_next ? "," : "");
		put_route(out, si->vpn_ip[i], "", "vpn");
		is_next = true;
	}
	buf_str(out, "]}]");
}

/* The captured record's fields in its order; what does not tell devices apart is constant. */
void sysinfo_emit(struct buf *out, const struct sysinfo *si)
{
	buf_json(out, si->uid);
	put_str(out, ":{\"sysinfo_update_time\":", si->update_time);
	if ((si->flags & DEV_F_DELETED) != 0) {
		buf_str(out, ",\"is_deleted\":true}");
		return;
	}
	buf_str(out, ",\"gw_connection_type\":0,\"forticlient_id\":");
	buf_u64(out, si->forticlient_id);
	buf_str(out, ",\"app_sig_ver\":[28,825],\"av_sig_ver\":[1,0],\"av_eng_ver\":[7,26],"
		     "\"fct_ver\":[7,4,0],\"vul_eng_ver\":[3,2]");
	put_bool(out, ",\"onnet\":", (si->flags & DEV_F_ONNET) != 0);
	put_bool(out, ",\"online\":", (si->flags & DEV_F_ONLINE) != 0);
	put_bool(out, ",\"is_registered\":", (si->flags & DEV_F_REGISTERED) != 0);
	put_bool(out, ",\"quarantined\":", (si->flags & DEV_F_QUARANTINED) != 0);
	buf_str(out, ",\"av_running\":false,\"vuln_scan_running\":false");
	put_str(out, ",\"fct_sn\":", si->fct_sn);
	put_str(out, ",\"ip\":", si->ip);
	put_str(out, ",\"public_ip\":", si->public_ip);
	put_str(out, ",\"mac\":", si->mac);
	put_str(out, ",\"hardware_sn\":", si->hardware_sn);
	put_str(out, ",\"hostname\":", si->hostname);
	buf_str(out, ",\"host_manufacturer\":\"VMware, Inc.\",\"host_model\":\"VMware7,1\","
		     "\"cpu\":\"Intel(R) Xeon(R) CPU E5-2630 v2 @ 2.60GHz\",\"memory\":\"8190\","
		     "\"os_ver\":\"Microsoft Windows 10 Professional Edition, 64-bit (build "
		     "19045)\",\"os_type\":\"WIN64\"");
	put_str(out, ",\"user_name\":", si->user_name);
	buf_str(out, ",\"group_name\":\"Other Endpoints\"");
	put_str(out, ",\"avatar_fingerprint\":", si->avatar_fingerprint);
	put_str(out, ",\"client_cert_sn\":", si->client_cert_sn);
	buf_str(out, ",\"feature_av\":\"installed\",\"feature_fw\":\"installed\","
		     "\"feature_vpn\":\"installed\",\"feature_vs\":\"installed\","
		     "\"feature_wf\":\"installed\",\"fct_build_no\":1658,"
		     "\"indirectly_connected\":");
	buf_str(out, si->is_indirect ? "true" : "false");
	put_gateway(out, si);
	buf_str(out, ",\"user_info\":{\"service\":\"OS\"}}");
}

void dev_hostname(const struct dev *d, char out[static 64])
{
	if (d->extra != NULL && d->extra->hostname[0] != '\0')
		copy_str(out, 64, d->extra->hostname);
	else if ((d->flags & DEV_F_SYNTH) != 0)
		snprintf(out, 64, "SYNTH-%07u", d->synth);
	else
		snprintf(out, 64, "DESKTOP-%02X%02X%02X", d->uid[0], d->uid[1], d->uid[2]);
}

void dev_user(const struct dev *d, char out[static 64])
{
	if (d->extra != NULL && d->extra->user[0] != '\0')
		copy_str(out, 64, d->extra->user);
	else
		snprintf(out, 64, "user%u", (d->flags & DEV_F_SYNTH) != 0 ? d->synth : d->idx);
}

/* A locally administered address out of the UID. */
void dev_mac(const struct dev *d, char out[static 18])
{
	const uint8_t *u = d->uid + 10;

	snprintf(out, 18, "02-%02x-%02x-%02x-%02x-%02x", u[1], u[2], u[3], u[4], u[5]);
}

static void hex_text(const uint8_t *p, size_t len, const char *digits, char *out)
{
	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

/* "VMware-56 4d f9 08 73 4c 5d 26-5e 9d 6f ad 30 71 39 0d" */
static void hardware_text(const struct dev *d, char out[static 56])
{
	char *w = out;

	memcpy(w, "VMware-", 7);
	w += 7;
	for (size_t i = 0; i < UID_LEN; i++) {
		hex_text(d->uid + i, 1, "0123456789abcdef", w);
		w += 2;
		*w++ = i == 7 ? '-' : ' ';
	}
	w[-1] = '\0';
}

/* A device with a gateway of its own is connected here when that is one of ours. */
static void find_gateway(const struct report_ids *ids, const struct dev *d, struct sysinfo *si)
{
	if (d->extra == NULL || d->extra->gateway_mac[0] == '\0')
		return;
	si->gateway_mac = d->extra->gateway_mac;
	si->is_indirect = true;
	for (size_t i = 0; i < ids->nb_gateways; i++) {
		if (strcasecmp(ids->gateways[i].mac, d->extra->gateway_mac) != 0)
			continue;
		si->interface = ids->gateways[i].interface;
		si->is_indirect = false;
		return;
	}
}

static void emit_dev(const struct store *, const struct report_ids *ids, struct buf *out,
		     const struct dev *d)
{
	char uid[33], time[TIME_TEXT_LEN + 1], fct_sn[24], ip[IP_TEXT], vpn_ip[2][IP_TEXT];
	char mac[18], hw[56];
	char host[64], user[64], avatar[41], serial[41];
	uint8_t face[SERIAL_LEN];
	struct sysinfo si = {
		.uid = uid,
		.update_time = time,
		.forticlient_id = d->idx + 1,
		.flags = d->flags,
		.fct_sn = fct_sn,
		.ip = ip,
		.public_ip = "203.0.113.19",
		.mac = mac,
		.hardware_sn = hw,
		.hostname = host,
		.user_name = user,
		.avatar_fingerprint = avatar,
		.client_cert_sn = serial,
		.fgt_sn = ids->gateway_sn,
		.gateway_mac = "00-0c-29-2b-2a-76",
	};

	uid_format(d->uid, uid);
	time_format(d->sys_time, time);
	snprintf(fct_sn, sizeof(fct_sn), "FCT8000%09u", d->idx);
	ip_format(d->ip, ip);
	for (unsigned i = 0; d->extra != NULL && i < 2; i++) {
		ip_format(d->extra->vpn_ip[i], vpn_ip[i]);
		if (d->extra->vpn_ip[i] != 0)
			si.vpn_ip[i] = vpn_ip[i];
	}
	dev_mac(d, mac);
	hardware_text(d, hw);
	dev_hostname(d, host);
	dev_user(d, user);
	find_gateway(ids, d, &si);
	/* A fleet's pictures are never asked for: no need to paint a million. */
	for (size_t i = 0; i < SERIAL_LEN; i++)
		face[i] = (uint8_t)(d->uid[i % UID_LEN] ^ 0xa5 ^ i);
	if ((d->flags & DEV_F_SYNTH) == 0)
		avatar_fingerprint(d->uid, d->extra != NULL ? d->extra->avatar : 0, face);
	hex_text(face, SERIAL_LEN, "0123456789abcdef", avatar);
	hex_text(d->serial, SERIAL_LEN, "0123456789ABCDEF", serial);
	sysinfo_emit(out, &si);
}

/* `"UID":{"tags":[{"name":..,"type":..},...],"tag_update_time":".."}`, the complete list. */
static void emit_dev_tags(const struct store *st, const struct report_ids *, struct buf *out,
			  const struct dev *d)
{
	const struct tagset *s = &st->sets[d->tagset];
	char uid[33], time[TIME_TEXT_LEN + 1];

	uid_format(d->uid, uid);
	time_format(d->tag_time, time);
	buf_json(out, uid);
	buf_str(out, ":{\"tags\":[");
	for (uint32_t i = 0; i < s->nb; i++) {
		const struct tag *t = &st->tags[s->ids[i]];

		put_str(out, i > 0 ? ",{\"name\":" : "{\"name\":", t->name);
		buf_str(out, ",\"type\":");
		buf_u64(out, t->kind);
		buf_str(out, "}");
	}
	put_str(out, "],\"tag_update_time\":", time);
	buf_str(out, "}");
}

typedef void (*emit_fn)(const struct store *st, const struct report_ids *ids, struct buf *out,
			const struct dev *d);

/* Records after the cursor, separated by commas. */
static void emit_page(struct store *st, const struct report_ids *ids, struct report_page *page,
		      struct buf *out, emit_fn emit)
{
	bool is_sys = emit == emit_dev;
	const struct change_log *log = is_sys ? &st->sys_log : &st->tag_log;
	size_t i = store_log_seek(st, log, &page->cur);
	size_t nb = 0;

	for (; i < log->nb; i++) {
		const struct log_entry *e = &log->e[i];
		const struct dev *d = &st->devs[e->dev];

		if ((is_sys ? d->sys_time : d->tag_time) != e->time)
			continue;
		/*
		 * That a device is gone is sysinfo's to tell. A tag list of it, read after that,
		 * would look like a new device.
		 */
		if (!is_sys && (d->flags & DEV_F_DELETED) != 0)
			continue;
		if (nb == page->max)
			break;
		if (nb++ > 0)
			buf_str(out, ",");
		emit(st, ids, out, d);
		page->cur = (struct cursor){.is_set = true, .time = e->time};
		memcpy(page->cur.id, d->uid, UID_LEN);
	}
	page->is_final = i == log->nb;
}

void report_sysinfo(struct store *st, const struct report_ids *ids, struct report_page *page,
		    struct buf *out)
{
	buf_str(out, "{");
	emit_page(st, ids, page, out, emit_dev);
	buf_str(out, "}");
}

void report_uid_tags(struct store *st, struct report_page *page, struct buf *out)
{
	buf_str(out, "{\"uid_tag_lists\":{");
	emit_page(st, NULL, page, out, emit_dev_tags);
	buf_str(out, "}}");
}

static void emit_list(struct store *st, const struct report_ids *ids, struct buf *out,
		      struct dev *const *devs, size_t nb, emit_fn emit)
{
	for (size_t i = 0; i < nb; i++) {
		if (i > 0)
			buf_str(out, ",");
		emit(st, ids, out, devs[i]);
	}
}

void report_sysinfo_of(struct store *st, const struct report_ids *ids, struct buf *out,
		       struct dev *const *devs, size_t nb)
{
	buf_str(out, "{");
	emit_list(st, ids, out, devs, nb, emit_dev);
	buf_str(out, "}");
}

void report_uid_tags_of(struct store *st, struct buf *out, struct dev *const *devs, size_t nb)
{
	buf_str(out, "{\"uid_tag_lists\":{");
	emit_list(st, NULL, out, devs, nb, emit_dev_tags);
	buf_str(out, "}}");
}

/* The addresses of one tag and action that a page tells; texts joined with commas. */
struct command {
	uint32_t tag;
	enum member_action action;
	struct buf ips;
	struct buf macs;
};

static struct command *command_get(struct command **cmds, size_t *nb, const struct member *m)
{
	struct command *c;

	for (size_t i = 0; i < *nb; i++)
		if ((*cmds)[i].tag == m->tag && (*cmds)[i].action == m->action)
			return &(*cmds)[i];
	*cmds = xrealloc(*cmds, *nb + 1, sizeof(**cmds));
	c = &(*cmds)[(*nb)++];
	*c = (struct command){.tag = m->tag, .action = m->action};
	return c;
}

static void command_add(struct command *c, const struct store *st, const struct member *m)
{
	const struct dev *d = &st->devs[m->dev];
	char ip[IP_TEXT], mac[18];

	ip_format(m->ip, ip);
	buf_printf(&c->ips, "%s\"%s\"", c->ips.len > 0 ? "," : "", ip);
	/* A MAC leaves with the tag, not when only an address of the device changed. */
	if (m->action == MEMBER_REMOVE && store_tagset_has(st, d->tagset, m->tag))
		return;
	dev_mac(d, mac);
	buf_printf(&c->macs, "%s\"%s\"", c->macs.len > 0 ? "," : "", mac);
}

static void command_emit(struct buf *out, const struct store *st, const struct command *c,
			 bool with_mac)
{
	const struct tag *t = &st->tags[c->tag];
	char uuid[37];

	uuid_format(t->uuid, uuid);
	put_str(out, "{\"tag_uid\":", uuid);
	put_str(out, ",\"name\":", t->name);
	buf_str(out, ",\"tag_type\":");
	buf_u64(out, t->kind);
	put_str(out, ",\"action\":", c->action == MEMBER_ADD ? "add" : "remove");
	buf_printf(out, ",\"ip_list\":[%s]", c->ips.len > 0 ? c->ips.p : "");
	if (with_mac)
		buf_printf(out, ",\"mac_list\":[%s]", c->macs.len > 0 ? c->macs.p : "");
	buf_str(out, "}");
}

/*
 * Live entries only, grouped by tag and action in the order in which they first appear. A pair
 * (device, tag) has at most one truth, so the order between groups does not matter. A first pull
 * has nothing to remove from.
 */
void report_tags(struct store *st, const struct report_ids *ids, struct report_page *page,
		 struct buf *out)
{
	struct command *cmds = NULL;
	size_t nb_cmds = 0, nb = 0;
	bool is_first = !page->cur.is_set;
	size_t i = store_member_seek(st, &page->cur);

	for (; i < st->nb_members && nb < page->max; i++) {
		const struct member *m = &st->members[i];

		page->cur = (struct cursor){.is_set = true, .time = m->time};
		memcpy(page->cur.id, st->tags[m->tag].uuid, sizeof(page->cur.id));
		if (!store_member_is_live(st, m) || (is_first && m->action == MEMBER_REMOVE))
			continue;
		command_add(command_get(&cmds, &nb_cmds, m), st, m);
		nb++;
	}
	page->is_final = i == st->nb_members;
	put_str(out, "{\"command_version\":2,\"serial\":", ids->serial);
	buf_str(out, ",\"device_type\":\"fortiems\"");
	for (size_t c = 0; c < nb_cmds; c++) {
		buf_str(out, c > 0 ? "," : ",\"commands\":[");
		command_emit(out, st, &cmds[c], page->with_mac);
		buf_free(&cmds[c].ips);
		buf_free(&cmds[c].macs);
	}
	buf_str(out, nb_cmds > 0 ? "]}" : "}");
	free(cmds);
}
