/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line as a client of a running simulator's admin socket. */
#include "emsim/buf.h"
#include "emsim/certs.h"
#include "emsim/cli.h"
#include "emsim/synth.h"

#include <jansson.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	UID_TEXT = 32
};

static int connect_to(const char *dir)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, n;

	n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/emsim.sock", dir);
	if (n < 0 || (size_t)n >= sizeof(sa.sun_path)) {
		fprintf(stderr, "emsim: the path of %s is too long for a socket\n", dir);
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		fprintf(stderr, "emsim: nothing answers at %s: %s (start it: emsim serve)\n",
			sa.sun_path, strerror(errno));
		close(fd);
		return -ECONNREFUSED;
	}
	return fd;
}

static int send_all(int fd, const struct buf *b)
{
	size_t done = 0;

	while (done < b->len) {
		ssize_t n = send(fd, b->p + done, b->len - done, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

static int recv_all(int fd, struct buf *b)
{
	for (;;) {
		ssize_t n;

		buf_reserve(b, 65536);
		n = recv(fd, b->p + b->len, 65536, 0);
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		b->len += (size_t)n;
		b->p[b->len] = '\0';
	}
}

/* The body of a reply, parsed; NULL after a message when it is an error. */
static json_t *parse_reply(const struct buf *in)
{
	const char *body = in->p != NULL ? strstr(in->p, "\r\n\r\n") : NULL;
	json_t *root = body != NULL ? json_loads(body + 4, 0, NULL) : NULL;
	const char *error = json_string_value(json_object_get(root, "error"));

	if (root != NULL && error == NULL)
		return root;
	fprintf(stderr, "emsim: %s\n", error != NULL ? error : "the answer cannot be read");
	json_decref(root);
	return NULL;
}

/* One request; <body> is consumed and may be NULL. NULL after a message on failure. */
static json_t *ask(const struct cli *cli, const char *method, const char *path, json_t *body)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	int fd = connect_to(cli->dir);
	struct buf out = {0}, in = {0};
	json_t *root = NULL;

	if (fd >= 0) {
		buf_printf(&out,
			   "%s %s HTTP/1.1\r\nHost: emsim\r\nConnection: close\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   method, path, text != NULL ? strlen(text) : 0, text != NULL ? text : "");
		if (send_all(fd, &out) == 0 && recv_all(fd, &in) == 0)
			root = parse_reply(&in);
		else
			fprintf(stderr, "emsim: the server went away\n");
		close(fd);
	}
	buf_free(&out);
	buf_free(&in);
	free(text);
	json_decref(body);
	return root;
}

static void print_json(const json_t *root)
{
	char *text = json_dumps(root, JSON_INDENT(2));

	printf("%s\n", text != NULL ? text : "null");
	free(text);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void join_tags(const json_t *dev, struct buf *out)
{
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(dev, "tags"), i, item)
		buf_printf(out, "%s%s", i > 0 ? "," : "", json_string_value(item));
}

static void print_dev(const json_t *dev)
{
	struct buf tags = {0};

	join_tags(dev, &tags);
	printf("uid:          %s\nhost name:    %s\nuser:         %s\nip:           %s\n",
	       text_of(dev, "uid"), text_of(dev, "hostname"), text_of(dev, "user"),
	       text_of(dev, "ip"));
	printf("serial:       %s\n", text_of(dev, "client_cert_sn"));
	printf("state:        %s, %s%s%s\n",
	       json_is_true(json_object_get(dev, "registered")) ? "registered" : "deregistered",
	       json_is_true(json_object_get(dev, "online")) ? "online" : "offline",
	       json_is_true(json_object_get(dev, "quarantined")) ? ", quarantined" : "",
	       json_is_true(json_object_get(dev, "deleted")) ? ", deleted" : "");
	printf("tags:         %s\n", tags.len > 0 ? tags.p : "-");
	printf("certificate:  %s\nkey:          %s\n", text_of(dev, "certificate"),
	       text_of(dev, "key"));
	buf_free(&tags);
}

/* One field alone, for scripts: text without its quotes. */
static int print_field(const json_t *root, const char *key)
{
	const json_t *v = json_object_get(root, key);
	char *text;

	if (v == NULL) {
		fprintf(stderr, "emsim: the answer has no field %s\n", key);
		return 1;
	}
	text = json_is_string(v) ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	printf("%s\n", text != NULL ? text : text_of(root, key));
	free(text);
	return 0;
}

/* Print a device or whatever else the answer is; the exit status. */
static int finish(const struct cli *cli, json_t *root)
{
	int rc = 0;

	if (root == NULL)
		return 1;
	if (cli->print != NULL)
		rc = print_field(root, cli->print);
	else if (cli->is_json || json_object_get(root, "uid") == NULL ||
		 json_object_get(root, "hostname") == NULL)
		print_json(root);
	else
		print_dev(root);
	json_decref(root);
	return rc;
}

static int usage(const char *text)
{
	fprintf(stderr, "usage: emsim %s\n", text);
	return 2;
}

/* The UID that the first word is, into "/devices/UID<tail>"; false when it is none. */
static bool device_path(const struct cli *cli, const char *tail, char out[static 80])
{
	uint8_t uid[UID_LEN];
	char text[UID_TEXT + 1];

	if (cli->words.nb == 0 || parse_hex(cli->words.v[0], uid, UID_LEN) < 0)
		return false;
	uid_format(uid, text);
	snprintf(out, 80, "/devices/%s%s", text, tail);
	return true;
}

static const char *cert_kind(const struct cli *cli)
{
	static const char *const names[] = {"good",    "serial-mismatch", "all-zero",   "no-eku",
					    "expired", "wrong-issuer",    "self-signed"};
	const char *kind = names[0];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (cli->cert_flags[i])
			kind = names[i];
	return kind;
}

static void set_if(json_t *o, const char *key, const char *value)
{
	if (value != NULL)
		json_object_set_new(o, key, json_string(value));
}

int cmd_add(const struct cli *cli)
{
	json_t *body = json_pack("{s:s,s:[]}", "cert", cert_kind(cli), "tags");
	json_t *tags = json_object_get(body, "tags");

	set_if(body, "uid", cli->uid);
	set_if(body, "hostname", cli->name);
	set_if(body, "ip", cli->ip);
	set_if(body, "user", cli->user);
	for (size_t i = 0; i < cli->tags.nb; i++)
		json_array_append_new(tags, json_string(cli->tags.v[i]));
	return finish(cli, ask(cli, "POST", "/devices", body));
}

int cmd_tag(const struct cli *cli)
{
	char path[80];
	json_t *body;

	if (!device_path(cli, "/tags", path) || cli->words.nb < 2)
		return usage("tag UID +Tag -Tag ...");
	body = json_pack("{s:[],s:[]}", "add", "remove");
	for (size_t i = 1; i < cli->words.nb; i++) {
		const char *w = cli->words.v[i];

		if ((*w != '+' && *w != '-') || w[1] == '\0') {
			json_decref(body);
			return usage("tag UID +Tag -Tag ...");
		}
		json_array_append_new(json_object_get(body, *w == '+' ? "add" : "remove"),
				      json_string(w + 1));
	}
	return finish(cli, ask(cli, "POST", path, body));
}

int cmd_set(const struct cli *cli)
{
	char path[80], key[32];
	json_t *body;

	if (!device_path(cli, "", path) || cli->words.nb < 2)
		return usage("set UID name=value ...");
	body = json_object();
	for (size_t i = 1; i < cli->words.nb; i++) {
		const char *w = cli->words.v[i];
		const char *eq = strchr(w, '=');

		if (eq == NULL || (size_t)(eq - w) >= sizeof(key)) {
			json_decref(body);
			return usage("set UID name=value ...");
		}
		copy_str(key, (size_t)(eq - w) + 1, w);
		if (strcmp(eq + 1, "true") == 0 || strcmp(eq + 1, "false") == 0)
			json_object_set_new(body, key, json_boolean(eq[1] == 't'));
		else
			json_object_set_new(body, key, json_string(eq + 1));
	}
	return finish(cli, ask(cli, "POST", path, body));
}

/* A command that is one verb on one device. */
static int device_verb(const struct cli *cli, const char *method, const char *tail,
		       const char *help, json_t *body)
{
	char path[80];

	if (!device_path(cli, tail, path)) {
		json_decref(body);
		return usage(help);
	}
	return finish(cli, ask(cli, method, path, body));
}

int cmd_revoke(const struct cli *cli)
{
	return device_verb(cli, "POST", "/revoke", "revoke UID", NULL);
}

int cmd_deregister(const struct cli *cli)
{
	return device_verb(cli, "POST", "/deregister", "deregister UID", NULL);
}

int cmd_delete(const struct cli *cli)
{
	return device_verb(cli, "DELETE", "", "delete UID", NULL);
}

int cmd_show(const struct cli *cli)
{
	return device_verb(cli, "GET", "", "show UID", NULL);
}

int cmd_cert(const struct cli *cli)
{
	return device_verb(cli, "POST", "/cert", "cert UID [--expired ...]",
			   json_pack("{s:s}", "cert", cert_kind(cli)));
}

int cmd_vpn_reject(const struct cli *cli)
{
	const bool is_off = cli->words.nb > 1 && strcmp(cli->words.v[1], "off") == 0;

	return device_verb(cli, "POST", "/vpn-reject", "vpn-reject UID [off]",
			   json_pack("{s:b}", "reject", !is_off));
}

int cmd_list(const struct cli *cli)
{
	char path[64];
	json_t *root, *dev;
	size_t i;

	snprintf(path, sizeof(path), "/devices?limit=%s", cli->limit != NULL ? cli->limit : "1000");
	root = ask(cli, "GET", path, NULL);
	if (root == NULL || cli->is_json || cli->print != NULL)
		return finish(cli, root);
	printf("%-32s  %-20s %-15s %-12s %s\n", "UID", "HOST", "IP", "STATE", "TAGS");
	json_array_foreach(json_object_get(root, "devices"), i, dev)
	{
		const char *state = json_is_true(json_object_get(dev, "deleted"))       ? "deleted"
				    : !json_is_true(json_object_get(dev, "registered")) ? "left"
				    : json_is_true(json_object_get(dev, "quarantined"))
					    ? "quarantined"
				    : json_is_true(json_object_get(dev, "online")) ? "online"
										   : "offline";
		struct buf tags = {0};

		join_tags(dev, &tags);
		printf("%-32s  %-20s %-15s %-12s %s\n", text_of(dev, "uid"),
		       text_of(dev, "hostname"), text_of(dev, "ip"), state,
		       tags.len > 0 ? tags.p : "-");
		buf_free(&tags);
	}
	printf("%lld devices\n", (long long)json_integer_value(json_object_get(root, "total")));
	json_decref(root);
	return 0;
}

static bool set_number(json_t *o, const char *key, const char *text)
{
	uint64_t v;

	if (text == NULL)
		return true;
	if (parse_u64(text, &v) < 0)
		return false;
	json_object_set_new(o, key, json_integer((json_int_t)v));
	return true;
}

int cmd_synth(const struct cli *cli)
{
	json_t *body = json_object();

	if (cli->words.nb != 1 || !set_number(body, "count", cli->words.v[0]) ||
	    !set_number(body, "tags_per_device", cli->tags_per_device) ||
	    !set_number(body, "seed", cli->seed)) {
		json_decref(body);
		return usage("synth N [--tags-per-device K] [--seed S]");
	}
	return finish(cli, ask(cli, "POST", "/synth", body));
}

/* Needs no server: the UIDs are computed. */
int cmd_uid(const struct cli *cli)
{
	uint64_t i, seed = SYNTH_DEFAULT_SEED;
	uint8_t uid[UID_LEN];
	char text[UID_TEXT + 1];

	if (cli->words.nb != 1 || parse_u64(cli->words.v[0], &i) < 0 ||
	    (cli->seed != NULL && parse_u64(cli->seed, &seed) < 0))
		return usage("uid I [--seed S]");
	synth_uid(seed, i, uid);
	uid_format(uid, text);
	printf("%s\n", text);
	return 0;
}

static void print_faults(const json_t *list)
{
	json_t *f;
	size_t i;

	json_array_foreach(list, i, f)
	{
		char *on = json_dumps(json_object_get(f, "on"), JSON_COMPACT);
		bool is_off = on == NULL || strcmp(on, "{}") == 0;

		printf("%-20s %-58s %s\n", text_of(f, "name"), text_of(f, "description"),
		       is_off ? "off" : on);
		free(on);
	}
}

int cmd_fault(const struct cli *cli)
{
	const char *name = cli->words.nb > 0 ? cli->words.v[0] : "list";
	const char *how = cli->words.nb > 1 ? cli->words.v[1] : "on";
	json_t *body, *root;

	if (strcmp(name, "list") == 0) {
		root = ask(cli, "GET", "/faults", NULL);
		if (root != NULL && !cli->is_json && cli->print == NULL) {
			print_faults(root);
			json_decref(root);
			return 0;
		}
		return finish(cli, root);
	}
	body = json_pack("{s:s}", "name", name);
	set_if(body, "entry", cli->entry);
	if (strcmp(how, "off") == 0)
		how = "0";
	if (strcmp(how, "on") != 0 && !set_number(body, "count", how)) {
		json_decref(body);
		return usage("fault NAME [on|off|COUNT] [--entry ENTRY]");
	}
	root = ask(cli, "POST", "/faults", body);
	if (root == NULL)
		return 1;
	if (cli->is_json)
		print_json(root);
	json_decref(root);
	return 0;
}

int cmd_gateways(const struct cli *cli)
{
	json_t *root = ask(cli, "GET", "/gateways", NULL), *g;
	size_t i;

	if (root == NULL || cli->is_json || cli->print != NULL)
		return finish(cli, root);
	printf("%-16s %-40s %-18s %-12s %s\n", "INTERFACE", "IP", "MAC", "VDOM", "GATEWAY");
	json_array_foreach(json_object_get(root, "gateways"), i, g)
		printf("%-16s %-40s %-18s %-12s %s\n", text_of(g, "interface"), text_of(g, "ip"),
		       text_of(g, "mac"), text_of(g, "vdom"), text_of(g, "sn"));
	json_decref(root);
	return 0;
}

static void print_stats(const json_t *root)
{
	json_t *v, *sub;
	const char *key, *entry;

	json_object_foreach((json_t *)(uintptr_t)root, key, v)
	{
		if (json_is_integer(v))
			printf("%-28s %lld\n", key, (long long)json_integer_value(v));
		json_object_foreach(v, entry, sub)
			printf("requests %-19s %lld\n", entry, (long long)json_integer_value(sub));
	}
}

int cmd_stats(const struct cli *cli)
{
	json_t *root = ask(cli, "GET", "/stats", NULL);

	if (root == NULL || cli->is_json || cli->print != NULL)
		return finish(cli, root);
	print_stats(root);
	json_decref(root);
	return 0;
}

int cmd_notify(const struct cli *cli)
{
	if (cli->words.nb != 1)
		return usage("notify tags|sysinfo|avatar|ztna_ca");
	return finish(cli,
		      ask(cli, "POST", "/notify", json_pack("{s:s}", "topic", cli->words.v[0])));
}

int cmd_churn(const struct cli *cli)
{
	json_t *body;

	if (cli->rate == NULL && cli->seconds == NULL)
		return finish(cli, ask(cli, "GET", "/churn", NULL));
	body = json_object();
	if (!set_number(body, "rate", cli->rate) || !set_number(body, "seconds", cli->seconds) ||
	    !set_number(body, "seed", cli->seed) ||
	    !set_number(body, "notify_ms", cli->notify_ms)) {
		json_decref(body);
		return usage("churn [--rate N --seconds S]");
	}
	return finish(cli, ask(cli, "POST", "/churn", body));
}

int cmd_digest(const struct cli *cli)
{
	return finish(cli, ask(cli, "GET", "/digest", NULL));
}

int cmd_hostile(const struct cli *cli)
{
	if (cli->words.nb != 1)
		return usage("hostile KIND");
	return finish(cli,
		      ask(cli, "POST", "/hostile", json_pack("{s:s}", "kind", cli->words.v[0])));
}

int cmd_renew_cert(const struct cli *cli)
{
	return finish(cli, ask(cli, "POST", "/renew-cert", NULL));
}
