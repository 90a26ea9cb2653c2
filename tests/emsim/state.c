/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * state.json: devices that somebody added or changed, the parameters of the synthetic fleet, and
 * revoked serials. Update times are kept, so a gateway's cursor means the same after a restart.
 */
#include "emsim/sim.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	uint32_t bit;
} flag_names[] = {
	{"registered", DEV_F_REGISTERED},
	{"online", DEV_F_ONLINE},
	{"onnet", DEV_F_ONNET},
	{"quarantined", DEV_F_QUARANTINED},
	{"deleted", DEV_F_DELETED},
	{"synthetic", DEV_F_SYNTH},
	{"vpn_rejected", DEV_F_VPN_REJECTED},
};

enum {
	NB_FLAGS = sizeof(flag_names) / sizeof(flag_names[0])
};

static void put(struct buf *out, const char *key, const char *value)
{
	buf_str(out, key);
	buf_json(out, value);
}

static void put_tags(const struct store *st, const struct dev *d, struct buf *out)
{
	const struct tagset *s = &st->sets[d->tagset];
	char spec[96];

	buf_str(out, ",\"tags\":[");
	for (uint32_t i = 0; i < s->nb; i++) {
		const struct tag *t = &st->tags[s->ids[i]];

		if (t->kind == TAG_ZTNA)
			copy_str(spec, sizeof(spec), t->name);
		else
			snprintf(spec, sizeof(spec), "%s:%s", tag_kind_prefix(t->kind), t->name);
		put(out, i > 0 ? "," : "", spec);
	}
	buf_str(out, "]");
}

void state_dev_json(const struct sim *sim, const struct dev *d, struct buf *out)
{
	char text[64], serial[2 * SERIAL_LEN + 1];
	struct buf hex = {0};

	uid_format(d->uid, text);
	put(out, "{\"uid\":", text);
	dev_hostname(d, text);
	put(out, ",\"hostname\":", text);
	dev_user(d, text);
	put(out, ",\"user\":", text);
	ip_format(d->ip, text);
	put(out, ",\"ip\":", text);
	ip_format(d->extra != NULL ? d->extra->vpn_ip[0] : 0, text);
	put(out, ",\"vpn_ip\":", text);
	ip_format(d->extra != NULL ? d->extra->vpn_ip[1] : 0, text);
	put(out, ",\"vpn_ip6\":", text);
	put(out, ",\"gateway_mac\":", d->extra != NULL ? d->extra->gateway_mac : "");
	buf_printf(out, ",\"avatar\":%u", d->extra != NULL ? d->extra->avatar : 0);
	buf_hex(&hex, d->serial, SERIAL_LEN, true);
	copy_str(serial, sizeof(serial), hex.p);
	buf_free(&hex);
	put(out, ",\"client_cert_sn\":", serial);
	for (size_t i = 0; i < NB_FLAGS; i++)
		buf_printf(out, ",\"%s\":%s", flag_names[i].name,
			   (d->flags & flag_names[i].bit) != 0 ? "true" : "false");
	buf_printf(out, ",\"index\":%u", d->synth);
	put_tags(&sim->store, d, out);
	time_format(d->sys_time, text);
	put(out, ",\"sysinfo_update_time\":", text);
	time_format(d->tag_time, text);
	put(out, ",\"tag_update_time\":", text);
	buf_str(out, "}");
}

static void put_batches(const struct sim *sim, struct buf *out)
{
	buf_str(out, "\"synth\":[");
	for (size_t i = 0; i < sim->nb_batches; i++) {
		const struct synth_params *p = &sim->batches[i];

		buf_printf(out,
			   "%s{\"from\":%llu,\"nb\":%llu,\"seed\":%llu,\"tags_per_device\":%u,"
			   "\"base_time\":%llu}",
			   i > 0 ? "," : "", (unsigned long long)p->from, (unsigned long long)p->nb,
			   (unsigned long long)p->seed, p->tags_per_device,
			   (unsigned long long)p->base_time);
	}
	buf_str(out, "],\n");
}

static void put_revoked(const struct store *st, struct buf *out)
{
	buf_str(out, "\"revoked\":[");
	for (size_t i = 0; i < st->nb_revoked; i++) {
		buf_str(out, i > 0 ? ",\"" : "\"");
		buf_hex(out, st->revoked[i], SERIAL_LEN, true);
		buf_str(out, "\"");
	}
	buf_str(out, "],\n");
}

static int write_file(const char *dir, const struct buf *text)
{
	char path[560], tmp[576];
	size_t done = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/state.json", dir);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	while (done < text->len) {
		ssize_t n = write(fd, text->p + done, text->len - done);

		if (n < 0) {
			close(fd);
			return -EIO;
		}
		done += (size_t)n;
	}
	close(fd);
	return rename(tmp, path) < 0 ? -errno : 0;
}

int state_save(struct sim *sim)
{
	struct buf out = {0};
	bool is_first = true;
	int rc;

	buf_str(&out, "{\"version\":1,\n");
	put_batches(sim, &out);
	put_revoked(&sim->store, &out);
	buf_str(&out, "\"devices\":[\n");
	for (size_t i = 0; i < sim->store.nb_devs; i++) {
		const struct dev *d = &sim->store.devs[i];

		if ((d->flags & DEV_F_TOUCHED) == 0)
			continue;
		buf_str(&out, is_first ? "" : ",\n");
		state_dev_json(sim, d, &out);
		is_first = false;
	}
	buf_str(&out, "\n]}\n");
	rc = write_file(sim->dir, &out);
	buf_free(&out);
	if (rc == 0)
		sim->store.is_dirty = false;
	return rc;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void load_tags(struct store *st, struct dev *d, const json_t *o)
{
	json_t *item;
	size_t i;

	store_dev_untag_all(st, d);
	json_array_foreach(json_object_get(o, "tags"), i, item)
	{
		int tag = json_is_string(item) ? store_tag(st, json_string_value(item)) : -EINVAL;

		if (tag >= 0)
			(void)store_dev_tag(st, d, (uint32_t)tag, true);
	}
}

/*
 * Tags before addresses: the address lists then learn of both. What a synthetic device shows of
 * itself stays generated unless it was said.
 */
static int load_dev(struct sim *sim, const json_t *o)
{
	struct store *st = &sim->store;
	uint8_t uid[UID_LEN];
	struct dev_extra *extra;
	struct dev *d;
	uint32_t ip;

	if (parse_hex(text_of(o, "uid"), uid, UID_LEN) < 0)
		return -EINVAL;
	d = store_find(st, uid);
	if (d == NULL)
		d = store_add(st, uid);
	d->flags = DEV_F_TOUCHED;
	for (size_t i = 0; i < NB_FLAGS; i++)
		if (json_is_true(json_object_get(o, flag_names[i].name)))
			d->flags |= flag_names[i].bit;
	d->synth = (uint32_t)json_integer_value(json_object_get(o, "index"));
	extra = store_dev_extra(d);
	copy_str(extra->hostname, sizeof(extra->hostname), text_of(o, "hostname"));
	copy_str(extra->user, sizeof(extra->user), text_of(o, "user"));
	copy_str(extra->gateway_mac, sizeof(extra->gateway_mac), text_of(o, "gateway_mac"));
	extra->avatar = (uint32_t)json_integer_value(json_object_get(o, "avatar"));
	load_tags(st, d, o);
	if (ip_parse(text_of(o, "ip"), &ip) == 0)
		store_dev_set_ip(st, d, ip);
	if (ip_parse(text_of(o, "vpn_ip"), &ip) == 0)
		store_dev_set_vpn_ip(st, d, false, ip);
	if (ip_parse(text_of(o, "vpn_ip6"), &ip) == 0)
		store_dev_set_vpn_ip(st, d, true, ip);
	if (parse_hex(text_of(o, "client_cert_sn"), d->serial, SERIAL_LEN) < 0 ||
	    time_parse(text_of(o, "sysinfo_update_time"), &d->sys_time) < 0 ||
	    time_parse(text_of(o, "tag_update_time"), &d->tag_time) < 0)
		return -EINVAL;
	store_log(&st->sys_log, d->sys_time, d->idx);
	store_log(&st->tag_log, d->tag_time, d->idx);
	return 0;
}

static void load_batches(struct sim *sim, const json_t *list)
{
	json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
	{
		struct synth_params *p = &sim->batches[sim->nb_batches];

		if (sim->nb_batches == BATCH_MAX)
			return;
		p->from = (uint64_t)json_integer_value(json_object_get(o, "from"));
		p->nb = (uint64_t)json_integer_value(json_object_get(o, "nb"));
		p->seed = (uint64_t)json_integer_value(json_object_get(o, "seed"));
		p->tags_per_device =
			(uint32_t)json_integer_value(json_object_get(o, "tags_per_device"));
		p->base_time = (uint64_t)json_integer_value(json_object_get(o, "base_time"));
		if (p->nb > SYNTH_MAX || p->from > p->nb)
			continue;
		sim->nb_batches++;
		synth_fill(&sim->store, p);
	}
}

static void load_revoked(struct store *st, const json_t *list)
{
	uint8_t serial[SERIAL_LEN];
	json_t *item;
	size_t i;

	json_array_foreach(list, i,
			   item) if (json_is_string(item) &&
				     parse_hex(json_string_value(item), serial, SERIAL_LEN) == 0)
		store_add_revoked(st, serial);
}

int state_load(struct sim *sim)
{
	char path[560];
	json_t *root, *o;
	size_t i;
	int rc = 0;

	snprintf(path, sizeof(path), "%s/state.json", sim->dir);
	if (access(path, F_OK) < 0)
		return 0;
	root = json_load_file(path, 0, NULL);
	if (root == NULL)
		return -EINVAL;
	load_batches(sim, json_object_get(root, "synth"));
	load_revoked(&sim->store, json_object_get(root, "revoked"));
	json_array_foreach(json_object_get(root, "devices"), i, o)
	{
		rc = load_dev(sim, o);
		if (rc < 0)
			break;
	}
	store_sort_logs(&sim->store);
	for (i = 0; i < sim->store.nb_devs; i++) {
		const struct dev *d = &sim->store.devs[i];
		uint64_t t = d->sys_time > d->tag_time ? d->sys_time : d->tag_time;

		if (t > sim->store.last_time)
			sim->store.last_time = t;
	}
	sim->store.is_dirty = false;
	json_decref(root);
	return rc;
}
