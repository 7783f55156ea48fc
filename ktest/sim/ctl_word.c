// SPDX-License-Identifier: GPL-2.0
/* What the words of a command mean: numbers, nodes, messages. */
#include "ctl.h"

void ctl_split(struct line *l, const char *text)
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
const char *ctl_value_of(const struct line *l, const char *key)
{
	size_t len = strlen(key);
	int i;

	for (i = 1; i < l->n; i++)
		if (!strncmp(l->word[i], key, len) && l->word[i][len] == '=')
			return l->word[i] + len + 1;
	return NULL;
}

u64 ctl_number_of(const struct line *l, const char *key, u64 otherwise)
{
	const char *v = ctl_value_of(l, key);

	return v ? strtoull(v, NULL, 0) : otherwise;
}

bool ctl_has_word(const struct line *l, const char *word)
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

struct node *ctl_node_word(struct ctl *c, const struct line *l, int i)
{
	struct node *n = NULL;

	if (i < l->n)
		n = node_named(c, l->word[i], strlen(l->word[i]));
	if (!n)
		fprintf(c->w.out, "error: no such node\n");
	return n;
}

struct node *ctl_live_word(struct ctl *c, const struct line *l, int i)
{
	struct node *n = ctl_node_word(c, l, i);

	if (n && !n->alive) {
		fprintf(c->w.out, "error: %s is down\n", n->name);
		return NULL;
	}
	return n;
}

/* "n1>n2": either may be "*". */
bool ctl_link_word(struct ctl *c, const char *word, struct node **from,
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
	if (ctl_link_word(c, word, &from, &to))
		return (!from || from->slot == m->from) &&
		       (!to || to->slot == m->to);
	if (*word >= '0' && *word <= '9')
		return m->no == strtoull(word, NULL, 10);
	if (m->kind == MSG_FORWARD)
		return !strcmp(word, "FORWARD");
	if (m->kind == MSG_HELLO)
		return !strcmp(word, "HELLO");
	if (m->kind == MSG_RENEW || m->kind == MSG_RENEWED)
		return !strcmp(word, m->kind == MSG_RENEW ? "RENEW" : "RENEWED");
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
struct msg *ctl_take(struct ctl *c, const struct line *l, u64 newest)
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
