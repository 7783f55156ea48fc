# SPDX-License-Identifier: GPL-2.0
# Every call of locks, what it answers and how it is refused: on a follower, beside the leader,
# on a kernel full of checks. lock-basic32.sh does the same from a 32-bit program on the leader.
#
# vm: --kernel debug --smp 2 --timeout 600
# expect: 70
. /ktest/vm/lib.sh

cluster_up 3
lead=$(leader)
set -- $(followers)
on "$1" ct-locks --slow $((SCALE / 3)) "$1" "$lead" "/run/netns/$lead" >/tmp/locks.tap 2>&1
result $? "ct-locks: every call of locks does what it must"
grep -B 3 "^not ok\|^Bail" /tmp/locks.tap | sed 's/^/# /'
note "$(tail -n 1 /tmp/locks.tap) cases"
check "nothing is left of it" no_locks
for node in $NODES; do
	check "$node has no request under way" idle "$node"
done
check "the nodes agree" same_state 60
cluster_down
check "the module unloads" within 60 rmmod consensus
finish
