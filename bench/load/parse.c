/* SPDX-License-Identifier: BSD-3-Clause */

#include "bench/load/parse.h"

#include <errno.h>

#define MAX_CORE 1023u

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at <*s>, which then points behind them. */
static int take_digits(const char **s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!is_digit(**s))
		return -EINVAL;
	for (; is_digit(**s); (*s)++) {
		const uint64_t digit = (uint64_t)(**s - '0');

		if (n > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		n = n * 10 + digit;
	}
	*ret = n;
	return 0;
}

/* k or M at the end of the word, as a factor. */
static int take_suffix(const char *s, uint64_t k, uint64_t *ret)
{
	const uint64_t factor = *s == 'k' || *s == 'K' ? k : *s == 'M' ? k * k : 1;

	if (s[factor != 1] != '\0')
		return -EINVAL;
	*ret = factor;
	return 0;
}

static int parse_scaled(const char *s, uint64_t k, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t n, factor;
	int rc = take_digits(&s, &n);

	if (rc == 0)
		rc = take_suffix(s, k, &factor);
	if (rc < 0)
		return rc;
	if (n > max / factor || n * factor < min)
		return -ERANGE;
	*ret = n * factor;
	return 0;
}

int load_parse_count(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	return parse_scaled(s, 1000, min, max, ret);
}

int load_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	return parse_scaled(s, 1024, min, max, ret);
}

/* A number at <*s> with or without a fraction; at most nine digits of that count. */
static int take_real(const char **s, double *ret)
{
	uint64_t whole = 0;
	double part = 0, unit = 0.1;
	int rc;

	if (**s != '.') {
		rc = take_digits(s, &whole);
		if (rc < 0)
			return rc;
	}
	if (**s == '.') {
		(*s)++;
		if (!is_digit(**s))
			return -EINVAL;
		for (; is_digit(**s); (*s)++, unit /= 10)
			part += (**s - '0') * unit;
	}
	*ret = (double)whole + part;
	return 0;
}

int load_parse_real(const char *s, double min, double max, double *ret)
{
	uint64_t factor;
	double v;
	int rc = take_real(&s, &v);

	if (rc == 0)
		rc = take_suffix(s, 1000, &factor);
	if (rc < 0)
		return rc;
	v *= (double)factor;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* The piece of a list at <s>, in <buf>; returns what follows it, NULL: it is too long. */
static const char *take_piece(const char *s, char *buf, size_t cap)
{
	const size_t len = strcspn(s, ",");

	if (len >= cap)
		return NULL;
	memcpy(buf, s, len);
	buf[len] = '\0';
	return s + len;
}

int load_parse_rates(const char *s, double *ret, uint32_t cap, uint32_t *ret_nb)
{
	char word[32];
	uint32_t nb = 0;

	for (;; s++) {
		s = take_piece(s, word, sizeof(word));
		if (s == NULL)
			return -EINVAL;
		if (nb == cap)
			return -ERANGE;

		/* Above, nothing in one machine sends; below, a window has no request. */
		const int rc = load_parse_real(word, 0.01, 1e8, &ret[nb]);

		if (rc < 0)
			return rc;
		nb++;
		if (*s == '\0')
			break;
	}
	*ret_nb = nb;
	return 0;
}

static int add_core(uint64_t core, uint16_t *cores, uint32_t cap, uint32_t *nb)
{
	if (core > MAX_CORE || *nb == cap)
		return -ERANGE;
	for (uint32_t i = 0; i < *nb; i++)
		if (cores[i] == core)
			return -EINVAL;
	cores[(*nb)++] = (uint16_t)core;
	return 0;
}

int load_parse_cores(const char *s, uint16_t *ret, uint32_t cap, uint32_t *ret_nb)
{
	uint32_t nb = 0;

	for (;; s++) {
		uint64_t first, last;
		int rc = take_digits(&s, &first);

		last = first;
		if (rc == 0 && *s == '-') {
			s++;
			rc = take_digits(&s, &last);
		}
		if (rc == 0 && last < first)
			rc = -EINVAL;
		for (uint64_t core = first; rc == 0 && core <= last; core++)
			rc = add_core(core, ret, cap, &nb);
		if (rc < 0)
			return rc;
		if (*s == '\0')
			break;
		if (*s != ',')
			return -EINVAL;
	}
	*ret_nb = nb;
	return 0;
}

int load_parse_endpoint(const char *s, struct load_endpoint *ret)
{
	const char *colon = strrchr(s, ':');
	const char *addr = s;
	size_t len;
	struct load_endpoint e;
	uint64_t port;

	if (colon == NULL || colon == s)
		return -EINVAL;
	len = (size_t)(colon - s);
	if (*s == '[') {
		if (len < 3 || s[len - 1] != ']')
			return -EINVAL;
		addr++;
		len -= 2;
	} else if (memchr(s, ':', len) != NULL) {
		/* An IPv6 address without brackets: where the port begins is a guess. */
		return -EINVAL;
	}
	if (ip_addr_parse(addr, len, &e.addr) < 0)
		return -EINVAL;

	const int rc = load_parse_count(colon + 1, 1, UINT16_MAX, &port);

	if (rc < 0)
		return rc;
	e.port = (uint16_t)port;
	*ret = e;
	return 0;
}

/* "/24" behind an address of <a>'s family. */
static int parse_len(const char *s, const struct ip_addr *a, uint8_t *ret)
{
	const uint64_t bits = ip_addr_is_v4(a) ? 32 : 128;
	uint64_t len;

	if (*s != '/')
		return -EINVAL;

	const int rc = load_parse_count(s + 1, 1, bits, &len);

	if (rc == 0)
		*ret = (uint8_t)(128 - bits + len);
	return rc;
}

int load_parse_prefix(const char *s, struct ip_addr *ret, uint8_t *ret_len)
{
	const size_t len = strcspn(s, "/");
	struct ip_addr a;

	if (ip_addr_parse(s, len, &a) < 0)
		return -EINVAL;

	const int rc = parse_len(s + len, &a, ret_len);

	if (rc == 0)
		*ret = a;
	return rc;
}

static void next_address(struct ip_addr *a)
{
	for (int i = 15; i >= 0; i--)
		if (++a->b[i] != 0)
			return;
}

int load_parse_addresses(const char *s, struct ip_addr *ret, uint32_t cap, uint32_t *ret_nb,
			 uint8_t *ret_len)
{
	const size_t first_len = strcspn(s, "-/");
	struct ip_addr a, last;
	uint32_t nb = 0;
	uint8_t len;
	int rc;

	if (s[first_len] != '-') {
		rc = load_parse_prefix(s, &ret[0], ret_len);
		if (rc == 0)
			*ret_nb = 1;
		return rc;
	}
	if (ip_addr_parse(s, first_len, &a) < 0)
		return -EINVAL;
	rc = load_parse_prefix(s + first_len + 1, &last, &len);
	if (rc < 0)
		return rc;
	if (!ip_addr_has_prefix(&last, &a, len) || memcmp(a.b, last.b, sizeof(a.b)) > 0)
		return -ERANGE;
	for (;; next_address(&a)) {
		if (nb == cap)
			return -ERANGE;
		ret[nb++] = a;
		if (ip_addr_is_equal(&a, &last))
			break;
	}
	*ret_nb = nb;
	*ret_len = len;
	return 0;
}
