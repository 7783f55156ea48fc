// SPDX-License-Identifier: GPL-2.0
/*
 * The state to a file, and a cluster out of one.
 *
 * A backup is a snapshot, written where the caller's open file stands. To begin
 * a cluster with one, the node that creates it loads it into a state of its own,
 * makes that another cluster's beginning (fsm_rebase()), and has it in place of
 * an empty log before it stands for election; the others get it as a snapshot.
 * The index goes on so far above the backup's that no token of the old cluster
 * is ever reached again (design 9); how far, is the caller's business.
 */
#include <linux/file.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "node.h"

/* ------------------------------------------------------------------ backup */

static void cns_backup_take_call(struct cns_node *n, void *arg)
{
	struct file **file = arg;

	*file = n->backup.file;
	n->backup.file = NULL;
}

/**
 * struct cns_backed_up - how a backup ended
 * @err: negative errno, or 0
 * @snap: what was written
 */
struct cns_backed_up {
	int err;
	struct raft_snapshot snap;
};

static void cns_backup_told(struct cns_node *n, void *arg)
{
	const struct cns_backed_up *b = arg;

	n->backup.state = b->err ? CONSENSUS_BACKUP_FAILED :
				   CONSENSUS_BACKUP_DONE;
	n->backup.error = b->err;
	n->backup.index = b->snap.index;
	n->backup.term = b->snap.term;
	n->backup.bytes = b->snap.len;
	n->backup.checksum = b->snap.checksum;
}

static int cns_file_put(struct file *file, const u8 *data, u64 len)
{
	loff_t pos = file->f_pos;
	ssize_t did;

	while (len) {
		if (signal_pending(current))
			return -EINTR;
		did = kernel_write(file, data, min_t(u64, len, CNS_AREA_STEP),
				   &pos);
		if (did <= 0)
			return did ?: -EIO;
		data += did;
		len -= did;
		cond_resched();
	}
	return vfs_fsync(file, 0);
}

/* Keeper: what cns_backup_begin() asked for. */
void cns_backup_write(struct cns_node *n)
{
	struct cns_backed_up b = {};
	struct file *file;

	cns_node_call(n, cns_backup_take_call, &file);
	if (!file)
		return;
	b.err = cns_snapshot_take(n, &b.snap);
	if (!b.err) {
		b.err = cns_file_put(file, b.snap.data, b.snap.len);
		vfree(b.snap.data);
	}
	fput(file);
	cns_node_call(n, cns_backup_told, &b);
}

/* Owner: write the state to @file, whose reference it takes if it returns 0. */
int cns_backup_begin(struct cns_node *n, struct file *file)
{
	if (n->loading || n->stopped || n->failed_logged ||
	    !n->self.hello.formed)
		return -ENOTCONN;
	if (n->backup.state == CONSENSUS_BACKUP_RUNNING)
		return -EBUSY;
	n->backup.state = CONSENSUS_BACKUP_RUNNING;
	n->backup.error = 0;
	n->backup.count++;
	n->backup.file = file;
	cns_keep_work(n);
	return 0;
}

/* ----------------------------------------------------------------- restore */

static void cns_restore_ask(struct cns_node *n, void *arg)
{
	struct cns_restore *r = arg;

	*r = n->restore;
	n->restore.file = NULL;
}

static int cns_file_get(const struct cns_restore *r, u8 *buf)
{
	loff_t pos = r->file->f_pos;
	u64 at = 0;
	ssize_t did;

	while (at < r->bytes) {
		did = kernel_read(r->file, buf + at,
				  min_t(u64, r->bytes - at, CNS_AREA_STEP),
				  &pos);
		if (did <= 0)
			return did ?: -ENODATA;
		at += did;
		cond_resched();
	}
	return cns_checksum(buf, r->bytes) == r->checksum ? 0 : -EBADMSG;
}

/* The state in the file, into @f. */
static int cns_restore_load(const struct cns_restore *r, struct fsm *f)
{
	struct raft_snapshot s = { .len = r->bytes };
	struct fsm_stats st;
	int err;
	u8 *buf;

	/* Before any memory is asked for. */
	if (r->bytes > i_size_read(file_inode(r->file)))
		return -EBADMSG;
	if (r->bytes > LONG_MAX - RECORD_SECTOR)
		return -ENOMEM;
	buf = __vmalloc(ALIGN(r->bytes, RECORD_SECTOR),
			GFP_KERNEL | __GFP_NOWARN);
	if (!buf)
		return -ENOMEM;
	err = cns_file_get(r, buf);
	s.data = buf;
	if (!err && !cns_snapshot_load(f, &s))
		err = -EBADMSG;
	vfree(buf);
	fsm_stats(f, &st);
	/* Tokens and indices are above all that the old cluster gave out. */
	if (!err && r->index < st.applied + CNS_RESTORE_ABOVE)
		err = -EINVAL;
	return err;
}

static void cns_restore_told(struct cns_node *n, void *arg)
{
	struct cns_restore *r = arg;

	if (r->err) {
		n->restore.state = CNS_RESTORE_NONE;
		cns_form_done(n, r->err);
		return;
	}
	n->restore.state = CNS_RESTORE_LOADED;
	swap(n->restore.fsm, r->fsm);
	cns_form_tick(n, n->now);
}

/* Keeper: read the file before anybody is asked to promise anything. */
static void cns_restore_read(struct cns_node *n)
{
	struct cns_restore r;

	cns_node_call(n, cns_restore_ask, &r);
	if (!r.file)
		return;
	r.fsm = cns_fsm_new(n);
	r.err = r.fsm ? cns_restore_load(&r, r.fsm) : -ENOMEM;
	fput(r.file);
	cns_node_call(n, cns_restore_told, &r);
	cns_fsm_free(r.fsm);
}

/**
 * struct cns_beginning - the log of a restored cluster, about to begin
 * @snap: behind which it begins
 * @rebase: what makes the state that of another cluster
 * @fsm: the state
 * @err: what became of it
 */
struct cns_beginning {
	struct raft_snapshot snap;
	struct fsm_rebase rebase;
	struct fsm *fsm;
	int err;
};

static void cns_beginning_ask(struct cns_node *n, void *arg)
{
	struct cns_beginning *b = arg;

	if (n->restore.state != CNS_RESTORE_PROMISED)
		return;
	n->restore.state = CNS_RESTORE_STORING;
	b->fsm = n->restore.fsm;
	n->restore.fsm = NULL;
	b->rebase.index = n->restore.index;
	b->rebase.advance = n->restore.advance;
	b->rebase.objects_max = n->form.objects_max;
	b->snap.index = n->restore.index;
	b->snap.term = 1;
	cns_form_config(n, &b->snap.config);
}

static void cns_beginning_live(struct cns_node *n, void *arg)
{
	struct cns_beginning *b = arg;

	n->restore.state = CNS_RESTORE_NONE;
	if (!b->err) {
		n->store.compacted = b->snap.index;
		n->store.compacted_bytes = b->snap.len;
	}
	if (!b->err)
		b->err = raft_begin_at(n->raft, n->now, b->snap.index,
				       b->snap.term, &b->snap.config);
	if (!b->err)
		swap(n->fsm, b->fsm);
	cns_form_done(n, b->err);
}

static int cns_beginning_rebase(struct cns_beginning *b)
{
	int more;

	do {
		more = fsm_rebase(b->fsm, &b->rebase, CNS_WALK_STEP);
		cond_resched();
	} while (more > 0);
	return more;
}

/* All have promised: the state goes to storage, and the log begins behind it. */
static void cns_restore_begin(struct cns_node *n)
{
	struct cns_beginning b = {};

	cns_node_call(n, cns_beginning_ask, &b);
	if (!b.fsm)
		return;
	b.err = cns_beginning_rebase(&b);
	if (!b.err && n->store.on) {
		b.err = cns_snapshot_first(n, b.fsm, &b.snap);
		if (b.err && b.err != -EINTR && b.err != -EFBIG)
			cns_keep_failed(n, "a snapshot cannot be stored",
					b.err);
	}
	cns_node_call(n, cns_beginning_live, &b);
	cns_fsm_free(b.fsm);
}

void cns_restore(struct cns_node *n)
{
	cns_restore_read(n);
	cns_restore_begin(n);
}

void cns_backup_free(struct cns_node *n)
{
	if (n->backup.file)
		fput(n->backup.file);
	if (n->restore.file)
		fput(n->restore.file);
	cns_fsm_free(n->restore.fsm);
}
