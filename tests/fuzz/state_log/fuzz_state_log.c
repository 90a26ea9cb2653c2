/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The state's file as it is read back at start. An even first byte: the rest is the file. An odd
 * one: the rest are frames, each a length of two bytes and so many bytes of records; checksums and
 * numbers are made right, since what they guard is to be reached.
 */

#include "state/log_priv.h"
#include "state/state_log.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void put(int fd, const void *p, size_t len)
{
	if (write(fd, p, len) != (ssize_t)len)
		abort();
}

static void put_frames(int fd, struct slice s)
{
	const struct log_hdr head = {.magic = LOG_MAGIC};
	uint64_t seq = 0;

	put(fd, &head, sizeof(head));
	while (s.len >= 2) {
		const size_t want = s.ptr[0] | (size_t)s.ptr[1] << 8;
		const size_t n = want < s.len - 2 ? want : s.len - 2;
		struct frame_hdr h = {.magic = FRAME_MAGIC, .len = (uint32_t)n, .seq = ++seq};

		h.crc32c = log_frame_crc(h, s.ptr + 2);
		put(fd, &h, sizeof(h));
		put(fd, s.ptr + 2, n);
		s = slice_skip(s, 2 + n);
	}
}

/* What was loaded can be looked at, and its counts are of what is there. */
static void look_at(const struct state *st)
{
	struct state_counts counts;
	struct state_device d;
	uint32_t pos = 0, n = 0, with_tags = 0;

	state_counts(st, &counts);
	while (state_device_next(st, &pos, &d)) {
		uint32_t nb;
		const uint16_t *ids = state_tagset(st, d.tagset, &nb);

		for (uint32_t i = 0; i < nb; i++)
			if (state_tag(st, ids[i]) == NULL)
				abort();
		if (d.ems_id < 1 || d.ems_id > STATE_MAX_EMS)
			abort();
		with_tags += (d.flags & SNAP_DEV_HAS_TAGS) != 0;
		n++;
	}
	if (n != counts.devices || with_tags != counts.with_tags)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct state_log_stats stats = {0};
	struct state *st = state_new(), *again = state_new();
	const int fd = memfd_create("state.log", MFD_CLOEXEC);
	uint64_t seq;
	bool is_bad;

	if (len == 0 || st == NULL || again == NULL || fd < 0)
		goto out;
	if (data[0] % 2 == 0)
		put(fd, data + 1, len - 1);
	else
		put_frames(fd, slice_of(data + 1, len - 1));
	if (fcntl(fd, F_SETFL, O_APPEND) < 0) /* as it is opened */
		abort();
	if (log_load(st, fd, &stats, &seq, &is_bad) < 0)
		abort();
	look_at(st);
	/* What did not count is cut off: a second load finds nothing bad. */
	stats = (struct state_log_stats){0};
	if (log_load(again, fd, &stats, &seq, &is_bad) < 0 || is_bad || stats.torn_bytes > 0)
		abort();
	look_at(again);
out:
	if (fd >= 0)
		close(fd);
	state_free(st);
	state_free(again);
	return 0;
}
