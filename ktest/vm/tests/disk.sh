# SPDX-License-Identifier: GPL-2.0
# Three nodes with storage: each is stopped and started, then all are; who comes back is who
# it was. What is no storage, or another's, or damaged, or was rolled back, is refused.
#
# vm: --kernel debug --smp 2 --timeout 900 --disk 192M
# expect: 100
DURABILITY=disk
STORAGE_SIZE=8M
STORAGE_RING=1M
. /ktest/vm/lib.sh

down() { on "$1" consensusctl down; }

# identity NODE: what stays, and what moves on
incarnation() { status "$1" incarnation; }
starts() { status "$1" counter; }

# restarted NODE INCARNATION START: it is its former self, in that start
restarted() {
	check "$1 is a member again, up to date" joined "$1"
	is "$1 is its former self, start $3" "$(incarnation "$1") $(starts "$1")" "$2 $3"
	is "$1 votes" "$(status "$1" voter)" true
}

# conf NODE STORAGE: the configuration, with another storage for one node
conf() {
	sed "s|^storage = $STORAGE/$1\$|storage = $2|" $CONFIG >/tmp/other.conf
	grep -q "^storage = $2\$" /tmp/other.conf || bail "no other configuration"
}

# refused NAME PATTERN NODE STORAGE: the node does not come up on it, and says why
refused() {
	conf "$3" "$4"
	refuses "$1" "$2" on "$3" consensusctl up -c /tmp/other.conf --node "$3"
	down "$3" 2>/dev/null
	return 0
}

# zero FILE 4K-BLOCK
zero() { dd if=/dev/zero of="$1" bs=4096 seek="$2" count=1 conv=notrunc,fsync 2>/dev/null; }

storage_on /dev/vda
cluster_up 3
is "status says disk" "$(status n1 durability)" disk
is "the first start is 1" "$(starts n1)" 1
value=0
for node in $NODES $NODES; do
	value=$((value + 1))
	is "$node counts on" "$(inc "$node" orders)" $value
done

note "one after the other"
for node in $NODES; do
	who=$(incarnation "$node")
	check "$node goes down" down "$node"
	check "$node comes up" node_up "$node"
	restarted "$node" "$who" 2
	value=$((value + 1))
	is "$node counts on" "$(within 60 progress "$node"; inc "$node" orders)" $value
done

note "all at once"
term=$(status "$(leader)" term)
for node in $NODES; do
	incarnation "$node" >/tmp/who.$node
	down "$node"
done
for node in $NODES; do
	node_up "$node" || bail "$node does not start"
done
check "they have a leader, by themselves" wait_leader 120
for node in $NODES; do
	restarted "$node" "$(cat /tmp/who.$node)" 3
done
check "no term comes twice" test "$(status "$(leader)" term)" -gt "$term"
for node in $NODES; do
	value=$((value + 1))
	is "$node counts on" "$(inc "$node" orders)" $value
done
check "all apply the same" same_state 60

note "two of three are enough, whichever"
for node in $NODES; do
	down "$node"
done
node_up n2
node_up n3
check "they lead" wait_leader 120
value=$((value + 1))
is "they count on" "$(inc n2 orders)" $value
node_up n1
check "the third catches up" joined n1
value=$((value + 1))
is "and counts on" "$(inc n1 orders)" $value

note "what may not be used"
refuses "a second start" 'already' node_up n1
refuses "to format a storage in use" 'use|running|busy' consensusctl format "$(storage n1)" --size 8M --force
down n3
refused "another node's, which runs" 'in use' n3 "$(storage n1)"
down n2
refused "another node's, which does not run" 'storage of node n2' n3 "$(storage n2)"
check "n2 did not suffer" node_up n2
refuses "to format a used one" 'force' storage_format n3
dd if=/dev/zero of=$STORAGE/zeros bs=1M count=8 2>/dev/null
refused "a file of zeros" 'consensusctl format' n3 $STORAGE/zeros
dd if=/dev/urandom of=$STORAGE/noise bs=1M count=8 2>/dev/null
refused "a file of noise" 'no storage' n3 $STORAGE/noise
consensusctl format $STORAGE/blank --size 8M >/dev/null 2>&1
dd if=$STORAGE/blank of=$STORAGE/sparse bs=4096 count=1 2>/dev/null
truncate -s 8M $STORAGE/sparse
refused "a sparse file" 'holes' n3 $STORAGE/sparse
refuses "to format a file of ten bytes' space" '' consensusctl format $STORAGE/small --size 10
refused "a missing file" 'no such file|not exist|consensusctl format' n3 $STORAGE/missing
refused "a folder" 'folder|directory|neither' n3 $STORAGE
refused "a file in memory" 'ext4|O_DIRECT|file system' n3 /tmp/said
refused "a device that is none" 'neither|device|O_DIRECT' n3 /dev/zero
cp "$(storage n3)" $STORAGE/short
truncate -s 6M $STORAGE/short
refused "one that was cut short" 'bytes' n3 $STORAGE/short
rm -f $STORAGE/zeros $STORAGE/noise $STORAGE/sparse $STORAGE/blank $STORAGE/small $STORAGE/short

note "what is damaged"
who=$(cat /tmp/who.n3)
start=$(($(node_up n3 && starts n3)))
for slot in 0 1; do
	check "n3 goes down" down n3
	zero "$(storage n3)" $slot
	check "without superblock slot $slot it comes up" node_up n3
	start=$((start + 1))
	restarted n3 "$who" $start
done
down n3
cp "$(storage n3)" $STORAGE/whole
zero "$(storage n3)" 0
zero "$(storage n3)" 1
refused "without both there is no storage" 'format|superblock' n3 "$(storage n3)"
mv $STORAGE/whole "$(storage n3)"

note "what was rolled back"
cp "$(storage n3)" $STORAGE/old
node_up n3
joined n3
progress n3
down n3
mv $STORAGE/old "$(storage n3)"
rolled_back() { on n3 consensusctl status | grep -qi "rolled back"; }
node_up n3
check "an old copy: it stops itself, and says why" within 60 rolled_back
is "it is failed" "$(status n3 state)" failed
check "the others go on" progress n1
down n3
node_up n3
check "it stays so" within 60 rolled_back
is "failed" "$(status n3 state)" failed
check "the log of the kernel says it" sh -c 'dmesg | grep "consensus.*n3.*rolled back"'
down n3
check "it is prepared anew by force" storage_format n3 --force
node_up n3
check "and is an observer, under another incarnation" within 120 node_state n3 observer
check "indeed" test "$(incarnation n3)" != "$who"
check "all apply the same" same_state 60
cluster_down
check "the module unloads" rmmod consensus
check "and the file system has no user" umount $STORAGE
finish
