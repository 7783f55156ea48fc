# SPDX-License-Identifier: GPL-2.0
# Clusters of 1, 3, 5 and 7 nodes over IPv6 and IPv4 on Debian's kernel: they form, count
# without gaps from every node, agree, and leave nothing behind.
#
# vm: --kernel release --smp 2 --timeout 300
# expect: 40
. /ktest/vm/lib.sh

# round FAMILY N
round() {
	local expected got node
	FAMILY=$1
	cluster_up "$2"
	expected=
	got=
	for node in $NODES $NODES $NODES; do
		expected="$expected $((${expected##* } + 1))"
		got="$got $(inc "$node" orders)"
	done
	is "IPv$1, $2 nodes: each node counts on, without a gap" "$got" "$expected"
	is "IPv$1, $2 nodes: --by takes a range" "$(inc "n$2" orders 10)" $((${expected##* } + 10))
	got=
	for node in $NODES; do
		got="$got $node $(on "$node" consensusctl get orders)"
	done
	is "IPv$1, $2 nodes: a read on each node sees it" "$got" \
		"$(for node in $NODES; do printf ' %s %d' "$node" $((${expected##* } + 10)); done)"
	check "IPv$1, $2 nodes: all apply the same" same_state 60
	cluster_down
}

for family in 6 4; do
	for nodes in 1 3 7; do
		round $family $nodes
	done
done
note "a round trip of 200 ms is longer than two heartbeats"
cluster_up 3
inc n1 far >/dev/null
delay 100
wait_leader 60 >/dev/null
for node in $NODES; do
	is "far away: $node reads for sure" "$(on "$node" consensusctl --timeout 20s get far)" 1
done
is "far away: increments pass" "$(inc n1 far) $(inc n2 far) $(inc n3 far)" "2 3 4"
heal
cluster_down
check "the module unloads" rmmod consensus
check "and loads again" modprobe consensus
finish
