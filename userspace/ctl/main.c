// SPDX-License-Identifier: GPL-2.0
/*
 * consensusctl: what it can do, as a table.
 */
#include <stdio.h>

#include "ctl.h"

const struct verb verbs[] = {
	{
		.name = "up", .args = "[-c FILE] [--node NAME]",
		.allowed = OPT_CONFIG | OPT_NODE, .run = run_up,
		.summary = "start this node",
		.text = "Reads /etc/consensus/NAME.conf (the only one there, or -c NAME or -c FILE) and\n"
			"its key file, and starts the node whose section is [node NAME]: the one named\n"
			"as this host, or --node NAME. The node then waits to be made a member, or is\n"
			"replicated to if its cluster knows it already. It forms no cluster by itself.",
	}, {
		.name = "create", .args = "[--with NAME,...]",
		.allowed = OPT_WITH, .run = run_create,
		.summary = "begin a cluster of this node and others",
		.text = "Once, on one node, when all are up. The names are sections of the configuration.\n"
			"Every node named must answer and promise itself; until then it waits and says\n"
			"for whom. Without --with: a cluster of this node alone. When --timeout is over\n"
			"the creation still goes on (exit status 4); consensusctl down gives it up.",
	}, {
		.name = "status", .args = "", .run = run_status,
		.summary = "how this node and its cluster are",
		.text = "In words: member or not, who leads, whether there is a quorum, whether this node\n"
			"may be stopped now; then the log, the peers with their lag, and why datagrams\n"
			"were dropped. --json names the same; its keys are in consensusctl(8).",
	}, {
		.name = "inc", .args = "NAME [--by N]", .min_args = 1, .max_args = 1,
		.allowed = OPT_BY, .run = run_inc,
		.summary = "add to a counter, print the sum",
		.text = "Adds N (1) to the counter, once, and prints the value after it. With N above 1\n"
			"the numbers from value - N + 1 to value belong to the caller. A counter begins\n"
			"at 0 with its first addition.",
	}, {
		.name = "get", .args = "NAME [--consistency HOW]", .min_args = 1, .max_args = 1,
		.allowed = OPT_CONSISTENCY, .run = run_get,
		.summary = "print a counter",
		.text = "HOW is linearizable (sees all that was finished before; the default), local\n"
			"(what this node has; may be old; needs no quorum), or index=N (what this node\n"
			"has, once that is at least index N of an earlier result).",
	}, {
		.name = "down", .args = "", .run = run_down,
		.summary = "stop this node",
		.text = "Its requests under way end. In memory mode all that it holds is forgotten; when\n"
			"it comes up again it is replicated to, but has no vote. consensusctl status says\n"
			"whether that is safe now.",
	}, {
		.name = "keygen", .args = "FILE", .min_args = 1, .max_args = 1, .run = run_keygen,
		.summary = "make a new cluster key",
		.text = "Writes 256 random bits to FILE, readable by its owner alone. Never overwrites.\n"
			"All nodes of a cluster need the same.",
	}, {
		.name = "help", .args = "[VERB]", .max_args = 1, .run = run_help,
		.summary = "this",
		.text = "Prints help.",
	}, { .name = NULL },
};

int main(int argc, char **argv)
{
	struct options o;
	int status;

	status = options_parse(&o, argc, argv);
	if (status)
		return status;
	if (o.given & OPT_VERSION) {
		printf("consensusctl " CTL_VERSION "\n");
		return CTL_OK;
	}
	if (o.verb && o.given & OPT_HELP)
		return print_help(o.verb);
	if (!o.verb) {
		print_usage();
		return o.given & OPT_HELP ? CTL_OK : CTL_USAGE;
	}
	return verb_find(o.verb)->run(&o);
}
