# SPDX-License-Identifier: GPL-2.0
# Where a storage may lie: ext4, xfs, a disk as a whole, one mapped; and where not.
#
# vm: --kernel release --smp 2 --timeout 300 --disk 32M --disk 640M --disk 256M --module xfs --module btrfs --module overlay --put /sbin/mkfs.xfs:/usr/sbin/mkfs.xfs --put /sbin/mkfs.btrfs:/usr/sbin/mkfs.btrfs
# expect: 25
DURABILITY=disk
STORAGE_SIZE=8M
. /ktest/vm/lib.sh

# one WHERE: a node by itself with its storage there, counting on after a restart
one() {
	sed "s|^storage = .*|storage = $2|" $CONFIG >/tmp/one.conf
	check "$1: a node starts" on n1 consensusctl up -c /tmp/one.conf --node n1
	check "$1: and makes a cluster" on n1 consensusctl create
	wait_leader 60 >/dev/null
	inc n1 orders >/dev/null
	on n1 consensusctl down
	on n1 consensusctl up -c /tmp/one.conf --node n1
	wait_leader 60 >/dev/null
	is "$1: after a restart it counts on" "$(inc n1 orders)" 2
	on n1 consensusctl down
}

# none WHERE FILE PATTERN: it must not lie there
none() {
	sed "s|^storage = .*|storage = $2|" $CONFIG >/tmp/one.conf
	refuses "$1 is refused" "$3" on n1 consensusctl up -c /tmp/one.conf --node n1
	on n1 consensusctl down 2>/dev/null
	return 0
}

# prepared FILE: as format does, or where that refuses, as it would
prepared() {
	consensusctl format "$1" --size 8M >/dev/null 2>&1 || cp $STORAGE/blank "$1"
}

insmod_consensus
net_up 1 || bail "no network"
mkdir -p /etc/consensus
new_key /etc/consensus/demo.key
write_config $CONFIG n1
storage_on /dev/vda
consensusctl format $STORAGE/blank --size 8M >/dev/null || bail "no storage on ext4"
check "ext4: format" consensusctl format $STORAGE/n1 --size 8M
one ext4 $STORAGE/n1
umount $STORAGE

check "a disk as a whole: format" consensusctl format /dev/vda --force
one "a disk as a whole" /dev/vda
modprobe dm-mod
echo "0 65536 linear /dev/vda 0" | dmsetup create --noudevsync d0
dmsetup mknodes
refuses "not while it is mapped" 'in use|busy' consensusctl format /dev/vda --force
check "a mapped one: format" consensusctl format /dev/mapper/d0 --force
one "a mapped one" /dev/mapper/d0
dmsetup remove --noudevsync d0

storage_on /dev/vda
consensusctl format $STORAGE/blank --size 8M >/dev/null || bail "no storage on ext4"
mkdir -p /mnt/xfs /mnt/btrfs /mnt/journal /mnt/overlay
mkfs.xfs -q /dev/vdb && mount -t xfs /dev/vdb /mnt/xfs || bail "no xfs"
check "xfs: format" consensusctl format /mnt/xfs/n1 --size 8M
one xfs /mnt/xfs/n1

mkfs.btrfs -q /dev/vdc && mount -t btrfs /dev/vdc /mnt/btrfs || bail "no btrfs"
prepared /mnt/btrfs/n1
none btrfs /mnt/btrfs/n1 'ext4'
umount /mnt/btrfs
mke2fs -q -F -t ext4 /dev/vdc && mount -t ext4 -o data=journal /dev/vdc /mnt/journal || bail "no journal"
prepared /mnt/journal/n1
none "ext4 that journals data" /mnt/journal/n1 'journal'
mkdir $STORAGE/upper $STORAGE/work $STORAGE/lower
mount -t overlay overlay -o lowerdir=$STORAGE/lower,upperdir=$STORAGE/upper,workdir=$STORAGE/work /mnt/overlay || bail "no overlay"
prepared /mnt/overlay/n1
none overlayfs /mnt/overlay/n1 'ext4'
prepared /dev/shm/n1
none tmpfs /dev/shm/n1 'ext4|O_DIRECT'
mount -o remount,ro $STORAGE
none "a file system to be read only" $STORAGE/blank 'read-only'
cd /
umount /mnt/xfs /mnt/journal /mnt/overlay $STORAGE
check "nothing holds a file system" sh -c '! grep -E "/mnt/" /proc/mounts'
finish
