# SPDX-License-Identifier: GPL-2.0
# On Debian's 6.12, which tells of rings that are closed: their commands end at once, though they
# had 100 s, without a quorum. A node has more commands than it has room for. Then processes
# are killed as in ring-kill, and the queue of completions is too small.
#
# vm: --kernel 6.12 --smp 2 --timeout 300
# expect: 45
TTL=60000
. /ktest/vm/lib.sh

tap() {
	grep -B 6 -A 6 '^not ok\|^Bail' "/tmp/$1.tap" | head -n 120
	sed -n 's/^# \(.* after [0-9]* ms.*\)/# \1/p' "/tmp/$1.tap"
	result "$2" "$1: $(tail -n 1 "/tmp/$1.tap") cases"
}

cluster_up 3
on n1 ct-teardown --slow $SCALE --closed-only --full \
	--cut "/usr/sbin/nft add rule inet ktest in udp dport 7800 drop" \
	--heal "/usr/sbin/nft flush chain inet ktest in" >/tmp/teardown.tap 2>&1
tap teardown $?
check "a leader is there again" wait_leader 60
on n1 ct-fullcq 2000 >/tmp/fullcq.tap 2>&1
tap fullcq $?
ct-torture -g /run/netns/n1 -g /run/netns/n2 -g /run/netns/n3 -t 2 -d 256 -k 60 -K 60 \
	>/tmp/torture.log 2>&1
result $? "60 processes with commands under way are killed"
sed 's/^#* */# /' /tmp/torture.log
check "all apply the same" same_state 20
cluster_down
check "the module unloads" rmmod consensus
finish
