# SPDX-License-Identifier: GPL-2.0
# What people and programs get wrong at the command line: each mistake has its own clear
# error, and the cluster does not notice.
#
# vm: --kernel debug --smp 2 --timeout 600
# expect: 95
. /ktest/vm/lib.sh

# conf FILE SED-SCRIPT: the good configuration, spoilt
conf() { sed "$2" $CONFIG >"$1"; }

up() { on "$1" consensusctl up -c "$2" --node "$3"; }

insmod_consensus
net_up 5 || bail "no network"
NODES="n1 n2 n3"
new_key /etc/consensus/demo.key
# shellcheck disable=SC2086 # a list of words
write_config $CONFIG $NODES

note "before anything is started"
refuses "an increment without a node" 'not started|consensusctl up' on n1 consensusctl inc orders
refuses "a read without a node" 'not started|consensusctl up' on n1 consensusctl get orders
check "status says so and is no error of its own kind" \
	sh -c "nsenter --net=/run/netns/n1 -- consensusctl status 2>&1 | grep -qi 'not started\|no node\|consensusctl up'"
refuses "create without a node" 'not started|consensusctl up' on n1 consensusctl create
refuses "down without a node" 'not started|no node' on n1 consensusctl down

note "configurations"
refuses "a file that is not there" 'no such file|cannot' up n1 /etc/consensus/none.conf n1
refuses "a node that the file does not have" 'n1.*n2.*n3' up n1 $CONFIG n9
conf /tmp/a.conf 's/^heartbeat-ms.*/heartbeat-ms = soon/'
refuses "a number that is none" 'heartbeat-ms' up n1 /tmp/a.conf n1
conf /tmp/a.conf 's/^heartbeat-ms/heartbeat-mss/'
refuses "a key that does not exist" 'heartbeat-mss' up n1 /tmp/a.conf n1
conf /tmp/a.conf 's/^election-min-ms.*/election-min-ms = 999999999/'
refuses "an election timeout without reason" 'election' up n1 /tmp/a.conf n1
conf /tmp/a.conf 's/\[fd00::1\]:7800/somewhere/'
refuses "an address that is none" 'address|somewhere' up n1 /tmp/a.conf n1
conf /tmp/a.conf 's/^durability.*/durability = perhaps/'
refuses "a durability that is none" 'durability' up n1 /tmp/a.conf n1
conf /tmp/a.conf 's|^key-file.*|key-file = /etc/consensus/none.key|'
refuses "no key file" 'none.key' up n1 /tmp/a.conf n1
echo 1234 >/etc/consensus/short.key; chmod 600 /etc/consensus/short.key
conf /tmp/a.conf 's|^key-file.*|key-file = /etc/consensus/short.key|'
refuses "a key that is too short" 'key|64' up n1 /tmp/a.conf n1
cp /etc/consensus/demo.key /etc/consensus/open.key; chmod 644 /etc/consensus/open.key
conf /tmp/a.conf 's|^key-file.*|key-file = /etc/consensus/open.key|'
refuses "a key that all can read" '0600|mode|permission|read' up n1 /tmp/a.conf n1
conf /tmp/a.conf 's/\[fd00::1\]:7800/[fd00::77]:7800/'
refuses "an address that this machine does not have" 'address' up n1 /tmp/a.conf n1

note "a port in use"
nsenter --net=/run/netns/n1 -- ct-inject -b 7800 &
holder=$!
check "somebody has the port" within 60 on n1 grep -q ":1E78 " /proc/net/udp6
refuses "a port in use" 'in use|port' up n1 $CONFIG n1
kill $holder
wait $holder 2>/dev/null

note "starting"
check "n1 starts" up n1 $CONFIG n1
refuses "a second start" 'already|exists|started' up n1 $CONFIG n1
refuses "an increment before there is a cluster" 'create|no cluster|quorum|not.*member|timed out' \
	on n1 consensusctl --timeout $((2 * SCALE))s inc orders
refuses "create with a node that does not exist" 'n9' on n1 consensusctl create --with n9
refuses "create with nodes that are not up" 'n2|n3' on n1 consensusctl --timeout $((2 * SCALE))s create --with n2,n3

new_key /etc/consensus/other.key
sed 's|^key-file.*|key-file = /etc/consensus/other.key|' $CONFIG >/tmp/other.conf
check "n2 starts with another key" up n2 /tmp/other.conf n2
check "n3 starts" up n3 $CONFIG n3
refuses "create with a node of another key" 'n2|key' on n1 consensusctl --timeout $((2 * SCALE))s create --with n2,n3
on n1 consensusctl status
for node in $NODES; do on "$node" consensusctl down; done
check "n2 starts with the right key" up n2 $CONFIG n2
for node in n1 n3; do up "$node" $CONFIG "$node"; done

note "two creates race"
on n1 consensusctl --timeout $((10 * SCALE))s create --with n2,n3 >/tmp/c1 2>&1 &
c1=$!
on n2 consensusctl --timeout $((10 * SCALE))s create --with n1,n3 >/tmp/c2 2>&1 &
c2=$!
wait $c1; s1=$?
wait $c2; s2=$?
sed 's/^/# n1: /' /tmp/c1
sed 's/^/# n2: /' /tmp/c2
check "at most one of two creates succeeds" test "$s1$s2" != 00
if [ $s1 != 0 ] && [ $s2 != 0 ]; then
	note "neither did: both promises are dropped by down, then one tries again"
	for node in $NODES; do on "$node" consensusctl down; done
	for node in $NODES; do up "$node" $CONFIG "$node"; done
	on n1 consensusctl create --with n2,n3
fi
check "there is a cluster" wait_leader 60
refuses "a second create" 'exists|already' on n3 consensusctl create --with n1,n2

note "names"
refuses "an empty name" 'name' on n1 consensusctl inc ""
refuses "a name of 64 bytes" 'name|long' on n1 consensusctl inc "$(printf '%064d' 0)"
check "a name of 63 bytes" on n1 consensusctl inc "$(printf '%063d' 0)"
refuses "a name that is not UTF-8" 'name|utf' on n1 consensusctl inc "$(printf 'a\377b')"
refuses "a name with a control character" 'name' on n1 consensusctl inc "$(printf 'a\tb')"
refuses "an increment that would overflow" 'overflow|2\^64|largest|too large' \
	sh -c 'nsenter --net=/run/netns/n1 -- consensusctl inc big --by 18446744073709551615 && nsenter --net=/run/netns/n1 -- consensusctl inc big'
finish
