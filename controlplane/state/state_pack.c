/* SPDX-License-Identifier: BSD-3-Clause */

#include "state/state_priv.h"

#define LEN_AS_FIELD 255u /* in place of a route's length: the same as the device's IP or MAC */

static const bool is_shared[STATE_F__COUNT] = {
#define STATE_FIELD(sym, key, label, shared) [STATE_F_##sym] = shared,
#include "state/state_field.def"
#undef STATE_FIELD
};

/* ---- packing: the worst case fits PACK_MAX, so nothing is checked ---- */

static_assert((STATE_F__COUNT + 6 * STATE_MAX_ROUTES) * (STATE_FIELD_MAX + 8) < PACK_MAX,
	      "the worst case fits");

struct packer {
	struct state *st;
	uint8_t *at;
};

static void put_varint(struct packer *p, uint32_t v)
{
	while (v >= 0x80) {
		*p->at++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p->at++ = (uint8_t)v;
}

static void put_inline(struct packer *p, struct slice s)
{
	*p->at++ = (uint8_t)s.len;
	if (s.len > 0)
		memcpy(p->at, s.ptr, s.len);
	p->at += s.len;
}

static bool share(struct packer *p, struct slice s, uint32_t *ret_id)
{
	bool is_new;

	if (strs_put(&p->st->strs, s, ret_id, &is_new) < 0)
		return false;
	if (is_new)
		log_note_str(p->st->log, *ret_id, s);
	return true;
}

static struct slice cut(struct slice s)
{
	return slice_of(s.ptr, s.len > STATE_FIELD_MAX ? STATE_FIELD_MAX : s.len);
}

static void put_ref(struct packer *p, struct slice s)
{
	uint32_t id;

	s = cut(s);
	if (share(p, s, &id)) {
		put_varint(p, id + 1);
	} else {
		*p->at++ = 0;
		put_inline(p, s);
	}
}

static void put_or_as_field(struct packer *p, struct slice s, struct slice field)
{
	s = cut(s);
	if (s.len > 0 && slice_is_equal(s, cut(field)))
		*p->at++ = LEN_AS_FIELD;
	else
		put_inline(p, s);
}

uint32_t state_pack(struct state *st, const struct state_sysinfo *s, uint8_t ret[static PACK_MAX])
{
	struct packer p = {st, ret};

	for (uint32_t f = 0; f < STATE_F__COUNT; f++) {
		const struct slice v = cut(s->field[f]);
		uint32_t id;
		if (v.len == 0)
			continue;
		if (is_shared[f] && share(&p, v, &id)) {
			*p.at++ = (uint8_t)(f | PACK_SHARED);
			put_varint(&p, id);
		} else {
			*p.at++ = (uint8_t)f;
			put_inline(&p, v);
		}
	}
	for (uint32_t i = 0; i < s->nb_routes && i < STATE_MAX_ROUTES; i++) {
		const struct state_route *r = &s->route[i];
		*p.at++ = PACK_ROUTE;
		put_ref(&p, r->gateway_sn);
		put_ref(&p, r->interface);
		put_ref(&p, r->vdom);
		put_ref(&p, r->type);
		put_or_as_field(&p, r->ip, s->field[STATE_F_IP]);
		put_or_as_field(&p, r->mac, s->field[STATE_F_MAC]);
	}
	return (uint32_t)(p.at - ret);
}

/* ---- unpacking: every step is checked, an error is sticky ---- */

struct unpacker {
	const struct strs *strs;
	const uint8_t *at, *end;
	bool is_bad;
};

static uint8_t get_byte(struct unpacker *u)
{
	if (u->at == u->end) {
		u->is_bad = true;
		return 0;
	}
	return *u->at++;
}

static uint32_t get_varint(struct unpacker *u)
{
	uint32_t v = 0;

	for (unsigned shift = 0; shift < 28; shift += 7) {
		const uint8_t byte = get_byte(u);
		v |= (uint32_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return v;
	}
	u->is_bad = true;
	return 0;
}

static struct slice get_bytes(struct unpacker *u, size_t len)
{
	if (len > (size_t)(u->end - u->at)) {
		u->is_bad = true;
		return SLICE_EMPTY;
	}
	const struct slice s = slice_of(u->at, len);
	u->at += len;
	return s;
}

static struct slice get_shared(struct unpacker *u, uint32_t id)
{
	if (u->is_bad || id >= u->strs->nb) {
		u->is_bad = true;
		return SLICE_EMPTY;
	}
	return u->strs->str[id];
}

static struct slice get_ref(struct unpacker *u)
{
	const uint32_t v = get_varint(u);

	return v > 0 ? get_shared(u, v - 1) : get_bytes(u, get_byte(u));
}

static struct slice get_or_as_field(struct unpacker *u, struct slice field)
{
	const uint8_t len = get_byte(u);

	return len == LEN_AS_FIELD ? field : get_bytes(u, len);
}

static void get_route(struct unpacker *u, struct state_device *d)
{
	struct state_route *r = &d->route[d->nb_routes];

	*r = (struct state_route){
		.gateway_sn = get_ref(u),
	};
	r->interface = get_ref(u);
	r->vdom = get_ref(u);
	r->type = get_ref(u);
	r->ip = get_or_as_field(u, d->field[STATE_F_IP]);
	r->mac = get_or_as_field(u, d->field[STATE_F_MAC]);
	d->nb_routes++;
}

bool state_unpack(const struct strs *p, const uint8_t *ptr, uint32_t len, struct state_device *ret)
{
	struct unpacker u = {.strs = p, .at = ptr, .end = ptr + len};

	ret->nb_routes = 0;
	for (uint32_t f = 0; f < STATE_F__COUNT; f++)
		ret->field[f] = SLICE_EMPTY;
	while (u.at < u.end && !u.is_bad) {
		const uint8_t head = get_byte(&u);
		const uint8_t f = head & 0x7f;
		if (head == PACK_ROUTE && ret->nb_routes < STATE_MAX_ROUTES)
			get_route(&u, ret);
		else if (f >= STATE_F__COUNT)
			return false;
		else if ((head & PACK_SHARED) != 0)
			ret->field[f] = get_shared(&u, get_varint(&u));
		else
			ret->field[f] = get_bytes(&u, get_byte(&u));
	}
	return !u.is_bad;
}

/* ---- time ---- */

static bool get_digits(struct slice s, size_t at, size_t nb, uint32_t *ret)
{
	uint32_t v = 0;

	if (at + nb > s.len)
		return false;
	for (size_t i = at; i < at + nb; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(s.ptr[i] - '0');
	}
	*ret = v;
	return true;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; year >= 1970. */
static uint64_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
	const uint64_t y = month <= 2 ? year - 1 : year;
	const uint64_t m = month <= 2 ? month + 9 : month - 3; /* March is 0 */

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

uint64_t state_time_parse(struct slice s)
{
	uint32_t year, month, day, hour, min, sec, frac = 0;

	if (s.len < 19 || s.ptr[4] != '-' || s.ptr[7] != '-' || s.ptr[13] != ':' ||
	    s.ptr[16] != ':' || (s.ptr[10] != ' ' && s.ptr[10] != 'T'))
		return 0;
	if (!get_digits(s, 0, 4, &year) || !get_digits(s, 5, 2, &month) ||
	    !get_digits(s, 8, 2, &day) || !get_digits(s, 11, 2, &hour) ||
	    !get_digits(s, 14, 2, &min) || !get_digits(s, 17, 2, &sec))
		return 0;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
	    min > 59 || sec > 60)
		return 0;
	if (s.len > 20 && s.ptr[19] == '.') {
		const size_t nb = s.len - 20 > 7 ? 7 : s.len - 20;
		if (!get_digits(s, 20, nb, &frac))
			return 0;
		for (size_t i = nb; i < 7; i++)
			frac *= 10;
	}
	const uint64_t secs = ((days_of(year, month, day) * 24 + hour) * 60 + min) * 60 + sec;
	return secs * 10000000 + frac;
}

static void put_digits(char *at, unsigned nb, uint64_t v)
{
	while (nb-- > 0) {
		at[nb] = (char)('0' + v % 10);
		v /= 10;
	}
}

struct slice state_time_emit(uint64_t ticks, char ret[static STATE_TIME_STRLEN + 1])
{
	if (ticks == 0) {
		ret[0] = '\0';
		return SLICE_EMPTY;
	}
	const uint64_t secs = ticks / 10000000;
	const uint64_t in_day = secs % 86400;
	/* Days to a date: eras of 400 years that begin in March. */
	const uint64_t z = secs / 86400 + 719468;
	const uint64_t doe = z % 146097;
	const uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const uint64_t mp = (5 * doy + 2) / 153;
	const uint64_t month = mp < 10 ? mp + 3 : mp - 9;
	memcpy(ret, "0000-00-00 00:00:00.0000000", 28);
	put_digits(ret, 4, z / 146097 * 400 + yoe + (month <= 2));
	put_digits(ret + 5, 2, month);
	put_digits(ret + 8, 2, doy - (153 * mp + 2) / 5 + 1);
	put_digits(ret + 11, 2, in_day / 3600);
	put_digits(ret + 14, 2, in_day / 60 % 60);
	put_digits(ret + 17, 2, in_day % 60);
	put_digits(ret + 20, 7, ticks % 10000000);
	return slice_of(ret, 27);
}
