// SPDX-License-Identifier: GPL-2.0
/*
 * Configuration entries: 8 bits each for the number of members and of voters,
 * 16 bits of zero, then each member's incarnation. A configuration is in force
 * from the moment it is appended (thesis 4.1), and goes with its entry when
 * that is truncated. Since the next one is appended only once the last is
 * committed (thesis 4.1, pitfall 41), one predecessor is all there is to
 * remember.
 */
#include <asm/byteorder.h>
#include "core.h"

enum { HEAD = 4, MEMBER = 16 };

/* What may be a configuration. */
bool raft_config_valid(const struct raft_config *c)
{
	unsigned int i, k;

	if (!c->n_voters || c->n_voters > c->n || c->n > RAFT_MEMBERS_MAX ||
	    c->n_voters > RAFT_VOTERS_MAX)
		return false;
	for (i = 0; i < c->n; i++) {
		if (!raft_id_some(c->member[i]))
			return false;
		for (k = 0; k < i; k++)
			if (raft_id_eq(c->member[i], c->member[k]))
				return false;
	}
	return true;
}

/**
 * raft_config_encode() - write a configuration down
 * @c: a configuration
 * @buf: RAFT_CONFIG_BYTES_MAX bytes
 *
 * Return: bytes used; 0 where @c is not valid.
 */
u16 raft_config_encode(const struct raft_config *c, u8 *buf)
{
	unsigned int i;
	__le64 w[2];

	if (!raft_config_valid(c))
		return 0;
	buf[0] = c->n;
	buf[1] = c->n_voters;
	buf[2] = 0;
	buf[3] = 0;
	for (i = 0; i < c->n; i++) {
		w[0] = cpu_to_le64(c->member[i].hi);
		w[1] = cpu_to_le64(c->member[i].lo);
		memcpy(buf + HEAD + MEMBER * i, w, sizeof(w));
	}
	return HEAD + MEMBER * c->n;
}

/**
 * raft_config_decode() - read one
 * @c: set only on success
 * @buf: @len bytes
 * @len: must be exactly what the head says
 *
 * Return: 0, or -EINVAL on anything malformed.
 */
int raft_config_decode(struct raft_config *c, const u8 *buf, u16 len)
{
	struct raft_config got = { 0 };
	unsigned int i;
	__le64 w[2];

	if (len < HEAD || buf[0] > RAFT_MEMBERS_MAX || buf[2] || buf[3] ||
	    len != HEAD + MEMBER * buf[0])
		return -EINVAL;
	got.n = buf[0];
	got.n_voters = buf[1];
	for (i = 0; i < got.n; i++) {
		memcpy(w, buf + HEAD + MEMBER * i, sizeof(w));
		got.member[i].hi = le64_to_cpu(w[0]);
		got.member[i].lo = le64_to_cpu(w[1]);
	}
	if (!raft_config_valid(&got))
		return -EINVAL;
	*c = got;
	return 0;
}

/* Put @c in force; the one before is kept by the caller's care. */
static void conf_enforce(struct raft *r, u64 index, const struct raft_config *c)
{
	unsigned int i;

	r->conf.index = index;
	r->conf.config = *c;
	r->voter = false;
	for (i = 0; i < c->n_voters; i++)
		if (raft_id_eq(c->member[i], r->p.self))
			r->voter = true;
	raft_peers_update(r);
}

/* "a server always uses the latest configuration in its log" (thesis 4.1) */
int raft_conf_appended(struct raft *r, u64 index)
{
	struct raft_config c;
	struct raft_entry e;

	if (raft_log_get(&r->log, index, &e) ||
	    raft_config_decode(&c, e.data, e.len))
		return -EINVAL;
	r->conf_before = r->conf;
	conf_enforce(r, index, &c);
	return 0;
}

/* The log now ends at @index (pitfall 42). */
void raft_conf_rollback(struct raft *r, u64 index)
{
	struct raft_conf back = r->conf_before;

	if (r->conf.index <= index)
		return;
	r->conf_before.index = 0;
	r->conf_before.config.n = 0;
	r->conf_before.config.n_voters = 0;
	conf_enforce(r, back.index, &back.config);
}

/* A snapshot brought @c; what the log had behind it stays, if anything. */
void raft_conf_set(struct raft *r, u64 index, const struct raft_config *c)
{
	if (r->conf.index > index) {
		r->conf_before.index = index;
		r->conf_before.config = *c;
		return;
	}
	r->conf_before.index = 0;
	conf_enforce(r, index, c);
}

const struct raft_config *raft_config(const struct raft *r)
{
	return &r->conf.config;
}

const struct raft_config *raft_config_at(const struct raft *r, u64 index)
{
	if (r->conf.index && index >= r->conf.index)
		return &r->conf.config;
	if (r->conf_before.index && index >= r->conf_before.index)
		return &r->conf_before.config;
	return NULL;
}

u64 raft_term_at(const struct raft *r, u64 index)
{
	return raft_log_term(&r->log, index);
}
