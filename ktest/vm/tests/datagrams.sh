# SPDX-License-Identifier: GPL-2.0
# What a node must not believe: each kind of bad datagram is counted as what it is, one by
# one, and nothing else happens; the cluster goes on counting.
#
# vm: --kernel debug --smp 2 --timeout 600
# expect: 120
#
# Elections take seconds here, so that none comes of itself and "nothing else happened" can
# be asked of term and leader, too.
SCALE=20
. /ktest/vm/lib.sh

cluster_up 3
cat >/tmp/restart <<'AGAIN'
SCALE=20
. /ktest/vm/lib.sh
set -e
NODES="n1 n2 n3"
on n3 consensusctl down
node_up n3
within 60 sh -c 'nsenter --net=/run/netns/n3 -- consensusctl status --json | grep -q "\"state\": \"observer\""'
wait_leader 60 >/dev/null
# n1 holds on to the former n3 until that has been silent for long enough
life=$(status n3 incarnation)
within 60 sh -c "nsenter --net=/run/netns/n1 -- consensusctl status --json | grep -q $life"
AGAIN

on n1 ct-datagram eth0 fd00::1 7800 "sh /tmp/restart" >/tmp/datagram.tap 2>&1
result $? "ct-datagram: each bad datagram is counted as what it is, and nothing else happens"
grep -v -e '^ok' -e '^1\.\.' /tmp/datagram.tap | sed 's/^not ok/# not ok/'
check "the nodes agree" same_state 60
finish
