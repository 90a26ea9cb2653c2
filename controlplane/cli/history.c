/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "history"

/* Make every folder of <path>; those that are ours alone are for us alone. */
static bool make_folders(char *path)
{
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		const int rc = mkdir(path, 0700);

		*p = '/';
		if (rc < 0 && errno != EEXIST)
			return false;
	}
	return true;
}

static bool path_of(const char *name, char ret[static PATH_MAX])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (state != NULL && state[0] == '/')
		n = snprintf(ret, PATH_MAX, "%s/tagwarden/%s", state, name);
	else if (home != NULL && home[0] == '/')
		n = snprintf(ret, PATH_MAX, "%s/.local/state/tagwarden/%s", home, name);
	else
		return false;
	return n > 0 && n < PATH_MAX;
}

FILE *user_file_open(const char *name, const char *mode)
{
	const int flags = mode[0] == 'r'   ? O_RDONLY
			  : mode[0] == 'a' ? O_WRONLY | O_CREAT | O_APPEND
					   : O_WRONLY | O_CREAT | O_TRUNC;
	char path[PATH_MAX];
	struct stat st;
	FILE *f;
	int fd;

	if (!path_of(name, path) || (mode[0] != 'r' && !make_folders(path)))
		return NULL;
	/* Not through a link, which could make us write elsewhere with root's rights. */
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (mode[0] != 'r' && fchmod(fd, 0600) < 0)) {
		close(fd);
		return NULL;
	}
	f = fdopen(fd, mode);
	if (f == NULL)
		close(fd);
	return f;
}

bool history_is_kept(const char *line)
{
	static const char *const secret[] = {"token", "passw", "secret", "bearer", "--key"};

	line += strspn(line, " \t");
	if (line[0] == '\0' || line[0] == '#' || strchr(line, '\n') != NULL)
		return false;
	for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
		if (strcasestr(line, secret[i]) != NULL)
			return false;
	return true;
}

struct ring {
	char *line[HISTORY_LINES];
	size_t nb;
};

static void read_all(struct ring *r, FILE *f)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, f)) > 0) {
		char **slot = &r->line[r->nb % HISTORY_LINES];

		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (!history_is_kept(line))
			continue;
		free(*slot);
		*slot = strdup(line);
		if (*slot == NULL)
			break;
		r->nb++;
	}
	free(line);
}

static void write_all(const struct ring *r, size_t first)
{
	FILE *f = user_file_open(FILE_NAME, "w");

	if (f == NULL)
		return;
	for (size_t i = first; i < r->nb; i++)
		if (r->line[i % HISTORY_LINES] != NULL)
			(void)fprintf(f, "%s\n", r->line[i % HISTORY_LINES]);
	(void)fclose(f);
}

void history_load(void (*on_line)(void *user, const char *line), void *user)
{
	FILE *f = user_file_open(FILE_NAME, "r");
	struct ring *r = calloc(1, sizeof(*r));
	size_t first;

	if (f != NULL && r != NULL) {
		read_all(r, f);
		first = r->nb > HISTORY_LINES ? r->nb - HISTORY_LINES : 0;
		for (size_t i = first; i < r->nb; i++)
			if (r->line[i % HISTORY_LINES] != NULL)
				on_line(user, r->line[i % HISTORY_LINES]);
		/* Bounded: it is written anew once it is twice as long. */
		if (r->nb > 2u * HISTORY_LINES)
			write_all(r, first);
	}
	for (size_t i = 0; r != NULL && i < HISTORY_LINES; i++)
		free(r->line[i]);
	free(r);
	if (f != NULL)
		(void)fclose(f);
}

void history_add(const char *line)
{
	FILE *f;

	if (!history_is_kept(line))
		return;
	f = user_file_open(FILE_NAME, "a");
	if (f == NULL)
		return;
	(void)fprintf(f, "%s\n", line);
	(void)fclose(f);
}
