# SPDX-License-Identifier: GPL-2.0
# Arrays and io_uring on Debian's 6.12: every call by every door, what happens under a command,
# and the library, also where a sysctl forbids io_uring.
#
# vm: --kernel 6.12 --smp 2 --timeout 600
# expect: 35
SCALE=10
. /ktest/vm/lib.sh

# queue NAME [OPTION]...: the library's queues, on a node beside the leader
queue() {
	local name
	name=$1
	shift
	on "$here" ct-queue "$@" "/run/netns/$lead" >/tmp/queue.tap 2>&1
	result $? "$name"
	grep -B 2 "^not ok\|^Bail" /tmp/queue.tap | sed 's/^/# /'
}

cluster_up 3
lead=$(leader)
here=$(others "$lead" | cut -d , -f 1)
block="/usr/sbin/nft add rule inet ktest in udp dport 7800 drop"
pass_on="/usr/sbin/nft flush chain inet ktest in"
on "$here" ct-ring --slow 3 --all --cut "$block" --heal "$pass_on" \
	"$here" "$lead" "/run/netns/$lead" >/tmp/ring.tap 2>&1
result $? "ct-ring: every call does the same by every door"
grep "^not ok\|^Bail" /tmp/ring.tap | sed 's/^/# /'
grep '^# .*\(: got\|^# got\|is not so\)' /tmp/ring.tap | head -n 60
note "$(tail -n 1 /tmp/ring.tap) cases"
queue "ct-queue: the library's queue and batch"
echo 2 >/proc/sys/kernel/io_uring_disabled
queue "ct-queue: queues work where a sysctl forbids io_uring" --disabled
echo 0 >/proc/sys/kernel/io_uring_disabled
check "nothing is left of it" no_locks
check "the nodes agree" same_state 60
cluster_down
check "the module unloads" within 60 rmmod consensus
finish
