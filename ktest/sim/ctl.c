// SPDX-License-Identifier: GPL-2.0
/* Hooks, the table of commands, and the command that is carried out. */
#include "ctl.h"

const char ctl_help[] =
"Commands, one a line. # begins a comment. Nodes are n1, n2, ...; time passes\n"
"and messages move only when a command says so. Every safety property of the\n"
"simulator is checked after each step.\n"
"\n"
"  nodes N [memory] [ring=N] [bytes=N] [batch=N] [seed=N] [ttl=MS]\n"
"                          begin, with N nodes that storage makes durable;\n"
"                          ttl: sessions are leases of so long\n"
"  add                     one more node, outside of the configuration\n"
"  bootstrap NODE [N]      the first N nodes (default: all) become the members\n"
"  campaign NODE           stand for election now, by PreVote\n"
"  transfer NODE TO        NODE, the leader, hands leadership to TO\n"
"  propose NODE NAME...    append entries that change nothing, called NAME\n"
"  inc NODE COUNTER [N] [fence=LOCK/TOKEN] [times=T]  a program on NODE adds N\n"
"                          (default 1), by T calls at once\n"
"  cancel NODE             its oldest unanswered call is given up (EINTR)\n"
"  read NODE COUNTER [local|index=I]  a program reads, linearizably by default\n"
"  lock NODE LOCK [shared] [try] [file=F]  a program acquires it, by its open file\n"
"                          F (default 1), and waits\n"
"  release NODE LOCK [file=F]  gives it back, or leaves the queue\n"
"  close NODE [file=F]     the last descriptor of the open file is closed\n"
"  revoke NODE LOCK [token=T]  an administrator takes it from its holders\n"
"  deliver WHICH           deliver messages, in the order of sending\n"
"  drop WHICH              lose them\n"
"  duplicate WHICH         double them\n"
"  delay WHICH             put them behind all others\n"
"  stabilize [WHICH]       deliver all that match until none is left\n"
"                          WHICH: all, or any of: NUMBER, n1>n2, n1>*, *>n2,\n"
"                          and a type, as in: deliver n1>n2 APPEND; deliver\n"
"                          takes \"first\", too: not more than one\n"
"  step FROM>TO TYPE [term=] [index=] [log_term=] [commit=] [id=] [hint=]\n"
"       [hint_term=] [reject] [last] [transfer] [entries=I/T,...]\n"
"                          hand a made-up message to TO; entries that exist\n"
"  cut n1>n2 | cut n1      messages sent there, or from and to n1, are lost\n"
"  heal                    no link is cut\n"
"  persist manual|auto [NODE]  writes (of NODE) are reported by command, or at\n"
"                          once, which is the default\n"
"  persist NODE|all [N]    the next N writes (default all) become durable\n"
"  crash NODE [keep=N]     of what is not reported, N writes survive (default 0)\n"
"  restart NODE            from its storage; in memory mode as somebody new\n"
"  hello NODE              a node outside asks all others for replication\n"
"  tick NODE|all [MS]      MS (default 0) pass, then raft_tick()\n"
"  time MS                 MS pass; each deadline on the way is met\n"
"  run MS                  the same, and messages arrive at once\n"
"  snapshot NODE           take a snapshot and offer it to peers\n"
"  compact NODE INDEX      drop the log up to INDEX from memory\n"
"  status [NODE]  peers NODE  log NODE  disk NODE  messages  apply NODE\n"
"  locks NODE              who holds and waits, says the node's own state\n"
"  counter NODE COUNTER    what the node's own state says\n"
"  quiet COMMAND           carry it out without a word, unless it fails\n"
"  brief COMMAND           carry it out without a word about messages\n"
"  help\n";

static void ctl_send(struct world *w, struct msg *m)
{
	struct ctl *c = (struct ctl *)w;
	struct msg **at = &c->pending;

	if (w->cut[m->from][m->to]) {
		fprintf(w->out, "cut ");
		msg_print(w->out, w, m);
		fprintf(w->out, "\n");
		msg_put(w, m);
		return;
	}
	while (*at)
		at = &(*at)->next;
	m->next = NULL;
	*at = m;
	fprintf(w->out, "[%llu] ", m->no);
	msg_print(w->out, w, m);
	fprintf(w->out, "\n");
}

static void ctl_written(struct world *w, struct node *n, struct write *wr)
{
	struct ctl *c = (struct ctl *)w;

	c->disk[n->slot].seq = wr->seq;
	if (!c->manual[n->slot])
		return;
	fprintf(w->out, "%s writes term=%llu", n->name, wr->hard.term);
	if (wr->n)
		fprintf(w->out, " %llu to %llu", wr->first,
			wr->first + wr->n - 1);
	fprintf(w->out, "\n");
}

static void ctl_snap_written(struct world *w, struct node *n)
{
	((struct ctl *)w)->disk[n->slot].snapshot = true;
}

static void ctl_deadline(struct world *w, struct node *n)
{
}

static const struct sim_ops ctl_ops = {
	.send = ctl_send,
	.written = ctl_written,
	.snap_written = ctl_snap_written,
	.deadline = ctl_deadline,
};

void ctl_init(struct ctl *c, FILE *out)
{
	struct knobs *k = &c->w.k;

	memset(c, 0, sizeof(*c));
	world_init(&c->w, 1, &ctl_ops);
	c->w.out = out;
	c->w.crash_keep = 0;
	k->durable = true;
	k->n_slots = 256;
	k->n_bytes = 1 << 16;
	k->batch = 1144;
	k->compact_at = ~0ULL >> 1;
	k->objects_max = 1 << 20;
	k->handles = SIM_HANDLES;
	k->locks = SIM_LOCKS;
	k->old_boots = true;
	c->w.quiet_clients = true;
}

void ctl_free(struct ctl *c)
{
	struct msg *m;

	c->w.out = NULL;
	while ((m = c->pending)) {
		c->pending = m->next;
		msg_put(&c->w, m);
	}
	world_free(&c->w);
}

bool ctl_persist_some(struct ctl *c, struct node *n, u64 count)
{
	struct write *wr = n->st.head;
	u64 seq = 0;

	while (wr && count--) {
		seq = wr->seq;
		wr = wr->next;
	}
	if (seq)
		node_persisted(n, seq);
	if (c->disk[n->slot].snapshot) {
		c->disk[n->slot].snapshot = false;
		snap_stored(n);
		return true;
	}
	return seq;
}

void ctl_settle(struct ctl *c)
{
	bool again = true;
	u32 i;

	while (again) {
		again = false;
		for (i = 0; i < c->w.n_slots; i++)
			if (c->w.node[i].alive && !c->manual[i])
				again |= ctl_persist_some(c, &c->w.node[i], ~0ULL);
	}
}

static void cmd_snapshot(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (!n)
		return;
	snap_make(n, c->w.k.durable, true);
	node_drain(n);
}

static void cmd_compact(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (!n || l->n < 3)
		return;
	raft_compact(n->r, strtoull(l->word[2], NULL, 10));
	fprintf(c->w.out, "%s holds %llu to %llu\n", n->name,
		raft_first_index(n->r), raft_last_index(n->r));
	node_drain(n);
}

static void cmd_status(struct ctl *c, const struct line *l)
{
	struct node *n;
	u32 i;

	if (l->n > 1) {
		n = ctl_node_word(c, l, 1);
		if (n)
			ctl_status(c, n);
		return;
	}
	for (i = 0; i < c->w.n_slots; i++)
		ctl_status(c, &c->w.node[i]);
}

static void cmd_disk(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_node_word(c, l, 1);

	if (n)
		ctl_disk(c, n);
}

static void cmd_ask(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (!n)
		return;
	switch (l->word[0][0]) {
	case 'p':
		ctl_peers(c, n);
		break;
	case 'l':
		ctl_log(c, n);
		break;
	case 'a':
		ctl_apply(c, n);
		break;
	case 'c':
		if (l->n > 2)
			ctl_counter(c, n, l->word[2]);
		break;
	}
}

static void cmd_locks(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (n)
		ctl_locks(c, n);
}

static void cmd_messages(struct ctl *c, const struct line *l)
{
	ctl_messages(c);
}

static void cmd_help(struct ctl *c, const struct line *l)
{
	fputs(ctl_help, c->w.out);
}

static const struct {
	const char *name;
	void (*run)(struct ctl *c, const struct line *l);
} commands[] = {
	{ "nodes", cmd_nodes },		{ "add", cmd_add },
	{ "bootstrap", cmd_bootstrap },	{ "campaign", cmd_campaign },
	{ "transfer", cmd_transfer },	{ "propose", cmd_propose },
	{ "inc", cmd_inc },		{ "cancel", cmd_cancel },
	{ "read", cmd_read },		{ "deliver", cmd_deliver },
	{ "drop", cmd_drop },		{ "duplicate", cmd_duplicate },
	{ "delay", cmd_delay },		{ "stabilize", cmd_stabilize },
	{ "step", cmd_step },		{ "cut", cmd_cut },
	{ "heal", cmd_heal },		{ "persist", cmd_persist },
	{ "crash", cmd_crash },		{ "restart", cmd_restart },
	{ "hello", cmd_hello },		{ "tick", cmd_tick },
	{ "time", cmd_time },		{ "snapshot", cmd_snapshot },
	{ "compact", cmd_compact },	{ "status", cmd_status },
	{ "peers", cmd_ask },		{ "log", cmd_ask },
	{ "disk", cmd_disk },		{ "apply", cmd_ask },
	{ "counter", cmd_ask },		{ "messages", cmd_messages },
	{ "lock", cmd_lock },		{ "release", cmd_release },
	{ "close", cmd_close },		{ "revoke", cmd_revoke },
	{ "locks", cmd_locks },
	{ "run", cmd_run },		{ "help", cmd_help },
};

/* The rest of the line, with what it prints thrown away. */
static bool quietly(struct ctl *c, const char *text)
{
	FILE *out = c->w.out;

	text += strspn(text, " \t");
	if (strncmp(text, "quiet ", 6))
		return false;
	c->w.out = fopen("/dev/null", "w");
	if (!c->w.out)
		exit(2);
	ctl_exec(c, text + 6);
	fclose(c->w.out);
	c->w.out = out;
	return true;
}

/* The rest of the line, with what it prints of messages left out. */
static bool briefly(struct ctl *c, const char *text)
{
	char *all = NULL, *at, *end;
	FILE *out = c->w.out;
	size_t len = 0;

	text += strspn(text, " \t");
	if (strncmp(text, "brief ", 6))
		return false;
	c->w.out = open_memstream(&all, &len);
	if (!c->w.out)
		exit(2);
	ctl_exec(c, text + 6);
	fclose(c->w.out);
	c->w.out = out;
	for (at = all; *at; at = end) {
		end = strchr(at, '\n');
		end = end ? end + 1 : at + strlen(at);
		if (*at != '[' && *at != '>' && strncmp(at, "cut ", 4))
			fprintf(out, "%.*s", (int)(end - at), at);
	}
	free(all);
	return true;
}

void ctl_exec(struct ctl *c, const char *text)
{
	struct line l;
	size_t i;

	if (quietly(c, text) || briefly(c, text))
		return;
	ctl_split(&l, text);
	if (!l.n)
		return;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, l.word[0]))
			continue;
		if (!c->begun && commands[i].run != cmd_nodes &&
		    commands[i].run != cmd_help) {
			fprintf(c->w.out, "error: begin with nodes N\n");
			return;
		}
		commands[i].run(c, &l);
		ctl_settle(c);
		return;
	}
	fprintf(c->w.out, "error: no such command: %s\n", l.word[0]);
}
