# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the daemon with many connected clients, and after a large import and floods.

    rate        durable Links.Add a second with clients / with none beside them, 64 calls in flight
                and one at a time; medians of turns
    signals     Changed to each of 10 subscribers, for an import of a million links
    memory      private dirty memory of the daemon, 5 s after its last call
    wakeups     of the daemon, by 200 clients that connect and leave without a call to it
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bus.stack import Stack
from harness.build import binary

CLIENTS = 1000
SUBSCRIBERS = 100
SILENT = 200
LINKS = 1_000_000
TURNS = 4
SECONDS = 2
SETTLED_SEC = 5


@contextlib.contextmanager
def crowd(n: int, call: str):
    """Connects clients that each make a call, or none with "-". Yields what they count at the end."""
    counts = {}
    with subprocess.Popen([binary("crowd"), str(n), call], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child:
        assert child.stdout.readline() == "ready\n"
        yield counts
        child.stdin.close()
        counts.update(json.loads(child.stdout.read()))


def run(*command: str) -> dict:
    done = subprocess.run(list(map(str, command)), check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def flood(call: str, connections: int, seconds: int) -> int:
    """Returns the number of replies that are no errors."""
    counts = run(binary("flood"), call, connections, seconds, "read")
    return counts["answered"] - counts["refused"]


def rates() -> tuple[float, float]:
    """Links added a second: 64 calls in flight, and one at a time."""
    one = run(binary("probe"), SECONDS, "AddNew")["AddNew"]
    return flood("AddNew", 1, SECONDS) / SECONDS, (one["n"] - one["failed"]) / SECONDS


def compare_rates(n: int, call: str):
    turns = []
    for _ in range(TURNS):
        alone = rates()
        with crowd(n, call):
            turns.append((alone, rates()))
    for i, name in enumerate(("64 in flight", "one at a time")):
        alone, beside = (statistics.median(turn[side][i] for turn in turns) for side in (0, 1))
        print(f"rate, {name}, {n} clients ({call})".ljust(50) + f"{beside / alone:9.2f}", flush=True)


def private_dirty_mib(pid: int) -> float:
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


def print_memory(name: str, pid: int, less: float = 0):
    time.sleep(SETTLED_SEC)
    print(f"memory {name}, MiB".ljust(50) + f"{private_dirty_mib(pid) - less:9.1f}", flush=True)


def n_waits(pid: int) -> int:
    """How often the event loop has waited."""
    with open(f"/proc/{pid}/task/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def measure_wakeups(pid: int):
    time.sleep(SETTLED_SEC)
    before = n_waits(pid)
    with crowd(SILENT, "GetId"):
        pass
    time.sleep(1)
    print(f"wakeups by {SILENT} clients without a call".ljust(50) + f"{n_waits(pid) - before:9}", flush=True)


def write_links(file: Path, tenancy_id: str):
    with file.open("w", encoding="ascii") as lines:
        lines.write(json.dumps({"format": "passlock-links", "version": 1, "tenancy_id": tenancy_id, "exported_at": 1}) + "\n")
        for i in range(LINKS):
            lines.write(json.dumps({"authenticator_id": f"key-{i:032}", "user_id": f"user-{i}",
                                    "created_at": 1, "last_used_at": 0}) + "\n")
        lines.write(json.dumps({"links": LINKS}) + "\n")


def measure_import(stack: Stack, pid: int):
    file = stack.work / "links"
    write_links(file, stack.sandbox.tenancy_id)
    begin = time.monotonic()
    with crowd(10, "Subscribe") as counts:
        run(binary("passlockctl"), "import", "--json", file)
        seconds = time.monotonic() - begin
    assert counts["links"] == [LINKS, LINKS]
    print(f"signals of an import of {LINKS} links".ljust(50) + f"{max(counts['signals']):9}")
    print("seconds of it".ljust(50) + f"{seconds:9.1f}", flush=True)
    print_memory("after it", pid)


def main() -> int:
    if os.getuid() != 0:
        print("bench: root is needed", file=sys.stderr)
        return 1
    stack = Stack()
    stack.sandbox.options = ()  # without a state file, which costs more than the calls
    stack.bus.allow_connections(2 * CLIENTS)
    with stack:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = stack.bus.address
        pid = stack.daemon.pid
        print_memory("at the start", pid)
        quiet = private_dirty_mib(pid)
        measure_wakeups(pid)
        with crowd(CLIENTS, "Get"):
            print_memory(f"for {CLIENTS} clients", pid, quiet)
        for n, call in ((CLIENTS, "Get"), (SUBSCRIBERS, "Subscribe")):
            compare_rates(n, call)
        measure_import(stack, pid)
        for call, seconds in (("Authorize", 15), ("List", 10)):
            n = flood(call, 2, seconds)
            print_memory(f"after {n} {call}, 128 in flight", pid)
    return 0


if __name__ == "__main__":
    sys.exit(main())
