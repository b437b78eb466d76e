"""Instructions of each kernel function, by single steps: a script of gdb for
`scripts/bench --profile`. Takes from the environment:
    SOCKET      of QEMU's gdb stub
    FUNCTIONS   to step through until they return, names with blanks between
    CALLS       of the last of them, after which it ends
Prints for each of them, tabs between, the instructions of all that it calls.
"""
import collections
import os

import gdb

functions = os.environ["FUNCTIONS"].split()
counts = {f: collections.Counter() for f in functions}


def value(expression):
    return int(gdb.parse_and_eval(expression)) & 0xFFFFFFFFFFFFFFFF


def step_through(counter):
    """From the first instruction of a function to the one behind its call."""
    top = value("(long)$rsp")
    back = value("*(long *)$rsp")
    while True:
        pc = value("(long)$pc")
        if pc == back and value("(long)$rsp") > top:
            return
        counter[pc] += 1
        gdb.execute("stepi", to_string=True)


def name(pc):
    symbol = gdb.execute(f"info symbol {pc}", to_string=True).split()
    return symbol[0] if symbol[0] != "No" else "(module)"


gdb.execute("set pagination off")
gdb.execute("set suppress-cli-notifications on")
gdb.execute(f"target remote {os.environ['SOCKET']}", to_string=True)
for function in functions:
    gdb.execute(f"hbreak *{function}", to_string=True)
left = int(os.environ["CALLS"])
while left:
    gdb.execute("continue", to_string=True)
    function = name(value("(long)$pc"))
    step_through(counts[function])
    left -= function == functions[-1]
for function in functions:
    by_name = collections.Counter()
    for pc, n in counts[function].items():
        by_name[name(pc)] += n
    for callee, n in by_name.most_common():
        print(f"{function}\t{callee}\t{n}")
