# SPDX-License-Identifier: GPL-2.0
# Datagrams that must not be believed, while a cluster works: replayed, reflected, forged,
# cut, stretched, garbage, from strangers; and those recorded before a restart, hellos among
# them. Each is counted and dropped; nobody loses anything.
#
# vm: --kernel debug --smp 2 --timeout 900 --get /tmp/history.jsonl --get /tmp/first.jsonl
# judge: first.jsonl
# judge: history.jsonl
# expect: 170
#
# Elections take seconds here, so that none comes of itself.
SCALE=20
RATE=50
. /ktest/vm/lib.sh

# The sum of all that a node has dropped.
drops() {
	on "$1" consensusctl status --json | tr -d '\n ' |
		sed -n 's/.*"drops":{\([^}]*\)}.*/\1/p' | tr ',' '\n' |
		sed 's/.*://' | { s=0; while read -r n; do s=$((s + n)); done; echo $s; }
}

# dropped_since NODE BEFORE N: DROPPED is what it has dropped since, once that is N or 5 s are over
dropped_since() {
	local end
	end=$(($(_ms) + 5000))
	while DROPPED=$(($(drops "$1") - $2)); [ $DROPPED -lt "$3" ] && [ "$(_ms)" -lt $end ]; do
		sleep 0.1
	done
}

# torment FAMILY MODE...: each node in turn gets a second of it
torment() {
	local family mode node before sent dropped n
	family=$1
	shift
	for mode in "$@"; do
		sent=0
		dropped=0
		for node in $NODES; do
			before=$(drops "$node")
			ct-inject -i "v${node#n}" -m "$mode" -s 1 -r 300 >/tmp/inject.log || bail "ct-inject"
			n=$(sed -n 's/^# sent.* //p' /tmp/inject.log)
			dropped_since "$node" "$before" "$n"
			sent=$((sent + n))
			dropped=$((dropped + DROPPED))
		done
		check "IPv$family, $mode: $sent sent, $dropped dropped" test $((dropped * 10)) -ge $((sent * 9))
	done
}

for FAMILY in 6 4; do
	cluster_up 3
	load_begin -- -C ${FAMILY}000
	term=$(status "$(leader)" term)
	# What differs between the two is the way to the module, not what it does then.
	if [ "$FAMILY" = 6 ]; then
		torment 6 replay old flip truncate extend garbage reflect
	else
		torment 4 replay flip reflect
	fi
	is "IPv$FAMILY: the leader stayed" "$(status "$(leader)" term)" "$term"
	[ "$FAMILY" = 4 ] || {
		load_end "callers were answered over IPv6" 100
		check "all apply the same" same_state 60
		cluster_down
		mv $HISTORY /tmp/first.jsonl
	}
done
ct-inject -i v1 -m stranger -s 3 -r 200 || bail "ct-inject"
check "datagrams from a stranger's address change nothing" progress n1

note "recorded before a restart, sent after it"
ct-inject -i v3 -w /tmp/before -s 3 || bail "nothing to record"
on n3 consensusctl down
ct-inject -i v3 -w /tmp/hello -s 3
node_up n3 || bail "n3 does not come back"
within 60 progress n3 || bail "n3 is not taken in"
term=$(status "$(leader)" term)
before=$(drops n3)
ct-inject -i v3 -f /tmp/before -m old -s 5 -r 300 >/tmp/inject.log || bail "ct-inject"
sent=$(sed -n 's/^# sent.* //p' /tmp/inject.log)
hellos=$(sed -n 's/^# hellos //p' /tmp/inject.log)
dropped_since n3 "$before" $((sent - hellos))
dropped=$DROPPED
# A hello that asks for an answer may be a live one's: it gets one, and changes nothing.
check "of $sent from before the restart, $hellos hellos among them, $dropped are dropped" \
	test "$((dropped + hellos))" -ge "$sent"
check "and hellos are few" test "$((hellos * 10))" -le "$sent"
[ ! -s /tmp/hello ] || ct-inject -i v3 -f /tmp/hello -m old -s 3 -r 100
check "n3 is still in" progress n3
is "the leader stayed" "$(status "$(leader)" term)" "$term"

note "a node with another key, from a member's own address"
on n3 consensusctl down
new_key /etc/consensus/other.key
KEY=/etc/consensus/other.key write_config /tmp/other.conf n1 n2 n3
node_up n3 /tmp/other.conf || bail "n3 does not start with another key"
before=$(drops n1)
some_dropped() { [ "$(drops n1)" -gt "$before" ]; }
check "its datagrams are dropped" within 60 some_dropped
check "the others go on" progress n1
load_end "callers were answered" 100
finish
