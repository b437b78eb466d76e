#!/usr/bin/env bats
bats_require_minimum_version 1.5.0

# apply and refresh, on a tree of one file instead of the kernel's 85,000.

scripts="$BATS_TEST_DIRNAME/../../scripts"

setup() {
	export BUILD=$BATS_TEST_TMPDIR/build PATCHES=$BATS_TEST_TMPDIR/patches LDF_CACHE=$BATS_TEST_TMPDIR/cache
	unset TREE
	export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
	tree=$BUILD/linux
	mkdir -p "$PATCHES" "$tree/mm"
	git -C "$tree" init -q -b series
	seq 40 >"$tree/mm/a.c"
	git -C "$tree" add -A
	git -C "$tree" commit -qm base
	git -C "$tree" update-ref refs/ldf/applied HEAD
	change 5 "mm/a: five"
	change 35 "mm/a: last"
	"$scripts/refresh"
	printf '# fixes\nmm-a-five.patch\n\n# feature\nmm-a-last.patch\n' >"$PATCHES/series"
}

change() { # LINE SUBJECT
	sed -i "$1s,\$, $2," "$tree/mm/a.c"
	git -C "$tree" commit -qam "$2" -m "Why
 indented, and --- dashes"
}

@test "refresh names patches by subject" {
	[ "$(cd "$PATCHES" && echo *.patch)" = "mm-a-five.patch mm-a-last.patch" ]
	grep -q '^From 0000000' "$PATCHES/mm-a-five.patch"
	run ! grep -q "PATCH 1/2" "$PATCHES/mm-a-five.patch"
}

@test "apply, refresh, apply: the same bytes, the same commit" {
	"$scripts/apply"
	id=$(git -C "$tree" rev-parse HEAD)
	cp -r "$PATCHES" "$BATS_TEST_TMPDIR/before"
	"$scripts/refresh"
	diff -r "$PATCHES" "$BATS_TEST_TMPDIR/before"
	"$scripts/apply"
	[ "$(git -C "$tree" rev-parse HEAD)" = "$id" ]
}

@test "headings stay with their groups when patches are added and renamed" {
	"$scripts/apply"
	change 20 "mm/a: added"
	git -C "$tree" -c sequence.editor='sed -i "2{h;d};3{G}"' rebase -qi "$(git -C "$tree" rev-list --max-parents=0 HEAD)"
	"$scripts/refresh"
	run cat "$PATCHES/series"
	[ "$output" = "# fixes
mm-a-five.patch
mm-a-added.patch

# feature
mm-a-last.patch" ]
	git -C "$tree" commit -q --amend -m "mm/a: renamed"
	"$scripts/refresh"
	run cat "$PATCHES/series"
	[ "$output" = "# fixes
mm-a-five.patch
mm-a-added.patch

# feature
mm-a-renamed.patch" ]
	[ ! -e "$PATCHES/mm-a-last.patch" ]
}

@test "apply names the patch, the file and the repair" {
	"$scripts/apply"
	sed -i 's/^ 33$/ 3x/' "$PATCHES/mm-a-last.patch"
	run "$scripts/apply"
	[ "$status" -ne 0 ]
	[[ $output == *"mm-a-last.patch does not apply to mm/a.c"* ]]
	[[ $output == *"repair: make edit PATCH=mm-a-last.patch"* ]]
}

@test "apply does not tolerate fuzz" {
	sed -i '0,/^ 2$/s//  2/' "$PATCHES/mm-a-five.patch"
	run "$scripts/apply"
	[ "$status" -ne 0 ]
}

@test "apply keeps work that patches/ does not have" {
	"$scripts/apply"
	echo x >>"$tree/mm/a.c"
	run "$scripts/apply"
	[ "$status" -ne 0 ]
	[[ $output == *"changes that no commit owns"*"repair:"* ]]
	git -C "$tree" commit -qam "mm/a: new"
	run "$scripts/apply"
	[ "$status" -ne 0 ]
	[[ $output == *"repair: make refresh"* ]]
	"$scripts/refresh"
	"$scripts/apply"
}

@test "refresh refuses what is not squashed" {
	"$scripts/apply"
	echo x >>"$tree/mm/a.c"
	git -C "$tree" commit -qam "fixup! mm/a: five"
	run "$scripts/refresh"
	[ "$status" -ne 0 ]
	[[ $output == *"--autosquash"* ]]
}

@test "edit stops at the patch" {
	"$scripts/edit" mm-a-five.patch
	[ "$(git -C "$tree" log -1 --format=%s)" = "mm/a: five" ]
	run "$scripts/apply"
	[[ $output == *"a rebase is going on"* ]]
}
