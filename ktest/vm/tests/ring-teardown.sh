# SPDX-License-Identifier: GPL-2.0
# Rings, structs, handles, threads, processes, nodes and namespaces end with hundreds of
# commands under way, on a kernel full of checks: each command is completed exactly once, and
# what it says is true. Then completions that there is no room for.
#
# vm: --kernel debug --smp 2 --timeout 900
# expect: 60
SCALE=${SCALE:-6}
TTL=60000
. /ktest/vm/lib.sh

# tap NAME STATUS: what a program said, in short
tap() {
	grep -B 6 -A 6 '^not ok\|^Bail' "/tmp/$1.tap" | head -n 120
	sed -n 's/^# \(.* after [0-9]* ms.*\)/# \1/p' "/tmp/$1.tap"
	result "$2" "$1: $(tail -n 1 "/tmp/$1.tap") cases"
}

cluster_up 3
on n1 ct-teardown --slow $SCALE \
	--cut "/usr/sbin/nft add rule inet ktest in udp dport 7800 drop" \
	--heal "/usr/sbin/nft flush chain inet ktest in" \
	--down "consensusctl down" --up "consensusctl up -c $CONFIG --node n1" >/tmp/teardown.tap 2>&1
tap teardown $?
# the node here came back without a vote: the others have a quorum without its namespace
on n2 ct-teardown --slow $SCALE --other /run/netns/n1 \
	--destroy "/bin/ip netns del n1" >/tmp/destroy.tap 2>&1
tap destroy $?
ip link del v1 2>/dev/null
NODES="n2 n3"
check "two nodes go on" wait_leader 60
on n2 ct-fullcq 800 >/tmp/fullcq.tap 2>&1
tap fullcq $?
for node in $NODES; do
	check "$node has no request under way" idle "$node"
done
cluster_down
check "the module unloads" rmmod consensus
finish
