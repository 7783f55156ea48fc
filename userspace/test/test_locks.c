// SPDX-License-Identifier: GPL-2.0
/*
 * lock's command line, and what is said of locks and sessions.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock.h"
#include "locks.h"
#include "session.h"
#include "tap.h"

enum { WORDS_MAX = 32 };

static struct lock_options l;

/* The words behind "lock", with blanks between them. */
static int parse(char *text)
{
	static char *words[WORDS_MAX];
	struct options o = { .json = true };
	char *word;

	o.n_args = 0;
	words[0] = (char *)"lock";
	for (word = strtok(text, " "); word; word = strtok(NULL, " "))
		words[++o.n_args] = word;
	words[o.n_args + 1] = NULL;
	o.args = words + 1;
	return lock_parse(&o, &l);
}

#define PARSE(text) parse((char []){ text })

static void options(void)
{
	ok(!PARSE("x true") && !strcmp(l.name, "x") && !strcmp(l.command[0], "true") &&
	   !l.command[1] && !l.shared && !l.try && !l.close && !l.no_fork && !l.shell &&
	   l.wait_ns == UINT64_MAX && l.conflict == 1 && l.on_loss == LOSS_TERM &&
	   !l.beat_ns && !l.grace_ns && !l.verbose, "the shortest");
	ok(!PARSE("-snoE7 --verbose --heartbeat 2s --grace 1.5s --on-loss kill x -- a -b -- c") &&
	   l.shared && l.try && l.conflict == 7 && l.close && l.verbose &&
	   l.beat_ns == 2000000000 && l.grace_ns == 1500000000 && l.on_loss == LOSS_KILL &&
	   !strcmp(l.command[0], "a") && !strcmp(l.command[1], "-b") &&
	   !strcmp(l.command[2], "--") && !strcmp(l.command[3], "c") && !l.command[4], "the longest");
	ok(!PARSE("-sx x a") && !l.shared && !PARSE("-xs x a") && l.shared &&
	   !PARSE("-es x a") && l.shared, "the last of -s and -x counts");
	ok(!PARSE("x -n a -s") && l.try && !l.shared && !strcmp(l.command[1], "-s"),
	   "options may stand behind the name, not behind the command");
	ok(!PARSE("x -c true") && !strcmp(l.command[0], "/bin/sh") &&
	   !strcmp(l.command[1], "-c") && !strcmp(l.command[2], "true") && !l.command[3],
	   "-c is a shell");
	ok(!PARSE("-c true x") && !strcmp(l.command[2], "true"), "also before the name");
	ok(!PARSE("-- x -- -a") && !strcmp(l.name, "x") && !strcmp(l.command[0], "-a"),
	   "a command that begins with a dash");
	ok(!PARSE("-F x a") && l.no_fork, "-F");
	ok(!PARSE("-F --on-loss none x a") && l.no_fork, "-F --on-loss none");
	ok(!PARSE("--help") && l.help && !PARSE("x --help") && l.help, "--help");
	ok(!PARSE("x a --help") && !l.help, "which may be the command's");
}

static void waits(void)
{
	ok(!PARSE("-w 2 x a") && l.wait_ns == 2000000000 && !l.try, "-w 2");
	ok(!PARSE("-w .25 x a") && l.wait_ns == 250000000, "-w .25");
	ok(!PARSE("-w 1.5 x a") && l.wait_ns == 1500000000, "-w 1.5");
	ok(!PARSE("-w 300ms x a") && l.wait_ns == 300000000, "-w 300ms");
	ok(!PARSE("--timeout 3 x a") && l.wait_ns == 3000000000, "--timeout is the same");
	ok(!PARSE("--wait none x a") && l.wait_ns == UINT64_MAX, "-w none");
	ok(!PARSE("-w 0 x a") && l.try && !PARSE("-w 0.0 x a") && l.try, "-w 0 is -n");
}

static void refused(void)
{
	static const char *const bad[] = {
		"", "x", "x --", "-n", "-w -1 x a", "-w 1x x a", "-w 1.. x a", "-w", "-E -1 x a",
		"-E 256 x a", "-E x x a", "--heartbeat 0s x a", "--heartbeat 9ms x a",
		"--heartbeat 2 x a", "--heartbeat 2h x a", "--grace 0s x a", "--grace 2h x a",
		"--on-loss stop x a", "-F -o x a", "-F --heartbeat 1s x a", "-F --grace 1s x a",
		"-F --on-loss kill x a", "-c true x a", "-Z x a", "--nosuch x a",
		"\x01 a", "--shared=1 x a",
	};
	FILE *out = stdout, *nowhere = fopen("/dev/null", "w");
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		int status;

		strcpy(text, bad[i]);
		stdout = nowhere;
		status = parse(text);
		stdout = out;
		ok(status == CTL_USAGE, "lock %s is refused",
		   bad[i][0] == '\x01' ? "of no name" : bad[i]);
	}
	fclose(nowhere);
}

/* ------------------------------------------------------------------- lists */

static struct consensus_lock_info row[8];
static struct lock_list list;

static struct consensus_lock_info *put(const char *name, uint64_t token, uint64_t ticket)
{
	struct consensus_lock_info *i = &row[list.n++];

	memset(i, 0, sizeof(*i));
	strcpy(i->name, name);
	strcpy(i->node, "n1");
	memcpy(i->comm, "fifteen letters!", sizeof(i->comm));
	i->token = token;
	i->ticket = ticket;
	i->index = token;
	i->since = 1000000000;
	i->pid = 42;
	i->uid = 7;
	return i;
}

static void put_all(void)
{
	list.at = row;
	list.n = 0;
	list.index = 99;
	put("a", 90, 80);
	put("a", 0, 91)->flags = CONSENSUS_INFO_SHARED;
	put("a", 0, 92)->node[0] = '\0';
	put("b", 93, 93)->flags = CONSENSUS_INFO_SHARED | CONSENSUS_INFO_DYING;
	put("b", 94, 94)->flags = CONSENSUS_INFO_SHARED;
	strcpy(row[4].comm, "\x1b[2J\xff\xc3\xa9");
	row[4].since = 0;
}

static char *shown(bool json)
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");

	if (json)
		locks_json(&list, out);
	else
		locks_print(&list, 1000000003, out);
	fclose(out);
	return text;
}

static void lists(void)
{
	const char *text;

	put_all();
	text = shown(false);
	holds(text, "a  (exclusive)\n  holds  token 90 ", "a lock and its holder");
	holds(text, " (3.0 s)  n1  fifteen letters![42] uid 7\n", "who that is");
	holds(text, "waits  1 ", "the first who waits");
	holds(text, "uid 7, shared\n", "how");
	holds(text, "waits  2 ", "the second");
	holds(text, "(session ended)", "whose session has ended");
	holds(text, "\n\nb  (shared)\n", "another");
	holds(text, ", gone, is being released\n", "one that is dead");
	holds(text, "since ? (?)  n1  ?[2J?\xc3\xa9[42]", "a program's name cannot act on a terminal");
	text = shown(true);
	holds(text, "{\"index\": 99, \"locks\": [{\"name\": \"a\", \"holders\": [{\"token\": 90, ", "as JSON");
	holds(text, "\"waiters\": [{\"token\": null, \"mode\": \"shared\", ", "its waiters");
	holds(text, "\"node\": null", "no node");
	holds(text, "]}, {\"name\": \"b\", ", "the next lock");
	holds(text, "], \"waiters\": []}]}", "which nobody waits for");
	holds(text, "\"dying\": true", "one that is dead, too");
	locks_only(&list, "b");
	ok(list.n == 2 && !strcmp(row[0].name, "b"), "only one lock");
	locks_only(&list, "c");
	ok(!list.n, "or none");
	same(shown(true), "{\"index\": 99, \"locks\": []}\n", "no locks as JSON");
}

static void sessions(void)
{
	struct consensus_session_info at[] = {
		{ .node = "n1", .id = 11, .ttl_ms = 10000 }, { .node = "12", .id = 10 },
		{ .node = "n2", .id = 12 }, { .node = "n2", .id = 13 },
	};
	struct session_list s = { .at = at, .n = 4, .index = 5 };
	uint64_t id = 0;

	ok(session_find(&s, "11", &id) == 1 && id == 11, "a session by number");
	ok(session_find(&s, "n1", &id) == 1 && id == 11, "by node");
	ok(session_find(&s, "12", &id) == 1 && id == 12, "a number before a name");
	ok(session_find(&s, "n2", &id) == 2, "a node that has two");
	ok(!session_find(&s, "n3", &id) && !session_find(&s, "", &id), "and none");
}

static void fences(void)
{
	char name[NAME_MAX_BYTES + 1];
	uint64_t token = 0;

	ok(parse_fence("a:1", name, &token) && !strcmp(name, "a") && token == 1, "a fence");
	ok(parse_fence("a:b:18446744073709551615", name, &token) && !strcmp(name, "a:b") &&
	   token == UINT64_MAX, "a name with a colon");
	ok(!parse_fence("a", name, &token) && !parse_fence(":1", name, &token) &&
	   !parse_fence("a:", name, &token) && !parse_fence("a:0", name, &token) &&
	   !parse_fence("a:x", name, &token) && !parse_fence("\x01:1", name, &token) &&
	   !parse_fence("a:18446744073709551616", name, &token), "what is none is refused");
}

static void errors(void)
{
	static const struct {
		int error;
		const char *says;
	} cases[] = {
		{ -EKEYEXPIRED, "lease was lost" }, { -EKEYREVOKED, "administrator" },
		{ -ESTALE, "token is old" }, { -EPERM, "not the holder" }, { -EDEADLK, "already" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		holds(consensus_strerror(cases[i].error), cases[i].says, "an error of locks");
}

void test_locks(void)
{
	options();
	waits();
	refused();
	lists();
	sessions();
	fences();
	errors();
}
