# Thin: each target calls one script. TREE= another kernel tree, O= build directory.
CONFIG ?= base
export CONFIG TREE O OUT PATCHES ACCEL MEM CPUS APPEND TIMEOUT MUTANTS SAMPLE GUEST_LOCK
.DEFAULT_GOAL := help
.PHONY: help source apply edit refresh build shell run check stress test baseline mm-selftests bench bisect compile32 mutants clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12
source: ## fetch the kernel source package that BASE pins
	@scripts/get-source
apply: ## assemble build/linux: the base and the series
	@scripts/apply
edit: ## go into the tree to change a patch (PATCH=name.patch)
	@scripts/edit $(PATCH)
refresh: ## export the commits of the tree back to patches/
	@scripts/refresh
build: ## build kernel and guest (CONFIG=base|debug|kasan|nothp|nodevpriv|kmemleak|arm64|arm64-debug|arm64-64k)
	@scripts/build
shell: ## a prompt in the patched guest
	@scripts/boot --shell
run: ## the demo; with CMD="...", a command or a static program in the guest
	@scripts/run $(if $(CMD),"$$CMD")
export CMD
check: ## hmm-tests in the guest of one CONFIG, THP and devices as in the matrix
	@scripts/hmm-tests
stress: ## random operations (SECONDS=60 SEED= JOBS=4 PROCESSES=2 THP=madvise)
	@STRESS_SECONDS="$(SECONDS)" scripts/stress
unexport SECONDS
export SEED JOBS PROCESSES STRESS_ARGS
test: ## everything: checks, builds, guests; ends with one line of counts
	@scripts/run-tests
baseline: ## record the results of the base without the series
	@scripts/baseline
mm-selftests: ## the other mm selftests, on the base and with the series (ONLY='cow khugepaged*')
	@scripts/mm-selftests
export ONLY
bench: ## what migrations cost, in instructions, on the base and with the series
	@scripts/bench
bisect: ## every patch builds in base, nothp, nodevpriv and boots
	@scripts/bisect
mutants: ## break one protection at a time: do the tests notice? (MUTANTS='H12-* H4*' SAMPLE=10)
	@scripts/mutants
compile32: ## compile mm/ for 32-bit x86 and ARM
	@scripts/compile32
clean: ## remove build/ (downloads and the compiler cache stay)
	@rm -rf build
