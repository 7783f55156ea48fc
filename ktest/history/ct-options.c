// SPDX-License-Identifier: GPL-2.0
/* The command line of ct-history. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ct-options.h"

struct ct_options opt = {
	.device = "/dev/consensus",
	.threads = 4,
	.first_client = 1,
	.ops = UINT64_MAX,
	.timeout_ns = 5 * SEC,
	.weight = { 60, 10, 15, 5, 10 },
};

/* End the program; @err is an errno or 0. */
void ct_die(const char *what, int err)
{
	fprintf(stderr, "ct-history: %s%s%s\n", what, err ? ": " : "",
		err ? strerror(err) : "");
	exit(2);
}

static const char usage[] =
"usage: ct-history -o FILE [options]\n"
"  -o, --out FILE          the history (appended to; '-': standard output)\n"
"  -n, --name NAME         a counter; may be given several times (default: ct)\n"
"  -t, --threads N         callers in each group (default: 4)\n"
"  -g, --netns PATH        a group of callers in this network namespace; may be\n"
"                          given several times (default: one group, here)\n"
"  -s, --seconds S         stop after S seconds\n"
"  -c, --ops N             stop after N operations\n"
"  -m, --mix LIST          weights, e.g. inc=60,add=10,read=15,local=5,index=10\n"
"  -r, --rate R            operations a second, all callers together\n"
"  -T, --timeout MS        deadline of each operation (default: 5000)\n"
"  -S, --seed N            seed (default: random; printed)\n"
"  -C, --client N          name of the first client (default: 1)\n"
"  -p, --processes         callers are processes and not threads\n"
"  -k, --kill-every MS     kill one and start another (implies --processes)\n"
"  -i, --interrupt-every MS  send one a signal that it handles\n"
"  -M, --min-ok N          exit 1 if fewer operations ended ok\n"
"  -d, --device PATH       default: /dev/consensus\n"
"SIGINT and SIGTERM end the run in order.\n";

static const struct option options[] = {
	{ "out", 1, NULL, 'o' }, { "name", 1, NULL, 'n' }, { "threads", 1, NULL, 't' },
	{ "netns", 1, NULL, 'g' }, { "seconds", 1, NULL, 's' }, { "ops", 1, NULL, 'c' },
	{ "mix", 1, NULL, 'm' }, { "rate", 1, NULL, 'r' }, { "timeout", 1, NULL, 'T' },
	{ "seed", 1, NULL, 'S' }, { "client", 1, NULL, 'C' }, { "processes", 0, NULL, 'p' },
	{ "kill-every", 1, NULL, 'k' }, { "interrupt-every", 1, NULL, 'i' },
	{ "min-ok", 1, NULL, 'M' }, { "device", 1, NULL, 'd' }, { "help", 0, NULL, 'h' },
	{ }
};

static double number(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || v < 0)
		ct_die("not a number that can be used here", 0);
	return v;
}

static uint64_t integer(const char *text)
{
	char *end;
	uint64_t v = strtoull(text, &end, 0);

	if (end == text || *end)
		ct_die("not an integer", 0);
	return v;
}

static void parse_mix(char *list)
{
	char *value, *save, *item = strtok_r(list, ",", &save);
	unsigned int k, total = 0;

	memset(opt.weight, 0, sizeof(opt.weight));
	for (; item; item = strtok_r(NULL, ",", &save)) {
		value = strchr(item, '=');
		if (value)
			*value++ = '\0';
		for (k = 0; k < CT_KINDS && strcmp(ct_kind_names[k], item); k++)
			;
		if (k == CT_KINDS)
			ct_die("--mix knows inc, add, read, local and index", 0);
		opt.weight[k] = value ? (unsigned int)integer(value) : 1;
		total += opt.weight[k];
	}
	if (!total)
		ct_die("--mix leaves nothing to do", 0);
}

static void add_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || len >= CONSENSUS_NAME_SIZE || strpbrk(name, "\"\\"))
		ct_die("a name has 1 to 63 bytes, no quote and no backslash", 0);
	if (opt.n_names == MAX_NAMES)
		ct_die("too many names", 0);
	opt.names[opt.n_names++] = name;
}

static void parse(int argc, char **argv)
{
	static const char letters[] = "o:n:t:g:s:c:m:r:T:S:C:pk:i:M:d:h";
	int c;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'o':
			opt.out = optarg;
			break;
		case 'n':
			add_name(optarg);
			break;
		case 't':
			opt.threads = (unsigned int)integer(optarg);
			break;
		case 'g':
			if (opt.n_netns == MAX_GROUPS)
				ct_die("too many namespaces", 0);
			opt.netns[opt.n_netns++] = optarg;
			break;
		case 's':
			opt.seconds = number(optarg);
			break;
		case 'c':
			opt.ops = integer(optarg);
			break;
		case 'm':
			parse_mix(optarg);
			break;
		case 'r':
			opt.rate = number(optarg);
			break;
		case 'T':
			opt.timeout_ns = integer(optarg) * MSEC;
			break;
		case 'S':
			opt.seed = integer(optarg);
			break;
		case 'C':
			opt.first_client = (unsigned int)integer(optarg);
			break;
		case 'p':
			opt.processes = true;
			break;
		case 'k':
			opt.kill_ns = (uint64_t)(number(optarg) * 1e6);
			break;
		case 'i':
			opt.interrupt_ns = (uint64_t)(number(optarg) * 1e6);
			break;
		case 'M':
			opt.min_ok = integer(optarg);
			break;
		case 'd':
			opt.device = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
}

/**
 * ct_options() - fill in opt from the command line; ends the program if it is wrong
 * @argc: of main()
 * @argv: of main()
 */
void ct_options(int argc, char **argv)
{
	unsigned int groups;

	parse(argc, argv);
	groups = opt.n_netns ? opt.n_netns : 1;
	if (!opt.out || (opt.seconds <= 0 && opt.ops == UINT64_MAX))
		ct_die("an output (-o) and an end (-s or -c) must be given", 0);
	if (!opt.n_names)
		add_name("ct");
	if (!opt.seed)
		opt.seed = ct_now() ^ ((uint64_t)getpid() << 40);
	if (opt.kill_ns)
		opt.processes = true;
	if (!opt.threads || opt.threads > MAX_WORKERS / groups)
		ct_die("too few or too many callers", 0);
	opt.n_workers = opt.threads * groups;
}
