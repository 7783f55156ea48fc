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
			"as this host, or --node NAME. Its storage (consensusctl format) is read first:\n"
			"what the node was, it is again. One that is new waits to be made a member, or is\n"
			"replicated to if a cluster knows its name. It forms no cluster by itself.\n"
			"If the storage is refused, the node stays, for status, until down (exit status 1).",
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
		.name = "inc", .args = "NAME [--by N] [--fence LOCK:TOKEN]",
		.min_args = 1, .max_args = 1,
		.allowed = OPT_BY | OPT_FENCE, .run = run_inc,
		.summary = "add to a counter, print the sum",
		.text = "Adds N (1) to the counter, once, and prints the value after it. With N above 1\n"
			"the numbers from value - N + 1 to value belong to the caller. A counter begins\n"
			"at 0 with its first addition.\n"
			"--fence: only if that grant of LOCK still holds when it takes effect; else exit\n"
			"status 1, and nothing happened.",
	}, {
		.name = "get", .args = "NAME [--consistency HOW] [--fence LOCK:TOKEN]",
		.min_args = 1, .max_args = 1,
		.allowed = OPT_CONSISTENCY | OPT_FENCE, .run = run_get,
		.summary = "print a counter",
		.text = "HOW is linearizable (sees all that was finished before; the default), local\n"
			"(what this node has; may be old; needs no quorum), or index=N (what this node\n"
			"has, once that is at least index N of an earlier result).",
	}, {
		.name = "lock", .args = "[OPTION...] NAME -- COMMAND...", .raw = true,
		.run = run_lock,
		.summary = "run a command while a lock is held",
		.text = "As flock(1), for all nodes: waits for the lock, runs COMMAND, gives the lock back when\n"
			"COMMAND and all that it started have ended. Ends as COMMAND did (128 + n: by signal n).\n"
			"  -x, -e            exclusive (the default)\n"
			"  -s                shared, beside others with -s\n"
			"  -n                do not wait\n"
			"  -w SECS           wait for so long (2, .5, 500ms)\n"
			"  -E CODE           exit status if it is not acquired (1)\n"
			"  -c 'COMMAND'      through /bin/sh\n"
			"  -o                do not wait for what COMMAND leaves running\n"
			"  -F                become COMMAND, which holds the lock by itself, and loses it unstopped\n"
			"  --on-loss WHAT    when the lock is lost: term (the default), then kill; kill; none.\n"
			"                    Exit status 122 if COMMAND was stopped for that\n"
			"  --grace D         from term to kill (5s; after a loss: 1/20 of the lease)\n"
			"  --heartbeat D     COMMAND writes to descriptor $CONSENSUS_LOCK_HEARTBEAT_FD at least\n"
			"                    so often, or loses the lock\n"
			"  --verbose         say what happens\n"
			"COMMAND sees CONSENSUS_LOCK_NAME, CONSENSUS_LOCK_TOKEN (the fencing token: hand it to\n"
			"what stores something), and CONSENSUS_LOCK_DIED=1 if the last holder died.\n"
			"If this process is killed, COMMAND is ended before the lock is given back.",
	}, {
		.name = "locks", .args = "[NAME]", .max_args = 1, .run = run_locks,
		.summary = "who holds, who waits",
		.text = "Each lock that somebody holds or waits for, as this node knows it: token, since\n"
			"when, node, program, process and user as their kernel knows them. Waiters stand in\n"
			"the order in which they are served.",
	}, {
		.name = "check", .args = "NAME TOKEN [--consistency HOW]",
		.min_args = 2, .max_args = 2,
		.allowed = OPT_CONSISTENCY, .run = run_check,
		.summary = "does that grant still hold?",
		.text = "Exit status 0: it does; 1: it does not; 4 (or 2, 3, 5): it could not be found out.\n"
			"The answer may be old when it arrives: what must not happen afterwards should carry\n"
			"a fence.",
	}, {
		.name = "revoke", .args = "NAME [--token T]", .min_args = 1, .max_args = 1,
		.allowed = OPT_TOKEN, .run = run_revoke,
		.summary = "take a lock from who holds it",
		.text = "For the administrator (CAP_NET_ADMIN). The next may have it before the holder learns of\n"
			"it; the holder's token is stale from then on. Without --token: all holders, up to 64.",
	}, {
		.name = "session", .args = "list | expire ID|NODE", .min_args = 1, .max_args = 2,
		.run = run_session,
		.summary = "sessions of nodes; end one",
		.text = "Each node has one session, and its locks with it. list: node, id, TTL, handles with\n"
			"locks. expire: ends one, with all its locks (CAP_NET_ADMIN); the node, if it lives,\n"
			"opens the next by itself.",
	}, {
		.name = "backup", .args = "FILE [--force] | --verify FILE",
		.min_args = 1, .max_args = 1,
		.allowed = OPT_FORCE | OPT_VERIFY, .run = run_backup,
		.summary = "write the state to a file, or verify one",
		.text = "Of any member or observer, while it goes on: the state that it has applied, at one\n"
			"index, which is printed. Read back and verified before it gets its name FILE, which\n"
			"must not exist (--force replaces it).\n"
			"--verify: is FILE a backup, whole and undamaged? Exit status 0: yes; 1: no, or it\n"
			"cannot be read. Needs no node.",
	}, {
		.name = "restore",
		.args = "FILE [--with NAME,...] [--above N] [--advance-counters N] [--yes]",
		.min_args = 1, .max_args = 1, .run = run_restore,
		.allowed = OPT_WITH | OPT_ABOVE | OPT_ADVANCE | OPT_YES,
		.summary = "begin a new cluster with a backup",
		.text = "What it does: a NEW cluster begins, with a new id; no session of the old one is\n"
			"left; what happened after the backup is lost, and counters go back to what they\n"
			"were then, so that the same numbers are given out again (--advance-counters adds\n"
			"N to each). Fencing tokens and indices never go back: they go on above the highest\n"
			"of the backup's + 2^40, the seconds since 1970 * 2^30, and --above. The old cluster\n"
			"must not go on.\n"
			"On one node, as create, when it and those of --with are up and in no cluster. Says\n"
			"all this with its numbers, asks (not with --yes), and prints the new index.",
	}, {
		.name = "down", .args = "", .run = run_down,
		.summary = "stop this node",
		.text = "Its requests under way end. With a storage it comes up again as what it was, with\n"
			"its vote. In memory mode all that it holds is forgotten; when it comes up again it\n"
			"is replicated to, but has no vote. consensusctl status says whether the cluster\n"
			"can do without it now.",
	}, {
		.name = "format", .args = "PATH [--size SIZE] [--ring SIZE] [--force]",
		.min_args = 1, .max_args = 1, .run = run_format,
		.allowed = OPT_SIZE | OPT_RING | OPT_FORCE,
		.summary = "prepare a file or block device as storage",
		.text = "Before the first consensusctl up of a node with durability = disk. Makes the file\n"
			"PATH (256M, or --size), or takes what is there: an empty file, or a block device\n"
			"(all of it, or --size), which must hold nothing but zeros. Fills all of it with\n"
			"zeros. --ring: how much of it is for the log (default: a quarter, at most 64M).\n"
			"--force overwrites what is there, a node's storage too; never what is in use.\n"
			"SIZE: bytes, or with K, M or G. See docs/storage.md.",
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
