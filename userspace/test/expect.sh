# SPDX-License-Identifier: GPL-2.0
#
# For scripts that test consensusctl ($ctl): TAP.  finish at the end.

count=0
failures=0

# result STATUS NAME
result() {
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failures=$((failures + 1))
	fi
}

# skip NAME REASON
skip() {
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# expect STATUS PATTERN ARGUMENT...: exit status, and what it says (extended regex)
expect() {
	wanted=$1
	pattern=$2
	shift 2
	said=$("$ctl" "$@" 2>&1 </dev/null)
	status=$?
	if [ "$status" = "$wanted" ] && printf '%s\n' "$said" | grep -qE -- "$pattern"; then
		result 0 "consensusctl $*"
	else
		echo "# status $status, wanted $wanted; wanted '$pattern' in:"
		printf '%s\n' "$said" | sed 's/^/# /'
		result 1 "consensusctl $*"
	fi
}

finish() {
	echo "1..$count"
	[ "$failures" = 0 ]
	exit
}
