# SPDX-License-Identifier: GPL-2.0
# Namespaces vanish under load, again and again, some while handles of theirs live on
# elsewhere: waiters wake, handles say so, and nothing stays behind.
#
# vm: --kernel debug --smp 2 --timeout 900 --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 60
. /ktest/vm/lib.sh

# Takes a namespace its name; with its last process it goes.
destroy() {
	ip netns del "$1"
	ip link del "v${1#n}" 2>/dev/null
	return 0
}

# How many of our nodes the kernel still has objects of; the module's use count.
users() { sed -n 's/^consensus [0-9]* \([0-9]*\) .*/\1/p' /proc/modules; }

no_users() { [ "$(users)" = 0 ]; }

cluster_up 5
load_begin n1 n2 n3
# callers of n5 that live elsewhere: nothing keeps the namespace but its name
for holder in 1 2 3 4; do
	ct-hold /run/netns/n5 held >/tmp/hold$holder 2>&1 &
	echo $! >/tmp/hold$holder.pid
done
for holder in 1 2 3 4; do
	check "n5 answers holder $holder" within 60 grep -q '^[.]' /tmp/hold$holder
done

destroy n5
for holder in 1 2 3 4; do
	wait "$(cat /tmp/hold$holder.pid)"
	result $? "n5 vanishes while holder $holder calls: $(tail -n 1 /tmp/hold$holder)"
done
NODES="n1 n2 n3 n4"
check "the cluster goes on without n5" wait_leader 120
check "and n1 is answered" within 60 progress n1

note "now the leader's namespace, with callers inside"
lead=$(leader)
# The callers are inside, who writes down what they do is not: it has to outlive
# them, to say of their last calls that nobody knows how those ended.
ct-history -o $HISTORY -s 3600 -t 2 -n ct -C 6000 -r "$RATE" -p -g "/run/netns/$lead" \
	>/tmp/lead.log 2>&1 &
recorder=$!
sleep 3
load_end "callers on three nodes were answered" 100
# shellcheck disable=SC2046 # a list of words
kill -9 $(ip netns pids "$lead")
destroy "$lead"
wait $recorder
result $? "who recorded the callers of $lead saw them die"
sed 's/^#* */# /' /tmp/lead.log
NODES=$(echo "$NODES" | tr ' ' '\n' | grep -vx "$lead" | tr '\n' ' ')
check "three of five lead on without $lead" wait_leader 120 "$lead"
for node in $NODES; do
	check "$node is answered" within 60 progress "$node"
done

note "a namespace dies while somebody waits in it for a quorum that is gone"
set -- $NODES
isolate "$1"
on "$1" consensusctl --timeout 600s inc mine >/tmp/waiter.log 2>&1 &
waiter=$!
sleep 3
check "somebody waits" kill -0 $waiter
kill -9 $(ip netns pids "$1")
destroy "$1"
check "a waiter can be killed" within 30 sh -c "! kill -0 $waiter"
shift
NODES="$*"
cluster_down
check "all handles and nodes are gone" within 60 no_users

note "namespaces come and go"
for turn in 1 2 3; do
	ip netns add x$turn
	ip -n x$turn link set lo up
	printf '[cluster]\nname = x\nkey-file = /etc/consensus/demo.key\ndurability = memory\n[node n1]\naddress = [::1]:7800\n' >/tmp/x.conf
	on x$turn consensusctl up -c /tmp/x.conf --node n1 && on x$turn consensusctl create
	ip netns del x$turn
done
check "a node by itself dies with its namespace" within 60 no_users
check "the module unloads" rmmod consensus
check "and nothing of it is in the log of the kernel" sh -c '! dmesg | grep -v "Linux version" | grep -i "consensus.*leak"'
finish
