# SPDX-License-Identifier: GPL-2.0
# The bench's floor on the kernel full of checks: rounds over IPv4 and IPv6, callers at once,
# namespaces that go while rounds are under way, unloading.
#
# vm: --kernel debug --smp 2 --timeout 300
# expect: 30
. /ktest/vm/lib.sh

floor_up() {
	local i all
	all=
	for i in 1 2 3; do
		all="$all $(address n$i)"
	done
	for i in 1 2 3; do
		# shellcheck disable=SC2086 # a list of words
		on n$i bench-floor setup $((i - 1)) 96 32 7900 $all || return
	done
}

# all three ask for rounds at once; each of them must get all of its own
at_once() {
	local pids p
	pids=
	for i in 1 2 3; do
		on n$i bench-floor run 2 40 >/dev/null &
		pids="$pids $!"
	done
	for p in $pids; do
		wait "$p" || return
	done
}

clean() { on n1 bench-floor status | grep -q '"sent":\([0-9]*\),"received":\1,"refused":0'; }

for FAMILY in 6 4; do
	modprobe floor || bail "floor.ko does not load"
	net_up 3 || bail "no network"
	check "IPv$FAMILY: three nodes of the floor start" floor_up
	check "IPv$FAMILY: quorum rounds" on n1 bench-floor run 3 60
	check "IPv$FAMILY: three callers at once" at_once
	check "IPv$FAMILY: as many datagrams came as went, none refused" within 20 clean
	refuses "IPv$FAMILY: a second start" "busy" on n1 bench-floor setup 0 96 32 7900 fd00::1 fd00::2
	on n1 bench-floor run 1000 100 >/dev/null 2>&1 &
	caller=$!
	sleep 0.5
	net_down
	wait $caller
	is "IPv$FAMILY: namespaces go under load, and the caller's round ends" $? 1
	check "IPv$FAMILY: and the module can be unloaded" within 20 rmmod floor
done
finish
