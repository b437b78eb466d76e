#!/usr/bin/env bats
# The kernel log gate catches each kind of trouble, and nothing on a clean log.

gate="$BATS_TEST_DIRNAME/../../scripts/dmesg-gate"

check() { printf '[    1.0] %s\n' "$1" >"$BATS_TEST_TMPDIR/log"; run "$gate" "$BATS_TEST_TMPDIR/log"; }

@test "a clean log passes" {
	check "Freeing unused kernel image (initmem) memory: 1234K"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "each kind of trouble is caught" {
	while IFS= read -r line; do
		check "$line"
		echo "# $line" && [ "$status" -eq 1 ]
		[[ $output == *"$line"* ]]
	done <<-'END'
	WARNING: CPU: 0 PID: 1 at mm/memory.c:1 zap_pte_range+0x1/0x2
	BUG: unable to handle page fault for address: ffff
	kernel BUG at mm/rmap.c:100!
	Oops: general protection fault, probably for non-canonical address
	WARNING: possible circular locking dependency detected
	WARNING: possible recursive locking detected
	WARNING: inconsistent lock state
	INFO: trying to register non-static key. lock
	WARNING: suspicious RCU usage
	BUG: sleeping function called from invalid context at mm/x.c:1
	BUG: scheduling while atomic: a/1/0x2
	BUG: KASAN: slab-use-after-free in x+0x1/0x2
	UBSAN: array-index-out-of-bounds in mm/x.c:1
	rcu: INFO: rcu_sched self-detected stall on CPU
	INFO: task hmm-tests:77 blocked for more than 120 seconds.
	watchdog: BUG: soft lockup - CPU#0 stuck for 22s!
	BUG: Bad page state in process hmm-tests  pfn:1234
	BUG: Bad page map in process hmm-tests  pte:1 pmd:2
	BUG: Bad rss-counter state mm:(____ptrval____) type:MM_ANONPAGES val:512
	BUG: non-zero pgtables_bytes on freeing mm: 4096
	mm/pgtable-generic.c:51: bad pmd 000000001(1)
	kernel BUG at mm/page_table_check.c:93!
	kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
	list_del corruption. prev->next should be x
	refcount_t: underflow; use-after-free.
	Out of memory: Killed process 1 (hmm-tests)
	Kernel panic - not syncing: x
	END
}

@test "an allowed line is no trouble" {
	mkdir -p "$BATS_TEST_TMPDIR/r/scripts" "$BATS_TEST_TMPDIR/r/tests"
	cp "$BATS_TEST_DIRNAME/../../BASE" "$BATS_TEST_TMPDIR/r/"
	cp "$BATS_TEST_DIRNAME"/../../scripts/{lib.sh,dmesg-gate} "$BATS_TEST_TMPDIR/r/scripts/"
	gate="$BATS_TEST_TMPDIR/r/scripts/dmesg-gate"
	printf '# comment\nBUG: known one\twe know why\n' >"$BATS_TEST_TMPDIR/r/tests/allowed-dmesg"
	check "BUG: known one"
	[ "$status" -eq 0 ]
	check "BUG: another one"
	[ "$status" -eq 1 ]
}
