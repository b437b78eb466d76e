#!/bin/sh
# hmm-tests-run THP [MODULE PARAMETERS]: set transparent huge pages to THP (always,
# madvise, never), add swap space, load the test driver, run the whole of hmm-tests,
# unload the driver, and check that memory came back. Prints TAP; its last line says
# "leak: ...".
thp=$1
shift
echo "$thp" >/sys/kernel/mm/transparent_hugepage/enabled || exit 2
field() { awk -v f="$1:" '$1 == f { print $2 }' /proc/meminfo; }
page_kb=$(awk '$1 == "KernelPageSize:" { print $2; exit }' /proc/self/smaps)
# The tests of hugetlbfs take one page at a time.
huge=$((32768 / $(field Hugepagesize)))
echo $((huge < 2 ? 2 : huge)) >/proc/sys/vm/nr_hugepages
# Some tests bring huge pages to swap and back. Compressed memory will do.
if [ -e /sys/block/zram0 ]; then
	echo 256M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0 || exit 2
fi

# MemFree, with what the CPUs keep on lists of their own, in kB.
free_kb() { awk -v page="$page_kb" '$1 == "MemFree:" { kb += $2 } $1 == "count:" { kb += page * $2 } END { print kb }' /proc/meminfo /proc/zoneinfo; }
state() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep 1
	cat /proc/meminfo >"$1"
	echo "$(free_kb) $(field AnonPages) $(field AnonHugePages)"
}

set -- test_hmm "$@"
load() { insmod /lib/test_hmm.ko "$@"; }
shift
# Once in and out first: what the kernel keeps for good does not count as leaked.
load "$@" && rmmod test_hmm || { echo "Bail out! test_hmm does not load and unload"; exit 2; }
before=$(state /tmp/before)
load "$@" || { echo "Bail out! test_hmm does not load"; exit 2; }
# shellcheck disable=SC2086 # several arguments
hmm-tests ${HMM_TESTS_ARGS:-}
rc=$?
rmmod test_hmm &
n=0
while [ -d /sys/module/test_hmm ]; do
	n=$((n + 1))
	[ $n -lt 60 ] || { echo "leak: test_hmm does not unload"; exit 3; }
	sleep 1
done
after=$(state /tmp/after)
echo "$before $after" | awk -v max="${LEAK_KB:-2000}" '{
	free = $1 - $4; anon = $5 - $2; huge = $6 - $3
	bad = free > max || anon > 1024 || huge > 0
	printf "leak: %s: free %+d kB, AnonPages %+d kB, AnonHugePages %+d kB\n", bad ? "yes" : "no", -free, anon, huge
	exit bad ? 3 : 0 }' || { diff /tmp/before /tmp/after; exit 3; }
exit $rc
