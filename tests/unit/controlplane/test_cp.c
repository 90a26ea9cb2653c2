/* SPDX-License-Identifier: BSD-3-Clause */

#include "base/cp_start.h"
#include "common/record/record.h"
#include "common/snap/snap.h"
#include "config/config.h"
#include "snap/publish.h"
#include "tests/unit/common/shm/shm_dir.h"
#include "tests/unit/controlplane/config/document.h"
#include "tests/unit/controlplane/state/state_test.h"

#include <errno.h>
#include <pthread.h>

#define NB_BATCHES 12
#define PER_BATCH 1500u

struct world {
	struct cp cp;
	char state_dir[64];
	unsigned nb_done, nb_dropped, nb_pulls, nb_records, nb_turns;
	struct device_uid pulled;
	uint32_t pulled_ems;
};

static struct world w;
static char calls[64];

static void note(char c)
{
	const size_t len = strlen(calls);

	if (len + 1 < sizeof(calls))
		calls[len] = c;
}

static int init_a(struct cp *)
{
	note('a');
	return 0;
}

static int init_b(struct cp *)
{
	note('b');
	return 0;
}

static void reload_a(struct cp *cp, const struct config *old)
{
	assert_ptr_not_equal(cp->config, old);
	note('r');
}

static void fini_a(struct cp *)
{
	note('A');
}

static void fini_b(struct cp *)
{
	note('B');
}

static int init_fails(struct cp *)
{
	return -EADDRINUSE;
}

static const struct module mod_a = {"a", init_a, reload_a, fini_a};
static const struct module mod_b = {"b", init_b, NULL, fini_b};
static const struct module mod_fails = {"fails", init_fails, NULL, NULL};
static const struct module *const two[] = {&mod_a, &mod_b, NULL};
static const struct module *const failing[] = {&mod_a, &mod_fails, &mod_b, NULL};

static struct config *parse(const struct edit *edits, unsigned nb)
{
	struct config_errors *errs = calloc(1, sizeof(*errs));

	assert_non_null(errs);
	struct config *cfg = document_parse(edits, nb, errs);
	assert_non_null(cfg);
	free(errs);
	return cfg;
}

static int world_open(void **state)
{
	static const char name[] = "/tmp/tagwarden-cp-XXXXXX";
	/* Out of the way of the host's directories. */
	const struct edit edit = {"api/unix", "'/tmp/api.sock'"};

	if (shm_dir_setup(state) < 0)
		return -1;
	w = (struct world){};
	memset(calls, 0, sizeof(calls));
	memcpy(w.state_dir, name, sizeof(name));
	if (mkdtemp(w.state_dir) == NULL)
		return -1;
	const struct cp_options o = {
		.config_path = "/nonexistent/tagwarden.json",
		.shm_dir = shm_dir,
		.state_dir = w.state_dir,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
	};
	return cp_open(&w.cp, &o, parse(&edit, 1), two);
}

static int world_close(void **state)
{
	static const char *const name[] = {"state.log", "state.lock", "config/1.version",
					   "config/2.version", "config/3.version"};
	char path[96];

	cp_close(&w.cp);
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", w.state_dir, name[i]);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/config", w.state_dir);
	(void)rmdir(path);
	(void)rmdir(w.state_dir);
	return shm_dir_teardown(state);
}

static struct snap_view view(void)
{
	struct snap_view v;

	assert_int_equal(snap_check(w.cp.shm.snapshot, shm_snapshot_len(&w.cp.shm),
				    atomic_load(&w.cp.shm.rdv->root_off), NULL, &v, NULL),
			 0);
	return v;
}

static void modules_start_in_order_and_stop_in_reverse(void **)
{
	assert_int_equal(cp_start(&w.cp), 0);
	loop_stop(w.cp.loop);
	assert_int_equal(cp_run(&w.cp), 0);
	assert_string_equal(calls, "abBA");
}

static void a_module_that_cannot_start_stops_the_others(void **)
{
	w.cp.modules = failing;
	assert_int_equal(cp_start(&w.cp), -EADDRINUSE);
	assert_string_equal(calls, "aA");
}

static void on_done(void *, bool is_applied)
{
	if (is_applied)
		w.nb_done++;
	else
		w.nb_dropped++;
	if (w.nb_done == NB_BATCHES)
		loop_stop(w.cp.loop);
}

static struct state_batch *batch_of(uint32_t ems_id, uint32_t from, uint32_t nb)
{
	struct state_batch *b = state_batch_new(ems_id);

	for (uint32_t i = from; i < from + nb; i++) {
		sysinfo_add(b, i);
		tags_add(b, i, TAGS("FortiAD"));
	}
	b->on_done = on_done;
	return b;
}

static void *post_many(void *)
{
	for (uint32_t i = 0; i < NB_BATCHES; i++) {
		struct state_batch *b = batch_of(1, i * PER_BATCH, PER_BATCH);
		b->is_full = true;
		b->cursor_obj = STATE_OBJ_SYSINFO;
		b->is_first = i == 0;
		b->is_last = i == NB_BATCHES - 1;
		assert_int_equal(cp_post_batch(&w.cp, b), 0);
	}
	return NULL;
}

static void batches_of_a_thread_reach_the_snapshot(void **)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, post_many, NULL), 0);
	assert_int_equal(cp_run(&w.cp), 0);
	pthread_join(t, NULL);
	assert_int_equal(w.nb_done, NB_BATCHES);
	const struct snap_view v = view();
	assert_int_equal(v.root->nb_devices, NB_BATCHES * PER_BATCH);
}

static void what_was_not_applied_at_the_stop_is_dropped_and_told(void **)
{
	assert_int_equal(cp_post_batch(&w.cp, batch_of(1, 0, 2000)), 0);
	assert_int_equal(cp_post_batch(&w.cp, batch_of(1, 2000, 2000)), 0);
	assert_int_equal(loop_turn(w.cp.loop, 0), 0);
	loop_stop(w.cp.loop);
	assert_int_equal(cp_run(&w.cp), 0);
	assert_int_equal(w.nb_done + w.nb_dropped, 2);
	assert_int_equal(w.nb_dropped, 2);
	struct state_batch *b = batch_of(1, 0, 1);
	assert_int_equal(cp_post_batch(&w.cp, b), -ESHUTDOWN);
	state_batch_free(b);
}

static void on_urgent(void *, bool)
{
	struct state_counts c;

	state_counts(w.cp.state, &c);
	w.nb_turns = c.per_ems[1];
	loop_stop(w.cp.loop);
}

static void a_changed_tag_does_not_wait_behind_another_ems_full_pull(void **)
{
	static const char second[] =
		"{'id': 2, 'name': 'second', 'server': '127.0.0.1', 'verifying_ca': 'ems-ca.pem',"
		"  'certificate': 'gateway.pem', 'key': 'gateway.key', 'ztna_ca': 'ztna-ca.pem',"
		"  'serial_number': 'FCTEMS8823005022'}";
	const struct edit edit = {"ems/-", second};
	struct config_errors *errs = calloc(1, sizeof(*errs));

	cp_lock(&w.cp);
	assert_int_equal(cp_adopt(&w.cp, parse(&edit, 1), errs), 0);
	cp_unlock(&w.cp);
	free(errs);
	for (uint32_t i = 0; i < 10; i++) {
		struct state_batch *b = batch_of(1, i * PER_BATCH, PER_BATCH);
		b->is_full = true;
		assert_int_equal(cp_post_batch(&w.cp, b), 0);
	}
	struct state_batch *b = batch_of(2, 900000, 1);
	b->on_done = on_urgent;
	assert_int_equal(cp_post_batch(&w.cp, b), 0);
	assert_int_equal(cp_run(&w.cp), 0);
	assert_true(w.nb_turns < 3 * PER_BATCH);
	const struct device_uid uid = uid_of(900000);
	const struct snap_view v = view();
	assert_non_null(snap_device_find(&v, &uid));
}

static void a_refused_document_changes_nothing(void **)
{
	const struct edit edit = {"policies/0/tags", "'One more tag'"};
	struct config_errors *errs = calloc(1, sizeof(*errs));
	const struct config *before = w.cp.config;
	const uint64_t generation = view().root->generation;
	uint32_t id;
	char name[16];
	int rc;

	assert_int_equal(cp_start(&w.cp), 0);
	/* Not there at all. */
	assert_int_equal(cp_reload(&w.cp, "test", errs), -EINVAL);
	assert_true(errs->nb_errors > 0);
	/* Valid, but there is no room for its tag. */
	do {
		const int n = snprintf(name, sizeof(name), "T%u", state_nb_tags(w.cp.state));
		rc = state_tag_id(w.cp.state, name, (size_t)n, &id);
	} while (rc == 0);
	struct config *cfg = parse(&edit, 1);
	*errs = (struct config_errors){};
	cp_lock(&w.cp);
	assert_int_equal(cp_adopt(&w.cp, cfg, errs), -EINVAL);
	cp_unlock(&w.cp);
	assert_int_equal(errs->nb_errors, 1);
	config_free(cfg);
	assert_ptr_equal(w.cp.config, before);
	assert_int_equal(view().root->generation, generation);
	assert_int_equal(w.cp.nb_reload_failures, 2);
	assert_string_equal(calls, "ab");
	free(errs);
	loop_stop(w.cp.loop);
	assert_int_equal(cp_run(&w.cp), 0);
}

static void a_good_document_is_published_and_modules_hear_of_it(void **)
{
	const struct edit edit = {"policies/0/id", "18"};
	struct config_errors *errs = calloc(1, sizeof(*errs));

	assert_int_equal(cp_start(&w.cp), 0);
	cp_lock(&w.cp);
	assert_int_equal(cp_adopt(&w.cp, parse(&edit, 1), errs), 0);
	cp_unlock(&w.cp);
	const struct snap_view v = view();
	assert_int_equal(((const struct snap_policy *)snap_arr(&v, v.config->policies))->id, 18);
	assert_int_equal(w.cp.nb_reloads, 1);
	free(errs);
	loop_stop(w.cp.loop);
	assert_int_equal(cp_run(&w.cp), 0);
	assert_string_equal(calls, "abrBA");
}

static void on_pull(struct cp *, uint32_t ems_id, const struct device_uid *uid)
{
	w.pulled_ems = ems_id;
	w.pulled = *uid;
	w.nb_pulls++;
}

static void on_record(struct cp *, const struct record *r)
{
	assert_int_equal(r->kind, RECORD_TRAFFIC);
	w.nb_records++;
	if (w.nb_records == 200)
		loop_stop(w.cp.loop);
}

static void write_record(struct record_ring *ring, const struct record *r)
{
	struct record *slot = record_ring_reserve(ring);

	assert_non_null(slot);
	*slot = *r;
	record_ring_commit(ring);
}

static void records_of_a_new_data_plane_are_read_and_pulls_asked_once(void **)
{
	struct shm dp;
	const char *why;
	struct record_ring ring;
	const struct device_uid uid = uid_of(5);
	const struct record pull = {.kind = RECORD_DEVICE_PULL, .uid = uid};
	const struct record traffic = {.kind = RECORD_TRAFFIC};
	const struct record junk = {.kind = 200};

	w.cp.on_device_pull = on_pull;
	w.cp.on_record = on_record;
	assert_int_equal(shm_attach(&dp, shm_dir, &why), 0);
	assert_int_equal(shm_feedback_create(&dp, 2, 1024, 16, (uid_t)-1, (gid_t)-1), 0);
	record_ring_init(&ring, &dp, 1);
	for (uint32_t i = 0; i < 3; i++)
		write_record(&ring, &pull);
	write_record(&ring, &junk);
	for (uint32_t i = 0; i < 200; i++)
		write_record(&ring, &traffic);
	assert_int_equal(cp_run(&w.cp), 0);
	assert_int_equal(w.nb_pulls, 1);
	assert_int_equal(w.pulled_ems, 1);
	assert_true(device_uid_is_equal(&w.pulled, &uid));
	assert_int_equal(w.cp.records.read, 204);
	shm_close(&dp);
}

static void a_session_is_killed_through_the_mailbox(void **)
{
	struct rdv *rdv = w.cp.shm.rdv;

	assert_int_equal(cp_kill_session(&w.cp, 0, 9), -ESRCH);
	atomic_store(&rdv->dp_workers, 2);
	assert_int_equal(cp_kill_session(&w.cp, 1, 9), 0);
	assert_int_equal(rdv->mailbox[1].op, RDV_OP_KILL_SESSION);
	assert_int_equal(rdv->mailbox[1].arg, 9);
	assert_int_equal(cp_kill_session(&w.cp, 1, 10), -EAGAIN);
	atomic_store(&rdv->mailbox[1].done, atomic_load(&rdv->mailbox[1].seq));
	assert_int_equal(cp_kill_session(&w.cp, 1, 10), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_open, world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(modules_start_in_order_and_stop_in_reverse),
		TEST(a_module_that_cannot_start_stops_the_others),
		TEST(batches_of_a_thread_reach_the_snapshot),
		TEST(what_was_not_applied_at_the_stop_is_dropped_and_told),
		TEST(a_changed_tag_does_not_wait_behind_another_ems_full_pull),
		TEST(a_refused_document_changes_nothing),
		TEST(a_good_document_is_published_and_modules_hear_of_it),
		TEST(records_of_a_new_data_plane_are_read_and_pulls_asked_once),
		TEST(a_session_is_killed_through_the_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
