/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Feeds files to a fuzz target without libFuzzer, so that the corpus is an ordinary unit test with
 * any compiler and sanitizer. Arguments are files or folders; folders are read one level deep.
 * Each input is copied into a heap block of its exact size: one byte too far is a finding.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay_file(const char *path, size_t len)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return -errno;

	int rc = 0;
	uint8_t *data = malloc(len > 0 ? len : 1);
	if (data == NULL || fread(data, 1, len, f) != len)
		rc = -EIO;
	else
		LLVMFuzzerTestOneInput(data, len);
	free(data);
	fclose(f);
	return rc;
}

static int replay_path(const char *path, unsigned *nb_inputs);

static int replay_folder(const char *path, unsigned *nb_inputs)
{
	DIR *dir = opendir(path);
	if (dir == NULL)
		return -errno;

	int rc = 0;
	const struct dirent *e;
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		char name[4096];
		if (e->d_name[0] == '.')
			continue;
		int n = snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		rc = n < 0 || (size_t)n >= sizeof(name) ? -ENAMETOOLONG
							: replay_path(name, nb_inputs);
	}
	closedir(dir);
	return rc;
}

static int replay_path(const char *path, unsigned *nb_inputs)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return replay_folder(path, nb_inputs);
	(*nb_inputs)++;
	return replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	unsigned nb_inputs = 0;

	for (int i = 1; i < argc; i++) {
		int rc = replay_path(argv[i], &nb_inputs);
		if (rc < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], strerror(-rc));
			return 1;
		}
	}
	printf("%u inputs\n", nb_inputs);
	/* An empty corpus would pass without having tested anything. */
	return nb_inputs > 0 ? 0 : 1;
}
