/* SPDX-License-Identifier: BSD-3-Clause */

#include "cli/debug_stream.h"

#include "cli/api.h"
#include "cli/interrupt.h"
#include "cli/shell.h"
#include "cli/text.h"
#include "cli/ws_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server's longest line is a payload of 256 KiB; what goes beyond this is cut into lines. */
#define LINE_MAX_LEN (1u << 20)
#define SLICE_MS 100

struct debug_stream {
	struct ws_client *ws;
	bool is_json;
	char *line; /* that has no end yet */
	size_t len, cap;
};

static int print_line(struct debug_stream *s)
{
	if (s->is_json) {
		json_t *j = json_pack("{s:o}", "line", json_stringn_nocheck(s->line, s->len));
		char *text = text_json(j);

		json_decref(j);
		if (text == NULL)
			return -ENOMEM;
		/* One record a line, whatever the indent of other answers. */
		for (char *p = text; *p != '\0'; p++)
			putchar(*p == '\n' ? ' ' : *p);
		putchar('\n');
		free(text);
	} else {
		text_clean(s->line, s->len, false);
		(void)fwrite(s->line, 1, s->len, stdout);
		putchar('\n');
	}
	s->len = 0;
	return ferror(stdout) ? -EIO : 0;
}

static int add(struct debug_stream *s, const char *p, size_t n)
{
	if (s->len + n > s->cap) {
		const size_t cap = s->len + n + 4096;
		char *line = realloc(s->line, cap);

		if (line == NULL)
			return -ENOMEM;
		s->line = line;
		s->cap = cap;
	}
	memcpy(s->line + s->len, p, n);
	s->len += n;
	return 0;
}

static int on_text(void *user, const char *p, size_t len)
{
	struct debug_stream *s = user;
	int rc = 0;

	while (len > 0 && rc == 0) {
		const char *end = memchr(p, '\n', len);
		size_t n = end == NULL ? len : (size_t)(end - p);

		if (n > LINE_MAX_LEN - s->len) {
			n = LINE_MAX_LEN - s->len;
			end = NULL;
		}
		rc = add(s, p, n);
		if (rc == 0 && (end != NULL || s->len == LINE_MAX_LEN))
			rc = print_line(s);
		n += end != NULL;
		p += n;
		len -= n;
	}
	return rc;
}

/* For the shell and for ourselves: what came, as lines. */
static int on_ready(void *user)
{
	struct debug_stream *s = user;
	const int rc = ws_client_read(s->ws, on_text, s);

	if (fflush(stdout) != 0 && rc == 0)
		return -EIO;
	return rc;
}

static void on_close(void *user)
{
	struct debug_stream *s = user;

	ws_client_close(s->ws);
	free(s->line);
	free(s);
}

static int read_until_end(struct debug_stream *s)
{
	struct pollfd p = {.fd = ws_client_fd(s->ws), .events = POLLIN};
	int rc = 0;

	while (rc >= 0 && !interrupt_is_set())
		if (poll(&p, 1, SLICE_MS) > 0)
			rc = on_ready(s);
	if (rc == -EPROTO || rc == -EMSGSIZE) {
		cli_complain("what the server sends is no stream of text");
		return CLI_BAD_ANSWER;
	}
	if (rc == -EPIPE) {
		cli_complain("the control plane ended the debug output");
		return CLI_UNREACHABLE;
	}
	return rc < 0 ? CLI_BAD_ANSWER : CLI_INTERRUPTED;
}

/* Somebody who waits for lines of which none can come should know. */
static void tell_if_all_off(struct cli *cli)
{
	json_t *j = NULL;

	cli_be_quiet(true);
	if (api_get(cli, "/api/v1/debug", &j) == CLI_OK &&
	    json_integer_value(json_object_get(j, "fcnacd")) == 0 &&
	    json_array_size(json_object_get(json_object_get(j, "wad"), "category")) == 0)
		(void)fprintf(stderr,
			      "Nothing is switched on yet: diagnose debug application fcnacd "
			      "-1, or diagnose wad debug enable category policy.\n");
	cli_be_quiet(false);
	json_decref(j);
}

int debug_stream_start(struct cli *cli)
{
	struct debug_stream *s;
	struct ws_client *ws;
	int rc;

	if (shell_is_following(cli))
		return CLI_OK;
	rc = api_listen(cli, "/api/v1/debug/stream", &ws);
	if (rc != CLI_OK)
		return rc;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		ws_client_close(ws);
		return CLI_BAD_ANSWER;
	}
	s->ws = ws;
	s->is_json = cli->is_json;
	tell_if_all_off(cli);
	if (ws_client_has_more(ws))
		(void)on_ready(s);
	if (shell_follow(cli, ws_client_fd(ws), on_ready, on_close, s))
		return CLI_OK;
	rc = read_until_end(s);
	on_close(s);
	return rc;
}

void debug_stream_stop(struct cli *cli)
{
	shell_unfollow(cli);
}
