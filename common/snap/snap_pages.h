/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Page runs of the snapshot file, for the builder: which are in use, which wait for a grace
 * period, which are free. Bookkeeping lives in the builder's heap; the file holds objects only.
 */

#pragma once

#include "common/snap/snap_build.h"

#include <stddef.h>
#include <stdint.h>

struct snap_run {
	uint64_t off;
	uint64_t pages;
};

struct snap_run_list {
	struct snap_run *run;
	size_t nb, cap;
};

/* Runs that no version after the publish of <token> refers to. */
struct snap_retired {
	uint64_t token;
	struct snap_run_list runs;
};

struct snap_pages {
	uint8_t *base;
	size_t cap;        /* bytes of <base> */
	uint64_t nb_pages; /* of the file */
	uint64_t nb_used;  /* bits set in <used>: in use or waiting */
	uint64_t *used;    /* a bit per page of the file */
	size_t nb_words;   /* allocated for <used> */
	uint64_t hint;     /* no page before this one is free */
	uint64_t nb_waiting;
	struct snap_run_list draft; /* retired by the draft: current until it is published */
	struct snap_retired *queue; /* oldest first */
	size_t queue_head, queue_nb, queue_cap;
	const struct snap_build_ops *ops;
};

/* <file_len> bytes of the file exist and are free, but for the header's page. */
[[nodiscard]] int snap_pages_init(struct snap_pages *p, void *base, size_t cap, uint64_t file_len,
				  const struct snap_build_ops *ops);
void snap_pages_fini(struct snap_pages *p);

/* A run for <bytes>; its offset in <ret_off>. -ENOSPC or -ENOMEM. The bytes are not zeroed. */
[[nodiscard]] int snap_pages_alloc(struct snap_pages *p, uint64_t bytes, uint64_t *ret_off);
/* Give back what no published version ever referred to. */
void snap_pages_free(struct snap_pages *p, uint64_t off, uint64_t bytes);

/* Make sure that <nb> calls of snap_pages_retire() cannot fail. */
[[nodiscard]] int snap_pages_reserve(struct snap_pages *p, size_t nb);
/* The next version does not refer to this any more. Needs a reservation; off 0 is nothing. */
void snap_pages_retire(struct snap_pages *p, uint64_t off, uint64_t bytes);
/* So that snap_pages_published() cannot fail. */
[[nodiscard]] int snap_pages_reserve_publish(struct snap_pages *p);
/* What the draft retired is free when the grace period of <token> is over. */
void snap_pages_published(struct snap_pages *p, uint64_t token);
/* Free what no reader can see any more. */
void snap_pages_reap(struct snap_pages *p);

/*
 * For taking over a file: mark what is in use as used (runs may overlap), then retire all that is
 * not marked, for a first publish; <ret_marked> gets the marked runs but the header's page, to be
 * the draft of the next one.
 */
void snap_pages_mark(struct snap_pages *p, uint64_t off, uint64_t bytes);
[[nodiscard]] int snap_pages_retire_unmarked(struct snap_pages *p,
					     struct snap_run_list *ret_marked);

static inline uint64_t snap_pages_of(uint64_t bytes)
{
	return (bytes + SNAP_PAGE - 1) / SNAP_PAGE;
}
