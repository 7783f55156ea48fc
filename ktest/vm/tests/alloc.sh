# SPDX-License-Identifier: GPL-2.0
# For twenty seconds every allocation that cannot sleep fails where our module is on the stack:
# the leader stays, and afterwards all is as it was. Then every one in the whole system, for
# a moment.
#
# vm: --kernel debug --smp 2 --timeout 900 --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 80
#
# Elections take seconds here, so that none comes of itself.
SCALE=20
RATE=50
. /ktest/vm/lib.sh

FAULTS="/sys/kernel/debug/failslab /sys/kernel/debug/fail_page_alloc"
MANY=1000000000

# set_all FILE VALUE
set_all() { for dir in $FAULTS; do echo "$2" >"$dir/$1" || bail "$dir/$1"; done; }

# The module's text, from its base to the end of its memory.
module_range() {
	sed -n 's/^consensus \([0-9]*\) .* \(0x[0-9a-f]*\)\( .*\)*$/\1 \2/p' /proc/modules
}

# failures_begin: of allocations that cannot sleep, and only with our module on the stack
failures_begin() {
	# shellcheck disable=SC2046 # a list of words
	set -- $(module_range)
	[ $# = 2 ] || bail "cannot tell where the module is"
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
	set_all ignore-gfp-wait Y
	set_all task-filter N
	set_all verbose 0
	set_all interval 1
	set_all space 0
	set_all stacktrace-depth 32
	set_all require-start "$2"
	set_all require-end "$(printf '0x%x' $(($2 + $1)))"
	set_all times $MANY
	set_all probability 100
}

failures_end() { set_all probability 0; }

# How many allocations have failed since failures_begin.
failures() {
	local dir sum
	sum=0
	for dir in $FAULTS; do
		sum=$((sum + MANY - $(cat "$dir/times")))
	done
	echo $sum
}

cluster_up 3
progress n1
load_begin
term=$(status "$(leader)" term)
before=$(answers)
failures_begin
sleep "${FAIL_SECONDS:-20}"
failures_end
note "$(($(answers) - before)) answers meanwhile"
lost=$(failures)
check "allocations did fail: $lost" test "$lost" -ge 100
is "the leader stayed" "$(status "$(leader)" term)" "$term"
for node in $NODES; do
	check "$node is answered afterwards" within 20 progress "$node"
done

note "now every allocation that cannot sleep, of all the system, for five seconds"
set_all require-start 0
set_all require-end 0xffffffffffffffff
set_all stacktrace-depth 0
set_all times $MANY
set_all probability 100
sleep 5
failures_end
check "there is a leader again" wait_leader 60
check "and increments pass" within 20 progress n1
load_end "callers were answered" 50
check "all apply the same" same_state 60
finish
