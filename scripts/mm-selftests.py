#!/usr/bin/env python3
"""Compare what the kernel's mm selftests say on the base and with the series.

mm-selftests.py ROWS [--last | --write MARKDOWN]

ROWS has a line "COMMAND, log on the base, log with the series" each, tabs between.
A log ends with "exit status N", that of scripts/boot. Exit status 1 if a single
result differs."""

import argparse
import re
import sys

RESULTS = (
    re.compile(r"^(?P<bad>not )?ok \d+ (- )?(?P<name>.*?)(\s+# (?P<skip>SKIP).*)?$"),
    # uffd-unit-tests
    re.compile(r"^Testing (?P<name>.*)\.\.\. (?P<word>done|skipped|failed)"),
    # khugepaged
    re.compile(r"^(Run test: )(?P<name>.*)$"),
    re.compile(r"^(?P<name>.*\S)\.\.\. ?(?P<word>OK|Fail|Skip)"),
)
WORDS = {"done": "pass", "OK": "pass", "failed": "fail", "Fail": "fail",
         "skipped": "skip", "Skip": "skip", None: "run"}
STATUS = {124: "timed out", 125: "the guest crashed", 126: "the kernel log is not clean",
          137: "killed after its time"}
# What differs from run to run
NOISE = ((r"\x1b\[[0-9;]*m", ""), (r"0x[0-9a-f]+", "0x*"), (r"\b\d+(\.\d+)?( ?(us|ms|s|seconds))\b", "*"))


def read(path):
    """-> [(name, result)] in their order, exit status"""
    results, seen, status = [], {}, None
    for line in open(path, errors="replace"):
        line = line.rstrip()
        for pattern, by in NOISE:
            line = re.sub(pattern, by, line)
        if m := re.match(r"^exit status (\d+)$", line):
            status = int(m.group(1))
        for pattern in RESULTS:
            if not (m := pattern.match(line)):
                continue
            found = m.groupdict()
            name = found["name"]
            if "bad" in found:
                result = "fail" if found["bad"] else "skip" if found["skip"] else "pass"
            else:
                result = WORDS[found.get("word")]
            # The same name can come again.
            seen[name] = seen.get(name, 0) + 1
            results.append((f"{name} ({seen[name]})" if seen[name] > 1 else name, result))
            break
    return results, status


def summary(results, status):
    counts = [f"{n} {word}" for word in ("pass", "fail", "skip")
              if (n := sum(r == word for _, r in results))]
    return ", ".join([STATUS.get(status, f"exit {status}")] + counts)


def compare(base, own):
    """-> what differs, a line each"""
    lines = [] if base[1] == own[1] else ["exit status"]
    before, after = dict(base[0]), dict(own[0])
    lines += [f"{name}: {before.get(name, 'missing')} -> {after.get(name, 'missing')}"
              for name in before | after if before.get(name) != after.get(name)]
    return lines


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("rows")
    ap.add_argument("--last", action="store_true", help="only the last row")
    ap.add_argument("--write", help="a table in Markdown")
    args = ap.parse_args()

    rows = [line.rstrip("\n").split("\t") for line in open(args.rows)]
    table, differing = [], 0
    for command, *logs in rows[-1:] if args.last else rows:
        base, own = map(read, logs)
        lines = compare(base, own)
        differing += bool(lines)
        table.append((command, summary(*base), summary(*own), "; ".join(lines) or "equal"))
        if args.last or lines:
            print(f"{'DIFFERS' if lines else 'equal  '} {command}: {summary(*base)}"
                  + "".join(f"\n        {line}" for line in lines))
    if args.last:
        return 0
    if args.write:
        with open(args.write, "w") as out:
            out.write("# The kernel's own mm selftests\n\n"
                      "On plain 6.12.117 and with the series, in the config `debug`, result by result.\n"
                      "`make mm-selftests` writes this table; `tests/mm-selftests` has the commands.\n\n"
                      "| command | base | with the series | |\n|---|---|---|---|\n")
            out.writelines(f"| `{row[0]}` | {' | '.join(row[1:])} |\n" for row in table)
    print(f"{len(table) - differing} equal, {differing} differ")
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
