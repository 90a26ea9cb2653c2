/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two TCP stacks, or one and a scripted peer that misbehaves, a link and a clock in one process,
 * all of it from one seed. Each packet passes a checker that shares no code with the engine
 * (wire.h); after each run every byte, timer, buffer and connection is accounted for.
 */

#include "tests/sim/runner.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *f)
{
	fputs("usage: sim [options]\n\n"
	      "  --seeds N        run N seeds (300)\n"
	      "  --from K         beginning with seed K (0)\n"
	      "  --jobs J         in J processes (1; 0: one for each core)\n"
	      "  --list FILE      run the seeds in FILE, one a line\n"
	      "  --seed K         run seed K alone and print its parameters\n"
	      "  --trace          with --seed: print every packet\n"
	      "  --pcap FILE      with --seed: write what side 0 sends and receives\n"
	      "  --twice          run each seed twice; both must do exactly the same\n"
	      "  --bulk MIB       one transfer of MIB over a path that loses 2 %, reorders\n"
	      "                   2 % and duplicates 1 %\n"
	      "  --loss PPM       with --bulk: another rate\n"
	      "  --limit-s S      with --bulk: fail when it took longer\n"
	      "  --progress       a progress line although standard error is no terminal\n"
	      "  -h, --help       this text\n",
	      f);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"seeds", required_argument, NULL, 'n'},   {"from", required_argument, NULL, 'k'},
		{"jobs", required_argument, NULL, 'j'},    {"list", required_argument, NULL, 'L'},
		{"seed", required_argument, NULL, 's'},    {"trace", no_argument, NULL, 'T'},
		{"pcap", required_argument, NULL, 'P'},    {"twice", no_argument, NULL, '2'},
		{"bulk", required_argument, NULL, 'b'},    {"loss", required_argument, NULL, 'l'},
		{"limit-s", required_argument, NULL, 't'}, {"progress", no_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},          {0},
	};
	struct runner_options o = {.nb_seeds = 300, .nb_jobs = 1, .loss_ppm = 20000};
	int opt;

	while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		const uint64_t v = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		switch (opt) {
		case 'n':
			o.nb_seeds = v;
			break;
		case 'k':
			o.from = v;
			break;
		case 'j':
			o.nb_jobs = (unsigned)v;
			break;
		case 'L':
			o.list = optarg;
			break;
		case 's':
			o.from = v;
			o.nb_seeds = 1;
			o.is_verbose = true;
			break;
		case 'T':
			o.is_loud = true;
			break;
		case 'P':
			o.pcap = optarg;
			break;
		case '2':
			o.twice = true;
			break;
		case 'b':
			o.bulk_mib = v;
			break;
		case 'l':
			o.loss_ppm = (uint32_t)v;
			break;
		case 't':
			o.limit_s = v;
			break;
		case 'p':
			o.shows_progress = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	return runner_run(&o);
}
