#!/usr/bin/env python3
"""Judge the TAP output of one run of hmm-tests.

tap.py RUN OUTPUT [--expect FILE]... [--baseline TSV] [--write TSV] [--also FAILURE]

Prints what is not as expected, then "RUN: N passed, N failed, N skipped".
FILE has lines "RUN TEST STATUS REASON", RUN and TEST are shell globs, STATUS is
skip or fail (or omit, for scripts/hmm-tests: not run). A skip or failure that is not listed counts as failed; so does a
listed one that passes, so that the list stays true. What passed in the
baseline must pass. Exit status 1 if anything failed."""

import argparse
import fnmatch
import re
import sys

RESULT = re.compile(r"^(not )?ok (\d+) (\S+)(?:\s*#\s*(\S+)\s*(.*))?")


def parse(text):
    """-> {test: status}, what is wrong with the output as a whole"""
    results, wrong, plan = {}, [], None
    for line in text.splitlines():
        if m := re.match(r"^1\.\.(\d+)", line):
            plan = int(m.group(1))
        elif line.startswith("Bail out!"):
            wrong.append(line)
        elif m := RESULT.match(line):
            failed, _, name, directive, _ = m.groups()
            if name in results:
                wrong.append(f"{name} reported twice")
            skipped = directive in ("SKIP", "XFAIL")
            results[name] = "fail" if failed else "skip" if skipped else "pass"
    if plan is None:
        wrong.append("no plan (1..N): the tests never started")
    elif plan != len(results):
        wrong.append(f"{plan} tests planned, {len(results)} results: the output is cut")
    return results, wrong


def expectations(path, run):
    """-> [(test glob, status, reason)] of the lines that are about this run"""
    lines = []
    for line in open(path):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(None, 3)
        if len(fields) < 4 or fields[2] not in ("skip", "fail", "omit"):
            sys.exit(f"{path}: not 'RUN TEST skip|fail|omit REASON': {line.strip()}")
        if fields[2] != "omit" and fnmatch.fnmatch(run, fields[0]):
            lines.append((fields[1], fields[2], fields[3].strip()))
    return lines


def read_tsv(path):
    rows = (line.rstrip("\n").split("\t") for line in open(path) if line[0] != "#")
    return {row[0]: row[1] for row in rows}


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("run")
    ap.add_argument("output")
    ap.add_argument("--expect", action="append", default=[])
    ap.add_argument("--baseline")
    ap.add_argument("--write")
    ap.add_argument("--also", help="a failure of the run as a whole")
    args = ap.parse_args()

    results, wrong = parse(open(args.output, errors="replace").read())
    expected = [e for path in args.expect for e in expectations(path, args.run)]
    baseline = read_tsv(args.baseline) if args.baseline else {}
    if args.write and not wrong and not args.also:
        with open(args.write, "w") as out:
            out.write(f"# {args.run}: test, result\n")
            out.writelines(f"{name}\t{status}\n" for name, status in results.items())

    failed = [f"output: {w}" for w in wrong]
    if args.also:
        failed.append(args.also)
    passed = skipped = 0
    for name, status in results.items():
        matching = [e for e in expected if fnmatch.fnmatch(name, e[0])]
        listed = next((e for e in matching if e[1] == status), matching[0] if matching else None)
        if baseline.get(name) == "pass" and status != "pass":
            failed.append(f"{name}: {status}, passed on the base")
        elif listed and status == listed[1]:
            skipped += 1
            print(f"  {status} as expected: {name}: {listed[2]}")
        elif listed:
            failed.append(f"{name}: {status}, expected {listed[1]} ({listed[2]})")
        elif status == "pass":
            passed += 1
        else:
            failed.append(f"{name}: {status}, not expected")
    failed += [f"{name}: missing, passed on the base"
               for name, status in baseline.items() if status == "pass" and name not in results]
    for line in failed:
        print(f"  FAIL {line}")
    print(f"{args.run}: {passed} passed, {len(failed)} failed, {skipped} skipped")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
