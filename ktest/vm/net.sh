# SPDX-License-Identifier: GPL-2.0
#
# The network of the clusters of lib.sh, which reads this and says what there is.
#
# Programs are slow to start on the debug kernel, and `ip -n` mounts what it does not need: few
# are started here, and those in a namespace by `on`. What heal has to undo is noted in /run,
# as tests also call these in subshells:
#
#	cut.NODE	not empty: it has rules
#	shaped		not empty: somebody has used tc

_loss=0
_delay=0

# busybox prefers its own applets of these names
ip() { /bin/ip "$@"; }
tc() { echo 1 >/run/shaped; /sbin/tc "$@"; }
nft() { /usr/sbin/nft "$@"; }

address() {
	if [ "$FAMILY" = 4 ]; then echo "10.0.0.${1#n}"; else echo "fd00::${1#n}"; fi
}

endpoint() {
	if [ "$FAMILY" = 4 ]; then echo "10.0.0.${1#n}:7800"; else echo "[fd00::${1#n}]:7800"; fi
}

# on NODE COMMAND...
on() {
	local node
	node=$1
	shift
	nsenter --net="/run/netns/$node" -- "$@"
}

# net_up N: the namespaces n1 to nN, plugged into the bridge
net_up() {
	local n
	modprobe -a veth bridge sch_netem nf_tables 2>/dev/null
	NODES=
	n=1
	while [ $n -le "$1" ]; do
		NODES="$NODES n$n"
		n=$((n + 1))
	done
	_cables | /bin/ip -batch - || return
	{ echo 0 >/sys/class/net/br0/bridge/multicast_snooping; } 2>/dev/null
	for n in $NODES; do
		_node_net "$n" || return
	done
}

_cables() {
	local node
	echo "link add br0 type bridge forward_delay 0 stp_state 0"
	echo "link set br0 up"
	for node in $NODES; do
		echo "netns add $node"
		echo "link add v${node#n} type veth peer name eth0 netns $node"
		echo "link set v${node#n} master br0 up"
	done
}

_node_net() {
	on "$1" /bin/ip -batch - <<-LIST || return
		link set lo up
		link set eth0 up
		addr add 10.0.0.${1#n}/24 dev eth0
		addr add fd00::${1#n}/64 dev eth0 nodad
	LIST
	on "$1" /usr/sbin/nft -f - <<-RULES
		table inet ktest {
			chain in { type filter hook input priority 0; }
		}
	RULES
	: >"/run/cut.$1"
}

# Namespaces end by and by, and would keep the names of their cables until then.
net_down() {
	local node
	{
		for node in $NODES; do
			echo "netns del $node"
		done
		for node in $NODES; do
			echo "link del v${node#n}"
		done
		echo "link del br0"
	} | /bin/ip -force -batch - 2>/dev/null
	NODES=
}

# deafen A B...: A no longer hears B
deafen() {
	local node from
	node=$1
	shift
	echo 1 >"/run/cut.$node"
	for from in "$@"; do
		echo "add rule inet ktest in $(_family) saddr $(address "$from") drop"
	done | on "$node" /usr/sbin/nft -f -
}

_family() { if [ "$FAMILY" = 4 ]; then echo ip; else echo ip6; fi; }

partition() { deafen "$1" "$2" && deafen "$2" "$1"; }

isolate() {
	local other
	# shellcheck disable=SC2046 # a list of words
	deafen "$1" $(others "$1" | tr , ' ') || return
	for other in $NODES; do
		[ "$other" = "$1" ] || deafen "$other" "$1" || return
	done
}

# Its end of the cable leaves the bridge: nobody sees a link go down.
unplug() { ip link set "v${1#n}" nomaster; }
plug() { ip link set "v${1#n}" master br0; }

_netem() {
	local node
	echo 1 >/run/shaped
	for node in $NODES; do
		on "$node" /sbin/tc qdisc replace dev eth0 root netem limit 10000 loss "$_loss%" delay "${_delay}ms"
	done
}

loss() { _loss=$1; _netem; }
delay() { _delay=$1; _netem; }

heal() {
	local node
	_loss=0
	_delay=0
	for node in $NODES; do
		[ ! -s "/run/cut.$node" ] || on "$node" /usr/sbin/nft flush chain inet ktest in
		[ ! -s /run/shaped ] || on "$node" /sbin/tc qdisc del dev eth0 root 2>/dev/null
		: >"/run/cut.$node"
	done
	: >/run/shaped
	return 0
}
