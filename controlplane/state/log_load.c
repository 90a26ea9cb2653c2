/* SPDX-License-Identifier: BSD-3-Clause */

/* Reading the state's file back. Nothing in it is trusted: it may have been cut or rotted. */

#include "state/log_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool load_str(struct state *st, struct slice r)
{
	uint32_t id, got;
	bool is_new;

	if (r.len <= sizeof(id))
		return false;
	memcpy(&id, r.ptr, sizeof(id));
	return strs_put(&st->strs, slice_skip(r, sizeof(id)), &got, &is_new) == 0 && got == id;
}

static bool load_tag(struct state *st, struct slice r)
{
	struct rec_tag t;

	if (r.len <= sizeof(t))
		return false;
	memcpy(&t, r.ptr, sizeof(t));
	r = slice_skip(r, sizeof(t));
	if (r.len <= t.uuid_len)
		return false;
	return state_tag_load(st, t.id, slice_skip(r, t.uuid_len), t.kind, t.ems_id,
			      slice_of(r.ptr, t.uuid_len)) == 0;
}

/* The device's tag set, ids ascending and known. */
static bool load_tagset(struct state *st, const struct rec_device *r, const uint8_t *ptr,
			uint32_t *ret_tagset)
{
	uint16_t ids[STATE_MAX_DEVICE_TAGS];

	if (r->nb_tags > STATE_MAX_DEVICE_TAGS)
		return false;
	memcpy(ids, ptr, r->nb_tags * sizeof(*ids));
	for (uint32_t i = 0; i < r->nb_tags; i++) {
		if (ids[i] >= st->nb_tags || (i > 0 && ids[i] <= ids[i - 1]))
			return false;
	}
	return state_tagset_get(st, ids, r->nb_tags, ret_tagset) == 0;
}

static bool load_device(struct state *st, struct slice s)
{
	struct rec_device r;
	uint32_t tagset = STATE_NO_TAGSET;
	bool is_new;

	if (s.len < sizeof(r))
		return false;
	memcpy(&r, s.ptr, sizeof(r));
	s = slice_skip(s, sizeof(r));
	if (r.ems_id < 1 || r.ems_id > STATE_MAX_EMS || (r.flags & ~SNAP_DEV__KNOWN) != 0)
		return false;
	const bool has_tags = (r.flags & SNAP_DEV_HAS_TAGS) != 0;
	if (has_tags != (r.nb_tags != REC_NO_TAGS))
		return false;
	if (has_tags) {
		if (s.len < r.nb_tags * sizeof(uint16_t) || !load_tagset(st, &r, s.ptr, &tagset))
			return false;
		s = slice_skip(s, r.nb_tags * sizeof(uint16_t));
	}
	if (s.len > PACK_MAX ||
	    !state_unpack(&st->strs, s.ptr, (uint32_t)s.len, &st->scratch_device))
		return false;
	const uint32_t slot = state_slot_get(st, &r.uid, &is_new);
	if (slot == SLOT_NONE)
		return false;
	struct device *d = state_slot(st, slot);
	state_count(st, d, -1);
	d->serial = r.serial;
	d->ems_id = r.ems_id;
	d->flags = r.flags;
	d->sysinfo_ticks = r.sysinfo_ticks;
	d->tags_ticks = r.tags_ticks;
	state_tagset_move(st, d, tagset);
	state_count(st, d, 1);
	return state_packed_set(st, d, s.ptr, (uint32_t)s.len);
}

static bool load_device_del(struct state *st, struct slice r)
{
	struct device_uid uid;

	if (r.len != sizeof(uid))
		return false;
	memcpy(&uid, r.ptr, sizeof(uid));
	const uint32_t slot = state_slot_find(st, &uid);
	if (slot != SLOT_NONE)
		state_slot_del(st, slot);
	return true;
}

static bool is_text(const char *s, size_t cap)
{
	return memchr(s, '\0', cap) != NULL;
}

static bool load_cursor(struct state *st, struct slice r)
{
	struct state_cursor c;

	if (r.len != 2 + sizeof(c) || r.ptr[0] < 1 || r.ptr[0] > STATE_MAX_EMS ||
	    r.ptr[1] >= STATE_OBJ__COUNT)
		return false;
	memcpy(&c, r.ptr + 2, sizeof(c));
	if (!is_text(c.updated_after, sizeof(c.updated_after)) ||
	    !is_text(c.offset, sizeof(c.offset)))
		return false;
	st->ems[r.ptr[0]].cursor[r.ptr[1]] = c;
	return true;
}

static bool load_pin(struct state *st, struct slice r)
{
	struct state_ems_pin pin = {};

	/* Older logs have it without ca_cn. */
	if ((r.len != 1 + sizeof(pin) && r.len != 1 + offsetof(struct state_ems_pin, ca_cn)) ||
	    r.ptr[0] < 1 || r.ptr[0] > STATE_MAX_EMS)
		return false;
	memcpy(&pin, r.ptr + 1, r.len - 1);
	if (!is_text(pin.ca_cn, sizeof(pin.ca_cn)) ||
	    !is_text(pin.serial_number, sizeof(pin.serial_number)) ||
	    !is_text(pin.tenant_id, sizeof(pin.tenant_id)) ||
	    !is_text(pin.fingerprint, sizeof(pin.fingerprint)))
		return false;
	st->ems[r.ptr[0]].pin = pin;
	st->ems[r.ptr[0]].has_pin = pin.serial_number[0] != '\0' || pin.fingerprint[0] != '\0';
	return true;
}

static bool load_cas(struct state *st, struct slice r)
{
	struct slice der[STATE_MAX_CAS];

	if (r.len < 2 || r.ptr[1] > STATE_MAX_CAS)
		return false;
	const uint8_t ems_id = r.ptr[0], nb = r.ptr[1];
	r = slice_skip(r, 2);
	for (uint8_t i = 0; i < nb; i++) {
		uint32_t len;
		if (r.len < sizeof(len))
			return false;
		memcpy(&len, r.ptr, sizeof(len));
		r = slice_skip(r, sizeof(len));
		if (r.len < len)
			return false;
		der[i] = slice_of(r.ptr, len);
		r = slice_skip(r, len);
	}
	return state_ca_set(st, ems_id, der, nb) == 0;
}

static bool load_revoked(struct state *st, struct slice r)
{
	if (r.len < 1 || (r.len - 1) % sizeof(struct cert_serial) != 0)
		return false;
	return state_revoked_set(st, r.ptr[0], (const struct cert_serial *)(r.ptr + 1),
				 (uint32_t)((r.len - 1) / sizeof(struct cert_serial))) == 0;
}

static bool load_vpn(struct state *st, struct slice s)
{
	struct rec_vpn r;
	struct state_vpn vpn, old;
	bool was_held;

	if (s.len < sizeof(r) || s.len - sizeof(r) > STATE_VPN_INTERFACE_MAX)
		return false;
	memcpy(&r, s.ptr, sizeof(r));
	s = slice_skip(s, sizeof(r));
	vpn = (struct state_vpn){.uid = r.uid,
				 .ip = r.ip,
				 .since_ms = r.since_ms,
				 .taken = r.taken,
				 .rejected = r.rejected};
	if (s.len > 0)
		memcpy(vpn.interface, s.ptr, s.len);
	return state_vpn_is_interface(vpn.interface) &&
	       state_vpn_connect(st, &vpn, &old, &was_held) == 0;
}

static bool load_vpn_del(struct state *st, struct slice r)
{
	struct device_uid uid;
	struct ip_addr ip;

	if (r.len != sizeof(uid) + sizeof(ip))
		return false;
	memcpy(&uid, r.ptr, sizeof(uid));
	memcpy(&ip, r.ptr + sizeof(uid), sizeof(ip));
	(void)state_vpn_disconnect(st, &uid, &ip);
	return true;
}

static bool load_record(struct state *st, uint8_t type, struct slice r)
{
	switch (type) {
	case REC_STR:
		return load_str(st, r);
	case REC_TAG:
		return load_tag(st, r);
	case REC_DEVICE:
		return load_device(st, r);
	case REC_DEVICE_DEL:
		return load_device_del(st, r);
	case REC_CURSOR:
		return load_cursor(st, r);
	case REC_PIN:
		return load_pin(st, r);
	case REC_CAS:
		return load_cas(st, r);
	case REC_REVOKED:
		return load_revoked(st, r);
	case REC_VPN:
		return load_vpn(st, r);
	case REC_VPN_DEL:
		return load_vpn_del(st, r);
	default:
		return false;
	}
}

static bool load_frame(struct state *st, struct slice s)
{
	while (s.len > 0) {
		uint32_t len;
		if (s.len < REC_HDR_LEN)
			return false;
		memcpy(&len, s.ptr + 1, sizeof(len));
		const uint8_t type = s.ptr[0];
		s = slice_skip(s, REC_HDR_LEN);
		if (len > s.len || !load_record(st, type, slice_of(s.ptr, len)))
			return false;
		s = slice_skip(s, len);
	}
	return true;
}

static int read_at(int fd, void *ptr, size_t len, uint64_t off)
{
	uint8_t *at = ptr;

	while (len > 0) {
		const ssize_t n = pread(fd, at, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

struct loader {
	struct state *st;
	int fd;
	uint64_t len, off, seq;
	uint8_t *buf;
	size_t cap;
	bool is_bad;
};

/* One frame. 1: loaded; 0: what follows does not count; -errno. */
static int load_next(struct loader *l)
{
	struct frame_hdr h;
	int rc;

	if (l->len - l->off < sizeof(h))
		return 0;
	rc = read_at(l->fd, &h, sizeof(h), l->off);
	if (rc < 0)
		return rc;
	const uint64_t left = l->len - l->off - sizeof(h);
	if (h.magic != FRAME_MAGIC || h.len > FRAME_MAX || h.seq <= l->seq) {
		l->is_bad = true;
		return 0;
	}
	if (h.len > left)
		return 0;
	if (h.len > l->cap) {
		uint8_t *buf = realloc(l->buf, h.len);
		if (buf == NULL)
			return -ENOMEM;
		l->buf = buf;
		l->cap = h.len;
	}
	rc = read_at(l->fd, l->buf, h.len, l->off + sizeof(h));
	if (rc < 0)
		return rc;
	if (log_frame_crc(h, l->buf) != h.crc32c) {
		/*
		 * The last frame may have been cut by a power failure; an earlier one has rotted.
		 */
		l->is_bad = h.len < left;
		return 0;
	}
	if (!load_frame(l->st, slice_of(l->buf, h.len))) {
		l->is_bad = true;
		return 0;
	}
	l->seq = h.seq;
	l->off += sizeof(h) + h.len;
	return 1;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* A file that does not begin as ours: start over. */
static int start_over(struct loader *l)
{
	const struct log_hdr h = {.magic = LOG_MAGIC};

	if (ftruncate(l->fd, 0) < 0 || write(l->fd, &h, sizeof(h)) != (ssize_t)sizeof(h))
		return -EIO;
	l->is_bad = l->len > 0;
	l->len = l->off = sizeof(h);
	return 0;
}

int log_load(struct state *st, int fd, struct state_log_stats *stats, uint64_t *ret_seq,
	     bool *ret_is_bad)
{
	const uint64_t begin_us = now_us();
	struct loader l = {.st = st, .fd = fd, .off = sizeof(struct log_hdr)};
	struct log_hdr h;
	struct stat sb;
	int rc;

	if (fstat(fd, &sb) < 0)
		return -errno;
	l.len = (uint64_t)sb.st_size;
	if (l.len < sizeof(h) || read_at(fd, &h, sizeof(h), 0) < 0 ||
	    memcmp(h.magic, LOG_MAGIC, sizeof(h.magic)) != 0) {
		rc = start_over(&l);
		if (rc < 0)
			return rc;
	}
	while ((rc = load_next(&l)) > 0)
		stats->load_frames++;
	free(l.buf);
	if (rc < 0)
		return rc;
	if (l.off < l.len) {
		stats->torn_bytes = l.len - l.off;
		if (ftruncate(fd, (off_t)l.off) < 0)
			return -errno;
	}
	/* The publisher starts with all there is: nothing of the load is a change. */
	st->nb_gone = st->next_gone = 0;
	st->counts.deleted = 0;
	stats->bad_frames = l.is_bad;
	stats->load_us = now_us() - begin_us;
	*ret_seq = l.seq;
	*ret_is_bad = l.is_bad;
	return 0;
}
