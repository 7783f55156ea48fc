# SPDX-License-Identifier: GPL-2.0
# Processes with thousands of operations under way, by rings of every kind, arrays and threads,
# are killed at any moment, on a kernel full of checks: they die at once, their locks are the
# next one's, their handles go, nothing they asked for happens twice, or long after. Some of
# it without a quorum.
#
# vm: --kernel debug --smp 2 --timeout 900
# expect: 75
ROUNDS=${ROUNDS:-100}
SCALE=${SCALE:-6}
TTL=60000
. /ktest/vm/lib.sh

groups="-g /run/netns/n1 -g /run/netns/n2 -g /run/netns/n3"

# A dead process and its handle have 3 s, of a CPU that is there: twice that on a busy machine.
# torture NAME [ARGUMENT]...: its lines are in /tmp/NAME.log
torture() {
	local name
	name=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	ct-torture $groups -n "$name" ${SEED:+-S "$SEED"} "$@" >"/tmp/$name.log" 2>&1
}

# judge NAME ROUNDS STATUS
judge() {
	result "$3" "$1: nothing is wrong in $2 rounds"
	sed 's/^#* */# /' "/tmp/$1.log"
	is "$1: as many were killed" "$(figure "/tmp/$1.log" kills)" "$2"
}

cluster_up 3
lonely=$((ROUNDS / 5))
calm=$((ROUNDS - lonely))
torture calm -t 2 -d 256 -k $calm -K 100 -H 30000 -L $((1000 * SCALE))
judge calm $calm $?
check "calm: a thousand operations were under way" \
	test "$(figure /tmp/calm.log most_under_way)" -ge 1000
check "calm: adds were acknowledged" test "$(figure /tmp/calm.log acked)" -ge $calm
check "calm: locks were granted" test "$(figure /tmp/calm.log grants)" -ge $((calm / 2))
for door in uring defer sqpoll fixed fixed_sqpoll async uring_array array threads; do
	check "calm: some were answered by $door" grep -q "^# by_$door [1-9]" /tmp/calm.log
done
check "calm: nothing is left of it" no_locks

torture lonely -t 2 -d 192 -k $lonely -K 100 -q -L $((1000 * SCALE)) &
lonely_pid=$!
for node in $NODES; do
	unplug "$node"
done
within 120 grep -q '^# dead' /tmp/lonely.log || note "they do not come to an end"
for node in $NODES; do
	plug "$node"
done
wait $lonely_pid
judge lonely $lonely $?
check "lonely: a thousand operations were under way" \
	test "$(figure /tmp/lonely.log most_under_way)" -ge 1000
check "lonely: nothing is left of it" no_locks

for node in $NODES; do
	check "$node has no request under way" idle "$node"
done
check "all apply the same" same_state 60
cluster_down
check "the module unloads" rmmod consensus
finish
