// SPDX-License-Identifier: GPL-2.0
/* Messages in flight: copied when sent, rebuilt when delivered. */
#include "sim.h"
#ifdef SIM_WIRE
#include "../../kmod/wire/wire.h"
#endif

enum { DATAGRAM_MAX = 1500 };

struct msg *msg_new(struct world *w)
{
	struct msg *m = w->free_msgs;

	if (m)
		w->free_msgs = m->next;
	else
		m = xcalloc(1, sizeof(*m));
	m->next = NULL;
	m->no = ++w->msg_no;
	m->refs = 1;
	m->n_commands = 0;
	m->len = 0;
	m->wire_len = 0;
	m->session = 0;
	m->renewal = 0;
	m->data = NULL;
	return m;
}

struct msg *msg_get(struct msg *m)
{
	m->refs++;
	return m;
}

void msg_put(struct world *w, struct msg *m)
{
	if (--m->refs)
		return;
	free(m->data);
	m->data = NULL;
	m->next = w->free_msgs;
	w->free_msgs = m;
}

/* Exactly as long as needed, so that sanitizers see a byte too far. */
static void msg_bytes(struct msg *msg, const void *data, u32 len)
{
	msg->len = len;
	msg->data = len ? malloc(len) : NULL;
	if (len)
		memcpy(msg->data, data, len);
}

/* The entries of an append are those of the log behind m->index. */
static void take_entries(struct world *w, struct node *n, struct msg *msg,
			 const struct raft_msg *m)
{
	unsigned int i;

	if (m->n_entries > RAFT_BATCH_MAX)
		sim_fail(w, "bounds", "%s sends %u entries at once", n->name,
			 m->n_entries);
	for (i = 0; i < m->n_entries; i++) {
		struct raft_entry e;
		struct gentry *g;

		if (raft_entry(n->r, m->index + 1 + i, &e))
			sim_fail(w, "contract",
				 "%s sends entry %llu, which it does not hold",
				 n->name, m->index + 1 + i);
		g = ghost_find(w, m->index + 1 + i, e.term);
		if (!g || g->len != e.len || g->kind != e.kind ||
		    memcmp(g->data, e.data, e.len))
			sim_fail(w, "log matching",
				 "%s sends entry %llu/%llu, which differs from what was made",
				 n->name, m->index + 1 + i, e.term);
		msg->e[i] = g;
	}
	w->stat.entries += m->n_entries;
}

#ifdef SIM_WIRE
static bool encode(struct world *w, struct node *n, struct msg *msg,
		   const struct raft_msg *m)
{
	u8 buf[DATAGRAM_MAX];
	u32 len = wire_put_raft(buf, sizeof(buf), m, n->r, 1);

	if (!len)
		sim_fail(w, "contract", "%s: a %s does not fit a datagram",
			 n->name, msg_type(m->type));
	msg_bytes(msg, buf, len);
	msg->wire_len = len;
	return true;
}
#else
static bool encode(struct world *w, struct node *n, struct msg *msg,
		   const struct raft_msg *m)
{
	return false;
}
#endif

struct msg *msg_raft(struct world *w, struct node *n, const struct raft_msg *m)
{
	struct node *to = node_by_id(w, m->to);
	struct msg *msg;

	if (!raft_id_eq(m->from, n->id))
		sim_fail(w, "contract", "%s sends in another's name", n->name);
	if (!to)
		return NULL;
	msg = msg_new(w);
	msg->kind = MSG_RAFT;
	msg->from = n->slot;
	msg->to = to->slot;
	msg->boot = node_boot_of(n, to);
	msg->from_boot = n->gen;
	msg->from_id = n->id;
	msg->to_id = m->to;
	msg->m = *m;
	if (m->config)
		msg->config = *m->config;
	take_entries(w, n, msg, m);
	if (w->k.wire)
		encode(w, n, msg, m);
	else
		msg_bytes(msg, m->data, m->type == RAFT_SNAPSHOT ? m->len : 0);
	return msg;
}

#ifdef SIM_WIRE
static bool decode(struct msg *msg, struct raft_msg *m,
		   struct raft_entry *entries, struct raft_config *config)
{
	static struct wire_msg wm;

	if (wire_decode(msg->data, msg->wire_len, msg->from_id, msg->to_id,
			&wm) != WIRE_OK || wm.type != WIRE_RAFT)
		return false;
	*m = wm.raft;
	memcpy(entries, wm.entries, m->n_entries * sizeof(*entries));
	*config = wm.config;
	m->entries = m->n_entries ? entries : NULL;
	if (m->config)
		m->config = config;
	return true;
}
#else
static bool decode(struct msg *msg, struct raft_msg *m,
		   struct raft_entry *entries, struct raft_config *config)
{
	return false;
}
#endif

bool msg_open(struct msg *msg, struct raft_msg *m, struct raft_entry *entries,
	      struct raft_config *config)
{
	unsigned int i;

	if (msg->wire_len)
		return decode(msg, m, entries, config);
	*m = msg->m;
	m->after = 0;
	m->data = msg->len ? msg->data : NULL;
	m->config = msg->m.config ? &msg->config : NULL;
	m->entries = m->n_entries ? entries : NULL;
	for (i = 0; i < m->n_entries; i++) {
		entries[i].term = msg->e[i]->term;
		entries[i].kind = msg->e[i]->kind;
		entries[i].len = msg->e[i]->len;
		entries[i].data = msg->e[i]->data;
	}
	return true;
}

const char *msg_type(u8 type)
{
	static const char *const name[] = {
		[RAFT_PREVOTE] = "PREVOTE",
		[RAFT_PREVOTE_REPLY] = "PREVOTE_REPLY",
		[RAFT_VOTE] = "VOTE",
		[RAFT_VOTE_REPLY] = "VOTE_REPLY",
		[RAFT_APPEND] = "APPEND",
		[RAFT_APPEND_REPLY] = "APPEND_REPLY",
		[RAFT_SNAPSHOT] = "SNAPSHOT",
		[RAFT_SNAPSHOT_REPLY] = "SNAPSHOT_REPLY",
		[RAFT_TIMEOUT_NOW] = "TIMEOUT_NOW",
		[RAFT_READ] = "READ",
		[RAFT_READ_REPLY] = "READ_REPLY",
	};

	return type < ARRAY_SIZE(name) && name[type] ? name[type] : "?";
}

static void print_raft(FILE *f, const struct raft_msg *m)
{
	fprintf(f, " %s term=%llu", msg_type(m->type), m->term);
	switch (m->type) {
	case RAFT_APPEND:
		fprintf(f, " prev=%llu/%llu n=%u commit=%llu", m->index,
			m->log_term, m->n_entries, m->commit);
		break;
	case RAFT_APPEND_REPLY:
		fprintf(f, " index=%llu", m->index);
		if (m->flags & RAFT_MSG_REJECT)
			fprintf(f, " hint=%llu/%llu", m->hint, m->hint_term);
		break;
	case RAFT_VOTE:
	case RAFT_PREVOTE:
		fprintf(f, " last=%llu/%llu", m->index, m->log_term);
		break;
	case RAFT_SNAPSHOT:
		fprintf(f, " at=%llu/%llu offset=%llu", m->index, m->log_term,
			m->hint);
		break;
	case RAFT_SNAPSHOT_REPLY:
		fprintf(f, " at=%llu bytes=%llu", m->index, m->hint);
		break;
	case RAFT_READ_REPLY:
		fprintf(f, " index=%llu", m->index);
		break;
	}
	fprintf(f, "%s%s%s", m->flags & RAFT_MSG_REJECT ? " reject" : "",
		m->flags & RAFT_MSG_TRANSFER ? " transfer" : "",
		m->flags & RAFT_MSG_LAST ? " last" : "");
}

void msg_print(FILE *f, const struct world *w, const struct msg *m)
{
	fprintf(f, "%s>%s", w->node[m->from].name, w->node[m->to].name);
	if (m->kind == MSG_FORWARD)
		fprintf(f, " FORWARD commands=%u", m->n_commands);
	else if (m->kind == MSG_HELLO)
		fprintf(f, " HELLO");
	else if (m->kind == MSG_RENEW || m->kind == MSG_RENEWED)
		fprintf(f, " %s session=%llu id=%llu",
			m->kind == MSG_RENEW ? "RENEW" : "RENEWED",
			m->session, m->renewal);
	else
		print_raft(f, &m->m);
}
