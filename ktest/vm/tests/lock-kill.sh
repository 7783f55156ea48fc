# SPDX-License-Identifier: GPL-2.0
# Holders and waiters of locks are killed, ROUNDS times, on a kernel full of checks: never two
# are inside, no lock is idle while somebody waits, nobody has to wait to die, nothing is left
# behind. Half of it while leaders are cut off, a little without a quorum.
#
# vm: --kernel debug --smp 2 --timeout 900 --get /tmp/locks.jsonl
# judge: locks.jsonl
# expect: 70
ROUNDS=${ROUNDS:-500}
SCALE=${SCALE:-6}
TTL=60000
. /ktest/vm/lib.sh

groups="-g /run/netns/n1 -g /run/netns/n2 -g /run/netns/n3"
# An election, twice: how long a lock may be idle when no leader is cut off.
idle_us=$((2 * 300 * SCALE * 1000))

# killing NAME ROUNDS [ARGUMENT]...: ct-lock, in the background
killing() {
	local name rounds
	name=$1
	rounds=$2
	shift 2
	# shellcheck disable=SC2086 # a list of words
	ct-lock $groups -t 2 -l 2 -H 1 -n "$name" -k "$rounds" "$@" >"/tmp/$name.log" 2>&1 &
	KILLER=$!
}

# killed NAME ROUNDS: it has come to its end, and found nothing wrong
killed() {
	wait $KILLER
	result $? "$1: nothing is wrong in $2 rounds"
	sed 's/^#* */# /' "/tmp/$1.log"
	is "$1: as many were killed" "$(figure "/tmp/$1.log" kills)" "$2"
}

objects_are() { [ "$(status "$1" objects)" = "$2" ]; }

is_killing() { kill -0 $KILLER 2>/dev/null; }

cluster_up 3
calm=$((ROUNDS / 2))
killing calm $calm -K 2 -o /tmp/locks.jsonl
killed calm $calm
check "calm: no lock was idle while somebody waited (us)" \
	test "$(figure /tmp/calm.log longest_idle_us)" -lt $idle_us
check "calm: most of them held or waited" test \
	$(($(figure /tmp/calm.log killed_holders) + $(figure /tmp/calm.log killed_waiters))) \
	-ge $((calm / 2))
check "calm: grants tell of the dead" test "$(figure /tmp/calm.log died)" -gt 0
check "calm: nothing is left of it" no_locks

rest=$((ROUNDS - calm - ROUNDS / 10))
killing stormy $rest -K 2
turns=0
while is_killing; do
	old=$(leader) || { sleep 0.1; continue; }
	unplug "$old"
	wait_leader 120 "$old" >/dev/null && turns=$((turns + 1))
	plug "$old"
	sleep 1
done
killed stormy $rest
check "stormy: leaders were cut off meanwhile ($turns)" test $turns -ge 1
check "stormy: nothing is left of it" no_locks

killing lonely $((ROUNDS / 10)) -K 2
sleep 1
note "no quorum from $(_ms) ms on"
for node in $NODES; do
	unplug "$node"
done
sleep $SCALE
for node in $NODES; do
	plug "$node"
done
note "and again from $(_ms) ms on"
killed lonely $((ROUNDS / 10))
check "lonely: nothing is left of it" no_locks
# that its last holder died is remembered of a lock until it is granted again
for name in calm stormy lonely; do
	check "$name: its locks are free" on n1 consensusctl lock ${name}l0 -- \
		consensusctl lock ${name}l1 -- true
done
# a counter for each lock is left, and nothing else
for node in $NODES; do
	check "$node holds nothing but the counters" within 60 objects_are "$node" 6
	check "$node has no request under way" idle "$node"
done
check "all apply the same" same_state 60
finish
