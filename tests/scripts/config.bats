#!/usr/bin/env bats
# A CONFIG is the names of fragments; its first word may be an architecture.

parts() { # CONFIG: its architecture and its fragments
	CONFIG=$1 BUILD=$BATS_TEST_TMPDIR LDF_CACHE=$BATS_TEST_TMPDIR bash -c \
		'. "$0/../../scripts/lib.sh"; echo "$KARCH: ${FRAGMENTS[*]}"' "$BATS_TEST_DIRNAME"
}

@test "x86-64 has no name" {
	[ "$(parts base)" = "x86: base x86" ]
	[ "$(parts debug)" = "x86: base x86 debug" ]
}

@test "fragments are joined" {
	[ "$(parts nodevpriv-debug)" = "x86: base x86 nodevpriv unbooted debug" ]
	[ "$(parts arm64)" = "arm64: base arm64" ]
	[ "$(parts arm64-64k-debug)" = "arm64: base arm64 64k debug" ]
	[ "$(parts i386)" = "i386: base 32bit i386" ]
}

@test "a fragment that does not exist is named" {
	touch "$BATS_TEST_TMPDIR/Makefile"
	export TREE=$BATS_TEST_TMPDIR BUILD=$BATS_TEST_TMPDIR LDF_CACHE=$BATS_TEST_TMPDIR
	CONFIG=arm64-none run "$BATS_TEST_DIRNAME/../../scripts/build"
	[ "$status" -ne 0 ]
	[[ $output == *"no config/none"* ]]
}
