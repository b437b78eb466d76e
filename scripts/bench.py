#!/usr/bin/env python3
"""Results of the benchmark: see scripts/bench.

bench.py --write DIR BASE.tsv SERIES.tsv BASE-IPI.tsv SERIES-IPI.tsv ABOUT
    DIR/benchmark.tsv, with all numbers, and DIR/benchmark.md, tables of them and of
    the limits; exit status 1 if something is over the gate of a limit, or was not measured
bench.py --check OLD.tsv SERIES.tsv
    exit status 1 if what a migration costs has grown by more than 2 %, or is over the
    gate of a limit and was not before
bench.py --same ONE.tsv OTHER.tsv
    exit status 1 if two runs differ by more than 1/200 in memory management; an
    interrupt may fall into a phase or not, so they are not equal
bench.py --plot TSV
    the program for gnuplot that draws instructions by the size of folios
bench.py --wall MD BASE.tsv,BASE.tsv... SERIES.tsv,SERIES.tsv... ABOUT
    a table of ratios of time, the runs of the two in pairs

ABOUT is what was measured: base, compiler, config.
"""
import statistics
import sys
from typing import NamedTuple

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


class Limit(NamedTuple):
    """What it is for: @this is at most @goal times @other, or @goal itself. Over
    @gate, which is the goal unless @why says what keeps from that, the benchmark fails."""
    name: str
    this: tuple
    goal: float
    other: tuple = None
    gate: float = None
    why: str = None


def of(measure, case, way, kernel="series"):
    return measure, kernel, case, way


def plain(measure, case, way):
    return of(measure, case, way, "base")


def both(name, measure, case, goal, other, gate=None, why=None):
    """The same limit for both ways; @other takes one."""
    return [Limit(name, of(measure, case, way), goal, other(way), gate, why) for way in WAYS]


def not_above_plain(case):
    return both("not above the base", "mm", case, 1, lambda w: plain("mm", case, w))


def falling():
    cases = list(SIZES.values())
    for smaller, larger in zip(cases, cases[1:]):
        yield from both("the whole falls with the order", "whole", larger, 1, lambda w: of("whole", smaller, w))


def same_for_sizes(case, gate=None, why=None):
    for smaller, larger in (("-2M", ""), ("", "-256M"), ("", "-1024M")):
        yield from both("a longer range costs no more", "mm", case + larger, 1.03,
                        lambda w: of("mm", case + smaller, w), gate, why)


EDGES = "a huge page at each end is split to base pages"
PTES = "512 PTEs are cleared, set, and counted in the rmap one by one: see hmm.rst"
LIMITS = [
    Limit("a huge page in 24,000", of("mm of 2 MiB", "huge", "to-device"), 24000),
    Limit("a huge page in 10,000", of("mm of 2 MiB", "huge", "to-ram"), 10000),
    Limit("the copy is 95 % of both", of("mm", "huge", "to-ram"), 5 / 95, of("copy", "huge", "to-ram")),
    Limit("a fault is as cheap as the driver", of("whole", "back", "fault"), 1.1, of("whole", "huge", "to-ram")),
    *both("unaligned ranges", "whole", "huge-unaligned-orders", 1.1, lambda w: of("whole", "huge", w)),
    *both("unaligned ranges, PMD order only", "whole", "huge-unaligned", 1.1, lambda w: of("whole", "huge", w), 1.25, EDGES),
    Limit("back in pieces of 64K", of("whole", "back-orders", "64K-pieces"), 2, of("whole", "huge", "to-ram")),
    *both("split on the way", "mm", "huge-split", 1.15, lambda w: plain("mm", "base", w)),
    Limit("snapshot of the device", of("mm", "snapshot", "on-device"), 1, of("mm", "snapshot", "in-ram"),
          1.02, "some 30 instructions a huge page, whose PMD is not present"),
    *both("64K, whole", "whole", "64K", 0.6, lambda w: of("whole", "base", w)),
    *both("64K, mm", "mm", "64K", 0.2, lambda w: of("mm", "base", w)),
    *both("PTE-mapped, without the copy", "rest", "huge-by-ptes", 1.3, lambda w: of("rest", "huge", w)),
    Limit("PTE-mapped, mm", of("mm", "huge-by-ptes", "to-device"), 1.5, of("mm", "huge", "to-device"), 3, PTES),
    Limit("PTE-mapped, mm", of("mm", "huge-by-ptes", "to-ram"), 1.5, of("mm", "huge", "to-ram"), 5.5, PTES),
    *both("after mremap() as after mprotect()", "mm", "huge-mremap", 1.1, lambda w: of("mm", "huge-by-ptes", w)),
    *(limit for case in ("base", "base-2M", "base-256M", "base-1024M") for limit in not_above_plain(case)),
    Limit("not above the base", of("mm", "empty-base", "to-device"), 1, plain("mm", "empty-base", "to-device"),
          1.35, "answers are checked, and soft-dirty is kept"),
    Limit("not above the base", of("mm", "empty-base", "to-ram"), 1, plain("mm", "empty-base", "to-ram")),
    *same_for_sizes("huge", 1.6, "some 10 instructions a page more in finalize; where from is not known yet"),
    *same_for_sizes("base", 1.1, "base pages cost more in longer ranges on the base, too"),
    *falling(),
    *(Limit("a shoot-down per batch", of("shoot-downs", case, way), 0.05) for way in WAYS for case in (
        "base", "huge", "64K", "huge-by-ptes", "huge-mremap", "huge-unaligned", "huge-unaligned-orders",
        "empty-base", "empty-huge", "zero-huge", "huge-split")),
]


def label(quantity):
    if not quantity:
        return "-"
    measure, kernel, case, way = quantity
    return f"{case} {way}, {measure}" + (" without the series" if kernel == "base" else "")


def show(value):
    """A count of instructions, or a ratio"""
    return "-" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3f}"


def judge(limit, known):
    """What it is, if that was measured, and the verdict; FAIL is over the gate."""
    if limit.this not in known or limit.other and not known.get(limit.other):
        return None, "FAIL: not measured"
    value = known[limit.this] / (known[limit.other] if limit.other else 1)
    if value <= limit.goal:
        return value, "met"
    if limit.gate and value <= limit.gate:
        return value, f"NOT MET: {limit.why}"
    return value, f"FAIL: over {show(limit.gate or limit.goal)}"


def verdicts(known):
    return [(limit, *judge(limit, known)) for limit in LIMITS]


def word(judged):
    return judged[2].split(":")[0]


def report(judged):
    """Prints verdicts, the worst last, and how many there are; returns whether one failed."""
    judged = sorted(judged, key=lambda j: ("met", "NOT MET", "FAIL").index(word(j)))
    for limit, value, verdict in judged:
        against = f" of {label(limit.other)}" if limit.other else ""
        print(f"  {verdict}: {limit.name}: {label(limit.this)} is {show(value)}{against}, {show(limit.goal)} at most")
    words = [word(j) for j in judged]
    print(f"limits: {words.count('met')} met, {words.count('NOT MET')} not met as is known, "
          f"{words.count('FAIL')} failed")
    return "FAIL" in words


# -- numbers -----------------------------------------------------------------------


def lines_of(path):
    lines = [line.rstrip("\n").split("\t") for line in open(path) if not line.startswith("#")]
    if not lines:
        raise Broken(f"{path}: nothing was measured")
    return lines


def measurement(path, line, columns):
    """The first columns are names; the others numbers, of which the first counts pages."""
    names = columns.index("npages")
    values = [int(field) if field.isdecimal() else None for field in line[names:]]
    if len(line) != len(columns) or None in values or not values[0]:
        raise Broken(f"{path}: not a measurement: {' '.join(line)}")
    return dict(zip(columns, line[:names] + values))


def read(path, kernel):
    return [{"kernel": kernel, **measurement(path, line, COLUMNS[1:])} for line in lines_of(path)]


def read_old(path):
    head, *lines = lines_of(path)
    if head != COLUMNS:
        raise Broken(f"{path}: written by another version")
    return [measurement(path, line, COLUMNS) for line in lines]


def read_ipi(path):
    """Interrupts that flushed the TLB of another CPU, per page."""
    rows = [measurement(path, line, ["case", "direction", "npages", "interrupts"]) for line in lines_of(path)]
    return {key(r): per_page(r["interrupts"], r) for r in rows}


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


MEASURES = {
    "mm": mm,
    "mm of 2 MiB": lambda r: mm(r) * HUGE_PAGES,
    "whole": whole,
    "copy": lambda r: r["copy"],
    "rest": lambda r: whole(r) - r["copy"],
}


def per_page(n, row):
    return n / row["npages"]


def quantities(rows, ipi=None):
    """What limits are about"""
    known = {(m, r["kernel"], *key(r)): per_page(f(r), r) for r in rows for m, f in MEASURES.items()}
    known.update({("shoot-downs", "series", *k): n for k, n in (ipi or {}).items()})
    return known


# -- commands ----------------------------------------------------------------------


def repair(bad):
    if bad:
        print("error: migrations cost too much: FAIL above\nrepair: scripts/bench --profile CASE shows where", file=sys.stderr)
    return bad


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


def write_tsv(path, rows, about):
    with open(path, "w") as out:
        out.write(f"# instructions; {about}; written by make bench\n")
        out.write("\t".join(COLUMNS) + "\n")
        for row in rows:
            out.write("\t".join(str(row[c]) for c in COLUMNS) + "\n")


def write_md(path, base, series, base_ipi, series_ipi, judged, about):
    with open(path, "w") as out:
        out.write(f"""# What a migration costs

Instructions per 4 KiB page, counted by QEMU (`-icount shift=0`, one CPU), the same in
each run but for an interrupt here and there (the cheapest of three rounds counts); a
`rep` string copy counts one per iteration, caches and IPIs cost nothing. Written by
`make bench`; all numbers are in [benchmark.tsv](benchmark.tsv). "mm" is memory
management: `migrate_vma_setup()`, `_pages()`, `_finalize()` and the initialisation of
device folios; "whole" is the migration with the driver's memory, its page table and the
copy. Measured on {about}.

![instructions by the size of folios](benchmark.svg)

The base moves no folios of the sizes between: it has two points.

""")
        table(out, ["case", "direction", "pages", "base: mm", "whole", "series: mm", "whole", "copy", "mm, ratio"],
              costs(base, series))
        out.write("""
## Limits

What costs, per page, at most so many times what something else costs, or so many
instructions. The goal is what it should be, the gate what makes `make bench` fail: the
same, unless it is known what keeps from the goal.

""")
        table(out, ["limit", "what", "of what", "is", "goal", "gate", ""],
              ([limit.name, label(limit.this), label(limit.other), show(value), show(limit.goal),
                show(limit.gate or limit.goal), verdict] for limit, value, verdict in judged))
        out.write("""
## TLB shoot-downs

Interrupts that flush the TLB of a second CPU, which runs another thread of the
process, per page (two CPUs, no `-icount`):

""")
        table(out, ["case", "direction", "base", "series"],
              ([*k, f"{base_ipi[k]:.4f}" if k in base_ipi else "-", f"{n:.4f}"] for k, n in series_ipi.items()))


def write(directory, base_path, series_path, base_ipi_path, series_ipi_path, about):
    base, series = read(base_path, "base"), read(series_path, "series")
    base_ipi, series_ipi = read_ipi(base_ipi_path), read_ipi(series_ipi_path)
    judged = verdicts(quantities(base + series, series_ipi))
    write_tsv(f"{directory}/benchmark.tsv", base + series, about)
    write_md(f"{directory}/benchmark.md", base, series, base_ipi, series_ipi, judged, about)
    return repair(report(judged))


def times(path, row, other):
    """What memory management costs by what it did"""
    if mm(other) <= 0:
        raise Broken(f"{path}: {' '.join(key(other))} costs nothing")
    return mm(row) / mm(other)


def since(old, judged):
    """Of the limits of a few cases; what was over the gate before is for `make bench`."""
    before = {limit: verdict for limit, _, verdict in verdicts(quantities(old))}
    for limit, value, verdict in judged:
        if value is not None:
            recorded = verdict.startswith("FAIL: over") and before[limit].startswith("FAIL: over")
            yield limit, value, f"NOT MET: {verdict[6:]}, as recorded" if recorded else verdict


def check(old_path, path):
    old, series = read_old(old_path), read(path, "series")
    before = {key(r): r for r in old if r["kernel"] == "series"}
    bad = False
    for row in series:
        if key(row) not in before or row["case"] == "warm-up":
            continue
        ratio = times(old_path, row, before[key(row)])
        bad |= ratio > SLACK
        print(f"  {'FAIL' if ratio > SLACK else 'ok'} {' '.join(key(row))}: "
              f"{per_page(mm(row), row):.1f} a page, {ratio:.3f} of what it was")
    judged = verdicts(quantities([r for r in old if r["kernel"] == "base"] + series))
    return repair(report(since(old, judged)) or bad)


def same(path, other_path):
    known = {key(r): r for r in read(other_path, "series")}
    bad = False
    for row in read(path, "series"):
        if row["case"] == "warm-up":
            continue
        if key(row) not in known:
            raise Broken(f"{other_path}: no {' '.join(key(row))}")
        ratio = times(other_path, row, known[key(row)])
        if not 1 / NOISE <= ratio <= NOISE:
            print(f"  FAIL {' '.join(key(row))}: {mm(row)} and {mm(known[key(row)])}")
            bad = True
    return bad


def curves(rows):
    """What is drawn: title, style, points"""
    known = quantities(rows)

    def points(measure, way, kernel="series"):
        costs_of = ((size, known.get(of(measure, case, way, kernel))) for size, case in SIZES.items())
        return [(size, cost) for size, cost in costs_of if cost]

    for kernel, name in (("base", "plain 6.12"), ("series", "with the series")):
        for way in WAYS:
            yield f"{name}, {way}", "linespoints", points("whole", way, kernel)
    yield "the copy alone", 'lines dashtype 2 linecolor "black"', points("copy", "to-device")


def plot(path):
    drawn = [curve for curve in curves(read_old(path)) if curve[2]]
    costs_of = [cost for _, _, points in drawn for _, cost in points]
    if not drawn:
        raise Broken(f"{path}: no case to draw")
    tics = ", ".join(f'"{s}K" {s}' if s < 1024 else f'"{s >> 10}M" {s}' for s in SIZES)
    print(f"""set terminal svg size 800,500 font "sans,12" background "white"
set title "A migration of 64 MiB between RAM and a device"
set xlabel "size of the folios"
set ylabel "instructions per 4 KiB page"
set logscale xy
set xtics ({tics})
set ytics ({", ".join(str(10 ** e * n) for e in range(1, 5) for n in (1, 2, 5))})
set grid
set key outside bottom center horizontal
set xrange [{min(SIZES) / 1.2:.1f}:{max(SIZES) * 1.2:.1f}]
set yrange [{min(costs_of) / 1.2:.1f}:{max(costs_of) * 1.2:.1f}]""")
    for n, (_, _, points) in enumerate(drawn):
        print(f"$line{n} << END\n" + "".join(f"{size} {cost:.1f}\n" for size, cost in points) + "END")
    print("plot " + ", ".join(f'$line{n} with {style} title "{title}"' for n, (title, style, _) in enumerate(drawn)))


# What the base cannot do is compared with what it does instead: it moves no folios that
# are smaller than a PMD.
INSTEAD = {"64K": "base"}


def pair(path, before, after, ratios):
    """Adds the ratios of a boot of the base, and the one of the series behind it."""
    known = {key(r): r for r in before}
    for row in after:
        case, way = key(row)
        old = known.get((case, way)) or known.get((INSTEAD.get(case), way))
        if not old or case == "warm-up":
            continue
        name = case if old["case"] == case else f"{case} against {old['case']}"
        for measure in ("whole", "mm"):
            cost = MEASURES[measure]
            if cost(old) <= 0:
                raise Broken(f"{path}: {case} {way} takes no time")
            ratios.setdefault((name, way, measure), []).append(per_page(cost(row), row) / per_page(cost(old), old))


def wall(out_path, base_paths, series_paths, about):
    base_boots, series_boots = base_paths.split(","), series_paths.split(",")
    if len(base_boots) != len(series_boots):
        raise Broken(f"{len(base_boots)} boots of the base, {len(series_boots)} of the series")
    ratios = {}
    for base, series in zip(base_boots, series_boots):
        pair(base, read(base, "base"), read(series, "series"), ratios)
    with open(out_path, "w") as out:
        out.write(f"""# What a migration takes, against the base

Time with the series by time without it: pairs of boots in turns, two CPUs, the cheapest
of three rounds in each boot; below 1 is faster. Times of emulated guests say little by
themselves, so there are none here. The base moves no folios between base and huge pages:
those stand against its base pages. Written by `scripts/bench --wall {len(base_boots)}`.
Measured on {about}.

""")
        table(out, ["case", "direction", "part", "median", "lowest", "highest", "pairs"],
              ([*k, f"{statistics.median(r):.3f}", f"{min(r):.3f}", f"{max(r):.3f}", str(len(r))]
               for k, r in ratios.items()))


COMMANDS = {"--write": (write, 6), "--check": (check, 2), "--same": (same, 2), "--plot": (plot, 1), "--wall": (wall, 4)}


def main(command=None, *args):
    function, count = COMMANDS.get(command, (None, None))
    if len(args) != count:
        print(__doc__, file=sys.stderr)
        return 2
    return function(*args)


try:
    sys.exit(main(*sys.argv[1:]))
except (Broken, OSError, UnicodeDecodeError) as e:
    sys.exit(f"error: {e}\nrepair: make bench")
