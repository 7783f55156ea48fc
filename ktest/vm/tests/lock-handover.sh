# SPDX-License-Identifier: GPL-2.0
# How soon the next one has the lock of a process that was killed, by instructions: within
# two increments of its exit, by one entry of the log (design 13).
#
# vm: --kernel release --icount --timeout 300
# expect: 40
. /ktest/vm/lib.sh

# handover HOLDER WAITER WORDS
handover() {
	if ! ct-handover -n "${ROUNDS:-20}" "/run/netns/$1" "/run/netns/$2" handover >/tmp/log 2>&1; then
		sed 's/^#* */# /' /tmp/log
		fail "$3"
		return
	fi
	note "$3: $(figure /tmp/log handover_ns) instructions, of an increment:" \
		"$(figure /tmp/log hundredths) %"
	check "$3: within two increments" test "$(figure /tmp/log hundredths)" -le 200
	is "$3: death and grant are one entry" "$(figure /tmp/log entries_max)" 1
	is "$3: the next one is told of the death" "$(figure /tmp/log without_died)" 0
}

cluster_up 3
lead=$(leader)
set -- $(followers)
handover "$lead" "$lead" "on the leader"
handover "$lead" "$1" "from the leader to a follower"
handover "$1" "$lead" "from a follower to the leader"
handover "$1" "$2" "from a follower to the other one"
finish
