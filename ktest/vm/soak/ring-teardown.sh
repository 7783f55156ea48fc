# SPDX-License-Identifier: GPL-2.0
# ring-teardown again and again, then random calls by every door for ten minutes.
#
# vm: --kernel debug --smp 2 --timeout 5400 --memory 2048
# expect: 1500
SCALE=${SCALE:-6}
TTL=60000
. /ktest/vm/lib.sh

tap() {
	grep -B 6 -A 6 '^not ok\|^Bail' "/tmp/$1.tap" | head -n 120
	result "$2" "$1: $(tail -n 1 "/tmp/$1.tap") cases"
}

for turn in 1 2 3 4 5 6 7 8; do
	note "turn $turn"
	cluster_up 3
	on n1 ct-teardown --slow $SCALE --full \
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
	on n2 ct-fullcq 4000 >/tmp/fullcq.tap 2>&1
	tap fullcq $?
	cluster_down
	check "the module unloads" rmmod consensus
done
cluster_up 3
check "ct-fuzz-ioctl: random calls do no harm" on n3 ct-fuzz-ioctl "${FUZZ_SECONDS:-600}"
check "the nodes agree" same_state 60
for node in $NODES; do
	is "$node holds no request" "$(status "$node" requests)" 0
done
finish
