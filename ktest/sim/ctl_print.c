// SPDX-License-Identifier: GPL-2.0
/* What the commands that ask print. */
#include "ctl.h"

static const char *who(struct world *w, struct raft_id id)
{
	u32 i;

	if (!raft_id_some(id))
		return "none";
	for (i = 0; i < w->n_slots; i++) {
		if (raft_id_eq(w->node[i].id, id))
			return w->node[i].name;
		if (raft_id_eq(w->node[i].old_id, id))
			return "former";
	}
	return "unknown";
}

void ctl_status(struct ctl *c, struct node *n)
{
	static const char *const role[] = {
		"follower", "precandidate", "candidate", "leader",
	};
	struct world *w = &c->w;

	if (!n->alive) {
		fprintf(w->out, "%s: down, term=%llu last=%llu\n", n->name,
			n->st.hard.term, n->st.last);
		return;
	}
	fprintf(w->out,
		"%s: %s%s term=%llu vote=%s leader=%s commit=%llu applied=%llu first=%llu last=%llu durable=%llu\n",
		n->name, n->member ? "" : "outside, ", role[raft_role(n->r)],
		raft_term(n->r), who(w, raft_vote(n->r)),
		who(w, raft_leader(n->r)), raft_commit(n->r), n->applied,
		raft_first_index(n->r), raft_last_index(n->r),
		raft_durable_index(n->r));
}

void ctl_peers(struct ctl *c, struct node *n)
{
	static const char *const state[] = { "probe", "replicate", "snapshot" };
	struct raft_peer_status st;
	unsigned int i;

	for (i = 0; i < raft_peer_count(n->r); i++) {
		raft_peer_status(n->r, i, &st);
		fprintf(c->w.out, "%s: %s match=%llu next=%llu%s%s\n",
			who(&c->w, st.id), state[st.state % 3], st.match,
			st.next, st.voter ? " voter" : "",
			st.observer ? " observer" : "");
	}
}

static void print_command(FILE *f, const struct fsm_command *d)
{
	static const char *const word[] = {
		[FSM_CANCEL] = "cancel",	[FSM_HANDLE_CLOSE] = "close",
		[FSM_LOCK_ACQUIRE] = "acquire",	[FSM_LOCK_RELEASE] = "release",
		[FSM_LOCK_LEAVE] = "leave",	[FSM_LOCK_REVOKE] = "revoke",
		[FSM_SESSION_END] = "end",
	};

	fprintf(f, "%llu/%llu %s", d->session, d->seq, word[d->op]);
	if (d->op == FSM_LOCK_ACQUIRE || d->op == FSM_LOCK_REVOKE)
		fprintf(f, " %.*s", d->name_len, d->name);
	else if (d->op != FSM_CANCEL && d->op != FSM_HANDLE_CLOSE)
		fprintf(f, " %llu", d->arg);
	fprintf(f, "\n");
}

static void print_entry(struct ctl *c, u64 index, const struct raft_entry *e)
{
	FILE *f = c->w.out;
	struct fsm_command d;

	fprintf(f, "%llu/%llu ", index, e->term);
	if (e->kind == RAFT_NOOP)
		fprintf(f, "noop\n");
	else if (e->kind == RAFT_MEMBERS)
		fprintf(f, "members\n");
	else if (fsm_decode(&d, e->data, e->len))
		fprintf(f, "?\n");
	else if (d.op == FSM_INIT)
		fprintf(f, "init\n");
	else if (d.op == FSM_SESSION_OPEN)
		fprintf(f, "open %.*s\n", d.name_len, d.name);
	else if (d.op == FSM_EXPIRE)
		fprintf(f, "expire %llu\n", d.arg);
	else if (!d.session)
		fprintf(f, "%s\n", d.op == FSM_REAP ? "reap" : "check");
	else if (d.op == FSM_COUNTER_ADD && d.session == 1)
		fprintf(f, "%.*s\n", d.name_len, d.name);
	else if (d.op == FSM_COUNTER_ADD)
		fprintf(f, "%llu/%llu add %.*s %llu\n", d.session, d.seq,
			d.name_len, d.name, d.arg);
	else if (d.op == FSM_COUNTER_RUN)
		fprintf(f, "%llu/%llu..%llu add %.*s %llu each\n", d.session,
			d.seq, d.seq + d.arg2 - 1, d.name_len, d.name, d.arg);
	else
		print_command(f, &d);
}

void ctl_log(struct ctl *c, struct node *n)
{
	struct raft_entry e;
	u64 i;

	for (i = raft_first_index(n->r); i <= raft_last_index(n->r); i++)
		if (!raft_entry(n->r, i, &e))
			print_entry(c, i, &e);
}

/* What the medium holds: what a crash now would leave. */
void ctl_disk(struct ctl *c, struct node *n)
{
	const struct store *s = &n->st;
	u64 i;

	fprintf(c->w.out, "term=%llu vote=%s base=%llu\n", s->hard.term,
		who(&c->w, s->hard.vote), s->base);
	for (i = s->base + 1; i <= s->last; i++) {
		struct gentry *g = store_at(s, i);
		struct raft_entry e = {
			.term = g->term, .kind = g->kind, .len = g->len,
			.data = g->data,
		};

		print_entry(c, i, &e);
	}
}

void ctl_messages(struct ctl *c)
{
	struct msg *m;

	for (m = c->pending; m; m = m->next) {
		fprintf(c->w.out, "[%llu] ", m->no);
		msg_print(c->w.out, &c->w, m);
		fprintf(c->w.out, "\n");
	}
}

/* Entries that the node applied since it was asked last. */
void ctl_apply(struct ctl *c, struct node *n)
{
	u64 i;

	for (i = c->seen[n->slot] + 1; i <= n->applied; i++) {
		struct gentry *g = c->w.g.log[i].e;
		struct raft_entry e = {
			.term = g->term, .kind = g->kind, .len = g->len,
			.data = g->data,
		};

		print_entry(c, i, &e);
	}
	c->seen[n->slot] = n->applied;
}

void ctl_counter(struct ctl *c, struct node *n, const char *name)
{
	u64 value, index;

	if (fsm_counter(n->f, name, strlen(name), &value, &index))
		fprintf(c->w.out, "%s: no counter %s\n", n->name, name);
	else
		fprintf(c->w.out, "%s: %s = %llu, changed at %llu\n", n->name,
			name, value, index);
}
