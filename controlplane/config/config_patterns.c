/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The url_maps of an access proxy as one Hyperscan database (block mode): pattern id = index
 * into the gateways in order of their id, so that the smallest id that matches and whose virtual
 * host fits is the gateway. Compiled here, once per document; the data plane deserializes.
 *
 *	sub-string  the literal, anywhere in the normalized path
 *	wildcard    the whole path; * any bytes, ? one byte
 *	regex       as Hyperscan reads PCRE, anywhere in the path unless anchored
 */

#include "config/config_pool.h"
#include "config/config_read.h"

#include <hs.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Case matters in paths (RFC 3986 6.2.2.1). DOTALL: a path has no lines. */
#define PATTERN_FLAGS (HS_FLAG_SINGLEMATCH | HS_FLAG_DOTALL | HS_FLAG_ALLOWEMPTY)
#define PATTERN_MAX (511u * 4 + 16) /* each byte of a url_map becomes at most four */

/* Any x86-64-v2: the data plane's core need not be of the kind that compiles. */
static const hs_platform_info_t any_platform = {.tune = HS_TUNE_FAMILY_GENERIC};

static void put(char *buf, size_t *len, const char *s)
{
	size_t n = strlen(s);

	memcpy(buf + *len, s, n + 1);
	*len += n;
}

/* <url_map> as a regular expression, in <buf> of PATTERN_MAX bytes. */
static void to_regex(const struct config_gateway *g, char *buf)
{
	static const char hex[] = "0123456789abcdef";
	bool is_wildcard = g->url_map_type == SNAP_URL_WILDCARD;
	size_t len = 0;

	buf[0] = '\0';
	if (is_wildcard)
		put(buf, &len, "\\A");
	for (const char *s = g->url_map; *s != '\0'; s++) {
		unsigned char b = (unsigned char)*s;
		if (g->url_map_type == SNAP_URL_REGEX)
			put(buf, &len, (const char[]){*s, '\0'});
		else if (is_wildcard && *s == '*')
			put(buf, &len, ".*");
		else if (is_wildcard && *s == '?')
			put(buf, &len, ".");
		else
			put(buf, &len, (const char[]){'\\', 'x', hex[b >> 4], hex[b & 15], '\0'});
	}
	if (is_wildcard)
		put(buf, &len, "\\z");
}

struct pattern_set {
	char **regex;
	unsigned *flags;
	unsigned *ids;
	unsigned nb;
};

static void say(struct config_errors *errs, unsigned proxy, const struct config_gateway *g,
		const hs_compile_error_t *e)
{
	struct config_path at =
		config_path("access_proxies[%u].api_gateways[%u].url_map", proxy, g->doc_idx);

	config_error(errs, &at, "\"%.80s\" does not compile: %s", g->url_map,
		     e == NULL || e->message == NULL ? "out of memory" : e->message);
}

/* Each on its own first: hs_compile_multi() stops at the first that is wrong. */
static bool is_each_valid(const struct pattern_set *set, const struct config_access_proxy *p,
			  unsigned proxy, struct config_errors *errs)
{
	bool is_valid = true;

	for (unsigned i = 0; i < set->nb; i++) {
		hs_expr_info_t *info = NULL;
		hs_compile_error_t *e = NULL;
		if (hs_expression_info(set->regex[i], PATTERN_FLAGS, &info, &e) != HS_SUCCESS) {
			say(errs, proxy, &p->gateways[i], e);
			is_valid = false;
		}
		free(info);
		hs_free_compile_error(e);
	}
	return is_valid;
}

static int serialize(struct config *cfg, const hs_database_t *db, struct slice *ret)
{
	char *bytes = NULL;
	size_t len = 0;

	if (hs_serialize_database(db, &bytes, &len) != HS_SUCCESS)
		return -ENOMEM;
	struct slice s = config_pool_bytes(cfg, bytes, len);
	free(bytes);
	if (s.ptr == NULL)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static int compile_set(struct config *cfg, unsigned proxy, const struct pattern_set *set,
		       struct config_errors *errs)
{
	struct config_access_proxy *p = &cfg->proxies[proxy];
	hs_database_t *db = NULL;
	hs_compile_error_t *e = NULL;
	int rc = 0;

	if (!is_each_valid(set, p, proxy, errs))
		return 0;
	if (hs_compile_multi((const char *const *)set->regex, set->flags, set->ids, set->nb,
			     HS_MODE_BLOCK, &any_platform, &db, &e) == HS_SUCCESS)
		rc = serialize(cfg, db, &p->patterns);
	else
		say(errs, proxy, &p->gateways[e != NULL && e->expression >= 0 ? e->expression : 0],
		    e);
	hs_free_compile_error(e);
	hs_free_database(db);
	return rc;
}

static int compile_proxy(struct config *cfg, unsigned proxy, struct config_errors *errs)
{
	const struct config_access_proxy *p = &cfg->proxies[proxy];
	struct pattern_set set = {.nb = p->nb_gateways};
	int rc = -ENOMEM;

	if (set.nb == 0)
		return 0;
	set.regex = calloc(set.nb, sizeof(*set.regex));
	set.flags = calloc(set.nb, sizeof(*set.flags));
	set.ids = calloc(set.nb, sizeof(*set.ids));
	char *text = calloc(set.nb, PATTERN_MAX);
	if (set.regex != NULL && set.flags != NULL && set.ids != NULL && text != NULL) {
		for (unsigned i = 0; i < set.nb; i++) {
			set.regex[i] = text + (size_t)i * PATTERN_MAX;
			to_regex(&p->gateways[i], set.regex[i]);
			set.flags[i] = PATTERN_FLAGS;
			set.ids[i] = i;
		}
		rc = compile_set(cfg, proxy, &set, errs);
	}
	free(text);
	free(set.ids);
	free(set.flags);
	free(set.regex);
	return rc;
}

int config_patterns_compile(struct config *cfg, struct config_errors *errs)
{
	for (unsigned i = 0; i < cfg->nb_proxies; i++) {
		int rc = compile_proxy(cfg, i, errs);
		if (rc < 0)
			return rc;
	}
	return 0;
}
