#!/usr/bin/env bats
# The judge of hmm-tests' output.

tap="$BATS_TEST_DIRNAME/../../scripts/tap.py"

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	printf '%s\n' 'TAP version 13' '1..3' 'ok 1 hmm.a' '#  RUN  hmm.b ...' \
		'ok 2 hmm.b # SKIP no hugetlbfs' 'not ok 3 hmm.c' '# FAILED: 2 / 3' >out
	printf '%s\n' '# comment' 'debug-* hmm.b skip no pages' '*-always hmm.c fail known' >expect
}

@test "listed skips and failures are expected" {
	run "$tap" debug-always out --expect expect
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "debug-always: 1 passed, 0 failed, 2 skipped" ]
}

@test "a skip that is not listed fails" {
	run "$tap" base-always out --expect expect
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL hmm.b: skip, not expected"* ]]
}

@test "a failure that is not listed fails" {
	run "$tap" debug-madvise out --expect expect
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL hmm.c: fail, not expected"* ]]
}

@test "a listed skip that passes is reported" {
	sed -i 's/^ok 2 hmm.b.*/ok 2 hmm.b/' out
	run "$tap" debug-always out --expect expect
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL hmm.b: pass, expected skip"* ]]
}

@test "no plan, and a cut output, fail" {
	sed -i '/^1\.\./d' out
	run "$tap" debug-always out --expect expect
	[ "$status" -eq 1 ]
	[[ $output == *"no plan"* ]]
	printf '1..3\nok 1 hmm.a\n' >out
	run "$tap" debug-always out --expect expect
	[ "$status" -eq 1 ]
	[[ $output == *"3 tests planned, 1 results"* ]]
	: >out
	run "$tap" debug-always out
	[ "$status" -eq 1 ]
}

@test "what passed on the base must pass, and be there" {
	printf 'hmm.a\tpass\nhmm.c\tpass\nhmm.gone\tpass\nhmm.d\tfail\n' >base.tsv
	run "$tap" debug-always out --expect expect --baseline base.tsv
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL hmm.c: fail, passed on the base"* ]]
	[[ $output == *"FAIL hmm.gone: missing, passed on the base"* ]]
	[[ $output != *"hmm.d"* ]]
}

@test "a failure of the run as a whole counts" {
	run "$tap" debug-always out --expect expect --also "timed out"
	[ "$status" -eq 1 ]
	[ "${lines[-1]}" = "debug-always: 1 passed, 1 failed, 2 skipped" ]
}
