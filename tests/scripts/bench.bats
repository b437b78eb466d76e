#!/usr/bin/env bats
# What is made of the counts of the benchmark.

bench="$BATS_TEST_DIRNAME/../../scripts/bench.py"

# row CASE DIRECTION SETUP COPY [ALLOC]: memory management costs SETUP a page, the copy COPY
row() {
	local n=1000
	printf '%s\t%s\t%d\t%d\t%d\t%d\t0\t%d\t0\t0\t0\t0\t0\n' "$1" "$2" $n $((n * ($3 + $4 + ${5:-0}))) \
		$((n * $3)) $((n * ${5:-0})) $((n * $4))
}
# Results of what is in plain.tsv, series.tsv and ipi.tsv
judge() {
	python3 "$bench" --write . plain.tsv series.tsv ipi.tsv ipi.tsv 6.12 gcc
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	{ row base to-device 2600 560; row base to-ram 2100 560; } >plain.tsv
	: >ipi.tsv
	{ row base to-device 2500 560; row base to-ram 2000 560; row huge to-device 30 560; row huge to-ram 15 560; } >series.tsv
}

@test "limits that are met" {
	run judge
	[ "$status" -eq 0 ]
	[[ $output == *"ok: a huge page at most 24,000: huge to-device, mm is 30.000, 46.875 at most"* ]]
	[[ $output == *"ok: the copy is 95 % of both"* ]]
	grep -q '^| not above the base | base to-device, mm | base to-device, mm, base | 0.962 | 1.000 | ok |' benchmark.md
}

@test "a huge page that costs too much" {
	sed -i '/^huge\tto-device/d' series.tsv
	row huge to-device 47 560 >>series.tsv
	run judge
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL: a huge page at most 24,000"* ]]
	grep -q '^| a huge page at most 24,000 .* FAIL |' benchmark.md
}

@test "a copy that is not nearly all" {
	sed -i '/^huge\tto-ram/d' series.tsv
	row huge to-ram 15 200 >>series.tsv
	run judge
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL: the copy is 95 % of both"* ]]
}

@test "base pages that cost more than without the series" {
	sed -i '/^base\tto-ram/d' series.tsv
	row base to-ram 2101 560 >>series.tsv
	run judge
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL: not above the base: base to-ram"* ]]
}

@test "costs that rise with the order" {
	{ row 16K to-device 100 560; row 32K to-device 101 560; } >>series.tsv
	run judge
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL: the whole falls with the order: 32K to-device"* ]]
}

@test "a shoot-down for each page" {
	printf 'huge\tto-device\t100\t5\n' >ipi.tsv
	run judge
	[ "$status" -eq 0 ]
	printf 'huge\tto-device\t100\t6\n' >ipi.tsv
	run judge
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL: a shoot-down per batch"* ]]
}

@test "a limit that is known to be missed is shown, and no failure" {
	sed -i '/^huge\tto-device/d' series.tsv
	{ row huge to-device 30 560 200; row huge-by-ptes to-device 80 560 200; } >>series.tsv
	run judge
	[ "$status" -eq 0 ]
	[[ $output == *"missed: 512 PTEs"* ]]
	grep -q '^| PTE-mapped, mm .* missed: 512 PTEs' benchmark.md
}

@test "a case that has grown fails the check, and one that has not passes" {
	judge
	python3 "$bench" --check benchmark.tsv series.tsv
	sed -i '/^huge\tto-ram/d' series.tsv
	row huge to-ram 16 560 >>series.tsv
	run python3 "$bench" --check benchmark.tsv series.tsv
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL huge to-ram: 16.0 a page, 1.067 of what it was"* ]]
}

@test "two boots that do not agree" {
	python3 "$bench" --same series.tsv series.tsv
	sed 's/\t30000\t/\t30200\t/' series.tsv >other
	run python3 "$bench" --same series.tsv other
	[ "$status" -eq 1 ]
}

@test "the plot is the same each time, and has a line for each" {
	judge
	python3 "$bench" --plot benchmark.tsv >one
	python3 "$bench" --plot benchmark.tsv >two
	cmp one two
	[ "$(grep -c '^[$]line' one)" -eq 5 ]
	grep -q '^2048 590.0$' one
}

@test "time is a ratio of pairs" {
	{ row huge to-ram 150 50; } >one
	{ row huge to-ram 100 100; } >two
	{ row huge to-ram 50 50; } >three
	python3 "$bench" --wall wall.md one,one,one two,three,three 6.12 gcc tcg
	grep -q '^| huge | to-ram | whole | 0.500 | 0.500 | 1.000 | 3 |$' wall.md
	grep -q '^| huge | to-ram | mm | 0.333 | 0.333 | 0.667 | 3 |$' wall.md
}

@test "broken results are an error that says what to do" {
	: >empty
	run python3 "$bench" --same empty series.tsv
	[ "$status" -eq 1 ]
	[[ $output == "error: empty: nothing was measured"*"repair: make bench" ]]
	printf 'huge\tto-ram\t1\t2\n' >short
	run python3 "$bench" --same short series.tsv
	[ "$status" -eq 1 ]
	[[ $output == "error: short: not a measurement"* ]]
	run python3 "$bench" --plot series.tsv
	[ "$status" -eq 1 ]
	[[ $output == "error: series.tsv: written by another version"* ]]
}
