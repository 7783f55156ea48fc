# SPDX-License-Identifier: GPL-2.0
# Every call by every door: ioctl, arrays, io_uring in each of its modes; arrays in every way in
# which they are refused, cut off, or hold what cannot be written; what io_uring promises (chains,
# drains, files, threads, forks); what is changed or closed under a command; the library's queue
# and batch. On a follower, beside the leader, on a kernel full of checks.
#
# ring-doors32.sh does the same from a 32-bit program, ring-6.12.sh on another kernel.
#
# vm: --kernel debug --smp 2 --timeout 600
# expect: 60
TTL=30000
. /ktest/vm/lib.sh

# tells FILE: what failed in it, and how long it took
tells() {
	grep "^not ok\|^Bail" "$1" | sed 's/^/# /'
	grep '^# .*\(: got\|^# got\|is not so\| ms$\)' "$1" | head -n 100
	note "$(tail -n 1 "$1") cases"
}

cluster_up 3
lead=$(leader)
here=$(others "$lead" | cut -d , -f 1)
block="/usr/sbin/nft add rule inet ktest in udp dport 7800 drop"
pass_on="/usr/sbin/nft flush chain inet ktest in"
on "$here" ct-ring --slow $((SCALE / 3)) --cut "$block" --heal "$pass_on" \
	"$here" "$lead" "/run/netns/$lead" >/tmp/ring.tap 2>&1
result $? "ct-ring: every call does the same by every door"
tells /tmp/ring.tap
on "$here" ct-queue --slow $((SCALE / 3)) "/run/netns/$lead" >/tmp/queue.tap 2>&1
result $? "ct-queue: the library's queue and batch"
tells /tmp/queue.tap
check "nothing is left of it" no_locks
for node in $NODES; do
	check "$node has no request under way" idle "$node"
done
check "the nodes agree" same_state 60
cluster_down
check "the module unloads" within 60 rmmod consensus
finish
