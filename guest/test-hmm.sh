#!/bin/sh
# To be sourced by what runs a test with the test driver:
#   test_hmm_begin THP [MODULE PARAMETERS]   set transparent huge pages to THP
#                                            (always, madvise, never), load the driver,
#                                            add swap, which is compressed memory
#   test_hmm_end STATUS                      undo it, check that memory came back, exit
# The last line of the output says "leak: ...". Status 2: no start; 3: a leak.

field() { awk -v f="$1:" '$1 == f { print $2 }' /proc/meminfo; }
page_kb=$(awk '$1 == "KernelPageSize:" { print $2; exit }' /proc/self/smaps)
# MemFree, with what the CPUs keep on lists of their own, in kB.
free_kb() { awk -v page="$page_kb" '$1 == "MemFree:" { kb += $2 } $1 == "count:" { kb += page * $2 } END { print kb }' /proc/meminfo /proc/zoneinfo; }
state() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	# Memory that was freed, but that KASAN keeps for a while, is no leak.
	for shrink in /sys/kernel/slab/*/shrink; do
		[ ! -e "$shrink" ] || echo 1 >"$shrink"
	done
	sleep 1
	cat /proc/meminfo >"$1"
	echo "$(free_kb) $(field AnonPages) $(field AnonHugePages) $(field Mlocked)"
}
load() { insmod /lib/test_hmm.ko "$@"; }
swap_on() {
	[ -d /sys/block/zram0 ] || return 0
	echo "${SWAP:-256M}" >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0
}
swap_off() { [ ! -d /sys/block/zram0 ] || { swapoff /dev/zram0 && echo 1 >/sys/block/zram0/reset; }; }

# With kmemleak: nothing may be left that no pointer leads to. What is found is
# looked at again after a while: a pointer may have been in a register.
unreferenced() {
	leaks=/sys/kernel/debug/kmemleak
	[ -e $leaks ] || return 0
	for _ in 1 2; do
		sleep 5
		echo scan >$leaks
	done
	! grep -q . $leaks || { echo "leak: kmemleak reports"; head -n 60 $leaks; return 1; }
}

test_hmm_begin() {
	leak_kb=2000
	# What KASAN remembers of each allocation, it keeps.
	! dmesg | grep -q 'KernelAddressSanitizer initialized' || leak_kb=5000
	echo "$1" >/sys/kernel/mm/transparent_hugepage/enabled || exit 2
	shift
	# Once in and out first: what the kernel keeps for good does not count as leaked.
	load "$@" && rmmod test_hmm || { echo "Bail out! test_hmm does not load and unload"; exit 2; }
	swap_on && swap_off || { echo "Bail out! no swap"; exit 2; }
	before=$(state /tmp/before)
	load "$@" || { echo "Bail out! test_hmm does not load"; exit 2; }
	# What was lost until now is not ours.
	[ ! -e /sys/kernel/debug/kmemleak ] || echo clear >/sys/kernel/debug/kmemleak
	swap_on || { echo "Bail out! no swap"; exit 2; }
}

test_hmm_end() {
	swap_off || { echo "leak: swap is still in use"; exit 3; }
	rmmod test_hmm &
	n=0
	while [ -d /sys/module/test_hmm ]; do
		n=$((n + 1))
		[ $n -lt 60 ] || { echo "leak: test_hmm does not unload"; exit 3; }
		sleep 1
	done
	unreferenced || exit 3
	after=$(state /tmp/after)
	echo "$before $after" | awk -v max="${LEAK_KB:-$leak_kb}" '{
		free = $1 - $5; anon = $6 - $2; huge = $7 - $3; mlocked = $8 - $4
		bad = free > max || anon > 1024 || huge > 0 || mlocked != 0
		printf "leak: %s: free %+d kB, AnonPages %+d kB, AnonHugePages %+d kB, Mlocked %+d kB\n",
			bad ? "yes" : "no", -free, anon, huge, mlocked
		exit bad ? 3 : 0 }' || { diff /tmp/before /tmp/after; exit 3; }
	exit "$1"
}
