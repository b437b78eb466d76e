#!/usr/bin/env python3
"""series.py OLD-SERIES LIST: print the series with the patches of LIST in their
order, each under the heading (# comment lines) of its group in OLD-SERIES.

A patch that was there keeps its group; one that stands where another stood (it
was renamed) takes over that one's group; a new one joins the patch before it."""

import difflib
import sys


def read_groups(path):
    """-> patches in order, {patch: group number}, headings by group number"""
    order, group_of, headings, pending = [], {}, [], []
    for line in open(path):
        line = line.rstrip()
        if not line or line.startswith("#"):
            pending.append(line)
            continue
        if pending or not headings:
            headings.append(pending)
            pending = []
        order.append(line)
        group_of[line] = len(headings) - 1
    return order, group_of, headings, pending


def main(old_path, list_path):
    old, group_of, headings, tail = read_groups(old_path)
    new = open(list_path).read().split()
    groups = {}
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        for j in range(j1, j2):
            i = min(i1 + j - j1, i2 - 1)
            if new[j] in group_of:
                groups[new[j]] = group_of[new[j]]
            elif i >= i1:
                groups[new[j]] = group_of[old[i]]
    printed, current = set(), None
    for name in new:
        group = groups.get(name, 0 if current is None else current)
        if group != current and group not in printed and headings:
            print("\n".join(headings[group]) + "\n" if headings[group] else "", end="")
            printed.add(group)
        current = group
        print(name)
    if tail:
        print("\n".join(tail))


main(*sys.argv[1:])
