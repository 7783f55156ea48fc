// SPDX-License-Identifier: GPL-2.0
/*
 * The properties, each checked at the step that could break it, against ghost
 * state outside of the nodes. Incremental: a step costs what it changed.
 */
#include <stdarg.h>
#include <unistd.h>
#include "sim.h"

const char *const mutant_name[MUT_N] = {
	"none", "ack-early", "ack-blind", "send-early", "forget-vote",
	"amnesia", "count-old", "dedup", "read-local", "stale-echo",
	"old-votes", "no-prev", "high-commit", "skip-apply", "snap-index",
	"cancel-lies", "lose-entry", "mute", "count-observer",
	"skip-hash", "run-again", "run-stops", "run-closed", "run-last",
	"run-first", "run-long", "unsend-first", "news-first", "hard-apart",
	"commit-newest", "take-torn", "cut-corrupt",
	"forget-doubt", "one-slot", "slot-order", "old-slot", "snap-unflushed",
	"release-early", "wrong-mark", "write-again", "snap-ahead", "retry-flush",
	"trust-cache", "stale-hard", "deaf-doubt", "lease-reply", "expire-soon",
	"no-round", "ack-ending", "resurrect", "told-late", "release-aba",
	"overtake", "token-stands", "no-fence", "give-up-keeps", "close-keeps",
	"reap-stops", "snap-order", "deaf-grant", "late-loss",
	"rivals", "fence-timer",
};

void sim_fail(struct world *w, const char *property, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "# seed %llu: violated: %s\n#   ", w->seed, property);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n#   at event %llu, %llu.%06llu ms of simulated time%s\n",
		w->counted, w->now / MS, w->now % MS,
		w->healed ? ", after healing" : "");
	if (w->replay)
		fprintf(stderr, "#   replay: %s\n", w->replay);
	fflush(stderr);
	_exit(1);
}

void trace(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->out)
		return;
	if (w->stamp)
		fprintf(w->out, "%8llu %10llu.%06llu ", w->counted,
			w->now / MS, w->now % MS);
	va_start(ap, fmt);
	vfprintf(w->out, fmt, ap);
	va_end(ap);
	fprintf(w->out, "\n");
}

static struct raft_id *leader_slot(struct ghost *g, u64 term)
{
	u64 old = g->leaders_cap;

	if (term >= old) {
		g->leaders_cap = (term + 64) * 2;
		g->leaders = realloc(g->leaders,
				     g->leaders_cap * sizeof(*g->leaders));
		if (!g->leaders)
			exit(2);
		memset(g->leaders + old, 0,
		       (g->leaders_cap - old) * sizeof(*g->leaders));
	}
	return &g->leaders[term].id;
}

static u64 term_at(struct node *n, u64 index)
{
	struct raft_entry e;

	return raft_entry(n->r, index, &e) ? 0 : e.term;
}

static bool is_member(const struct world *w, struct raft_id id)
{
	const struct raft_config *c = &w->g.config;
	int i;

	for (i = 0; i < c->n_voters; i++)
		if (raft_id_eq(c->member[i], id))
			return true;
	return false;
}

/*
 * Election safety: "at most one leader can be elected in a given term" (paper,
 * figure 3): in all of history. Leader completeness: "if a log entry is
 * committed in a given term, then that entry will be present in the logs of
 * the leaders for all higher-numbered terms".
 */
static void check_leader(struct node *n, u64 term)
{
	struct world *w = n->w;
	struct ghost *g = &w->g;
	struct raft_id *who = leader_slot(g, term);
	u64 c;

	if (raft_id_some(*who) && !raft_id_eq(*who, n->id))
		sim_fail(w, "election safety",
			 "%s is leader of term %llu, which had another",
			 n->name, term);
	if (raft_id_eq(*who, n->id) && n->term == term)
		sim_fail(w, "election safety",
			 "%s was elected twice in term %llu", n->name, term);
	*who = n->id;
	w->stat.elections++;
	if (g->formed && !is_member(w, n->id))
		sim_fail(w, "membership", "%s leads, but is no voter", n->name);
	for (c = g->commit; c && g->log[c].commit_term >= term; c--)
		;
	if (c && c >= raft_first_index(n->r) &&
	    (c > raft_last_index(n->r) || term_at(n, c) != g->log[c].e->term))
		sim_fail(w, "leader completeness",
			 "%s leads term %llu without entry %llu/%llu, committed in term %llu",
			 n->name, term, c, g->log[c].e->term,
			 g->log[c].commit_term);
}

/*
 * Who of the members has @e on its medium, dead or alive? Or had, before it was
 * damaged (@ever): what it acknowledged before may arrive after.
 */
static unsigned int holders(struct world *w, const struct gentry *e, bool ever,
			    unsigned int *members)
{
	unsigned int i, count = 0;

	*members = 0;
	for (i = 0; i < w->n_slots; i++) {
		struct node *n = &w->node[i];
		const struct store *s = n->member ? &n->st : &n->old;

		if (!n->was_member)
			continue;
		++*members;
		count += store_holds(s, e) || (ever && medium_had(n, e));
	}
	return count;
}

/* A node dropped @e, which is committed: others must still hold it. */
void check_durable(struct node *n, const struct gentry *e)
{
	unsigned int members, count = holders(n->w, e, false, &members);

	if (2 * count <= members)
		sim_fail(n->w, "durability",
			 "%s drops committed entry %llu/%llu; %u of %u members hold it",
			 n->name, e->index, e->term, count, members);
}

static void commit_one(struct node *n, u64 index)
{
	struct world *w = n->w;
	struct ghost *g = &w->g;
	struct gentry *e;
	unsigned int count, members;
	u64 term = term_at(n, index);

	if (!term) {
		if (index <= g->commit)
			return;		/* came in a snapshot */
		sim_fail(w, "state machine safety",
			 "%s commits %llu, which it does not hold", n->name,
			 index);
	}
	e = ghost_find(w, index, term);
	if (index <= g->commit) {
		if (g->log[index].e != e)
			sim_fail(w, "state machine safety",
				 "%s commits %llu/%llu where %llu/%llu was committed",
				 n->name, index, term, index,
				 g->log[index].e->term);
		return;
	}
	if (!e)
		sim_fail(w, "log matching", "%s commits %llu/%llu, never made",
			 n->name, index, term);
	count = holders(w, e, true, &members);
	if (2 * count <= members)
		sim_fail(w, "durability",
			 "%s commits %llu/%llu, durable on %u of %u members",
			 n->name, index, term, count, members);
	g->commit = index;
	g->log[index].e = e;
	g->log[index].commit_term = raft_term(n->r);
	model_commit(w, index);
}

/* Mutant "count-old": an entry of any term that a majority holds. */
static u64 commit_of(struct node *n)
{
	u64 c = raft_commit(n->r), match[RAFT_VOTERS_MAX];
	unsigned int i, j, v = 0;
	struct raft_peer_status st;

	if (n->w->mutant != MUT_COUNT_OLD || raft_role(n->r) != RAFT_LEADER)
		return c;
	match[v++] = raft_durable_index(n->r);
	for (i = 0; i < raft_peer_count(n->r) && v < RAFT_VOTERS_MAX; i++) {
		raft_peer_status(n->r, i, &st);
		if (st.voter && !raft_id_eq(st.id, n->id))
			match[v++] = st.match;
	}
	for (i = 0; i < v; i++)
		for (j = i + 1; j < v; j++)
			if (match[j] > match[i])
				swap(match[i], match[j]);
	return match[v / 2] > c ? match[v / 2] : c;
}

static void check_commit(struct node *n)
{
	u64 i, c = commit_of(n);

	if (c < n->commit && n->w->mutant != MUT_COUNT_OLD)
		sim_fail(n->w, "commit index",
			 "%s: it goes back from %llu to %llu", n->name,
			 n->commit, c);
	for (i = n->commit + 1; i <= c; i++)
		commit_one(n, i);
	n->commit = c;
}

void check_step(struct node *n)
{
	struct world *w = n->w;
	enum raft_role role = raft_role(n->r);
	u64 term = raft_term(n->r), last = raft_last_index(n->r);
	const char *why = raft_failed(n->r);
	struct raft_id who = raft_leader(n->r);

	if (why && !n->broken)
		sim_fail(w, "availability", "%s stopped itself: %s", n->name,
			 why);
	if (term < n->term)
		sim_fail(w, "terms", "%s: term goes back from %llu to %llu",
			 n->name, n->term, term);
	if (role == RAFT_LEADER && (n->role != RAFT_LEADER || n->term != term))
		check_leader(n, term);
	if (role == RAFT_LEADER && n->role == RAFT_LEADER && n->term == term &&
	    last < n->last)
		sim_fail(w, "leader append-only", "%s: last goes from %llu to %llu",
			 n->name, n->last, last);
	if (raft_id_some(who) && !raft_id_eq(who, n->leader)) {
		struct raft_id *known = leader_slot(&w->g, term);

		if (!raft_id_eq(*known, who))
			sim_fail(w, "election safety",
				 "%s follows one who does not lead term %llu",
				 n->name, term);
	}
	if (n->commit != raft_commit(n->r) || w->mutant == MUT_COUNT_OLD)
		check_commit(n);
	if (role != n->role || term != n->term)
		trace(w, "%s is %s of term %llu, last %llu, commit %llu",
		      n->name, role == RAFT_LEADER ? "leader" :
		      role == RAFT_FOLLOWER ? "follower" :
		      role == RAFT_CANDIDATE ? "candidate" : "precandidate",
		      term, last, n->commit);
	if (!raft_id_eq(who, n->leader) || term != n->term)
		n->pump = true;
	n->role = role;
	n->term = term;
	n->last = last;
	n->leader = who;
}

/* Leader append-only: "never overwrites or deletes entries in its log". */
void check_ready(struct node *n, const struct raft_ready *rd)
{
	if (rd->persist.seq && rd->persist.last >= rd->persist.first &&
	    n->role == RAFT_LEADER && raft_role(n->r) == RAFT_LEADER &&
	    n->term == raft_term(n->r) && rd->persist.first <= n->last)
		sim_fail(n->w, "leader append-only",
			 "%s overwrites %llu, its last was %llu", n->name,
			 rd->persist.first, n->last);
	if (rd->apply_last >= rd->apply_first &&
	    rd->apply_first != n->applied + 1)
		sim_fail(n->w, "contract", "%s: apply %llu to %llu after %llu",
			 n->name, rd->apply_first, rd->apply_last, n->applied);
}

static void check_vote(struct node *n, const struct raft_msg *m)
{
	struct world *w = n->w;
	struct gvote **head = &w->g.votes[(m->term * 31 + n->slot) % G_VOTES], *v;
	struct raft_id to = m->type == RAFT_VOTE ? n->id : m->to;

	for (v = *head; v; v = v->next)
		if (raft_id_eq(v->voter, n->id) && v->term == m->term)
			break;
	if (v) {
		if (!raft_id_eq(v->to, to))
			sim_fail(w, "election safety",
				 "%s votes twice in term %llu", n->name,
				 m->term);
		return;
	}
	v = arena_alloc(w, sizeof(*v));
	v->voter = n->id;
	v->term = m->term;
	v->to = to;
	v->next = *head;
	*head = v;
}

static void undurable(struct node *n, const struct raft_msg *m, const char *what)
{
	sim_fail(n->w, "persist before send",
		 "%s sends a %s of term %llu, index %llu; %s is not durable",
		 n->name, msg_type(m->type), m->term, m->index, what);
}

/* The message leaves now: what it promises must be on the medium. */
void check_send(struct node *n, const struct raft_msg *m)
{
	const struct store *s = &n->st;
	bool vote = m->type == RAFT_VOTE || (m->type == RAFT_VOTE_REPLY &&
					     !(m->flags & RAFT_MSG_REJECT));
	bool ack = m->type == RAFT_APPEND_REPLY && !(m->flags & RAFT_MSG_REJECT);

	if (vote)
		check_vote(n, m);
	if (vote && n->s && !(m->flags & RAFT_MSG_DOUBT) && medium_lacks(n))
		sim_fail(n->w, "doubt", "%s votes in term %llu as if it had entry %llu, which was lost",
			 n->name, m->term, medium_lacks(n));
	if (n->broken)
		sim_fail(n->w, "a failed write is final", "%s sends a %s after its disk failed",
			 n->name, msg_type(m->type));
	if (n->w->mutant == MUT_ACK_BLIND)
		return;
	if ((vote || ack) && s->hard.term < m->term)
		undurable(n, m, "the term");
	if (vote && s->hard.term == m->term &&
	    !raft_id_eq(s->hard.vote, m->type == RAFT_VOTE ? n->id : m->to))
		undurable(n, m, "the vote");
	/* In the term of the ack the log only grows. */
	if (ack && s->hard.term == m->term && m->index > s->last)
		undurable(n, m, "the entry");
	if (m->type == RAFT_SNAPSHOT_REPLY && m->flags & RAFT_MSG_LAST &&
	    m->index > s->last)
		undurable(n, m, "the snapshot");
}

/* A snapshot brought the state; it must be the state at that index. */
void check_install(struct node *n, const struct blob *b)
{
	struct gcommit *g = &n->w->g.log[b->snap.index];
	struct fsm_stats st;

	fsm_stats(n->f, &st);
	if (n->w->mutant != MUT_SKIP_HASH &&
	    (st.applied != b->snap.index || (g->applied && g->hash != st.hash)))
		sim_fail(n->w, "state machine safety",
			 "%s: snapshot at %llu has applied %llu, hash %016llx; the state there %016llx",
			 n->name, b->snap.index, st.applied, st.hash, g->hash);
	if (b->snap.config.n != n->w->g.config.n)
		sim_fail(n->w, "membership", "%s: snapshot at %llu has another configuration",
			 n->name, b->snap.index);
}

/* A node came back: with what it had promised, no less. */
void check_start(struct node *n)
{
	struct fsm_stats st;

	fsm_stats(n->f, &st);
	if (raft_term(n->r) < n->st.hard.term)
		sim_fail(n->w, "terms", "%s restarts in term %llu, stored %llu",
			 n->name, raft_term(n->r), n->st.hard.term);
	if (st.applied && n->w->g.log[st.applied].applied &&
	    n->w->g.log[st.applied].hash != st.hash)
		sim_fail(n->w, "state machine safety",
			 "%s: snapshot at %llu has hash %016llx, the state there %016llx",
			 n->name, st.applied, st.hash,
			 n->w->g.log[st.applied].hash);
}

/* The whole log of a node, against what was made and what is stored. */
void check_node(struct node *n)
{
	u64 i, last = raft_last_index(n->r);
	struct raft_entry e;

	for (i = raft_first_index(n->r); i <= last; i++) {
		struct gentry *g;

		if (raft_entry(n->r, i, &e))
			sim_fail(n->w, "contract", "%s: entry %llu of %llu to %llu is not held",
				 n->name, i, raft_first_index(n->r), last);
		g = ghost_find(n->w, i, e.term);
		if (!g || g->len != e.len || memcmp(g->data, e.data, e.len))
			sim_fail(n->w, "log matching", "%s: entry %llu changed",
				 n->name, i);
		if (i <= n->commit && n->w->g.log[i].e != g)
			sim_fail(n->w, "state machine safety",
				 "%s: committed entry %llu changed", n->name, i);
	}
}

bool is_lost(const struct node *n)
{
	return n->s && n->s->lost;
}

static bool is_damaged(const struct node *n)
{
	return n->s && (n->s->lost || n->s->doubt != RAFT_SURE || n->s->d.n_rot);
}

bool majority_lives(const struct world *w)
{
	unsigned int i, members = 0, alive = 0;

	for (i = 0; i < w->n_slots; i++) {
		members += w->node[i].was_member;
		alive += w->node[i].member && !is_lost(&w->node[i]) &&
			 (w->node[i].alive || w->k.durable);
	}
	return 2 * alive > members;
}

/*
 * Nothing is promised where a majority's storage is damaged, so a minority is
 * damaged at a time. It counts until the node is sure of itself again, and has
 * overwritten what rotted.
 */
bool may_rot(const struct world *w, const struct node *n)
{
	unsigned int i, members = 0, damaged = 1;

	if (!n->was_member)
		return true;
	for (i = 0; i < w->n_slots; i++) {
		const struct node *o = &w->node[i];

		members += o->was_member;
		damaged += o != n && o->was_member && is_damaged(o);
	}
	return 2 * damaged < members;
}

/* A program gets its answer. */
void check_answer(struct node *n, struct req *q)
{
	struct world *w = n->w;
	struct gresult *r = NULL;

	if (q->answered)
		sim_fail(w, "exactly once", "%s answers a request twice", n->name);
	q->answered = true;
	if (q->session)
		r = ghost_result(w, q->session, q->seq, false);
	if (q->status == -ENOTRECOVERABLE) {
		w->stat.unknown++;
		return;
	}
	if (w->mutant == MUT_SKIP_HASH)
		return;
	if (q->status) {
		w->stat.errors++;
		if (r && r->resolved && r->effect)
			sim_fail(w, "exactly once",
				 "%s: request %llu/%llu took effect at %llu, but its program is told %d",
				 n->name, q->session, q->seq, r->index,
				 q->status);
		return;
	}
	w->stat.acked++;
	if (!r || !r->resolved || !r->effect || r->req != q)
		sim_fail(w, "exactly once",
			 "%s: request %llu/%llu is answered, but never took effect",
			 n->name, q->session, q->seq);
	if (q->r.index != r->index ||
	    (q->r.op == FSM_COUNTER_ADD && q->r.value != r->value))
		sim_fail(w, "exactly once",
			 "%s: request %llu/%llu is told %llu at %llu, the model has %llu at %llu",
			 n->name, q->session, q->seq, q->r.value, q->r.index,
			 r->value, r->index);
	if (q->r.index <= q->floor)
		sim_fail(w, "linearizability",
			 "%s: request at %llu, though %llu was answered before its call",
			 n->name, q->r.index, q->floor);
	if (q->called > w->g.lost_at)
		sim_fail(w, "minority answers",
			 "%s answers a request called after the majority was lost",
			 n->name);
	if (q->r.index > w->g.acked)
		w->g.acked = q->r.index;
}

/* A read is served from the state after n->applied. */
void check_read(struct node *n, const struct read *rd, bool found, u64 value)
{
	struct world *w = n->w;
	u64 want;
	bool exists = model_value(w, rd->name, n->applied, &want);

	w->stat.reads++;
	if (w->mutant == MUT_SKIP_HASH)
		return;
	if (found != exists || (found && value != want))
		sim_fail(w, "linearizability",
			 "%s reads %s = %llu at %llu, the model has %llu", n->name,
			 work_name(rd->name), value, n->applied, want);
	if (n->applied > w->g.commit)
		sim_fail(w, "linearizability", "%s reads what is not committed",
			 n->name);
	if (rd->kind == READ_LOCAL)
		return;
	if (n->applied < rd->index)
		sim_fail(w, "linearizability", "%s reads at %llu, wanted %llu",
			 n->name, n->applied, rd->index);
	if (rd->kind != READ_LINEARIZABLE)
		return;
	if (n->applied < rd->floor)
		sim_fail(w, "linearizability",
			 "%s reads at %llu, though %llu was answered before the call",
			 n->name, n->applied, rd->floor);
	if (rd->called > w->g.lost_at)
		sim_fail(w, "minority answers",
			 "%s answers a read called after the majority was lost",
			 n->name);
	if (n->applied > w->g.acked)
		w->g.acked = n->applied;
}
