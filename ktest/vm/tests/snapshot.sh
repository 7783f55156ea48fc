# SPDX-License-Identifier: GPL-2.0
# A member that is far behind catches up by a snapshot under load, while datagrams are lost;
# what it was sent it keeps: stopped and started, it has it from its own storage. Then it is
# stopped in the middle of that, again and again: TURNS times (2; `make soak`: 30).
#
# vm: --kernel debug --smp 2 --timeout 900 --disk 64M --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 110
DURABILITY=disk
STORAGE_SIZE=8M
STORAGE_RING=1M
LOG_ENTRIES=1024
. /ktest/vm/lib.sh

compacted() { [ "$(status "$1" first)" -gt "$2" ]; }

# behind NODE: it is down until the others have not got all that it misses
behind() {
	local last
	last=$(status "$1" last)
	on "$1" consensusctl down
	check "the leader's log loses what $1 misses" within 240 compacted "$(leader)" $((last + 1))
}

storage_on /dev/vda
cluster_up 3
# objects enough that a snapshot is many chunks
on n1 bench-inc private 64 8 fill >/dev/null || bail "no counters"
set -- $(followers)
# fast, as it is the load that leaves members behind
load_begin "$(leader)" "$2" -- -r 100
who=$(status "$1" incarnation)
behind "$1"
loss 10
node_up "$1" || bail "$1 does not start"
check "$1 catches up, with 10 % of all datagrams lost" joined "$1" 240
check "by a snapshot" test "$(status "$1" snapshots)" -ge 1
heal
stored=$(status "$1" stored_index)
check "which it has stored (index $stored)" test "$stored" -gt 1
is "$1 is its former self" "$(status "$1" incarnation)" "$who"

isolate "$1"
on "$1" consensusctl down
node_up "$1" || bail "$1 does not start"
check "restarted alone, it has the snapshot" within 60 compacted "$1" 1
check "and what came behind" test "$(status "$1" last)" -ge "$stored"
heal
check "it is a member again" joined "$1"

for turn in $(seq "${TURNS:-2}"); do
	behind "$1"
	for delay in 0.2 0.5 1; do
		node_up "$1" || bail "$1 does not start"
		sleep $delay
		on "$1" consensusctl down
	done
	node_up "$1" || bail "$1 does not start"
	check "turn $turn: stopped thrice on its way, $1 catches up" joined "$1" 240
done
load_end "callers were answered throughout" 300
check "all apply the same" same_state 120
finish
