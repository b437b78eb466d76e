// SPDX-License-Identifier: GPL-2.0
/*
 * What a migration to the test device and back costs, phase by phase.
 *
 *   migration-bench [CASE...]   all cases, or these
 *   migration-bench -c CASE...  one huge page, or a few small ones, from a cold
 *                               start, for who steps through it
 *   migration-bench -i          instead, the interrupts that flush the TLB of another
 *                               CPU, on which a thread of ours runs: case, direction,
 *                               pages, interrupts
 *
 * Prints a line for each measurement, tabs between: case, direction, pages, and in
 * cycles: total (as user space sees it), setup, alloc, init, copy, pages, map,
 * finalize, free, invalidate. Every page that was moved is looked at. The clock is that of
 * get_cycles(), which counts instructions in a guest with -icount shift=0.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test_hmm_uapi.h"

#define THP	"/sys/kernel/mm/transparent_hugepage/"
#define MIB	(1UL << 20)
#define HUGE	(2 * MIB)
#define PIECE	(16 * MIB)	/* of one command */

static size_t page_size;
static int fd;
static char *mirror;		/* what the device has read */

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "migration-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	uint64_t now;

	asm volatile("mrs %0, cntvct_el0" : "=r" (now));
	return now;
#endif
}

static bool write_file(const char *path, const char *val)
{
	int f = open(path, O_WRONLY);
	bool ok = f >= 0 && write(f, val, strlen(val)) == (ssize_t)strlen(val);

	if (f >= 0)
		close(f);
	return ok;
}

static bool set_size(unsigned long kb, const char *val)
{
	char path[128];

	snprintf(path, sizeof(path), THP "hugepages-%lukB/enabled", kb);
	return write_file(path, val);
}

/* How the memory of a case is made, and what the driver is told */
struct shape {
	const char	*name;
	unsigned long	kb;		/* folios of this size, 0: base pages */
	bool		by_ptes;	/* huge pages that PTEs map */
	bool		moved;		/* after an unaligned mremap() */
	bool		unaligned;	/* the range begins behind a huge page */
	bool		empty;
	bool		zero;		/* the huge zero page */
	bool		orders;		/* the driver takes all orders */
	bool		no_huge;	/* the device has base pages only */
};

static const struct shape shapes[] = {
	{ .name = "base" },
	{ .name = "huge", .kb = 2048 },
	{ .name = "16K", .kb = 16, .orders = true },
	{ .name = "32K", .kb = 32, .orders = true },
	{ .name = "64K", .kb = 64, .orders = true },
	{ .name = "128K", .kb = 128, .orders = true },
	{ .name = "256K", .kb = 256, .orders = true },
	{ .name = "512K", .kb = 512, .orders = true },
	{ .name = "1024K", .kb = 1024, .orders = true },
	{ .name = "huge-by-ptes", .kb = 2048, .by_ptes = true, .orders = true },
	{ .name = "huge-mremap", .kb = 2048, .moved = true, .orders = true },
	{ .name = "huge-unaligned", .kb = 2048, .unaligned = true },
	{ .name = "huge-unaligned-orders", .kb = 2048, .unaligned = true,
	  .orders = true },
	{ .name = "empty-base", .empty = true },
	{ .name = "empty-huge", .kb = 2048, .empty = true },
	{ .name = "zero-huge", .kb = 2048, .zero = true },
	{ .name = "huge-split", .kb = 2048, .no_huge = true },
};

#define NR_SHAPES	(sizeof(shapes) / sizeof(shapes[0]))

static const struct shape all_orders = { .kb = 2048, .orders = true };

static char *map(size_t size)
{
	char *p = mmap(NULL, size + 2 * HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
}

static void touch(char *p, size_t size)
{
	size_t i;

	for (i = 0; i < size; i += page_size)
		*(volatile uint64_t *)(p + i) = i + 1;
}

static void check(const struct shape *s, const char *p, size_t size)
{
	bool none = s->empty || s->zero;
	size_t i;

	for (i = 0; i < size; i += page_size) {
		if (*(volatile uint64_t *)(p + i) == (none ? 0 : i + 1))
			continue;
		errno = 0;
		die("wrong contents");
	}
}

static char *make(const struct shape *s, size_t size)
{
	char *p, *to;
	size_t i;

	if (s->kb && s->kb < 2048) {
		set_size(2048, "never");
		if (!set_size(s->kb, "always"))
			return NULL;
	} else {
		set_size(2048, "inherit");
		write_file(THP "enabled", "always");
	}
	p = map(size + HUGE);
	if (!s->kb)
		madvise(p, size + HUGE, MADV_NOHUGEPAGE);
	if (s->zero)
		for (i = 0; i < size; i += HUGE)
			*(volatile char *)(p + i);
	else if (!s->empty)
		touch(p, size);
	/* Nobody holds references for later: the base would skip such folios. */
	write_file("/proc/sys/vm/drop_caches", "1");
	for (i = 0; s->by_ptes && i < size; i += HUGE)
		if (mprotect(p + i, page_size, PROT_READ) ||
		    mprotect(p + i, page_size, PROT_READ | PROT_WRITE))
			die("mprotect");
	if (s->moved) {
		to = map(size + 2 * HUGE) + page_size;
		if (mremap(p, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to)
			die("mremap");
		return to;
	}
	return p;
}

static int command(unsigned long request, char *p, size_t size)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = (uintptr_t)p,
		.ptr = (uintptr_t)mirror,
		.npages = size / page_size,
	};

	while (ioctl(fd, request, &cmd))
		if (errno != EINTR)
			return -errno;
	return 0;
}

/*
 * By pieces, of which the first began @offset bytes before @p. Returns false if the
 * driver finds that some pages have not moved.
 */
static bool commands(unsigned long request, char *p, size_t offset, size_t size,
		     size_t piece)
{
	size_t i, n;
	int err;

	for (i = 0; i < size; i += n) {
		n = piece - (offset + i) % piece;
		if (n > size - i)
			n = size - i;
		err = command(request, p + i, n);
		if (err == -ENOENT)
			return false;
		if (err)
			die("command");
	}
	return true;
}

static void set_driver(const struct shape *s, bool wide)
{
#ifdef HMM_DMIRROR_ORDERS
	struct hmm_dmirror_cmd orders = {
		.addr = s->orders ? ~3UL : 0,
		.npages = s->no_huge,
	};
	struct hmm_dmirror_cmd flags = {
		.npages = wide ? HMM_DMIRROR_FLAG_WIDE : 0,
	};

	if (ioctl(fd, HMM_DMIRROR_ORDERS, &orders) ||
	    ioctl(fd, HMM_DMIRROR_FLAGS, &flags))
		die("HMM_DMIRROR_ORDERS");
#endif
}

static uint64_t begin(void)
{
	struct hmm_dmirror_cost cost;

	if (ioctl(fd, HMM_DMIRROR_COST, &cost))
		die("HMM_DMIRROR_COST");
	return cycles();
}

/*
 * The cheapest round of each measurement: what the kernel does for itself now and
 * then costs as much as hundreds of pages.
 */
#define ROUNDS		3
#define MAX_RESULTS	128

static struct result {
	char			name[32];
	const char		*direction;
	size_t			pages;
	uint64_t		total;
	struct hmm_dmirror_cost	cost;
} results[MAX_RESULTS];

static uint64_t management(const struct hmm_dmirror_cost *c)
{
	return c->setup + c->init + c->pages + c->finalize;
}

static void end(uint64_t since, const char *name, const char *direction,
		size_t size)
{
	uint64_t total = cycles() - since;
	struct hmm_dmirror_cost cost;
	struct result *r;

	if (ioctl(fd, HMM_DMIRROR_COST, &cost))
		die("HMM_DMIRROR_COST");
	for (r = results; r->pages; r++) {
		if (strcmp(r->name, name) || strcmp(r->direction, direction))
			continue;
		if (management(&r->cost) <= management(&cost))
			return;
		break;
	}
	if (r == results + MAX_RESULTS - 1)
		die("too many results");
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->direction = direction;
	r->pages = size / page_size;
	r->total = total;
	r->cost = cost;
}

static void print_results(void)
{
	const struct result *r;

	for (r = results; r->pages; r++) {
		const struct hmm_dmirror_cost *c = &r->cost;

		printf("%s\t%s\t%zu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n",
		       r->name, r->direction, r->pages,
		       (unsigned long long)r->total, c->setup, c->alloc,
		       c->init, c->copy, c->pages, c->map, c->finalize, c->free,
		       c->invalidate);
	}
}

/* There by command, back in one of several ways */
static void there_and_back(const struct shape *s, const char *name, size_t size)
{
	char *p = make(s, size);
	uint64_t since;
	size_t offset;

	if (!p)
		return;
	offset = s->unaligned ? 17 * page_size : 0;
	size -= offset;
	set_driver(s, s->moved);
	since = begin();
	/* The base moves no page of a large folio that PTEs map. */
	if (commands(HMM_DMIRROR_MIGRATE_TO_DEV, p + offset, offset, size, PIECE)) {
		end(since, name, "to-device", size);
		since = begin();
		if (!commands(HMM_DMIRROR_MIGRATE_TO_SYS, p + offset, offset, size, PIECE))
			die("not all has come back");
		end(since, name, "to-ram", size);
		check(s, p, offset + size);
	} else {
		fprintf(stderr, "%s: stays\n", name);
	}
	munmap(p, size);
	if (s->kb && s->kb < 2048)
		set_size(s->kb, "never");
}

/* What comes back by CPU faults, in small pieces, or by eviction */
static void back(const char *name, size_t size, const char *how,
		 const struct shape *s)
{
	char *p = make(s, size);
	uint64_t since;

	set_driver(s, false);
	commands(HMM_DMIRROR_MIGRATE_TO_DEV, p, 0, size, PIECE);
	if (s->orders)
		set_size(64, "always");
	since = begin();
	if (!strcmp(how, "fault"))
		touch(p, size);
	else if (!strcmp(how, "evict"))
		command(HMM_DMIRROR_RELEASE, p, page_size);
	else
		commands(HMM_DMIRROR_MIGRATE_TO_SYS, p, 0, size, 65536);
	end(since, name, how, size);
	set_size(64, "never");
	check(s, p, size);
	munmap(p, size);
}

static void snapshot(size_t size)
{
	const struct shape *s = &shapes[1];
	char *p = make(s, size);
	uint64_t since;

	set_driver(s, false);
	since = begin();
	commands(HMM_DMIRROR_SNAPSHOT, p, 0, size, size);
	end(since, "snapshot", "in-ram", size);
	commands(HMM_DMIRROR_MIGRATE_TO_DEV, p, 0, size, PIECE);
	since = begin();
	commands(HMM_DMIRROR_SNAPSHOT, p, 0, size, size);
	end(since, "snapshot", "on-device", size);
	munmap(p, size);
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void *spin(void *cpu)
{
	run_on((intptr_t)cpu);
	for (;;)
		__atomic_load_n(mirror, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Interrupts that flush the TLB, of all CPUs */
static unsigned long shootdowns(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	unsigned long sum = 0, n;
	char line[512], *p;

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, "TLB:");
		if (!p)
			continue;
		for (p += 4; sscanf(p, "%lu", &n) == 1; sum += n)
			p += strspn(p, " ") + strcspn(p + strspn(p, " "), " ");
	}
	if (f)
		fclose(f);
	return sum;
}

static void interrupts(const struct shape *s, size_t size)
{
	char *p = make(s, size);
	unsigned long before;

	set_driver(s, false);
	before = shootdowns();
	commands(HMM_DMIRROR_MIGRATE_TO_DEV, p, 0, size, PIECE);
	printf("%s\tto-device\t%zu\t%lu\n", s->name, size / page_size,
	       shootdowns() - before);
	before = shootdowns();
	commands(HMM_DMIRROR_MIGRATE_TO_SYS, p, 0, size, PIECE);
	printf("%s\tto-ram\t%zu\t%lu\n", s->name, size / page_size,
	       shootdowns() - before);
	munmap(p, size);
}

static int all_interrupts(void)
{
	pthread_t thread;
	size_t i;

	run_on(0);
	if (pthread_create(&thread, NULL, spin, (void *)1L))
		die("pthread_create");
	for (i = 0; i < NR_SHAPES; i++)
		if (!shapes[i].kb || shapes[i].kb == 64 || shapes[i].kb == 2048)
			interrupts(&shapes[i], 64 * MIB);
	return 0;
}

static bool chosen(int argc, char **argv, const char *name)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(name, argv[i]))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	static const unsigned long sizes[] = { 2, 256, 1024 };
	char name[32];
	size_t i, k, n, size;
	bool cold;

	/* No output before the end: the host answers it when it gets round to. */
	setvbuf(stdout, NULL, _IOFBF, 65536);
	/* Nobody else works on memory. */
	write_file(THP "khugepaged/scan_sleep_millisecs", "1000000000");
	write_file("/proc/sys/vm/compaction_proactiveness", "0");
	/* Say nothing of drop_caches: the console is slow. */
	write_file("/proc/sys/vm/drop_caches", "4");
	page_size = sysconf(_SC_PAGESIZE);
	fd = open("/dev/hmm_dmirror0", O_RDWR);
	mirror = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (fd < 0 || mirror == MAP_FAILED)
		die("/dev/hmm_dmirror0");

	if (argc > 1 && !strcmp(argv[1], "-i"))
		return all_interrupts();
	cold = argc > 1 && !strcmp(argv[1], "-c");
	/* The first run pays for what the kernel sets up once. */
	if (!cold)
		there_and_back(&shapes[0], "warm-up", PIECE);
	for (i = 0; i < NR_SHAPES; i++) {
		size = cold && !shapes[i].kb ? 16 * page_size :
		       cold ? HUGE : 64 * MIB;
		for (k = 0; k < ROUNDS && chosen(argc, argv, shapes[i].name); k++)
			there_and_back(&shapes[i], shapes[i].name, size);
	}
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (k = 0; k < 2; k++) {
			snprintf(name, sizeof(name), "%s-%luM", shapes[k].name,
				 sizes[i]);
			/* With so many pages, one round will do. */
			n = sizes[i] > 64 ? 1 : ROUNDS;
			for (; n && chosen(argc, argv, name); n--)
				there_and_back(&shapes[k], name, sizes[i] * MIB);
		}
	}
	for (k = 0; k < ROUNDS && chosen(argc, argv, "back"); k++) {
		back("back", 64 * MIB, "fault", &shapes[1]);
		back("back", 64 * MIB, "evict", &shapes[1]);
		back("back", 64 * MIB, "64K-pieces", &shapes[1]);
		back("back-orders", 64 * MIB, "64K-pieces", &all_orders);
	}
	if (chosen(argc, argv, "snapshot"))
		snapshot(1024 * MIB);
	print_results();
	return 0;
}
