/* SPDX-License-Identifier: BSD-3-Clause */

/* Transactions over a control plane of which only the configuration is real. */

#include "base/cp.h"
#include "config/config.h"
#include "config_store/transaction.h"
#include "store_test.h"

#include <errno.h>
#include <fcntl.h>

static struct {
	struct cp cp;
	struct config_store *store;
	struct config_tx *tx;
	bool is_swap_failing;
	unsigned nb_swaps;
	_Atomic(unsigned) nb_events;
	char path[96];
	struct config_errors errs;
	struct config_done done;
} w;

/* In place of the control plane's own. */
int cp_swap(struct cp *cp, struct config *cfg, struct config **ret_old, struct config_errors *errs)
{
	static const struct config_path whole;

	if (w.is_swap_failing) {
		config_error(errs, &whole, "cannot be compiled");
		return -EINVAL;
	}
	*ret_old = cp->config;
	cp->config = cfg;
	w.nb_swaps++;
	return 0;
}

static void on_event(struct cp *, const char *what, const char *detail)
{
	assert_string_equal(what, "config timed-out");
	assert_non_null(strstr(detail, "was not confirmed"));
	w.nb_events++;
}

/* ---- documents ---- */

static const char *document(const char *vdom)
{
	static char text[400];

	(void)snprintf(text, sizeof(text),
		       "{\"interfaces\": [{\"name\": \"wan\", \"device\": \"net_ring0\","
		       " \"addresses\": [\"192.0.2.10/24\"]}],"
		       " \"gateway\": {\"serial_number\": \"FPXVULTM24000083\","
		       " \"vdom\": \"%s\"}}\n",
		       vdom);
	return text;
}

static void write_file(const char *text)
{
	FILE *f = fopen(w.path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	(void)fclose(f);
}

static bool is_file(const char *vdom)
{
	char text[500] = "";
	FILE *f = fopen(w.path, "re");

	assert_non_null(f);
	(void)!fread(text, 1, sizeof(text) - 1, f);
	(void)fclose(f);
	return strcmp(text, document(vdom)) == 0;
}

static bool is_running(const char *vdom)
{
	return strcmp(w.cp.config->vdom, vdom) == 0;
}

static struct config_version last(void)
{
	struct config_version v;

	assert_int_equal(config_store_last(w.store, &v), 0);
	return v;
}

/* ---- life ---- */

static void start(void)
{
	w.errs = (struct config_errors){};
	w.cp.config = config_load(w.path, &w.errs);
	if (w.cp.config == NULL)
		fail_msg("%s: %s", w.errs.e[0].path.s, w.errs.e[0].text);
	w.store = open_store();
	w.tx = config_tx_open(&w.cp, w.store);
	assert_non_null(w.tx);
	config_tx_on_event(w.tx, on_event);
}

static void end(void)
{
	config_tx_close(w.tx);
	config_store_close(w.store);
	config_free(w.cp.config);
}

static int set_up(void **state)
{
	memset(&w, 0, sizeof(w));
	if (state_setup(state) < 0)
		return -1;
	(void)snprintf(w.path, sizeof(w.path), "%s/tagwarden.json", state_dir);
	w.cp.config_path = w.path;
	lock_init(&w.cp.lock);
	write_file(document("root"));
	start();
	return 0;
}

static int tear_down(void **state)
{
	end();
	lock_fini(&w.cp.lock);
	return state_teardown(state);
}

static const struct config_ask alice = {.who = "alice"}, bob = {.who = "bob"};

static int put(const struct config_ask *ask, const char *vdom)
{
	w.errs = (struct config_errors){};
	return config_tx_put(w.tx, ask, slice_str(document(vdom)), &w.errs);
}

static int commit(const struct config_ask *ask)
{
	w.errs = (struct config_errors){};
	return config_tx_commit(w.tx, ask, &w.errs, &w.done);
}

static int try_for(unsigned s)
{
	const struct config_ask ask = {.who = "alice", .confirm_s = s};

	return commit(&ask);
}

static int confirm(void)
{
	w.errs = (struct config_errors){};
	return config_tx_confirm(w.tx, &alice, &w.errs, &w.done);
}

static int rollback(uint64_t version)
{
	const struct config_ask ask = {.who = "bob", .version = version};

	w.errs = (struct config_errors){};
	return config_tx_rollback(w.tx, &ask, &w.errs, &w.done);
}

/* ---- tests ---- */

static void a_commit_writes_the_file_and_the_history(void **)
{
	struct stat sb;

	assert_int_equal(chmod(w.path, 0604), 0);
	assert_int_equal(put(&alice, "two"), 0);
	assert_true(is_running("root") && is_file("root"));
	assert_int_equal(commit(&alice), 0);
	assert_true(is_running("two") && is_file("two"));
	assert_int_equal(stat(w.path, &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0604);
	assert_int_equal(last().number, 2);
	assert_string_equal(last().who, "alice");
	assert_string_equal(w.done.summary, "1 change: gateway.vdom");
	assert_int_equal(commit(&alice), -ENOENT);
}

static void a_link_stays_a_link(void **)
{
	char target[128];
	struct stat sb;

	(void)snprintf(target, sizeof(target), "%s/real.json", state_dir);
	assert_int_equal(rename(w.path, target), 0);
	assert_int_equal(symlink("real.json", w.path), 0);
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(commit(&alice), 0);
	assert_int_equal(lstat(w.path, &sb), 0);
	assert_true(S_ISLNK(sb.st_mode));
	assert_true(is_file("two"));
}

static void what_cannot_be_published_changes_nothing(void **)
{
	assert_int_equal(put(&alice, "two"), 0);
	w.is_swap_failing = true;
	assert_int_equal(commit(&alice), -EINVAL);
	assert_int_equal(try_for(60), -EINVAL);
	assert_true(is_running("root") && is_file("root"));
	assert_int_equal(last().number, 1);
	w.is_swap_failing = false;
	/* The candidate is still there. */
	assert_int_equal(commit(&alice), 0);
	assert_true(is_running("two"));
}

static void a_file_that_cannot_be_written_refuses_the_commit(void **)
{
	char in_the_way[128];

	/* Where the new file would be written; root may write everywhere else. */
	(void)snprintf(in_the_way, sizeof(in_the_way), "%s.new", w.path);
	assert_int_equal(mkdir(in_the_way, 0700), 0);
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(commit(&alice), -EACCES);
	assert_non_null(strstr(w.errs.e[0].text, "cannot be replaced"));
	assert_true(is_running("root") && is_file("root"));
	assert_int_equal(w.nb_swaps, 0);
	/* A trial needs no file, and keeping it does. */
	assert_int_equal(try_for(60), 0);
	assert_int_equal(confirm(), -EACCES);
	assert_true(is_running("two") && is_file("root"));
	assert_int_equal(rmdir(in_the_way), 0);
	assert_int_equal(confirm(), 0);
	assert_true(is_file("two"));
}

static void edits_by_hand_are_not_overwritten(void **)
{
	const struct config_ask force = {.who = "alice", .is_forced = true};

	assert_int_equal(put(&alice, "two"), 0);
	write_file(document("edited"));
	assert_int_equal(commit(&alice), -ESTALE);
	assert_true(is_running("root") && is_file("edited"));
	assert_int_equal(commit(&force), 0);
	assert_true(is_running("two") && is_file("two"));
	assert_int_equal(put(&alice, "three"), 0);
	assert_int_equal(unlink(w.path), 0);
	assert_int_equal(commit(&alice), -ESTALE);
	assert_int_equal(commit(&force), 0);
	assert_true(is_file("three"));
}

static void a_trial_goes_back_when_the_time_is_up(void **)
{
	struct config_tx_state st;

	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(try_for(1), 0);
	assert_true(is_running("two") && is_file("root"));
	config_tx_state(w.tx, &st);
	assert_true(st.confirm_left_ms > 0 && st.confirm_left_ms <= 1000);
	for (int i = 0; i < 500 && w.nb_events == 0; i++)
		usleep(10000);
	assert_int_equal(w.nb_events, 1);
	assert_true(is_running("root") && is_file("root"));
	assert_int_equal(last().kind, CONFIG_KIND_TIMED_OUT);
	assert_int_equal(confirm(), -ENOENT);
	config_tx_state(w.tx, &st);
	assert_int_equal(st.confirm_by_ms, 0);
}

static void a_trial_that_is_confirmed_stays(void **)
{
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(try_for(60), 0);
	assert_int_equal(put(&alice, "three"), 0);
	assert_int_equal(commit(&alice), -EBUSY);
	assert_int_equal(rollback(4711), -EBUSY);
	assert_int_equal(confirm(), 0);
	assert_true(is_running("two") && is_file("two"));
	assert_int_equal(last().kind, CONFIG_KIND_CONFIRMED);
}

static void a_trial_ends_by_rollback_and_by_reload(void **)
{
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(try_for(60), 0);
	assert_int_equal(rollback(0), 0);
	assert_true(is_running("root") && is_file("root"));
	assert_string_equal(last().comment, "to version 1");
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(try_for(60), 0);
	assert_int_equal(config_tx_reload(w.tx, &bob, &w.errs), 0);
	assert_true(is_running("root"));
	assert_int_equal(confirm(), -ENOENT);
}

static void a_restart_ends_a_trial(void **)
{
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(try_for(60), 0);
	end();
	start();
	assert_true(is_running("root"));
	assert_int_equal(last().kind, CONFIG_KIND_START);
	assert_non_null(strstr(last().comment, "not confirmed before the restart"));
	assert_int_equal(last().number, 3);
	end();
	start();
	assert_int_equal(last().number, 3);
}

/* Killed after the file was replaced and before the history knew. */
static void a_document_that_the_history_missed_is_added_by_the_start(void **)
{
	end();
	write_file(document("two"));
	start();
	assert_int_equal(last().number, 2);
	assert_int_equal(last().kind, CONFIG_KIND_START);
}

static void a_candidate_is_not_overwritten_unseen(void **)
{
	const struct config_ask seen = {.who = "bob", .has_seen = true};
	const struct config_ask place = {.who = "bob", .path = "gateway.vdom"};

	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(put(&alice, "three"), 0);
	assert_int_equal(put(&bob, "four"), -EBUSY);
	assert_int_equal(config_tx_put(w.tx, &place, SLICE_LIT("\"x\""), &w.errs), -EBUSY);
	assert_int_equal(config_tx_remove(w.tx, &bob, &w.errs), -EBUSY);
	assert_int_equal(put(&seen, "four"), 0);
	/* It is bob's now. */
	assert_int_equal(put(&alice, "five"), -EBUSY);
	assert_int_equal(config_tx_put(w.tx, &place, SLICE_LIT("\"x\""), &w.errs), 0);
	assert_int_equal(commit(&bob), 0);
	assert_true(is_running("x"));
}

static void a_candidate_of_an_older_version_is_not_committed(void **)
{
	const struct config_ask force = {.who = "alice", .is_forced = true};

	assert_int_equal(put(&alice, "two"), 0);
	write_file(document("edited"));
	assert_int_equal(config_tx_reload(w.tx, &bob, &w.errs), 0);
	assert_int_equal(commit(&alice), -ESTALE);
	assert_non_null(strstr(w.errs.e[0].text, "made from version 1, and version 2 runs"));
	assert_int_equal(commit(&force), 0);
	assert_true(is_running("two"));
}

static void a_candidate_outlives_a_restart(void **)
{
	char *text;
	size_t len;

	assert_int_equal(put(&alice, "two"), 0);
	end();
	start();
	assert_int_equal(config_tx_candidate(w.tx, NULL, &text, &len), 0);
	assert_string_equal(text, document("two"));
	free(text);
	assert_int_equal(commit(&alice), 0);
}

static void versions_come_back(void **)
{
	assert_int_equal(rollback(0), -ENOENT);
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(commit(&alice), 0);
	assert_int_equal(put(&alice, "three"), 0);
	assert_int_equal(commit(&alice), 0);
	assert_int_equal(rollback(1), 0);
	assert_true(is_running("root") && is_file("root"));
	/* The newest that is another. */
	assert_int_equal(rollback(0), 0);
	assert_true(is_running("three"));
	assert_int_equal(rollback(99), -ENOENT);
	assert_string_equal(last().who, "bob");
}

static void what_is_no_document_is_no_candidate(void **)
{
	static const char *const bad[] = {"", "{", "[]", "5", "{\"a\": 1, \"a\": 2}", "{} x"};
	static const char *const bad_value[] = {"", "x", "1,2", "1],[2", "[1", "\"", "1 \"a\""};
	const struct config_ask place = {.who = "bob", .path = "gateway.vdom"};
	char *text;
	size_t len;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(config_tx_put(w.tx, &alice, slice_str(bad[i]), &w.errs), -EINVAL);
	for (size_t i = 0; i < sizeof(bad_value) / sizeof(bad_value[0]); i++)
		assert_int_equal(config_tx_put(w.tx, &place, slice_str(bad_value[i]), &w.errs),
				 -EINVAL);
	assert_int_equal(config_tx_merge(w.tx, &alice, SLICE_LIT("[]"), &w.errs), -EINVAL);
	assert_int_equal(config_tx_put(w.tx, &place, slice_of("\"a\"\0", 4), &w.errs), -EINVAL);
	assert_int_equal(config_tx_candidate(w.tx, NULL, &text, &len), -ENOENT);
}

static void without_a_history_everything_else_works(void **)
{
	end();
	w.cp.config = config_load(w.path, &w.errs);
	w.store = NULL;
	w.tx = config_tx_open(&w.cp, NULL);
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(try_for(60), 0);
	assert_int_equal(rollback(0), 0);
	assert_true(is_running("root"));
	assert_int_equal(put(&alice, "two"), 0);
	assert_int_equal(commit(&alice), 0);
	assert_true(is_file("two"));
	assert_int_equal(rollback(0), -ENOENT);
}

#define TX_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TX_TEST(a_commit_writes_the_file_and_the_history),
		TX_TEST(a_link_stays_a_link),
		TX_TEST(what_cannot_be_published_changes_nothing),
		TX_TEST(a_file_that_cannot_be_written_refuses_the_commit),
		TX_TEST(edits_by_hand_are_not_overwritten),
		TX_TEST(a_trial_goes_back_when_the_time_is_up),
		TX_TEST(a_trial_that_is_confirmed_stays),
		TX_TEST(a_trial_ends_by_rollback_and_by_reload),
		TX_TEST(a_restart_ends_a_trial),
		TX_TEST(a_document_that_the_history_missed_is_added_by_the_start),
		TX_TEST(a_candidate_is_not_overwritten_unseen),
		TX_TEST(a_candidate_of_an_older_version_is_not_committed),
		TX_TEST(a_candidate_outlives_a_restart),
		TX_TEST(versions_come_back),
		TX_TEST(what_is_no_document_is_no_candidate),
		TX_TEST(without_a_history_everything_else_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
