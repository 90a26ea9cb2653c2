/* SPDX-License-Identifier: BSD-3-Clause */

#include "logs/log_read.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one line ---- */

struct cursor {
	const char *p, *end;
};

static bool is_key(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool read_key(struct cursor *c, char key[static 32])
{
	size_t n = 0;

	while (c->p < c->end && *c->p == ' ')
		c->p++;
	while (c->p < c->end && is_key(*c->p)) {
		if (n + 1 == 32)
			return false;
		key[n++] = *c->p++;
	}
	key[n] = '\0';
	if (n == 0 || c->p == c->end || *c->p != '=')
		return false;
	c->p++;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows a backslash: itself, or u00XX as traffic.c writes control bytes. */
static char read_escape(struct cursor *c)
{
	const char first = *c->p++;

	if (first != 'u' || c->end - c->p < 4 || c->p[0] != '0' || c->p[1] != '0' ||
	    hex_value(c->p[2]) < 0 || hex_value(c->p[3]) < 0)
		return first;
	c->p += 4;
	return (char)(hex_value(c->p[-2]) << 4 | hex_value(c->p[-1]));
}

/* What does not fit is cut. */
static void read_value(struct cursor *c, char *value, size_t cap)
{
	const bool is_quoted = c->p < c->end && *c->p == '"';
	size_t n = 0;

	c->p += is_quoted;
	while (c->p < c->end && *c->p != (is_quoted ? '"' : ' ')) {
		char one = *c->p++;

		if (is_quoted && one == '\\' && c->p < c->end)
			one = read_escape(c);
		if (n + 1 < cap)
			value[n++] = one;
	}
	value[n] = '\0';
	c->p += is_quoted && c->p < c->end;
}

bool log_field(const char *line, size_t len, size_t i, char key[static 32], char *value, size_t cap)
{
	struct cursor c = {line, line + len};

	do {
		if (!read_key(&c, key))
			return false;
		read_value(&c, value, cap);
	} while (i-- > 0);
	return true;
}

/* clientdevicetags="A/B" is A as well as B. */
static bool value_fits(const char *key, const char *value, const char *want)
{
	const size_t n = strlen(want);

	if (strcmp(value, want) == 0)
		return true;
	if (strcmp(key, "clientdevicetags") != 0)
		return false;
	while (*value != '\0') {
		const size_t len = strcspn(value, "/");

		if (len == n && strncmp(value, want, n) == 0)
			return true;
		value += len + (value[len] == '/');
	}
	return false;
}

/* Bit per filter that <key>=<value> fits. */
static unsigned bits_of(const struct log_query *q, const char *key, const char *value)
{
	unsigned bits = 0;

	for (size_t i = 0; i < q->nb_filters; i++)
		if (strcmp(q->filter[i].key, key) == 0 &&
		    value_fits(key, value, q->filter[i].value))
			bits |= 1u << i;
	return bits;
}

static bool is_all(const struct log_query *q, unsigned bits)
{
	for (size_t i = 0; i < q->nb_filters; i++) {
		bool fits = false;

		for (size_t k = 0; k < q->nb_filters; k++)
			fits |= strcmp(q->filter[i].key, q->filter[k].key) == 0 &&
				(bits & 1u << k) != 0;
		if (!fits)
			return false;
	}
	return true;
}

static unsigned bits_of_json(const struct log_query *q, const char *line, size_t len)
{
	json_t *j = json_loadb(line, len, 0, NULL), *v;
	unsigned bits = 0;
	const char *key;

	json_object_foreach(j, key, v)
	{
		char number[32];

		(void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
		bits |= bits_of(q, key, json_is_string(v) ? json_string_value(v) : number);
	}
	json_decref(j);
	return bits;
}

bool log_line_fits(const struct log_query *q, const char *line, size_t len)
{
	struct cursor c = {line, line + len};
	char key[32], value[1024];
	unsigned bits = 0;

	if (q->nb_filters == 0)
		return true;
	if (len > 0 && line[0] == '{')
		return is_all(q, bits_of_json(q, line, len));
	while (read_key(&c, key)) {
		read_value(&c, value, sizeof(value));
		bits |= bits_of(q, key, value);
	}
	return is_all(q, bits);
}

/* ---- the files ---- */

#define BLOCK (64u * 1024)

struct reader {
	const struct log_query *q;
	void (*on_line)(void *user, const char *line, size_t len);
	void *user;
	size_t nb, bytes;
	struct log_at at; /* everything from there on was looked at */
	int fd;
	char block[BLOCK];
};

static void path_of(const struct log_query *q, unsigned i, char ret[static PATH_MAX + 16])
{
	if (i == 0)
		(void)snprintf(ret, PATH_MAX + 16, "%s", q->path);
	else
		(void)snprintf(ret, PATH_MAX + 16, "%s.%u", q->path, i);
}

/* Which of the files it is by now; -ESTALE: none. */
static int index_of(const struct log_query *q, uint64_t inode)
{
	char path[PATH_MAX + 16];
	struct stat st;

	for (unsigned i = 0; i <= q->keep; i++) {
		path_of(q, i, path);
		if (stat(path, &st) == 0 && st.st_ino == inode)
			return (int)i;
	}
	return -ESTALE;
}

static int open_file(struct reader *r, unsigned i)
{
	char path[PATH_MAX + 16];
	struct stat st;

	path_of(r->q, i, path);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0)
		return -errno;
	if (fstat(r->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(r->fd);
		return -EINVAL;
	}
	r->at = (struct log_at){st.st_ino, (uint64_t)st.st_size};
	return 0;
}

/* One line that ends at <end> within the block of <base>; false: enough was found. */
static bool take_line(struct reader *r, uint64_t base, size_t begin, size_t end)
{
	if (r->nb == r->q->limit)
		return false;
	r->at.offset = base + begin;
	if (end - begin > 0 && end - begin <= LOG_READ_LINE_MAX &&
	    log_line_fits(r->q, r->block + begin, end - begin)) {
		r->on_line(r->user, r->block + begin, end - begin);
		r->nb++;
	}
	return true;
}

/* The block that ends where we are, its last line first. 1: there is more before it, 0: not. */
static int read_block(struct reader *r)
{
	const size_t want = r->at.offset < BLOCK ? (size_t)r->at.offset : BLOCK;
	const uint64_t base = r->at.offset - want;
	const ssize_t n = pread(r->fd, r->block, want, (off_t)base);
	size_t end;

	if (n < 0)
		return -errno;
	if ((size_t)n < want || want == 0)
		return 0;
	r->bytes += want;
	/* What follows the last line feed is not a whole line yet. */
	for (end = want; end > 0 && r->block[end - 1] != '\n'; end--)
		;
	if (end > 0)
		r->at.offset = base + end;
	while (end > 0) {
		size_t begin = end - 1;

		while (begin > 0 && r->block[begin - 1] != '\n')
			begin--;
		/* It may begin before the block. */
		if (begin == 0 && base > 0)
			break;
		if (!take_line(r, base, begin, end - 1))
			return 1;
		end = begin;
	}
	/* Nothing was gained, so this line is longer than a block: over it. */
	if (r->at.offset == base + want)
		r->at.offset = base;
	return r->at.offset > 0;
}

static bool is_enough(const struct reader *r)
{
	return r->nb == r->q->limit || r->bytes >= LOG_READ_BYTES;
}

/* From where we are to the beginning of the oldest file. */
static int read_files(struct reader *r, unsigned i)
{
	int rc = 1;

	while (!is_enough(r) && rc > 0)
		rc = read_block(r);
	while (rc == 0 && !is_enough(r)) {
		/* Meanwhile the names may have moved on by one. */
		const int was = index_of(r->q, r->at.inode);

		i = was < 0 ? i : (unsigned)was;
		close(r->fd);
		r->fd = -1;
		if (++i > r->q->keep || open_file(r, i) < 0) {
			r->at = (struct log_at){0};
			return 0;
		}
		for (rc = 1; !is_enough(r) && rc > 0;)
			rc = read_block(r);
	}
	return rc < 0 ? rc : 0;
}

int log_read(const struct log_query *q, void (*on_line)(void *user, const char *line, size_t len),
	     void *user, struct log_at *ret_next)
{
	const int first = q->from.inode != 0 ? index_of(q, q->from.inode) : 0;
	struct reader *r;
	int rc;

	*ret_next = (struct log_at){0};
	if (first < 0)
		return first;
	r = malloc(sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	*r = (struct reader){.q = q, .on_line = on_line, .user = user, .fd = -1};
	rc = open_file(r, (unsigned)first);
	if (rc == 0 && q->from.inode != 0 && q->from.offset < r->at.offset)
		r->at.offset = q->from.offset;
	if (rc == 0)
		rc = read_files(r, (unsigned)first);
	if (rc == 0)
		*ret_next = r->at;
	if (r->fd >= 0)
		close(r->fd);
	free(r);
	return rc;
}
