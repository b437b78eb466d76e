#!/usr/bin/env python3
"""Results of the benchmark: see scripts/bench.

bench.py --write DIR BASE.tsv SERIES.tsv BASE-IPI.tsv SERIES-IPI.tsv VERSION COMPILER
    DIR/benchmark.tsv, with all numbers, and DIR/benchmark.md, a table of them; exit
    status 1 if a limit is missed that is not known to be
bench.py --check OLD.tsv SERIES.tsv
    exit status 1 if what a migration costs has grown by more than 2 %, or as above
bench.py --same ONE.tsv OTHER.tsv
    exit status 1 if two runs differ by more than 1/200 in memory management; an
    interrupt may fall into a phase or not, so they are not equal
bench.py --plot TSV
    the program for gnuplot that draws instructions by the size of folios
bench.py --wall MD BASE.tsv,BASE.tsv... SERIES.tsv,SERIES.tsv... VERSION COMPILER ACCEL
    a table of ratios of time, the runs of the two in pairs
"""
import statistics
import sys

PHASES = ["setup", "alloc", "init", "copy", "pages", "map", "finalize"]
COLUMNS = ["kernel", "case", "direction", "npages", "total"] + PHASES + ["free", "invalidate"]
MM = ["setup", "init", "pages", "finalize"]
SLACK = 1.02
NOISE = 1.005
HUGE_PAGES = 512  # pages of a folio that a PMD maps
WAYS = ["to-device", "to-ram"]
# The sizes that are drawn, in KiB, and their cases
SIZES = {4: "base", 16: "16K", 32: "32K", 64: "64K", 128: "128K", 256: "256K", 512: "512K",
         1024: "1024K", 2048: "huge"}


class Broken(Exception):
    """A file that is not what it should be"""


# -- limits ------------------------------------------------------------------------


def of(measure, case, way, kernel="series"):
    return measure, kernel, case, way


def plain(measure, case, way):
    return of(measure, case, way, "base")


def both(name, this, factor, other, known_miss=None):
    """The same limit for both ways; @this and @other take one."""
    return [(name, this(way), factor, other(way), known_miss) for way in WAYS]


def falling():
    cases = list(SIZES.values())
    for smaller, larger in zip(cases, cases[1:]):
        yield from both("the whole falls with the order", lambda w, c=larger: of("whole", c, w), 1,
                        lambda w, c=smaller: of("whole", c, w))


def not_above_plain(case, ways, known_miss=None):
    return [("not above the base", of("mm", case, way), 1, plain("mm", case, way), known_miss) for way in ways]


# What it is for; what is at most so many times what, per page, where None is one
# instruction; why it is missed, if that is known. What was not measured is left out.
LIMITS = [
    ("a huge page at most 24,000", of("mm", "huge", "to-device"), 24000 / HUGE_PAGES, None, None),
    ("a huge page at most 10,000", of("mm", "huge", "to-ram"), 10000 / HUGE_PAGES, None, None),
    ("the copy is 95 % of both", of("mm", "huge", "to-ram"), 5 / 95, of("copy", "huge", "to-ram"), None),
    ("a fault is as cheap as the driver", of("whole", "back", "fault"), 1.1, of("whole", "huge", "to-ram"), None),
    *both("unaligned ranges", lambda w: of("whole", "huge-unaligned-orders", w), 1.1, lambda w: of("whole", "huge", w)),
    *both("unaligned ranges, PMD order only", lambda w: of("whole", "huge-unaligned", w), 1.1,
          lambda w: of("whole", "huge", w), "a huge page at each end is split to base pages"),
    ("back in pieces of 64K", of("whole", "back-orders", "64K-pieces"), 2, of("whole", "huge", "to-ram"), None),
    ("split on the way", of("mm", "huge-split", "to-device"), 1.15, plain("mm", "base", "to-device"), None),
    ("snapshot of the device", of("mm", "snapshot", "on-device"), 1.02, of("mm", "snapshot", "in-ram"), None),
    *both("64K, whole", lambda w: of("whole", "64K", w), 0.6, lambda w: of("whole", "base", w)),
    *both("64K, mm", lambda w: of("mm", "64K", w), 0.2, lambda w: of("mm", "base", w)),
    *both("PTE-mapped, without the copy", lambda w: of("rest", "huge-by-ptes", w), 1.3, lambda w: of("rest", "huge", w)),
    *both("PTE-mapped, mm", lambda w: of("mm", "huge-by-ptes", w), 1.5, lambda w: of("mm", "huge", w),
          "512 PTEs are cleared, set, and counted in the rmap one by one: see hmm.rst"),
    *both("after mremap() as after mprotect()", lambda w: of("mm", "huge-mremap", w), 1.1,
          lambda w: of("mm", "huge-by-ptes", w)),
    *not_above_plain("base", WAYS),
    *not_above_plain("base-2M", WAYS),
    *not_above_plain("base-1024M", WAYS),
    *not_above_plain("empty-base", ["to-device"], "answers are checked, and soft-dirty is kept"),
    ("the size does not matter", of("mm", "huge-1024M", "to-device"), 1.03, of("mm", "huge", "to-device"), None),
    ("the size does not matter", of("mm", "huge-1024M", "to-ram"), 1.03, of("mm", "huge-256M", "to-ram"), None),
    *falling(),
    *(("a shoot-down per batch", of("shoot-downs", case, "to-device"), 0.05, None, None)
      for case in ["base", "huge", "64K", "huge-by-ptes", "huge-mremap", "huge-unaligned"]),
]


def judge(known):
    """Of each limit that was measured: name, ours, what it is compared with, ratio, bound, met, why not"""
    for name, this, factor, other, why in LIMITS:
        if this not in known or (other and other not in known):
            continue
        ratio = known[this] / (known[other] if other else 1)
        yield name, this, other, ratio, factor, ratio <= factor, why


def label(quantity):
    measure, kernel, case, way = quantity
    return f"{case} {way}, {measure}" + (", base" if kernel == "base" else "")


def verdict(met, why):
    if met:
        return "ok (known to be missed: not any more)" if why else "ok"
    return f"missed: {why}" if why else "FAIL"


def limits(known):
    bad = 0
    for name, this, other, ratio, factor, met, why in judge(known):
        bad |= not met and not why
        against = f" of {label(other)}" if other else ""
        print(f"  {verdict(met, why)}: {name}: {label(this)} is {ratio:.3f}{against}, {factor:.3f} at most")
    return bad


# -- numbers -----------------------------------------------------------------------


def numbers(path, fields, columns):
    values = [int(f) if f.isdigit() else None for f in fields]
    if len(fields) != len(columns) or None in values or not values[0]:
        raise Broken(f"{path}: not a measurement: {' '.join(fields)}")
    return dict(zip(columns, values))


def read(path, kernel):
    rows = []
    for line in open(path):
        case, direction, *fields = line.rstrip("\n").split("\t")
        rows.append({"kernel": kernel, "case": case, "direction": direction, **numbers(path, fields, COLUMNS[3:])})
    if not rows:
        raise Broken(f"{path}: nothing was measured")
    return rows


def read_old(path):
    lines = [line.rstrip("\n").split("\t") for line in open(path) if not line.startswith("#")]
    if not lines or lines[0] != COLUMNS:
        raise Broken(f"{path}: written by another version")
    return [{**dict(zip(COLUMNS[:3], line)), **numbers(path, line[3:], COLUMNS[3:])} for line in lines[1:]]


def read_ipi(path):
    """Interrupts that flushed the TLB of another CPU, per page."""
    rows = [line.rstrip("\n").split("\t") for line in open(path)]
    return {(case, direction): int(n) / int(pages) for case, direction, pages, n in rows}


def key(row):
    return row["case"], row["direction"]


def inside(row):
    """What the driver frees in finalize; after a CPU fault, that is later."""
    return 0 if row["direction"] == "fault" else row["free"]


def mm(row):
    """Memory management: without the driver's memory, table, notifier and copy."""
    return sum(row[p] for p in MM) - inside(row) - row["invalidate"]


def whole(row):
    """The migration: without the system call and what the driver reads back."""
    return sum(row[p] for p in PHASES) + row["free"] - inside(row)


MEASURES = {"mm": mm, "whole": whole, "copy": lambda r: r["copy"], "rest": lambda r: whole(r) - r["copy"]}


def per_page(n, row):
    return n / row["npages"]


def quantities(rows, ipi=None):
    """What limits are about"""
    known = {(m, r["kernel"], *key(r)): per_page(f(r), r) for r in rows for m, f in MEASURES.items()}
    known.update({("shoot-downs", "series", *k): n for k, n in (ipi or {}).items()})
    return known


# -- commands ----------------------------------------------------------------------


def table(out, head, lines):
    out.write("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|\n")
    for line in lines:
        out.write("| " + " | ".join(line) + " |\n")


def costs(base, series):
    known = {key(r): r for r in base}
    for row in series:
        if row["case"] == "warm-up":
            continue
        old = known.get(key(row))
        cells = [row["case"], row["direction"], str(row["npages"])]
        cells += [f"{per_page(mm(old), old):.0f}", f"{per_page(whole(old), old):.0f}"] if old else ["-", "-"]
        cells += [f"{per_page(f(row), row):.1f}" for f in (mm, whole)]
        cells += [f"{per_page(row['copy'], row):.0f}"]
        cells += [f"{per_page(mm(row), row) / per_page(mm(old), old):.3f}" if old and mm(old) else "-"]
        yield cells


def write(directory, base, series, base_ipi, series_ipi, version, compiler):
    known = quantities(base + series, series_ipi)
    with open(f"{directory}/benchmark.tsv", "w") as out:
        out.write(f"# instructions; base: {version}; compiler: {compiler}; config: base; written by make bench\n")
        out.write("\t".join(COLUMNS) + "\n")
        for row in base + series:
            out.write("\t".join(str(row[c]) for c in COLUMNS) + "\n")
    with open(f"{directory}/benchmark.md", "w") as out:
        out.write(f"""# What a migration costs

Instructions per 4 KiB page, counted by QEMU (`-icount shift=0`, one CPU), the same in
each run but for an interrupt here and there (the cheapest of three rounds counts); a
`rep` string copy counts one per iteration, caches and IPIs cost nothing. Written by
`make bench`; all numbers are in [benchmark.tsv](benchmark.tsv). "mm" is memory
management: `migrate_vma_setup()`, `_pages()`, `_finalize()` and the initialisation of
device folios; "whole" is the migration with the driver's memory, its page table and the
copy. Base: {version}, {compiler}, config `base`.

![instructions by the size of folios](benchmark.svg)

""")
        table(out, ["case", "direction", "pages", "base: mm", "whole", "series: mm", "whole", "copy", "mm, ratio"],
              costs(base, series))
        out.write("""
## Limits

What costs, per page, at most so many times what something else costs, or so many
instructions. `make bench` fails if one is missed without a reason.

""")
        table(out, ["limit", "what", "of what", "is", "at most", ""],
              ([name, label(this), label(other) if other else "-", f"{ratio:.3f}", f"{factor:.3f}", verdict(met, why)]
               for name, this, other, ratio, factor, met, why in judge(known)))
        out.write("""
## TLB shoot-downs

Interrupts that flush the TLB of a second CPU, which runs another thread of the
process, per page (two CPUs, no `-icount`):

""")
        table(out, ["case", "direction", "base", "series"],
              ([*k, f"{base_ipi[k]:.4f}", f"{n:.4f}"] for k, n in series_ipi.items()))
    return limits(known)


def check(old, series):
    before = {key(r): r for r in old if r["kernel"] == "series"}
    bad = 0
    for row in series:
        if key(row) not in before or row["case"] == "warm-up":
            continue
        ratio = mm(row) / mm(before[key(row)])
        grown = ratio > SLACK
        bad |= grown
        print(f"  {'FAIL' if grown else 'ok'} {row['case']} {row['direction']}: "
              f"{per_page(mm(row), row):.1f} a page, {ratio:.3f} of what it was")
    return bad | limits(quantities([r for r in old if r["kernel"] == "base"] + series))


def same(one, other):
    known = {key(r): r for r in other}
    bad = 0
    for row in one:
        a, b = mm(row), mm(known[key(row)])
        if row["case"] != "warm-up" and max(a, b) > NOISE * min(a, b):
            print(f"  FAIL {row['case']} {row['direction']}: {a} and {b}")
            bad = 1
    return bad


def plot(rows):
    known = quantities(rows)
    names = {"base": "plain 6.12 (moves 4K and 2M only)", "series": "with the series"}
    lines = {f"{names[kernel]}, {way}": [(size, known[of("whole", case, way, kernel)]) for size, case in SIZES.items()
                                         if of("whole", case, way, kernel) in known]
             for kernel in names for way in WAYS}
    lines["the copy alone"] = [(size, known[of("copy", case, "to-device")]) for size, case in SIZES.items()
                               if of("copy", case, "to-device") in known]
    tics = ", ".join(f'"{s}K" {s}' if s < 1024 else f'"{s >> 10}M" {s}' for s in SIZES)
    print(f"""set terminal svg size 800,500 font "sans,12" background "white"
set title "A migration of 64 MiB between RAM and a device"
set xlabel "size of the folios"
set ylabel "instructions per 4 KiB page"
set logscale xy
set xtics ({tics})
set ytics (500, 1000, 2000, 4000, 8000)
set grid
set key outside bottom center horizontal
set yrange [400:8000]""")
    for n, points in enumerate(lines.values()):
        print(f"$line{n} << END\n" + "".join(f"{s} {v:.1f}\n" for s, v in points) + "END")
    print("plot " + ", ".join(f'$line{n} with {"lines dashtype 2 linecolor black" if name == "the copy alone" else "linespoints"} title "{name}"'
                              for n, name in enumerate(lines)))
    return 0


def wall(path, base, series, version, compiler, accel):
    """@base and @series have the rows of each boot, measured in turns."""
    ratios = {}
    for before, after in zip(base, series):
        known = {key(r): r for r in before}
        for row in after:
            if row["case"] == "warm-up" or key(row) not in known:
                continue
            for measure in ("whole", "mm"):
                f = MEASURES[measure]
                ratios.setdefault((*key(row), measure), []).append(f(row) / f(known[key(row)]))
    with open(path, "w") as out:
        out.write(f"""# What a migration takes, against the base

Time with the series by time without it: pairs of boots in turns, two CPUs, the cheapest
of three rounds in each boot. Times of emulated guests say little by themselves, so there
are none here. Written by `scripts/bench --wall {len(base)}`. Base: {version}, {compiler},
config `base`, {accel}.

""")
        table(out, ["case", "direction", "", "median", "lowest", "highest", "boots"],
              ([*k, f"{statistics.median(r):.3f}", f"{min(r):.3f}", f"{max(r):.3f}", str(len(r))]
               for k, r in ratios.items()))
    return 0


def main():
    command, args = sys.argv[1:2], sys.argv[2:]
    if command == ["--write"] and len(args) == 7:
        directory, base, series, base_ipi, series_ipi, *about = args
        return write(directory, read(base, "base"), read(series, "series"), read_ipi(base_ipi), read_ipi(series_ipi),
                     *about)
    if command == ["--check"] and len(args) == 2:
        return check(read_old(args[0]), read(args[1], "series"))
    if command == ["--same"] and len(args) == 2:
        return same(*(read(path, "series") for path in args))
    if command == ["--plot"] and len(args) == 1:
        return plot(read_old(args[0]))
    if command == ["--wall"] and len(args) == 6:
        runs = ([read(path, kernel) for path in paths.split(",")] for kernel, paths in zip(("base", "series"), args[1:3]))
        return wall(args[0], *runs, *args[3:])
    print(__doc__, file=sys.stderr)
    return 2


try:
    sys.exit(main())
except (Broken, OSError, ValueError) as e:
    sys.exit(f"error: {e}\nrepair: make bench")
