/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A control plane that dies in the middle of a publish. The file is write-protected; at the first
 * write to each page the fault handler keeps a copy of the whole file as a crash at that moment
 * would leave it. From each copy a new builder must be able to go on, and a reader of what was
 * published then must not notice anything.
 */

#include "tests/lib/snap_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define IMAGE_LEN (128u * SNAP_PAGE) /* of the file; what is tested here is smaller */
#define MAX_IMAGES 160u
#define FILE_CAP (4096ull * SNAP_PAGE)

struct image {
	uint8_t *bytes;
	uint64_t root_off;
	uint64_t nb_publishes;
};

static struct snap_fixture f;
static struct image image[MAX_IMAGES];
static size_t nb_images;

static const struct fixture_policy policies[] = {
	{.id = 1, .action = SNAP_ACCEPT, .tags = "any(FortiAD,Low-Risk)"},
	{.id = 2, .action = SNAP_ACCEPT, .tags = "none(Bad)"},
};

static void protect(void)
{
	if (mprotect(f.base, IMAGE_LEN, PROT_READ) < 0)
		abort();
}

static void on_fault(int sig, siginfo_t *info, void *uc)
{
	uint8_t *at = info->si_addr;

	(void)sig;
	(void)uc;
	if (at < f.base || at >= f.base + IMAGE_LEN || nb_images == MAX_IMAGES)
		abort();
	struct image *i = &image[nb_images++];
	memcpy(i->bytes, f.base, IMAGE_LEN);
	i->root_off = f.root_off;
	i->nb_publishes = f.nb_publishes;
	uintptr_t page = (uintptr_t)at & ~(uintptr_t)(SNAP_PAGE - 1);
	if (mprotect((void *)page, SNAP_PAGE, PROT_READ | PROT_WRITE) < 0)
		abort();
}

static void one_round(unsigned round)
{
	protect();
	for (uint64_t i = 0; i < 3; i++)
		fixture_device(&f, i * 40 + round, round % 2 ? "Low-Risk" : "Bad");
	if (round == 1)
		fixture_policies(&f, policies, 1);
	if (snap_build_publish(f.build, 1) < 0)
		abort();
}

/* Nothing else than what was published may be reached, and it is whole. */
static void check_image(const struct image *i, uint8_t *at, size_t len, uint64_t *ret_generation)
{
	struct snap_view v;
	const char *why = "";

	if (snap_check(at, len, i->root_off, NULL, &v, &why) < 0)
		fail_msg("image refused: %s", why);
	for (uint64_t n = 0; n < 120; n++) {
		struct device_uid uid = fixture_uid(n);
		assert_non_null(snap_device_find(&v, &uid));
	}
	*ret_generation = v.root->generation;
}

struct resumed {
	uint8_t *base;
	uint64_t root_off, nb_publishes, done_token;
};

static int on_grow(void *user, uint64_t len)
{
	(void)user;
	return len <= FILE_CAP ? 0 : -ENOSPC;
}

static uint64_t on_publish(void *user, uint64_t root_off, uint64_t generation)
{
	struct resumed *r = user;

	(void)generation;
	r->root_off = root_off;
	return ++r->nb_publishes;
}

static bool on_is_done(void *user, uint64_t token)
{
	return token <= ((struct resumed *)user)->done_token;
}

static struct snap_build *resume(struct resumed *r, const struct image *i, uint64_t done_token)
{
	*r = (struct resumed){.root_off = i->root_off, .done_token = done_token};
	r->base = mmap(NULL, FILE_CAP, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(r->base != MAP_FAILED);
	memcpy(r->base, i->bytes, IMAGE_LEN);
	const struct snap_build_ops ops = {
		.grow = on_grow, .publish = on_publish, .is_done = on_is_done, .user = r};
	struct snap_build *b = snap_build_resume(r->base, FILE_CAP, i->root_off, 10, &ops);
	assert_non_null(b);
	return b;
}

static void put_all(struct snap_build *b)
{
	struct snap_arena a;
	const void *ptr;
	size_t len;
	uint64_t bits = 1;
	uint32_t posture;

	fixture_config(&f, &a, policies, 2);
	assert_int_equal(snap_arena_finish(&a, &ptr, &len), 0);
	assert_int_equal(snap_build_config(b, ptr, len), 0);
	snap_arena_fini(&a);
	assert_int_equal(snap_build_posture(b, &bits, 1, &posture), 0);
	for (uint64_t n = 0; n < 120; n++) {
		struct snap_device dev = fixture_device_of(&f, n, NULL);
		dev.posture = posture;
		assert_int_equal(snap_build_device_put(b, &dev, 0), 0);
	}
}

static void ref_is_untouched(const struct image *i, const uint8_t *base, const struct snap_ref *ref)
{
	if (ref->count > 0)
		assert_memory_equal(base + ref->off, i->bytes + ref->off,
				    (size_t)ref->count * ref->stride);
}

/* The version that was current at the crash, but for its device pages (see check_image()). */
static void version_is_untouched(const struct image *i, const uint8_t *base)
{
	const struct snap_root *root = (const struct snap_root *)(i->bytes + i->root_off);

	assert_memory_equal(base + i->root_off, root, SNAP_PAGE);
	assert_memory_equal(base + root->config_off, i->bytes + root->config_off, root->config_len);
	assert_memory_equal(base + root->index_off, i->bytes + root->index_off, root->index_len);
	ref_is_untouched(i, base, &root->postures);
	ref_is_untouched(i, base, &root->verdicts);
	for (uint32_t k = 0; k < root->nb_history; k++)
		ref_is_untouched(i, base, &root->history[k].uids);
}

/*
 * Readers still on what was current at the crash see it whole until they leave, when
 * <done_token> is 1: those on versions before it have left; 0: not even those.
 */
static void go_on_from(const struct image *i, uint64_t done_token)
{
	struct resumed r;
	uint64_t before, after;
	struct snap_build *b = resume(&r, i, done_token);

	check_image(i, r.base, FILE_CAP, &before);
	put_all(b);
	for (int k = 0; k < 5; k++) {
		struct snap_device dev = fixture_device_of(&f, 7, NULL);
		dev.sysinfo_ms += (uint64_t)k;
		assert_int_equal(snap_build_device_put(b, &dev, 1), 0);
		assert_int_equal(snap_build_publish(b, 1), 0);
	}
	struct image now = {.root_off = r.root_off};
	check_image(&now, r.base, FILE_CAP, &after);
	assert_true(after > before);
	check_image(i, r.base, FILE_CAP, &after);
	assert_int_equal(after, before);
	version_is_untouched(i, r.base);
	/* every page of the file at the crash is as it was: some reader may be on any of them */
	if (done_token == 0)
		assert_memory_equal(r.base + SNAP_PAGE, i->bytes + SNAP_PAGE,
				    IMAGE_LEN - SNAP_PAGE);
	snap_build_free(b);
	munmap(r.base, FILE_CAP);
}

/* Once the readers have left, the old pages are used again: restarts do not eat the file. */
static void old_pages_come_back(const struct image *i)
{
	struct resumed r;
	struct snap_build_stats st;
	struct snap_build *b = resume(&r, i, UINT64_MAX);

	put_all(b);
	assert_int_equal(snap_build_publish(b, 1), 0);
	for (int k = 0; k < 3; k++) {
		struct snap_device dev = fixture_device_of(&f, 7, NULL);
		dev.tags_ms += (uint64_t)k + 1;
		assert_int_equal(snap_build_device_put(b, &dev, 1), 0);
		assert_int_equal(snap_build_publish(b, 1), 0);
	}
	snap_build_stats(b, &st);
	assert_true(st.pages_used < 20);
	assert_true(st.pages_waiting < 20);
	snap_build_free(b);
	munmap(r.base, FILE_CAP);
}

static void a_crash_at_any_write_leaves_a_file_to_go_on_from(void **state)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, old;
	uint64_t last = 0;

	(void)state;
	for (size_t i = 0; i < MAX_IMAGES; i++) {
		image[i].bytes = mmap(NULL, IMAGE_LEN, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(image[i].bytes != MAP_FAILED);
	}
	fixture_init(&f);
	fixture_policies(&f, policies, 2);
	for (uint64_t n = 0; n < 120; n++)
		fixture_device(&f, n, "FortiAD");
	fixture_publish(&f);
	f.done_token = 0; /* a slow reader: nothing is reused meanwhile */
	assert_int_equal(sigaction(SIGSEGV, &sa, &old), 0);
	for (unsigned round = 0; round < 4; round++)
		one_round(round);
	assert_int_equal(sigaction(SIGSEGV, &old, NULL), 0);
	assert_int_equal(mprotect(f.base, IMAGE_LEN, PROT_READ | PROT_WRITE), 0);

	/* pages, directory, changes and root of each round, and rows and configuration */
	assert_true(nb_images > 4 * 4);
	for (size_t i = 0; i < nb_images; i++) {
		uint64_t generation;
		check_image(&image[i], image[i].bytes, IMAGE_LEN, &generation);
		assert_true(generation >= last); /* old or new, never back */
		last = generation;
		go_on_from(&image[i], 0);
		go_on_from(&image[i], 1);
		old_pages_come_back(&image[i]);
	}
	for (size_t i = 0; i < MAX_IMAGES; i++)
		munmap(image[i].bytes, IMAGE_LEN);
	fixture_fini(&f);
}

static void repeated_restarts_do_not_grow_the_file(void **state)
{
	(void)state;
	uint64_t len = 0;

	fixture_init(&f);
	fixture_policies(&f, policies, 2);
	for (uint64_t n = 0; n < 20000; n++)
		fixture_device(&f, n, "FortiAD");
	struct snap_view v = fixture_publish(&f);
	for (int restart = 0; restart < 6; restart++) {
		uint64_t generation = v.root->generation;
		struct snap_build_ops ops = fixture_ops(&f);
		snap_build_free(f.build);
		f.build = snap_build_resume(f.base, FIXTURE_CAP, f.root_off, 10, &ops);
		assert_non_null(f.build);
		fixture_policies(&f, policies, 2);
		for (uint64_t n = 0; n < 20000; n++)
			fixture_device(&f, n, "FortiAD");
		v = fixture_publish(&f);
		assert_int_equal(v.root->generation, generation + 1);
		assert_int_equal(v.root->decide_generation, generation + 1);
		/* room for the live version and its successor, and no more */
		if (restart >= 2)
			assert_int_equal(f.file_len, len);
		len = f.file_len;
	}
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_at_any_write_leaves_a_file_to_go_on_from),
		cmocka_unit_test(repeated_restarts_do_not_grow_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
