/* SPDX-License-Identifier: BSD-3-Clause */

#include "history/history_config.h"

#include "common/base/crc32c.h"
#include "common/log/log.h"
#include "common/snap/snap.h"
#include "history/history_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

LOG_TYPE("history");

struct history_config *history_config_new(const struct snap_config *config, size_t len)
{
	/* A name for the bytes, not a defence: the key may be known. */
	static const uint64_t key[2] = {0x68697374, 0x6f727963};
	struct history_config *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->config = malloc(len);
	if (c->config == NULL) {
		free(c);
		return NULL;
	}
	memcpy(c->config, config, len);
	c->len = len;
	c->generation = config->generation;
	c->config->generation = 0;
	c->hash = snap_siphash(key, c->config, len);
	c->config->generation = c->generation;
	atomic_init(&c->refs, 1);
	return c;
}

struct history_config *history_config_ref(struct history_config *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void history_config_unref(struct history_config *c)
{
	/* Pairs with the other releases: whoever is last sees what all did before. */
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(c->config);
	free(c);
}

/* ---- files ---- */

#define MAGIC 0x3147464354534957u
#define FILES_MAX 64u
#define FILES_MAX_BYTES (64u << 20)
#define LEN_MAX (32u << 20)

struct file_hdr {
	uint64_t magic;
	uint32_t abi;
	uint32_t crc; /* of the configuration */
	uint64_t len;
};

static bool path_of(const char *dir, uint64_t hash, const char *end, char *ret, size_t cap)
{
	const int n =
		snprintf(ret, cap, "%s/config-%016llx.%s", dir, (unsigned long long)hash, end);

	return n > 0 && (size_t)n < cap;
}

struct old_file {
	char name[40];
	uint64_t size;
	time_t at;
};

static int by_age(const void *a, const void *b)
{
	const struct old_file *x = a, *y = b;

	return x->at > y->at ? -1 : x->at < y->at;
}

/* Remove the oldest files beyond what may be kept. */
static void trim(const char *dir)
{
	struct old_file file[2 * FILES_MAX];
	DIR *d = opendir(dir);
	const struct dirent *e;
	uint64_t total = 0;
	size_t nb = 0;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL && nb < 2 * FILES_MAX) {
		struct stat st;

		if (strncmp(e->d_name, "config-", 7) != 0 || strlen(e->d_name) != 27 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		(void)snprintf(file[nb].name, sizeof(file[nb].name), "%.30s", e->d_name);
		file[nb].size = (uint64_t)st.st_size;
		file[nb++].at = st.st_mtime;
	}
	qsort(file, nb, sizeof(*file), by_age);
	for (size_t i = 0; i < nb; i++) {
		total += file[i].size;
		if (i >= FILES_MAX || (i > 0 && total > FILES_MAX_BYTES))
			(void)unlinkat(dirfd(d), file[i].name, 0);
	}
	closedir(d);
}

static bool write_file(const char *path, const struct history_config *c)
{
	const struct file_hdr h = {
		.magic = MAGIC, .abi = SNAP_ABI, .crc = crc32c(c->config, c->len), .len = c->len};
	FILE *f = fopen(path, "wxe");

	if (f == NULL)
		return false;
	bool is_ok = fwrite(&h, sizeof(h), 1, f) == 1 && fwrite(c->config, c->len, 1, f) == 1;
	is_ok = fclose(f) == 0 && is_ok;
	return is_ok;
}

void history_config_save(const char *dir, const struct history_config *c)
{
	char path[4200], temp[4200];
	struct stat st;

	if (!path_of(dir, c->hash, "bin", path, sizeof(path)) ||
	    !path_of(dir, c->hash, "new", temp, sizeof(temp)))
		return;
	/* In force again: it is the youngest again. One that lost its end is made anew. */
	if (stat(path, &st) == 0 && (uint64_t)st.st_size == sizeof(struct file_hdr) + c->len &&
	    utimensat(AT_FDCWD, path, NULL, 0) == 0)
		return;
	trim(dir);
	(void)unlink(temp);
	if (!write_file(temp, c) || rename(temp, path) < 0) {
		LOG(WARN, "a configuration cannot be kept path=%s error=\"%s\"", path,
		    strerror(errno));
		(void)unlink(temp);
	}
}

static struct history_config *read_file(FILE *f, uint64_t hash)
{
	struct history_config *c = NULL;
	struct snap_config *config;
	struct file_hdr h;

	if (fread(&h, sizeof(h), 1, f) != 1 || h.magic != MAGIC || h.abi != SNAP_ABI ||
	    h.len < sizeof(*config) || h.len > LEN_MAX)
		return NULL;
	config = malloc(h.len);
	if (config == NULL)
		return NULL;
	if (fread(config, h.len, 1, f) == 1 && crc32c(config, h.len) == h.crc &&
	    snap_config_check(config, h.len, NULL) == 0)
		c = history_config_new(config, h.len);
	free(config);
	if (c != NULL && c->hash != hash) {
		history_config_unref(c);
		c = NULL;
	}
	return c;
}

struct history_config *history_config_load(const char *dir, uint64_t hash)
{
	struct history_config *c;
	char path[4200];
	FILE *f;

	if (!path_of(dir, hash, "bin", path, sizeof(path)))
		return NULL;
	f = fopen(path, "re");
	if (f == NULL)
		return NULL;
	c = read_file(f, hash);
	fclose(f);
	return c;
}
