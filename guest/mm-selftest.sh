#!/bin/sh
# mm-selftest COMMAND...: one of the kernel's mm selftests, as run_vmtests.sh sets
# up the machine for it.
echo 48 >/proc/sys/vm/nr_hugepages
echo always >/sys/kernel/mm/transparent_hugepage/enabled
echo 1 >/proc/sys/vm/unprivileged_userfaultfd
mkdir -p /tmp/mm && cd /tmp/mm || exit 2
prog=/run/$1
shift
exec timeout -s KILL "${LIMIT:-300}" "$prog" "$@"
