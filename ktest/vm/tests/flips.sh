#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# One byte after the other is spoilt in the storage of a node that is down. The node, cut off
# from the others, then
#	refuses to start, and says what is damaged: with the byte put right it starts; or
#	knows of its own that its log may be shorter than it was, and says so (doubt); or
#	has all of its log.
# Joined with the others again it has what they have. SEED and FLIPS (100; `make soak`: 1000)
# may be given.
#
# vm: --kernel release --smp 2 --timeout 900 --disk 128M
# expect: 110
DURABILITY=disk
STORAGE_SIZE=8M
STORAGE_RING=1M
LOG_ENTRIES=1024
. /ktest/vm/lib.sh

SEED=${SEED:-$(($(od -An -N3 -tu4 /dev/urandom)))}
FLIPS=${FLIPS:-100}
RANDOM=$SEED
RING=8192
AREA=$((RING + 1048576))
END=$((8 * 1048576))

# As lib.sh's, for bash, which is slow with those patterns.
_field() { _value=; [[ $_all =~ "\"$1\": "\"?([^,\"}]*) ]] && _value=${BASH_REMATCH[1]}; }

# random N: 0 to N-1; sets REPLY
random() { REPLY=$(((RANDOM << 15 | RANDOM) % $1)); }

# somewhere KIND: a byte of the storage; sets AT
somewhere() {
	case $1 in
	superblock)	random 8192; AT=$REPLY ;;
	ring)		random 1048576; AT=$((RING + REPLY)) ;;
	area)		random $((END - AREA)); AT=$((AREA + REPLY)) ;;
	stored)		random 4096; AT=$((AREA + REPLY + (RANDOM % 2) * ((END - AREA) / 2))) ;;
	esac
}

# spoil FILE AT MASK
spoil() {
	local byte
	byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1)
	# shellcheck disable=SC2059 # the byte as an escape
	printf "\\$(printf %o $((byte ^ $3)))" | dd of="$1" bs=1 seek="$2" conv=notrunc,fsync 2>/dev/null
}

soon() { local i; for i in {1..200}; do "$@" && return; sleep 0.05; done; return 1; }

with_the_others() {
	_look "$1"
	_field state
	[ "$_value" = member ] && _field applied && [ "$_value" -ge "$COMMIT" ] &&
		_field doubt && [ "$_value" = none ]
}

# flip NODE KIND: what came of it in OUTCOME; false if it is not as it must be
flip() {
	local node=$1 kind=$2 file last mask
	file=$(storage "$node")
	last=${durable[$node]}
	on "$node" consensusctl down || { OUTCOME="does not go down"; return 1; }
	somewhere "$kind"
	mask=$((1 << RANDOM % 8))
	spoil "$file" $AT $mask
	ip link set "v${node#n}" nomaster
	node_up "$node" >/tmp/up.log 2>&1
	_look "$node"
	_field state
	[ -n "$_value" ] || { OUTCOME="does not start: $(cat /tmp/up.log)"; return 1; }
	if [ "$_value" = failed ]; then
		_field failed
		OUTCOME=refused
		REASON=$_value
		on "$node" consensusctl down
		spoil "$file" $AT $mask
		node_up "$node" >/tmp/up.log 2>&1 ||
			{ OUTCOME="put right, does not start: $(cat /tmp/up.log)"; return 1; }
		[[ $REASON == *damaged* ]] || { OUTCOME="refused without a reason: '$REASON'"; return 1; }
	else
		OUTCOME=harmless
		_field doubt
		DOUBT=$_value
		[ "$DOUBT" = none ] || OUTCOME="doubted: $DOUBT"
	fi
	if [[ $OUTCOME != doubt* ]]; then
		[ $OUTCOME = harmless ] || _look "$node"
		_field last
		[ "$_value" -ge "$last" ] ||
			{ OUTCOME="ends at $_value, ended at $last, and does not know"; return 1; }
	fi
	ip link set "v${node#n}" master br0
	_all=$(on "$LEAD" consensusctl inc flips --json) || { OUTCOME="no increment"; return 1; }
	VALUE=$((VALUE + 1))
	_field index
	COMMIT=$_value
	soon with_the_others "$node" || { OUTCOME="$OUTCOME, does not catch up: $(states)"; return 1; }
	_field durable
	durable[$node]=$_value
	[ "$(on "$node" consensusctl get flips --consistency local)" = $VALUE ] ||
		{ OUTCOME="$OUTCOME, has another value"; return 1; }
}

storage_on /dev/vda
cluster_up 3
note "seed $SEED"
# a few laps of the ring, so that all of it was used and a snapshot was stored
on n1 bench-inc shared 16 2000 fill >/tmp/fill.log || bail "$(cat /tmp/fill.log)"
LEAD=$(leader)
set -- $(followers)
VALUE=0
bad=0
declare -A count
declare -A durable=(["$1"]=$(status "$1" durable) ["$2"]=$(status "$2" durable))
for ((turn = 0; turn < FLIPS; turn++)); do
	kinds=(superblock superblock ring ring ring ring ring ring area stored)
	kind=${kinds[turn % 10]}
	node=$1
	[ $((turn / 10 % 2)) = 0 ] || node=$2
	flip "$node" $kind || { bad=$((bad + 1)); note "flip $turn, $node, $kind, byte $AT: $OUTCOME"; }
	count["$kind ${OUTCOME%%[:,]*}"]=$((count["$kind ${OUTCOME%%[:,]*}"] + 1))
	[ $bad -lt 3 ] || break
done
for kind in "${!count[@]}"; do
	note "$kind: ${count[$kind]}"
done
is "$FLIPS bytes were spoilt; nothing was lost, or lost unnoticed" $bad 0
is "and all were tried" "$turn" "$FLIPS"
check "some were noticed" test $((count[ring refused] + 0)) -gt 0
check "all apply the same" same_state 60
is "the counter counts" "$(on n1 consensusctl get flips)" "$VALUE"
finish
