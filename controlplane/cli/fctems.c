/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The field's commands about a connection to EMS: verify it once, test it. Output as the field's;
 * what went wrong exits with CLI_REFUSED.
 */

#include "cli/api.h"
#include "cli/handlers.h"
#include "cli/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS 50000000L /* between two looks at what came of it */
#define POLLS_PER_S 20u

static void target_of(struct api_target *t, const char *ems_id, const char *what)
{
	api_target_init(t, "/api/v1/ems");
	api_target_segment(t, ems_id);
	api_target_segment(t, what);
}

/*
 * Have the control plane connect, and wait for what comes of it: *<ret> is the test's document,
 * the caller's to free.
 */
static int run_test(const struct cli *cli, const char *ems_id, json_t **ret)
{
	struct api_target t;
	json_t *asked, *j;
	uint64_t nb, polls;
	int rc;

	target_of(&t, ems_id, "test");
	rc = api_post(cli, t.s, "", 0, &asked);
	if (rc != CLI_OK)
		return rc;
	nb = view_uint(asked, "test");
	polls = view_uint(asked, "within_s") * POLLS_PER_S;
	json_decref(asked);
	for (;; polls--) {
		rc = api_get(cli, t.s, &j);
		if (rc != CLI_OK)
			return rc;
		if (view_uint(j, "test") >= nb || polls == 0)
			break;
		json_decref(j);
		(void)nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
	}
	if (view_uint(j, "test") < nb) {
		json_decref(j);
		cli_complain("the connector is busy and did not test; see show ems");
		return CLI_REFUSED;
	}
	*ret = j;
	return CLI_OK;
}

static int code_of(const json_t *test)
{
	return (int)json_integer_value(view_at(test, "code"));
}

int fctems_test(struct cli *cli)
{
	json_t *test;
	int rc = run_test(cli, cli->arg[0], &test);

	if (rc != CLI_OK)
		return rc;
	rc = code_of(test) == 0 ? CLI_OK : CLI_REFUSED;
	if (cli->is_json)
		(void)view_json(test);
	else if (rc == CLI_OK)
		printf("Connection test was successful:\n");
	else
		printf("Connection test had an error %d: %s\n", code_of(test),
		       view_string(test, "text", ""));
	json_decref(test);
	return rc;
}

static int verify_failed(int code, const char *text)
{
	printf("Error in requesting EMS fabric connection: %d\n"
	       "issue in getting capabilities. %s\n"
	       "Error (-1@_get_capabilities:461).\n\n"
	       "Command fail. Return code -9999\n",
	       code, text);
	return CLI_REFUSED;
}

static void print_certificate(const json_t *j)
{
	const json_t *c = view_at(j, "certificate");

	printf("Subject:     %s\n", view_string(c, "subject", ""));
	printf("Issuer:      %s\n", view_string(c, "issuer", ""));
	printf("Valid from:  %s\n", view_string(c, "not_before", ""));
	printf("Valid to:    %s\n", view_string(c, "not_after", ""));
	printf("Serial:      %s\n", view_string(c, "serial_number", ""));
	printf("Fingerprint: %s\n", view_string(c, "fingerprint", ""));
	if (view_bool(j, "has_verifying_ca"))
		printf("Chain:       %s%s\n",
		       view_bool(c, "chains_to_verifying_ca") ? "signed by verifying_ca" : "",
		       view_string(c, "chain_error", ""));
	else
		printf("Chain:       not checked, the document names no verifying_ca\n");
	if (view_string(j, "pinned_fingerprint", "")[0] != '\0' &&
	    strcmp(view_string(j, "pinned_fingerprint", ""), view_string(c, "fingerprint", "")) !=
		    0)
		printf("Before:      %s\n", view_string(j, "pinned_fingerprint", ""));
	if (view_string(j, "detail", "")[0] != '\0')
		printf("%s\n", view_string(j, "detail", ""));
}

/* An answer that begins with y; anything else, and no answer, is no. */
static bool is_trusted(void)
{
	char answer[80];

	printf("EMS configuration needs user to confirm server certificate.\n"
	       "Do you wish to add the above certificate to trusted remote certificates? (y/n)");
	(void)fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		answer[0] = '\0';
	if (isatty(STDIN_FILENO) == 0)
		printf("%c\n", answer[0] == '\n' || answer[0] == '\0' ? 'n' : answer[0]);
	return answer[0] == 'y' || answer[0] == 'Y';
}

static int post_fingerprint(const struct cli *cli, const json_t *j)
{
	const char *fingerprint = view_string(view_at(j, "certificate"), "fingerprint", "");
	json_t *answer = NULL, *o = json_pack("{s:s}", "fingerprint", fingerprint);
	char *body = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	struct api_target t;
	int rc = CLI_BAD_ANSWER;

	target_of(&t, cli->arg[0], "verify");
	if (body != NULL)
		rc = api_post(cli, t.s, body, strlen(body), &answer);
	json_decref(answer);
	json_decref(o);
	free(body);
	return rc;
}

/* The certificate is confirmed: does all the rest work now? */
static int finish(const struct cli *cli)
{
	json_t *test;
	int rc = run_test(cli, cli->arg[0], &test);

	if (rc != CLI_OK)
		return rc;
	if (code_of(test) == 0)
		printf("Certificate successfully configured and verified.\n");
	else
		rc = verify_failed(code_of(test), view_string(test, "text", ""));
	json_decref(test);
	return rc;
}

/* -3: all is well but for the operator's word. */
#define CODE_UNCONFIRMED (-3)

int fctems_verify(struct cli *cli)
{
	struct api_target t;
	json_t *test, *j = NULL;
	int rc = run_test(cli, cli->arg[0], &test);

	if (rc != CLI_OK)
		return rc;
	if (code_of(test) != 0 && code_of(test) != CODE_UNCONFIRMED)
		rc = verify_failed(code_of(test), view_string(test, "text", ""));
	target_of(&t, cli->arg[0], "certificate");
	if (rc == CLI_OK)
		rc = api_get(cli, t.s, &j);
	if (rc == CLI_OK) {
		print_certificate(j);
		if (code_of(test) == 0) {
			printf("Certificate successfully configured and verified.\n");
		} else if (cli_option(cli, "yes") != NULL || is_trusted()) {
			rc = post_fingerprint(cli, j);
			rc = rc == CLI_OK ? finish(cli) : rc;
		} else {
			printf("Certificate is not trusted; this EMS stays unverified.\n");
			rc = CLI_REFUSED;
		}
	}
	json_decref(j);
	json_decref(test);
	return rc;
}
