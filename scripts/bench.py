#!/usr/bin/env python3
"""Results of the benchmark: see scripts/bench.

bench.py --write DIR BASE.tsv SERIES.tsv BASE-IPI.tsv SERIES-IPI.tsv VERSION COMPILER
    DIR/benchmark.tsv, with all numbers, and DIR/benchmark.md, a table of them
bench.py --check OLD.tsv SERIES.tsv
    exit status 1 if what a migration costs has grown by more than 2 %
bench.py --same ONE.tsv OTHER.tsv
    exit status 1 if two runs differ by more than 1/200 in memory management; an
    interrupt may fall into a phase or not, so they are not equal
"""
import sys

PHASES = ["setup", "alloc", "init", "copy", "pages", "map", "finalize"]
COLUMNS = ["kernel", "case", "direction", "npages", "total"] + PHASES + ["free", "invalidate"]
MM = ["setup", "init", "pages", "finalize"]
SLACK = 1.02
# What costs at most so many times what something else costs, by page: mm
LIMITS = [
    (("back", "fault"), 1.1, ("huge", "to-ram")),
    (("snapshot", "on-device"), 1.02, ("snapshot", "in-ram")),
    (("64K", "to-device"), 0.2, ("base", "to-device")),
    (("huge-mremap", "to-device"), 1.1, ("huge-by-ptes", "to-device")),
    (("huge-split", "to-device"), 1.15, ("base", "to-device")),
]
NOISE = 1.005


def read(path, kernel):
    rows = []
    for line in open(path):
        case, direction, *numbers = line.rstrip("\n").split("\t")
        rows.append(dict(zip(COLUMNS, [kernel, case, direction] + [int(n) for n in numbers])))
    return rows


def read_old(path):
    lines = [line.rstrip("\n").split("\t") for line in open(path) if not line.startswith("#")]
    return [dict(zip(lines[0], [int(v) if v.isdigit() else v for v in line])) for line in lines[1:]]


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


def per_page(n, row):
    return n / row["npages"]


def read_ipi(path):
    """Interrupts that flushed the TLB of another CPU, per page."""
    rows = [line.rstrip("\n").split("\t") for line in open(path)]
    return {(case, direction): int(n) / int(pages) for case, direction, pages, n in rows}


def write(directory, base, series, base_ipi, series_ipi, version, compiler):
    header = f"# instructions; base: {version}; compiler: {compiler}; config: base; written by make bench\n"
    with open(f"{directory}/benchmark.tsv", "w") as out:
        out.write(header)
        out.write("\t".join(COLUMNS) + "\n")
        for row in base + series:
            out.write("\t".join(str(row[c]) for c in COLUMNS) + "\n")
    plain = {key(r): r for r in base}
    with open(f"{directory}/benchmark.md", "w") as out:
        out.write(f"""# What a migration costs

Instructions per 4 KiB page, counted by QEMU (`-icount shift=0`, one CPU), the same in
each run but for an interrupt here and there (the cheapest of three rounds counts); a `rep` string copy counts one per iteration, caches and IPIs cost nothing.
Written by `make bench`; all numbers are in [benchmark.tsv](benchmark.tsv). "mm" is
memory management: `migrate_vma_setup()`, `_pages()`, `_finalize()` and the
initialisation of device folios; "all" is the migration with the driver's memory, its
page table and the copy. Base: {version}, {compiler}, config `base`.

| case | direction | pages | base: mm | all | series: mm | all | copy | mm, ratio |
|---|---|---|---|---|---|---|---|---|
""")
        for row in series:
            if row["case"] == "warm-up":
                continue
            old = plain.get(key(row))
            cells = [row["case"], row["direction"], str(row["npages"])]
            cells += [f"{per_page(mm(old), old):.0f}", f"{per_page(whole(old), old):.0f}"] if old else ["-", "-"]
            cells += [f"{per_page(f(row), row):.1f}" for f in (mm, whole)]
            cells += [f"{per_page(row['copy'], row):.0f}"]
            cells += [f"{per_page(mm(row), row) / per_page(mm(old), old):.3f}" if old and mm(old) else "-"]
            out.write("| " + " | ".join(cells) + " |\n")
        out.write("""
Interrupts that flush the TLB of a second CPU, which runs another thread of the
process, per page (two CPUs, no `-icount`):

| case | direction | base | series |
|---|---|---|---|
""")
        for k, n in series_ipi.items():
            out.write(f"| {k[0]} | {k[1]} | {base_ipi[k]:.4f} | {n:.4f} |\n")


def limits(rows):
    """Those of LIMITS that were measured"""
    known = {key(r): r for r in rows}
    bad = 0
    for this, factor, other in LIMITS:
        if this not in known or other not in known:
            continue
        ratio = per_page(mm(known[this]), known[this]) / per_page(mm(known[other]), known[other])
        verdict = "ok" if ratio <= factor else "FAIL"
        bad |= verdict == "FAIL"
        print(f"  {verdict} {' '.join(this)}: {ratio:.3f} of {' '.join(other)}, {factor} at most")
    return bad


def check(old, series):
    known = {key(r): r for r in old if r["kernel"] == "series"}
    bad = 0
    for row in series:
        before = known.get(key(row))
        if not before or row["case"] == "warm-up":
            continue
        ratio = mm(row) / mm(before)
        verdict = "ok" if ratio <= SLACK else "FAIL"
        bad |= verdict == "FAIL"
        print(f"  {verdict} {row['case']} {row['direction']}: {per_page(mm(row), row):.1f} a page, {ratio:.3f} of what it was")
    return bad | limits(series)


def same(one, other):
    known = {key(r): r for r in other}
    bad = 0
    for row in one:
        a, b = mm(row), mm(known[key(row)])
        if row["case"] != "warm-up" and max(a, b) > NOISE * min(a, b):
            print(f"  FAIL {row['case']} {row['direction']}: {a} and {b}")
            bad = 1
    return bad


def main():
    if sys.argv[1:2] == ["--write"]:
        directory, base, series, base_ipi, series_ipi, version, compiler = sys.argv[2:]
        write(directory, read(base, "base"), read(series, "series"), read_ipi(base_ipi), read_ipi(series_ipi),
              version, compiler)
        return limits(read(series, "series"))
    if sys.argv[1:2] == ["--check"]:
        old, series = sys.argv[2:]
        return check(read_old(old), read(series, "series"))
    if sys.argv[1:2] == ["--same"]:
        return same(*(read(path, "series") for path in sys.argv[2:]))
    print(__doc__, file=sys.stderr)
    return 2


sys.exit(main())
