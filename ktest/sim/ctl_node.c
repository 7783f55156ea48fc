// SPDX-License-Identifier: GPL-2.0
/* Commands to nodes and to the programs on them. */
#include "ctl.h"

void cmd_nodes(struct ctl *c, const struct line *l)
{
	u32 i, n = l->n > 1 ? strtoul(l->word[1], NULL, 10) : 0;
	struct knobs *k = &c->w.k;

	if (c->begun || !n || n > SIM_SLOTS) {
		fprintf(c->w.out, "error: nodes N, once\n");
		return;
	}
	c->begun = true;
	k->durable = !ctl_has_word(l, "memory");
	k->n_slots = ctl_number_of(l, "ring", k->n_slots);
	k->n_bytes = ctl_number_of(l, "bytes", k->n_bytes);
	k->batch = ctl_number_of(l, "batch", k->batch);
	k->leases = ctl_value_of(l, "ttl");
	k->ttl_ms = ctl_number_of(l, "ttl", k->ttl_ms);
	c->w.rng.state = ctl_number_of(l, "seed", 1);
	ghost_init(&c->w);
	for (i = 0; i < n; i++) {
		node_create(&c->w, i);
		node_start(&c->w.node[i]);
	}
}

void cmd_add(struct ctl *c, const struct line *l)
{
	u32 slot = c->w.n_slots;

	if (slot == SIM_SLOTS)
		return;
	node_create(&c->w, slot);
	node_start(&c->w.node[slot]);
}

void cmd_bootstrap(struct ctl *c, const struct line *l)
{
	u32 i, count = l->n > 2 ? strtoul(l->word[2], NULL, 10) : c->w.n_slots;
	struct node *n = ctl_live_word(c, l, 1);
	struct raft_config config = { 0 };

	if (!n || count > c->w.n_slots || count > RAFT_VOTERS_MAX)
		return;
	for (i = 0; i < count; i++) {
		config.member[i] = c->w.node[i].id;
		c->w.node[i].member = true;
		c->w.node[i].was_member = true;
	}
	config.n = count;
	config.n_voters = count;
	node_bootstrap(n, &config);
}

void cmd_campaign(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);

	if (!n)
		return;
	raft_campaign(n->r, node_now(n));
	node_drain(n);
}

void cmd_transfer(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1), *to = ctl_node_word(c, l, 2);
	int ret;

	if (!n || !to)
		return;
	ret = raft_transfer(n->r, node_now(n), to->id);
	if (ret)
		fprintf(c->w.out, "error: not now\n");
	node_drain(n);
}

void cmd_propose(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);
	u8 buf[FSM_COMMAND_MAX];
	u64 index;
	int i, ret;

	for (i = 2; n && i < l->n; i++) {
		struct fsm_command d = {
			.op = FSM_COUNTER_ADD, .session = 1, .handle = 1,
			.arg = 1, .name = l->word[i],
			.name_len = strlen(l->word[i]),
		};

		d.seq = ++c->proposed;
		d.low = d.seq;
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

void cmd_inc(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);
	const char *fence = ctl_value_of(l, "fence");
	int name = n ? name_number(c, l, 2) : -1;
	u64 amount, times = ctl_number_of(l, "times", 1);

	if (name < 0)
		return;
	amount = l->n > 3 ? strtoull(l->word[3], NULL, 0) : 0;
	while (times--)
		work_ask(n, FSM_COUNTER_ADD, 0, name, amount ? amount : 1,
			 fence ? ctl_fence(c, fence) : NULL);
	node_drain(n);
}

void cmd_cancel(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);
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

void cmd_read(struct ctl *c, const struct line *l)
{
	struct node *n = ctl_live_word(c, l, 1);
	int name = n ? name_number(c, l, 2) : -1;
	u8 kind = READ_LINEARIZABLE;

	if (name < 0)
		return;
	if (ctl_value_of(l, "index"))
		kind = READ_AT_LEAST;
	else if (ctl_has_word(l, "local"))
		kind = READ_LOCAL;
	if (!work_read(n, kind, name, ctl_number_of(l, "index", 0)))
		fprintf(c->w.out, "error: too many reads\n");
	node_drain(n);
}
