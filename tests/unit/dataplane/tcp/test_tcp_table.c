/* SPDX-License-Identifier: BSD-3-Clause */

/* The table alone, over connections that are only tuples: includes the source for its statics. */

#include "tcp/tcp_table.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NB 3000u

static struct tcp_stack st;

static struct tcp_tuple tuple_of_nb(uint32_t i)
{
	return (struct tcp_tuple){
		.local = ip_addr_from_v4(0x010200c0),
		.remote = ip_addr_from_v4(0x010000c6 + (i >> 8 << 8)),
		.local_port = 443,
		.remote_port = (uint16_t)(1000 + i),
	};
}

static int setup(void **)
{
	st = (struct tcp_stack){.p = {.max_conns = NB, .secret = {3, 4}}, .tw_base = NB + 1};
	st.conns = calloc(NB, sizeof(*st.conns));
	if (st.conns == NULL)
		return -1;
	for (uint32_t i = 0; i < NB; i++)
		st.conns[i].tuple = tuple_of_nb(i);
	return tcp_table_init(&st.table, 2 * NB);
}

static int teardown(void **)
{
	tcp_table_fini(&st.table);
	free(st.conns);
	return 0;
}

static uint32_t nb_overflow_free(void)
{
	uint32_t n = 0;

	for (uint32_t b = st.table.free_overflow; b != 0; b = st.table.buckets[b].more)
		n++;
	return n;
}

/* Every entry is found, every other is not, whatever <hash_of> does to the spread. */
static void fill_and_empty(uint32_t (*hash_of)(uint32_t i))
{
	const uint32_t before = nb_overflow_free();

	for (uint32_t i = 0; i < NB; i++)
		tcp_table_insert(&st, hash_of(i), i + 1);
	for (uint32_t i = 0; i < NB; i++)
		assert_int_equal(tcp_table_find(&st, &st.conns[i].tuple, hash_of(i)), i + 1);
	for (uint32_t i = 0; i < NB; i += 2)
		tcp_table_remove(&st, hash_of(i), i + 1);
	for (uint32_t i = 0; i < NB; i++)
		assert_int_equal(tcp_table_find(&st, &st.conns[i].tuple, hash_of(i)),
				 i % 2 == 0 ? 0 : i + 1);
	for (uint32_t i = 0; i < NB; i += 2)
		tcp_table_insert(&st, hash_of(i), i + 1);
	for (uint32_t i = NB; i > 0; i--)
		tcp_table_remove(&st, hash_of(i - 1), i);
	for (uint32_t i = 0; i < NB; i++)
		assert_int_equal(tcp_table_find(&st, &st.conns[i].tuple, hash_of(i)), 0);
	assert_int_equal(nb_overflow_free(), before);
}

static uint32_t true_hash(uint32_t i)
{
	return tcp_tuple_hash(&st, &st.conns[i].tuple);
}

static uint32_t few_buckets(uint32_t i)
{
	return (i % 3) << 30;
}

static uint32_t few_tags(uint32_t i)
{
	return (i % 50) << 24 | (i % 50);
}

static void entries_are_found_until_they_are_removed(void **)
{
	fill_and_empty(true_hash);
}

/* 3000 entries in three chains: the worst that there can be. */
static void collisions_only_make_it_slow(void **)
{
	fill_and_empty(few_buckets);
	fill_and_empty(few_tags);
}

static void hash_depends_on_the_secret_and_the_direction(void **)
{
	const struct tcp_tuple t = tuple_of_nb(7);
	struct tcp_tuple back = t;
	const uint32_t h = tcp_tuple_hash(&st, &t);

	back.local = t.remote;
	back.remote = t.local;
	assert_int_not_equal(tcp_tuple_hash(&st, &back), h);
	st.p.secret[1]++;
	assert_int_not_equal(tcp_tuple_hash(&st, &t), h);
}

static void removing_what_is_not_there_changes_nothing(void **)
{
	tcp_table_insert(&st, 5, 1);
	tcp_table_remove(&st, 5, 2);
	assert_int_equal(tcp_table_find(&st, &st.conns[0].tuple, 5), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(entries_are_found_until_they_are_removed),
		T(collisions_only_make_it_slow),
		T(hash_depends_on_the_secret_and_the_direction),
		T(removing_what_is_not_there_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
