# SPDX-License-Identifier: GPL-2.0
# Disks that fail, hang, are full or frozen, under load: their node acknowledges nothing that
# it could not write, and the others go on.
#
#	n1, n2	a device-mapper device each, as a whole		/dev/mapper/n1, n2
#	n3	a file on ext4 on such a device			/mnt/storage/n3
#
# vm: --kernel debug --smp 2 --timeout 900 --disk 16M --disk 16M --disk 64M --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 135
DURABILITY=disk
STORAGE_SIZE=8M
. /ktest/vm/lib.sh

storage() { if [ "$1" = n3 ]; then echo $STORAGE/n3; else echo "/dev/mapper/$1"; fi; }

down() { on "$1" consensusctl down; }

# disk NODE; sectors DISK: what lies below
disk() { echo "/dev/vd$(echo "${1#n}" | tr 123 abc)"; }
sectors() { blockdev --getsz "$(disk "$1")"; }

# table NODE TARGET WORDS-BEHIND-THE-DEVICE: from now on its disk is that
table() {
	echo "0 $(sectors "$1") $2 $(disk "$1") 0${3:+ $3}" |
		dmsetup reload --noudevsync "$1" && dmsetup suspend --noflush --nolockfs --noudevsync "$1" &&
		dmsetup resume --noudevsync "$1" || bail "dmsetup $*"
}

healthy() { table "$1" linear ""; }
# writes, and flushes, end in EIO; reads are well
unwritable() { table "$1" flakey "0 1 1 error_writes"; }
hang() { dmsetup suspend --noflush --nolockfs --noudevsync "$1" || bail "dmsetup $*"; }
resume() { dmsetup resume --noudevsync "$1" || bail "dmsetup $*"; }

not_leading() { [ "$(status "$1" role)" != leader ]; }

# said NODE WORDS: how many lines of the kernel's log name both
said() { dmesg | grep -c "consensus.*$1.*$2"; }

# fails NODE HOW NAME: its disk begins to fail; it stops itself and nobody else minds
fails() {
	local who lines
	lines=$(said "$1" 'rror')
	who=$(status "$1" incarnation)
	"$2" "$1"
	check "$3: $1 stops itself" within 60 node_state "$1" failed
	check "$3: its status says why" sh -c "nsenter --net=/run/netns/$1 consensusctl status | grep -i 'storage.*error'"
	is "$3: one line in the log of the kernel" $(($(said "$1" 'rror') - lines)) 1
	refuses "$3: it acknowledges nothing" '' on "$1" consensusctl --timeout 2s inc failed
	check "$3: the others lead on" wait_leader 120 "$1"
	for node in $(others "$1" | tr , ' '); do
		check "$3: $node is answered" within 60 progress "$node"
	done
	down "$1"
	refuses "$3: it cannot start meanwhile" 'storage|superblock' node_up "$1"
	down "$1" 2>/dev/null
	healthy "$1"
	check "$3: with a healthy disk it comes up" node_up "$1"
	check "$3: and is a member again" joined "$1"
	is "$3: its former self" "$(status "$1" incarnation)" "$who"
	check "$3: its programs are answered" within 60 progress "$1"
}

modprobe dm-mod 2>/dev/null
modprobe dm-flakey 2>/dev/null
for node in n1 n2 n3; do
	echo "0 $(sectors $node) linear $(disk $node) 0" | dmsetup create --noudevsync $node || bail "dmsetup"
done
dmsetup mknodes
storage_on /dev/mapper/n3
consensusctl format /dev/mapper/n1 && consensusctl format /dev/mapper/n2 || bail "no storage"
cluster_up 3

note "no space left on the file system: it makes no difference"
dd if=/dev/zero of=$STORAGE/rest bs=64k 2>/dev/null
dd if=/dev/zero of=$STORAGE/crumbs bs=512 2>/dev/null
refuses "it is full" 'space' dd if=/dev/zero of=$STORAGE/more bs=64k count=16
load_begin -- -r 40
before=$(answers)
check "callers are answered" within 120 answered $((before + 40))
check "n3 is a member, up to date" joined n3 60
down n3
check "n3 comes up" node_up n3
check "and is a member again" joined n3
rm -f $STORAGE/rest $STORAGE/crumbs $STORAGE/more

note "a disk that cannot be written"
# Where the storage is a file, the file system would not survive that either.
[ "$(leader)" != n3 ] || { down n3 && node_up n3 && joined n3; } || bail "n3 does not come back"
set -- $(followers)
fails "$1" unwritable "EIO of a follower's writes"
fails "$(leader)" unwritable "EIO of the leader's writes"

note "a disk that hangs"
old=$(leader)
hang "$old"
began=$(_ms)
check "its leader steps down" within 60 not_leading "$old"
took=$(($(_ms) - began))
# two election timeouts, and as much for the question
check "within two election timeouts, or a little more ($took ms)" test $took -le $((4 * 300 * SCALE))
check "another leads" wait_leader 120 "$old"
for node in $(others "$old" | tr , ' '); do
	check "$node is answered" within 60 progress "$node"
done
resume "$old"
check "once it moves again, $old is a member as before" joined "$old"
check "and its programs are answered" within 60 progress "$old"

set -- $(followers)
hang "$1"
progress "$(leader)"
began=$(_ms)
check "a node with a hanging disk goes down" down "$1"
took=$(($(_ms) - began))
# five seconds for the disk, and what programs take on a slow kernel
check "without waiting for the disk ($took ms)" test $took -le 25000
node_up "$1" >/tmp/up.log 2>&1 &
check "it cannot come up meanwhile, and says so" within 20 grep "in use" /tmp/up.log
resume "$1"
check "afterwards it can" within 60 node_up "$1"
check "and is a member again" joined "$1"

note "a file system that is frozen"
fsfreeze -f $STORAGE || bail "fsfreeze"
for node in n1 n2; do
	check "$node is answered" within 120 progress $node
done
sleep $((1 * SCALE))
before=$(answers)
check "callers are answered" within 120 answered $((before + 50))
fsfreeze -u $STORAGE
check "thawed, n3 is a member as before" joined n3
check "and its programs are answered" within 60 progress n3

load_end "callers were answered throughout" 100
check "all apply the same" same_state 120

note "everything fails at once, then the module goes while a disk hangs"
hang n2
inc n1 last >/dev/null
for node in $NODES; do
	down $node
done
rm -f /tmp/gone
(rmmod consensus; echo $? >/tmp/gone) &
sleep 3
check "unloading waits for the disk" test ! -e /tmp/gone
resume n2
check "and ends when that moves" within 60 test -s /tmp/gone
is "well" "$(cat /tmp/gone)" 0
net_down
umount $STORAGE
for node in n1 n2 n3; do
	check "nothing holds the disk of $node" dmsetup remove --noudevsync $node
done
finish
