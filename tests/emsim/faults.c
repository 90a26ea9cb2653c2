/* SPDX-License-Identifier: BSD-3-Clause */
#include "emsim/faults.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	const char *what;
} fault_names[FAULT__COUNT] = {
#define F(sym, name, what) {name, what},
	FAULT_LIST(F)
#undef F
};

static const char *const entry_names[ENTRY__COUNT] = {
#define E(sym, name) name,
	ENTRY_LIST(E)
#undef E
};

const char *entry_name(enum entry entry)
{
	return entry_names[entry];
}

static bool take_slot(struct faults *f, enum fault which, int slot)
{
	int64_t *left = &f->left[which][slot];

	if (*left == 0)
		return false;
	if (*left > 0)
		(*left)--;
	f->hits[which]++;
	return true;
}

bool fault_take_own(struct faults *f, enum fault which, enum entry entry)
{
	return take_slot(f, which, (int)entry);
}

bool fault_take(struct faults *f, enum fault which, enum entry entry)
{
	return fault_take_own(f, which, entry) || take_slot(f, which, ENTRY_SLOT_ALL);
}

static int find(const char *const *names, size_t step, size_t nb, const char *name)
{
	for (size_t i = 0; i < nb; i++)
		if (strcmp(names[i * step], name) == 0)
			return (int)i;
	return -ENOENT;
}

int fault_set(struct faults *f, const char *name, const char *entry, int64_t count)
{
	int which, where = ENTRY_SLOT_ALL;

	if (strcmp(name, "clear") == 0) {
		memset(f->left, 0, sizeof(f->left));
		return 0;
	}
	which = find(&fault_names[0].name, 2, FAULT__COUNT, name);
	if (which < 0)
		return which;
	if (entry != NULL && strcmp(entry, "all") != 0) {
		where = find(entry_names, 1, ENTRY__COUNT, entry);
		if (where < 0)
			return where;
	}
	if (where == ENTRY_SLOT_ALL && count == 0)
		memset(f->left[which], 0, sizeof(f->left[which]));
	f->left[which][where] = count;
	return 0;
}

static void put_entries(const struct faults *f, enum fault which, struct buf *out)
{
	bool is_first = true;

	for (int e = 0; e < ENTRY_SLOTS; e++) {
		int64_t left = f->left[which][e];

		if (left == 0)
			continue;
		buf_printf(out, "%s\"%s\":", is_first ? "" : ",",
			   e == ENTRY_SLOT_ALL ? "all" : entry_names[e]);
		if (left < 0)
			buf_str(out, "\"on\"");
		else
			buf_u64(out, (uint64_t)left);
		is_first = false;
	}
}

void fault_list_json(const struct faults *f, struct buf *out)
{
	buf_str(out, "[");
	for (int i = 0; i < FAULT__COUNT; i++) {
		buf_printf(out,
			   "%s{\"name\":\"%s\",\"description\":\"%s\",\"hits\":", i > 0 ? "," : "",
			   fault_names[i].name, fault_names[i].what);
		buf_u64(out, f->hits[i]);
		buf_str(out, ",\"on\":{");
		put_entries(f, (enum fault)i, out);
		buf_str(out, "}}");
	}
	buf_str(out, "]");
}
