/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal/eal_args.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

struct slice eal_device_name(struct slice device)
{
	const uint8_t *comma = device.len == 0 ? NULL : memchr(device.ptr, ',', device.len);

	return comma == NULL ? device : slice_of(device.ptr, (size_t)(comma - device.ptr));
}

bool eal_device_is_pci(struct slice device)
{
	static const char shape[] = "xxxx:xx:xx.x";
	const struct slice name = eal_device_name(device);

	if (name.len != sizeof(shape) - 1 && name.len != sizeof(shape) - 1 - 5)
		return false;

	const char *want = shape + (sizeof(shape) - 1 - name.len);

	for (size_t i = 0; i < name.len; i++)
		if (want[i] == 'x' ? !isxdigit(name.ptr[i]) : name.ptr[i] != want[i])
			return false;
	return true;
}

/* Append one argument; sticky failure is seen in <argc>. */
static void __attribute__((format(printf, 2, 3))) add(struct eal_args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->argc < 0)
		return;
	va_start(ap, fmt);
	const int n = vsnprintf(a->text + a->len, sizeof(a->text) - a->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(a->text) - a->len || a->argc >= (int)EAL_MAX_ARGS) {
		a->argc = -1;
		return;
	}
	a->argv[a->argc++] = a->text + a->len;
	a->argv[a->argc] = NULL;
	a->len += (size_t)n + 1;
}

/* Go on with the argument that add() began. */
static void __attribute__((format(printf, 2, 3))) more(struct eal_args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->argc < 0)
		return;
	va_start(ap, fmt);
	const int n = vsnprintf(a->text + a->len - 1, sizeof(a->text) - a->len + 1, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(a->text) - a->len + 1)
		a->argc = -1;
	else
		a->len += (size_t)n;
}

static bool has_cpu(const uint64_t *cpus, uint32_t cpu)
{
	return cpu < EAL_MAX_CPUS && (cpus[cpu / 64] >> (cpu % 64) & 1);
}

static int check_workers(const struct eal_params *p, const char **ret_why)
{
	uint64_t seen[EAL_MAX_CPUS / 64] = {0};

	if (p->nb_workers == 0 || p->nb_workers > SNAP_MAX_WORKERS) {
		*ret_why = "there must be 1 to 64 workers";
		return -EINVAL;
	}
	for (uint32_t i = 0; i < p->nb_workers; i++) {
		const uint16_t cpu = p->workers[i];

		if (!has_cpu(p->cpus, cpu)) {
			*ret_why = "a worker's core is not there, or not allowed to this process";
			return -EINVAL;
		}
		if (has_cpu(seen, cpu)) {
			*ret_why = "two workers on one core";
			return -EINVAL;
		}
		seen[cpu / 64] |= 1ull << (cpu % 64);
	}
	return 0;
}

/*
 * The main lcore only supervises and must not take a core away from a worker, nor one for
 * itself: it floats on all cores that no worker has, or on all when there are no others.
 */
static void add_lcores(const struct eal_params *p, struct eal_args *a)
{
	uint64_t rest[EAL_MAX_CPUS / 64], any = 0;
	const char *sep = "";

	memcpy(rest, p->cpus, sizeof(rest));
	for (uint32_t i = 0; i < p->nb_workers; i++)
		rest[p->workers[i] / 64] &= ~(1ull << (p->workers[i] % 64));
	for (uint32_t i = 0; i < EAL_MAX_CPUS / 64; i++)
		any |= rest[i];

	const uint64_t *main_cpus = any == 0 ? p->cpus : rest;

	add(a, "--lcores=0@(");
	for (uint32_t cpu = 0; cpu < EAL_MAX_CPUS; cpu++) {
		uint32_t last = cpu;

		if (!has_cpu(main_cpus, cpu))
			continue;
		while (has_cpu(main_cpus, last + 1))
			last++;
		if (last == cpu)
			more(a, "%s%u", sep, cpu);
		else
			more(a, "%s%u-%u", sep, cpu, last);
		sep = ",";
		cpu = last;
	}
	more(a, ")");
	for (uint32_t i = 0; i < p->nb_workers; i++)
		more(a, ",%u@%u", i + 1, p->workers[i]);
	add(a, "--main-lcore=0");
}

static void add_memory(const struct eal_params *p, struct eal_args *a)
{
	add(a, "-m");
	add(a, "%u", p->memory_mib);
	/*
	 * With huge pages all memory is anonymous (memfd): no hugetlbfs mount is needed and
	 * SIGKILL leaves no file behind. 22.11 refuses --in-memory together with --no-huge.
	 */
	if (p->use_hugepages) {
		add(a, "--in-memory");
	} else {
		add(a, "--no-huge");
		add(a, "--no-shconf");
	}
}

int eal_args_build(const struct eal_params *p, struct eal_args *ret, const char **ret_why)
{
	bool has_pci = false;
	const int rc = check_workers(p, ret_why);

	if (rc < 0)
		return rc;
	ret->argc = 0;
	ret->len = 0;
	add(ret, "tagwarden-dataplane");
	add_lcores(p, ret);
	add_memory(p, ret);
	add(ret, "--no-telemetry");
	/*
	 * Tap's complaints about a queueing discipline that it can do without would alarm people.
	 * Of two patterns that fit, DPDK follows the one that was given first.
	 */
	if (!p->is_debug)
		add(ret, "--log-level=pmd.net.tap:critical");
	add(ret, "--log-level=%s", p->is_debug ? "*:info" : "*:error");
	for (uint32_t i = 0; i < p->nb_devices; i++) {
		const bool is_pci = eal_device_is_pci(p->device[i]);

		add(ret, "%s", is_pci ? "-a" : "--vdev");
		add(ret, "%.*s", (int)p->device[i].len, (const char *)p->device[i].ptr);
		has_pci |= is_pci;
	}
	/* Scanning and probing PCI takes time, and devices that are not ours. */
	if (!has_pci)
		add(ret, "--no-pci");
	if (ret->argc < 0) {
		*ret_why = "too many or too long device strings";
		return -E2BIG;
	}
	return 0;
}
