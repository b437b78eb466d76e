// SPDX-License-Identifier: GPL-2.0
/*
 * A tour of one huge page: from RAM to a device and back.
 *
 * The device is the test driver of the kernel (lib/test_hmm.c), a GPU without
 * a GPU. The program says what it does, asks the kernel where the page is and
 * how it is mapped, and prints the answer. Then it compares huge pages with
 * base pages.
 *
 * Build:  gcc -static -O2 -I <kernel tree>/lib -o huge-page-tour huge-page-tour.c
 * Exit:   0 if everything that it says about huge pages was seen to be true
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "test_hmm_uapi.h"

#define DEVICE		"/dev/hmm_dmirror0"
#define THP_DIR		"/sys/kernel/mm/transparent_hugepage/"
#define LONG_RANGE	(64UL << 20)	/* what is measured */
#define ROUNDS		5		/* how often; the best one counts */
#define TIME_LIMIT	240		/* seconds, in case the kernel hangs */

#define POLICY_LOCAL	4		/* MPOL_LOCAL of <linux/mempolicy.h> */

#define PM_SWAP		(1ULL << 62)
#define PM_PRESENT	(1ULL << 63)
#define PM_PFN		((1ULL << 55) - 1)

/* What a snapshot of the device's view shows */
#define ON_DEVICE	(HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL | \
			 HMM_DMIRROR_PROT_WRITE)
#define IN_RAM		HMM_DMIRROR_PROT_WRITE

static int device = -1;
static unsigned long page_size, pmd_size;
static unsigned char *mirror;		/* what the device sends us */
static int wrong;			/* claims that were not true */

static void die(const char *fmt, ...)
{
	va_list ap;

	printf("\nhuge-page-tour: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

/* Print one thing that should be true, and whether it is. */
static bool claim(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf("  [%s] ", ok ? " ok " : "FAIL");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!ok)
		wrong++;
	return ok;
}

static void heading(const char *text)
{
	printf("\n%s\n", text);
	fflush(stdout);
}

/* Let the device do something; the number of pages, or a negative error. */
static long command(unsigned long request, void *ptr, unsigned long size)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = (uintptr_t)ptr,
		.ptr = (uintptr_t)mirror,
		.npages = size / page_size,
	};

	while (ioctl(device, request, &cmd))
		if (errno != EINTR)
			return -errno;
	return cmd.cpages;
}

#ifdef HMM_DMIRROR_FLAGS
static bool counters(struct hmm_dmirror_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	return !ioctl(device, HMM_DMIRROR_STATS, stats);
}

static bool set_base_pages_only(bool on)
{
	struct hmm_dmirror_cmd cmd = {
		.npages = on ? HMM_DMIRROR_FLAG_BASE_PAGES : 0,
	};

	return !ioctl(device, HMM_DMIRROR_FLAGS, &cmd);
}
#else	/* a tree without our patches: the program still says what it sees */
#ifndef HMM_DMIRROR_STATS
struct hmm_dmirror_stats {
	uint64_t migrate_to_ram, to_dev_large, to_sys_large;
};
#endif

static bool counters(struct hmm_dmirror_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	return false;
}

static bool set_base_pages_only(bool on)
{
	(void)on;
	return true;
}
#endif

/* Memory of whole huge pages, at an address where they fit */
static char *map_aligned(unsigned long size, bool huge)
{
	char *ptr = mmap(NULL, size + 2 * pmd_size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ptr == MAP_FAILED)
		die("no addresses: %s", strerror(errno));
	ptr = (char *)(((uintptr_t)ptr + pmd_size) & ~(pmd_size - 1));
	if (mmap(ptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		die("no memory: %s", strerror(errno));
	if (madvise(ptr, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		die("this kernel has no transparent huge pages");
	return ptr;
}

/* Every word gets a value of its own. */
static uint64_t word(unsigned long i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ULL;
}

static void fill(void *ptr, unsigned long size)
{
	uint64_t *p = ptr;
	unsigned long i;

	for (i = 0; i < size / sizeof(*p); i++)
		p[i] = word(i);
}

static bool intact(const void *ptr, unsigned long size)
{
	const uint64_t *p = ptr;
	unsigned long i;

	for (i = 0; i < size / sizeof(*p); i++)
		if (p[i] != word(i))
			return false;
	return true;
}

/* How many pages the device sees as @want */
static unsigned long count_pages(void *ptr, unsigned long size,
				 unsigned char want)
{
	unsigned long i, n = 0;

	if (command(HMM_DMIRROR_SNAPSHOT, ptr, size) < 0)
		return 0;
	for (i = 0; i < size / page_size; i++)
		n += mirror[i] == want;
	return n;
}

static unsigned long smaps_kb(void *ptr, const char *field)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kb, addr = (uintptr_t)ptr;
	bool inside = false;
	char line[512];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = addr >= start && addr < end;
		else if (inside && !strncmp(line, field, strlen(field)) &&
			 sscanf(line + strlen(field), ": %lu kB", &kb) == 1) {
			fclose(f);
			return kb;
		}
	}
	fclose(f);
	return 0;
}

/* What pagemap says about one page after the other */
struct pagemap {
	unsigned long	present;	/* pages in RAM */
	unsigned long	swapped;	/* pages that are somewhere else */
	uint64_t	first;		/* page frame number of the first one */
	bool		consecutive;	/* the others follow it */
};

static struct pagemap read_pagemap(char *ptr, unsigned long size)
{
	struct pagemap map = { .consecutive = true };
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned long i;

	for (i = 0; i < size / page_size; i++) {
		uint64_t entry = 0, pfn;
		off_t where = ((uintptr_t)ptr / page_size + i) * sizeof(entry);

		if (pread(fd, &entry, sizeof(entry), where) != sizeof(entry))
			break;
		map.present += !!(entry & PM_PRESENT);
		map.swapped += !!(entry & PM_SWAP);
		/* The numbers of other pages have 5 bits for a type below. */
		pfn = entry & PM_PFN;
		if (entry & PM_SWAP)
			pfn >>= 5;
		if (!i)
			map.first = pfn;
		else if (pfn != map.first + i)
			map.consecutive = false;
	}
	close(fd);
	return map;
}

static void show_memory(char *p)
{
	printf("  smaps:     Rss %lu kB, AnonHugePages %lu kB\n",
	       smaps_kb(p, "Rss"), smaps_kb(p, "AnonHugePages"));
}

static void show_pagemap(const struct pagemap *map)
{
	printf("  pagemap:   %lu pages present, %lu not present but in use, first pfn 0x%llx%s\n",
	       map->present, map->swapped, (unsigned long long)map->first,
	       map->consecutive ? ", the others follow" : "");
}

static bool step_in_ram(char *p)
{
	unsigned long npages = pmd_size / page_size;
	struct pagemap map;
	bool ok;

	fill(p, pmd_size);
	map = read_pagemap(p, pmd_size);
	show_memory(p);
	show_pagemap(&map);
	ok = claim(smaps_kb(p, "AnonHugePages") == pmd_size >> 10 &&
		   map.present == npages,
		   "in RAM, mapped by one PMD entry");
	ok &= claim(count_pages(p, pmd_size, IN_RAM | HMM_DMIRROR_PROT_PMD) ==
		    npages, "the device sees one mapping of %lu pages", npages);
	return ok;
}

static bool step_to_device(char *p)
{
	unsigned long huge, base, npages = pmd_size / page_size;
	struct hmm_dmirror_stats before, after;
	bool counted = counters(&before);
	struct pagemap map;
	long ret;

	ret = command(HMM_DMIRROR_MIGRATE_TO_DEV, p, pmd_size);
	counted &= counters(&after);
	if (!claim(ret == (long)npages && intact(mirror, pmd_size),
		   "the device has all of it, and the right contents"))
		return false;

	map = read_pagemap(p, pmd_size);
	huge = count_pages(p, pmd_size, ON_DEVICE | HMM_DMIRROR_PROT_PMD);
	base = count_pages(p, pmd_size, ON_DEVICE);
	printf("  snapshot:  %lu pages device-private and mapped by a PMD, %lu by PTEs\n",
	       huge, base);
	show_pagemap(&map);
	if (!claim(huge == npages,
		   "on the device, device-private, mapped by one PMD entry")) {
		printf("         This kernel takes huge pages apart before they migrate: the page was not huge on the device.\n");
		return false;
	}
	claim(map.swapped == npages && !map.present && map.consecutive &&
	      !(map.first % npages),
	      "pagemap agrees: nothing in RAM, one block of device memory");
	return claim(counted && after.to_dev_large == before.to_dev_large + 1,
		     "the driver has moved one folio");
}

static bool step_touch(char *p)
{
	unsigned long npages = pmd_size / page_size;
	struct hmm_dmirror_stats before, after;
	bool counted = counters(&before);
	uint64_t *middle = (uint64_t *)(p + pmd_size / 2);
	struct pagemap map;
	bool ok;

	ok = claim(*(volatile uint64_t *)middle ==
		   word(middle - (uint64_t *)p),
		   "the CPU reads one word in the middle");
	counted &= counters(&after);
	map = read_pagemap(p, pmd_size);
	show_memory(p);
	show_pagemap(&map);
	printf("  driver:    %llu CPU fault(s), %llu folio(s) moved back as one\n",
	       (unsigned long long)(after.migrate_to_ram - before.migrate_to_ram),
	       (unsigned long long)(after.to_sys_large - before.to_sys_large));
	ok &= claim(map.present == npages && smaps_kb(p, "AnonHugePages") ==
		    pmd_size >> 10, "back in RAM, still one huge page");
	ok &= claim(counted && after.migrate_to_ram ==
		    before.migrate_to_ram + 1, "by one fault");
	ok &= claim(intact(p, pmd_size), "every word of it is as before");
	return ok;
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* The ways there and back, in nanoseconds for all of the range */
struct journey {
	uint64_t	to_device;
	uint64_t	read;
	uint64_t	back;
	uint64_t	fault;
};

static void best(uint64_t *sofar, uint64_t time)
{
	if (!*sofar || time < *sofar)
		*sofar = time;
}

static uint64_t timed(unsigned long request, char *p, unsigned long size)
{
	uint64_t start = now();

	if (command(request, p, size) != (long)(size / page_size))
		die("the device did not move all of %lu MiB", size >> 20);
	return now() - start;
}

/* Touch each page; as many faults as it takes. */
static uint64_t timed_touch(char *p, unsigned long size)
{
	uint64_t start = now();
	unsigned long i;

	for (i = 0; i < size; i += page_size)
		(void)*(volatile char *)(p + i);
	return now() - start;
}

/*
 * The command that migrates to the device also reads what has arrived there,
 * for us to compare. That is no part of the migration.
 */
static uint64_t to_device(const struct journey *j)
{
	return j->to_device > j->read ? j->to_device - j->read : 1;
}

/* Is each page where it should be, and mapped as it should be? */
static bool all_are(char *p, unsigned long size, bool huge, unsigned char want)
{
	if (huge)
		want |= HMM_DMIRROR_PROT_PMD;
	return count_pages(p, size, want) == size / page_size;
}

static bool travel(char *p, unsigned long size, bool huge, struct journey *j)
{
	bool ok = true;

	best(&j->to_device, timed(HMM_DMIRROR_MIGRATE_TO_DEV, p, size));
	ok &= all_are(p, size, huge, ON_DEVICE);
	best(&j->read, timed(HMM_DMIRROR_READ, p, size));
	best(&j->back, timed(HMM_DMIRROR_MIGRATE_TO_SYS, p, size));
	ok &= all_are(p, size, huge, IN_RAM);
	timed(HMM_DMIRROR_MIGRATE_TO_DEV, p, size);
	best(&j->fault, timed_touch(p, size));
	ok &= all_are(p, size, huge, IN_RAM);
	return ok;
}

static void row(const char *what, uint64_t base, uint64_t huge,
		unsigned long size)
{
	double mib = size >> 20;

	printf("  %-28s %10.1f %10.1f %8.1f x\n", what, base / mib / 1000,
	       huge / mib / 1000, (double)base / huge);
}

static void compare(void)
{
	/* Whole huge pages, whatever their size is here */
	unsigned long size = LONG_RANGE - LONG_RANGE % pmd_size;
	struct journey base = {}, huge = {};
	bool ok_base = true, ok_huge = true;
	char *b = map_aligned(size, false), *h = map_aligned(size, true);
	int i;

	fill(b, size);
	fill(h, size);
	for (i = 0; i < ROUNDS; i++) {
		printf("\r  round %d of %d ", i + 1, ROUNDS);
		fflush(stdout);
		if (!set_base_pages_only(true))
			die("the driver cannot be told to use base pages");
		ok_base &= travel(b, size, false, &base);
		set_base_pages_only(false);
		ok_huge &= travel(h, size, true, &huge);
	}
	printf("\r  %-28s %10s %10s %8s\n", "us per MiB, best of 5",
	       "base pages", "huge pages", "ratio");
	row("RAM to device, by ioctl", to_device(&base), to_device(&huge), size);
	row("device to RAM, by ioctl", base.back, huge.back, size);
	row("device to RAM, by CPU faults", base.fault, huge.fault, size);
	claim(ok_base, "base pages were base pages all the time");
	claim(ok_huge, "huge pages were huge pages all the time");
	claim(intact(b, size) && intact(h, size), "every word is as before");
	claim(to_device(&huge) < to_device(&base) && huge.back < base.back &&
	      huge.fault < base.fault, "huge pages are faster, each way");
}

static unsigned long read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned long val = 0;

	if (f) {
		if (fscanf(f, "%lu", &val) != 1)
			val = 0;
		fclose(f);
	}
	return val;
}

static void prepare(void)
{
	/* Keep the balancing of NUMA nodes from taking the mapping away. */
	syscall(SYS_set_mempolicy, POLICY_LOCAL, NULL, 0);
	page_size = sysconf(_SC_PAGESIZE);
	pmd_size = read_number(THP_DIR "hpage_pmd_size");
	if (!pmd_size)
		die("this kernel has no transparent huge pages (no %shpage_pmd_size)",
		    THP_DIR);
	if (pmd_size > LONG_RANGE)
		die("huge pages of %lu MiB are too large for this tour",
		    pmd_size >> 20);
	device = open(DEVICE, O_RDWR);
	if (device < 0)
		die("cannot open " DEVICE ": %s\n"
		    "The kernel needs CONFIG_TEST_HMM; try \"modprobe test_hmm\".",
		    strerror(errno));
	mirror = mmap(NULL, LONG_RANGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mirror == MAP_FAILED)
		die("no memory: %s", strerror(errno));
	/* Page faults on the mirror must not be measured. */
	memset(mirror, 0, LONG_RANGE);
}

static int verdict(void)
{
	if (wrong)
		printf("\nFAIL: %d claim(s) about huge pages are not true on this kernel.\n",
		       wrong);
	else
		printf("\nPASS: a huge page went to the device and came back, whole each time.\n");
	return wrong ? 1 : 0;
}

int main(void)
{
	bool ok;
	char *p;

	/* Nothing here takes long. A signal ends us if the kernel hangs. */
	alarm(TIME_LIMIT);
	prepare();
	printf("One huge page: %lu kB, which is %lu base pages.\n",
	       pmd_size >> 10, pmd_size / page_size);

	p = map_aligned(pmd_size, true);
	heading("1. The program writes to it.");
	ok = step_in_ram(p);
	if (ok) {
		heading("2. The driver migrates it to the device.");
		ok = step_to_device(p);
	}
	if (ok) {
		heading("3. The CPU touches one word of it.");
		ok = step_touch(p);
	}
	if (ok) {
		heading("4. The same for 64 MiB, in huge pages and in base pages.");
		compare();
	}
	return verdict();
}
