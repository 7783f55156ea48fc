#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# What ktest/bench/million has done in a VM: a cluster of one node, with OBJECTS counters or
# held locks.
#
#	KIND=counts	one vCPU under -icount: a ns is an instruction; in memory mode
#	KIND=disk	two vCPUs, by the clock; disk mode, on /dev/vda, a ring of RING_MIB
#	KIND=locks	one vCPU under -icount, in memory mode: locks, all of one handle
#	KIND=laps	the same with a thousand counters, and laps of the ring
#
# Prints lines "bench KEY JSON", and "bench end" if all of it went well.
. /root/million.env
. /ktest/vm/lib.sh

FEW=1000
CALLERS=64
VALUES=/tmp/values
MIB=1048576

say() { echo "bench $*"; }

# Every command that measures says what was wrong, if anything; then there is no number.
must() {
	local key out
	key=$1
	shift
	out=$("$@" 2>&1) || bail "$key: $out"
	say "$key" "$out"
}

# objects COMMAND...: on the counters, whose values are known
objects() { on n1 bench-objects $VALUES "$@"; }

# state KEY: what the node says of itself
state() {
	local k line
	line=
	_look n1
	for k in objects memory snapshots applied wal_groups wal_bytes ring_bytes ring_used \
		stored_index stored_bytes loaded; do
		_field $k
		line="$line${line:+,}\"$k\":${_value:-0}"
	done
	say "$1" "{$line}"
}

# ---- counts ----

# None is removed meanwhile: the memory file system gives back 40 MB in its own time.
backups() {
	local i
	for i in 1 2 3; do
		rm -f /tmp/backup
		consensusctl backup /tmp/backup >/dev/null 2>&1 || exit
	done
}

# What of backups is not the node's: programs that run, and a file that is written.
copies() {
	local i
	for i in 1 2 3; do
		consensusctl status >/dev/null || exit
		cp /tmp/backup /tmp/copy.$i || exit
	done
}

counts() {
	local i began
	state before
	must make.few objects make $FEW 1
	state few
	for i in 1 2 3; do
		must few.$i objects add 20000 1
	done
	must make.many objects make "$OBJECTS" 16
	state many
	for i in 1 2 3; do
		must many.$i objects add 20000 1
	done
	began=$(_ms)
	on n1 consensusctl backup /tmp/backup >/dev/null 2>&1 || bail "no backup"
	say backup "{\"ms\":$(($(_ms) - began)),\"bytes\":$(stat -c %s /tmp/backup)}"
	consensusctl backup --verify /tmp/backup >/dev/null 2>&1 || bail "the backup is not whole"
	must quiet objects late 200 20000
	must copies objects late 200 20000 "$0" copies
	rm -f /tmp/copy.*
	must backups objects late 200 20000 "$0" backups
	state after
	must check objects check 1
}

# ---- disk ----

# restart KEY: stopped and started, with cold caches, until it leads
restart() {
	local began
	state "$1.before"
	on n1 consensusctl down || bail "$1: it does not stop"
	echo 3 >/proc/sys/vm/drop_caches
	began=$(_ms)
	node_up n1 || bail "$1: it does not start"
	say "$1.up" "{\"ms\":$(($(_ms) - began))}"
	wait_leader 60 >/dev/null || bail "$1: no leader: $(states)"
	say "$1" "{\"ms\":$(($(_ms) - began))}"
	state "$1.after"
	must "$1.check" objects check 8
}

# fill BYTES: additions until so many bytes of the ring are in use
fill() {
	until [ "$(status n1 ring_used)" -ge "$1" ]; do
		must fill objects add 10000 $CALLERS
	done
}

disk() {
	state before
	must make.few objects make $FEW $CALLERS
	state few
	must make.many objects make "$OBJECTS" $CALLERS
	state many
	restart restart
	fill $((RING_MIB * MIB * 45 / 100))
	restart full
}

# A million additions to a thousand counters, through a ring of 8 MiB.
laps() {
	must make objects make $FEW $CALLERS
	state before
	must laps objects add 1000000 $CALLERS
	state after
	restart restart
}

# ---- locks ----

# Bytes in the kernel's slabs. The state is not among them: its chunks are whole pages.
slabs() { awk '$1 == "SUnreclaim:" { print $2 * 1024 }' /proc/meminfo; }

# holds KEY: what the node says, with what its locks have beside the state
holds() {
	state "$1"
	say "$1.slabs" "{\"bytes\":$(slabs)}"
}

# tell KEY COMMAND...: to who holds the locks; its answer
tell() {
	local key line
	key=$1
	shift
	echo "$*" >&3
	read -r line <&4 || line=
	case $line in
	"{"*) say "$key" "$line" ;;
	*) bail "$key: ${line:-no answer}" ;;
	esac
}

# The same number under other names, after all were given back: what is free costs nothing if
# that needs no more memory. Then the holder is killed: all are free again, and the node
# answers meanwhile.
locks() {
	local i began pid calls
	mkfifo /tmp/to /tmp/from
	nsenter --net=/run/netns/n1 -- bench-lock serve $CALLERS </tmp/to >/tmp/from 2>&1 &
	pid=$!
	exec 3>/tmp/to 4</tmp/from
	holds before
	tell make.few take $FEW
	holds few
	for i in 1 2 3; do
		tell few.$i cycle 20000
	done
	tell make.many take $((OBJECTS - FEW))
	holds many
	for i in 1 2 3; do
		tell many.$i cycle 20000
	done
	tell drop drop
	holds dropped
	tell make.again take "$OBJECTS"
	holds again
	began=$(_ms)
	kill -9 $pid
	calls=0
	until [ "$(status n1 locks_held)" = 0 ]; do
		on n1 consensusctl --timeout 5s inc alive >/dev/null || bail "no increment among the reaping"
		calls=$((calls + 1))
		[ $(($(_ms) - began)) -lt 600000 ] || bail "the locks of the dead are not released"
	done
	say killed "{\"ms\":$(($(_ms) - began)),\"calls\":$calls}"
	exec 3>&- 4>&-
	holds after
}

case $1 in
backups|copies)
	"$1"
	exit 0 ;;
esac
if [ "$KIND" = locks ]; then
	CALLERS=16
	# a lock that is held takes two objects of the replicated limit
	node_up() {
		sed -i "/^\[cluster\]/a objects-max = $((2 * OBJECTS + 65536))" $CONFIG
		on "$1" consensusctl up -c $CONFIG --node "$1"
	}
elif [ "$KIND" != counts ]; then
	DURABILITY=disk
	STORAGE_SIZE=$((RING_MIB * 4))M
	STORAGE_RING=${RING_MIB}M
	storage() { echo /dev/vda; }
	storage_format n1 >/tmp/format.log 2>&1 || bail "format: $(cat /tmp/format.log)"
fi
cluster_up 1
sleep 2
"$KIND"
cluster_down
say end
