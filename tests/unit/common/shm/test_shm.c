/* SPDX-License-Identifier: BSD-3-Clause */

#include "common/shm/shm.h"
#include "tests/unit/common/shm/shm_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define NOBODY ((uid_t)-1)
#define NOGROUP ((gid_t)-1)

static struct shm create(bool is_resumed_wanted)
{
	struct shm shm;
	bool is_resumed;

	assert_int_equal(shm_create(&shm, shm_dir, NOBODY, NOGROUP, &is_resumed), 0);
	assert_int_equal(is_resumed, is_resumed_wanted);
	return shm;
}

static void attaching_to_nothing_is_enoent(void **state)
{
	(void)state;
	struct shm shm;

	assert_int_equal(shm_attach(&shm, shm_dir, NULL), -ENOENT);
	assert_int_equal(shm_attach(&shm, "/dev/shm/tagwarden-no-such-dir", NULL), -ENOENT);
}

static void a_directory_that_everybody_may_write_is_refused(void **state)
{
	(void)state;
	struct shm shm;
	bool is_resumed;

	assert_int_equal(mkdir(shm_dir, 0700), 0);
	assert_int_equal(chmod(shm_dir, 01777), 0);
	assert_int_equal(shm_create(&shm, shm_dir, NOBODY, NOGROUP, &is_resumed), -EPERM);
	/* and one that is in order is left as it is */
	assert_int_equal(chmod(shm_dir, 0700), 0);
	shm = create(false);
	struct stat st;
	assert_int_equal(stat(shm_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	shm_close(&shm);
}

static unsigned mode_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", shm_dir, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void the_two_sides_see_one_memory_with_the_right_permissions(void **state)
{
	(void)state;
	struct shm cp = create(false), dp;
	const char *why = NULL;

	assert_int_equal(shm_attach(&dp, shm_dir, &why), 0);
	assert_int_equal(mode_of(""), 0750);
	assert_int_equal(mode_of("snapshot"), 0640);
	assert_int_equal(mode_of("secrets"), 0640);
	assert_int_equal(mode_of("rendezvous"), 0660);
	assert_int_equal(shm_snapshot_grow(&cp, 3 * SNAP_PAGE), 0);
	assert_int_equal(shm_snapshot_len(&dp), 3 * SNAP_PAGE);
	cp.snapshot[2 * SNAP_PAGE] = 0x5a;
	assert_int_equal(dp.snapshot[2 * SNAP_PAGE], 0x5a);
	cp.secrets->key[511].len = 7;
	assert_int_equal(dp.secrets->key[511].len, 7);
	atomic_store(&dp.rdv->dp_pid, 42);
	assert_int_equal(atomic_load(&cp.rdv->dp_pid), 42);
	assert_int_equal(shm_snapshot_grow(&cp, SHM_SNAPSHOT_CAP + 1), -ENOSPC);
	shm_close(&dp);
	shm_close(&cp);
}

/* Does a child that runs <poke> die of a signal? */
static bool dies(void (*poke)(const struct shm *), const struct shm *shm)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* no core file, no sanitizer report: the signal is the answer */
		signal(SIGSEGV, SIG_DFL);
		poke(shm);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void poke_snapshot(const struct shm *shm)
{
	shm->snapshot[0] = 1;
}

static void poke_secrets(const struct shm *shm)
{
	shm->secrets->abi = 1;
}

static void poke_feedback(const struct shm *shm)
{
	shm->feedback->abi = 1;
}

static void poke_rdv(const struct shm *shm)
{
	atomic_store(&shm->rdv->dp_pid, 1);
}

static void the_kernel_keeps_readers_from_writing(void **state)
{
	(void)state;
	struct shm cp = create(false), dp;

	assert_int_equal(shm_attach(&dp, shm_dir, NULL), 0);
	assert_int_equal(shm_feedback_create(&dp, 1, 8, 8, NOBODY, NOGROUP), 0);
	assert_int_equal(shm_feedback_attach(&cp), 1);
	assert_true(dies(poke_snapshot, &dp));
	assert_true(dies(poke_secrets, &dp));
	assert_true(dies(poke_feedback, &cp));
	assert_false(dies(poke_feedback, &dp));
	assert_false(dies(poke_rdv, &dp));
	shm_close(&dp);
	shm_close(&cp);
}

static void a_second_control_plane_takes_the_files_over(void **state)
{
	(void)state;
	struct shm cp = create(false), dp;
	uint64_t instance = cp.rdv->instance;

	assert_int_equal(shm_attach(&dp, shm_dir, NULL), 0);
	shm_close(&cp);
	cp = create(false); /* nothing was published */
	assert_int_equal(cp.rdv->instance, instance);
	atomic_store(&cp.rdv->root_off, SNAP_PAGE);
	shm_close(&cp);
	cp = create(true);
	assert_int_equal(cp.rdv->instance, instance);
	assert_false(shm_is_stale(&dp, shm_dir));
	shm_close(&dp);
	shm_close(&cp);
}

static void files_of_another_abi_are_replaced_and_noticed(void **state)
{
	(void)state;
	struct shm cp = create(false), dp, late;
	const char *why = NULL;
	uint64_t instance = cp.rdv->instance;

	assert_int_equal(shm_attach(&dp, shm_dir, NULL), 0);
	cp.rdv->abi = RDV_ABI + 1;
	assert_int_equal(shm_attach(&late, shm_dir, &why), -EPROTO);
	assert_string_equal(why, "rendezvous: another magic or ABI");
	shm_close(&cp);
	cp = create(false);
	assert_true(cp.rdv->instance != instance);
	/* the old one keeps its memory, sees that it is old, and can attach anew */
	assert_int_equal(dp.rdv->instance, instance);
	assert_true(shm_is_stale(&dp, shm_dir));
	shm_close(&dp);
	assert_int_equal(shm_attach(&dp, shm_dir, &why), 0);
	assert_false(shm_is_stale(&dp, shm_dir));
	((struct snap_hdr *)cp.snapshot)->magic = 0;
	assert_int_equal(shm_attach(&late, shm_dir, &why), -EPROTO);
	assert_string_equal(why, "snapshot: another magic or ABI");
	shm_close(&cp);
	cp = create(false);
	cp.secrets->abi++;
	assert_int_equal(shm_attach(&late, shm_dir, &why), -EPROTO);
	assert_string_equal(why, "secrets: another magic or ABI");
	shm_close(&dp);
	shm_close(&cp);
}

static void short_or_mixed_files_are_refused(void **state)
{
	(void)state;
	struct shm cp = create(false), dp;
	const char *why = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/secrets", shm_dir);
	cp.secrets->instance++;
	assert_int_equal(shm_attach(&dp, shm_dir, &why), -ENOENT);
	cp.secrets->instance--;
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(shm_attach(&dp, shm_dir, &why), -EPROTO);
	assert_non_null(why);
	shm_close(&cp);
	cp = create(false);
	assert_int_equal(shm_attach(&dp, shm_dir, &why), 0);
	shm_close(&dp);
	shm_close(&cp);
	/* a link in the place of a file is not followed */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	assert_true(shm_attach(&dp, shm_dir, &why) < 0);
	cp = create(false);
	assert_int_equal(mode_of("secrets"), 0640);
	shm_close(&cp);
}

static void feedback_is_found_anew_when_the_data_plane_restarts(void **state)
{
	(void)state;
	struct shm cp = create(false), dp;

	assert_int_equal(shm_attach(&dp, shm_dir, NULL), 0);
	assert_int_equal(shm_feedback_attach(&cp), -ENOENT);
	assert_null(shm_feedback_worker(&cp, 0));
	assert_int_equal(shm_feedback_create(&dp, 2, 16, 8, NOBODY, NOGROUP), 0);
	assert_int_equal(shm_feedback_attach(&cp), 1);
	assert_int_equal(shm_feedback_attach(&cp), 0);
	for (uint32_t i = 0; i < 2; i++) {
		atomic_store(&shm_feedback_worker(&dp, i)->sessions, 100 + i);
		assert_int_equal(atomic_load(&shm_feedback_worker(&cp, i)->sessions), 100 + i);
		shm_feedback_records(&dp, i)[15].session_id = i + 5;
		assert_int_equal(shm_feedback_records(&cp, i)[15].session_id, i + 5);
		shm_feedback_rows(&dp, i)[7].id = i + 9;
		assert_int_equal(shm_feedback_rows(&cp, i)[7].id, i + 9);
	}
	assert_null(shm_feedback_worker(&cp, 2));
	assert_null(shm_feedback_records(&cp, UINT32_MAX));
	assert_int_equal(shm_feedback_create(&dp, 1, 32, 0, NOBODY, NOGROUP), 0);
	assert_int_equal(shm_feedback_attach(&cp), 1);
	assert_null(shm_feedback_worker(&cp, 1));
	assert_int_equal(cp.fb_records, 32);
	assert_int_equal(atomic_load(&shm_feedback_worker(&cp, 0)->sessions), 0);
	shm_close(&dp);
	shm_close(&cp);
}

static void feedback_that_lies_about_itself_is_refused(void **state)
{
	(void)state;
	struct shm cp = create(false), dp;

	assert_int_equal(shm_attach(&dp, shm_dir, NULL), 0);
	assert_int_equal(shm_feedback_create(&dp, 0, 16, 8, NOBODY, NOGROUP), -EINVAL);
	assert_int_equal(shm_feedback_create(&dp, 65, 16, 8, NOBODY, NOGROUP), -EINVAL);
	assert_int_equal(shm_feedback_create(&dp, 1, 15, 8, NOBODY, NOGROUP), -EINVAL);
	assert_int_equal(shm_feedback_create(&dp, 1, 16, 8, NOBODY, NOGROUP), 0);
	const struct feedback_hdr good = *dp.feedback;
	struct feedback_hdr *h = dp.feedback;
	h->nb_workers = 2;
	assert_int_equal(shm_feedback_attach(&cp), -EPROTO);
	*h = good;
	h->nb_records = 1u << 31;
	assert_int_equal(shm_feedback_attach(&cp), -EPROTO);
	*h = good;
	h->nb_rows = UINT32_MAX;
	assert_int_equal(shm_feedback_attach(&cp), -EPROTO);
	*h = good;
	h->magic++;
	assert_int_equal(shm_feedback_attach(&cp), -EPROTO);
	*h = good;
	h->file_len += 64;
	assert_int_equal(shm_feedback_attach(&cp), -EPROTO);
	*h = good;
	h->epoch++;
	assert_int_equal(shm_feedback_attach(&cp), -ENOENT);
	*h = good;
	assert_int_equal(shm_feedback_attach(&cp), 1);
	/* numbers that change later are not looked at again */
	h->nb_workers = 64;
	h->worker_off[0] = UINT64_MAX;
	assert_null(shm_feedback_worker(&cp, 1));
	assert_int_equal(atomic_load(&shm_feedback_worker(&cp, 0)->head), 0);
	shm_close(&dp);
	shm_close(&cp);
}

static void secrets_stay_out_of_core_dumps(void **state)
{
	(void)state;
	struct shm cp = create(false);
	char line[512];
	bool is_ours = false, is_hidden = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strstr(line, "/dev/shm/tagwarden-test-") != NULL)
			is_ours = strstr(line, "/secrets") != NULL;
		/* "dd": do not include the area into a core dump */
		if (is_ours && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd") != NULL)
			is_hidden = true;
	}
	fclose(f);
	assert_true(is_hidden);
	shm_close(&cp);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, shm_dir_setup, shm_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(attaching_to_nothing_is_enoent),
		T(a_directory_that_everybody_may_write_is_refused),
		T(the_two_sides_see_one_memory_with_the_right_permissions),
		T(the_kernel_keeps_readers_from_writing),
		T(a_second_control_plane_takes_the_files_over),
		T(files_of_another_abi_are_replaced_and_noticed),
		T(short_or_mixed_files_are_refused),
		T(feedback_is_found_anew_when_the_data_plane_restarts),
		T(feedback_that_lies_about_itself_is_refused),
		T(secrets_stay_out_of_core_dumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
