# SPDX-License-Identifier: GPL-2.0
# Partitions under load, whole and one-way, by nft and by tc: a minority never answers as
# if it were current, and the cluster comes back.
#
# vm: --kernel debug --smp 2 --timeout 900 --get /tmp/history.jsonl
# judge: history.jsonl
# expect: 120
. /ktest/vm/lib.sh

# a short deadline, stretched
short() { on "$1" consensusctl --timeout "$((1 * SCALE))s" "$2" mine; }

not_leading() { [ "$(status "$1" role)" != leader ]; }

# deaf_leader, mute_leader: the one-way partitions of a leader
deaf_leader() { for node in $(others "$1" | tr , ' '); do deafen "$1" "$node"; done; }
mute_leader() { for node in $(others "$1" | tr , ' '); do deafen "$node" "$1"; done; }

cluster_up 3
on n1 consensusctl inc mine --by 100 >/dev/null
load_begin

old=$(leader)
isolate "$old"
check "the majority elects another" wait_leader 120 "$old"
check "the old leader steps down by itself" within 60 not_leading "$old"
refuses "it does not read for sure" 'quorum|leader|timed out' short "$old" get
refuses "it does not increment" 'quorum|leader|timed out|unknown' short "$old" inc
check "a local read says what it knows" on "$old" consensusctl get mine --consistency local
check "the majority goes on" progress "$(leader)"
heal
check "after healing there is one leader" wait_leader 120
check "and the minority is answered again" within 60 progress "$old"

old=$(leader)
deaf_leader "$old"
check "a leader that hears nobody gives up" within 120 not_leading "$old"
check "and another leads" wait_leader 120 "$old"
heal
check "after healing there is one leader" wait_leader 120

old=$(leader)
mute_leader "$old"
check "a leader that nobody hears is replaced" wait_leader 120 "$old"
heal
check "after healing there is one leader" wait_leader 120

set -- $(followers)
term=$(status "$(leader)" term)
partition "$1" "$2"
sleep "$SCALE"
is "followers that do not hear each other need no election" "$(status "$(leader)" term)" "$term"
heal

# a follower that does not hear the leader may not push the others from term to term
lead=$(leader)
set -- $(followers)
deafen "$1" "$lead"
sleep $((2 * SCALE))
now=$(status "$(leader)" term)
check "a half-deaf follower forces at most two elections" test "$now" -le $((term + 2))
check "and nobody stops working" progress "$(leader)"
heal
check "there is one leader" wait_leader 120

old=$(leader)
tc -n "$old" qdisc replace dev eth0 root netem loss 100%
check "with all its datagrams lost by tc a leader is replaced" wait_leader 120 "$old"
heal
load_end "callers were answered throughout" 300
check "all apply the same in the end" same_state 120
finish
