#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# What ktest/bench/run has done in a VM: floor and module, in one boot, over the same links.
#
#	KIND=counts		one vCPU under -icount: a ns is an instruction
#	KIND=ratios		two vCPUs, by the clock
#	KIND=disk		two vCPUs, by the clock: memory against disk, six disks
#	KIND=profile		PROFILE, a command of one of the bench's programs
#	SIZES="3 5 7"		clusters to measure
#	FLOOR_ONLY=1		leaves the module out
#
# Prints lines "bench KEY JSON", and "bench end" if all of it went well. Every two nodes have
# a veth pair of their own: nothing (no bridge, no filter) passes a datagram twice.
. /root/bench.env
. /ktest/vm/lib.sh

say() { echo "bench $*"; }

# Every command that measures says what was wrong, if anything; then there is no number.
must() {
	local key out
	key=$1
	shift
	out=$("$@") || bail "$key: $out"
	say "$key" "$out"
}

# lib.sh plugs nodes into a bridge; here they form a mesh, addresses on lo
net_up() {
	local i j
	modprobe veth
	NODES=
	for i in $(seq 1 "$1"); do
		ip netns add "n$i" && ip -n "n$i" link set lo up || return
		ip -n "n$i" addr add "fd00::$i/128" dev lo nodad
		ip -n "n$i" addr add "10.0.0.$i/32" dev lo
		NODES="$NODES n$i"
	done
	for i in $(seq 1 "$1"); do
		for j in $(seq $((i + 1)) "$1"); do
			ip link add "v$j" netns "n$i" type veth peer name "v$i" netns "n$j" || return
			_link "$i" "$j"
			_link "$j" "$i"
		done
	done
	for i in $(seq 1 "$1"); do
		for j in $(seq 1 "$1"); do
			[ "$i" = "$j" ] || _route "$i" "$j" || return
		done
	done
}

_link() {
	ip -n "n$1" addr add "fe80::$1$2/64" dev "v$2" nodad
	ip -n "n$1" link set "v$2" up
}

_route() {
	ip -n "n$1" -6 route add "fd00::$2" via "fe80::$2$1" dev "v$2" src "fd00::$1" &&
		ip -n "n$1" route add "10.0.0.$2" dev "v$2" src "10.0.0.$1"
}

net_down() {
	local node
	for node in $NODES; do
		ip netns del "$node" 2>/dev/null
	done
	NODES=
}

floor_up() {
	local i all
	all=
	for i in $(seq 1 "$1"); do
		all="$all $(address "n$i")"
	done
	for i in $(seq 1 "$1"); do
		# shellcheck disable=SC2086 # a list of words
		on "n$i" bench-floor setup $((i - 1)) "$REQUEST_BODY" "$ACK_BODY" 7900 $all ||
			bail "floor on n$i"
	done
}

# Datagrams and bytes that all nodes have put on their links so far.
traffic() {
	local node
	for node in $NODES; do
		on "$node" cat /proc/net/dev
	done | awk '$1 ~ /^v[0-9]+:/ { sub(/^[^:]*:/, ""); bytes += $9; n += $10 }
		    END { printf "{\"datagrams\":%d,\"bytes\":%d}\n", n, bytes }'
}

# counted KEY COMMAND...: what it prints, with the traffic before and after
counted() {
	local key
	key=$1
	shift
	say "$key.before" "$(traffic)"
	must "$key" "$@"
	say "$key.after" "$(traffic)"
}

# Where nothing runs but the cluster itself: heartbeats, for a second.
idle() {
	say "idle$1.before" "$(traffic)"
	sleep 1
	say "idle$1.after" "$(traffic)"
}

# Steadies what a fresh boot still does: neighbours, caches, deferred work.
settle() { sleep 2; }

# slow DELAY: what every link takes from now on; slow 0: nothing again
slow() {
	local node link
	modprobe sch_netem
	for node in $NODES; do
		for link in $(on "$node" cat /proc/net/dev | sed -n 's/^ *\(v[0-9]*\):.*/\1/p'); do
			if [ "$1" = 0 ]; then
				tc -n "$node" qdisc del dev "$link" root
			else
				tc -n "$node" qdisc add dev "$link" root netem limit 10000 delay "$1"
			fi || bail "no netem"
		done
	done
}

# One size under -icount: single caller, then 64. On one CPU and links without delay a call
# is over before the next thread runs, so that 64 callers have one call outstanding; with a
# delay as between machines they have 64.
counts() {
	local lead i
	lead=$2
	for i in 1 2 3; do
		must "floor$1.$i" on "$lead" bench-floor run 30 100
		[ -n "$FLOOR_ONLY" ] || counted "inc$1.$i" on "$lead" bench-inc add 30 400 c1
		[ -n "$FLOOR_ONLY" ] || must "read$1.$i" on "$lead" bench-inc read 30 100 c1
	done
	[ -z "$FLOOR_ONLY" ] && [ "$1" = 3 ] || return 0
	for i in 1 2 3; do
		counted "shared$1.$i" on "$lead" bench-inc shared 64 100 "s$i"
		must "private$1.$i" on "$lead" bench-inc private 64 100 "p$i"
	done
	slow 200us
	for i in 1 2 3; do
		counted "slow$1.$i" on "$lead" bench-inc shared 64 100 "d$i"
	done
	slow 0
	locks "$@"
}

# Locks, each time right behind increments: a ratio of what was measured together. The node
# renews its lease meanwhile, as it always does: every 2.5 s, one datagram each way.
locks() {
	local i
	for i in 1 2 3; do
		must "near$1.$i" on "$2" bench-inc add 30 400 c1
		counted "lock$1.$i" on "$2" bench-lock cycle 30 200 "l$i"
		must "death$1.$i" on "$2" bench-lock death 100 "e$i"
	done
}

# Pairs by the clock, floor and module in turn.
ratios() {
	local lead i
	lead=$2
	for i in $(seq 1 "$PAIRS"); do
		must "floor$1.$i" on "$lead" bench-floor run 5 400
		[ -n "$FLOOR_ONLY" ] || must "inc$1.$i" on "$lead" bench-inc add 5 400 c1
		[ -n "$FLOOR_ONLY" ] || must "read$1.$i" on "$lead" bench-inc read 5 400 c1
	done
	[ -z "$FLOOR_ONLY" ] || return 0
	for i in 1 2 3 4 5 6 7; do
		must "shared$1.$i" on "$lead" bench-inc shared 64 100 "s$i"
		must "private$1.$i" on "$lead" bench-inc private 64 100 "p$i"
	done
}

# Write groups of the leader so far.
groups() { say "$1" "{\"groups\":$(on "$2" consensusctl status --json | sed -n 's/.*"wal_groups": *\([0-9]*\).*/\1/p' | head -n 1)}"; }

# together KEY: three durable writes at a time, on three disks, as the nodes of a cluster in
# one machine have them
together() {
	bench-flush /dev/vde 400 >/dev/null &
	bench-flush /dev/vdf 400 >/dev/null &
	must "$1" bench-flush /dev/vdd 400
	wait
}

# The same cluster in memory, then on a disk for each node; three more disks tell what durable
# writes take by themselves.
disk() {
	local lead i
	lead=$2
	for i in $(seq 1 "$PAIRS"); do
		must "memory$1.$i" on "$lead" bench-inc add 5 200 c1
	done
	cluster_down
	DURABILITY=disk
	for i in 1 2 3; do
		storage_format "n$i" --force >/dev/null 2>&1 || bail "no storage on $(storage "n$i")"
	done
	cluster_up "$1"
	lead=$(leader)
	settle
	for i in $(seq 1 "$PAIRS"); do
		must "flush$1.$i" bench-flush /dev/vdd 400
		together "together$1.$i"
		must "disk$1.$i" on "$lead" bench-inc add 5 200 c1
	done
	for i in 1 2 3; do
		groups "many$1.$i.before" "$lead"
		must "many$1.$i" on "$lead" bench-inc shared 64 200 "m$i"
		groups "many$1.$i.after" "$lead"
	done
	[ "$(leader)" = "$lead" ] || bail "the leader changed: $(states)"
	cluster_down
}

if [ "$KIND" = disk ]; then
	STORAGE_SIZE=64M
	# a disk each: n1 has vda
	storage() { echo "$1" | sed 's|^n1|/dev/vda|; s|^n2|/dev/vdb|; s|^n3|/dev/vdc|'; }
	cluster_up 3
	settle
	disk 3 "$(leader)"
	say end
	exit 0
fi

# shellcheck disable=SC2086 # a command and its arguments
profile() { must "profile$1.1" on "$2" $PROFILE; }

modprobe floor || bail "floor.ko does not load"
for size in $SIZES; do
	if [ -n "$FLOOR_ONLY" ]; then
		net_up "$size" || bail "no network"
		lead=n1
	else
		cluster_up "$size"
		lead=$(leader)
	fi
	floor_up "$size"
	settle
	[ -n "$FLOOR_ONLY" ] || idle "$size"
	"$KIND" "$size" "$lead"
	# a change of leader in between would have been measured with the rest
	[ -n "$FLOOR_ONLY" ] || [ "$(leader)" = "$lead" ] || bail "the leader changed: $(states)"
	must "status$size" on "$lead" bench-floor status
	cluster_down
done
say end
