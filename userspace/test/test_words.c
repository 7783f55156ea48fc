// SPDX-License-Identifier: GPL-2.0
/*
 * Sentences about nodes that are made up here.
 */
#include <stdio.h>
#include <string.h>

#include "node.h"
#include "tap.h"

static struct peer peers[6];
static struct node n;
static char words[WORDS];

static struct peer *put_peer(const char *name, uint8_t id, bool voter, int heard_ms)
{
	struct peer *p = &peers[n.n_peers++];

	memset(p, 0, sizeof(*p));
	strcpy(p->name, name);
	memset(p->incarnation, id, ID_SIZE);
	p->voter = voter;
	p->has = 1U << CONSENSUS_P_NAME | 1U << CONSENSUS_P_INCARNATION;
	if (heard_ms >= 0) {
		p->heard_ms = (uint64_t)heard_ms;
		p->has |= 1U << CONSENSUS_P_HEARD_MS;
	}
	return p;
}

/* n1, a voter that leads n2 and n3 in term 3. */
static void put_node(void)
{
	memset(&n, 0, sizeof(n));
	strcpy(n.name, "n1");
	strcpy(n.cluster_name, "demo");
	strcpy(n.leader_name, "n1");
	memset(n.cluster, 0xab, ID_SIZE);
	memset(n.leader, 1, ID_SIZE);
	memset(n.incarnation, 1, ID_SIZE);
	n.state = CONSENSUS_STATE_MEMBER;
	n.role = CONSENSUS_ROLE_LEADER;
	n.term = 3;
	n.voter = true;
	n.voters = 3;
	n.voters_heard = 3;
	n.election_max_ms = 300;
	n.peer = peers;
	put_peer("n1", 1, true, -1)->self = true;
	put_peer("n2", 2, true, 5);
	put_peer("n3", 3, true, 7);
}

static void leading(void)
{
	put_node();
	node_words(&n, words);
	same(words, "n1 is up, member of cluster demo (abababab), leader in term 3", "a leader");
	ok(has_quorum(&n), "it has a quorum");
	ok(safe_to_stop(&n, words) == SAFE_YES, "one of three may stop");
	n.voters_heard = 2;
	ok(safe_to_stop(&n, words) == SAFE_NO, "one of two that are left may not");
	holds(words, "1 of 3 voters would remain, 2 are needed", "and why");
	n.voters = 1;
	n.voters_heard = 1;
	ok(safe_to_stop(&n, words) == SAFE_NO, "the only voter may not stop");
}

static void following(void)
{
	put_node();
	strcpy(n.leader_name, "n2");
	memset(n.leader, 2, ID_SIZE);
	n.role = CONSENSUS_ROLE_FOLLOWER;
	n.voters_heard = 2;
	node_words(&n, words);
	same(words, "n1 is up, member of cluster demo (abababab), follows n2, the leader in term 3",
	     "a follower");
	ok(has_quorum(&n), "to hear a leader is a quorum");
	ok(safe_to_stop(&n, words) == SAFE_UNKNOWN, "what the others hear is not known to it");
	holds(words, "consensusctl status on n2", "and it says who knows");
}

static void cut_off(void)
{
	put_node();
	memset(n.leader, 0, ID_SIZE);
	n.leader_name[0] = '\0';
	n.role = CONSENSUS_ROLE_PRECANDIDATE;
	n.voters_heard = 1;
	peers[1].heard_ms = 12340;
	peers[2].has &= ~(1U << CONSENSUS_P_HEARD_MS);
	node_words(&n, words);
	holds(words, "knows no leader and stands for election (term 3)", "a candidate");
	holds(words, "No quorum: of 3 voters 1 are heard, 2 are needed", "without quorum");
	ok(!has_quorum(&n), "it has none");
	ok(!strstr(words, "lost"), "which is not yet a majority lost");
	voters_words(&n, words);
	same(words, "3 voters, 2 needed; heard: n1; not heard: n2 (last 12.3 s ago), n3", "who was heard");
	ok(safe_to_stop(&n, words) == SAFE_NO, "it is needed");
	holds(words, "there is no quorum now", "and why");
}

/* A node that restarted is in its former self's place. */
static void restart(int i)
{
	peers[i].voter = false;
	peers[i].configured = true;
	memset(peers[i].incarnation, 10 + i, ID_SIZE);
}

static void never_heard(struct peer *p)
{
	p->has = 1U << CONSENSUS_P_NAME;
	p->voter = false;
	p->configured = true;
}

static void lost(void)
{
	put_node();
	memset(n.leader, 0, ID_SIZE);
	n.leader_name[0] = '\0';
	n.role = CONSENSUS_ROLE_FOLLOWER;
	n.voters_heard = 1;
	never_heard(&peers[1]);
	never_heard(&peers[2]);
	ok(voters_gone(&n) == 0, "who is unknown may yet be a voter");
	voters_words(&n, words);
	same(words, "3 voters, 2 needed; heard: n1; not heard: n2, n3", "and is listed as not heard");
	put_node();
	memset(n.leader, 0, ID_SIZE);
	n.role = CONSENSUS_ROLE_FOLLOWER;
	n.voters_heard = 2;
	restart(1);
	ok(voters_gone(&n) == 1, "one incarnation is gone");
	node_words(&n, words);
	holds(words, "No quorum", "one lost is no majority lost");
	n.voters_heard = 1;
	restart(2);
	ok(voters_gone(&n) == 2, "two incarnations are gone");
	node_words(&n, words);
	holds(words, "A majority of the voters was lost: 2 of 3 incarnations are gone; the cluster is stopped",
	      "a majority lost");
	voters_words(&n, words);
	same(words, "3 voters, 2 needed; heard: n1; not heard: nobody; gone for good: the former incarnations of n2, n3",
	     "and who");
}

static void observing(void)
{
	put_node();
	n.state = CONSENSUS_STATE_OBSERVER;
	n.role = CONSENSUS_ROLE_FOLLOWER;
	n.voter = false;
	strcpy(n.leader_name, "n2");
	restart(0);
	node_words(&n, words);
	holds(words, "observer of cluster demo", "an observer");
	holds(words, "this node restarted: it is replicated to and its programs may use the cluster, but it does not vote until it is added again",
	      "that restarted");
	ok(safe_to_stop(&n, words) == SAFE_YES, "may stop");
	ok(voters_gone(&n) == 1, "its former self is gone");
	put_peer("n4", 4, true, 5);
	node_words(&n, words);
	holds(words, "or was never a member", "one that no voter is missing for");
}

static void others(void)
{
	put_node();
	n.state = CONSENSUS_STATE_IDLE;
	node_words(&n, words);
	holds(words, "in no cluster", "an idle node");
	n.form_state = CONSENSUS_FORM_FAILED;
	strcpy(n.form_text, "n2 is promised to another");
	node_words(&n, words);
	holds(words, "the last creation failed: n2 is promised to another", "a creation that failed");
	n.state = CONSENSUS_STATE_PROMISED;
	n.form_state = CONSENSUS_FORM_ASKING;
	strcpy(n.form_text, "waiting for n2");
	node_words(&n, words);
	holds(words, "promised to cluster demo (abababab), which it creates: waiting for n2", "one that creates");
	n.state = CONSENSUS_STATE_FAILED;
	strcpy(n.failed, "hash differs");
	node_words(&n, words);
	holds(words, "n1 stopped itself: hash differs", "one that failed");
	ok(!has_quorum(&n), "has no quorum");
	n.state = 99;
	n.role = 99;
	node_words(&n, words);
	holds(words, "state 99", "a state of the future");
	same(state_word(&n), "unknown", "has a word");
	same(role_word(&n), "unknown", "and a role");
}

/* A node with its storage. */
static void put_durable(void)
{
	put_node();
	n.has[CONSENSUS_A_DURABILITY / 64] |= 1ULL << CONSENSUS_A_DURABILITY % 64;
	n.durability = CONSENSUS_DURABILITY_DISK;
}

static void durable(void)
{
	put_node();
	ok(!node_durable(&n), "a node that says nothing of durability has none");
	put_durable();
	ok(safe_to_stop(&n, words) == SAFE_YES, "one of three with storage may stop");
	holds(words, "comes back by itself, with its vote", "and comes back");
	n.voters_heard = 2;
	ok(safe_to_stop(&n, words) == SAFE_NO, "one of two may not");
	holds(words, "stand until enough are up again; nothing would be lost", "though nothing is lost");
	n.voters = 1;
	n.voters_heard = 1;
	ok(safe_to_stop(&n, words) == SAFE_NO, "an only voter may not");
	holds(words, "nothing is lost", "though nothing is lost");
	put_durable();
	memset(n.leader, 0, ID_SIZE);
	n.role = CONSENSUS_ROLE_FOLLOWER;
	n.voters_heard = 1;
	ok(safe_to_stop(&n, words) == SAFE_NO, "one without a quorum may not");
	holds(words, "is none until enough are up again", "and says why");
	restart(1);
	restart(2);
	node_words(&n, words);
	holds(words, "restore a backup", "a majority of lost storages");
	put_durable();
	n.state = CONSENSUS_STATE_OBSERVER;
	n.voter = false;
	restart(0);
	node_words(&n, words);
	holds(words, "has another storage than when it was a member", "a member that lost its storage");
}

static void storages(void)
{
	put_durable();
	n.doubt = CONSENSUS_DOUBT_LOG;
	node_words(&n, words);
	holds(words, "it does not vote until it has caught up", "a damaged end of the log");
	ok(!strstr(words, "every voter"), "which hides no vote");
	same(doubt_word(&n), "log", "has a word");
	n.doubt = CONSENSUS_DOUBT_VOTE;
	node_words(&n, words);
	holds(words, "and has heard of every voter", "or may hide one");
	n.state = CONSENSUS_STATE_LOADING;
	n.loaded = 1 << 20;
	n.to_load = 4 << 20;
	node_words(&n, words);
	same(words, "n1 is up, and reads its storage: 25 % of 4 MiB; until then it takes no part", "a node that loads");
	same(state_word(&n), "loading", "has a word");
	ok(safe_to_stop(&n, words) == SAFE_YES, "and may stop");
	ok(!has_quorum(&n), "and has no quorum");
	n.to_load = 0;
	node_words(&n, words);
	same(words, "n1 is up, and reads its storage; until then it takes no part", "before it knows how much");
	n.state = CONSENSUS_STATE_FAILED;
	strcpy(n.failed, "the log in storage is damaged");
	node_words(&n, words);
	holds(words, "docs/storage.md", "one that its storage stopped");
}

static void lease(void)
{
	put_node();
	lease_words(&n, words);
	same(words, "", "a node that says nothing of a lease");
	n.has[CONSENSUS_A_LEASE / 64] |= 1ULL << CONSENSUS_A_LEASE % 64;
	lease_words(&n, words);
	holds(words, "no session", "none yet");
	n.lease = CONSENSUS_LEASE_SURE;
	n.lease_ns = 9500000000;
	n.ttl_ms = 10000;
	lease_words(&n, words);
	same(words, "sure for 9.5 s, of a TTL of 10.0 s", "one that is sure");
	n.lease = CONSENSUS_LEASE_SUSPECT;
	lease_words(&n, words);
	holds(words, "in 9.5 s this node's locks are lost", "one that is not");
	n.lease = CONSENSUS_LEASE_OVER;
	lease_words(&n, words);
	holds(words, "are lost", "and one that is over");
	same(lease_word(&n), "over", "has a word");
}

void test_words(void)
{
	int i;

	for (i = 1; i <= CONSENSUS_DROP_MAX && drop_words[i]; i++)
		;
	ok(i > CONSENSUS_DROP_MAX, "every drop has a word");
	leading();
	following();
	cut_off();
	lost();
	observing();
	others();
	durable();
	storages();
	lease();
}
