// SPDX-License-Identifier: GPL-2.0
/* Commands to what is between nodes: messages, links, storage, time. */
#include "ctl.h"

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
	ctl_settle(c);
}

void cmd_deliver(struct ctl *c, const struct line *l)
{
	u64 newest = c->w.msg_no;
	struct msg *m;

	if (l->n < 2)
		return;
	while ((m = ctl_take(c, l, newest))) {
		give(c, m);
		if (ctl_has_word(l, "first"))
			break;
	}
}

void cmd_drop(struct ctl *c, const struct line *l)
{
	struct msg *m;

	if (l->n < 2)
		return;
	while ((m = ctl_take(c, l, ~0ULL)))
		msg_put(&c->w, m);
}

static void requeue(struct ctl *c, const struct line *l, bool twice)
{
	u64 newest = c->w.msg_no;
	struct msg *m, *list = NULL, **tail = &list;

	if (l->n < 2)
		return;
	while ((m = ctl_take(c, l, newest))) {
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
		c->w.ops->send(&c->w, copy);
		if (!twice) {
			msg_put(&c->w, m);
			continue;
		}
		m->next = c->pending;
		c->pending = m;
	}
}

void cmd_duplicate(struct ctl *c, const struct line *l)
{
	requeue(c, l, true);
}

void cmd_delay(struct ctl *c, const struct line *l)
{
	requeue(c, l, false);
}

void cmd_stabilize(struct ctl *c, const struct line *l)
{
	unsigned int limit = 10000;
	struct msg *m;

	while (limit-- && (m = ctl_take(c, l, ~0ULL)))
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

void cmd_step(struct ctl *c, const struct line *l)
{
	struct raft_entry entries[RAFT_BATCH_MAX];
	struct node *from, *to;
	struct raft_msg m = { 0 };

	if (l->n < 3 || !ctl_link_word(c, l->word[1], &from, &to) || !from || !to) {
		fprintf(c->w.out, "error: step FROM>TO TYPE ...\n");
		return;
	}
	for (m.type = RAFT_PREVOTE; m.type <= RAFT_READ_REPLY; m.type++)
		if (!strcmp(msg_type(m.type), l->word[2]))
			break;
	m.from = from->id;
	m.to = to->id;
	m.term = ctl_number_of(l, "term", 0);
	m.index = ctl_number_of(l, "index", 0);
	m.log_term = ctl_number_of(l, "log_term", 0);
	m.commit = ctl_number_of(l, "commit", 0);
	m.id = ctl_number_of(l, "id", 0);
	m.hint = ctl_number_of(l, "hint", 0);
	m.hint_term = ctl_number_of(l, "hint_term", 0);
	m.flags = (ctl_has_word(l, "reject") ? RAFT_MSG_REJECT : 0) |
		  (ctl_has_word(l, "transfer") ? RAFT_MSG_TRANSFER : 0) |
		  (ctl_has_word(l, "last") ? RAFT_MSG_LAST : 0);
	step_entries(c, ctl_value_of(l, "entries"), &m, entries);
	raft_step(to->r, node_now(to), &m);
	node_drain(to);
}

void cmd_cut(struct ctl *c, const struct line *l)
{
	struct node *from, *to;
	u32 i;
	int k;

	for (k = 1; k < l->n; k++) {
		if (ctl_link_word(c, l->word[k], &from, &to)) {
			if (from && to)
				c->w.cut[from->slot][to->slot] = true;
			continue;
		}
		from = ctl_node_word(c, l, k);
		for (i = 0; from && i < c->w.n_slots; i++) {
			c->w.cut[from->slot][i] = true;
			c->w.cut[i][from->slot] = true;
		}
	}
}

void cmd_heal(struct ctl *c, const struct line *l)
{
	memset(c->w.cut, 0, sizeof(c->w.cut));
}

/* "persist manual|auto [NODE]" */
static void set_manual(struct ctl *c, const struct line *l)
{
	bool manual = l->word[1][0] == 'm';
	struct node *n;
	u32 i;

	n = l->n > 2 ? ctl_node_word(c, l, 2) : NULL;
	for (i = 0; i < SIM_SLOTS; i++)
		if (l->n < 3 || n == &c->w.node[i])
			c->manual[i] = manual;
}

void cmd_persist(struct ctl *c, const struct line *l)
{
	u64 count = l->n > 2 ? strtoull(l->word[2], NULL, 10) : ~0ULL;
	struct node *n;
	u32 i;

	if (ctl_has_word(l, "manual") || ctl_has_word(l, "auto")) {
		set_manual(c, l);
		return;
	}
	if (ctl_has_word(l, "all")) {
		for (i = 0; i < c->w.n_slots; i++)
			if (c->w.node[i].alive)
				ctl_persist_some(c, &c->w.node[i], count);
		return;
	}
	n = ctl_live_word(c, l, 1);
	if (n)
		ctl_persist_some(c, n, count);
}

void cmd_crash(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (!n)
		return;
	c->w.crash_keep = ctl_number_of(l, "keep", 0);
	node_crash(n);
	c->disk[n->slot].snapshot = false;
}

void cmd_restart(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_node_word(c, l, 1);

	if (!n || n->alive)
		return;
	node_return(n);
	c->seen[n->slot] = n->applied;
}

void cmd_hello(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (n)
		node_hello(n);
}

void cmd_tick(struct ctl *c, const struct line *l)
{
	u64 ms = l->n > 2 ? strtoull(l->word[2], NULL, 10) : 0;
	struct node *n;
	u32 i;

	c->w.now += ms * MS;
	if (ctl_has_word(l, "all")) {
		for (i = 0; i < c->w.n_slots; i++)
			if (c->w.node[i].alive)
				node_tick(&c->w.node[i]);
		return;
	}
	n = ctl_live_word(c, l, 1);
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
		m = deliver ? ctl_take(c, &all, ~0ULL) : NULL;
		if (m) {
			give(c, m);
			continue;
		}
		n = next_deadline(c, end, &at);
		if (!n)
			break;
		c->w.now = max(at, c->w.now + 1);
		node_tick(n);
		ctl_settle(c);
	}
	c->w.now = max(c->w.now, end);
}

void cmd_time(struct ctl *c, const struct line *l)
{
	pass(c, l, false);
}

void cmd_run(struct ctl *c, const struct line *l)
{
	pass(c, l, true);
}
