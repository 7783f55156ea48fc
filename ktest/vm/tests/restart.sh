# SPDX-License-Identifier: GPL-2.0
# A node restarts under load, in memory mode: it comes back as an observer, is caught up by
# entries, or by a snapshot when the log no longer has them all, and its programs are
# answered. Then a majority of the voters is gone: that is said, and it stays so.
#
# vm: --kernel debug --smp 2 --timeout 600 --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 85
LOG_ENTRIES=1024
. /ktest/vm/lib.sh

# caught_up NODE INDEX: it is an observer that has applied that much
caught_up() { [ "$(status "$1" state)" = observer ] && [ "$(status "$1" applied)" -ge "$2" ]; }

compacted() { [ "$(status "$1" first)" -gt 1 ]; }

not_leading() { [ "$(status "$1" role)" != leader ]; }

# told NODE WORDS: its status says so
told() { on "$1" consensusctl status | grep -q -- "$2"; }

# restart NODE HOW: it goes and comes, and is caught up with all that was there when it came
restart() {
	local first lead commit
	first=$(status "$1" incarnation)
	lead=$(leader)
	check "$2: $1 goes down" on "$1" consensusctl down
	check "$2: and comes back" node_up "$1"
	commit=$(status "$lead" commit)
	check "$2: caught up with $commit entries as an observer" within 120 caught_up "$1" "$commit"
	check "$2: under another incarnation" test "$(status "$1" incarnation)" != "$first"
	check "$2: its programs are answered" within 60 progress "$1"
}

cluster_up 3
set -- $(followers)
load_begin -- -r 20
restart "$1" entries
is "entries: it took no snapshot" "$(status "$1" snapshots)" 0
load_end "entries: callers were answered" 20

load_begin -- -C 1000 -r 100
check "the leader's log loses its beginning" within 120 compacted "$(leader)"
restart "$1" snapshot
check "snapshot: it took one" test "$(status "$1" snapshots)" -ge 1
load_end "snapshot: callers were answered" 500
check "all apply the same" same_state 60
is "the observer does not lead" "$(status "$1" role)" follower

note "of three voters one was lost; now another one"
lead=$(leader)
set -- "$1" $(followers | grep -vx "$1")
before=$(on "$lead" consensusctl get progress)
on "$2" consensusctl down
check "the leader steps down" within 60 not_leading "$lead"
node_up "$2" || bail "$2 does not come back"
check "the voter that is left says that a majority was lost" \
	within 60 told "$lead" "A majority of the voters was lost"
refuses "and increments are refused: there is no quorum" 'quorum' \
	on "$lead" consensusctl --timeout "$((1 * SCALE))s" inc progress
refuses "also with who came back" 'quorum|leader|time' \
	on "$2" consensusctl --timeout "$((1 * SCALE))s" inc progress
refuses "and nobody leads, however long" '' wait_leader "$SCALE"
is "what was acknowledged is still there" \
	"$(on "$lead" consensusctl get progress --consistency local)" "$before"
finish
