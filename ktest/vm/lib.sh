# SPDX-License-Identifier: GPL-2.0
#
# Clusters in one VM, for scripts of ktest/vm/run:  . /ktest/vm/lib.sh
#
#	     namespace n1          namespace n2          namespace nN
#	  eth0 fd00::1 10.0.0.1     fd00::2 10.0.0.2      fd00::N 10.0.0.N
#	       |                     |                     |
#	       v1 ------------------ v2 ---- br0 --------- vN     (root namespace)
#
# Loss and delay are netem on each eth0, on the way out. A cut is an nft rule on the input
# of the one that shall not hear, so that the sender sees nothing of it.
#
#	cluster_up [N]        N nodes (3), their cluster made, a leader there
#	cluster_down          all nodes stopped, all namespaces gone
#	on NODE COMMAND...    in a node's namespace
#	leader                prints the name of the leader
#	wait_leader [S] [NOT] waits up to S seconds (60) for a leader (other than NOT) that a
#	                      majority follows; prints its name
#	followers             prints the others
#	partition A B         nothing passes between A and B; deafen A B: nothing from B reaches A
#	isolate NODE          nothing passes between NODE and all the others
#	heal                  undoes partition, deafen, isolate, loss and delay
#	unplug NODE, plug NODE   isolates it by one command, and undoes that
#	loss PERCENT, delay MS   for all nodes, together
#	status NODE KEY       a top-level value of consensusctl status --json
#
#	same_state [S]        waits until all nodes have applied the same; at no index may two
#	                      of them ever have had different hashes
#
#	joined NODE [S]       waits up to S seconds (120) until it is a member that has applied
#	                      what was committed when this was called
#	idle NODE [S]         within S seconds (60) it has no request under way
#	node_state NODE STATE    does it say so? (member, observer, failed, loading, ...)
#
#	no_locks [S]          within S seconds (60) nobody holds or awaits a lock anywhere
#	figure FILE KEY       what a program of the tests printed as "# KEY VALUE"
#	holder NODE NAME [ARGUMENT]...    ct-holder there, in the background: its pid is HOLDER,
#	                      its lines are in /tmp/holder.NODE
#	told NODE WORD [N]    words 2 and following of a holder's Nth line WORD (the first)
#
# Nodes keep everything in memory, or with DURABILITY=disk in a file each, STORAGE/NODE, which
# nodes_up prepares where there is none: STORAGE_SIZE (16M), STORAGE_RING ("": the default).
# storage_on DEVICE puts an ext4 there.
#
# TTL is that of the nodes' sessions, in ms (the default, 10 s).
#
# FAMILY=4 or 6 (default) chooses the addresses that nodes use. SCALE stretches the
# timers: 3, so that a VM on a busy host may stall for a while before its leader is given
# up; 10 on a kernel full of checks. TAP: check, is, refuses, pass, fail, skip;
# finish at the end, which prints the plan.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
FAMILY=${FAMILY:-6}
CONFIG=/etc/consensus/demo.conf
DURABILITY=${DURABILITY:-memory}
STORAGE=${STORAGE:-/mnt/storage}
STORAGE_SIZE=${STORAGE_SIZE:-16M}
STORAGE_RING=${STORAGE_RING:-}
NODES=

if [ -z "$SCALE" ]; then
	SCALE=3
	[ "$KTEST_KERNEL" != debug ] || SCALE=10
fi

# Between two looks at what is awaited, each of which runs programs.
PAUSE=0.1
[ "$KTEST_KERNEL" != debug ] || PAUSE=0.3

# busybox prefers its own applets of these names
mke2fs() { /sbin/mke2fs "$@"; }
fsfreeze() { /sbin/fsfreeze "$@"; }

. /ktest/vm/net.sh

note() { echo "# $*"; }

# ---- results ----

_run=0
_failed=0
_finished=

# result STATUS NAME
result() {
	_run=$((_run + 1))
	if [ "$1" = 0 ]; then
		echo "ok $_run - $2"
	else
		echo "not ok $_run - $2"
		_failed=$((_failed + 1))
	fi
	return 0
}

pass() { result 0 "$1"; }
fail() { result 1 "$1"; }

skip() {
	_run=$((_run + 1))
	echo "ok $_run - $1 # SKIP $2"
}

# check NAME COMMAND...: passes if the command does; says what it printed if not
check() {
	local name output status
	name=$1
	shift
	if output=$("$@" 2>&1); then
		pass "$name"
	else
		status=$?
		note "status $status from: $*"
		echo "$output" | sed 's/^/# /'
		fail "$name"
	fi
}

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		note "got '$2', wanted '$3'"
		fail "$1"
	fi
}

# refuses NAME PATTERN COMMAND...: the command must fail and say PATTERN (an extended regex)
refuses() {
	local name pattern output
	name=$1
	pattern=$2
	shift 2
	if output=$("$@" 2>&1); then
		note "succeeded: $*: $output"
		fail "$name"
	elif echo "$output" | grep -qiE -- "$pattern"; then
		pass "$name"
	else
		note "said '$output', not '$pattern'"
		fail "$name"
	fi
}

# The end of a script that tests: anything else is a failure.
finish() {
	_finished=1
	echo "1..$_run"
	[ "$_failed" = 0 ]
	exit
}

bail() {
	_finished=1
	dmesg | tail -n 20 | sed 's/^/# /'
	echo "Bail out! $*"
	exit 1
}

_on_exit() {
	local status=$?
	[ -n "$_finished" ] || [ $_run = 0 ] || { echo "Bail out! the script ended early"; exit 1; }
	exit $status
}
trap _on_exit EXIT

# within SECONDS COMMAND...: until it succeeds
within() {
	local end
	end=$(($(_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(_ms)" -lt "$end" ] || return 1
		sleep $PAUSE
	done
}

# Milliseconds since boot.
_ms() { read -r _up _ </proc/uptime; echo $((${_up%.*} * 1000 + 1${_up#*.}0 - 1000)); }

# ---- the cluster ----

insmod_consensus() {
	grep -q '^consensus ' /proc/modules || modprobe consensus || bail "consensus.ko does not load"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -c /dev/consensus ] && return
		sleep 0.1
	done
	bail "there is no /dev/consensus"
}

new_key() { (umask 077; { od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'; echo; } >"$1"); }

# write_config FILE NODE...: a configuration with these nodes
write_config() {
	local file node
	file=$1
	shift
	cat >"$file" <<-CONF
		[cluster]
		name = demo
		key-file = ${KEY:-/etc/consensus/demo.key}
		heartbeat-ms = $((30 * SCALE))
		election-min-ms = $((150 * SCALE))
		election-max-ms = $((300 * SCALE))
		log-entries = ${LOG_ENTRIES:-16384}
		durability = $DURABILITY
	CONF
	[ -z "$TTL" ] || echo "ttl = ${TTL}ms" >>"$file"
	for node in "$@"; do
		printf '[node %s]\naddress = %s\n' "$node" "$(endpoint "$node")" >>"$file"
		[ "$DURABILITY" != disk ] || echo "storage = $(storage "$node")" >>"$file"
	done
}

# storage NODE: where it keeps what it must not lose
storage() { echo "$STORAGE/$1"; }

# storage_on DEVICE: a fresh ext4 there, for the storages of all nodes
storage_on() {
	mkdir -p "$STORAGE"
	mke2fs -q -F -t ext4 "$1" && mount -t ext4 "$1" "$STORAGE" || bail "no file system on $1"
}

# storage_format NODE [OPTION]...: prepares its storage
storage_format() {
	local node
	node=$1
	shift
	consensusctl format "$(storage "$node")" --size "$STORAGE_SIZE" \
		${STORAGE_RING:+--ring "$STORAGE_RING"} "$@"
}

node_up() { on "$1" consensusctl up -c "${2:-$CONFIG}" --node "$1"; }

# nodes_up N: N nodes, configured and started, without a cluster
nodes_up() {
	local node
	insmod_consensus
	net_up "$1" || bail "no network of namespaces"
	mkdir -p /etc/consensus
	new_key /etc/consensus/demo.key
	# shellcheck disable=SC2086 # a list of words
	write_config $CONFIG $NODES
	for node in $NODES; do
		[ "$DURABILITY" != disk ] || [ -e "$(storage "$node")" ] ||
			storage_format "$node" >/tmp/format.log 2>&1 || bail "format: $(cat /tmp/format.log)"
		node_up "$node" || bail "$node does not start"
	done
}

# others NODE: all but it, with commas
others() {
	local list node
	list=
	for node in $NODES; do
		[ "$node" = "$1" ] || list=${list:+$list,}$node
	done
	echo "$list"
}

cluster_up() {
	nodes_up "${1:-3}"
	if [ "${1:-3}" = 1 ]; then
		on n1 consensusctl create || bail "create failed"
	else
		on n1 consensusctl create --with "$(others n1)" || bail "create failed"
	fi
	wait_leader 60 >/dev/null || bail "no leader: $(states)"
}

cluster_down() {
	local node
	for node in $NODES; do
		on "$node" consensusctl down 2>/dev/null
	done
	net_down
}

# A status costs little more than one program: it is asked often, on slow kernels.
status() {
	_look "$1"
	_field "$2"
	[ -n "$_value" ] && echo "$_value"
}

# _look NODE: what it says, for _field KEY, which sets _value: of the first such key, a word
_look() { _all=$(on "$1" consensusctl status --json 2>/dev/null); }

_field() {
	case $_all in
	*"\"$1\": "*) _value=${_all#*"\"$1\": "} ;;
	*) _value=; return ;;
	esac
	_value=${_value%%[,\}]*}
	_value=${_value#\"}
	_value=${_value%\"}
}

node_state() { [ "$(status "$1" state)" = "$2" ]; }

idle() { within "${2:-60}" _idle "$1"; }

_idle() { [ "$(status "$1" requests)" = 0 ]; }

# joined NODE [S]: within S seconds (120) it is a member, with all that is committed now
joined() {
	within "${2:-120}" _goal && within "${2:-120}" _has "$1" "$GOAL" || { states; false; }
}

_goal() { _await_best && GOAL=$(status "$_best" commit); }

_has() {
	_look "$1"
	_field state
	[ "$_value" = member ] || return
	_field applied
	[ "$_value" -ge "$2" ]
}

# One line on each node, for people.
states() {
	local s key
	for s in $NODES; do
		_look "$s"
		printf '%s:' "$s"
		for key in state role term leader commit applied; do
			_field $key
			printf ' %s %s' $key "${_value:--}"
		done
		echo
	done
}

# Asks all nodes once: _best is who leads the highest term, or nobody; _votes is how many of
# the _nodes say so.
_survey() {
	local l term said
	_best=
	_votes=0
	_nodes=0
	term=-1
	said=
	for l in $NODES; do
		_nodes=$((_nodes + 1))
		_look "$l"
		_field leader
		said="$said $_value"
		_field role
		[ "$_value" = leader ] || continue
		_field term
		[ "$_value" -le $term ] || { _best=$l; term=$_value; }
	done
	for l in $said; do
		[ "$l" != "$_best" ] || _votes=$((_votes + 1))
	done
}

# Between two leaders there is none: who asks then waits for the next one, for SCALE seconds.
leader() { _await_best && echo "$_best"; }

_await_best() {
	local end
	end=$(($(_ms) + 1000 * SCALE))
	while _survey; [ -z "$_best" ]; do
		[ "$(_ms)" -lt "$end" ] || return 1
		sleep $PAUSE
	done
}

followers() {
	local f
	_await_best || return
	for f in $NODES; do
		[ "$f" = "$_best" ] || echo "$f"
	done
}

wait_leader() {
	local until
	until=$(($(_ms) + ${1:-60} * 1000))
	while [ "$(_ms)" -lt "$until" ]; do
		_survey
		if [ -n "$_best" ] && [ "$_best" != "$2" ] && [ $((_votes * 2)) -gt $_nodes ]; then
			echo "$_best"
			return 0
		fi
		sleep $PAUSE
	done
	return 1
}

# inc NODE NAME [N]: the new value
inc() { on "$1" consensusctl inc "$2" ${3:+--by "$3"}; }

# same_state [S]: all nodes have applied the same, with equal hashes, within S seconds; and
# whatever they have said before of one index, they have said with one hash
same_state() {
	: >$SAID
	within "${1:-60}" _agree || { _diverged || echo "they do not come to the same index"; states; false; }
}

SAID=/tmp/said

# One round of questions: "INDEX HASH" of each node is noted; true if all have said the same.
_agree() {
	local first this e all
	first=
	all=0
	for e in $NODES; do
		this=$(_index_and_hash "$e")
		[ -n "$this" ] || return 1
		echo "$this" >>$SAID
		first=${first:-$this}
		[ "$this" = "$first" ] || all=1
	done
	! _diverged && [ $all = 0 ]
}

_index_and_hash() {
	local index
	_look "$1"
	_field applied
	index=$_value
	_field state_hash
	[ -z "$_value" ] || echo "$index $_value"
}

# True, and says so, if one index was said with two hashes.
_diverged() {
	sort -u $SAID | cut -d ' ' -f 1 | uniq -d | grep . && echo "are indexes with different states"
}

# ---- locks ----

figure() { sed -n "s/^# $2 //p" "$1" | head -n 1; }

no_locks() { within "${1:-60}" _no_locks || { on "$(leader)" consensusctl locks; false; }; }

_no_locks() {
	local node key
	for node in $NODES; do
		_look "$node"
		for key in locks_held locks_waiting dying; do
			_field $key
			[ "$_value" = 0 ] || return 1
		done
	done
}

holder() {
	local node name
	node=$1
	name=$2
	shift 2
	ct-holder -g "/run/netns/$node" "$@" "$name" >"/tmp/holder.$node" 2>&1 &
	HOLDER=$!
}

told() { sed -n "s/^$2 //p" "/tmp/holder.$1" | sed -n "${3:-1}p" | grep .; }

# ---- load, recorded ----

# RATE: operations a second of all callers together. Each costs every node's CPU time, and
# what tests do to a cluster lasts for seconds: at 50 a second, which the debug kernel
# has room for, thousands are under way in each history.
HISTORY=/tmp/history.jsonl
RATE=${RATE:-$((500 / SCALE))}

# load_begin [NODE]... [-- ARGUMENT...]: callers on these nodes (all), recorded from now on
load_begin() {
	local groups
	groups=
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		groups="$groups -g /run/netns/$1"
		shift
	done
	[ $# = 0 ] || shift
	[ -n "$groups" ] || groups=$(for node in $NODES; do echo "-g /run/netns/$node"; done)
	# shellcheck disable=SC2086 # a list of words
	ct-history -o $HISTORY -s 3600 -t 2 -n ct -n load -r "$RATE" -T $((2000 * SCALE)) \
		$groups "$@" >/tmp/load.log 2>&1 &
	LOAD=$!
	within 60 answered 1 || bail "no load: $(cat /tmp/load.log)"
}

# answers: how many operations were answered; answered N: that many were
answers() { grep -c '"status":"ok"' $HISTORY; }
answered() { [ "$(answers)" -ge "$1" ]; }

# load_end NAME MIN: the callers end in order, and MIN operations were answered
load_end() {
	local status ok
	kill -TERM $LOAD
	wait $LOAD
	status=$?
	sed 's/^#* */# /' /tmp/load.log
	ok=$(answers)
	if [ $status != 0 ] || [ "$ok" -lt "$2" ]; then
		note "callers ended with $status; $ok answers, wanted $2"
		fail "$1"
	else
		pass "$1 ($ok answers)"
	fi
}

# progress NODE: an increment by that node is acknowledged
progress() { on "$1" consensusctl --timeout "$((5 * SCALE))s" inc progress >/dev/null; }
