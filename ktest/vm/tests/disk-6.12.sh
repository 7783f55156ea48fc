# SPDX-License-Identifier: GPL-2.0
# Storage on Debian's 6.12, a whole disk and two files: claimed, restarted under load, given
# back, and judged.
#
# vm: --kernel 6.12 --smp 2 --timeout 300 --disk 64M --disk 32M --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 30
DURABILITY=disk
STORAGE_SIZE=8M
. /ktest/vm/lib.sh

storage() { if [ "$1" = n1 ]; then echo /dev/vdb; else echo "$STORAGE/$1"; fi; }

mount_vdb() { mke2fs -q -F -t ext4 /dev/vdb && mount -t ext4 /dev/vdb /mnt; }

storage_on /dev/vda
consensusctl format /dev/vdb >/dev/null || bail "no storage on a disk"
cluster_up 3
load_begin -- -r 300
for node in $NODES; do
	who=$(status "$node" incarnation)
	check "$node goes down" on "$node" consensusctl down
	check "$node comes up" node_up "$node"
	check "$node is a member again" joined "$node"
	is "$node is its former self" "$(status "$node" incarnation)" "$who"
done
load_end "callers were answered throughout" 300
refuses "a disk in use is not formatted" 'in use' consensusctl format /dev/vdb --force
refuses "nor mounted" 'busy|in use|mounted' mount_vdb
value=$(inc n2 orders)
for node in $NODES; do
	on "$node" consensusctl down
done
for node in $NODES; do
	node_up "$node" || bail "$node does not start"
done
check "after all were down they lead again" wait_leader 60
is "and count on" "$(inc n3 orders)" $((value + 1))
check "all apply the same" same_state 60
cluster_down
check "the module unloads" rmmod consensus
check "the disk is free" mount_vdb
umount /mnt
check "and the file system, too" umount $STORAGE
finish
