/* SPDX-License-Identifier: BSD-3-Clause */

/* Tokens of the API: made here, known to the server by their hash alone. */

#include "cli/cli.h"
#include "cli/handlers.h"

#include <jansson.h>
#include <openssl/evp.h>

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define TOKEN_LEN 32u /* 256 bits */

static void put_hex(const unsigned char *p, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", p[i]);
}

static bool is_role(const char *s)
{
	return strcmp(s, "read") == 0 || strcmp(s, "operate") == 0 || strcmp(s, "admin") == 0;
}

/* The token, once; and the object for api.tls.tokens of the document. */
static int print(const struct cli *cli, const char *token, const char *hash)
{
	const char *role = cli_option(cli, "role"), *expires = cli_option(cli, "expires");
	json_t *entry = json_pack("{s:s,s:s,s:s}", "name", cli->arg[0], "role",
				  role != NULL ? role : "read", "sha256", hash);
	char *text;

	if (entry != NULL && expires != NULL)
		json_object_set_new(entry, "expires", json_string(expires));
	text = json_dumps(entry, JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
	json_decref(entry);
	if (text == NULL) {
		cli_complain("the name or the time is not UTF-8");
		return CLI_USAGE;
	}
	if (cli->is_json)
		printf("{\"token\": \"%s\", \"entry\": %s}\n", token, text);
	else
		printf("Token, shown this once:\n\n  %s\n\n"
		       "For api.tls.tokens of the document:\n\n  %s\n",
		       token, text);
	free(text);
	return CLI_OK;
}

int token_new(struct cli *cli)
{
	const char *role = cli_option(cli, "role");
	unsigned char bytes[TOKEN_LEN], hash[EVP_MAX_MD_SIZE];
	char token[2 * TOKEN_LEN + 1], hex[2 * TOKEN_LEN + 1];
	int rc;

	if (role != NULL && !is_role(role)) {
		cli_complain("a role is read, operate or admin, not \"%s\"", role);
		return CLI_USAGE;
	}
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		cli_complain("no random bytes to be had");
		return CLI_REFUSED;
	}
	put_hex(bytes, sizeof(bytes), token);
	/* The server hashes what it is sent: the hex digits. */
	if (EVP_Digest(token, strlen(token), hash, NULL, EVP_sha256(), NULL) != 1)
		return CLI_REFUSED;
	put_hex(hash, TOKEN_LEN, hex);
	rc = print(cli, token, hex);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(token, sizeof(token));
	return rc;
}
