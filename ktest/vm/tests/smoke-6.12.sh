# SPDX-License-Identifier: GPL-2.0
# A cluster on Debian's 6.12: counted from all nodes at once, its leader cut off, judged.
#
# vm: --kernel 6.12 --smp 2 --timeout 300 --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 30
. /ktest/vm/lib.sh

cluster_up 3
load_begin -- -r 300
sleep 3
old=$(leader)
isolate "$old"
check "another leads when the leader is cut off" wait_leader 20 "$old"
sleep 2
heal
check "all agree on a leader again" wait_leader 20
sleep 2
load_end "callers on three nodes were answered" 500
check "all apply the same" same_state 20
cluster_down
check "the module unloads" rmmod consensus
is "no namespace stays" "$(ls /run/netns | wc -l)" 0
finish
