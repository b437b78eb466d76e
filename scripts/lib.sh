# shellcheck shell=bash
# What every script here shares: places, messages, packages, the lock.
# Source it first; it leaves `set -euo pipefail` on.
set -euo pipefail
export LC_ALL=C

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$ROOT/build}
CACHE=${LDF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/large-device-folios}
OWN_TREE=$BUILD/linux		# the tree that `make apply` assembles and may reset
TREE=$(realpath -m "${TREE:-$OWN_TREE}")
LOGS=$BUILD/log
[ "$TREE" = "$OWN_TREE" ] || LOGS=$LOGS/$(basename "$TREE")	# two trees, two logs
PATCHES=${PATCHES:-$ROOT/patches}
CONFIG=${CONFIG:-base}
mkdir -p "$BUILD" "$LOGS" "$CACHE"

# shellcheck source=../BASE
. "$ROOT/BASE"

# What depends on the architecture, which is the first word of CONFIG: x86-64 if
# that names none.
#   KARCH, CROSS   ARCH= of the kernel's make, prefix of the compiler
#   CROSS_NEED     packages of the compiler; EMULATOR_NEED, of the emulator
#   FRAGMENTS      of config/, in their order; those that CONFIG names come behind
#   TARGET, IMAGE  of the kernel's make, and where it lands in OBJ; no image if nothing boots it
#   EMULATOR       and its machine; CONSOLE, the kernel's options for that
#   GUEST_MEM      MiB of the guest
#   COHERENT_*     memory that is no RAM to the kernel, for two coherent test devices
# shellcheck disable=SC2034 # the scripts use them
CROSS='' CROSS_NEED=(libc6-dev) FRAGMENTS=(base) TARGET='' IMAGE='' GUEST_MEM=3072 EMULATOR=() EMULATOR_NEED=()
# shellcheck disable=SC2034
case ${CONFIG%%-*} in
arm64)
	KARCH=arm64 CROSS=aarch64-linux-gnu- CROSS_NEED=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross)
	FRAGMENTS+=(arm64)
	TARGET=Image IMAGE=arch/arm64/boot/Image
	EMULATOR=(qemu-system-aarch64 -machine "virt,gic-version=3") EMULATOR_NEED=(qemu-system-arm)
	CONSOLE=console=ttyAMA0
	# Huge pages of 512 MiB
	case $CONFIG in *-64k*) GUEST_MEM=6144 ;; esac
	COHERENT_APPEND=mem=5632M COHERENT_DEV0=0x1a0000000 COHERENT_DEV1=0x1b0000000
	;;
arm)
	KARCH=arm CROSS=arm-linux-gnueabihf- CROSS_NEED=(gcc-arm-linux-gnueabihf)
	FRAGMENTS+=(32bit arm)
	;;
i386)
	KARCH=i386
	FRAGMENTS+=(32bit i386)
	;;
*)
	KARCH=x86
	FRAGMENTS+=(x86)
	TARGET=bzImage IMAGE=arch/x86/boot/bzImage
	EMULATOR=(qemu-system-x86_64 -machine q35) EMULATOR_NEED=(qemu-system-x86)
	CONSOLE="console=ttyS0 reboot=t"
	COHERENT_APPEND="memmap=256M\$0x140000000 memmap=256M\$0x150000000"
	COHERENT_DEV0=0x140000000 COHERENT_DEV1=0x150000000
	;;
esac
# Every word of CONFIG is a fragment: arm64-debug is base, arm64, debug.
for fragment in ${CONFIG//-/ }; do
	[[ " ${FRAGMENTS[*]} " == *" $fragment "* ]] || FRAGMENTS+=("$fragment")
	# What the tests need is not there: nobody boots it, so leave out the machine.
	# shellcheck disable=SC2034
	case $fragment in nothp | nodevpriv) FRAGMENTS+=(unbooted) TARGET=vmlinux IMAGE='' ;; esac
done

# The build directory of a config. It lies directly inside the tree (where the
# kernel's .gitignore hides it), so that the compiler sees the same relative
# paths for every tree and ccache serves them all. O= (or OUT=) overrides.
OBJ=$(realpath -m "${O:-${OUT:-$TREE/.build-$CONFIG}}")

say()  { printf '%s\n' "$*"; }
note() { printf '# %s\n' "$*" >&2; }
# die MESSAGE [REPAIR]: every failure says which command repairs it.
die() {
	printf 'error: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf 'repair: %s\n' "$2" >&2
	exit 1
}
# run CMD...: print a command, then run it.
run() {
	printf '+' >&2; printf ' %q' "$@" >&2; printf '\n' >&2
	"$@"
}

# need PACKAGE...: install the Debian packages that are missing.
need() {
	local p missing=()
	for p; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' ||
			missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "missing packages: ${missing[*]}" \
		"sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
	apt_update
	quiet "install ${missing[*]}" "$LOGS/apt.log" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "${missing[@]}" ||
		die "apt-get could not install ${missing[*]} (log: $LOGS/apt.log)" \
			"apt-get update && apt-get install ${missing[*]}"
}
apt_update() {
	quiet "apt-get update" "$LOGS/apt.log" apt-get update || note "apt-get update failed, going on"
}

# quiet TITLE LOG CMD...: a long step. Its output goes to LOG; every ten seconds
# a line says how far it is.
quiet() {
	local title=$1 log=$2 start=$SECONDS pid rc=0 last=0
	shift 2
	mkdir -p "$(dirname "$log")"
	printf '# %s: ' "$title" >&2; printf ' %q' "$@" >&2; printf '\n' >&2
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if [ $((SECONDS - start - last)) -ge 10 ]; then
			last=$((SECONDS - start))
			printf '#   %s: %ds, %s\n' "$title" "$last" "$(tail -n 1 "$log" | tr -d '\r' | cut -c1-70)" >&2
		fi
	done
	wait "$pid" || rc=$?
	[ $rc -ne 0 ] || [ $((SECONDS - start)) -lt 2 ] || note "$title: done in $((SECONDS - start)) s"
	return $rc
}

# locked CMD...: one kernel build at a time on this machine.
locked() {
	flock -w 7200 "${LDF_LOCK:-$CACHE/build.lock}" "$@"
}

# judge_guest STATUS OUTPUT: how `boot` ended, as arguments of tap.py, to the array
# `judge`. 0 and 1 are the verdict of the tests, judged one by one; the rest is ours.
judge_guest() {
	case $1 in
	0 | 1) ;;
	3) judge+=(--also "$(grep -a '^leak:' "$2")") ;;
	124) judge+=(--also "timed out") ;;
	125) judge+=(--also "the guest crashed") ;;
	126) judge+=(--also "the kernel log is not clean") ;;
	*) judge+=(--also "exit status $1") ;;
	esac
}

# The fixed identity, and no git configuration of the user's.
export GIT_AUTHOR_NAME=$BASE_NAME GIT_AUTHOR_EMAIL=$BASE_EMAIL GIT_AUTHOR_DATE=$BASE_DATE
export GIT_COMMITTER_NAME=$BASE_NAME GIT_COMMITTER_EMAIL=$BASE_EMAIL GIT_COMMITTER_DATE=$BASE_DATE
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
tgit() { git -C "$TREE" "$@"; }
# Fail when a rebase or `git am` is going on in the tree.
not_rebasing() {
	local d
	for d in rebase-merge rebase-apply; do
		[ ! -d "$(tgit rev-parse --path-format=absolute --git-path $d)" ] ||
			die "a rebase is going on in $TREE" \
			    "git -C $TREE rebase --continue; make refresh  (git am --continue if it was begun by make edit; or --abort)"
	done
}
base_commit() { tgit rev-list --max-parents=0 HEAD; }
# base_tree: the base without the series, in BASE_TREE.
BASE_TREE=$BUILD/base
base_tree() {
	local base
	[ -d "$OWN_TREE/.git" ] || "$ROOT/scripts/apply"
	base=$(git -C "$OWN_TREE" rev-list --max-parents=0 HEAD)
	[ -e "$BASE_TREE/.git" ] || git -C "$OWN_TREE" worktree add -q --detach "$BASE_TREE" "$base"
	git -C "$BASE_TREE" checkout -q --detach "$base"
}

# The patches of the series, in order, without headings.
series() { sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$PATCHES/series"; }

# The C files and headers that the series touches, of those that the pathspecs name.
touched() { tgit diff --name-only --diff-filter=AM "$(base_commit)" HEAD -- "$@"; }

# Flags of `make` for the kernel.
kmake() {
	locked make --no-print-directory -C "$TREE" O="$OBJ" -j"$(nproc)" LOCALVERSION= \
		KBUILD_BUILD_USER=ldf KBUILD_BUILD_HOST=ldf "${KMAKE_ARGS[@]}" "$@"
}
KMAKE_ARGS=("ARCH=$KARCH" "CROSS_COMPILE=$CROSS")
CCACHE=
if command -v ccache >/dev/null; then
	# Not CCACHE_DEPEND: it does not see .incbin, by which bzImage gets its kernel, and
	# gives back an old kernel if it is compressed to the same size. The name space
	# leaves such entries behind.
	export CCACHE_DIR=${CCACHE_DIR:-$CACHE/ccache} CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G} CCACHE_NAMESPACE=incbin
	unset CCACHE_DEPEND
	CCACHE=ccache
	KMAKE_ARGS+=("CC=$CCACHE ${CC:-${CROSS}gcc}" "HOSTCC=$CCACHE ${HOSTCC:-gcc}")
fi
