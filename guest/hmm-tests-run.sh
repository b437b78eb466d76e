#!/bin/sh
# hmm-tests-run THP [MODULE PARAMETERS]: the whole of hmm-tests, with swap, the
# test driver loaded and a check for leaks: see test-hmm.sh. Prints TAP.
# shellcheck source=guest/test-hmm.sh
. /bin/test-hmm
# The tests of hugetlbfs take one page at a time.
huge=$((32768 / $(field Hugepagesize)))
echo $((huge < 2 ? 2 : huge)) >/proc/sys/vm/nr_hugepages
# A snapshot does not show memory that waits for a NUMA hint. The test that is
# about that switches it on.
[ ! -e /proc/sys/kernel/numa_balancing ] || echo 0 >/proc/sys/kernel/numa_balancing
# The tests look at base pages where there were huge ones: nobody is to collapse
# them in between.
echo 1000000000 >/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
# No message each time that a test drops caches
echo 4 >/proc/sys/vm/drop_caches
# Memory cgroups are of v1 in one half of the runs, where the kernel has it.
case $1 in
madvise) mkdir /tmp/cgroup-v1 && mount -t cgroup -o memory none /tmp/cgroup-v1 2>/dev/null || true ;;
esac
test_hmm_begin "$@"
# shellcheck disable=SC2086 # several arguments
hmm-tests ${HMM_TESTS_ARGS:-}
test_hmm_end $?
