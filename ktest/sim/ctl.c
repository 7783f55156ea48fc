// SPDX-License-Identifier: GPL-2.0
#include "ctl.h"

const char ctl_help[] =
"Commands, one a line. # begins a comment. Nodes are n1, n2, ...; time passes\n"
"and messages move only when a command says so. Every safety property of the\n"
"simulator is checked after each step.\n"
"\n"
"  nodes N [memory] [ring=N] [bytes=N] [batch=N] [seed=N]\n"
"                          begin, with N nodes that storage makes durable\n"
"  add                     one more node, outside of the configuration\n"
"  bootstrap NODE [N]      the first N nodes (default: all) become the members\n"
"  campaign NODE           stand for election now, by PreVote\n"
"  transfer NODE TO        NODE, the leader, hands leadership to TO\n"
"  propose NODE NAME...    append entries that change nothing, called NAME\n"
"  inc NODE COUNTER [N]    a program on NODE adds N (default 1)\n"
"  cancel NODE             its oldest unanswered call is given up (EINTR)\n"
"  read NODE COUNTER [local|index=I]  a program reads, linearizably by default\n"
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
"  counter NODE COUNTER    what the node's own state says\n"
"  quiet COMMAND           carry it out without a word, unless it fails\n"
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

static bool persist_some(struct ctl *c, struct node *n, u64 count)
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

/* With automatic storage every write is durable before the next command. */
static void settle(struct ctl *c)
{
	bool again = true;
	u32 i;

	while (again) {
		again = false;
		for (i = 0; i < c->w.n_slots; i++)
			if (c->w.node[i].alive && !c->manual[i])
				again |= persist_some(c, &c->w.node[i], ~0ULL);
	}
}

/* ----------------------------------------------------- what words mean */

struct line {
	char text[512];
	char *word[CTL_WORDS];
	int n;
};

static void split(struct line *l, const char *text)
{
	char *at;

	snprintf(l->text, sizeof(l->text), "%s", text);
	at = strchr(l->text, '#');
	if (at)
		*at = 0;
	l->n = 0;
	for (at = strtok(l->text, " \t\r\n"); at && l->n < CTL_WORDS;
	     at = strtok(NULL, " \t\r\n"))
		l->word[l->n++] = at;
}

/* Value of KEY=VALUE among the words, or NULL. */
static const char *value_of(const struct line *l, const char *key)
{
	size_t len = strlen(key);
	int i;

	for (i = 1; i < l->n; i++)
		if (!strncmp(l->word[i], key, len) && l->word[i][len] == '=')
			return l->word[i] + len + 1;
	return NULL;
}

static u64 number_of(const struct line *l, const char *key, u64 otherwise)
{
	const char *v = value_of(l, key);

	return v ? strtoull(v, NULL, 0) : otherwise;
}

static bool has_word(const struct line *l, const char *word)
{
	int i;

	for (i = 1; i < l->n; i++)
		if (!strcmp(l->word[i], word))
			return true;
	return false;
}

static struct node *node_named(struct ctl *c, const char *name, size_t len)
{
	u32 i;

	for (i = 0; i < c->w.n_slots; i++)
		if (strlen(c->w.node[i].name) == len &&
		    !strncmp(c->w.node[i].name, name, len))
			return &c->w.node[i];
	return NULL;
}

static struct node *node_word(struct ctl *c, const struct line *l, int i)
{
	struct node *n = NULL;

	if (i < l->n)
		n = node_named(c, l->word[i], strlen(l->word[i]));
	if (!n)
		fprintf(c->w.out, "error: no such node\n");
	return n;
}

static struct node *live_word(struct ctl *c, const struct line *l, int i)
{
	struct node *n = node_word(c, l, i);

	if (n && !n->alive) {
		fprintf(c->w.out, "error: %s is down\n", n->name);
		return NULL;
	}
	return n;
}

/* "n1>n2": either may be "*". */
static bool link_word(struct ctl *c, const char *word, struct node **from,
		      struct node **to)
{
	const char *gt = strchr(word, '>');

	if (!gt)
		return false;
	*from = node_named(c, word, gt - word);
	*to = node_named(c, gt + 1, strlen(gt + 1));
	return true;
}

static bool matches_word(struct ctl *c, const struct msg *m, const char *word)
{
	struct node *from, *to;

	if (!strcmp(word, "all") || !strcmp(word, "first"))
		return true;
	if (link_word(c, word, &from, &to))
		return (!from || from->slot == m->from) &&
		       (!to || to->slot == m->to);
	if (*word >= '0' && *word <= '9')
		return m->no == strtoull(word, NULL, 10);
	if (m->kind == MSG_FORWARD)
		return !strcmp(word, "FORWARD");
	if (m->kind == MSG_HELLO)
		return !strcmp(word, "HELLO");
	return !strcmp(word, msg_type(m->m.type));
}

static bool matches(struct ctl *c, const struct msg *m, const struct line *l)
{
	int i;

	for (i = 1; i < l->n; i++)
		if (!matches_word(c, m, l->word[i]))
			return false;
	return true;
}

/* Take the first that matches, not newer than @newest, out of the list. */
static struct msg *take(struct ctl *c, const struct line *l, u64 newest)
{
	struct msg **at, *m;

	for (at = &c->pending; (m = *at); at = &m->next)
		if (m->no <= newest && matches(c, m, l)) {
			*at = m->next;
			m->next = NULL;
			return m;
		}
	return NULL;
}

/* --------------------------------------------------------------- commands */

static void cmd_nodes(struct ctl *c, const struct line *l)
{
	u32 i, n = l->n > 1 ? strtoul(l->word[1], NULL, 10) : 0;
	struct knobs *k = &c->w.k;

	if (c->begun || !n || n > SIM_SLOTS) {
		fprintf(c->w.out, "error: nodes N, once\n");
		return;
	}
	c->begun = true;
	k->durable = !has_word(l, "memory");
	k->n_slots = number_of(l, "ring", k->n_slots);
	k->n_bytes = number_of(l, "bytes", k->n_bytes);
	k->batch = number_of(l, "batch", k->batch);
	c->w.rng.state = number_of(l, "seed", 1);
	ghost_init(&c->w);
	for (i = 0; i < n; i++) {
		node_create(&c->w, i);
		node_start(&c->w.node[i]);
	}
}

static void cmd_add(struct ctl *c, const struct line *l)
{
	u32 slot = c->w.n_slots;

	if (slot == SIM_SLOTS)
		return;
	node_create(&c->w, slot);
	node_start(&c->w.node[slot]);
}

static void cmd_bootstrap(struct ctl *c, const struct line *l)
{
	u32 i, count = l->n > 2 ? strtoul(l->word[2], NULL, 10) : c->w.n_slots;
	struct node *n = live_word(c, l, 1);
	struct raft_config config = { 0 };

	if (!n || count > c->w.n_slots || count > RAFT_VOTERS_MAX)
		return;
	for (i = 0; i < count; i++) {
		config.member[i] = c->w.node[i].id;
		c->w.node[i].member = c->w.node[i].was_member = true;
	}
	config.n = config.n_voters = count;
	node_bootstrap(n, &config);
}

static void cmd_campaign(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);

	if (!n)
		return;
	raft_campaign(n->r, node_now(n));
	node_drain(n);
}

static void cmd_transfer(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1), *to = node_word(c, l, 2);
	int ret;

	if (!n || !to)
		return;
	ret = raft_transfer(n->r, node_now(n), to->id);
	if (ret)
		fprintf(c->w.out, "error: not now\n");
	node_drain(n);
}

static void cmd_propose(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);
	u8 buf[FSM_COMMAND_MAX];
	u64 index;
	int i, ret;

	for (i = 2; n && i < l->n; i++) {
		struct fsm_command d = {
			.op = FSM_COUNTER_ADD, .session = 1, .handle = 1,
			.arg = 1, .name = l->word[i],
			.name_len = strlen(l->word[i]),
		};

		d.seq = d.low = ++c->proposed;
		ret = raft_propose(n->r, node_now(n), RAFT_COMMAND, buf,
				   fsm_encode(&d, buf), RAFT_NOBODY, &index);
		if (ret)
			fprintf(c->w.out, "error: %s\n",
				ret == -EAGAIN ? "not the leader, or handing on" :
				"log full");
		else
			fprintf(c->w.out, "%s appends %llu\n", l->word[i], index);
	}
	if (n)
		node_drain(n);
}

static int name_number(struct ctl *c, const struct line *l, int i)
{
	int k;

	for (k = 0; i < l->n && k < SIM_NAMES; k++)
		if (!strcmp(work_name(k), l->word[i]))
			return k;
	fprintf(c->w.out, "error: counters are orders, a, journal, id, epoch, full\n");
	return -1;
}

static void cmd_inc(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);
	int name = n ? name_number(c, l, 2) : -1;

	if (name < 0)
		return;
	work_request(n, FSM_COUNTER_ADD, 0, name,
		     l->n > 3 ? strtoull(l->word[3], NULL, 0) : 1);
	node_drain(n);
}

static void cmd_cancel(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);
	struct req *q, *oldest = NULL;

	if (!n)
		return;
	for (q = n->reqs; q; q = q->next)
		if (!q->answered && !q->gave_up)
			oldest = q;
	if (oldest)
		work_give_up(n, oldest, -EINTR);
	node_drain(n);
}

static void cmd_read(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);
	int name = n ? name_number(c, l, 2) : -1;
	u8 kind = READ_LINEARIZABLE;

	if (name < 0)
		return;
	if (value_of(l, "index"))
		kind = READ_AT_LEAST;
	else if (has_word(l, "local"))
		kind = READ_LOCAL;
	if (!work_read(n, kind, name, number_of(l, "index", 0)))
		fprintf(c->w.out, "error: too many reads\n");
	node_drain(n);
}

static void give(struct ctl *c, struct msg *m)
{
	struct node *n = &c->w.node[m->to];

	c->w.counted++;
	fprintf(c->w.out, "> [%llu] ", m->no);
	msg_print(c->w.out, &c->w, m);
	fprintf(c->w.out, "%s\n", n->alive && raft_id_eq(n->id, m->to_id) ?
		"" : " (nobody is there)");
	node_deliver(n, m);
	msg_put(&c->w, m);
	settle(c);
}

static void cmd_deliver(struct ctl *c, const struct line *l)
{
	u64 newest = c->w.msg_no;
	struct msg *m;

	if (l->n < 2)
		return;
	while ((m = take(c, l, newest))) {
		give(c, m);
		if (has_word(l, "first"))
			break;
	}
}

static void cmd_drop(struct ctl *c, const struct line *l)
{
	struct msg *m;

	if (l->n < 2)
		return;
	while ((m = take(c, l, ~0ULL)))
		msg_put(&c->w, m);
}

static void requeue(struct ctl *c, const struct line *l, bool twice)
{
	u64 newest = c->w.msg_no;
	struct msg *m, *list = NULL, **tail = &list;

	if (l->n < 2)
		return;
	while ((m = take(c, l, newest))) {
		*tail = m;
		tail = &m->next;
	}
	while ((m = list)) {
		struct msg *copy = msg_new(&c->w), keep = *copy;

		list = m->next;
		*copy = *m;
		copy->no = keep.no;
		copy->refs = 1;
		copy->next = NULL;
		if (m->data) {
			copy->data = malloc(m->len);
			memcpy(copy->data, m->data, m->len);
		}
		ctl_send(&c->w, copy);
		if (!twice) {
			msg_put(&c->w, m);
			continue;
		}
		m->next = c->pending;
		c->pending = m;
	}
}

static void cmd_duplicate(struct ctl *c, const struct line *l)
{
	requeue(c, l, true);
}

static void cmd_delay(struct ctl *c, const struct line *l)
{
	requeue(c, l, false);
}

static void cmd_stabilize(struct ctl *c, const struct line *l)
{
	unsigned int limit = 10000;
	struct msg *m;

	while (limit-- && (m = take(c, l, ~0ULL)))
		give(c, m);
}

static void step_entries(struct ctl *c, const char *text, struct raft_msg *m,
			 struct raft_entry *e)
{
	u64 index, term;
	int used;

	while (text && m->n_entries < RAFT_BATCH_MAX &&
	       sscanf(text, "%llu/%llu%n", &index, &term, &used) == 2) {
		struct gentry *g = ghost_find(&c->w, index, term);

		if (g)
			e[m->n_entries++] = (struct raft_entry){
				.term = g->term, .data = g->data,
				.len = g->len, .kind = g->kind,
			};
		text += used + (text[used] == ',');
	}
	m->entries = m->n_entries ? e : NULL;
}

static void cmd_step(struct ctl *c, const struct line *l)
{
	struct raft_entry entries[RAFT_BATCH_MAX];
	struct node *from, *to;
	struct raft_msg m = { 0 };

	if (l->n < 3 || !link_word(c, l->word[1], &from, &to) || !from || !to) {
		fprintf(c->w.out, "error: step FROM>TO TYPE ...\n");
		return;
	}
	for (m.type = RAFT_PREVOTE; m.type <= RAFT_READ_REPLY; m.type++)
		if (!strcmp(msg_type(m.type), l->word[2]))
			break;
	m.from = from->id;
	m.to = to->id;
	m.term = number_of(l, "term", 0);
	m.index = number_of(l, "index", 0);
	m.log_term = number_of(l, "log_term", 0);
	m.commit = number_of(l, "commit", 0);
	m.id = number_of(l, "id", 0);
	m.hint = number_of(l, "hint", 0);
	m.hint_term = number_of(l, "hint_term", 0);
	m.flags = (has_word(l, "reject") ? RAFT_MSG_REJECT : 0) |
		  (has_word(l, "transfer") ? RAFT_MSG_TRANSFER : 0) |
		  (has_word(l, "last") ? RAFT_MSG_LAST : 0);
	step_entries(c, value_of(l, "entries"), &m, entries);
	raft_step(to->r, node_now(to), &m);
	node_drain(to);
}

static void cmd_cut(struct ctl *c, const struct line *l)
{
	struct node *from, *to;
	u32 i;
	int k;

	for (k = 1; k < l->n; k++) {
		if (link_word(c, l->word[k], &from, &to)) {
			if (from && to)
				c->w.cut[from->slot][to->slot] = true;
			continue;
		}
		from = node_word(c, l, k);
		for (i = 0; from && i < c->w.n_slots; i++) {
			c->w.cut[from->slot][i] = true;
			c->w.cut[i][from->slot] = true;
		}
	}
}

static void cmd_heal(struct ctl *c, const struct line *l)
{
	memset(c->w.cut, 0, sizeof(c->w.cut));
}

/* "persist manual|auto [NODE]" */
static void set_manual(struct ctl *c, const struct line *l)
{
	bool manual = l->word[1][0] == 'm';
	struct node *n;
	u32 i;

	n = l->n > 2 ? node_word(c, l, 2) : NULL;
	for (i = 0; i < SIM_SLOTS; i++)
		if (l->n < 3 || n == &c->w.node[i])
			c->manual[i] = manual;
}

static void cmd_persist(struct ctl *c, const struct line *l)
{
	u64 count = l->n > 2 ? strtoull(l->word[2], NULL, 10) : ~0ULL;
	struct node *n;
	u32 i;

	if (has_word(l, "manual") || has_word(l, "auto")) {
		set_manual(c, l);
		return;
	}
	if (has_word(l, "all")) {
		for (i = 0; i < c->w.n_slots; i++)
			if (c->w.node[i].alive)
				persist_some(c, &c->w.node[i], count);
		return;
	}
	n = live_word(c, l, 1);
	if (n)
		persist_some(c, n, count);
}

static void cmd_crash(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);

	if (!n)
		return;
	c->w.crash_keep = number_of(l, "keep", 0);
	node_crash(n);
	c->disk[n->slot].snapshot = false;
}

static void cmd_restart(struct ctl *c, const struct line *l)
{
	struct node *n = node_word(c, l, 1);

	if (!n || n->alive)
		return;
	node_return(n);
	c->seen[n->slot] = n->applied;
}

static void cmd_hello(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);

	if (n)
		node_hello(n);
}

static void cmd_tick(struct ctl *c, const struct line *l)
{
	u64 ms = l->n > 2 ? strtoull(l->word[2], NULL, 10) : 0;
	struct node *n;
	u32 i;

	c->w.now += ms * MS;
	if (has_word(l, "all")) {
		for (i = 0; i < c->w.n_slots; i++)
			if (c->w.node[i].alive)
				node_tick(&c->w.node[i]);
		return;
	}
	n = live_word(c, l, 1);
	if (n)
		node_tick(n);
}

/* Whose deadline is next, not after @end; *at: when. */
static struct node *next_deadline(struct ctl *c, u64 end, u64 *at)
{
	struct node *first = NULL;
	u32 i;

	*at = end;
	for (i = 0; i < c->w.n_slots; i++) {
		struct node *n = &c->w.node[i];
		u64 d = n->alive ? node_to_global(n, n->deadline) : ~0ULL;

		if (d <= *at && (!first || d < *at)) {
			*at = d;
			first = n;
		}
	}
	return first;
}

static void pass(struct ctl *c, const struct line *l, bool deliver)
{
	u64 at, end = c->w.now;
	unsigned int limit = 100000;
	struct line all = { .n = 1 };
	struct node *n;
	struct msg *m;

	end += (l->n > 1 ? strtoull(l->word[1], NULL, 10) : 0) * MS;
	while (limit--) {
		m = deliver ? take(c, &all, ~0ULL) : NULL;
		if (m) {
			give(c, m);
			continue;
		}
		n = next_deadline(c, end, &at);
		if (!n)
			break;
		c->w.now = max(at, c->w.now + 1);
		node_tick(n);
		settle(c);
	}
	c->w.now = max(c->w.now, end);
}

static void cmd_time(struct ctl *c, const struct line *l)
{
	pass(c, l, false);
}

static void cmd_run(struct ctl *c, const struct line *l)
{
	pass(c, l, true);
}

static void cmd_snapshot(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);

	if (!n)
		return;
	snap_make(n, c->w.k.durable, true);
	node_drain(n);
}

static void cmd_compact(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);

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
		n = node_word(c, l, 1);
		if (n)
			ctl_status(c, n);
		return;
	}
	for (i = 0; i < c->w.n_slots; i++)
		ctl_status(c, &c->w.node[i]);
}

static void cmd_disk(struct ctl *c, const struct line *l)
{
	struct node *n = node_word(c, l, 1);

	if (n)
		ctl_disk(c, n);
}

static void cmd_ask(struct ctl *c, const struct line *l)
{
	struct node *n = live_word(c, l, 1);

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

void ctl_exec(struct ctl *c, const char *text)
{
	struct line l;
	size_t i;

	if (quietly(c, text))
		return;
	split(&l, text);
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
		settle(c);
		return;
	}
	fprintf(c->w.out, "error: no such command: %s\n", l.word[0]);
}
