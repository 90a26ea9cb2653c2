/* SPDX-License-Identifier: BSD-3-Clause */

#include "state_test.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* One change of zero trust tag <tag>: <nb> addresses 10.0.x.y from <from>, and as many MACs. */
static void change(struct state *st, uint32_t ems_id, const char *tag, uint8_t action,
		   uint32_t from, uint32_t nb)
{
	struct state_batch *b = state_batch_new(ems_id);
	struct state_tag_def *def = state_batch_def(b);

	def->name = slice_str(tag);
	def->kind = SNAP_TAG_ZERO_TRUST;
	def->action = action;
	def->ip = state_batch_room(b, (nb + 1) * sizeof(*def->ip));
	def->mac = state_batch_room(b, (nb + 1) * sizeof(*def->mac));
	for (uint32_t i = from; i < from + nb; i++) {
		def->ip[def->nb_ips++] = ip_addr_from_v4(htonl(0x0a000000u + i));
		def->mac[def->nb_macs++] =
			(struct state_mac){{2, 0, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
					    (uint8_t)(i >> 8), (uint8_t)i}};
	}
	batch_apply(st, b);
}

static uint32_t id_of(struct state *st, const char *name)
{
	uint32_t id;

	assert_int_equal(state_tag_id(st, name, strlen(name), &id), 0);
	return id;
}

static uint32_t nb_ips(struct state *st, uint32_t ems_id, const char *tag)
{
	struct state_tag_list l;

	(void)state_tag_list(st, id_of(st, tag), ems_id, &l);
	assert_int_equal(l.nb_ips, l.nb_macs);
	return l.nb_ips;
}

static void changes_add_up(void **)
{
	struct state *st = state_new();
	struct state_range *ip;
	struct state_mac *mac;
	uint32_t nb;

	change(st, 1, "FortiAD", STATE_TAG_ADD, 1, 3);
	change(st, 1, "FortiAD", STATE_TAG_ADD, 3, 1000);
	assert_int_equal(nb_ips(st, 1, "FortiAD"), 1002);
	change(st, 1, "FortiAD", STATE_TAG_REMOVE, 2, 500);
	change(st, 1, "FortiAD", STATE_TAG_REMOVE, 2, 500);
	assert_int_equal(nb_ips(st, 1, "FortiAD"), 502);
	assert_int_equal(state_tag_ips(st, id_of(st, "FortiAD"), 1, &ip, &nb), 0);
	assert_int_equal(nb, 502);
	assert_int_equal(ip[0].from.b[15], 1);
	for (uint32_t i = 1; i < nb; i++)
		assert_true(memcmp(&ip[i - 1], &ip[i], sizeof(*ip)) < 0);
	assert_int_equal(state_tag_macs(st, id_of(st, "FortiAD"), 1, &mac, &nb), 0);
	assert_int_equal(nb, 502);
	assert_int_equal(mac[0].b[5], 1);
	free(ip);
	free(mac);
	change(st, 1, "FortiAD", STATE_TAG_DELETE, 0, 0);
	assert_int_equal(nb_ips(st, 1, "FortiAD"), 0);
	state_free(st);
}

static void an_ems_speaks_for_its_own_list_only(void **)
{
	struct state *st = state_new();

	change(st, 1, "FortiAD", STATE_TAG_ADD, 1, 10);
	change(st, 2, "FortiAD", STATE_TAG_ADD, 5, 10);
	change(st, 2, "FortiAD", STATE_TAG_REMOVE, 1, 10);
	assert_int_equal(nb_ips(st, 1, "FortiAD"), 10);
	assert_int_equal(nb_ips(st, 2, "FortiAD"), 4);
	state_ems_forget(st, 1);
	assert_int_equal(nb_ips(st, 1, "FortiAD"), 0);
	assert_int_equal(nb_ips(st, 2, "FortiAD"), 4);
	state_free(st);
}

static void a_full_pull_begins_with_empty_lists(void **)
{
	struct state *st = state_new();
	struct state_batch *b;

	change(st, 1, "Gone", STATE_TAG_ADD, 1, 10);
	change(st, 2, "Gone", STATE_TAG_ADD, 1, 10);
	b = state_batch_new(1);
	b->is_full = b->is_first = true;
	b->cursor_obj = STATE_OBJ_TAGS;
	batch_apply(st, b);
	assert_int_equal(nb_ips(st, 1, "Gone"), 0);
	assert_int_equal(nb_ips(st, 2, "Gone"), 10);
	state_free(st);
}

static void lists_are_bounded_and_say_when_they_are_cut(void **)
{
	struct state *st = state_new();
	struct state_tag_list l;

	change(st, 1, "Big", STATE_TAG_ADD, 1, STATE_MAX_LIST);
	assert_true(state_tag_list(st, id_of(st, "Big"), 1, &l));
	assert_int_equal(l.nb_ips, STATE_MAX_LIST);
	assert_false(l.is_cut);
	change(st, 1, "Big", STATE_TAG_ADD, STATE_MAX_LIST + 1, 1);
	assert_true(state_tag_list(st, id_of(st, "Big"), 1, &l));
	assert_int_equal(l.nb_ips, STATE_MAX_LIST);
	assert_true(l.is_cut);
	state_free(st);
}

/* The four kinds by name; and a zero trust tag that would pass for another kind. */
static void names_tell_kinds_apart(void **)
{
	static const struct {
		const char *raw;
		uint8_t kind;
		const char *name;
	} row[] = {
		{"FortiAD", SNAP_TAG_ZERO_TRUST, "FortiAD"},
		{"Low", SNAP_TAG_CLASSIFICATION, "CLASS_Low"},
		{"Log4j", SNAP_TAG_OUTBREAK, "OUTBREAK_Log4j"},
		{"IOC", SNAP_TAG_FABRIC, "FABRIC_IOC"},
		{"Log4j", SNAP_TAG_ZERO_TRUST, "Log4j"},
		{"CLASS_Low", SNAP_TAG_ZERO_TRUST, "ZTNA_CLASS_Low"},
		{"ZTNA_CLASS_Low", SNAP_TAG_ZERO_TRUST, "ZTNA_ZTNA_CLASS_Low"},
		{"ZTNA_x", SNAP_TAG_ZERO_TRUST, "ZTNA_x"},
		{"CLASS_Low", SNAP_TAG_CLASSIFICATION, "CLASS_CLASS_Low"},
	};
	struct state *st = state_new();

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct state_batch *b = state_batch_new(1);
		struct state_tag_def *def = state_batch_def(b);

		def->name = slice_str(row[i].raw);
		def->kind = row[i].kind;
		batch_apply(st, b);
		assert_int_equal(state_nb_tags(st), i + 1);

		const struct state_tag *t = state_tag(st, (uint32_t)i);

		assert_string_equal(t->name, row[i].name);
		assert_int_equal(t->kind, row[i].kind);
		assert_string_equal(state_tag_plain(t), row[i].raw);
	}
	state_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_add_up),
		cmocka_unit_test(an_ems_speaks_for_its_own_list_only),
		cmocka_unit_test(a_full_pull_begins_with_empty_lists),
		cmocka_unit_test(lists_are_bounded_and_say_when_they_are_cut),
		cmocka_unit_test(names_tell_kinds_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
