#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0
#
# What ktest/bench/run has done in a VM: floor and module, in one boot, over the same links.
#
#	KIND=counts		one vCPU under -icount: a ns is an instruction
#	KIND=many		the part of it with many outstanding
#	KIND=ratios		two vCPUs, by the clock
#	KIND=disk		two vCPUs, by the clock: memory against disk, six disks
#	KIND=failover		one vCPU under -icount: leaders fall silent, KILLS times
#	KIND=profile		PROFILE, a command of one of the bench's programs; FAR, what links take
#	SIZES="3 5 7"		clusters to measure
#	FLOOR_ONLY=1		leaves the module out
#	WAYS="..."		how many operations at a time are brought about: see bench-many
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
	out=$("$@" 2>&1) || bail "$key: $out"
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

# Where nothing runs but the cluster itself: so many seconds of it.
idle() {
	counted "idle$1.1" bench-many idle 20000
	say "idle$1" "{\"heartbeat_ms\":$((30 * SCALE))}"
}

# Steadies what a fresh boot still does: neighbours, caches, deferred work.
settle() { sleep 2; }

# slow DELAY [loss PERCENT]: what every link takes from now on; slow 0: nothing again
slow() {
	local node link
	modprobe sch_netem
	for node in $NODES; do
		for link in $(on "$node" cat /proc/net/dev | sed -n 's/^ *\(v[0-9]*\):.*/\1/p'); do
			if [ "$1" = 0 ]; then
				tc -n "$node" qdisc del dev "$link" root
			else
				tc -n "$node" qdisc add dev "$link" root netem limit 10000 delay "$@"
			fi || bail "no netem"
		done
	done
}

# One size under -icount: single caller, then many.
counts() {
	local lead i
	lead=$2
	for i in 1 2 3; do
		must "floor$1.$i" on "$lead" bench-floor run 20 100
		[ -n "$FLOOR_ONLY" ] || counted "inc$1.$i" on "$lead" bench-inc add 15 400 c1
		[ -n "$FLOOR_ONLY" ] || must "read$1.$i" on "$lead" bench-inc read 30 100 c1
	done
	[ "$1" = 3 ] || return 0
	noops
	[ -z "$FLOOR_ONLY" ] || return 0
	crowds "$lead"
	locks "$@"
	losses "$lead"
}

# Only what many outstanding cost, to try things out.
many() {
	local i
	for i in 1 2 3; do
		must "floor$1.$i" on "$2" bench-floor run 30 100
	done
	noops
	crowds "$2"
}

# Many outstanding, without a delay and with one.
crowds() {
	outstanding near "$1"
	shared near "$1"
	slow 200us
	outstanding far "$1"
	shared far "$1"
	slow 0
}

# How many outstanding, and how often each, so that every measurement takes as long.
MANY="1:2000 16:300 64:100 256:25 1024:6"

# What io_uring takes by itself, asynchronously.
noops() {
	local n
	modprobe floor_noop || bail "floor_noop.ko does not load"
	for n in $MANY; do
		for i in 1 2 3; do
			must "noop${n%:*}.$i" bench-many noop "${n%:*}" "${n#*:}"
		done
	done
}

# outstanding LINKS NODE: on one counter, by every way. On one CPU and links without delay
# a call by ioctl is over before the next thread runs, so that threads have one outstanding,
# however many they are; with a delay as between machines they have all.
outstanding() {
	local n way i
	for n in $MANY; do
		for way in $WAYS; do
			for i in 1 2; do
				counted "$1-$way${n%:*}.$i" on "$2" bench-many "$way" "${n%:*}" "${n#*:}" \
					"$1-$way${n%:*}-$i"
			done
		done
	done
}

# shared LINKS NODE: 64 outstanding on one counter, and on one each, in turn
shared() {
	local way i
	for way in $WAYS; do
		for i in 1 2 3; do
			must "$1-shared-$way.$i" on "$2" bench-many "$way" 64 100 "s$1-$way-$i"
			must "$1-private-$way.$i" on "$2" bench-many "$way" 64 100 "p$1-$way-$i" private
		done
	done
}

# losses NODE: 64 outstanding, all links of 0.2 ms losing nothing, 1 % or 10 % each way
losses() {
	local percent i way often
	for way in $WAYS; do
		case $way in
		array) continue ;;
		uring) often=200 ;;
		*) often=60 ;;
		esac
		for percent in 0 1 10; do
			slow 200us loss "$percent%"
			for i in 1 2 3; do
				counted "loss$percent-$way.$i" on "$1" bench-many "$way" 64 "$often" "loss$percent-$way-$i"
			done
			slow 0
		done
	done
}

# Locks, each time right behind increments: a ratio of what was measured together. The node
# renews its lease meanwhile, as it always does: every 2.5 s, one datagram each way.
locks() {
	local i
	for i in 1 2 3; do
		must "near$1.$i" on "$2" bench-inc add 15 400 c1
		counted "lock$1.$i" on "$2" bench-lock cycle 30 200 "l$i"
		must "death$1.$i" on "$2" bench-lock death 100 "e$i"
	done
}

# Pairs by the clock, floor and module in turn.
ratios() {
	local lead i way
	lead=$2
	for i in $(seq 1 "$PAIRS"); do
		must "floor$1.$i" on "$lead" bench-floor run 5 400
		[ -n "$FLOOR_ONLY" ] || must "inc$1.$i" on "$lead" bench-inc add 5 400 c1
		[ -n "$FLOOR_ONLY" ] || must "read$1.$i" on "$lead" bench-inc read 5 400 c1
	done
	[ -z "$FLOOR_ONLY" ] || return 0
	modprobe floor_noop || bail "floor_noop.ko does not load"
	for i in $(seq 1 "$PAIRS"); do
		must "noop64.$i" bench-many noop 64 100
		for way in $WAYS; do
			must "near-${way}64.$i" on "$lead" bench-many "$way" 64 100 "s-$way-$i"
			must "near-private-$way.$i" on "$lead" bench-many "$way" 64 100 "p-$way-$i" private
		done
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
	local lead i way
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
	for way in $WAYS; do
		for i in 1 2 3; do
			groups "many-$way.$i.before" "$lead"
			must "many-$way.$i" on "$lead" bench-many "$way" 64 200 "m-$way-$i"
			groups "many-$way.$i.after" "$lead"
		done
	done
	[ "$(leader)" = "$lead" ] || bail "the leader changed: $(states)"
	cluster_down
}

# silence NODE: nothing goes in or out any more, from one moment on; nobody sees a link go down
silence() {
	on "$1" /usr/sbin/nft -f - <<-RULES || bail "$1 is not cut off"
		table inet cut {
			chain in { type filter hook input priority 0; policy drop; }
			chain out { type filter hook output priority 0; policy drop; }
		}
	RULES
}

mend() { on "$1" /usr/sbin/nft delete table inet cut || bail "$1 is not back"; }

# callers PERIOD NODE...: one on each from now on (see bench-gap); ask N: what the Nth says
callers() {
	local period
	period=$1
	shift
	[ -p /tmp/to ] || mkfifo /tmp/to /tmp/from
	bench-gap "$period" gap "$@" </tmp/to >/tmp/from 2>&1 &
	exec 3>/tmp/to 4</tmp/from
}

callers_end() {
	exec 3>&- 4<&-
	wait
}

ask() {
	local line
	echo "$*" >&3
	read -r line <&4 || line=
	case $line in
	"{"*) echo "$line" ;;
	*) bail "callers: ${line:-no answer}" ;;
	esac
}

# settled NODE: there is a leader, and that node has applied what the others have
settled() {
	wait_leader 60 >/dev/null || bail "no leader: $(states)"
	joined "$1" || bail "$1 does not come back: $(states)"
}

# one_of_others NODE: the number of a node that goes on without it
one_of_others() { others "$1" | tr , '\n' | sed -n 's/^n//;1p'; }

# Leaders fall silent, under a caller on each node; one on a node that goes on tells how
# long it had no answer.
failover() {
	local i lead at
	# shellcheck disable=SC2086 # a list of words
	callers 5000 $NODES
	lead=n1
	for i in $(seq 1 "$KILLS"); do
		settled "$lead"
		lead=$(leader)
		at=$(one_of_others "$lead")
		ask "$at" >/dev/null
		silence "$lead"
		say "silent.$i" "$(ask "$at")"
		mend "$lead"
	done
	callers_end
	say election "{\"min_ns\":$((150 * SCALE * 1000000))}"
}

# Leaders go down by themselves, under callers on the nodes that stay. In memory mode that
# costs a vote, so each time it is a new cluster.
announced() {
	local i lead
	for i in $(seq "$KILLS"); do
		cluster_up 3
		settle
		lead=$(leader)
		callers 50 $(followers)
		ask 1 >/dev/null
		on "$lead" consensusctl down || bail "$lead does not go down"
		say "announced.$i" "$(ask 1)"
		callers_end
		cluster_down
	done
}

if [ "$KIND" = failover ]; then
	SCALE=1
	modprobe nf_tables
	KILLS=$((KILLS / 10)) announced
	cluster_up 3
	settle
	failover
	say end
	exit 0
fi

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

profile() {
	modprobe floor_noop || bail "floor_noop.ko does not load"
	[ -z "$FAR" ] || slow "$FAR"
	# shellcheck disable=SC2086 # a command and its arguments
	must "profile$1.1" on "$2" $PROFILE
	[ -z "$FAR" ] || slow 0
}

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
