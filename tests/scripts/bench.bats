#!/usr/bin/env bats
# What is made of the counts of the benchmark.

root="$BATS_TEST_DIRNAME/../.."
bench="$root/scripts/bench.py"

# row CASE DIRECTION MM COPY DRIVER: what they cost a page
row() {
	local n=1000
	printf '%s\t%s\t%d\t%d\t%d\t%d\t0\t%d\t0\t0\t0\t0\t0\n' "$1" "$2" $n $((n * ($3 + $4 + $5))) \
		$((n * $3)) $((n * $5)) $((n * $4))
}
# rows FILE: the row of each line of arguments, in place of what was measured before
rows() {
	local case way costs
	while read -r case way costs; do
		sed -i "/^$case\t$way\t/d" "$1"
		# shellcheck disable=SC2086
		row "$case" "$way" $costs >>"$1"
	done
}
# both CASE TO-DEVICE TO-RAM DRIVER: a line for each way
both() {
	printf '%s %s %s 560 %s\n' "$1" to-device "$2" "$4" "$1" to-ram "$3" "$4"
}
# Results of what is in plain.tsv, series.tsv and ipi.tsv
judge() {
	python3 "$bench" --write . plain.tsv series.tsv ipi.tsv ipi.tsv "base: 6.12; compiler: gcc; config: base"
}

# A full run that meets each limit
setup() {
	local case way
	cd "$BATS_TEST_TMPDIR" || exit
	touch plain.tsv series.tsv
	for case in base base-2M base-256M base-1024M; do
		both $case 2600 2100 1200 | rows plain.tsv
		both $case 2500 2000 1200 | rows series.tsv
	done
	both huge 2600 2100 1200 | rows plain.tsv
	both empty-base 700 2100 1200 | rows plain.tsv
	for case in huge huge-2M huge-256M huge-1024M; do both $case 30 15 300; done | rows series.tsv
	rows series.tsv < <(
		both 16K 1200 1200 700
		both 32K 600 600 600
		both 64K 200 150 500
		both 128K 180 140 450
		both 256K 150 130 400
		both 512K 120 120 380
		both 1024K 100 100 350
		both huge-by-ptes 40 20 300
		both huge-mremap 41 20 300
		both huge-unaligned 35 18 300
		both huge-unaligned-orders 35 18 300
		both huge-split 1500 2000 1200
		both empty-base 600 2000 1200
		echo back fault 10 560 300
		echo back-orders 64K-pieces 500 560 300
		echo snapshot in-ram 9 0 0
		echo snapshot on-device 9 0 0
	)
	for case in base huge 64K huge-by-ptes huge-mremap huge-unaligned huge-unaligned-orders \
		empty-base empty-huge zero-huge huge-split; do
		for way in to-device to-ram; do printf '%s\t%s\t100\t5\n' $case $way; done
	done >ipi.tsv
}

@test "limits that are met" {
	run judge
	[ "$status" -eq 0 ]
	[[ $output != *FAIL* && $output != *"NOT MET"* ]]
	[[ $output == *"met: a huge page in 24,000: huge to-device, mm of 2 MiB is 15,360, 24,000 at most"* ]]
	[[ $output == *" met, 0 not met as is known, 0 failed" ]]
	grep -q '^| not above the base | base to-device, mm | base to-device, mm without the series | 0.962 | 1.000 | 1.000 | met |$' benchmark.md
	head -n 1 benchmark.tsv | grep -qx '# instructions; base: 6.12; compiler: gcc; config: base; written by make bench'
}

@test "each limit, when it is exceeded by a little, fails" {
	local name case way costs
	judge | sed -n 's/^  met: \([^:]*\): .*/\1/p' | sort -u >names
	cp series.tsv fine.tsv
	while IFS='|' read -r name case; do
		[ -n "$case" ] || { printf 'base\tto-device\t100\t6\n' >>ipi.tsv; }
		cp fine.tsv series.tsv
		[ -z "$case" ] || rows series.tsv <<<"$case"
		echo "$name" >>seen
		run judge
		echo "$name: $output"
		[ "$status" -eq 1 ]
		read -r case way costs <<<"${case:-base to-device}"
		grep -q "^  FAIL: over [^:]*: $name: $case $way, " <<<"$output"
		grep -q "^| $name | $case $way, .* FAIL: over " benchmark.md
		[[ $output == *"repair: scripts/bench --profile"* ]]
	done <<-END
		a huge page in 24,000|huge to-device 47 560 283
		a huge page in 10,000|huge to-ram 20 560 295
		the copy is 95 % of both|huge to-ram 15 280 580
		a fault is as cheap as the driver|back fault 10 560 400
		unaligned ranges|huge-unaligned-orders to-device 35 560 400
		unaligned ranges, PMD order only|huge-unaligned to-device 35 560 600
		back in pieces of 64K|back-orders 64K-pieces 500 560 700
		split on the way|huge-split to-device 2991 560 1200
		snapshot of the device|snapshot on-device 10 0 0
		64K, whole|64K to-device 200 560 1800
		64K, mm|64K to-ram 401 560 249
		PTE-mapped, without the copy|huge-by-ptes to-device 40 560 390
		PTE-mapped, mm|huge-by-ptes to-device 121 560 219
		after mremap() as after mprotect()|huge-mremap to-ram 23 560 300
		not above the base|base to-ram 2101 560 1200
		not above the base|empty-base to-ram 2101 560 1200
		a longer range costs no more|huge-1024M to-ram 25 560 300
		the whole falls with the order|32K to-ram 600 560 1301
		a shoot-down per batch|
	END
	sort -u seen | diff names -
}

@test "a goal that is not met as is known is shown, and no failure" {
	rows series.tsv <<<"huge-by-ptes to-device 50 560 300"
	run judge
	[ "$status" -eq 0 ]
	[[ $output == *"NOT MET: 512 PTEs"*" 1 not met as is known, 0 failed" ]]
	grep -q '^| PTE-mapped, mm | .* | 1.667 | 1.500 | 3.000 | NOT MET: 512 PTEs' benchmark.md
}

@test "what a limit is about, and was not measured, fails" {
	sed -i '/^64K\tto-ram/d' series.tsv
	run judge
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL: not measured: 64K, mm: 64K to-ram"* ]]
	grep -q '^| 64K, mm | 64K to-ram, mm | base to-ram, mm | - | 0.200 | 0.200 | FAIL: not measured |$' benchmark.md
}

@test "a case that has grown fails the check, and one that has not passes" {
	judge
	grep -P '^(base|huge)\t' series.tsv >few
	python3 "$bench" --check benchmark.tsv few
	rows few <<<"huge to-ram 16 560 300"
	run python3 "$bench" --check benchmark.tsv few
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL huge to-ram: 16.0 a page, 1.067 of what it was"* ]]
	[[ $output == *" met, 0 not met as is known, 0 failed"*"repair: scripts/bench --profile"* ]]
}

@test "what is over a gate fails the check, unless it is recorded so" {
	local costs="huge-by-ptes to-device 40 560 390"
	judge
	cp series.tsv worse.tsv
	rows worse.tsv <<<"$costs"
	run python3 "$bench" --check benchmark.tsv worse.tsv
	[ "$status" -eq 1 ]
	[[ $output == *"FAIL: over 1.300: PTE-mapped, without the copy"* ]]
	rows series.tsv <<<"$costs"
	run judge
	[ "$status" -eq 1 ]
	run python3 "$bench" --check benchmark.tsv worse.tsv
	[ "$status" -eq 0 ]
	[[ $output == *"NOT MET: over 1.300, as recorded: PTE-mapped, without the copy"* ]]
}

@test "two boots that do not agree" {
	python3 "$bench" --same series.tsv series.tsv
	cp series.tsv other
	rows other <<<"base to-ram 2020 560 300"
	run python3 "$bench" --same series.tsv other
	[ "$status" -eq 1 ]
	[[ $output == "  FAIL base to-ram: 2000000 and 2020000" ]]
}

@test "the plot is the same each time, and has a line for each kernel and way, and one for the copy" {
	judge
	for n in 1 2; do
		python3 "$bench" --plot benchmark.tsv >plot
		gnuplot plot >$n.svg
	done
	cmp 1.svg 2.svg
	[ "$(grep -c 'id="gnuplot_plot_' 1.svg)" -eq 5 ]
	[ "$(grep -c '^2048 ' plot)" -eq 5 ]
	grep -q '^2048 890.0$' plot
	sed -i '/^base/d' benchmark.tsv
	python3 "$bench" --plot benchmark.tsv >plot
	[ "$(grep -c '^[$]line' plot)" -eq 3 ]
}

@test "time is a ratio of pairs" {
	row huge to-ram 150 50 0 >one
	row huge to-ram 100 100 0 >two
	row huge to-ram 50 50 0 >three
	python3 "$bench" --wall wall.md one,one,one two,three,three "base: 6.12; tcg"
	grep -q '^| huge | to-ram | whole | 0.500 | 0.500 | 1.000 | 3 |$' wall.md
	grep -q '^| huge | to-ram | mm | 0.333 | 0.333 | 0.667 | 3 |$' wall.md
	grep -q '^Measured on base: 6.12; tcg.$' wall.md
	# The base moves no such folios: what it does instead.
	row base to-ram 150 50 0 >plain
	{ row base to-ram 75 25 0; row 64K to-ram 15 25 0; } >ours
	python3 "$bench" --wall wall.md plain ours "base: 6.12; tcg"
	grep -q '^| 64K against base | to-ram | mm | 0.100 | 0.100 | 0.100 | 1 |$' wall.md
}

# Guests that only say who they are
@test "time is measured in turns, by two CPUs" {
	local tree
	mkdir -p own/scripts own/guest own/docs
	cp "$root/scripts/"{lib.sh,bench,bench.py} own/scripts
	cp "$root/BASE" own
	echo 'int main(void) { return 0; }' >own/guest/migration-bench.c
	printf '#!/bin/sh\n' >own/scripts/build
	cat >own/scripts/boot <<-'END'
		#!/bin/sh
		echo "$(basename "$TREE") $CPUS $ICOUNT $(echo "$*" | sed 's/.*-bench //')" >>"$TURNS"
		cat "$ROWS"
		echo "# exit status 0 after 1 s (tcg; console: there)" >&2
	END
	chmod +x own/scripts/*
	# The base with its clocks is there already.
	git init -q own/build/linux
	git -C own/build/linux -c user.name=x -c user.email=x@x commit -q --allow-empty -m base
	git init -q own/build/bench/base
	echo clocks >own/build/bench/base/clocks
	mkdir own/bench
	printf -- '--- /dev/null\n+++ b/clocks\n@@ -0,0 +1 @@\n+clocks\n' >own/bench/plain-clocks.patch
	TURNS=$PWD/turns ROWS=$PWD/series.tsv run env -u BUILD -u TREE -u O -u OUT CONFIG=base own/scripts/bench --wall 2
	echo "$output"
	[ "$status" -eq 0 ]
	for tree in base linux base linux; do echo "$tree 2  base huge 64K back"; done | diff - turns
	grep -q '^| huge | to-device | whole | 1.000 | 1.000 | 1.000 | 2 |$' own/docs/benchmark-wall.md
	grep -q "config: base; tcg\.$" own/docs/benchmark-wall.md
	run own/scripts/bench --wall many
	[[ $status -eq 1 && $output == *"repair: scripts/bench --wall 15" ]]
}

@test "broken results are an error that says what to do" {
	: >empty
	run python3 "$bench" --same empty series.tsv
	[ "$status" -eq 1 ]
	[[ $output == "error: empty: nothing was measured"*"repair: make bench" ]]
	for line in 'huge\tto-ram\t1\t2' 'huge' "$(row huge to-ram 1 1 1 | sed 's/\t1000\t/\t0\t/')" \
		"$(row huge to-ram 1 1 1 | sed 's/\t2000/\tx/;s/\t1000\t/\t-5\t/')"; do
		printf '%b\n' "$line" >short
		run python3 "$bench" --same short series.tsv
		[ "$status" -eq 1 ]
		[[ $output == "error: short: not a measurement: huge"*"repair: make bench" ]]
	done
	row huge to-ram 0 1 1 >free
	run python3 "$bench" --same series.tsv free
	[[ $status -eq 1 && $output == "error: free: no "* ]]
	run python3 "$bench" --same free free
	[[ $status -eq 1 && $output == "error: free: huge to-ram costs nothing"* ]]
	run python3 "$bench" --plot series.tsv
	[[ $status -eq 1 && $output == "error: series.tsv: written by another version"* ]]
	run python3 "$bench" --plot nowhere
	[[ $status -eq 1 && $output == "error: "*nowhere*"repair: make bench" ]]
	judge
	sed -i '/^base\|^series/d' benchmark.tsv
	run python3 "$bench" --plot benchmark.tsv
	[[ $status -eq 1 && $output == "error: benchmark.tsv: no case to draw"* ]]
	run python3 "$bench" --wall wall.md series.tsv series.tsv,series.tsv about
	[[ $status -eq 1 && $output == "error: 1 boots of the base, 2 of the series"* ]]
}
