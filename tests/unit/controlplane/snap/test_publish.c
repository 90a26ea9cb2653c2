/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/shm/rcu.h"
#include "common/snap/snap.h"
#include "config/config.h"
#include "snap/publish.h"
#include "tests/unit/common/shm/shm_dir.h"
#include "tests/unit/controlplane/config/document.h"
#include "tests/unit/controlplane/state/state_test.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define GROUP 50u
/* times GROUP is 100,000 */
#define ROUNDS 2000u

struct world {
	struct shm shm;
	struct state *st;
	struct config *cfg;
	struct publish *p;
};

static struct config *parse(const struct edit *edits, unsigned nb)
{
	struct config_errors *errs = calloc(1, sizeof(*errs));

	assert_non_null(errs);
	struct config *cfg = document_parse(edits, nb, errs);
	assert_non_null(cfg);
	free(errs);
	return cfg;
}

static void world_open(struct world *w, uint32_t nb_devices)
{
	bool is_resumed;

	*w = (struct world){.st = state_new(), .cfg = parse(NULL, 0)};
	assert_int_equal(shm_create(&w->shm, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed), 0);
	struct state_batch *b = state_batch_new(1);
	for (uint32_t i = 0; i < nb_devices; i++) {
		sysinfo_add(b, i);
		tags_add(b, i, TAGS("FortiAD"));
	}
	batch_apply(w->st, b);
	struct state_change ch[64];
	while (state_changes_take(w->st, ch, 64) > 0)
		;
	w->p = publish_new(&w->shm, w->st, is_resumed);
	assert_non_null(w->p);
	assert_int_equal(publish_config(w->p, w->cfg), 0);
	assert_int_equal(publish_now(w->p), 0);
}

static void world_close(struct world *w)
{
	publish_free(w->p);
	state_free(w->st);
	config_free(w->cfg);
	shm_close(&w->shm);
}

/* The current version, checked as the data plane does. */
static struct snap_view view(const struct world *w)
{
	struct snap_view v;
	const char *why = "";

	if (snap_check(w->shm.snapshot, shm_snapshot_len(&w->shm),
		       atomic_load(&w->shm.rdv->root_off), NULL, &v, &why) < 0)
		fail_msg("%s", why);
	return v;
}

static const struct snap_device *find(const struct snap_view *v, uint32_t n)
{
	const struct device_uid uid = uid_of(n);

	return snap_device_find(v, &uid);
}

static void apply(struct world *w, struct state_batch *b)
{
	batch_apply(w->st, b);
	while (publish_changes(w->p, 100) > 0)
		;
	assert_int_equal(publish_now(w->p), 0);
}

/* Has device <n> the tag of policy 17's expression, or the other? */
static bool is_let_in(const struct snap_view *v, uint32_t n)
{
	const struct snap_device *d = find(v, n);

	return d != NULL && d->posture != SNAP_NONE && snap_verdict(v, d->posture, 0);
}

static void what_was_kept_is_published_at_start(void **)
{
	struct world w;

	world_open(&w, 300);
	const struct snap_view v = view(&w);
	assert_int_equal(v.root->nb_devices, 300);
	assert_true(is_let_in(&v, 0));
	assert_true(is_let_in(&v, 299));
	assert_null(find(&v, 300));
	const struct cert_serial sn = serial_of(299);
	assert_true(cert_serial_is_equal(&find(&v, 299)->serial, &sn));
	world_close(&w);
}

struct seen {
	struct snap_change ch[8];
	uint32_t nb;
};

static void on_change(void *user, const struct snap_change *ch)
{
	struct seen *s = user;

	if (s->nb < 8)
		s->ch[s->nb] = *ch;
	s->nb++;
}

static void a_changed_tag_changes_the_verdict_and_is_listed(void **)
{
	struct world w;
	struct seen seen = {};

	world_open(&w, 300);
	struct snap_view v = view(&w);
	const uint64_t before = v.root->generation, decide = v.root->decide_generation;
	struct state_batch *b = state_batch_new(1);
	b->notified_us = 12345;
	tags_add(b, 7, TAGS("Other"));
	apply(&w, b);
	v = view(&w);
	assert_int_equal(v.root->generation, before + 1);
	assert_int_equal(v.root->decide_generation, decide);
	assert_false(is_let_in(&v, 7));
	assert_true(is_let_in(&v, 8));
	assert_true(snap_changes_since(&v, before, on_change, &seen));
	assert_int_equal(seen.nb, 1);
	assert_int_equal(seen.ch[0].notified_us, 12345);
	assert_true(device_uid_is_equal(&seen.ch[0].uid, &(struct device_uid[]){uid_of(7)}[0]));
	struct publish_status status;
	publish_status(w.p, &status);
	assert_true(status.build.copied_pages <= 1);
	world_close(&w);
}

static void only_times_changed_and_no_session_hears_of_it(void **)
{
	struct world w;
	struct seen seen = {};

	world_open(&w, 3);
	const uint64_t before = view(&w).root->generation;
	struct state_batch *b = state_batch_new(1);
	sysinfo_add(b, 1)->update_time = SLICE_LIT("2024-07-12 00:00:00.0000000");
	apply(&w, b);
	const struct snap_view v = view(&w);
	assert_true(snap_changes_since(&v, before, on_change, &seen));
	assert_int_equal(seen.nb, 0);
	assert_true(find(&v, 1)->sysinfo_ms > find(&v, 0)->sysinfo_ms);
	world_close(&w);
}

static void a_pull_without_the_device_is_listed_as_a_change(void **)
{
	struct world w;
	struct seen seen = {};
	const struct device_uid uid = uid_of(77);

	world_open(&w, 3);
	const uint64_t before = view(&w).root->generation;
	struct state_batch *b = state_batch_new(1);
	state_batch_pulled(b, &uid);
	apply(&w, b);
	const struct snap_view v = view(&w);
	assert_true(snap_changes_since(&v, before, on_change, &seen));
	assert_int_equal(seen.nb, 1);
	assert_true(device_uid_is_equal(&seen.ch[0].uid, &uid));
	world_close(&w);
}

static void a_deleted_device_leaves_the_snapshot(void **)
{
	struct world w;
	const struct device_uid uid = uid_of(1);

	world_open(&w, 3);
	struct state_batch *b = state_batch_new(1);
	state_batch_sysinfo(b, &uid)->is_deleted = true;
	apply(&w, b);
	const struct snap_view v = view(&w);
	assert_null(find(&v, 1));
	assert_non_null(find(&v, 2));
	world_close(&w);
}

static void revoked_certificates_are_published(void **)
{
	struct world w;
	const struct cert_serial sn = serial_of(5), other = serial_of(6);

	world_open(&w, 3);
	assert_int_equal(state_revoked_set(w.st, 1, &sn, 1), 0);
	assert_int_equal(publish_now(w.p), 0);
	const struct snap_view v = view(&w);
	assert_true(snap_is_revoked(&v, 0, &sn));
	assert_false(snap_is_revoked(&v, 0, &other));
	world_close(&w);
}

static void a_learnt_ca_reaches_the_configuration(void **)
{
	const struct edit edit = {"ems/0/ztna_ca", NULL};
	struct world w;

	world_open(&w, 1);
	struct config *cfg = parse(&edit, 1);
	assert_int_equal(publish_config(w.p, cfg), 0);
	assert_int_equal(publish_now(w.p), 0);
	struct snap_view v = view(&w);
	assert_int_equal(((const struct snap_ems *)snap_arr(&v, v.config->ems))->ca.count, 0);
	const uint64_t before = v.root->config_generation;
	assert_int_equal(state_ca_set(w.st, 1,
				      &(struct slice){w.cfg->ems[0].ztna_ca.der[0].ptr,
						      w.cfg->ems[0].ztna_ca.der[0].len},
				      1),
			 0);
	assert_int_equal(publish_now(w.p), 0);
	v = view(&w);
	assert_int_equal(((const struct snap_ems *)snap_arr(&v, v.config->ems))->ca.count, 1);
	assert_int_equal(v.root->config_generation, before + 1);
	config_free(cfg);
	world_close(&w);
}

static void a_document_that_does_not_compile_changes_nothing(void **)
{
	const struct edit edit = {"policies/0/tags", "'One more tag'"};
	struct world w;
	uint32_t id;
	char name[16];
	int rc;

	world_open(&w, 3);
	const uint64_t before = view(&w).root->generation;
	do {
		const int n = snprintf(name, sizeof(name), "T%u", state_nb_tags(w.st));
		rc = state_tag_id(w.st, name, (size_t)n, &id);
	} while (rc == 0);
	struct config *cfg = parse(&edit, 1);
	assert_int_equal(publish_config(w.p, cfg), -ENOSPC);
	assert_int_equal(publish_now(w.p), 0);
	const struct snap_view v = view(&w);
	assert_int_equal(v.root->generation, before);
	assert_true(is_let_in(&v, 1));
	config_free(cfg);
	world_close(&w);
}

static void devices_follow_their_ems_when_indices_move(void **)
{
	static const char second[] =
		"[{'id': 2, 'name': 'second', 'server': '127.0.0.1', 'verifying_ca': 'ems-ca.pem',"
		"  'certificate': 'gateway.pem', 'key': 'gateway.key', 'ztna_ca': 'ztna-ca.pem',"
		"  'serial_number': 'FCTEMS8823005022'},"
		" {'id': 1, 'name': 'emstest', 'server': '127.0.0.1', 'verifying_ca': 'ems-ca.pem',"
		"  'certificate': 'gateway.pem', 'key': 'gateway.key', 'ztna_ca': 'ztna-ca.pem',"
		"  'serial_number': 'FCTEMS8823005021'}]";
	const struct edit edit = {"ems", second};
	struct world w;
	uint32_t index;

	world_open(&w, 3);
	publish_ems_contact(w.p, 1, 555);
	assert_int_equal(atomic_load(&w.shm.rdv->ems_contact_ms[0]), 555);
	struct config *cfg = parse(&edit, 1);
	assert_int_equal(publish_config(w.p, cfg), 0);
	assert_int_equal(publish_now(w.p), 0);
	struct snap_view v = view(&w);
	assert_int_equal(find(&v, 1)->ems, 1);
	assert_true(publish_ems_index(w.p, 1, &index));
	assert_int_equal(index, 1);
	assert_int_equal(atomic_load(&w.shm.rdv->ems_contact_ms[0]), 0);
	assert_int_equal(atomic_load(&w.shm.rdv->ems_contact_ms[1]), 555);
	/* And without it the devices leave. */
	const struct edit none = {"ems", "[]"};
	struct config *empty = parse(&none, 1);
	assert_int_equal(publish_config(w.p, empty), 0);
	assert_int_equal(publish_now(w.p), 0);
	v = view(&w);
	assert_int_equal(v.root->nb_devices, 0);
	config_free(cfg);
	config_free(empty);
	world_close(&w);
}

static void a_restart_goes_on_in_the_same_file(void **)
{
	struct world w;
	uint8_t ticket[16];
	bool is_resumed;

	world_open(&w, 300);
	publish_ems_contact(w.p, 1, 777);
	const uint64_t before = view(&w).root->generation;
	memcpy(ticket, w.shm.secrets->ticket[0].name, sizeof(ticket));
	publish_free(w.p);
	shm_close(&w.shm);
	assert_int_equal(shm_create(&w.shm, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed), 0);
	assert_true(is_resumed);
	w.p = publish_new(&w.shm, w.st, is_resumed);
	assert_non_null(w.p);
	/* Until the new one is there, the old version is. */
	assert_int_equal(view(&w).root->generation, before);
	assert_int_equal(publish_config(w.p, w.cfg), 0);
	assert_int_equal(publish_now(w.p), 0);
	const struct snap_view v = view(&w);
	assert_int_equal(v.root->generation, before + 1);
	assert_int_equal(v.root->nb_devices, 300);
	assert_memory_equal(w.shm.secrets->ticket[0].name, ticket, sizeof(ticket));
	assert_int_equal(atomic_load(&w.shm.rdv->ems_contact_ms[0]), 777);
	world_close(&w);
}

static void a_damaged_snapshot_is_made_anew(void **)
{
	struct world w;
	bool is_resumed;

	world_open(&w, 30);
	publish_free(w.p);
	memset(w.shm.snapshot + atomic_load(&w.shm.rdv->root_off), 0x5a, 64);
	shm_close(&w.shm);
	assert_int_equal(shm_create(&w.shm, shm_dir, (uid_t)-1, (gid_t)-1, &is_resumed), 0);
	w.p = publish_new(&w.shm, w.st, is_resumed);
	assert_non_null(w.p);
	assert_int_equal(atomic_load(&w.shm.rdv->root_off), 0);
	assert_int_equal(publish_config(w.p, w.cfg), 0);
	assert_int_equal(publish_now(w.p), 0);
	assert_int_equal(view(&w).root->nb_devices, 30);
	world_close(&w);
}

static uint32_t nb_keys(const struct world *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SECRETS_SLOTS; i++)
		n += w->shm.secrets->key[i].len > 0;
	return n;
}

static void a_private_key_is_kept_while_a_version_names_it_and_then_wiped(void **)
{
	const struct edit edit = {"certificates/0",
				  "{'name':'web','certificate':'shop.pem','key':'shop.key'}"};
	struct world w;

	world_open(&w, 1);
	assert_int_equal(nb_keys(&w), 1);
	assert_int_equal(rcu_worker_register(w.shm.rdv, 0), 0);
	struct config *cfg = parse(&edit, 1);
	assert_int_equal(publish_config(w.p, cfg), 0);
	assert_int_equal(publish_now(w.p), 0);
	publish_tick(w.p);
	assert_int_equal(nb_keys(&w), 2); /* worker 0 may still read the old version */
	rcu_worker_quiescent(w.shm.rdv, 0);
	publish_tick(w.p);
	assert_int_equal(nb_keys(&w), 1);
	/* The same key again takes no other slot. */
	assert_int_equal(publish_config(w.p, cfg), 0);
	assert_int_equal(publish_now(w.p), 0);
	assert_int_equal(nb_keys(&w), 1);
	rcu_worker_unregister(w.shm.rdv, 0);
	config_free(cfg);
	world_close(&w);
}

/* ---- with a data plane's reader in another process ---- */

/* As a worker does: adopt, look, report; every version must be consistent in itself. */
static int read_versions(void)
{
	struct shm shm;
	struct snap_view v;
	const char *why = "";

	if (shm_attach(&shm, shm_dir, &why) < 0 || rcu_worker_register(shm.rdv, 3) < 0)
		return 10;
	for (;;) {
		const uint64_t off = atomic_load_explicit(&shm.rdv->root_off, memory_order_acquire);
		if (snap_check(shm.snapshot, shm_snapshot_len(&shm), off, NULL, &v, &why) < 0)
			return 11;
		const struct snap_device *first = find(&v, 0);
		for (uint32_t i = 0; i < GROUP; i++) {
			const struct snap_device *d = find(&v, i);
			if (d == NULL || d->posture != first->posture)
				return 12;
		}
		atomic_store(&shm.rdv->worker[3].generation, v.root->generation);
		/* The stop: a device that the parent adds last. */
		if (find(&v, 1000000) != NULL)
			break;
		rcu_worker_quiescent(shm.rdv, 3);
	}
	rcu_worker_unregister(shm.rdv, 3);
	shm_close(&shm);
	return 0;
}

static void a_reader_sees_whole_versions_while_100000_updates_are_published(void **)
{
	struct world w;
	int status;

	world_open(&w, 2000);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(read_versions());
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct state_batch *b = state_batch_new(1);
		for (uint32_t i = 0; i < GROUP; i++)
			tags_add(b, i, round % 2 == 0 ? TAGS("A") : TAGS("B", "C"));
		apply(&w, b);
	}
	struct state_batch *b = state_batch_new(1);
	sysinfo_add(b, 1000000);
	apply(&w, b);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	struct publish_status s;
	publish_status(w.p, &s);
	assert_true(s.nb_publishes > ROUNDS);
	assert_int_equal(s.nb_failures, 0);
	/* Pages are reused: the file does not grow with the number of versions. */
	assert_true(shm_snapshot_len(&w.shm) < (64u << 20));
	world_close(&w);
}

static void a_killed_data_plane_holds_back_no_grace_period(void **)
{
	struct world w;
	struct publish_status s;

	world_open(&w, 10);
	const pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct shm shm;
		const char *why;
		if (shm_attach(&shm, shm_dir, &why) < 0 || rcu_worker_register(shm.rdv, 0) < 0)
			_exit(1);
		atomic_store(&shm.rdv->dp_epoch, 42);
		atomic_store(&shm.rdv->dp_workers, 1);
		atomic_store(&shm.rdv->dp_pid, (uint32_t)getpid());
		for (;;)
			pause();
	}
	for (int i = 0; i < 2000 && atomic_load(&w.shm.rdv->dp_pid) == 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	publish_tick(w.p);
	publish_status(w.p, &s);
	assert_true(s.is_dp_alive);
	for (uint32_t i = 0; i < 20; i++) {
		struct state_batch *b = state_batch_new(1);
		tags_add(b, 1, i % 2 == 0 ? TAGS("A") : TAGS("B"));
		apply(&w, b);
	}
	publish_tick(w.p);
	publish_status(w.p, &s);
	assert_true(s.build.pages_waiting > 20);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	publish_tick(w.p);
	struct state_batch *b = state_batch_new(1);
	tags_add(b, 1, TAGS("C"));
	apply(&w, b);
	tags_add(b = state_batch_new(1), 1, TAGS("D"));
	apply(&w, b);
	publish_status(w.p, &s);
	assert_false(s.is_dp_alive);
	assert_int_equal(s.resyncs, 1);
	assert_true(s.build.pages_waiting < 10);
	world_close(&w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, shm_dir_setup, shm_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_kept_is_published_at_start),
		TEST(a_changed_tag_changes_the_verdict_and_is_listed),
		TEST(only_times_changed_and_no_session_hears_of_it),
		TEST(a_pull_without_the_device_is_listed_as_a_change),
		TEST(a_deleted_device_leaves_the_snapshot),
		TEST(revoked_certificates_are_published),
		TEST(a_learnt_ca_reaches_the_configuration),
		TEST(a_document_that_does_not_compile_changes_nothing),
		TEST(devices_follow_their_ems_when_indices_move),
		TEST(a_restart_goes_on_in_the_same_file),
		TEST(a_damaged_snapshot_is_made_anew),
		TEST(a_private_key_is_kept_while_a_version_names_it_and_then_wiped),
		TEST(a_reader_sees_whole_versions_while_100000_updates_are_published),
		TEST(a_killed_data_plane_holds_back_no_grace_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
