# SPDX-License-Identifier: GPL-2.0
# A million increments through rings of 8 MiB, on three nodes, in arrays of 256: several laps,
# and they stay as large as they are, and no number comes twice. Then how long a start takes behind a full ring of 64 MiB.
# Each on a counter of its own, so that each is an entry of its own: of one counter they would be runs.
#
# vm: --kernel release --smp 2 --memory 1024 --timeout 900 --disk 160M --disk 160M --module dm-delay
# expect: 120
DURABILITY=disk
STORAGE_SIZE=32M
STORAGE_RING=8M
LOG_ENTRIES=8192
. /ktest/vm/lib.sh

MIB=1048576

# written NODE: bytes that its log has written since its start
written() { status "$1" wal_bytes; }

# count NODES OUTSTANDING ROUNDS LAPS: a cluster of so many counts, and the rings go round that
# often; restarted, they count on
count() {
	local node laps bytes value
	cluster_up "$1"
	began=$(_ms)
	check "$1 nodes: $2 at a time are added, $3 times" on "$(leader)" bench-many array "$2" "$3" laps private
	took=$(($(_ms) - began + 1))
	note "$(($2 * $3 * 1000 / took)) a second"
	for node in $NODES; do
		bytes=$(written "$node")
		laps=$((bytes / (8 * MIB)))
		check "$1 nodes: $laps laps of $node's ring, $((bytes / ($2 * $3))) bytes an increment" test $laps -ge "$4"
		is "$1 nodes: its ring is as large as it was" "$(status "$node" ring_bytes)" $((8 * MIB))
		is "$1 nodes: so is its storage" "$(stat -c %s "$(storage "$node")")" $((32 * MIB))
		check "$1 nodes: it is not full" test "$(status "$node" ring_used)" -le $((8 * MIB))
	done
	value=$(on n1 consensusctl get laps-7)
	check "$1 nodes: a counter knows of all of its ($value)" test "$value" -ge "$3"
	for node in $NODES; do
		on "$node" consensusctl down
	done
	for node in $NODES; do
		node_up "$node" || bail "$node does not start"
	done
	wait_leader 60 >/dev/null || bail "no leader after the restart: $(states)"
	is "$1 nodes: restarted, they count on" "$(inc n1 laps-7)" $((value + 1))
	check "$1 nodes: all have the same state" same_state 60
	cluster_down
	rm -f $STORAGE/n*
}

storage_on /dev/vda
count 3 1024 977 5

# A ring makes room by itself once it is half full. So that it fills, snapshots take an hour
# to be written, longer than any machine needs for that; and fail then: they free nothing.
#	0		superblock and ring	the disk
#	RING_END	areas			reads: the disk; writes: an hour, then an error
note "a full ring of 64 MiB"
STORAGE=/dev/mapper
STORAGE_SIZE=160M
STORAGE_RING=64M
RING_END=$(((8192 + 64 * MIB) / 512))
ALL=$((160 * MIB / 512))
modprobe dm-mod
modprobe dm-delay
echo "0 $ALL linear /dev/vdb 0" | dmsetup create --noudevsync n1 &&
	echo "0 $((ALL - RING_END)) error" | dmsetup create --noudevsync bad || bail "dmsetup"
dmsetup mknodes
storage_format n1 >/dev/null || bail "no storage"
dmsetup reload --noudevsync n1 <<-TABLE && dmsetup resume --noudevsync n1 || bail "dmsetup"
	0 $RING_END linear /dev/vdb 0
	$RING_END $((ALL - RING_END)) delay /dev/vdb $RING_END 0 /dev/mapper/bad 0 3600000 /dev/vdb $RING_END 0
TABLE
LOG_ENTRIES=65536
cluster_up 1
turns=0
while [ $turns -lt 200 ] && [ "$(status n1 ring_used)" -lt $((48 * MIB)) ]; do
	on n1 bench-many array 1024 12 "full$turns" private >/dev/null || bail "no increments: $(status n1 ring_used)"
	turns=$((turns + 1))
done
used=$(status n1 ring_used)
check "the ring is full: $((used / MIB)) MiB used" test "$used" -ge $((48 * MIB))
is "and no snapshot has freed any of it" "$(status n1 stored_index)" 0
value=$(inc n1 full0-7)
on n1 consensusctl down
echo "0 $ALL linear /dev/vdb 0" | dmsetup reload --noudevsync n1 &&
	dmsetup resume --noudevsync n1 || bail "dmsetup"
gone() { [ "$(dmsetup info -c --noheadings -o open n1)" = 0 ]; }
within 60 gone || bail "the storage is still in use"
echo 3 >/proc/sys/vm/drop_caches
began=$(_ms)
node_up n1 || bail "n1 does not start"
wait_leader 60 >/dev/null || bail "no leader: $(states)"
took=$(($(_ms) - began))
check "restart behind it in $took ms, less than ten seconds" test $took -lt 10000
is "it counts on" "$(inc n1 full0-7)" $((value + 1))
cluster_down
finish
