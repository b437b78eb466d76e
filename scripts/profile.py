#!/usr/bin/env python3
"""Instructions of each kernel function in calls of some others: see scripts/bench.

profile.py SOCKET VMLINUX CALLS FUNCTION...
    talks to the gdb stub of QEMU at the unix socket, stops at each FUNCTION, and steps
    through it until it returns; ends after CALLS calls of the last one. Prints, for
    each FUNCTION, the instructions of all it calls, tabs between.
"""
import bisect
import collections
import socket
import subprocess
import sys

RIP, RSP = 16, 7
REGISTERS = 17


class Stub:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.buffer = b""

    def _send(self, data):
        body = data.encode()
        self.sock.sendall(b"$" + body + b"#%02x" % (sum(body) & 255))

    def _receive(self):
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start)
            if start >= 0 and end >= 0 and len(self.buffer) >= end + 3:
                packet = self.buffer[start + 1:end].decode()
                self.buffer = self.buffer[end + 3:]
                self.sock.sendall(b"+")
                return packet
            more = self.sock.recv(65536)
            if not more:
                raise EOFError("the guest is gone")
            self.buffer += more

    def ask(self, data):
        self._send(data)
        return self._receive()

    def register(self, number):
        value = self.ask(f"p{number:x}")
        return int.from_bytes(bytes.fromhex(value), "little")

    def word(self, address):
        return int.from_bytes(bytes.fromhex(self.ask(f"m{address:x},8")), "little")


class Symbols:
    def __init__(self, vmlinux):
        lines = subprocess.run(["nm", "-n", vmlinux], check=True, capture_output=True, text=True).stdout
        self.by_address = []
        self.by_name = {}
        for line in lines.splitlines():
            address, kind, name = line.split()
            if kind not in "tTwW":
                continue
            self.by_address.append((int(address, 16), name))
            self.by_name.setdefault(name, int(address, 16))
        self.addresses = [a for a, _ in self.by_address]
        self.end = self.by_name["_etext"]

    def name(self, address):
        if address >= self.end:
            return "(module)"
        return self.by_address[bisect.bisect_right(self.addresses, address) - 1][1]


def step_through(stub, counts):
    """From the first instruction of a function to the one behind its call."""
    top = stub.register(RSP)
    back = stub.word(top)
    while True:
        pc = stub.register(RIP)
        if pc == back and stub.register(RSP) > top:
            return
        counts[pc] += 1
        stub.ask("s")


def main():
    if len(sys.argv) < 5:
        print(__doc__, file=sys.stderr)
        return 2
    path, vmlinux, calls, *functions = sys.argv[1:]
    symbols = Symbols(vmlinux)
    stub = Stub(path)
    stub.ask("?")
    entries = {symbols.by_name[f]: f for f in functions}
    counts = {f: collections.Counter() for f in functions}
    for address in entries:
        assert stub.ask(f"Z1,{address:x},1") == "OK"
    left = int(calls)
    while left:
        stub.ask("c")
        function = entries.get(stub.register(RIP))
        if not function:
            continue
        step_through(stub, counts[function])
        left -= function == functions[-1]
    for function in functions:
        by_name = collections.Counter()
        for pc, n in counts[function].items():
            by_name[symbols.name(pc)] += n
        for name, n in by_name.most_common():
            print(f"{function}\t{name}\t{n}")
    return 0


sys.exit(main())
